//! The viewing organisation's own list of patients registered for treatment (R104).

use jiff::civil::Date;

use crate::record::{NhsNumber, OdsCode};
use crate::source::http::SharedHttp;
use crate::source::{BoxFuture, SourceError, SourceLimits};

/// Something that knows who is registered for treatment where.
pub trait Worklist: Send + Sync {
    /// Is this patient registered for treatment at this organisation now?
    ///
    /// # Errors
    /// The organisation's system did not answer: unknown, so the caller must refuse.
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<bool, SourceError>>;
}

/// Somebody on a viewer's own worklist, as that viewer knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub nhs_number: NhsNumber,
    /// Name, where the list has one.
    pub name: Option<String>,
    /// Date of birth (ISO 8601), where the list has one.
    pub birth_date: Option<Date>,
}

/// Something that can show a viewer its own worklist: for the pages on which a clinician picks a patient.
pub trait Directory: Send + Sync {
    /// The first [`LISTED`] of those who are registered for treatment at this organisation now.
    ///
    /// # Errors
    /// The organisation's system did not answer.
    fn list<'a>(&'a self, viewer: &'a OdsCode) -> BoxFuture<'a, Result<Vec<Listed>, SourceError>>;

    /// This person, if registered for treatment there now.
    ///
    /// # Errors
    /// The organisation's system did not answer.
    fn find<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<Option<Listed>, SourceError>>;
}

/// The worklist of a viewer's own system over HTTP (docs/sources-wire.md).
pub struct HttpWorklist {
    base: String,
    limits: SourceLimits,
    http: SharedHttp,
}

#[derive(serde::Deserialize)]
struct Answer {
    registered: bool,
    name: Option<String>,
    birth_date: Option<String>,
}

#[derive(serde::Deserialize)]
struct Line {
    nhs_number: String,
    name: Option<String>,
    birth_date: Option<String>,
}

/// People of a worklist that are asked for; anybody else is found by number.
pub const LISTED: usize = 100;

fn listed(nhs_number: NhsNumber, name: Option<String>, birth_date: Option<&str>) -> Listed {
    Listed {
        nhs_number,
        name: name.filter(|name| !name.trim().is_empty()),
        birth_date: birth_date.and_then(|date| date.parse().ok()),
    }
}

impl HttpWorklist {
    /// `base` is the URL in front of `/worklist/…`.
    #[must_use]
    pub fn new(base: &str, limits: SourceLimits, http: SharedHttp) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            limits,
            http,
        }
    }
}

impl HttpWorklist {
    async fn ask(&self, viewer: &OdsCode, nhs_number: &NhsNumber) -> Result<Answer, SourceError> {
        let url = format!("{}/worklist/{viewer}/find", self.base);
        // The number goes in the body, so that it is in no log of any server between.
        let body = serde_json::json!({"nhs_number": nhs_number.as_str()}).to_string();
        let headers = [("content-type", "application/json")];
        let about = Some(self.http.gates().about(nhs_number));
        let answer = self
            .http
            .post(&url, &headers, body.into_bytes(), about, &self.limits)
            .await?
            .ok()?;
        answer_of(&answer)
    }
}

impl Worklist for HttpWorklist {
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        Box::pin(async move { Ok(self.ask(viewer, nhs_number).await?.registered) })
    }
}

impl Directory for HttpWorklist {
    fn list<'a>(&'a self, viewer: &'a OdsCode) -> BoxFuture<'a, Result<Vec<Listed>, SourceError>> {
        Box::pin(async move {
            let url = format!("{}/worklist/{viewer}?offset=0&limit={LISTED}", self.base);
            let answer = self.http.get(&url, &[], None, &self.limits).await?.ok()?;
            let lines: Vec<Line> = serde_json::from_slice(&answer)
                .map_err(|_| SourceError::Mismatch("the worklist is not readable"))?;
            // Somebody without a usable number cannot be asked about; the others still can.
            Ok(lines
                .into_iter()
                .filter_map(|line| {
                    let number = NhsNumber::parse(&line.nhs_number).ok()?;
                    Some(listed(number, line.name, line.birth_date.as_deref()))
                })
                .collect())
        })
    }

    fn find<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<Option<Listed>, SourceError>> {
        Box::pin(async move {
            let answer = self.ask(viewer, nhs_number).await?;
            Ok(answer.registered.then(|| {
                listed(
                    nhs_number.clone(),
                    answer.name,
                    answer.birth_date.as_deref(),
                )
            }))
        })
    }
}

/// Reads the worklist's answer.
///
/// # Errors
/// It does not say yes or no.
pub fn read(answer: &[u8]) -> Result<bool, SourceError> {
    answer_of(answer).map(|answer| answer.registered)
}

fn answer_of(answer: &[u8]) -> Result<Answer, SourceError> {
    serde_json::from_slice(answer)
        .map_err(|_| SourceError::Mismatch("the worklist's answer is not readable"))
}
