//! From EMIS's patient types and statuses to the kind of registration (R001). Anything unclear is not "fully registered".

use crate::record::Registration;

/// What the source says of the registration.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Registered<'a> {
    /// OpenHR code (`REG`) or EMIS Open number (`4`).
    pub kind: Option<&'a str>,
    /// The source's own words for a kind of its own.
    pub words: Option<&'a str>,
    /// A fictitious patient.
    pub dummy: bool,
    /// Status 1 to 41.
    pub status: Option<&'a str>,
    /// Left, dead, deducted or archived by any other sign.
    pub ended: bool,
}

/// The kind of registration.
pub(super) fn registration(said: Registered<'_>) -> Registration {
    let ended = said.ended
        || match said.status.map(str::parse::<u8>) {
            // 1 to 6: on the way in, patient presented to record received; 8: correctly registered; 9, 10: temporary stays
            None | Some(Ok(1..=6 | 8..=10)) => false,
            // 7: left the practice, still registered; 11, 12: dead; 13 to 41: the ways out
            Some(_) => true,
        };
    if ended {
        return Registration::Ended;
    }
    if said.dummy {
        return Registration::Other("Dummy".to_owned());
    }
    let Some(kind) = said.kind else {
        return Registration::Unknown;
    };
    match kind.to_ascii_uppercase().as_str() {
        "REG" | "4" if said.status.is_none_or(|s| !matches!(s, "9" | "10")) => Registration::Full,
        "TMP" | "5" | "REG" | "4" => Registration::Temporary,
        other => {
            let words = said.words.or_else(|| {
                let row = KINDS
                    .iter()
                    .find(|(code, number, _)| other == *code || other == *number);
                row.map(|(_, _, words)| *words)
            });
            Registration::Other(words.unwrap_or("Other").to_owned())
        }
    }
}

/// OpenHR code, EMIS Open number (where known), words: the vendor's vocabulary.
const KINDS: &[(&str, &str, &str)] = &[
    ("E", "1", "Emergency"),
    ("IN", "2", "Immediately necessary"),
    ("PRIV", "3", "Private"),
    ("COMM", "6", "Community registered"),
    ("DUM", "7", "Dummy"),
    ("OTH", "8", "Other"),
    ("CON", "9", "Contraceptive services"),
    ("MAT", "10", "Maternity services"),
    ("CHS", "11", "Child health services"),
    ("WI", "12", "Walk-in patient"),
    ("MIS", "13", "Minor surgery"),
    ("SEX", "14", "Sexual health"),
    ("PRE", "15", "Pre registration"),
    ("YEL", "16", "Yellow fever"),
    ("DER", "17", "Dermatology"),
    ("DIA", "18", "Diabetic"),
    ("RHM", "19", "Rheumatology"),
    ("CHR", "20", "Chiropody"),
    ("CHC", "21", "Coronary health checks"),
    ("ULT", "22", "Ultrasound"),
    ("BCG", "23", "BCG clinic"),
    ("VAS", "24", "Vasectomy"),
    ("ACU", "25", "Acupuncture"),
    ("REF", "26", "Reflexology"),
    ("HYP", "27", "Hypnotherapy"),
    ("OOH", "28", "Out of hours"),
    ("RBN", "29", "Rehabilitation"),
    ("ANT", "30", "Antenatal"),
    ("AUD", "31", "Audiology"),
    ("GYN", "32", "Gynaecology"),
    ("DOP", "33", "Doppler"),
    ("SEC", "34", "Secondary registration"),
];

#[cfg(test)]
mod tests {
    use super::*;

    // R001: only a regular patient who is still there is fully registered.
    #[test]
    fn only_a_present_regular_patient_is_full() {
        let of = |kind, status| {
            registration(Registered {
                kind: Some(kind),
                status,
                ..Registered::default()
            })
        };
        assert_eq!(of("REG", Some("8")), Registration::Full);
        assert_eq!(of("REG", None), Registration::Full);
        assert_eq!(of("4", Some("6")), Registration::Full);
        assert_eq!(of("TMP", Some("9")), Registration::Temporary);
        assert_eq!(of("REG", Some("10")), Registration::Temporary);
        for gone in ["7", "11", "12", "14", "24", "37", "41", "99", "x"] {
            assert_eq!(of("REG", Some(gone)), Registration::Ended, "{gone}");
        }
        assert_eq!(of("PRIV", None), Registration::Other("Private".to_owned()));
        assert_eq!(
            of("12", None),
            Registration::Other("Walk-in patient".to_owned())
        );
        assert_eq!(of("ZZ", None), Registration::Other("Other".to_owned()));
        assert_eq!(registration(Registered::default()), Registration::Unknown);
        let dummy = Registered {
            kind: Some("REG"),
            dummy: true,
            ..Registered::default()
        };
        assert_eq!(registration(dummy), Registration::Other("Dummy".to_owned()));
    }
}
