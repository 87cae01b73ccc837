//! Which code of a concept goes where.

use crate::sandbox::story::Concept;

/// Namespace of EMIS's own SNOMED ids.
const EMIS_NAMESPACE: &str = "1000006";

/// Is this SNOMED id of the namespace of EMIS rather than of the UK or international edition?
pub fn of_emis_namespace(id: &str) -> bool {
    // item, seven digits of namespace, two of partition (first digit 1), one check digit
    id.len() > 10
        && id
            .len()
            .checked_sub(10)
            .and_then(|from| id.get(from..from + 8))
            .is_some_and(|tail| tail == format!("{EMIS_NAMESPACE}1"))
}

/// The header of a blood pressure's two readings: Read v2 and SNOMED as seen in EMIS data.
pub fn blood_pressure() -> Concept {
    Concept {
        term: "O/E - blood pressure reading".to_owned(),
        read_v2: Some("246..".to_owned()),
        ctv3: Some("246..".to_owned()),
        snomed: Some("163020007".to_owned()),
        local: None,
    }
}

/// Is the value outside its reference range? `None` where it cannot be said.
pub fn abnormal(value: &str, range: Option<&(String, String)>) -> Option<&'static str> {
    let value: f64 = value.parse().ok()?;
    let (low, high) = range?;
    if low.parse::<f64>().is_ok_and(|low| value < low) {
        return Some("Below low reference limit");
    }
    if high.parse::<f64>().is_ok_and(|high| value > high) {
        return Some("Above high reference limit");
    }
    None
}

/// Is this a decimal as XML Schema has it?
pub fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_of_emis_is_told_from_the_uk_edition() {
        assert!(of_emis_namespace("1672871000006114"));
        assert!(!of_emis_namespace("1022441000000101"));
        assert!(!of_emis_namespace("163020007"));
    }

    #[test]
    fn abnormal_is_said_only_where_value_and_range_are_numbers() {
        let range = Some(("3.5".to_owned(), "5.3".to_owned()));
        assert_eq!(
            abnormal("6.1", range.as_ref()),
            Some("Above high reference limit")
        );
        assert_eq!(
            abnormal("3.4", range.as_ref()),
            Some("Below low reference limit")
        );
        assert_eq!(abnormal("4", range.as_ref()), None);
        assert_eq!(abnormal("4", None), None);
    }
}
