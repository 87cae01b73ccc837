//! One authenticated call: who asks, what, and the audit row that it leaves.

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::answer::{About, Problem};
use crate::audit::{AuditEntry, Interaction, Origin, Overseen, What};
use crate::oversight::Actor;
use crate::register::{OrganisationKind, Register};
use crate::smart::person::Overseer;
use crate::store::notices::names_a_patient;

/// A call of somebody whom the register knows now.
#[derive(Debug)]
pub struct Call {
    /// Who.
    pub overseer: Overseer,
    /// The register in force when the call began.
    pub register: Arc<Register>,
    /// When it began.
    pub now: Timestamp,
    /// Request id and address.
    pub origin: Origin,
    /// Method.
    pub method: Method,
    /// The path below `/oversight/v1`.
    pub path: Vec<String>,
    /// Query parameters that no handler has taken yet.
    pub query: Vec<(String, String)>,
    /// Those that were understood, for the audit row.
    pub understood: Vec<(String, String)>,
    /// Bytes of the body.
    pub body: Vec<u8>,
}

impl Call {
    /// The person.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.overseer.person.actor
    }

    /// Takes one query parameter.
    ///
    /// # Errors
    /// It is there twice, or could be a patient's number: those are sent in bodies only.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = None;
        while let Some(at) = self.query.iter().position(|(known, _)| known == name) {
            let (_, value) = self.query.swap_remove(at);
            if found.is_some() {
                return Err(Problem::bad_request(format!(
                    "The parameter {name} is there twice."
                )));
            }
            if value.len() > 300 || value.chars().any(char::is_control) || names_a_patient(&value) {
                return Err(Problem::bad_request(format!(
                    "The parameter {name} is too long, or could be an NHS number, which is sent in a body only."
                )));
            }
            found = Some(value);
        }
        if let Some(value) = &found {
            self.understood.push((name.to_owned(), value.clone()));
        }
        Ok(found)
    }

    /// Nothing may be left: a misspelt filter would otherwise widen the answer.
    ///
    /// # Errors
    /// A parameter that is not understood.
    pub fn no_more(&self) -> Result<(), Problem> {
        if self.query.is_empty() {
            Ok(())
        } else {
            Err(Problem::bad_request(
                "There is a query parameter that this path does not know.",
            ))
        }
    }

    /// The body.
    ///
    /// # Errors
    /// Not JSON of this shape; the reason names the place, never the content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Problem::bad_request(format!(
                "The body is not the JSON object that this path takes (line {}, column {}).",
                error.line(),
                error.column()
            ))
        })
    }

    /// The audit row of this call.
    #[must_use]
    pub fn entry(&self, about: &About) -> AuditEntry {
        let overseer = &self.overseer;
        let what = What::Oversight(Overseen {
            interaction: Interaction {
                name: if self.method == Method::GET || self.method == Method::HEAD {
                    "oversight-read"
                } else {
                    "oversight-act"
                },
                kind: None,
                query: self.question(),
            },
            other_ids: about.ids.clone(),
        });
        let mut entry = AuditEntry::new(self.now, what, self.origin.clone());
        let username = overseer.person.actor.username();
        entry.client = Some(overseer.client.clone());
        entry.clinician = Some(username.to_owned());
        entry.role = self
            .register
            .users
            .get(username)
            .map(|user| user.role.clone());
        entry.assurance.clone_from(&overseer.assurance);
        let own = overseer.person.organisation.clone();
        let kind = own
            .as_ref()
            .and_then(|ods| self.register.organisations.get(ods))
            .map(|organisation| organisation.kind);
        match kind {
            Some(OrganisationKind::Practice) => entry.practice = own,
            _ => entry.viewer = own,
        }
        if about.practice.is_some() {
            entry.practice.clone_from(&about.practice);
        }
        entry.patient.clone_from(&about.patient);
        entry.basis = Some("oversight".to_owned());
        if let Some((purpose, basis)) = &about.gateway {
            entry.purpose = vec![purpose.clone()];
            entry.basis = Some(basis.clone());
        }
        entry.policy = Some(self.register.hash.clone());
        entry.token = Some(overseer.token.clone());
        entry
    }

    /// What was asked, as far as it is sure to hold nothing of a patient.
    fn question(&self) -> String {
        question(&self.method, &self.path, &self.understood)
    }
}

/// Method, path and understood parameters; a part of the path that is neither a word, an ODS code nor an id of ours is left
/// out, because it may be anything.
pub(super) fn question(method: &Method, path: &[String], params: &[(String, String)]) -> String {
    let mut text = format!("{method} /oversight/v1");
    for part in path {
        let word = |b: u8| b.is_ascii_lowercase() || b == b'-';
        let code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let short = (1..=40).contains(&part.len());
        let kept = short
            && (part.bytes().all(word)
                || Uuid::parse_str(part).is_ok()
                || (part.len() <= 10
                    && part.bytes().all(code)
                    && part.bytes().any(|b| b.is_ascii_uppercase()))
                || part
                    .strip_prefix('v')
                    .is_some_and(|n| n.parse::<u16>().is_ok()));
        text.push('/');
        text.push_str(if kept { part } else { "(other)" });
    }
    if !params.is_empty() {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(params)
            .finish();
        text.push('?');
        text.push_str(&query);
    }
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R128, R145: what stands in an address goes into the trail only where it cannot be a patient's
    #[test]
    fn the_question_holds_nothing_of_a_patient() {
        let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        let of = |text: &str| question(&Method::GET, &path(text), &[]);
        assert_eq!(of("reports/misuse"), "GET /oversight/v1/reports/misuse");
        assert_eq!(of("reports/Z99001"), "GET /oversight/v1/reports/Z99001");
        for text in ["9990000018", "Joan Bloggs", "999-000-0018", "a'b"] {
            assert_eq!(
                of(&format!("cases/{text}")),
                "GET /oversight/v1/cases/(other)"
            );
        }
    }
}
