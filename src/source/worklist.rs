//! The viewing organisation's own list of patients registered for treatment (R104).

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

/// The worklist of a viewer's own system over HTTP (docs/sources-wire.md).
pub struct HttpWorklist {
    base: String,
    limits: SourceLimits,
    http: SharedHttp,
}

#[derive(serde::Deserialize)]
struct Answer {
    registered: bool,
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

impl Worklist for HttpWorklist {
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        Box::pin(async move {
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
            read(&answer)
        })
    }
}

/// Reads the worklist's answer.
///
/// # Errors
/// It does not say yes or no.
pub fn read(answer: &[u8]) -> Result<bool, SourceError> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_| SourceError::Mismatch("the worklist's answer is not readable"))?;
    Ok(answer.registered)
}
