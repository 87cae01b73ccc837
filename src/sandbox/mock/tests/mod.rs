//! The mock services over real sockets.

mod emis;
mod faults;
mod systmone;
mod trace_and_ehr;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::write::sample::{everything, nobody};
use super::{
    MockState, People, Population, ehr, emis as emis_service, systmone as systmone_service, trace,
};
use crate::clock::FixedClock;
use crate::sandbox::story::{Behaviour, Person, Registration, Sharing};

/// All services of one sandbox on ports of their own, until this is dropped.
struct Services {
    people: Arc<People>,
    state: Arc<MockState>,
    emis: SocketAddr,
    systmone: SocketAddr,
    tcp: SocketAddr,
    trace: SocketAddr,
    ehr: SocketAddr,
    _until: Vec<oneshot::Sender<()>>,
}

fn with(mut person: Person, change: impl FnOnce(&mut Person)) -> Person {
    change(&mut person);
    person
}

fn people() -> Vec<Person> {
    vec![
        everything("9990000018", "Z99001"),
        everything("9990000387", "Z99002"),
        nobody("9990000751", "Z99001"),
        with(nobody("9990001863", "Z99001"), |p| {
            p.sharing = Sharing::Dissent;
        }),
        with(nobody("9990002231", "Z99002"), |p| {
            p.sharing = Sharing::Dissent;
        }),
        with(nobody("9990002606", "Z99001"), |p| p.trace.sensitive = true),
        with(nobody("9990002975", "Z99001"), |p| {
            p.registration = Registration::Temporary;
            p.sharing = Sharing::NotRecorded;
        }),
        with(nobody("9990003343", "Z99002"), |p| p.trace.verified = false),
        everything("9990005192", "Z99005"),
        everything("9990005567", "Z99006"),
        with(nobody("9990007780", "Z99001"), |p| {
            p.registered_for_treatment = false;
        }),
        with(nobody("9990008159", "Z99001"), |p| {
            p.behaviour = Behaviour::Restricted;
        }),
        with(nobody("9990008523", "Z99002"), |p| {
            p.behaviour = Behaviour::TimesOut;
        }),
        with(everything("9990008892", "Z99001"), |p| {
            p.behaviour = Behaviour::BrokenXml;
        }),
        with(nobody("9990009260", "Z99002"), |p| {
            let other = ("Other".to_owned(), "Ann".to_owned(), p.birth_date);
            p.trace.differs = Some(other);
        }),
        with(nobody("9990009635", "Z99001"), |p| {
            p.trace.deceased = Some(jiff::civil::date(2024, 2, 3));
        }),
    ]
}

async fn start<F, R>(
    serve: F,
    state: &Arc<MockState>,
    until: &mut Vec<oneshot::Sender<()>>,
) -> SocketAddr
where
    F: FnOnce(TcpListener, Arc<MockState>, oneshot::Receiver<()>) -> R,
    R: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    until.push(stop);
    tokio::spawn(serve(listener, Arc::clone(state), stopped));
    address
}

impl Services {
    async fn start() -> Self {
        let now = "2026-06-01T09:30:00Z".parse().unwrap();
        let people = Arc::new(People::new(people()));
        let population: Arc<dyn Population> = people.clone();
        let state = Arc::new(MockState::new(population, Arc::new(FixedClock(now))));
        let mut until = Vec::new();
        Self {
            emis: start(
                |l, s, stop| emis_service::serve(l, s, async { drop(stop.await) }),
                &state,
                &mut until,
            )
            .await,
            systmone: start(
                |l, s, stop| systmone_service::serve(l, s, async { drop(stop.await) }),
                &state,
                &mut until,
            )
            .await,
            tcp: start(
                |l, s, stop| systmone_service::serve_tcp(l, s, async { drop(stop.await) }),
                &state,
                &mut until,
            )
            .await,
            trace: start(
                |l, s, stop| trace::serve(l, s, async { drop(stop.await) }),
                &state,
                &mut until,
            )
            .await,
            ehr: start(
                |l, s, stop| ehr::serve(l, s, async { drop(stop.await) }),
                &state,
                &mut until,
            )
            .await,
            people,
            state,
            _until: until,
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Posts XML: status and text.
async fn post(to: SocketAddr, body: impl Into<reqwest::Body>) -> (u16, String) {
    let answer = client()
        .post(format!("http://{to}/"))
        .header("content-type", "text/xml; charset=utf-8")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

/// Text between the first of these tags.
fn between<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
