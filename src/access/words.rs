//! What the words of an override are worth (R091): who writes nothing but that it is an emergency has given no reason.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::basis::SHORTEST_REASON;

/// What the words of an override are worth (R091).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Words {
    /// They say something.
    Fair,
    /// None.
    Blank,
    /// Shorter than [`SHORTEST_REASON`].
    Short,
    /// Letters or words over and over, a hand drawn over the keyboard, or nothing but that it is an emergency.
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "signed_by")]
    _signed_by: String,
    least: usize,
    empty: BTreeSet<String>,
}

static TABLE: LazyLock<Result<File, String>> =
    LazyLock::new(|| read(include_str!("../../mappings/override-words.toml")));

fn read(text: &str) -> Result<File, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    if file.least == 0 || file.empty.is_empty() {
        return Err("no word is counted".to_owned());
    }
    Ok(file)
}

/// Neighbours on a keyboard, in both directions, are no words.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Is `mappings/override-words.toml` usable?
///
/// # Errors
/// What is wrong with it. Until it is mended no words are fair.
pub fn check() -> Result<(), String> {
    TABLE.as_ref().map(|_| ()).map_err(Clone::clone)
}

impl Words {
    /// Weighs the words of an override.
    #[must_use]
    pub fn weigh(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Blank;
        }
        // Counted without the spaces between: stretching a text makes it no longer.
        let said: usize = text.chars().filter(|c| !c.is_whitespace()).count();
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        if words.is_empty() {
            return Self::Empty;
        }
        if said < SHORTEST_REASON {
            return Self::Short;
        }
        let Ok(table) = TABLE.as_ref() else {
            return Self::Empty;
        };
        let telling: BTreeSet<&str> = words
            .iter()
            .map(String::as_str)
            .filter(|word| is_word(word) && !table.empty.contains(*word))
            .collect();
        if telling.len() < table.least {
            Self::Empty
        } else {
            Self::Fair
        }
    }
}

/// At least two letters, not the same one over and over, and no run along the keyboard.
fn is_word(word: &str) -> bool {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let different: BTreeSet<char> = letters.iter().copied().collect();
    let repeated = letters.windows(3).any(|three| {
        let mut three = three.iter();
        let first = three.next();
        three.all(|c| Some(c) == first)
    });
    let drawn = word.chars().count() >= 4
        && ROWS.iter().any(|row| {
            let back: String = row.chars().rev().collect();
            row.contains(word) || back.contains(word)
        });
    different.len() >= 2 && !repeated && !drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    // R091
    #[test]
    fn words_that_say_nothing_are_no_reason() {
        for (text, worth) in [
            ("", Words::Blank),
            (" \t\n \u{a0} ", Words::Blank),
            ("...............................", Words::Empty),
            ("RTA, no ID", Words::Short),
            ("R  T  A     n o     I D     ", Words::Short),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", Words::Empty),
            ("aaaa bbbb cccc dddd eeee", Words::Empty),
            ("asdf asdf qwer zxcv qwerty", Words::Empty),
            ("emergency emergency emergency", Words::Empty),
            ("unconscious-emergency", Words::Empty),
            (
                "Patient unconscious, unable to give informed consent.",
                Words::Empty,
            ),
            (
                "Emergency access needed for direct care of the patient",
                Words::Empty,
            ),
            ("life-threatening emergency, see notes", Words::Empty),
            ("override required as per above, please", Words::Empty),
            ("test test testing text 1234567890", Words::Empty),
            ("collapsed collapsed collapsed", Words::Empty),
            (
                "Found collapsed at home, unresponsive, no companion",
                Words::Fair,
            ),
            ("Unconscious after road traffic collision", Words::Fair),
            ("Anaphylaxis, drug history sought", Words::Fair),
            ("GCS 3, brought in by ambulance", Words::Fair),
        ] {
            assert_eq!(Words::weigh(text), worth, "{text:?}");
        }
        assert_eq!(check(), Ok(()));
    }

    // R091: what a word is, at each of its limits
    #[test]
    fn letters_over_and_over_and_runs_along_the_keyboard_are_no_words() {
        for word in ["ab", "fit", "abab", "aabc", "aabbaa", "wer", "gcs3", "3rd"] {
            assert!(is_word(word), "{word}");
        }
        for word in [
            "a", "aa", "12", "x1", "aaab", "baaa", "aaaa", "qwer", "rewq", "zxcvbnm", "lkjh",
        ] {
            assert!(!is_word(word), "{word}");
        }
    }

    // R091: a table that counts nothing would let everything through
    #[test]
    fn a_table_without_words_or_without_a_least_is_refused() {
        let table = |least: u8, empty: &str| {
            read(&format!(
                "signed_by = \"x\"\nleast = {least}\nempty = [{empty}]\n"
            ))
        };
        assert!(table(1, "\"please\"").is_ok_and(|file| file.least == 1));
        assert!(table(0, "\"please\"").is_err());
        assert!(table(2, "").is_err());
        assert!(table(0, "").is_err());
        assert!(read("least = 2").is_err());
    }

    // R091: blanks are not counted, everything else is
    #[test]
    fn the_shortest_reason_is_just_long_enough() {
        assert_eq!(SHORTEST_REASON, 15);
        assert_eq!(Words::weigh("Coma, sepsis, MI"), Words::Short);
        assert_eq!(Words::weigh("Coma, sepsis, fit"), Words::Fair);
    }
}
