//! How bytes, moments and words are written down: hexadecimal, FHIR instants, text inside HTML.

use jiff::Timestamp;

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// The bytes of [`hex`]; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A moment in UTC, to the second.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Text inside HTML or a quoted attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// What is wrong with a JSON value, from the reader's own words: the member that is missing, or what was expected in the place of
/// what was written. What was written is never repeated: it may be about a patient.
#[must_use]
pub fn what_was_expected(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let words = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(words, _)| words);
    if let Some(member) = words.strip_prefix("missing field ") {
        return Some(format!("the member {member} is missing"));
    }
    let (what, expected) = words.rsplit_once(", expected ")?;
    // The reader's own words hold no long number; what somebody has written into a name might.
    let digits = expected.split(|c: char| !c.is_ascii_digit());
    if digits.map(str::len).any(|run| run > 4) {
        return None;
    }
    let what = if what.starts_with("unknown field") {
        "a member is none that belongs here"
    } else if what.starts_with("unknown variant") {
        "a word is none of those that may stand there"
    } else {
        "a value is of the wrong kind"
    };
    Some(format!("{what}; expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_as_it_is_written() {
        assert_eq!(hex(&[0, 0x9f, 0xff]), "009fff");
        assert_eq!(unhex("009fff"), Some(vec![0, 0x9f, 0xff]));
        for text in ["0", "zz", "é", "0g"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }

    // House rule: errors say what was expected and never what was written
    #[test]
    fn what_was_expected_is_said_and_what_was_written_is_not() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Wish {
            In,
            Out,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ask {
            #[serde(rename = "wish")]
            _wish: Wish,
            #[serde(rename = "hours")]
            _hours: Option<u8>,
        }
        let said = |text: &str| {
            let error = serde_json::from_str::<Ask>(text).unwrap_err();
            let said = what_was_expected(&error).unwrap_or_default();
            assert!(!said.contains("9990000018"), "{said}");
            said
        };
        assert_eq!(said("{}"), "the member `wish` is missing");
        assert_eq!(
            said(r#"{"wish":"9990000018"}"#),
            "a word is none of those that may stand there; expected `in` or `out`"
        );
        assert_eq!(
            said(r#"{"9990000018":1}"#),
            "a member is none that belongs here; expected `wish` or `hours`"
        );
        assert_eq!(
            said(r#"{"wish":"in","hours":"9990000018"}"#),
            "a value is of the wrong kind; expected u8"
        );
        assert_eq!(
            said("9990000018"),
            "a value is of the wrong kind; expected struct Ask"
        );
        let sly = serde::de::Error::custom("x, expected 9990000018");
        assert_eq!(what_was_expected(&sly), None);
    }

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            escape("<a b=\"c\">&'"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&apos;"
        );
    }
}
