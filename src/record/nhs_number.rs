//! The NHS number: ten digits, the last a Modulus 11 check digit (R002).

use std::fmt;

/// A well-formed NHS number. Its `Debug` shows nothing, so that it cannot slip into a log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NhsNumber(String);

/// Why a string is not an NHS number.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum NhsNumberError {
    /// Not exactly ten ASCII digits.
    #[error("an NHS number has ten digits")]
    Shape,
    /// The tenth digit does not follow from the first nine.
    #[error("the NHS number's check digit is wrong")]
    CheckDigit,
}

impl NhsNumber {
    /// Reads ten digits; spaces and hyphens between them are not accepted.
    ///
    /// # Errors
    /// Another shape, or a wrong check digit (Modulus 11).
    pub fn parse(text: &str) -> Result<Self, NhsNumberError> {
        if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NhsNumberError::Shape);
        }
        let digits: Vec<u32> = text.bytes().map(|b| u32::from(b - b'0')).collect();
        let (nine, check) = digits.split_at(9);
        let sum: u32 = nine
            .iter()
            .zip((2..=10).rev())
            .map(|(digit, weight)| digit * weight)
            .sum();
        let expected = match 11 - sum % 11 {
            11 => 0,
            10 => return Err(NhsNumberError::CheckDigit),
            other => other,
        };
        if check.first() == Some(&expected) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NhsNumberError::CheckDigit)
        }
    }

    /// The ten digits, for the wire to a source and for `Patient.identifier`; never for a log, URL or metric.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R002
    #[test]
    fn check_digit_is_modulus_11() {
        for good in ["9990000018", "9990000387", "9990009635", "9510079685"] {
            assert!(NhsNumber::parse(good).is_ok(), "{good}");
        }
        assert_eq!(
            NhsNumber::parse("9990000019"),
            Err(NhsNumberError::CheckDigit)
        );
        assert_eq!(NhsNumber::parse("999 000 0018"), Err(NhsNumberError::Shape));
        assert_eq!(NhsNumber::parse("99900000१8"), Err(NhsNumberError::Shape));
        assert_eq!(
            format!("{:?}", NhsNumber::parse("9990000018")),
            "Ok(NhsNumber(…))"
        );
    }
}
