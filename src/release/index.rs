//! What a released resource can be found by.

use std::sync::Arc;

use super::keys::Key;
use super::param::Param;

/// A code that the resource can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Under which parameter.
    pub param: Param,
    /// Very many resources have the same: all of a record share one copy.
    pub(super) said: Arc<Said>,
}

/// A system and a code in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) system: Option<Arc<str>>,
    pub(super) code: Arc<str>,
}

impl Token {
    /// Its system; `None` where the resource gives none.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        self.said.system.as_deref()
    }

    /// The code or identifier value.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.said.code
    }
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) name: &'static str,
    pub(super) target: Key,
}

/// What one resource can be found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchIndex {
    pub(crate) tokens: Box<[Token]>,
    pub(crate) dates: Box<[DateSpan]>,
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
                && token.code() == code
                && system.is_none_or(|system| token.system() == Some(system))
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
            tokens: Box::new([
                Token {
                    param: Param::Category,
                    said: Arc::new(Said {
                        system: Some("one".into()),
                        code: "a".into(),
                    }),
                },
                Token {
                    param: Param::Code,
                    said: Arc::new(Said {
                        system: None,
                        code: "b".into(),
                    }),
                },
            ]),
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
