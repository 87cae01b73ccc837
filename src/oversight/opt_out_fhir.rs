//! Stage 1 as FHIR: a `Consent` that denies (or, after a change of mind, permits), with the review as its source.
//!
//! For the practice, its IG office and its data protection officer only. No viewer ever gets one: that somebody opted out is
//! their own matter (governance.md 3.4), and a `Consent` that can be asked for would tell it.

use jiff::Timestamp;

use super::Actor;
use super::opt_out::{Asker, OptOutError, OptOutView, OptOuts, ProxyPower};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, OPENMIG, Resource, build, uri};
use crate::record::OdsCode;
use crate::register::Register;
use crate::store::opt_out::{OptOutDecision, Wish};

/// Canonical URL of the review's items (`profiles/Questionnaire-opt-out-review.json`).
pub const QUESTIONNAIRE: &str = "https://openmig.org/fhir/Questionnaire/opt-out-review";

const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const LOINC: &str = "http://loinc.org";

/// Whether a later decision for the same patient has taken this one's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The last word.
    Stands,
    /// No longer.
    Superseded,
}

impl OptOuts {
    /// Every request of a practice as a Consent, oldest first: history is never rewritten, the one before becomes `inactive`.
    ///
    /// # Errors
    /// See [`OptOutError`].
    pub fn consents(
        &self,
        actor: &Actor,
        practice: &OdsCode,
        register: &Register,
    ) -> Result<Vec<Resource>, OptOutError> {
        let views = self.list(actor, practice, false)?;
        Ok(as_consents(&views, register))
    }

    /// One request as a Consent (R060, R063). Who may see the request may see it, and nobody else: another practice's is an
    /// unknown one.
    ///
    /// # Errors
    /// See [`OptOutError`].
    pub fn consent_of(
        &self,
        actor: &Actor,
        id: &str,
        register: &Register,
    ) -> Result<(OptOutView, Resource), OptOutError> {
        let view = self.get(actor, id)?;
        let views = self.list(actor, &view.practice, false)?;
        views
            .iter()
            .zip(as_consents(&views, register))
            .find(|(one, _)| one.id == view.id)
            .map(|(_, consent)| (view.clone(), consent))
            .ok_or(OptOutError::Unknown)
    }
}

/// Each in the light of all of them.
fn as_consents(views: &[OptOutView], register: &Register) -> Vec<Resource> {
    let granted_at = |view: &OptOutView| {
        let review = view.review.as_ref()?;
        (review.review.decision == Some(OptOutDecision::Granted)).then_some(review.at)
    };
    views
        .iter()
        .map(|view| {
            let later = views
                .iter()
                .any(|other| other.patient == view.patient && granted_at(other) > granted_at(view));
            let standing = if later && granted_at(view).is_some() {
                Standing::Superseded
            } else {
                Standing::Stands
            };
            consent(view, standing, register)
        })
        .collect()
}

/// The Consent of a request.
#[must_use]
pub fn consent(view: &OptOutView, standing: Standing, register: &Register) -> Resource {
    let patient = build::reference(Kind::Patient, view.patient.as_str());
    let proxy = match &view.asker {
        Asker::Patient => None,
        Asker::Proxy {
            name,
            basis,
            relationship,
        } => Some(related_person(&patient, name, *basis, relationship)),
    };
    let performer = match proxy {
        Some(_) => build::contained("proxy"),
        None => patient.clone(),
    };
    let decision = view
        .review
        .as_ref()
        .and_then(|review| review.review.decision);
    let actioned = view.review.as_ref().map(|review| review.at);
    let mut contained = vec![review(view, &patient, &performer)];
    contained.extend(proxy);
    Resource::Consent(Box::new(resources::Consent {
        id: Some(view.id.as_str().into()),
        meta: Some(Box::new(types::Meta {
            last_updated: Some(crate::text::instant(actioned.unwrap_or(view.recorded_at)).into()),
            ..Default::default()
        })),
        contained,
        status: match (decision, standing) {
            (None, _) => "proposed",
            (Some(OptOutDecision::Granted), Standing::Stands) => "active",
            (Some(OptOutDecision::Granted), Standing::Superseded) => "inactive",
            (Some(OptOutDecision::Declined | OptOutDecision::TakenBack), _) => "rejected",
        }
        .into(),
        scope: Box::new(build::concept(SCOPE, "patient-privacy", None)),
        category: vec![types::CodeableConcept {
            text: Some(
                "Sharing of the GP record through the Medical Interoperability Gateway".into(),
            ),
            ..build::concept(LOINC, "59284-0", None)
        }],
        patient: Some(Box::new(patient)),
        date_time: Some(crate::text::instant(view.received_at).into()),
        performer: vec![performer],
        organization: vec![organisation(&view.practice, register)],
        source: Some(resources::ConsentSource::Reference(Box::new(
            build::contained("review"),
        ))),
        policy: vec![resources::ConsentPolicy {
            uri: Some(register.agreement.policy.as_str().into()),
            ..Default::default()
        }],
        provision: Some(resources::ConsentProvision {
            r#type: Some(
                match view.wish {
                    Wish::OptOut => "deny",
                    Wish::OptIn => "permit",
                }
                .into(),
            ),
            // From the decision on, without an end (governance.md 3.1).
            period: actioned.map(|at| {
                Box::new(types::Period {
                    start: Some(crate::text::instant(at).into()),
                    ..Default::default()
                })
            }),
            purpose: vec![build::coding(uri::ACT_REASON, "TREAT", None)],
            ..Default::default()
        }),
        ..Default::default()
    }))
}

/// Both times of the 48-hour clock and every item of the review.
fn review(view: &OptOutView, patient: &types::Reference, source: &types::Reference) -> Resource {
    use resources::QuestionnaireResponseItemAnswerValue as Value;
    let mut items = Vec::new();
    let mut add = |id: &str, text: &str, value: Option<Value>| {
        if let Some(value) = value {
            items.push(resources::QuestionnaireResponseItem {
                link_id: id.into(),
                text: Some(text.into()),
                answer: vec![resources::QuestionnaireResponseItemAnswer {
                    value: Some(value),
                    ..Default::default()
                }],
                ..Default::default()
            });
        }
    };
    let code = |code: &str| Value::Coding(Box::new(build::coding(&codes(), code, None)));
    let words = |text: &str| Value::String(text.into());
    let time = |at: Timestamp| Value::DateTime(crate::text::instant(at).into());
    add(
        "received",
        "Received by the practice",
        Some(time(view.received_at)),
    );
    add("wish", "What is wished", Some(code(view.wish.code())));
    let (asker, basis) = match &view.asker {
        Asker::Patient => ("patient", None),
        Asker::Proxy { basis, .. } => ("proxy", Some(power(*basis))),
    };
    add("asker", "Who asked", Some(code(asker)));
    add("proxy-basis", "By what legal power", basis.map(code));
    if let Some(closed) = &view.review {
        let review = &closed.review;
        let text = |text: &Option<String>| text.as_deref().map(words);
        add(
            "discussed-on",
            "Discussed on",
            review
                .discussed_on
                .map(|on| Value::Date(on.to_string().into())),
        );
        add("discussed-by", "Discussed by", text(&review.discussed_by));
        add("discussion", "What was said", text(&review.discussion));
        add(
            "decision",
            "Decision",
            review.decision.map(|it| code(it.code())),
        );
        add("reason", "Why", text(&review.reason));
        add(
            "flag-set",
            "The sharing flag of the practice's own system says so too",
            review.flag_set.map(|set| Value::Boolean(set.into())),
        );
        add("actioned", "Acted on", Some(time(closed.at)));
    }
    Resource::QuestionnaireResponse(Box::new(resources::QuestionnaireResponse {
        id: Some("review".into()),
        questionnaire: Some(QUESTIONNAIRE.into()),
        status: match view.review {
            Some(_) => "completed",
            None => "in-progress",
        }
        .into(),
        subject: Some(Box::new(patient.clone())),
        authored: Some(crate::text::instant(view.recorded_at).into()),
        source: Some(Box::new(source.clone())),
        item: items,
        ..Default::default()
    }))
}

fn related_person(
    patient: &types::Reference,
    name: &str,
    basis: ProxyPower,
    relationship: &str,
) -> Resource {
    let basis = match basis {
        ProxyPower::ParentalResponsibility => "parental responsibility",
        ProxyPower::LegalPower => "legal power",
    };
    Resource::RelatedPerson(Box::new(resources::RelatedPerson {
        id: Some("proxy".into()),
        patient: Box::new(patient.clone()),
        relationship: [relationship.trim(), basis]
            .into_iter()
            .map(build::concept_text)
            .collect(),
        name: vec![types::HumanName {
            text: Some(name.trim().into()),
            ..Default::default()
        }],
        ..Default::default()
    }))
}

fn power(basis: ProxyPower) -> &'static str {
    match basis {
        ProxyPower::ParentalResponsibility => "parental-responsibility",
        ProxyPower::LegalPower => "legal-power",
    }
}

/// Our CodeSystem of the review's answers.
fn codes() -> String {
    format!("{OPENMIG}/CodeSystem/opt-out-review")
}

fn organisation(ods: &OdsCode, register: &Register) -> types::Reference {
    let name = register
        .organisations
        .get(ods)
        .map(|found| found.name.as_str());
    build::logical("Organization", uri::ODS_CODE, &ods.0, name)
}
