//! What was withheld and why: for the practice (R051, R204), never for a viewer and never held with the record.

use std::collections::BTreeMap;

use crate::fhir::Kind;
use crate::record::LossCount;
use crate::record::code::system;

/// An entry whose code no national terminology has, so that no list can be asked about it: shown all the same.
pub const UNMAPPED: &str = "unmapped-code";
/// The same, and withheld for it, as the policy says for where it stands.
pub const UNMAPPED_WITHHELD: &str = "unmapped-code-withheld";
/// The word for entries that have a term and no code at all.
const NO_CODE: &str = "no-code";

/// The terminology of a code as the practice's report names it. A name that a source made up is not repeated.
pub(super) fn terminology(uri: Option<&str>) -> &'static str {
    const KNOWN: [(&str, &str); 10] = [
        (system::SNOMED, "snomed-ct"),
        (system::READ_V2, "read-v2"),
        (system::CTV3, "ctv3"),
        (system::READ_4BYTE, "read-4-byte"),
        (system::EMIS_SNOMED, "emis-snomed"),
        (system::EMIS_DRUG, "emis-drug-codes"),
        (system::EGTON, "egton-codes"),
        (system::MULTILEX, "multilex"),
        (system::TPP_LOCAL, "tpp-local-codes"),
        (system::EMIS_LOCAL, "emis-local-codes"),
    ];
    let Some(uri) = uri else { return NO_CODE };
    let own = uri
        .strip_prefix(system::EMIS_LOCAL)
        .is_some_and(|rest| rest.starts_with('/'));
    KNOWN.iter().find(|(known, _)| *known == uri).map_or(
        if own { "emis-local-codes" } else { "other" },
        |(_, name)| name,
    )
}

/// The practice's report of one look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct WithheldReport {
    /// Version of the exclusion list that was applied; `None` where the list does not apply to this source.
    pub list_version: Option<String>,
    /// How many resources were withheld, per reason (code of our CodeSystem of exclusion categories).
    pub counts: BTreeMap<String, usize>,
    /// Each of them.
    pub entries: Vec<WithheldEntry>,
    /// What has a code that no national terminology has, withheld or not: FHIR type and terminology as the place, with
    /// [`UNMAPPED`] or [`UNMAPPED_WITHHELD`] as the reason. No code, no term, no entry.
    pub unmapped: Vec<LossCount>,
}

/// One withheld resource. Its native id finds it in the practice's own system; no code or term of it is here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WithheldEntry {
    /// Native id of the entry.
    pub native_id: String,
    /// FHIR type that it would have been.
    pub kind: &'static str,
    /// Ids of the policy rows that withheld it.
    pub basis: Vec<String>,
    /// It was withheld only because of what contains it.
    pub contained: bool,
}

impl WithheldReport {
    pub(super) fn add(
        &mut self,
        kind: Kind,
        native_id: &str,
        reasons: &[super::Reason],
        contained: bool,
    ) {
        let mut basis = Vec::new();
        let mut codes: Vec<&str> = Vec::new();
        for reason in reasons.iter().filter(|reason| reason.withholds()) {
            basis.push(reason.basis().to_owned());
            if !codes.contains(&reason.code()) {
                codes.push(reason.code());
            }
        }
        for code in codes {
            *self.counts.entry(code.to_owned()).or_default() += 1;
        }
        self.entries.push(WithheldEntry {
            native_id: native_id.to_owned(),
            kind: kind.name(),
            basis,
            contained,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R204: the practice reads which terminology, and never a name that a source made up
    #[test]
    fn a_terminology_has_a_word_and_a_made_up_one_has_none() {
        let local = format!("{}/Z99001", system::EMIS_LOCAL);
        let near = format!("{}-Z99001", system::EMIS_LOCAL);
        for (uri, word) in [
            (None, NO_CODE),
            (Some(system::CTV3), "ctv3"),
            (Some(system::EMIS_LOCAL), "emis-local-codes"),
            (Some(local.as_str()), "emis-local-codes"),
            (Some(near.as_str()), "other"),
            (Some("urn:made-up"), "other"),
        ] {
            assert_eq!(terminology(uri), word, "{uri:?}");
        }
    }
}
