//! Consent of the occasion, and the trail for a practice's audit client: what is not clinical.

use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use uuid::Uuid;

use super::non_clinical::NonClinical;
use super::outcome::ApiError;
use super::state::{Api, Visit};
use crate::access::catalogue;
use crate::audit::fhir::{Gateway, audit_event};
use crate::audit::reader::{Cursor, Filter, StoredEvent};
use crate::audit::{AuditEntry, Disclosure, Interaction, Origin, What};
use crate::fhir::{PatientId, to_json};
use crate::occasion::consent_fhir;
use crate::record::OdsCode;
use crate::smart::caller::Caller;
use crate::smart::scope::ScopeType;
use crate::tabs::SearchError;

/// Events on a page where `_count` says nothing, and at most.
const DEFAULT_COUNT: usize = 50;
const MAX_COUNT: usize = 200;

impl Api {
    /// `GET [base]/Consent/[id]`: the consent of this very occasion.
    ///
    /// # Errors
    /// 403, 404 or 503, each with its audit row.
    pub async fn read_consent(&self, visit: &Visit, id: &str) -> Result<Response, ApiError> {
        let interaction = || Interaction::read(None, id);
        let found = if visit.caller.scopes.allows_read(ScopeType::Consent) {
            self.consent(visit).and_then(|consent| {
                consent
                    .filter(|(own, _)| own == id)
                    .map(|(_, json)| json)
                    .ok_or_else(ApiError::not_found)
            })
        } else {
            Err(ApiError::insufficient_scope())
        };
        match found {
            Ok(json) => {
                self.disclose(visit, other(interaction(), vec![format!("Consent/{id}")]))
                    .await?;
                Ok(NonClinical::written(json).into_response())
            }
            Err(error) => Err(self.refuse(visit, interaction(), error).await),
        }
    }

    /// `GET [base]/Consent?patient=…`.
    ///
    /// # Errors
    /// 400, 403 or 503, each with its audit row.
    pub async fn search_consents(
        &self,
        visit: &Visit,
        params: &[(String, String)],
    ) -> Result<Response, ApiError> {
        let value = |name: &str| {
            params
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.as_str())
        };
        let found = if visit.caller.scopes.allows_search(ScopeType::Consent) {
            match (value("patient"), value("_id")) {
                (None, None) => Err(ApiError::bad_request(
                    "patient-required",
                    "Name the patient: `patient=<id>`.",
                )),
                (Some(patient), _)
                    if patient.trim_start_matches("Patient/") != visit.patient.as_str() =>
                {
                    Err(ApiError::forbidden(
                        "other-patient",
                        "The token is for one patient, and the search names another.",
                    ))
                }
                (_, id) => self
                    .consent(visit)
                    .map(|consent| consent.filter(|(own, _)| id.is_none_or(|id| id == own))),
            }
        } else {
            Err(ApiError::insufficient_scope())
        };
        match found {
            Ok(consent) => {
                let ids: Vec<String> = consent
                    .iter()
                    .map(|(id, _)| format!("Consent/{id}"))
                    .collect();
                self.disclose(visit, other(interaction("search-type", "patient"), ids))
                    .await?;
                let link = format!("{}/Consent?patient={}", self.base, visit.patient);
                let entries: Vec<_> = consent
                    .into_iter()
                    .map(|(id, json)| ("Consent", id, json))
                    .collect();
                Ok(
                    NonClinical::searchset(&self.base, &link, None, Some(entries.len()), &entries)
                        .into_response(),
                )
            }
            Err(error) => Err(self
                .refuse(visit, interaction("search-type", "patient"), error)
                .await),
        }
    }

    /// The occasion's Consent; `None` where it was opened by an override.
    fn consent(&self, visit: &Visit) -> Result<Option<(String, Vec<u8>)>, ApiError> {
        let row = &visit.occasion.row;
        let Some(id) = row.consent.clone() else {
            return Ok(None);
        };
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::error!(error = %error, "a Consent could not be written");
            ApiError::unavailable("store-unavailable", "The gateway's store does not answer.")
        };
        let talk = self.occasions.talk(row).map_err(|e| unreadable(&e))?;
        let consent = consent_fhir::consent(row, talk.as_ref(), &self.register.current())
            .map_err(|e| unreadable(&e))?;
        let json = to_json(&consent).map_err(|e| unreadable(&e))?;
        Ok(Some((id, json)))
    }

    /// `GET [base]/AuditEvent/[id]`, for a practice's audit client.
    ///
    /// # Errors
    /// 403, 404 or 503, each with its audit row.
    pub async fn read_event(
        &self,
        caller: &Caller,
        id: &str,
        origin: Origin,
    ) -> Result<Response, ApiError> {
        let found = self.events_of(caller).and_then(|mut filter| {
            filter.id = Some(id.parse().map_err(|_| ApiError::not_found())?);
            let page = self
                .trail
                .events(&filter, 1, None)
                .map_err(|error| trail_down(&error))?;
            page.events
                .into_iter()
                .next()
                .ok_or_else(ApiError::not_found)
        });
        let interaction = Interaction::read(None, id);
        match found {
            Ok(event) => {
                let json = self.event_json(&event)?;
                self.disclose_trail(
                    caller,
                    origin,
                    other(interaction, vec![format!("AuditEvent/{id}")]),
                    None,
                )
                .await?;
                Ok(NonClinical::written(json).into_response())
            }
            Err(error) => Err(self
                .refuse_stranger(Some(caller), origin, interaction, error)
                .await),
        }
    }

    /// `GET [base]/AuditEvent?…`, for a practice's audit client: its own patients' events, newest first (R121).
    ///
    /// # Errors
    /// 400, 403 or 503, each with its audit row.
    pub async fn search_events(
        &self,
        caller: &Caller,
        params: &[(String, String)],
        origin: Origin,
    ) -> Result<Response, ApiError> {
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        let interaction = interaction("search-type", &names.join("&"));
        let asked = self
            .events_of(caller)
            .and_then(|filter| EventSearch::read(filter, params));
        let asked = asked.and_then(|asked| Ok((self.after(&asked)?, asked)));
        let (after, asked) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                return Err(self
                    .refuse_stranger(Some(caller), origin, interaction, error)
                    .await);
            }
        };
        let page = self
            .trail
            .events(&asked.filter, asked.count, after)
            .map_err(|error| trail_down(&error))?;
        let mut entries = Vec::with_capacity(page.events.len());
        for event in &page.events {
            entries.push(("AuditEvent", event.id.to_string(), self.event_json(event)?));
        }
        let ids = page
            .events
            .iter()
            .map(|event| format!("AuditEvent/{}", event.id))
            .collect();
        let patient = asked.filter.patient.clone();
        self.disclose_trail(caller, origin, other(interaction, ids), patient)
            .await?;
        let link = |page: Option<Uuid>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(asked.understood.iter().filter(|(name, _)| name != "_page"));
            if let Some(last) = page {
                query.append_pair("_page", &last.to_string());
            }
            format!("{}/AuditEvent?{}", self.base, query.finish())
        };
        let last = page.events.last().map(|event| event.id);
        let next = page.next.and(last).map(|last| link(Some(last)));
        Ok(NonClinical::searchset(
            &self.base,
            &link(asked.after),
            next.as_deref(),
            None,
            &entries,
        )
        .into_response())
    }

    /// Where a page begins: behind an event that this caller has been shown.
    fn after(&self, asked: &EventSearch) -> Result<Option<Cursor>, ApiError> {
        let Some(last) = asked.after else {
            return Ok(None);
        };
        let filter = Filter {
            id: Some(last),
            ..asked.filter.clone()
        };
        let page = self
            .trail
            .events(&filter, 1, None)
            .map_err(|error| trail_down(&error))?;
        let event = page.events.first();
        event
            .map(|event| Some(Cursor(event.seq)))
            .ok_or_else(|| ApiError::bad_request("invalid-page", SearchError::Page.to_string()))
    }

    /// The trail that this caller may read: its practice's, and nothing else.
    fn events_of(&self, caller: &Caller) -> Result<Filter, ApiError> {
        let practice = caller
            .audit_of
            .clone()
            .filter(|_| caller.scopes.allows_search(ScopeType::AuditEvent));
        // A token outlives neither a suspension nor the client's own place in the register (R108, R155).
        let register = self.register.current();
        let holds = self.register.holds(self.clock.now()).ok();
        // Where nobody can say, it is held.
        let held = |practice: &OdsCode| {
            holds
                .as_ref()
                .is_none_or(|holds| holds.organisations.contains(practice))
        };
        let stands = |practice: &OdsCode| {
            let found = register.organisations.get(practice);
            let client = register.clients.get(&caller.client);
            found.is_some_and(|found| !found.is_stopped())
                && client.is_some_and(|client| client.audit_of.as_ref() == Some(practice))
                && !held(practice)
        };
        match practice {
            Some(practice) if !stands(&practice) => Err(ApiError::forbidden(
                "organisation-suspended",
                catalogue::description("organisation-suspended"),
            )),
            Some(practice) => Ok(Filter {
                practice: Some(practice),
                ..Filter::default()
            }),
            None => Err(ApiError::insufficient_scope()),
        }
    }

    fn event_json(&self, event: &StoredEvent) -> Result<Vec<u8>, ApiError> {
        let gateway = Gateway {
            base: self.base.clone(),
        };
        to_json(&audit_event(event, &gateway)).map_err(|error| {
            tracing::error!(error = %error, "an AuditEvent could not be written");
            ApiError::unavailable("store-unavailable", "The trail cannot be read.")
        })
    }

    /// Looking at the trail is in the trail (governance.md 4.3).
    async fn disclose_trail(
        &self,
        caller: &Caller,
        origin: Origin,
        disclosure: Disclosure,
        patient: Option<PatientId>,
    ) -> Result<(), ApiError> {
        let mut entry = AuditEntry::new(self.clock.now(), What::Disclosure(disclosure), origin);
        entry.client = Some(caller.client.clone());
        entry.viewer = Some(caller.organisation.clone());
        entry.practice.clone_from(&caller.audit_of);
        entry.patient = patient;
        entry.basis = Some("practice-audit".to_owned());
        entry.policy = Some(self.register.current().hash.clone());
        entry.token = Some(crate::smart::token::token_id(&caller.token_hash));
        self.write(entry).await
    }
}

/// A search of the trail as understood.
struct EventSearch {
    /// For the links: what is not understood may be anything.
    understood: Vec<(String, String)>,
    filter: Filter,
    count: usize,
    /// The last event of the page before. Not its number in the trail: how many others there are is nobody's business.
    after: Option<Uuid>,
}

impl EventSearch {
    fn read(mut filter: Filter, params: &[(String, String)]) -> Result<Self, ApiError> {
        let wrong = |name: &str| {
            ApiError::bad_request("invalid-parameter", format!("{name} cannot be read."))
        };
        let (mut count, mut after) = (DEFAULT_COUNT, None);
        let mut understood = Vec::new();
        for (name, value) in params {
            match name.as_str() {
                "patient" | "entity" => {
                    let id = value.trim_start_matches("Patient/");
                    // An id that is nobody's finds nothing, as any other does.
                    let patient = PatientId::owner_of(id).filter(|patient| patient.as_str() == id);
                    filter.patient = Some(patient.ok_or_else(|| wrong("patient"))?);
                }
                "_id" => filter.id = Some(value.parse().map_err(|_| wrong("_id"))?),
                "date" => {
                    let (prefix, text) = value.split_at_checked(2).ok_or_else(|| wrong("date"))?;
                    let (prefix, text) = if prefix.bytes().all(|b| b.is_ascii_alphabetic()) {
                        (prefix, text)
                    } else {
                        ("eq", value.as_str())
                    };
                    let (start, end) =
                        crate::release::dates::range(text).ok_or_else(|| wrong("date"))?;
                    let at = |millis: i64| {
                        Timestamp::from_millisecond(millis).map_err(|_| wrong("date"))
                    };
                    match prefix {
                        "ge" => filter.since = Some(at(start)?),
                        "gt" | "sa" => filter.since = Some(at(end)?),
                        "lt" | "eb" => filter.until = Some(at(start)?),
                        "le" => filter.until = Some(at(end)?),
                        "eq" => {
                            filter.since = Some(at(start)?);
                            filter.until = Some(at(end)?);
                        }
                        _ => return Err(wrong("date")),
                    }
                }
                "_count" => {
                    count = value
                        .parse::<usize>()
                        .map_err(|_| wrong("_count"))?
                        .clamp(1, MAX_COUNT)
                }
                "_page" => after = Some(value.parse().map_err(|_| wrong("_page"))?),
                // To ignore one of these would answer another question: everybody's events in place of one patient's.
                name if name.contains([':', '.']) || name == "_has" => {
                    return Err(ApiError::bad_request(
                        "modifier-not-supported",
                        "Modifiers and chained parameters are not supported.",
                    ));
                }
                _ => continue,
            }
            understood.push((name.clone(), value.clone()));
        }
        Ok(Self {
            understood,
            filter,
            count,
            after,
        })
    }
}

fn interaction(name: &'static str, query: &str) -> Interaction {
    Interaction {
        name,
        kind: None,
        query: query
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect(),
    }
}

fn other(interaction: Interaction, other_ids: Vec<String>) -> Disclosure {
    Disclosure {
        interaction,
        version: None,
        entries: Vec::new(),
        other_ids,
    }
}

fn trail_down(error: &crate::store::StoreError) -> ApiError {
    tracing::error!(error = %error, "the trail could not be read");
    ApiError::unavailable("store-unavailable", "The trail cannot be read.")
}
