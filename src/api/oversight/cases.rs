//! Cases over HTTP: `GET <kind>s`, `POST <kind>s` opens one, `GET <kind>s/<id>`, `POST <kind>s/<id>` takes a step.
//!
//! A patient is named in a body by NHS number (`nhs_number`, `nhs_numbers`) or FHIR id (`patient`, `patients`); only the id is kept.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{About, Problem, Reply};
use super::call::Call;
use super::{OversightApi, only};
use crate::fhir::{IdKey, PatientId};
use crate::oversight::cases::breach::Breach;
use crate::oversight::cases::complaint::Complaint;
use crate::oversight::cases::investigation::Investigation;
use crate::oversight::cases::publication::Publication;
use crate::oversight::cases::report::Owed;
use crate::oversight::cases::{Around, Case, CaseError, TextError};
use crate::record::NhsNumber;
use crate::text::what_was_expected;

impl From<CaseError> for Problem {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::NotAllowed(_) => Self::not_allowed(),
            CaseError::NotFound => Self::not_found(),
            CaseError::Invalid(why) => Self::bad_request(why),
            CaseError::NotNow(why) => Self::conflict("not-now", why),
            CaseError::Overtaken => Self::conflict(
                "overtaken",
                "Others changed the case at the same time: read it again.",
            ),
            CaseError::Store(error) => error.into(),
            CaseError::Unwritten => Self::audit_unavailable(),
        }
    }
}

impl Call {
    /// What a service leans on.
    #[must_use]
    pub fn around(&self) -> Around<'_> {
        Around {
            actor: self.actor(),
            organisation: self.overseer.person.organisation.as_ref(),
            register: &self.register,
            now: self.now,
        }
    }
}

impl OversightApi {
    /// `rest` is the path below the kind.
    pub(super) async fn cases(
        &self,
        call: &mut Call,
        kind: &str,
        rest: &[&str],
    ) -> Result<Reply, Problem> {
        match kind {
            "breaches" => self.kind::<Breach>(call, rest).await,
            "investigations" => self.kind::<Investigation>(call, rest).await,
            "complaints" => self.kind::<Complaint>(call, rest).await,
            "owed-reports" => self.kind::<Owed>(call, rest).await,
            "publications" => self.kind::<Publication>(call, rest).await,
            _ => Err(Problem::not_found()),
        }
    }

    async fn kind<C: Case>(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem>
    where
        C::Step: Send,
    {
        call.no_more()?;
        let id = match rest {
            [] => None,
            [id] if uuid::Uuid::parse_str(id).is_ok() => Some(*id),
            _ => return Err(Problem::not_found()),
        };
        match (call.method.clone(), id) {
            (Method::GET, None) => {
                let files = self.cases.all::<C>(call.around())?;
                let ids = files
                    .iter()
                    .map(|file| format!("{}/{}", kind_name::<C>(), file.id))
                    .collect();
                let cases: Vec<Value> = files
                    .into_iter()
                    .map(|file| {
                        let mut case = json!(file);
                        // The list shows where each stands; its history is one call further.
                        case.as_object_mut().map(|case| case.remove("history"));
                        case
                    })
                    .collect();
                Ok(Reply::json(json!({"cases": cases})).about(About {
                    ids,
                    ..About::default()
                }))
            }
            (Method::GET, Some(id)) => {
                let file = self.cases.one::<C>(id, call.around())?;
                let mut about = file.case.about();
                about.ids = vec![format!("{}/{id}", kind_name::<C>())];
                Ok(Reply::json(json!(file)).about(about))
            }
            (Method::POST, id) => {
                let step = self.step::<C>(call)?;
                let file = self
                    .cases
                    .take::<C>(id, step, call.around(), &|about| call.entry(about))
                    .await?;
                let status = if id.is_none() {
                    StatusCode::CREATED
                } else {
                    StatusCode::OK
                };
                Ok(Reply::json(json!(file)).status(status).written())
            }
            _ => only(call, &Method::GET).and(Err(Problem::not_found())),
        }
    }

    /// The step in the body, with patients as ids and what the register adds.
    fn step<C: Case>(&self, call: &Call) -> Result<C::Step, Problem> {
        let mut body: Map<String, Value> = call.json()?;
        name_patients(&mut body, &self.ids)?;
        let step = body.get("step").and_then(Value::as_str).unwrap_or_default();
        match (C::KIND.code(), step) {
            ("breach", "open") => {
                let scheme = &call.register.agreement.oversight.incident_scheme;
                body.entry("scheme").or_insert_with(|| json!(scheme));
            }
            // What was drawn and counted is the gateway's own word: see `reports/…`, which begins them.
            ("report", "begin") => {
                return Err(Problem::bad_request(
                    "A report is begun by POST reports/access-audit, reports/overrides or reports/complaints.",
                ));
            }
            _ => {}
        }
        serde_json::from_value(Value::Object(body)).map_err(|error| {
            let said = error.to_string();
            let words = [TextError::Form, TextError::Number].map(|error| error.to_string());
            let why = what_was_expected(&error)
                .or_else(|| words.into_iter().find(|words| said.starts_with(words)));
            Problem::bad_request(why.map_or_else(
                || {
                    "The step is unknown, or a member of it has a value that it cannot have."
                        .to_owned()
                },
                |why| format!("The step is not as it must be: {why}."),
            ))
        })
    }
}

fn kind_name<C: Case>() -> &'static str {
    crate::oversight::cases::kind_name(C::KIND)
}

/// Puts FHIR ids in the place of NHS numbers, and refuses what is neither.
pub(super) fn name_patients(body: &mut Map<String, Value>, ids: &IdKey) -> Result<(), Problem> {
    let wrong = || Problem::bad_request("A patient is named by NHS number or by FHIR id.");
    let number = |value: &Value| -> Result<PatientId, Problem> {
        let text = value.as_str().ok_or_else(wrong)?;
        let number = NhsNumber::parse(text).map_err(|_| wrong())?;
        Ok(ids.patient(&number))
    };
    let id = |value: &Value| -> Result<PatientId, Problem> {
        let text = value.as_str().ok_or_else(wrong)?;
        PatientId::owner_of(text)
            .filter(|patient| patient.as_str() == text)
            .ok_or_else(wrong)
    };
    if let Some(value) = body.remove("nhs_number") {
        if body.contains_key("patient") {
            return Err(wrong());
        }
        body.insert("patient".to_owned(), json!(number(&value)?));
    } else if let Some(value) = body.get("patient") {
        id(value)?;
    }
    if let Some(value) = body.remove("nhs_numbers") {
        if body.contains_key("patients") {
            return Err(wrong());
        }
        let all: Vec<PatientId> = value
            .as_array()
            .ok_or_else(wrong)?
            .iter()
            .map(number)
            .collect::<Result<_, _>>()?;
        body.insert("patients".to_owned(), json!(all));
    } else if let Some(value) = body.get("patients") {
        for one in value.as_array().ok_or_else(wrong)? {
            id(one)?;
        }
    }
    Ok(())
}
