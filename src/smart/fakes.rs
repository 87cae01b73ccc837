//! Stand-ins for store, trail and register in the tests of this module.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::TokenResponse;
use super::authenticate::ASSERTION_TYPE;
use super::authenticate::Authenticator;
use super::form::FormRequest;
use super::jwks::{FetchKeys, FetchedKeys, KeyError, KeySource};
use super::opener::{OccasionOpener, ResumeAsk};
use super::signing::{SigningAlgorithm, SigningKey, generate_jwk};
use super::token::{TokenEndpoint, TokenSettings, token_hash};
use crate::audit::{AuditEntry, AuditError, AuditLog, Origin};
use crate::clock::{SharedClock, SystemClock};
use crate::fhir::{IdKey, PatientId};
use crate::occasion::{OccasionAsk, OccasionRefusal, OpenOccasion};
use crate::record::{NhsNumber, OdsCode};
use crate::register::{
    Agreement, Client, ClientAuthentication, Organisation, OrganisationKind, Register,
    RegisterHandle, Stop, User,
};
use crate::sandbox::keys::{self, USER_BASE};
use crate::source::BoxFuture;
use crate::store::{StoreError, Stored, TokenRow, TokenStore};
use crate::tabs::catalogue::{Tab, TabSet};
use crate::text::hex;

pub(crate) const ISSUER: &str = "http://127.0.0.1:8080/fhir/r4";
pub(crate) const TOKEN_URL: &str = "http://127.0.0.1:8080/fhir/r4/token";

pub(crate) static BACKEND: LazyLock<SigningKey> =
    LazyLock::new(|| key("sandbox-backend-1", SigningAlgorithm::Es384));
pub(crate) static AUDIT: LazyLock<SigningKey> =
    LazyLock::new(|| key("audit-1", SigningAlgorithm::Es384));

pub(crate) fn key(kid: &str, algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::from_jwk(&generate_jwk(kid, algorithm).unwrap()).unwrap()
}

/// A store in memory.
#[derive(Default)]
pub(crate) struct FakeStore {
    pub(crate) rows: Mutex<HashMap<[u8; 32], TokenRow>>,
    pub(crate) used: Mutex<Vec<(String, String, Timestamp)>>,
    pub(crate) broken: bool,
}

impl TokenStore for FakeStore {
    fn insert_token(&self, row: TokenRow) -> Stored<'_, ()> {
        self.rows.lock().unwrap().insert(row.hash, row);
        Box::pin(async { Ok(()) })
    }
    fn find_token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenRow>, StoreError> {
        if self.broken {
            return Err(StoreError("broken".to_owned()));
        }
        let rows = self.rows.lock().unwrap();
        Ok(rows.get(hash).filter(|row| row.expires_at > now).cloned())
    }
    fn revoke_occasion_tokens<'a>(&'a self, _: &'a str) -> Stored<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    fn use_assertion<'a>(
        &'a self,
        client: &'a str,
        jti: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool> {
        let mut used = self.used.lock().unwrap();
        let fresh = !used.iter().any(|(c, j, _)| c == client && j == jti);
        used.push((client.to_owned(), jti.to_owned(), until));
        let broken = self.broken;
        Box::pin(async move {
            if broken {
                Err(StoreError("broken".to_owned()))
            } else {
                Ok(fresh)
            }
        })
    }
}

impl crate::store::TokenRevoker for FakeStore {
    fn revoke_token<'a>(&'a self, hash: &'a [u8; 32]) -> Stored<'a, ()> {
        self.rows.lock().unwrap().remove(hash);
        Box::pin(async { Ok(()) })
    }
}

#[derive(Default)]
pub(crate) struct FakeAudit {
    pub(crate) rows: Mutex<Vec<AuditEntry>>,
    pub(crate) broken: bool,
}

impl AuditLog for FakeAudit {
    fn write(&self, entry: AuditEntry) -> BoxFuture<'_, Result<(), AuditError>> {
        self.rows.lock().unwrap().push(entry);
        let broken = self.broken;
        Box::pin(async move {
            if broken {
                Err(AuditError::Stopped)
            } else {
                Ok(())
            }
        })
    }
    fn register_version<'a>(
        &'a self,
        _: &'a str,
        _: &'a PatientId,
        _: Vec<String>,
    ) -> BoxFuture<'a, Result<(), AuditError>> {
        Box::pin(async { Ok(()) })
    }
}

pub(crate) struct NoFetch;

impl FetchKeys for NoFetch {
    fn fetch<'a>(&'a self, _: &'a str, _: bool) -> BoxFuture<'a, Result<FetchedKeys, KeyError>> {
        Box::pin(async { Err(KeyError::NotFetched) })
    }
}

pub(crate) fn register() -> Register {
    let organisation = |ods: &str, suspended: bool| Organisation {
        suspension: suspended.then(|| Stop {
            since: jiff::civil::date(2026, 1, 1),
            by: "the group".to_owned(),
            reason: "a breach".to_owned(),
        }),
        ..Organisation::new(
            OdsCode(ods.to_owned()),
            ods.to_owned(),
            OrganisationKind::Viewer,
        )
    };
    let user = |name: &str, ods: &str| User {
        username: name.to_owned(),
        name: name.to_owned(),
        organisations: vec![OdsCode(ods.to_owned())],
        role: "consultant".to_owned(),
        training_until: None,
        terms_accepted: None,
        revoked: false,
        password: None,
        identities: Default::default(),
        role_profiles: Default::default(),
    };
    let client = |id: &str, authentication, ods: Option<&str>, audit_of: Option<&str>| Client {
        id: id.to_owned(),
        name: None,
        launches: Vec::new(),
        authentication,
        organisation: ods.map(|ods| OdsCode(ods.to_owned())),
        named_clinician: audit_of.is_none(),
        audit_of: audit_of.map(|ods| OdsCode(ods.to_owned())),
        oversight: None,
        may_introspect: id == "sandbox-web",
        redirect_uris: Vec::new(),
    };
    let keys = |key: &SigningKey| ClientAuthentication::Keys(key.public_jwks().to_string());
    let secret = hex(&Sha256::digest(b"sandbox-web-secret"));
    let clients = [
        client("sandbox-backend", keys(&BACKEND), Some("Z9H01"), None),
        client("other-backend", keys(&BACKEND), Some("Z9O01"), None),
        client(
            "sandbox-audit-backend",
            keys(&AUDIT),
            Some("Z99001"),
            Some("Z99001"),
        ),
        client("suspended-audit", keys(&AUDIT), None, Some("Z99009")),
        client(
            "sandbox-web",
            ClientAuthentication::Secret(secret),
            None,
            None,
        ),
        client("sandbox-spa", ClientAuthentication::Public, None, None),
    ];
    Register {
        organisations: [
            organisation("Z9H01", false),
            organisation("Z99001", false),
            organisation("Z99009", true),
        ]
        .into_iter()
        .map(|org| (org.ods.clone(), org))
        .collect(),
        users: [user("hospital-doctor", "Z9H01"), user("clinician", "Z9O01")]
            .into_iter()
            .map(|user| (user.username.clone(), user))
            .collect(),
        clients: clients.into_iter().map(|c| (c.id.clone(), c)).collect(),
        protocols: BTreeMap::new(),
        agreement: Agreement::default(),
        terms: None,
        hash: "register-hash".to_owned(),
    }
}

pub(crate) fn authenticator(store: &Arc<FakeStore>, clock: SharedClock) -> Arc<Authenticator> {
    Arc::new(Authenticator::new(
        ISSUER,
        RegisterHandle::new(register()),
        KeySource::new(Arc::new(NoFetch)),
        Arc::clone(store) as Arc<dyn TokenStore>,
        clock,
        Arc::new(SystemClock),
    ))
}

pub(crate) fn now() -> Timestamp {
    crate::clock::Clock::now(&SystemClock)
}

pub(crate) fn patient() -> PatientId {
    IdKey::new([7; 32]).patient(&NhsNumber::parse("9990000018").unwrap())
}

pub(crate) fn row(token: &str, client: &str, expires_at: Timestamp) -> TokenRow {
    TokenRow {
        hash: token_hash(token),
        client: client.to_owned(),
        organisation: OdsCode("Z9H01".to_owned()),
        clinician: Some("hospital-doctor".to_owned()),
        assurance: Some("asserted".to_owned()),
        occasion: Some("occasion-1".to_owned()),
        patient: Some(patient()),
        audit_of: None,
        scopes: "system/Patient.rs".to_owned(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at,
    }
}

pub(crate) fn claims(client: &str) -> Value {
    json!({
        "iss": client, "sub": client, "aud": TOKEN_URL, "jti": crate::clock::new_id().to_string(),
        "exp": now().as_second() + 300,
        "extensions": keys::hl7_b2b("hospital-doctor", &OdsCode("Z9H01".to_owned())),
    })
}

pub(crate) type Pairs = Vec<(&'static str, String)>;

pub(crate) fn request(pairs: &Pairs) -> FormRequest {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        body.append_pair(name, value);
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    FormRequest {
        headers,
        body: body.finish().into(),
        has_query: false,
        origin: Origin {
            request_id: "request-1".to_owned(),
            address: Some(IpAddr::from([127, 0, 0, 1])),
        },
    }
}

/// Opens what it is told to; keeps what it was asked.
pub(crate) struct FakeOpener {
    pub(crate) answer: Result<OpenOccasion, OccasionRefusal>,
    pub(crate) work: Duration,
    pub(crate) asked: Mutex<Vec<OccasionAsk>>,
    pub(crate) resumed: Mutex<Vec<ResumeAsk>>,
}

impl OccasionOpener for FakeOpener {
    fn open(&self, ask: OccasionAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        self.asked.lock().unwrap().push(ask);
        Box::pin(async {
            tokio::time::sleep(self.work).await;
            self.answer.clone()
        })
    }
    fn resume(&self, ask: ResumeAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        self.resumed.lock().unwrap().push(ask);
        Box::pin(async { self.answer.clone() })
    }
}

pub(crate) fn open_until(seconds: i64) -> OpenOccasion {
    OpenOccasion {
        id: "occasion-1".to_owned(),
        patient: patient(),
        consent: Some("Consent/consent-1".to_owned()),
        tabs: [Tab::Summary, Tab::Medication].into_iter().collect(),
        expires_at: now()
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap(),
        clinician: "hospital-doctor".to_owned(),
        asked: None,
        covered: TabSet::ALL,
        site: None,
        purpose: crate::occasion::direct_care(),
        gateway: None,
        same_name: false,
        claimed: false,
    }
}

pub(crate) struct World {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) audit: Arc<FakeAudit>,
    pub(crate) opener: Arc<FakeOpener>,
}

pub(crate) fn world_with(
    answer: Result<OpenOccasion, OccasionRefusal>,
    work: Duration,
    store: FakeStore,
    audit: FakeAudit,
) -> World {
    let (store, audit) = (Arc::new(store), Arc::new(audit));
    let opener = Arc::new(FakeOpener {
        answer,
        work,
        asked: Mutex::default(),
        resumed: Mutex::default(),
    });
    let clock: SharedClock = Arc::new(SystemClock);
    let endpoint = TokenEndpoint::new(
        TokenSettings {
            user_base: USER_BASE.to_owned(),
            lifetime: SignedDuration::from_secs(900),
            refusal_floor: Duration::from_millis(80),
            requests_per_minute: 1000,
        },
        authenticator(&store, Arc::clone(&clock)),
        Arc::clone(&opener) as _,
        Arc::clone(&store) as _,
        Arc::clone(&audit) as _,
        clock,
    );
    World {
        endpoint,
        store,
        audit,
        opener,
    }
}

pub(crate) fn world(answer: Result<OpenOccasion, OccasionRefusal>) -> World {
    world_with(
        answer,
        Duration::ZERO,
        FakeStore::default(),
        FakeAudit::default(),
    )
}

pub(crate) const DETAILS: &str = r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","treatment":"worklist","consent":{"asked":true,"answer":"yes"}}]"#;

pub(crate) fn pairs(assertion: String) -> Pairs {
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", "system/*.rs".to_owned()),
        ("client_assertion_type", ASSERTION_TYPE.to_owned()),
        ("client_assertion", assertion),
        ("authorization_details", DETAILS.to_owned()),
    ]
}

pub(crate) fn backend() -> Pairs {
    pairs(BACKEND.sign(&claims("sandbox-backend")).unwrap())
}

pub(crate) fn audit_backend() -> Pairs {
    let mut claims = claims("sandbox-audit-backend");
    claims.as_object_mut().unwrap().remove("extensions");
    without(pairs(AUDIT.sign(&claims).unwrap()), "authorization_details")
}

pub(crate) fn without(mut pairs: Pairs, name: &str) -> Pairs {
    pairs.retain(|(n, _)| *n != name);
    pairs
}

pub(crate) fn with(pairs: Pairs, name: &'static str, value: &str) -> Pairs {
    let mut pairs = without(pairs, name);
    pairs.push((name, value.to_owned()));
    pairs
}

impl World {
    pub(crate) async fn post(&self, pairs: &Pairs) -> TokenResponse {
        self.endpoint.handle(request(pairs)).await
    }

    pub(crate) fn last_row(&self) -> AuditEntry {
        self.audit.rows.lock().unwrap().last().unwrap().clone()
    }
}

pub(crate) fn error(response: &TokenResponse) -> (u16, &str) {
    (
        response.status.as_u16(),
        response.body.as_ref().unwrap()["error"].as_str().unwrap(),
    )
}

pub(crate) fn description(response: &TokenResponse) -> &str {
    response.body.as_ref().unwrap()["error_description"]
        .as_str()
        .unwrap()
}
