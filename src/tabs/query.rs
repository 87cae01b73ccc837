//! Search criteria: read from parameter values, asked of an index.

use crate::fhir::Kind;
use crate::release::{Bits, DateSpan, Param, Released, dates};

/// One parameter: any of its comma-separated values (OR); several parameters all (AND).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Criterion {
    Ids(Vec<String>),
    Tokens(Param, Vec<TokenAsk>),
    Dates(Param, Vec<DateAsk>),
    References(Param, Vec<String>),
}

/// `code`, `system|code`, `|code` or `system|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenAsk {
    system: SystemAsk,
    code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SystemAsk {
    Any,
    None,
    Is(String),
}

/// A date with its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateAsk {
    prefix: Prefix,
    start: i64,
    end: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Criterion {
    /// The places of a type that meet it, visible or not.
    pub(super) fn places(&self, released: &Released, kind: Kind) -> Bits {
        let mut found = Bits::none(released.held().len());
        match self {
            Self::Ids(ids) => {
                for (n, _) in ids.iter().filter_map(|id| released.read(kind, id)) {
                    found.insert(n);
                }
            }
            Self::Tokens(param, asks) => {
                for ask in asks {
                    let fits = |system: Option<&str>| ask.system.fits(system);
                    released.find_code(kind, *param, ask.code.as_deref(), fits, &mut found);
                }
            }
            Self::Dates(param, asks) => {
                let fits = |span: &DateSpan| asks.iter().any(|ask| ask.meets(span));
                released.find_date(kind, *param, fits, &mut found);
            }
            Self::References(param, ids) => {
                for id in ids {
                    released.find_encounter(kind, *param, id, &mut found);
                }
            }
        }
        found
    }

    /// Does this entry meet it? As one would ask each of them, one by one: what [`Self::places`] is checked against.
    #[cfg(test)]
    pub(super) fn meets(&self, entry: &crate::release::ReleasedEntry) -> bool {
        match self {
            Self::Ids(ids) => ids.iter().any(|id| id == entry.id()),
            Self::Tokens(param, asks) => entry.index().tokens().iter().any(|token| {
                token.param == *param
                    && asks
                        .iter()
                        .any(|ask| ask.meets(token.system(), token.code()))
            }),
            Self::Dates(param, asks) => {
                let mut spans = entry.index().dates().iter();
                spans.any(|span| span.param == *param && asks.iter().any(|ask| ask.meets(span)))
            }
            // The reference as it stands in the bytes, whether or not its target is visible.
            Self::References(_, ids) => {
                let json = String::from_utf8_lossy(entry.json());
                ids.iter()
                    .any(|id| json.contains(&format!(r#""reference":"Encounter/{id}""#)))
            }
        }
    }
}

impl SystemAsk {
    fn fits(&self, system: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::None => system.is_none(),
            Self::Is(asked) => system == Some(asked),
        }
    }
}

impl TokenAsk {
    /// `None` where nothing is asked for.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (system, code) = match split_unescaped(text, '|').as_slice() {
            [code] => (SystemAsk::Any, code.clone()),
            [system, code] if system.is_empty() => (SystemAsk::None, code.clone()),
            [system, code] => (SystemAsk::Is(unescape(system)), code.clone()),
            _ => return None,
        };
        let code = unescape(&code);
        match (&system, code.is_empty()) {
            (SystemAsk::Is(_), true) => Some(Self { system, code: None }),
            (_, true) => None,
            (_, false) => Some(Self {
                system,
                code: Some(code),
            }),
        }
    }

    #[cfg(test)]
    fn meets(&self, system: Option<&str>, code: &str) -> bool {
        self.system.fits(system) && self.code.as_deref().is_none_or(|asked| asked == code)
    }
}

impl DateAsk {
    /// `now` is milliseconds since 1970, for `ap`. `None` where the text is no FHIR date.
    pub(super) fn read(text: &str, now: i64) -> Option<Self> {
        let prefix = match text.get(..2)? {
            "eq" => Some(Prefix::Eq),
            "ne" => Some(Prefix::Ne),
            "gt" => Some(Prefix::Gt),
            "lt" => Some(Prefix::Lt),
            "ge" => Some(Prefix::Ge),
            "le" => Some(Prefix::Le),
            "sa" => Some(Prefix::Sa),
            "eb" => Some(Prefix::Eb),
            "ap" => Some(Prefix::Ap),
            _ => None,
        };
        let date = if prefix.is_some() {
            text.get(2..)?
        } else {
            text
        };
        let (mut start, mut end) = dates::range(date)?;
        let prefix = prefix.unwrap_or(Prefix::Eq);
        if prefix == Prefix::Ap {
            // R4: about a tenth of the distance from now.
            let margin = now.abs_diff(start).min(now.abs_diff(end)) / 10;
            let margin = i64::try_from(margin).unwrap_or(i64::MAX);
            start = start.saturating_sub(margin);
            end = end.saturating_add(margin);
        }
        Some(Self { prefix, start, end })
    }

    /// R4 search#prefix, on ranges.
    fn meets(self, span: &DateSpan) -> bool {
        let within = span.start >= self.start && span.end <= self.end;
        let above = span.end > self.end;
        let below = span.start < self.start;
        match self.prefix {
            Prefix::Eq => within,
            Prefix::Ne => !within,
            Prefix::Gt => above,
            Prefix::Lt => below,
            Prefix::Ge => above || within,
            Prefix::Le => below || within,
            Prefix::Sa => span.start >= self.end,
            Prefix::Eb => span.end <= self.start,
            Prefix::Ap => span.start < self.end && span.end > self.start,
        }
    }
}

/// Cuts at a sign that no backslash stands before; the backslashes stay.
pub(super) fn split_unescaped(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == at && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

/// `\,` `\|` `\$` `\\` back to the sign itself.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(ask: &str, date: &str) -> bool {
        let (start, end) = dates::range(date).unwrap();
        let now = dates::range("2025-01-01").unwrap().0;
        DateAsk::read(ask, now).unwrap().meets(&DateSpan {
            param: Param::Date,
            start,
            end,
        })
    }

    // smart.md F11; R4 search#prefix with its own examples
    #[test]
    fn prefixes_compare_ranges() {
        assert!(meets("2024-06", "2024-06-15"));
        assert!(
            !meets("2024-06-15", "2024-06"),
            "a month is not within a day"
        );
        assert!(meets("ne2024-06-15", "2024-06"));
        assert!(meets("gt2024-06-14", "2024-06-15") && !meets("gt2024-06-15", "2024-06-15"));
        assert!(meets("lt2024-06-16", "2024-06-15") && !meets("lt2024-06-15", "2024-06-15"));
        assert!(meets("ge2024-06-15", "2024-06-15") && meets("le2024-06-15", "2024-06-15"));
        assert!(
            meets("gt2024-06-15", "2024-06"),
            "the month goes on after the day"
        );
        assert!(!meets("sa2024-06-15", "2024-06") && meets("sa2024-06-15", "2024-06-16"));
        assert!(meets("eb2024-06-15", "2024-06-14") && !meets("eb2024-06-15", "2024"));
        assert!(meets("ap2020-01-01", "2020-03-01") && !meets("ap2020-01-01", "2021-03-01"));
        // time zones: 23:30 UTC is the next day in summer
        assert!(meets("2024-06-15", "2024-06-14T23:30:00Z"));
        assert!(meets("ge2024-06-14T23:00:00Z", "2024-06-15"));
        assert!(DateAsk::read("yesterday", 0).is_none() && DateAsk::read("é", 0).is_none());
    }

    // smart.md F10
    #[test]
    fn tokens_have_four_forms() {
        let meets = |ask: &str, system: Option<&str>, code: &str| {
            TokenAsk::read(ask).unwrap().meets(system, code)
        };
        assert!(meets("a", Some("s"), "a") && meets("a", None, "a") && !meets("A", None, "a"));
        assert!(
            meets("s|a", Some("s"), "a")
                && !meets("s|a", None, "a")
                && !meets("s|a", Some("t"), "a")
        );
        assert!(meets("|a", None, "a") && !meets("|a", Some("s"), "a"));
        assert!(meets("s|", Some("s"), "anything") && !meets("s|", None, "anything"));
        assert!(meets(r"s|a\|b", Some("s"), "a|b"));
        assert!(TokenAsk::read("").is_none() && TokenAsk::read("|").is_none());
        assert!(TokenAsk::read("a|b|c").is_none());
        assert_eq!(split_unescaped(r"a\,b,c", ','), [r"a\,b", "c"]);
    }
}
