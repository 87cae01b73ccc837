//! What a released resource can be found by.

use std::sync::Arc;

use super::param::Param;

/// A code that the resource can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Under which parameter.
    pub param: Param,
    /// Its system; `None` where the resource gives none.
    pub system: Option<Arc<str>>,
    /// The code or identifier value.
    pub code: Box<str>,
}

/// A time that the resource can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateSpan {
    /// Under which parameter.
    pub param: Param,
    /// Milliseconds since 1970, inclusive; `i64::MIN` where it has no beginning.
    pub start: i64,
    /// Exclusive; `i64::MAX` where it has no end.
    pub end: i64,
}

/// A reference by its search parameter's name, for `_include` and for `encounter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: &'static str,
    /// `Kind/id`.
    pub(crate) target: Box<str>,
}

/// What one resource can be found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchIndex {
    pub(crate) tokens: Vec<Token>,
    pub(crate) dates: Vec<DateSpan>,
    pub(crate) links: Vec<Link>,
}

impl SearchIndex {
    /// Its codes.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Its times.
    #[must_use]
    pub fn dates(&self) -> &[DateSpan] {
        &self.dates
    }

    /// Has it this code under this parameter? For granular scopes (`Condition.rs?category=…`).
    #[must_use]
    pub fn has(&self, param: Param, system: Option<&str>, code: &str) -> bool {
        self.tokens.iter().any(|token| {
            token.param == param
                && *token.code == *code
                && system.is_none_or(|system| token.system.as_deref() == Some(system))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R111: a granular scope lets through what has this code, under this parameter, in this system
    #[test]
    fn a_code_counts_under_its_parameter_and_in_its_system() {
        let index = SearchIndex {
            tokens: vec![
                Token {
                    param: Param::Category,
                    system: Some("one".into()),
                    code: "a".into(),
                },
                Token {
                    param: Param::Code,
                    system: None,
                    code: "b".into(),
                },
            ],
            ..SearchIndex::default()
        };
        for (param, system, code, has) in [
            (Param::Category, Some("one"), "a", true),
            (Param::Category, None, "a", true),
            (Param::Category, Some("two"), "a", false),
            (Param::Category, Some("one"), "b", false),
            (Param::Code, Some("one"), "a", false),
            (Param::Code, None, "b", true),
            (Param::Code, Some("one"), "b", false),
            (Param::Type, None, "a", false),
        ] {
            assert_eq!(index.has(param, system, code), has, "{param:?} {code}");
        }
        assert!(!SearchIndex::default().has(Param::Code, None, "a"));
    }
}
