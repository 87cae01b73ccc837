//! The vendor's code letters and numbers, in the words of its own vocabulary. A letter that is not there stays as it is.

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

/// How an issue was made.
pub(super) fn issue_method(code: &str) -> &str {
    look(
        &[
            ("P", "Print"),
            ("Q", "Issue without script"),
            ("H", "Handwritten"),
            ("O", "Outside"),
            ("D", "Dispensing"),
            ("B", "Repeat dispensing"),
            ("S", "Stored"),
            ("A", "Automatic"),
            ("E", "Electronic"),
            ("X", "Private"),
            ("OTC", "Over the counter"),
            ("OOOH", "Outside out of hours"),
            ("OH", "Outside hospital"),
        ],
        code,
    )
}

/// `ReferralUrgency`: OpenHR letters, EMIS Open numbers.
pub(super) fn urgency(code: &str) -> &str {
    look(
        &[
            ("R", "Routine"),
            ("S", "Soon"),
            ("U", "Urgent"),
            ("D", "Dated"),
            ("W", "2 Week Wait"),
            ("0", "Routine"),
            ("1", "Soon"),
            ("2", "Urgent"),
            ("3", "Dated"),
        ],
        code,
    )
}

/// `ReferralMode`.
pub(super) fn referral_mode(code: &str) -> &str {
    look(
        &[
            ("E", "Electronic"),
            ("T", "Telephone"),
            ("V", "Verbal"),
            ("W", "Written"),
            ("M", "Mediated"),
            ("C", "WCCG"),
        ],
        code,
    )
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

/// Kind of report: OpenHR letters, EMIS Open numbers.
pub(super) fn report_kind(code: &str) -> &str {
    look(
        &[
            ("PATH", "pathology"),
            ("RAD", "radiology"),
            ("DIS", "discharge"),
            ("OUT", "outpatient"),
            ("OOH", "out of hours"),
            ("TRI", "triage"),
            ("SCR", "screening"),
            ("1", "pathology"),
            ("2", "radiology"),
            ("3", "discharge"),
            ("4", "outpatient"),
            ("5", "out of hours"),
            ("6", "triage"),
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
