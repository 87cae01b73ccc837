//! SystmOne-style source: ClientIntegration `GetPatientRecord` over HTTP POST or raw TCP.

mod code;
mod dates;
mod event;
mod record;
mod tcp;

use bytes::Bytes;

use self::record::{Answer, Said};
pub use self::tcp::{End, end};
use super::http::SharedHttp;
use super::{BoxFuture, Parts, RecordAsk, SourceAdapter, SourceError, SourceLimits, SourceReply};
use crate::record::{GpRecord, OdsCode};

/// One SystmOne unit (or several behind one address).
pub struct SystmOneAdapter {
    endpoint: Endpoint,
    limits: SourceLimits,
    api_key: String,
    http: SharedHttp,
}

enum Endpoint {
    Http(String),
    Tcp(String),
}

impl SystmOneAdapter {
    /// `endpoint` is `http(s)://…` or `tcp://host:port`; `api_key` is the unit's.
    #[must_use]
    pub fn new(endpoint: &str, api_key: String, limits: SourceLimits, http: SharedHttp) -> Self {
        let endpoint = match endpoint.strip_prefix("tcp://") {
            Some(address) => Endpoint::Tcp(address.to_owned()),
            None => Endpoint::Http(endpoint.to_owned()),
        };
        Self {
            endpoint,
            limits,
            api_key,
            http,
        }
    }

    async fn exchange(&self, request: String, ask: &RecordAsk) -> Result<Bytes, SourceError> {
        let about = Some(self.http.gates().about(&ask.nhs_number));
        match &self.endpoint {
            Endpoint::Http(url) => {
                let headers = [("content-type", "text/xml; charset=utf-8")];
                self.http
                    .post(url, &headers, request.into_bytes(), about, &self.limits)
                    .await?
                    .ok()
            }
            Endpoint::Tcp(address) => {
                // The real interface serves one request at a time (sources.md 4.1): the others queue, within a deadline.
                let one = SourceLimits {
                    max_concurrent: 1,
                    ..self.limits
                };
                let question = tcp::exchange(address, request.as_bytes(), self.limits.max_bytes);
                self.http
                    .gates()
                    .pass(address, about, &one, one.deadline, question, tcp::fared)
                    .await
                    .map(Bytes::from)
            }
        }
    }

    async fn ask(&self, ask: &RecordAsk) -> Result<SourceReply, SourceError> {
        let answer = self.exchange(request(ask, &self.api_key), ask).await?;
        read_answer(&answer, ask)
    }
}

impl SourceAdapter for SystmOneAdapter {
    fn fetch<'a>(&'a self, ask: &'a RecordAsk) -> BoxFuture<'a, Result<SourceReply, SourceError>> {
        Box::pin(self.ask(ask))
    }

    fn read(&self, message: &[u8], practice: &OdsCode) -> Result<GpRecord, SourceError> {
        read(message, practice)
    }
}

/// Reads the answer to a question: it must be about the patient asked for and echo the question's id.
///
/// # Errors
/// Not a `ClientIntegrationResponse`, a fault, or the answer to another question.
pub fn read_answer(answer: &[u8], ask: &RecordAsk) -> Result<SourceReply, SourceError> {
    let Answer { request_uid, said } = record::read(answer, &ask.practice)?;
    if request_uid.as_deref() != Some(ask.message_id.as_str()) {
        return Err(SourceError::Mismatch(
            "RequestUID is not the one that was sent",
        ));
    }
    match said {
        Said::Record(record)
            if record.patient.nhs_number.as_deref() == Some(ask.nhs_number.as_str()) =>
        {
            Ok(SourceReply::Record(record))
        }
        Said::Record(_) => Err(SourceError::Mismatch("the record of another patient")),
        Said::Refused(refusal) => Ok(SourceReply::Refused(refusal)),
        Said::Fault(code) => Err(SourceError::Fault(code)),
    }
}

/// Reads one answer at hand.
///
/// # Errors
/// Not a `ClientIntegrationResponse` with a record.
pub fn read(message: &[u8], practice: &OdsCode) -> Result<GpRecord, SourceError> {
    match record::read(message, practice)?.said {
        Said::Record(record) => Ok(*record),
        Said::Refused(_) => Err(SourceError::Mismatch("a refusal, not a record")),
        Said::Fault(code) => Err(SourceError::Fault(code)),
    }
}

/// The request (docs/sources-wire.md). Every value is ours or checked, but all are escaped all the same.
fn request(ask: &RecordAsk, api_key: &str) -> String {
    let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
    format!(
        "<ClientIntegrationRequest><APIKey>{}</APIKey><DeviceID>openmig</DeviceID><DeviceVersion>1.0</DeviceVersion>\
         <RequestUID>{}</RequestUID><Function>GetPatientRecord</Function><FunctionVersion>1.0</FunctionVersion>\
         <OutputScheme><Drugs>Dmd</Drugs><Codes>CTV3</Codes></OutputScheme>\
         <FunctionParameters><Identity><NhsNumber>{}</NhsNumber></Identity><Organisation>{}</Organisation>{}\
         </FunctionParameters></ClientIntegrationRequest>",
        escape(api_key),
        escape(&ask.message_id),
        escape(ask.nhs_number.as_str()),
        escape(&ask.practice.0),
        match ask.parts {
            Parts::Whole => "",
            Parts::Medication => "<Medication/>",
        },
    )
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod number_tests;
#[cfg(test)]
mod tests;
