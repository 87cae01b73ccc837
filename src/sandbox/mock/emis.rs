//! The EMIS-style mock: SOAP 1.1 in, OpenHR or EMIS Open out.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{DefaultBodyLimit, State};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use tokio::net::TcpListener;

use super::faults::FaultKind;
use super::request::{self, Message, Progress};
use super::state::{MockState, Source};
use super::wire::{self, Answer, Line};
use super::write::{Xml, emis_open, openhr};
use crate::clock::new_id;
use crate::sandbox::story::{Behaviour, Person, Sharing};

/// Practices whose systems this service plays.
const SERVED: [&str; 3] = ["Z99001", "Z99003", "Z99005"];
/// The practice that answers in EMIS Open; the others answer in OpenHR.
const EMIS_OPEN: &str = "Z99005";
const MEDIA: &str = "text/xml; charset=utf-8";
const ACTION: &str = "emis:transactionim:records:resp_GetPatientRecord_V1_0";
const METHOD: &str = "Emis.Interop.PatientAPI.GetPatientRecord";
const SERVICE: &str = "emis:transactionim:records:GetPatientRecord-v1-0";
/// Bytes of a question.
const MAX_QUESTION: usize = 256 * 1024;

/// Serves SOAP until `shutdown`.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    state: Arc<MockState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .with_state(state);
    wire::serve(listener, routes, shutdown).await
}

/// A question that can be answered.
struct Question {
    message_id: String,
    practice: String,
    nhs_number: String,
}

async fn answer(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    question: Bytes,
) -> Response<Body> {
    state.count(Source::Emis);
    let fault = state.faults().take(Source::Emis);
    let answer = match (method, read(&question)) {
        (Method::POST, Ok(question)) => {
            let other = fault == Some(FaultKind::WrongPatient);
            outcome(&state, &question, other).await
        }
        (Method::POST, Err(why)) => refuse(why),
        _ => Answer::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "only POST".to_owned(),
        ),
    };
    wire::send(answer, fault, &line).await
}

fn read(bytes: &[u8]) -> Result<Question, &'static str> {
    let Progress::Whole(message, _) = request::read(bytes) else {
        return Err("the request is not well-formed XML");
    };
    let needed = |tail: &str| message.text(tail).map(str::to_owned);
    if message.root() != "Envelope" {
        return Err("the request is not a SOAP envelope");
    }
    if needed("RequestMethod/MethodDefinition/Name").as_deref() != Some(METHOD) {
        return Err("the request names no method that this service knows");
    }
    Ok(Question {
        message_id: needed("Envelope/Header/MessageID").ok_or("MessageID is missing")?,
        practice: practice(&message).ok_or("the address of the practice is missing")?,
        nhs_number: needed("Content/PatientAPI/NhsNumber").ok_or("NhsNumber is missing")?,
    })
}

fn practice(message: &Message) -> Option<String> {
    message
        .attribute("header/addresslist/address", "uri")?
        .strip_prefix("urn:nhs-uk:addressing:ods:")
        .map(str::to_owned)
}

async fn outcome(state: &MockState, question: &Question, somebody_else: bool) -> Answer {
    let person = if somebody_else {
        state.somebody_else(&question.nhs_number, &SERVED)
    } else {
        state.held_at(&question.nhs_number, &question.practice, &SERVED)
    };
    let Some(person) = person else {
        return soap(
            StatusCode::OK,
            respond(&question.message_id, |xml| xml.leaf("OutcomeCode", "3")),
        );
    };
    match person.behaviour {
        Behaviour::Restricted => soap(
            StatusCode::OK,
            respond(&question.message_id, |xml| xml.leaf("OutcomeCode", "4")),
        ),
        Behaviour::TimesOut => {
            tokio::time::sleep(wire::STALL).await;
            record(state, question, &person)
        }
        Behaviour::BrokenXml => {
            let mut whole = record(state, question, &person);
            whole.body = super::write::broken(whole.body);
            whole
        }
        Behaviour::Answers => record(state, question, &person),
    }
}

fn record(state: &MockState, question: &Question, person: &Person) -> Answer {
    let now = state.local_now();
    let body = respond(&question.message_id, |xml| {
        xml.leaf("OutcomeCode", "1");
        // Where the system cannot say, it says nothing.
        match person.sharing {
            Sharing::Implied => xml.leaf("ConsentToShare", "implied"),
            Sharing::Dissent => xml.leaf("ConsentToShare", "express-dissent"),
            Sharing::NotRecorded => {}
        }
        if person.practice == EMIS_OPEN {
            emis_open::write(xml, person, now);
        } else {
            openhr::write(xml, person, now);
        }
    });
    soap(StatusCode::OK, body)
}

fn soap(status: StatusCode, body: String) -> Answer {
    Answer::new(status, MEDIA, body)
}

/// The answer's envelope around the content of `PatientAPI`.
fn respond(relates_to: &str, content: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::with_capacity(256 * 1024);
    xml.declaration();
    xml.open_with(
        "soap:Envelope",
        &[
            ("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"),
            ("xmlns:wsa", "http://www.w3.org/2005/08/addressing"),
            ("xmlns:itk", "urn:nhs-itk:ns:201005"),
        ],
    );
    xml.open("soap:Header");
    xml.leaf("wsa:MessageID", &format!("uuid:{}", new_id()));
    xml.leaf("wsa:Action", ACTION);
    xml.leaf("wsa:RelatesTo", relates_to);
    xml.leaf("wsa:To", "http://www.w3.org/2005/08/addressing/anonymous");
    xml.close("soap:Header");
    xml.open("soap:Body");
    xml.open("itk:DistributionEnvelope");
    xml.open_with(
        "itk:header",
        &[("trackingid", &new_id().to_string()), ("service", SERVICE)],
    );
    xml.open_with("itk:manifest", &[("count", "1")]);
    xml.empty(
        "itk:manifestitem",
        &[("id", "p1"), ("mimetype", "text/xml")],
    );
    xml.close("itk:manifest");
    xml.close("itk:header");
    xml.open_with("itk:payloads", &[("count", "1")]);
    xml.open_with("itk:payload", &[("id", "p1")]);
    xml.open("EWDS");
    xml.open("ResponseBody");
    xml.open("ResponseMethod");
    xml.open("Content");
    xml.open("PatientAPI");
    content(&mut xml);
    for name in [
        "PatientAPI",
        "Content",
        "ResponseMethod",
        "ResponseBody",
        "EWDS",
        "itk:payload",
        "itk:payloads",
        "itk:DistributionEnvelope",
        "soap:Body",
        "soap:Envelope",
    ] {
        xml.close(name);
    }
    xml.into_string()
}

/// A SOAP fault (HTTP 500).
fn refuse(why: &str) -> Answer {
    let mut xml = Xml::with_capacity(1024);
    xml.declaration();
    xml.open_with(
        "soap:Envelope",
        &[("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/")],
    );
    xml.open("soap:Body");
    xml.open("soap:Fault");
    xml.leaf("faultcode", "soap:Client");
    xml.leaf("faultstring", "The request cannot be answered");
    xml.open("detail");
    xml.open_with(
        "migFault",
        &[("xmlns", "http://www.healthcaregateway.co.uk/mig")],
    );
    xml.open("serviceDefinition");
    xml.leaf("name", "GetPatientRecord");
    xml.leaf("version", "1.0.0.0");
    xml.close("serviceDefinition");
    xml.open("error");
    xml.leaf("category", "FATAL");
    xml.leaf("text", why);
    xml.close("error");
    xml.close("migFault");
    xml.close("detail");
    xml.close("soap:Fault");
    xml.close("soap:Body");
    xml.close("soap:Envelope");
    soap(StatusCode::INTERNAL_SERVER_ERROR, xml.into_string())
}
