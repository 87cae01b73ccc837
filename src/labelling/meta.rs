//! `meta.security` of every resource type that this gateway serves; a type that is not here cannot be labelled, hence
//! cannot leave.

use super::Reason;
use crate::fhir::build::{coding, extension};
use crate::fhir::model::types as t;
use crate::fhir::{Kind, Resource, uri};

/// DS4P: why a label is there.
const BASIS: &str =
    "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-basis";
/// DS4P: who assigned it.
const CLASSIFIER: &str =
    "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-classifier";
/// Our CodeSystem of policy rows, the basis of a label.
pub(super) const POLICY_ROW: &str = "https://openmig.org/fhir/CodeSystem/exclusion-policy";
/// No storing beyond the purpose, no taking into other records (R190): on everything, whoever it is about.
const HANDLING: [&str; 2] = ["NOPERSISTP", "NOINTEGRATE"];

/// HL7 Confidentiality as far as it is used: exactly one on every resource (DS4P).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// `N`
    #[default]
    Normal,
    /// `R`: listed, private or under a policy.
    Restricted,
    /// `V`: the whole record is restricted.
    VeryRestricted,
}

impl Confidentiality {
    /// The code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Normal => "N",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        match code {
            "U" | "L" | "M" | "N" => Some(Self::Normal),
            "R" => Some(Self::Restricted),
            "V" => Some(Self::VeryRestricted),
            _ => None,
        }
    }
}

/// One line per kind: what it is, and where its `meta` is.
macro_rules! kinds {
    ($($kind:ident)*) => {
        /// The kind of a resource; `None` for a type that this gateway does not serve.
        #[must_use]
        pub(crate) fn kind_of(resource: &Resource) -> Option<Kind> {
            match resource {
                $(Resource::$kind(_) => Some(Kind::$kind),)*
                _ => None,
            }
        }

        /// The `meta` of a resource, made where it was absent; `None` for a type that this gateway does not serve.
        pub(crate) fn meta_mut(resource: &mut Resource) -> Option<&mut t::Meta> {
            match resource {
                $(Resource::$kind(it) => Some(it.meta.get_or_insert_default()),)*
                _ => None,
            }
        }

        /// Its id as written in it.
        #[must_use]
        pub(super) fn id_of(resource: &Resource) -> Option<&str> {
            match resource {
                $(Resource::$kind(it) => it.id.as_ref()?.value.as_deref(),)*
                _ => None,
            }
        }

        /// Resources inside it would carry no labels of their own.
        #[must_use]
        pub(super) fn contains_others(resource: &Resource) -> bool {
            match resource {
                $(Resource::$kind(it) => !it.contained.is_empty(),)*
                _ => true,
            }
        }
    };
}

kinds! {
    AllergyIntolerance Condition DiagnosticReport DocumentReference Encounter Flag Immunization List MedicationRequest
    MedicationStatement Observation Organization Patient Practitioner Procedure ServiceRequest Specimen
}

/// How confidential the source itself labelled it; `None` where it said nothing, restricted where it said what we don't know.
pub(super) fn labelled_by_source(meta: &t::Meta) -> Option<Confidentiality> {
    let of = |coding: &t::Coding| {
        is_confidentiality(coding).then(|| {
            let code = coding.code.as_ref().and_then(|code| code.value.as_deref());
            code.and_then(Confidentiality::from_code)
                .unwrap_or(Confidentiality::Restricted)
        })
    };
    meta.security.iter().filter_map(of).max()
}

/// Writes the labels: confidentiality exactly one and never below the source's, what the reasons stand for with their
/// basis, handling. Labels of the source stay.
pub(super) fn write_labels(
    meta: &mut t::Meta,
    confidentiality: Confidentiality,
    reasons: &[Reason],
    act_codes: &[&str],
    classifier: &str,
) {
    let confidentiality = labelled_by_source(meta)
        .unwrap_or_default()
        .max(confidentiality);
    let mut security = vec![coding(uri::CONFIDENTIALITY, confidentiality.code(), None)];
    if let Some(first) = security.first_mut()
        && !reasons.is_empty()
    {
        for reason in reasons {
            first.extension.push(extension(
                BASIS,
                t::ExtensionValue::Coding(Box::new(coding(POLICY_ROW, reason.basis(), None))),
            ));
        }
        first.extension.push(extension(
            CLASSIFIER,
            t::ExtensionValue::Reference(Box::new(t::Reference {
                display: Some(classifier.into()),
                ..Default::default()
            })),
        ));
    }
    let kept = meta
        .security
        .drain(..)
        .filter(|coding| !is_confidentiality(coding));
    security.extend(kept);
    let mut add = |system: &str, code: &str| {
        let is_there = security.iter().any(|it| {
            it.system.as_ref().and_then(|it| it.value.as_deref()) == Some(system)
                && it.code.as_ref().and_then(|it| it.value.as_deref()) == Some(code)
        });
        if !is_there {
            security.push(coding(system, code, None));
        }
    };
    for code in act_codes {
        add(uri::ACT_CODE, code);
    }
    for reason in reasons {
        add(uri::EXCLUSION, reason.code());
    }
    for code in HANDLING {
        add(uri::ACT_CODE, code);
    }
    meta.security = security;
}

/// Labels of something that this gateway made itself out of released resources, for example a tab List: as high as the
/// highest of them (high-water mark), with the handling that everything carries.
pub(crate) fn clear_labels(meta: &mut t::Meta, highest: Confidentiality) {
    write_labels(meta, highest, &[], &[], "");
}

fn is_confidentiality(coding: &t::Coding) -> bool {
    coding.system.as_ref().and_then(|it| it.value.as_deref()) == Some(uri::CONFIDENTIALITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(codes: &[&str]) -> Option<Confidentiality> {
        labelled_by_source(&t::Meta {
            security: codes
                .iter()
                .map(|code| coding(uri::CONFIDENTIALITY, code, None))
                .collect(),
            ..Default::default()
        })
    }

    // design.md 6: the highest that the source says counts, and what nobody knows is restricted
    #[test]
    fn the_label_of_the_source_is_read_at_its_highest() {
        use Confidentiality as C;
        for (codes, level) in [
            (&[][..], None),
            (&["U"], Some(C::Normal)),
            (&["L"], Some(C::Normal)),
            (&["M"], Some(C::Normal)),
            (&["N"], Some(C::Normal)),
            (&["R"], Some(C::Restricted)),
            (&["V"], Some(C::VeryRestricted)),
            (&["X"], Some(C::Restricted)),
            (&["N", "V", "R"], Some(C::VeryRestricted)),
            (&["R", "N"], Some(C::Restricted)),
        ] {
            assert_eq!(said(codes), level, "{codes:?}");
        }
        let mut silent = coding(uri::CONFIDENTIALITY, "N", None);
        silent.code = None;
        let meta = t::Meta {
            security: vec![silent, coding(uri::ACT_CODE, "V", None)],
            ..Default::default()
        };
        assert_eq!(labelled_by_source(&meta), Some(C::Restricted));
    }

    // R190, DS4P: one confidentiality as high as what it is made of, each label once, handling on everything
    #[test]
    fn labels_are_written_once_and_as_high_as_they_have_to_be() {
        let codes = |meta: &t::Meta| -> Vec<String> {
            let text = |it: &t::Coding| it.code.as_ref()?.value.clone();
            meta.security.iter().filter_map(text).collect()
        };
        for (level, code) in [
            (Confidentiality::Normal, "N"),
            (Confidentiality::Restricted, "R"),
            (Confidentiality::VeryRestricted, "V"),
        ] {
            assert_eq!(level.code(), code);
            let mut meta = t::Meta::default();
            clear_labels(&mut meta, level);
            assert_eq!(codes(&meta), [code, "NOPERSISTP", "NOINTEGRATE"]);
        }
        let mut meta = t::Meta {
            security: vec![
                coding(uri::ACT_CODE, "NOPERSISTP", None),
                coding("http://example.org/other", "HIV", None),
                coding(uri::CONFIDENTIALITY, "V", None),
            ],
            ..Default::default()
        };
        let reasons = [Reason::Private, Reason::Private, Reason::Identifying];
        write_labels(
            &mut meta,
            Confidentiality::Restricted,
            &reasons,
            &["HIV", "HIV"],
            "classifier",
        );
        assert_eq!(
            codes(&meta),
            [
                "V",
                "NOPERSISTP",
                "HIV",
                "HIV",
                "private",
                "identifying",
                "NOINTEGRATE"
            ]
        );
        assert_eq!(
            meta.security[0].extension.len(),
            4,
            "three bases, one classifier"
        );
    }
}
