//! What was withheld and why: for the practice (R051, R204), never for a viewer and never held with the record.

use std::collections::BTreeMap;

use crate::fhir::Kind;

/// The practice's report of one look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct WithheldReport {
    /// Version of the exclusion list that was applied; `None` where the list does not apply to this source.
    pub list_version: Option<String>,
    /// How many resources were withheld, per reason (code of our CodeSystem of exclusion categories).
    pub counts: BTreeMap<String, usize>,
    /// Each of them.
    pub entries: Vec<WithheldEntry>,
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
