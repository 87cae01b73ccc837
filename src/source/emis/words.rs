//! The vendor's two vocabularies brought to one: OpenHR's letters. What they are called is for the mapping tables to say.

use crate::record::Course;

/// Lower case, letters and digits only: for comparing labels.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn look<'a>(table: &[(&str, &'static str)], code: &'a str) -> &'a str {
    let row = table.iter().find(|(c, _)| *c == code);
    row.map_or(code, |(_, words)| words)
}

/// `PrescriptionType`: OpenHR letters, EMIS Open words.
pub(super) fn course(code: Option<&str>) -> Course {
    match code.map(str::to_ascii_uppercase).as_deref() {
        Some("A" | "ACUTE") => Course::Acute,
        Some("R" | "REPEAT") => Course::Repeat,
        Some("D" | "REPEAT DISPENSING") => Course::RepeatDispensing,
        Some("U" | "AUTOMATIC") => Course::Automatic,
        _ => Course::Unknown,
    }
}

/// `ReferralUrgency`: EMIS Open's numbers in OpenHR's letters.
pub(super) fn urgency(code: &str) -> &str {
    look(&[("0", "R"), ("1", "S"), ("2", "U"), ("3", "D")], code)
}

/// EMIS Open's request types, in OpenHR's letters.
pub(super) fn request_type(code: &str) -> Option<&str> {
    match code {
        "0" => None,
        other => Some(look(
            &[
                ("1", "OUT"),
                ("2", "ADM"),
                ("3", "DAY"),
                ("4", "INV"),
                ("5", "DOM"),
                ("6", "SELF"),
                ("7", "COM"),
            ],
            other,
        )),
    }
}

/// Kind of report: EMIS Open's numbers in OpenHR's letters.
pub(super) fn report_kind(code: &str) -> &str {
    look(
        &[
            ("1", "PATH"),
            ("2", "RAD"),
            ("3", "DIS"),
            ("4", "OUT"),
            ("5", "OOH"),
            ("6", "TRI"),
        ],
        code,
    )
}

/// EMIS Open's episodicity, in OpenHR's letters; `0` is none.
pub(super) fn episodicity(code: &str) -> Option<&str> {
    match code {
        "0" => None,
        other => Some(look(
            &[
                ("1", "FIRST"),
                ("2", "NEW"),
                ("3", "REV"),
                ("4", "FLA"),
                ("5", "END"),
                ("6", "CHG"),
                ("7", "EVO"),
                ("8", "OUT"),
            ],
            other,
        )),
    }
}
