//! What people write into a case: short, plain, and without a patient's number.

use serde::{Deserialize, Serialize};

use crate::store::notices::names_a_patient;

/// Some words: 1 to 4,000 characters, no control characters but line ends, nothing that could be an NHS number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

/// Why words are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing, too much, or characters that are none.
    #[error("a text has 1 to 4,000 characters, and no control characters")]
    Form,
    /// The patient has a field of their own.
    #[error("a text must not hold what could be an NHS number")]
    Number,
}

const MOST: usize = 4_000;

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.chars().count() <= MOST
            && text.chars().all(|c| c == '\n' || !c.is_control());
        if !fits {
            Err(TextError::Form)
        } else if names_a_patient(text) {
            Err(TextError::Number)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl Text {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R128, R145
    #[test]
    fn words_are_bounded_and_hold_no_patients_number() {
        let text = |text: &str| Text::try_from(text.to_owned());
        assert_eq!(text(" two\nlines ").unwrap().as_str(), "two\nlines");
        assert_eq!(text("  "), Err(TextError::Form));
        assert_eq!(text("a\u{1b}[2J"), Err(TextError::Form));
        assert_eq!(text(&"x".repeat(4_001)), Err(TextError::Form));
        assert_eq!(text("about 999 000 0018"), Err(TextError::Number));
        assert!(serde_json::from_str::<Text>("\"9990000018\"").is_err());
    }
}
