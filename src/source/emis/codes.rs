//! EMIS's names of terminologies, and codes as they are written in them (sources.md 3.7).

use crate::record::{Coded, Coding, system};

/// One code as the source wrote it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RawCode<'a> {
    /// OID or name of the terminology.
    pub scheme: Option<&'a str>,
    /// The code.
    pub code: Option<&'a str>,
    /// The code's own term.
    pub display: Option<&'a str>,
}

impl RawCode<'_> {
    /// The coding, where there is a code in a terminology: `UNKNOWN` and the unmapped drug `-1` are no codes.
    pub fn coding(self, user_selected: bool) -> Option<Coding> {
        let code = self.code.filter(|c| !c.is_empty() && *c != "-1")?;
        let (system, code) = place(self.scheme.unwrap_or_default(), code)?;
        Some(Coding {
            system,
            code,
            display: self.display.map(str::to_owned),
            user_selected,
        })
    }
}

/// Adds a coding unless the same code is there already.
pub(super) fn add(coded: &mut Coded, coding: Option<Coding>) {
    if let Some(new) = coding
        && !coded
            .codings
            .iter()
            .any(|c| c.system == new.system && c.code == new.code)
    {
        coded.codings.push(new);
    }
}

/// The FHIR system and the code in its normal spelling. `None`: the source says itself that this is no code.
fn place(scheme: &str, code: &str) -> Option<(String, String)> {
    let upper = scheme.trim().to_ascii_uppercase();
    let own = |name: &str| (format!("{}/{name}", system::EMIS_LOCAL), code.to_owned());
    let as_is = |system: &str| (system.to_owned(), code.to_owned());
    Some(match upper.as_str() {
        "" | "UNKNOWN" => return None,
        "2.16.840.1.113883.2.1.6.2" | "READ2" => match read_v2(code) {
            Some(code) => (system::READ_V2.to_owned(), code),
            None => as_is(system::EMIS_LOCAL),
        },
        "2.16.840.1.113883.2.1.6.1" | "READ4" => as_is(system::READ_4BYTE),
        "2.16.840.1.113883.2.1.3.2.4.15" | "SNOMED" => match snomed(code) {
            SnomedId::Concept => as_is(system::SNOMED),
            SnomedId::EmisConcept => as_is(system::EMIS_SNOMED),
            SnomedId::Description => own("SNOMED-DESCRIPTION"),
            SnomedId::None => own("SNOMED"),
        },
        "2.16.840.1.113883.2.1.6.3" => as_is(system::EMIS_SNOMED),
        "2.16.840.1.113883.2.1.6.9" => as_is(system::EMIS_DRUG),
        "MULTILEX" => as_is(system::MULTILEX),
        "EMISLOCAL" | "EMISCODEID" | "EMISINTERNAL" | "EMISCLINICAL" | "OLTR" => {
            as_is(system::EMIS_LOCAL)
        }
        other if other.starts_with("EMISNQ") => as_is(system::EMIS_LOCAL),
        // The drug dictionary's tables have id spaces of their own: one system each, or ids would collide.
        other => {
            let plain: String = other
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .take(64)
                .collect();
            own(&plain)
        }
    })
}

/// A Read v2 code padded with dots to five characters. Seven characters carry the synonym's number behind the code, EMIS
/// also writes it behind a hyphen: the display term keeps that choice. EMIS's own codes travel under the same scheme
/// (`EMISATTACHMENT`) but are none of Read's: `None`.
pub(super) fn read_v2(code: &str) -> Option<String> {
    let plain = |s: &str| s.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    let base = match (code.len(), code.split_once('-')) {
        (1..=5, None) if plain(code) => code,
        (7, None) if plain(code) => code.get(..5)?,
        (_, Some((base, synonym)))
            if (1..=5).contains(&base.len()) && plain(base) && plain(synonym) =>
        {
            base
        }
        _ => return None,
    };
    // Dots only fill up from the right.
    if base.trim_end_matches('.').contains('.') || base.starts_with('.') {
        return None;
    }
    Some(format!("{base:.<5}"))
}

enum SnomedId {
    Concept,
    /// In EMIS's namespace 1000006: not in the UK edition, so kept apart.
    EmisConcept,
    /// Names a synonym, not a concept: no list of concepts would ever match it.
    Description,
    None,
}

fn snomed(id: &str) -> SnomedId {
    let digits = id.bytes().all(|b| b.is_ascii_digit());
    if !digits || !(6..=18).contains(&id.len()) || id.starts_with('0') {
        return SnomedId::None;
    }
    // ... namespace (7), partition (2), check digit (1); the partition's first digit 1 means that there is a namespace.
    let partition = id.get(id.len() - 3..id.len() - 1).unwrap_or_default();
    let namespace = id
        .len()
        .checked_sub(10)
        .and_then(|from| id.get(from..id.len() - 3));
    match partition {
        "10" if namespace == Some("1000006") => SnomedId::EmisConcept,
        "00" | "10" => SnomedId::Concept,
        "01" | "11" => SnomedId::Description,
        _ => SnomedId::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(scheme: &str, code: &str) -> Option<(String, String)> {
        let raw = RawCode {
            scheme: Some(scheme),
            code: Some(code),
            display: None,
        };
        raw.coding(true).map(|c| (c.system, c.code))
    }

    // sources.md 3.7, line by line.
    #[test]
    fn terminologies_by_oid_and_by_name() {
        let local = |name: &str| format!("{}/{name}", system::EMIS_LOCAL);
        for (scheme, code, system, written) in [
            (
                "2.16.840.1.113883.2.1.6.2",
                "H33..",
                system::READ_V2,
                "H33..",
            ),
            ("READ2", "H33", system::READ_V2, "H33.."),
            ("READ2", "H33..00", system::READ_V2, "H33.."),
            ("READ2", "H33..-1", system::READ_V2, "H33.."),
            ("READ2", "XaBVJ", system::READ_V2, "XaBVJ"),
            (
                "READ2",
                "EMISATTACHMENT",
                system::EMIS_LOCAL,
                "EMISATTACHMENT",
            ),
            ("READ2", "EMISNQCO47", system::EMIS_LOCAL, "EMISNQCO47"),
            (
                "2.16.840.1.113883.2.1.6.1",
                "A12",
                system::READ_4BYTE,
                "A12",
            ),
            (
                "2.16.840.1.113883.2.1.3.2.4.15",
                "195967001",
                system::SNOMED,
                "195967001",
            ),
            ("SNOMED", "330274004", system::SNOMED, "330274004"),
            (
                "SNOMED",
                "13491411000001100",
                system::SNOMED,
                "13491411000001100",
            ),
            (
                "SNOMED",
                "3261000006107",
                system::EMIS_SNOMED,
                "3261000006107",
            ),
            (
                "2.16.840.1.113883.2.1.6.3",
                "3261000006107",
                system::EMIS_SNOMED,
                "3261000006107",
            ),
            (
                "2.16.840.1.113883.2.1.6.9",
                "IBGE189NEMIS",
                system::EMIS_DRUG,
                "IBGE189NEMIS",
            ),
            ("MULTILEX", "77", system::MULTILEX, "77"),
            ("OLTR", "U&E", system::EMIS_LOCAL, "U&E"),
            ("EMISCODEID", "12", system::EMIS_LOCAL, "12"),
        ] {
            let expected = Some((system.to_owned(), written.to_owned()));
            assert_eq!(coding(scheme, code), expected, "{scheme} {code}");
        }
        // a description id is never passed off as a concept: no exclusion list would know it
        let expected = Some((local("SNOMED-DESCRIPTION"), "301485011".to_owned()));
        assert_eq!(coding("SNOMED", "301485011"), expected);
        let expected = Some((local("EMISPREPARATION"), "5".to_owned()));
        assert_eq!(coding("EMISPREPARATION", "5"), expected);
        assert_eq!(coding("EMISPREPARATION", "-1"), None);
        assert_eq!(coding("UNKNOWN", "x"), None);
        assert_eq!(coding("", "x"), None);
    }
}
