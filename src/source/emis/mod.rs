//! EMIS-style source: SOAP and ITK around OpenHR 2.1 or an EMIS Open `MedicalRecord`.
//!
//! One folder per format; what both share (codes, dates, numbers, drawing links, counting losses) stands beside them.
//! Invariants: a record is only given out for the patient asked for; a policy that the message does not explain
//! restricts; nothing that was typed as free text enters the record; what is left behind is in the losses.

mod codes;
mod dates;
mod draft;
mod emis_open;
mod envelope;
mod identifying;
mod losses;
mod openhr;
mod standing;
mod values;
mod words;

#[cfg(test)]
mod tests;

use crate::record::{GpRecord, OdsCode, PartialDate};
use crate::source::http::SharedHttp;
use crate::source::xml::Pull;
use crate::source::{BoxFuture, RecordAsk, SourceAdapter, SourceError, SourceLimits, SourceReply};

/// Asks one EMIS-style endpoint.
pub struct EmisAdapter {
    endpoint: String,
    limits: SourceLimits,
    http: SharedHttp,
}

impl EmisAdapter {
    /// An adapter for the endpoint (an `http` or `https` URL), with its deadline and caps.
    #[must_use]
    pub fn new(endpoint: String, limits: SourceLimits, http: SharedHttp) -> Self {
        Self {
            endpoint,
            limits,
            http,
        }
    }

    async fn ask(&self, ask: &RecordAsk) -> Result<SourceReply, SourceError> {
        let action = format!("\"{}\"", envelope::ACTION);
        let headers = [
            ("content-type", "text/xml; charset=utf-8"),
            ("soapaction", action.as_str()),
        ];
        let about = Some(self.http.gates().about(&ask.nhs_number));
        let body = envelope::request(ask, &self.endpoint).into_bytes();
        let reply = self
            .http
            .post(&self.endpoint, &headers, body, about, &self.limits)
            .await?;
        match reply.status {
            200 => envelope::answer(&reply.body, ask),
            // SOAP 1.1 sends faults with status 500; what is no SOAP there is only a broken server.
            500 => Err(match envelope::answer(&reply.body, ask) {
                Err(fault @ SourceError::Fault(_)) => fault,
                _ => SourceError::Status(500),
            }),
            other => Err(SourceError::Status(other)),
        }
    }
}

impl SourceAdapter for EmisAdapter {
    fn fetch<'a>(&'a self, ask: &'a RecordAsk) -> BoxFuture<'a, Result<SourceReply, SourceError>> {
        Box::pin(self.ask(ask))
    }

    fn read(&self, message: &[u8], practice: &OdsCode) -> Result<GpRecord, SourceError> {
        read(message, practice)
    }
}

/// Reads the answer to a question, SOAP and ITK envelope and all.
///
/// # Errors
/// Not acceptable XML, a fault, an answer to another question, or the record of someone else.
pub fn read_answer(answer: &[u8], ask: &RecordAsk) -> Result<SourceReply, SourceError> {
    envelope::answer(answer, ask)
}

/// A date as any of the places where EMIS writes one would read it; those that cannot read it are left out.
#[must_use]
pub fn read_dates(text: &str) -> Vec<PartialDate> {
    let parts = [
        None,
        Some("U"),
        Some("Y"),
        Some("YM"),
        Some("YMD"),
        Some("YMDT"),
    ];
    let by_part = parts.map(|part| dates::by_part(part, Some(text)));
    let others = [
        dates::iso_day(text),
        dates::written(text),
        dates::iso_moment(text),
        dates::assigned(Some(text), None, None),
        dates::assigned(Some(text), Some("4"), None),
        dates::assigned(Some("01/02/2003"), Some("4"), Some(text)),
    ];
    by_part.into_iter().chain(others).flatten().collect()
}

/// Reads a message at hand: our SOAP answer, a bare `openHealthRecord` or `MedicalRecord`, or either in any other envelope.
/// Who asked and for whom is not known here, so nothing is said about sharing.
///
/// # Errors
/// Not acceptable XML, or neither of the two in it.
pub fn read(message: &[u8], practice: &OdsCode) -> Result<GpRecord, SourceError> {
    let mut pull = Pull::new(message)?;
    while let Some(start) = pull.next_start()? {
        let record = match start.name.as_str() {
            "openHealthRecord" => openhr::read(&mut pull, &start, None, practice)?,
            "MedicalRecord" => emis_open::read(&mut pull, &start, practice)?,
            _ => continue,
        };
        pull.finish()?;
        return Ok(record);
    }
    Err(SourceError::Mismatch(
        "it holds neither an openHealthRecord nor a MedicalRecord",
    ))
}
