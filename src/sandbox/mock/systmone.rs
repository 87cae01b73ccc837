//! The SystmOne-style mock: `ClientIntegrationRequest` in, `ClientIntegrationResponse` out, over HTTP or bare TCP.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{DefaultBodyLimit, State};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::faults::FaultKind;
use super::request::{self, Message, Progress};
use super::state::{MockState, Source};
use super::wire::{self, Answer, Line};
use super::write::Xml;
use super::write::systmone::{self as writer, Codes, Drugs, OutputScheme};
use crate::clock::new_id;
use crate::sandbox::story::{Behaviour, Kind, Person, Sharing};

/// Practices whose systems this service plays.
const SERVED: [&str; 3] = ["Z99002", "Z99004", "Z99006"];
const MEDIA: &str = "text/xml; charset=utf-8";
/// Bytes of a question.
const MAX_QUESTION: usize = 256 * 1024;
/// A TCP connection on which nothing is asked for so long is closed.
const IDLE: Duration = Duration::from_secs(300);
/// Pieces that a slow answer over TCP dribbles in.
const PIECES: usize = 24;

/// Serves HTTP until `shutdown`.
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

async fn answer(
    State(state): State<Arc<MockState>>,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    question: Bytes,
) -> Response<Body> {
    state.count(Source::Systmone);
    let fault = state.faults().take(Source::Systmone);
    let answer = match (method, request::read(&question)) {
        (Method::POST, Progress::Whole(message, _)) => {
            let body = reply(&state, &message, fault).await;
            Answer::new(StatusCode::OK, MEDIA, body)
        }
        (Method::POST, _) => Answer::new(StatusCode::BAD_REQUEST, MEDIA, malformed()),
        _ => Answer::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "only POST".to_owned(),
        ),
    };
    wire::send(answer, fault, &line).await
}

/// Serves bare TCP until `shutdown`; connections under way are then closed.
///
/// # Errors
/// None at present; the type is that of the other services.
pub async fn serve_tcp(
    listener: TcpListener,
    state: Arc<MockState>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let state = Arc::clone(&state);
                    // A broken connection is the other side's affair.
                    connections.spawn(async move { drop(converse(stream, &state).await) });
                }
                // Out of descriptors, most likely: some will be free again soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Answers one request after another until the other side closes.
async fn converse(mut stream: TcpStream, state: &MockState) -> io::Result<()> {
    let mut heard: Vec<u8> = Vec::with_capacity(4096);
    loop {
        match request::read(&heard) {
            Progress::Whole(message, length) => {
                heard.drain(..length.min(heard.len()));
                state.count(Source::SystmoneTcp);
                let fault = state.faults().take(Source::SystmoneTcp);
                let body = reply(state, &message, fault).await;
                if !speak(&mut stream, body.as_bytes(), fault).await? {
                    return Ok(());
                }
            }
            Progress::Part if heard.len() <= MAX_QUESTION => {
                let listening = stream.read_buf(&mut heard);
                match tokio::time::timeout(IDLE, listening).await {
                    Ok(Ok(0)) | Err(_) => return Ok(()),
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(error),
                }
            }
            Progress::Part | Progress::Broken => {
                state.count(Source::SystmoneTcp);
                stream.write_all(malformed().as_bytes()).await?;
                return stream.shutdown().await;
            }
        }
    }
}

/// Sends the answer as the fault has it; `false` where the connection is to be closed.
async fn speak(stream: &mut TcpStream, body: &[u8], fault: Option<FaultKind>) -> io::Result<bool> {
    let half = body.get(..body.len() / 2).unwrap_or_default();
    match fault {
        Some(FaultKind::Drop) => Ok(false),
        Some(FaultKind::Truncate) => {
            stream.write_all(half).await?;
            Ok(false)
        }
        Some(FaultKind::Garbage) => {
            stream.write_all(wire::GARBAGE).await?;
            Ok(false)
        }
        Some(FaultKind::Stall) => {
            stream.write_all(half).await?;
            tokio::time::sleep(wire::STALL).await;
            Ok(false)
        }
        Some(FaultKind::Oversize) => {
            stream.write_all(half).await?;
            let blanks = vec![b' '; 64 * 1024];
            for _ in 0..wire::OVERSIZE / blanks.len() {
                stream.write_all(&blanks).await?;
            }
            Ok(false)
        }
        Some(FaultKind::Slow) => {
            let pause = wire::SLOW / u32::try_from(PIECES).unwrap_or(1);
            for piece in body.chunks(body.len().div_ceil(PIECES).max(1)) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
            Ok(true)
        }
        Some(FaultKind::Http500 | FaultKind::WrongPatient) | None => {
            stream.write_all(body).await?;
            Ok(true)
        }
    }
}

/// The whole answer to one well-formed message.
async fn reply(state: &MockState, message: &Message, fault: Option<FaultKind>) -> String {
    let refuse = |code: &str, words: &str| {
        respond(message, |xml| {
            xml.open("Error");
            xml.leaf("Code", code);
            xml.leaf("ErrorMessage", words);
            xml.close("Error");
        })
    };
    if message.root() != "ClientIntegrationRequest" {
        return refuse("MalformedRequest", "Not a ClientIntegrationRequest");
    }
    if message.text("ClientIntegrationRequest/Function") != Some("GetPatientRecord") {
        return refuse("UnknownFunction", "The function is not known");
    }
    if fault == Some(FaultKind::Http500) {
        return refuse("InternalError", "The request could not be processed");
    }
    let number = message.text("FunctionParameters/Identity/NhsNumber");
    let practice = message.text("FunctionParameters/Organisation");
    let (Some(number), Some(practice)) = (number, practice) else {
        return refuse("MalformedRequest", "NhsNumber or Organisation is missing");
    };
    if !SERVED.contains(&practice) {
        return refuse("NoSharingAgreement", "No agreement with this organisation");
    }
    let person = if fault == Some(FaultKind::WrongPatient) {
        state.somebody_else(number, &SERVED)
    } else {
        state.held_at(number, practice, &SERVED)
    };
    let Some(person) = person else {
        return refuse("NoSuchPatient", "No such patient at this organisation");
    };
    if person.behaviour == Behaviour::Restricted {
        return refuse("NoSharingAgreement", "The record is not available");
    }
    if person.behaviour == Behaviour::TimesOut {
        tokio::time::sleep(wire::STALL).await;
    }
    if person.sharing == Sharing::Dissent {
        return refuse("SharingOutDissent", "The patient dissents from sharing");
    }
    let scheme = OutputScheme {
        codes: match message.text("OutputScheme/Codes") {
            Some("Snomed") => Codes::Snomed,
            _ => Codes::Ctv3,
        },
        drugs: match message.text("OutputScheme/Drugs") {
            Some("Multilex") => Drugs::Multilex,
            _ => Drugs::Dmd,
        },
    };
    let person = if message.has("FunctionParameters/Medication") {
        Arc::new(medication_only(&person))
    } else {
        person
    };
    let whole = respond(message, |xml| writer::write(xml, &person, scheme));
    if person.behaviour == Behaviour::BrokenXml {
        return super::write::broken(whole);
    }
    whole
}

/// The section switch `Medication` (docs/sources-wire.md): who the patient is, and what is prescribed.
fn medication_only(person: &Person) -> Person {
    let mut less = person.clone();
    less.facts
        .retain(|fact| matches!(fact.kind, Kind::Course { .. } | Kind::Issue { .. }));
    let facts = &less.facts;
    less.contacts
        .retain(|contact| facts.iter().any(|fact| fact.contact == Some(contact.key)));
    for contact in &mut less.contacts {
        contact.narrative = None;
    }
    less
}

/// The frame of every answer, echoing what the request said.
fn respond(message: &Message, content: impl FnOnce(&mut Xml)) -> String {
    let echo = |name: &str| {
        message
            .text(&format!("ClientIntegrationRequest/{name}"))
            .unwrap_or_default()
            .to_owned()
    };
    let mut xml = Xml::with_capacity(256 * 1024);
    xml.declaration();
    xml.open("ClientIntegrationResponse");
    for name in ["DeviceID", "RequestUID", "Function", "FunctionVersion"] {
        xml.leaf(name, &echo(name));
    }
    xml.leaf("ResponseUID", &new_id().to_string().to_uppercase());
    xml.open("Response");
    content(&mut xml);
    xml.close("Response");
    xml.close("ClientIntegrationResponse");
    xml.into_string()
}

fn malformed() -> String {
    respond(&Message::default(), |xml| {
        xml.open("Error");
        xml.leaf("Code", "MalformedRequest");
        xml.leaf("ErrorMessage", "The request is not well-formed XML");
        xml.close("Error");
    })
}
