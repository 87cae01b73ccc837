//! The conditions of granular scopes: `?category=…` and `?code=…` (SMART App Launch 2.2, "Finer-grained resource constraints").

/// One token of a granular scope's value, as in a token search: `system|code`, `|code`, `system|`, `code`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TokenMatch {
    system: Option<String>,
    code: Option<String>,
}

type Coding<'a> = (Option<&'a str>, &'a str);

impl TokenMatch {
    /// `None` for what matches nothing (`|`).
    fn parse(text: &str) -> Option<Self> {
        let (system, code) = match split_unescaped(text, '|').as_slice() {
            [code] => (None, unescape(code)),
            [system, code] => (Some(unescape(system)), unescape(code)),
            _ => return None,
        };
        let code = (!code.is_empty()).then_some(code);
        let empty_system = system.as_deref().is_none_or(str::is_empty);
        (code.is_some() || !empty_system).then_some(Self { system, code })
    }

    fn matches(&self, coding: &Coding<'_>) -> bool {
        let system = match self.system.as_deref() {
            None => true,
            Some("") => coding.0.is_none(),
            Some(system) => coding.0 == Some(system),
        };
        system && self.code.as_deref().is_none_or(|code| code == coding.1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Field {
    Category,
    Code,
}

/// `category=a,b`: the field must have any of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Condition {
    field: Field,
    any: Vec<TokenMatch>,
}

impl Condition {
    /// Does a resource with these categories and codes fulfil it?
    pub(super) fn admits(&self, categories: &[Coding<'_>], codes: &[Coding<'_>]) -> bool {
        let codings = match self.field {
            Field::Category => categories,
            Field::Code => codes,
        };
        self.any
            .iter()
            .any(|token| codings.iter().any(|coding| token.matches(coding)))
    }
}

/// `category` and `code` only, without modifiers; anything else and the scope is not granted. No star either: it is in no code,
/// and a scope that is granted holds no wildcard, nor what could be read as one.
pub(super) fn parse_params(params: &str) -> Option<Vec<Condition>> {
    if params.contains('*') {
        return None;
    }
    params
        .split('&')
        .map(|pair| {
            let (name, value) = url::form_urlencoded::parse(pair.as_bytes()).next()?;
            let field = match name.as_ref() {
                "category" => Field::Category,
                "code" => Field::Code,
                _ => return None,
            };
            let any = split_unescaped(&value, ',')
                .into_iter()
                .map(TokenMatch::parse)
                .collect::<Option<Vec<_>>>()?;
            Some(Condition { field, any })
        })
        .collect()
}

/// Splits at a character that no backslash stands before (FHIR R4 search, escaping).
fn split_unescaped(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, c) in text.char_indices() {
        if c == at && !escaped {
            parts.push(text.get(start..index).unwrap_or_default());
            start = index + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    out
}
