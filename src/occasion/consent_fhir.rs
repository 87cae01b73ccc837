//! The consent of an occasion as FHIR: a `Consent` in the shape of IHE Privacy Consent on FHIR (Basic), whose source is
//! the conversation, a contained `QuestionnaireResponse` (R070 to R076, R079, R080). An override has none: it is no consent.

use super::{ConsentTalk, Proxy};
use crate::access::basis::ProxyBasis;
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, OPENMIG, Resource, build, uri};
use crate::record::OdsCode;
use crate::register::Register;
use crate::store::OccasionRow;
use crate::tabs::catalogue::TabSet;

/// Canonical URL of the questions (`profiles/Questionnaire-consent-conversation.json`).
pub const QUESTIONNAIRE: &str = "https://openmig.org/fhir/Questionnaire/consent-conversation";
/// Identifier system of the register's usernames.
pub const USERNAME: &str = "https://openmig.org/fhir/Id/username";

const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Consent";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const LOINC: &str = "http://loinc.org";

/// Why there is no Consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoConsent {
    /// The occasion was opened by an override.
    #[error("the occasion was not opened by consent")]
    Override,
}

/// The Consent of an occasion and of the conversation that was sealed with it, with the names that the register has now. It
/// stays `active` to its period's end, and becomes `inactive` when it is withdrawn.
///
/// # Errors
/// See [`NoConsent`].
pub fn consent(
    row: &OccasionRow,
    talk: Option<&ConsentTalk>,
    register: &Register,
) -> Result<Resource, NoConsent> {
    let (Some(id), Some(talk)) = (&row.consent, talk) else {
        return Err(NoConsent::Override);
    };
    let patient = build::reference(Kind::Patient, row.patient.as_str());
    let performer = match talk.proxy {
        Some(_) => build::contained("proxy"),
        None => patient.clone(),
    };
    let mut contained = vec![conversation(row, register, talk)];
    contained.extend(talk.proxy.as_ref().map(|proxy| related_person(row, proxy)));
    let end = row
        .withdrawn_at
        .map_or(row.ends_at, |at| at.min(row.ends_at));
    Ok(Resource::Consent(Box::new(resources::Consent {
        id: Some(id.as_str().into()),
        meta: Some(Box::new(types::Meta {
            last_updated: Some(
                crate::text::instant(row.withdrawn_at.unwrap_or(row.opened_at)).into(),
            ),
            profile: vec![UK_CORE.into()],
            ..Default::default()
        })),
        contained,
        status: match row.withdrawn_at {
            Some(_) => "inactive".into(),
            None => "active".into(),
        },
        scope: Box::new(build::concept(SCOPE, "patient-privacy", None)),
        category: vec![types::CodeableConcept {
            text: Some("Consent at the point of care to view the GP record".into()),
            ..build::concept(LOINC, "59284-0", None)
        }],
        patient: Some(Box::new(patient)),
        date_time: Some(crate::text::instant(row.opened_at).into()),
        performer: vec![performer],
        organization: vec![organisation(&row.viewer, register)],
        source: Some(resources::ConsentSource::Reference(Box::new(
            build::contained("conversation"),
        ))),
        policy: vec![resources::ConsentPolicy {
            uri: Some(register.agreement.policy.as_str().into()),
            ..Default::default()
        }],
        provision: Some(resources::ConsentProvision {
            r#type: Some("permit".into()),
            period: Some(Box::new(types::Period {
                start: Some(crate::text::instant(row.opened_at).into()),
                end: Some(crate::text::instant(end).into()),
                ..Default::default()
            })),
            actor: [
                clinician(row, register),
                organisation(&row.viewer, register),
            ]
            .into_iter()
            .map(recipient)
            .collect(),
            purpose: row
                .purpose
                .iter()
                .map(|code| build::coding(uri::ACT_REASON, code, None))
                .collect(),
            ..Default::default()
        }),
        ..Default::default()
    })))
}

/// The conversation: every item as it was ticked, and which tabs it was about.
fn conversation(row: &OccasionRow, register: &Register, talk: &ConsentTalk) -> Resource {
    let mut items = Vec::new();
    let mut add = |id: &str, text: &str, answers: Vec<Answer>| {
        if !answers.is_empty() {
            items.push(item(id, text, answers));
        }
    };
    add("asked", "A direct question was asked", yes_no(talk.asked));
    add(
        "answer",
        "The answer",
        talk.answer
            .as_deref()
            .map(answer_code)
            .into_iter()
            .collect(),
    );
    add(
        "told-what",
        "Told what information will be viewed",
        yes_no(talk.told_what),
    );
    let tabs = TabSet::from_bits(row.tabs).iter();
    add(
        "tabs",
        "The parts of the record that may be viewed",
        tabs.map(|tab| coded(uri::TAB, tab.code())).collect(),
    );
    add(
        "told-why",
        "Told why it is necessary",
        yes_no(talk.told_why),
    );
    add(
        "told-may-decline",
        "Told that they may decline",
        yes_no(talk.told_may_decline),
    );
    add(
        "told-meaning-of-declining",
        "Told what declining means",
        yes_no(talk.told_meaning_of_declining),
    );
    add(
        "voluntary",
        "The consent is voluntary",
        yes_no(talk.voluntary),
    );
    add(
        "capacity",
        "The patient has capacity to decide",
        yes_no(talk.capacity),
    );
    if let Some(proxy) = &talk.proxy {
        add(
            "proxy-basis",
            "Somebody else answered: on what basis",
            vec![coded(&conversation_codes(), &proxy.basis)],
        );
    }
    if let Some(child) = &talk.child {
        add(
            "child-asked",
            "The child was asked or involved",
            yes_no(Some(child.asked)),
        );
        add(
            "child-view",
            "The child's own view",
            vec![coded(&conversation_codes(), &child.view)],
        );
    }
    add(
        "changed-mind",
        "The patient had declined before and changed their mind",
        yes_no(talk.changed_mind),
    );
    let source = match talk.proxy {
        Some(_) => build::contained("proxy"),
        None => build::reference(Kind::Patient, row.patient.as_str()),
    };
    Resource::QuestionnaireResponse(Box::new(resources::QuestionnaireResponse {
        id: Some("conversation".into()),
        questionnaire: Some(QUESTIONNAIRE.into()),
        status: "completed".into(),
        subject: Some(Box::new(build::reference(
            Kind::Patient,
            row.patient.as_str(),
        ))),
        authored: Some(crate::text::instant(row.opened_at).into()),
        author: Some(Box::new(clinician(row, register))),
        source: Some(Box::new(source)),
        item: items,
        ..Default::default()
    }))
}

fn related_person(row: &OccasionRow, proxy: &Proxy) -> Resource {
    let basis = match proxy.basis() {
        Some(ProxyBasis::ParentalResponsibility) => "parental responsibility",
        Some(ProxyBasis::LegalPower) => "legal power",
        None => "",
    };
    Resource::RelatedPerson(Box::new(resources::RelatedPerson {
        id: Some("proxy".into()),
        patient: Box::new(build::reference(Kind::Patient, row.patient.as_str())),
        relationship: [proxy.relationship.trim(), basis]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(build::concept_text)
            .collect(),
        name: vec![types::HumanName {
            text: Some(proxy.name.trim().into()),
            ..Default::default()
        }],
        ..Default::default()
    }))
}

type Answer = resources::QuestionnaireResponseItemAnswer;

fn item(id: &str, text: &str, answer: Vec<Answer>) -> resources::QuestionnaireResponseItem {
    resources::QuestionnaireResponseItem {
        link_id: id.into(),
        text: Some(text.into()),
        answer,
        ..Default::default()
    }
}

fn yes_no(ticked: Option<bool>) -> Vec<Answer> {
    ticked
        .map(|value| Answer {
            value: Some(resources::QuestionnaireResponseItemAnswerValue::Boolean(
                value.into(),
            )),
            ..Default::default()
        })
        .into_iter()
        .collect()
}

fn coded(system: &str, code: &str) -> Answer {
    Answer {
        value: Some(resources::QuestionnaireResponseItemAnswerValue::Coding(
            Box::new(build::coding(system, code, None)),
        )),
        ..Default::default()
    }
}

fn answer_code(answer: &str) -> Answer {
    coded(&conversation_codes(), answer)
}

/// Our CodeSystem of the conversation's answers.
fn conversation_codes() -> String {
    format!("{OPENMIG}/CodeSystem/consent-conversation")
}

fn recipient(reference: types::Reference) -> resources::ConsentProvisionActor {
    resources::ConsentProvisionActor {
        role: Box::new(build::concept(PARTICIPATION, "IRCP", None)),
        reference: Box::new(reference),
        ..Default::default()
    }
}

/// The clinician, by username: people of the register are no FHIR resources here.
fn clinician(row: &OccasionRow, register: &Register) -> types::Reference {
    let name = register.users.get(&row.clinician).map(|user| &user.name);
    build::logical(
        "Practitioner",
        USERNAME,
        &row.clinician,
        name.map(String::as_str),
    )
}

fn organisation(ods: &OdsCode, register: &Register) -> types::Reference {
    let name = register.organisations.get(ods).map(|found| &found.name);
    build::logical(
        "Organization",
        uri::ODS_CODE,
        &ods.0,
        name.map(String::as_str),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::fhir::{IdKey, to_json};
    use crate::occasion::ChildView;
    use crate::record::NhsNumber;
    use crate::sandbox::register::tests::sandbox_register;
    use crate::tabs::catalogue::Tab;

    fn full() -> ConsentTalk {
        ConsentTalk {
            asked: Some(true),
            answer: Some("yes".to_owned()),
            told_what: Some(true),
            told_why: Some(true),
            told_may_decline: Some(true),
            told_meaning_of_declining: Some(true),
            voluntary: Some(true),
            capacity: Some(true),
            ..Default::default()
        }
    }

    fn row() -> OccasionRow {
        let number = NhsNumber::parse("9990000018").unwrap();
        OccasionRow {
            id: "019a0000-0000-7000-8000-000000000001".to_owned(),
            viewer: OdsCode("Z9H01".to_owned()),
            client: "sandbox-backend".to_owned(),
            clinician: "hospital-nurse".to_owned(),
            role: "nurse".to_owned(),
            patient: IdKey::new([7; 32]).patient(&number),
            sealed_nhs: Vec::new(),
            practice: OdsCode("Z99001".to_owned()),
            tabs: [Tab::Summary, Tab::Medication]
                .into_iter()
                .collect::<TabSet>()
                .bits(),
            protocol: "university-hospitals-1".to_owned(),
            purpose: vec!["TREAT".to_owned()],
            consent: Some("019a0000-0000-7000-8000-000000000002".to_owned()),
            talk: Some("sealed".to_owned()),
            override_reason: None,
            opened_at: "2026-11-22T10:00:00.123Z".parse().unwrap(),
            ends_at: "2026-11-22T10:30:00.123Z".parse().unwrap(),
            withdrawn_at: None,
            register_hash: String::new(),
            assurance: "asserted".to_owned(),
            site: None,
            gateway: None,
            asked: None,
            same_name: false,
            claimed: false,
        }
    }

    fn golden(name: &str, row: &OccasionRow, talk: &ConsentTalk) {
        let json = to_json(&consent(row, Some(talk), &sandbox_register()).unwrap()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/consent")
            .join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{name} differs; UPDATE_GOLDEN=1 writes it anew:\n{text}"
        );
    }

    // R070, R072, R073, R074, R079
    #[test]
    fn a_patient_who_answers_for_themselves() {
        golden("adult.json", &row(), &full());
    }

    // R075, R076
    #[test]
    fn a_parent_answers_for_a_child() {
        let talk = ConsentTalk {
            proxy: Some(Proxy {
                basis: "parental-responsibility".to_owned(),
                name: "Jo Example".to_owned(),
                relationship: "mother".to_owned(),
            }),
            child: Some(ChildView {
                asked: true,
                view: "agrees".to_owned(),
            }),
            ..full()
        };
        golden("child.json", &row(), &talk);
    }

    // R074, R075
    #[test]
    fn an_attorney_answers_for_a_patient_without_capacity() {
        let talk = ConsentTalk {
            capacity: Some(false),
            proxy: Some(Proxy {
                basis: "legal-power".to_owned(),
                name: "Kit Example".to_owned(),
                relationship: "attorney for health and welfare".to_owned(),
            }),
            ..full()
        };
        golden("attorney.json", &row(), &talk);
    }

    // R077, R080
    #[test]
    fn a_consent_after_a_refusal_and_withdrawn() {
        let talk = ConsentTalk {
            changed_mind: Some(true),
            ..full()
        };
        let mut row = row();
        row.withdrawn_at = Some("2026-11-22T10:12:00Z".parse().unwrap());
        golden("withdrawn.json", &row, &talk);
    }

    // R090: an override is not a consent
    #[test]
    fn an_override_has_no_consent() {
        let mut row = row();
        let register = sandbox_register();
        let none =
            |row: &OccasionRow, talk: Option<&ConsentTalk>| consent(row, talk, &register).err();
        assert_eq!(none(&row, None), Some(NoConsent::Override));
        row.consent = None;
        assert_eq!(none(&row, Some(&full())), Some(NoConsent::Override));
    }
}
