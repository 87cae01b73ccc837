//! A running sandbox, and what tests ask of it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openmig::config::Timing;
use openmig::sandbox::mock::{FaultKind, Source};
use openmig::sandbox::run::{Sandbox, SandboxOptions, sandbox_timing, start};
use openmig::smart::details::OCCASION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tracing::Level;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The one sentence for anything about the patient (sandbox.md, refusals).
pub const NO_RECORD: &str = r#"{"error":"access_denied","error_description":"No record is available through this service."}"#;
pub const FORM: &str = "application/x-www-form-urlencoded";

/// All sockets and servers of this binary live here; tests themselves are plain functions.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    logs();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
});

/// For tests that only read, and whose patients no other test changes.
pub static SHARED: LazyLock<TestGateway> = LazyLock::new(|| TestGateway::start("shared", timing()));

static ALONE: LazyLock<Mutex<TestGateway>> = LazyLock::new(|| {
    let timing = Timing {
        hold_seconds: 0,
        ..timing()
    };
    Mutex::new(TestGateway::start("alone", timing))
});

/// For tests that count, move the clock, change a story or make a source misbehave: one at a time. Nothing is held.
pub fn alone() -> MutexGuard<'static, TestGateway> {
    let gateway = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for source in Source::ALL {
        gateway
            .sandbox
            .mocks
            .faults()
            .set(source, FaultKind::Slow, 0);
    }
    gateway
}

static STORIES: LazyLock<Mutex<TestGateway>> = LazyLock::new(|| {
    let timing = Timing {
        hold_seconds: 3600,
        source_deadline_seconds: 60,
        ..timing()
    };
    Mutex::new(TestGateway::start("stories", timing))
});

/// For tests that tell stories of their own, or very long ones: one at a time. Held until told to forget.
pub fn stories() -> MutexGuard<'static, TestGateway> {
    STORIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sandbox's times, but a source that hangs is given up sooner.
pub fn timing() -> Timing {
    Timing {
        source_deadline_seconds: 2,
        token_requests_per_minute: 1_000_000,
        ..sandbox_timing()
    }
}

/// A sandbox with a client.
pub struct TestGateway {
    pub sandbox: Sandbox,
    /// `http://127.0.0.1:<port>`.
    pub origin: String,
    /// FHIR base = issuer.
    pub base: String,
    /// Folder of its state.
    pub data: PathBuf,
    client: reqwest::Client,
}

/// A token with what came along.
#[derive(Debug, Clone)]
pub struct Token {
    pub access: String,
    pub patient: String,
    pub occasion: String,
    pub tabs: Vec<String>,
    pub answer: Value,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the one issue of an OperationOutcome.
    pub fn code(&self) -> String {
        let outcome = self.json();
        assert_eq!(
            outcome["resourceType"],
            "OperationOutcome",
            "{}",
            self.text()
        );
        let code = &outcome["issue"][0]["details"]["coding"][0]["code"];
        code.as_str().unwrap_or_default().to_owned()
    }

    /// The same answer, after this was found to be its status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Resources of a Bundle.
    pub fn resources(&self) -> Vec<Value> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries
            .into_iter()
            .map(|entry| entry["resource"].clone())
            .collect()
    }
}

/// What is asked of the token endpoint.
#[derive(Debug, Clone)]
pub struct Ask {
    pub client: &'static str,
    pub user: &'static str,
    pub scope: String,
    pub details: Value,
}

/// A consent conversation in which nothing is missing.
pub fn yes() -> Value {
    json!({
        "asked": true, "answer": "yes", "told_what": true, "told_why": true, "told_may_decline": true,
        "told_meaning_of_declining": true, "voluntary": true, "capacity": true
    })
}

/// Somebody who answers for the patient.
pub fn proxy(basis: &str, name: &str, relationship: &str) -> Value {
    json!({"basis": basis, "name": name, "relationship": relationship})
}

/// What a child had to say.
pub fn child_said(asked: bool, view: &str) -> Value {
    json!({"asked": asked, "view": view})
}

impl Ask {
    /// The consultant of the hospital, with the patient's consent.
    pub fn consent(nhs_number: &str) -> Self {
        Self {
            client: "sandbox-backend",
            user: "hospital-doctor",
            scope: "system/*.rs".to_owned(),
            details: json!({
                "type": OCCASION_TYPE, "patient": nhs_number, "treatment": "worklist", "consent": yes()
            }),
        }
    }

    /// The same without consent, in an emergency.
    pub fn emergency(nhs_number: &str) -> Self {
        Self::consent(nhs_number).with(|details| {
            details.as_object_mut().unwrap().remove("consent");
            details["override"] = json!({
                "reason": "unconscious", "text": "Found collapsed at home, unresponsive, no companion"
            });
        })
    }

    /// Another token inside an occasion.
    pub fn again(occasion: &str) -> Self {
        Self {
            details: json!({"type": OCCASION_TYPE, "occasion": occasion}),
            ..Self::consent("")
        }
    }

    pub fn by(mut self, client: &'static str, user: &'static str) -> Self {
        (self.client, self.user) = (client, user);
        self
    }

    pub fn tabs(self, tabs: &[&str]) -> Self {
        self.with(|details| details["tabs"] = json!(tabs))
    }

    pub fn scope(mut self, scope: &str) -> Self {
        scope.clone_into(&mut self.scope);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.details);
        self
    }

    /// Changes the conversation.
    pub fn said(self, member: &str, value: Value) -> Self {
        self.with(|details| details["consent"][member] = value)
    }
}

/// Somebody's name for the out-of-hours service.
pub const ES: (&str, &str) = ("sandbox-backend-es", "clinician");

pub fn encode(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Waits for something that happens within seconds by itself; two minutes, where the machine is loaded.
#[track_caller]
pub fn until(mut is: impl FnMut() -> bool) {
    for _ in 0..2400 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it did not happen");
}

/// Waits for work on the sockets' runtime.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

impl TestGateway {
    pub fn start(name: &str, timing: Timing) -> Self {
        Self::start_with(name, timing, |_| {})
    }

    pub fn start_with(
        name: &str,
        timing: Timing,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> Self {
        let data = folder(name);
        let mut options = SandboxOptions {
            port: 0,
            data: data.clone(),
            fresh: true,
            patients: 0,
            seed: 1,
            timing: Some(timing),
            limits: None,
            providers: Vec::new(),
        };
        change(&mut options);
        let sandbox = wait(start(&options)).unwrap();
        let origin = format!("http://127.0.0.1:{}", sandbox.ports.gateway);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self {
            base: format!("{origin}/fhir/r4"),
            origin,
            sandbox,
            data,
            client,
        }
    }

    pub fn file(&self) -> PathBuf {
        self.data.join("openmig.sqlite")
    }

    /// Any request. `path` is below the origin where it begins with `/`, otherwise below the FHIR base.
    pub fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        wait(self.sent(method, path, headers, body))
    }

    async fn sent(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let url = if path.starts_with("http://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{}{path}", self.origin)
        } else {
            format!("{}/{path}", self.base)
        };
        let mut request = self.client.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    /// A GET with a token.
    pub fn get(&self, token: &Token, path: &str) -> Answer {
        self.get_with(token, path, &[])
    }

    pub fn get_with(&self, token: &Token, path: &str, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {}", token.access);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.send(Method::GET, path, &all, "")
    }

    /// Many GETs, some at a time, in their order.
    pub fn get_all(&self, token: &Token, paths: &[String]) -> Vec<Answer> {
        let bearer = format!("Bearer {}", token.access);
        wait(async {
            let mut answers = Vec::with_capacity(paths.len());
            for some in paths.chunks(16) {
                let asked = some.iter().map(|path| async {
                    let headers = [("authorization", bearer.as_str())];
                    self.sent(Method::GET, path, &headers, "").await
                });
                answers.extend(join_all(asked).await);
            }
            answers
        })
    }

    /// An assertion of this client, naming this user.
    pub fn assertion(&self, client: &str, user: &str) -> String {
        let mut query = vec![("client_id", client)];
        if !user.is_empty() {
            query.push(("user", user));
        }
        let path = format!("/sandbox/assertion?{}", encode(&query));
        let answer = self.send(Method::GET, &path, &[], "").expect(200);
        answer.text().to_owned()
    }

    /// What the token endpoint says.
    pub fn ask(&self, ask: &Ask) -> Answer {
        let assertion = self.assertion(ask.client, ask.user);
        self.ask_with(ask, &assertion)
    }

    /// The same with an assertion of its own.
    pub fn ask_with(&self, ask: &Ask, assertion: &str) -> Answer {
        let details = if ask.details.is_null() {
            String::new()
        } else {
            json!([ask.details]).to_string()
        };
        self.post_token(&[
            ("grant_type", "client_credentials"),
            ("scope", &ask.scope),
            (
                "client_assertion_type",
                openmig::smart::authenticate::ASSERTION_TYPE,
            ),
            ("client_assertion", assertion),
            ("authorization_details", &details),
        ])
    }

    pub fn post_token(&self, form: &[(&str, &str)]) -> Answer {
        let headers = [("content-type", FORM)];
        self.send(Method::POST, "token", &headers, &encode(form))
    }

    /// A token that has to be given.
    #[track_caller]
    pub fn token(&self, ask: &Ask) -> Token {
        let answer = self.ask(ask).expect(200).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let detail = &answer["authorization_details"][0];
        Token {
            access: text(&answer["access_token"]),
            patient: text(&answer["patient"]),
            occasion: text(&detail["occasion"]),
            tabs: serde_json::from_value(detail["tabs"].clone()).unwrap_or_default(),
            answer,
        }
    }

    /// A refusal that people can mend, with this reason.
    #[track_caller]
    pub fn mendable(&self, ask: &Ask, reason: &str) -> Answer {
        let answer = self.ask(ask).expect(400);
        let body = answer.json();
        assert_eq!(body["error"], "access_denied", "{body}");
        assert_eq!(body["reason"], reason, "{body}");
        assert!(body["error_description"].as_str().unwrap().len() > 10);
        assert!(!answer.text().contains("99900"), "{body}");
        answer
    }

    pub fn look_ups(&self) -> [u64; 5] {
        Source::ALL.map(|source| self.sandbox.mocks.look_ups(source))
    }

    /// Requests to trace and sources so far.
    pub fn outside(&self) -> u64 {
        let [emis, systmone, tcp, trace, _] = self.look_ups();
        emis + systmone + tcp + trace
    }

    pub fn advance(&self, seconds: i64) {
        let body = json!({"advance_seconds": seconds}).to_string();
        let headers = [("content-type", "application/json")];
        self.send(Method::POST, "/sandbox/clock", &headers, &body)
            .expect(200);
    }

    pub fn fault(&self, source: &str, kind: &str, count: u32) {
        let body = json!({"source": source, "kind": kind, "count": count}).to_string();
        let headers = [("content-type", "application/json")];
        self.send(Method::POST, "/sandbox/faults", &headers, &body)
            .expect(200);
    }

    /// A second connection to the store, as an operator or an intruder would have.
    pub fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.file()).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        database
    }

    /// The one number that a query of the store gives.
    #[track_caller]
    pub fn number(&self, query: &str, about: &[&str]) -> i64 {
        let about = rusqlite::params_from_iter(about);
        self.database()
            .query_row(query, about, |row| row.get(0))
            .unwrap()
    }

    /// The rows of the trail with this request id: (what, failure, patient, practice, clinician, basis).
    pub fn rows(&self, request: &str) -> Vec<TrailRow> {
        assert!(!request.is_empty());
        let database = self.database();
        let mut rows = database
            .prepare(
                "SELECT what, failure, patient, practice, clinician, basis, kind, purpose FROM audit_event \
                 WHERE request = ? ORDER BY seq",
            )
            .unwrap();
        let found = rows
            .query_map([request], |row| {
                Ok(TrailRow {
                    what: row.get(0)?,
                    failure: row.get(1)?,
                    patient: row.get(2)?,
                    practice: row.get(3)?,
                    clinician: row.get(4)?,
                    basis: row.get(5)?,
                    kind: row.get(6)?,
                    purpose: row.get(7)?,
                })
            })
            .unwrap();
        found.map(Result::unwrap).collect()
    }
}

/// A row of the trail.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "a failing test prints the whole row")]
pub struct TrailRow {
    pub what: String,
    pub failure: Option<String>,
    pub patient: Option<String>,
    pub practice: Option<String>,
    pub clinician: Option<String>,
    pub basis: Option<String>,
    pub kind: Option<String>,
    pub purpose: Option<String>,
}

async fn join_all<T: Send>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut work: Vec<_> = work.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for (one, done) in &mut work {
            if done.is_none() {
                match one.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    work.into_iter().filter_map(|(_, done)| done).collect()
}

/// A new folder below the build's own; those of earlier runs go.
pub fn folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gateway");
    let hour = Duration::from_secs(3600);
    for old in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let age = old.metadata().and_then(|data| data.modified());
        if age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > hour)) {
            let _gone = std::fs::remove_dir_all(old.path());
        }
    }
    let folder = all.join(format!("{name}-{}", std::process::id()));
    let _gone = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Libraries say everything too, while this is set.
static TALKATIVE: AtomicBool = AtomicBool::new(false);

/// Runs this while everything is logged that any library has a word for.
pub fn at_trace(run: impl FnOnce()) -> String {
    let before = logs().len();
    TALKATIVE.store(true, Ordering::SeqCst);
    run();
    TALKATIVE.store(false, Ordering::SeqCst);
    logs().split_off(before)
}

/// Everything that this process has logged so far, at the most talkative level; of libraries without `trace`.
pub fn logs() -> String {
    static LINES: LazyLock<Lines> = LazyLock::new(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = dynamic_filter_fn(|metadata, _| {
            *metadata.level() <= Level::DEBUG
                || metadata.target().starts_with("openmig")
                || TALKATIVE.load(Ordering::Relaxed)
        });
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_writer(move || writer.clone())
            .with_filter(filter);
        tracing_subscriber::registry().with(layer).init();
        lines
    });
    let lines = LINES.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&lines).into_owned()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
