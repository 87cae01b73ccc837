//! Read and search of the types that the tabs hold.
//!
//! The order is always the same: who asks, is the occasion open, does the token name the type, the record, the view of it
//! that this caller has, the answer's selection, the audit row on the disk, and only then the bytes.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::non_clinical::FHIR_JSON;
use super::outcome::ApiError;
use super::pieces;
use super::state::{Api, Visit};
use crate::audit::{Disclosure, Interaction};
use crate::fhir::{Kind, PatientId, uri};
use crate::release::{Clinical, Param, Released, Sight};
use crate::smart::scope;
use crate::tabs::catalogue::{Section, Tab, TabSet};
use crate::tabs::params::params;
use crate::tabs::{SearchAsk, SearchError, ToldTabs, bundle, incomplete, search};

/// A search as it came in.
pub struct SearchRequest {
    /// Decoded names and values in order.
    pub params: Vec<(String, String)>,
    /// `Prefer: handling=strict`.
    pub strict: bool,
}

impl Api {
    /// `GET [base]/[type]/[id]`.
    ///
    /// # Errors
    /// 403, 404 or 503, each with its audit row.
    pub async fn read(
        &self,
        visit: &Visit,
        kind: Kind,
        id: &str,
        headers: &HeaderMap,
    ) -> Result<Response, ApiError> {
        let interaction = || Interaction::read(Some(kind), id);
        match self.find(visit, kind, id).await {
            Ok((released, place, etag)) => {
                let disclosure = Disclosure {
                    interaction: interaction(),
                    version: Some(released.held().version().to_owned()),
                    entries: released.bitmap([&place]),
                    other_ids: Vec::new(),
                };
                let tabs = ToldTabs::of(&released, kind, &[], [&place]);
                self.disclose_of(visit, disclosure, Some(&tabs)).await?;
                let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
                    value.to_str().is_ok_and(|value| {
                        value
                            .split(',')
                            .any(|tag| tag.trim() == etag || tag.trim() == "*")
                    })
                });
                let mut response = if known {
                    StatusCode::NOT_MODIFIED.into_response()
                } else {
                    let clinical = released
                        .resource(kind, id)
                        .ok_or_else(ApiError::not_found)?;
                    clinical_response(clinical)
                };
                stamp(&mut response, &released);
                if let Ok(etag) = HeaderValue::from_str(&etag) {
                    response.headers_mut().insert(header::ETAG, etag);
                }
                Ok(response)
            }
            Err(error) => Err(self.refuse(visit, interaction(), error).await),
        }
    }

    async fn find(
        &self,
        visit: &Visit,
        kind: Kind,
        id: &str,
    ) -> Result<(Released, usize, String), ApiError> {
        if !visit.caller.scopes.allows_read(kind) {
            return Err(ApiError::insufficient_scope());
        }
        // Another patient's id is answered as an unknown one: which of the two it is would be news (smart.md 2.5).
        if PatientId::owner_of(id).as_ref() != Some(&visit.patient) {
            return Err(ApiError::not_found());
        }
        if kind == Kind::List && is_list_of_other_tab(visit, id) {
            return Err(tab_not_granted());
        }
        let released = self.view(visit, scope::Interaction::Read).await?;
        let (place, etag) = released
            .read(kind, id)
            .map(|(place, entry)| (place, entry.etag().to_owned()))
            .ok_or_else(ApiError::not_found)?;
        Ok((released, place, etag))
    }

    /// `GET [base]/[type]?…` and `POST [base]/[type]/_search`.
    ///
    /// # Errors
    /// 400, 403 or 503, each with its audit row.
    pub async fn search(
        &self,
        visit: &Visit,
        kind: Kind,
        request: &SearchRequest,
    ) -> Result<Response, ApiError> {
        let ask = SearchAsk {
            kind,
            params: &request.params,
            strict: request.strict,
            base: &self.base,
        };
        let interaction = |query: String| Interaction {
            name: "search-type",
            kind: Some(kind),
            query,
        };
        let found = self.select(visit, &ask).await;
        let (released, selection) = match found {
            Ok(found) => found,
            Err(error) => {
                return Err(self
                    .refuse(visit, interaction(names(&request.params)), error)
                    .await);
            }
        };
        let understood: Vec<String> = selection
            .understood
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let disclosure = Disclosure {
            interaction: interaction(bounded(&understood.join("&"))),
            version: Some(released.held().version().to_owned()),
            entries: released.bitmap(selection.shown()),
            other_ids: Vec::new(),
        };
        let tabs = ToldTabs::of(&released, kind, &request.params, selection.shown());
        self.disclose_of(visit, disclosure, Some(&tabs)).await?;
        // Spliced only now: while rows wait for the disk, no bodies wait in memory (rust.md 6).
        let outcome = incomplete::outcome(&released, kind);
        let mut response = clinical_response(bundle::searchset(
            &released,
            &self.base,
            &selection,
            &tabs,
            outcome.as_deref(),
        ));
        stamp(&mut response, &released);
        Ok(response)
    }

    async fn select(
        &self,
        visit: &Visit,
        ask: &SearchAsk<'_>,
    ) -> Result<(Released, crate::tabs::Selection), ApiError> {
        if !visit.caller.scopes.allows_search(ask.kind) {
            return Err(ApiError::insufficient_scope());
        }
        check_tabs(visit.occasion.tabs, ask)?;
        let released = self.view(visit, scope::Interaction::Search).await?;
        let selection = search(&released, ask).map_err(|error| told(&error))?;
        // Types that are there for others' sake have no `patient`; the token's one patient bounds them all the same. The
        // Patient is named by `_id` or `identifier` (R111).
        let by_patient = ask.kind == Kind::Patient
            || params(ask.kind)
                .iter()
                .any(|(param, _)| *param == Param::Patient);
        let by_id = ask.params.iter().any(|(name, _)| name == "_id");
        if by_patient && !selection.names_patient && !by_id {
            return Err(ApiError::bad_request(
                "patient-required",
                "Name the patient: `patient=<id>` (or `_id`).",
            ));
        }
        Ok((released, selection))
    }

    /// What this caller may see of the record: tabs of the occasion as it is now, and the token's scopes.
    async fn view(
        &self,
        visit: &Visit,
        interaction: scope::Interaction,
    ) -> Result<Released, ApiError> {
        let held = self.held(visit).await?;
        let sight = Sight {
            tabs: visit.occasion.tabs,
            scopes: &visit.caller.scopes,
            interaction,
        };
        Ok(sight.of(&held))
    }
}

/// A List that is named by its tab, where the tab is none of the occasion's.
fn is_list_of_other_tab(visit: &Visit, id: &str) -> bool {
    let code = id
        .get(visit.patient.as_str().len() + 1..)
        .unwrap_or_default();
    let tab = Tab::from_code(code).or_else(|| Section::from_code(code).map(Section::tab));
    tab.is_some_and(|tab| !visit.occasion.tabs.contains(tab))
}

/// A search that asks for a tab by name must have that tab: an empty answer would look like an empty tab (R034).
fn check_tabs(allowed: TabSet, ask: &SearchAsk<'_>) -> Result<(), ApiError> {
    for (name, value) in ask.params {
        let names_tab = name == "_tag" || (ask.kind == Kind::List && name == "code");
        if !names_tab {
            continue;
        }
        for value in value.split(',') {
            let code = match value.rsplit_once('|') {
                Some((uri::TAB | uri::SECTION, code)) => code,
                None => value,
                Some(_) => continue,
            };
            let tab = Tab::from_code(code).or_else(|| {
                crate::tabs::catalogue::Section::from_code(code)
                    .map(crate::tabs::catalogue::Section::tab)
            });
            match tab {
                Some(tab) if !allowed.contains(tab) => return Err(tab_not_granted()),
                Some(_) => {}
                None if ask.kind == Kind::List
                    && name == "code"
                    && !value.contains('|')
                    && code.parse::<u64>().is_err() =>
                {
                    return Err(ApiError::bad_request(
                        "unknown-tab",
                        "There is no such tab or section.",
                    ));
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn tab_not_granted() -> ApiError {
    ApiError::forbidden("tab-not-granted", "This occasion does not cover that tab.")
}

fn told(error: &SearchError) -> ApiError {
    match error {
        SearchError::OtherPatient => ApiError::forbidden(
            "other-patient",
            "The token is for one patient, and the search names another.",
        ),
        SearchError::Unknown(_) => ApiError::bad_request("unknown-parameter", error.to_string()),
        SearchError::Modifier(_) => {
            ApiError::bad_request("modifier-not-supported", error.to_string())
        }
        SearchError::Value { .. } => ApiError::bad_request("invalid-parameter", error.to_string()),
        SearchError::Page => ApiError::bad_request("invalid-page", error.to_string()),
        SearchError::PageExpired => ApiError::new(
            StatusCode::GONE,
            "expired",
            "page-expired",
            error.to_string(),
        ),
    }
}

fn clinical_response(clinical: Clinical) -> Response {
    let mut response = Response::new(pieces::body(clinical.into_pieces()));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, FHIR_JSON);
    response
}

/// When the record was retrieved (R010).
fn stamp(response: &mut Response, released: &Released) {
    if let Ok(at) = HeaderValue::from_str(released.held().last_modified()) {
        response.headers_mut().insert(header::LAST_MODIFIED, at);
    }
}

/// Names of parameters only: the values of a refused search may be anything.
fn names(params: &[(String, String)]) -> String {
    bounded(
        &params
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join("&"),
    )
}

/// At most 300 characters, for a row.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
