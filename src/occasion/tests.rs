mod life;
mod opening;
mod refusals;
mod relationship;
mod terms;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::access::{AddressRanges, DecisionRecord, Rule};
use crate::audit::{AccessStep, AuditEntry, AuditError, AuditLog, Origin, What};
use crate::clock::{Clock, SharedClock};
use crate::fhir::{IdKey, PatientId};
use crate::lookup::{FindAsk, Finder, Found, SourceIdentity};
use crate::record::{Registration, Sharing, Standing};
use crate::register::{Holds, Register, RegisterHandle};
use crate::sandbox::register::tests::{TODAY, sandbox_files, sandbox_register};
use crate::source::trace::{TraceAnswer, Traced};
use crate::source::worklist::{OnWorklist, Worklist};
use crate::source::{BoxFuture, SourceError, SourceRefusal};
use crate::store::terms::{AcceptanceRow, TermsStore};
use crate::store::{AlertRow, OccasionRow, OccasionStore, RefusalRow, StoreError, Stored};
use crate::tabs::catalogue::{Tab, TabSet};

/// What the fakes were asked, in order.
type Calls = Arc<Mutex<Vec<String>>>;

/// What the outside says.
#[derive(Clone)]
struct World {
    registered: Option<bool>,
    linked: Option<bool>,
    trace: Option<TraceAnswer>,
    found: Option<Found>,
    audit_fails_from: usize,
    store_fails: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            registered: Some(true),
            linked: Some(true),
            trace: Some(TraceAnswer::Found(traced("1957-03-14"))),
            found: Some(found(Sharing::Implied)),
            audit_fails_from: usize::MAX,
            store_fails: false,
        }
    }
}

fn traced(birth_date: &str) -> Traced {
    Traced {
        verification: "01".to_owned(),
        family: Some("Example".to_owned()),
        given: Some("Jo".to_owned()),
        birth_date: Some(birth_date.to_owned()),
        practice: Some(OdsCode("Z99001".to_owned())),
        sensitive: false,
        deceased: false,
    }
}

fn found(sharing: Sharing) -> Found {
    Found {
        standing: Some(Standing {
            registration: Registration::Full,
            sharing,
            since: None,
            restricted: false,
        }),
        refusal: None,
        identity: SourceIdentity {
            family: Some("EXAMPLE".to_owned()),
            given: Some("Jo Anne".to_owned()),
            birth_date: Some("1957-03-14".to_owned()),
        },
    }
}

fn refused(refusal: SourceRefusal) -> Found {
    Found {
        refusal: Some(refusal),
        ..Found::default()
    }
}

struct Outside {
    world: Mutex<World>,
    calls: Calls,
}

impl Outside {
    fn world(&self) -> World {
        self.world.lock().unwrap().clone()
    }

    fn call(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
    }
}

fn down() -> SourceError {
    SourceError::Timeout(std::time::Duration::from_secs(8))
}

impl Worklist for Outside {
    fn registered<'a>(
        &'a self,
        _: &'a OdsCode,
        _: &'a NhsNumber,
        clinician: &'a str,
    ) -> BoxFuture<'a, Result<OnWorklist, SourceError>> {
        Box::pin(async move {
            assert!(!clinician.is_empty());
            self.call("worklist");
            let registered = self.world().registered.ok_or_else(down)?;
            Ok(OnWorklist {
                registered,
                same_name: false,
                linked: self.world().linked,
            })
        })
    }
}

impl Finder for Outside {
    fn trace<'a>(&'a self, _: &'a NhsNumber) -> BoxFuture<'a, Result<TraceAnswer, SourceError>> {
        Box::pin(async {
            self.call("trace");
            self.world().trace.ok_or_else(down)
        })
    }

    fn find<'a>(&'a self, _: FindAsk) -> BoxFuture<'a, Result<Found, SourceError>> {
        Box::pin(async {
            self.call("source");
            self.world().found.ok_or_else(down)
        })
    }
}

struct Log {
    outside: Arc<Outside>,
    rows: Mutex<Vec<AuditEntry>>,
}

impl AuditLog for Log {
    fn write(&self, entry: AuditEntry) -> BoxFuture<'_, Result<(), AuditError>> {
        Box::pin(async move {
            let mut rows = self.rows.lock().unwrap();
            if rows.len() >= self.outside.world().audit_fails_from {
                return Err(AuditError::Stopped);
            }
            let intent = if matches!(entry.what, What::Intent) {
                "intent"
            } else {
                "audit"
            };
            self.outside.call(intent);
            rows.push(entry);
            Ok(())
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

#[derive(Default)]
struct Kept {
    occasions: BTreeMap<String, OccasionRow>,
    alerts: Vec<AlertRow>,
    refusals: Vec<RefusalRow>,
    opted_out: BTreeMap<(PatientId, OdsCode), bool>,
    /// An opt-out of this patient was granted here.
    decided: Option<PatientId>,
    accepted: Vec<AcceptanceRow>,
}

impl TermsStore for Store {
    fn accept_terms(&self, row: AcceptanceRow, _: AuditEntry) -> Stored<'_, bool> {
        Box::pin(async move {
            self.with("accept", |kept| {
                kept.accepted.push(row);
                true
            })
        })
    }

    fn acceptances_of(&self, username: &str) -> Result<Vec<AcceptanceRow>, StoreError> {
        let own = |row: &&AcceptanceRow| row.username == username;
        self.with("accepted", |kept| {
            kept.accepted.iter().filter(own).cloned().collect()
        })
    }

    fn acceptances(&self) -> Result<Vec<AcceptanceRow>, StoreError> {
        self.with("", |kept| kept.accepted.clone())
    }
}

struct Store {
    outside: Arc<Outside>,
    kept: Mutex<Kept>,
}

impl Store {
    fn with<T>(&self, what: &str, act: impl FnOnce(&mut Kept) -> T) -> Result<T, StoreError> {
        if self.outside.world().store_fails {
            return Err(StoreError("down".to_owned()));
        }
        if !what.is_empty() {
            self.outside.call(what);
        }
        Ok(act(&mut self.kept.lock().unwrap()))
    }
}

impl OccasionStore for Store {
    fn insert_occasion(&self, row: OccasionRow, alert: Option<AlertRow>) -> Stored<'_, ()> {
        Box::pin(async move {
            self.with("insert", |kept| {
                kept.alerts.extend(alert);
                kept.occasions.insert(row.id.clone(), row);
            })
        })
    }

    fn find_occasion(&self, id: &str) -> Result<Option<OccasionRow>, StoreError> {
        self.with("", |kept| kept.occasions.get(id).cloned())
    }

    fn find_consent(&self, consent: &str) -> Result<Option<OccasionRow>, StoreError> {
        self.with("", |kept| {
            kept.occasions
                .values()
                .find(|row| row.consent.as_deref() == Some(consent))
                .cloned()
        })
    }

    fn withdraw_occasion<'a>(&'a self, id: &'a str, at: Timestamp) -> Stored<'a, bool> {
        Box::pin(async move {
            self.with("withdraw", |kept| match kept.occasions.get_mut(id) {
                Some(row) if row.withdrawn_at.is_none() && at < row.ends_at => {
                    row.withdrawn_at = Some(at);
                    true
                }
                _ => false,
            })
        })
    }

    fn insert_refusal(&self, row: RefusalRow) -> Stored<'_, ()> {
        Box::pin(async move { self.with("refusal", |kept| kept.refusals.push(row)) })
    }

    fn standing_refusals(
        &self,
        viewer: &OdsCode,
        clinician: &str,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Vec<RefusalRow>, StoreError> {
        self.with("", |kept| {
            kept.refusals
                .iter()
                .filter(|row| {
                    row.viewer == *viewer
                        && row.clinician == clinician
                        && row.patient == *patient
                        && row.lifted_at.is_none()
                        && now < row.until
                })
                .cloned()
                .collect()
        })
    }

    fn lift_refusal<'a>(
        &'a self,
        _: &'a OdsCode,
        clinician: &'a str,
        _: &'a PatientId,
        purpose: &'a str,
        at: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            self.with("lift", |kept| {
                for row in &mut kept.refusals {
                    if row.clinician == clinician && row.purpose == purpose {
                        row.lifted_at = Some(at);
                    }
                }
            })
        })
    }

    fn remember_sharing<'a>(
        &'a self,
        patient: &'a PatientId,
        practice: &'a OdsCode,
        opted_out: bool,
        _: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            self.with("remember", |kept| {
                kept.opted_out
                    .insert((patient.clone(), practice.clone()), opted_out);
            })
        })
    }

    fn decided_opt_out(
        &self,
        patient: &PatientId,
        _: &OdsCode,
    ) -> Result<Option<OdsCode>, StoreError> {
        self.with("", |kept| {
            (kept.decided.as_ref() == Some(patient)).then(|| OdsCode("Z99001".to_owned()))
        })
    }

    fn lift_by_opt_in<'a>(&'a self, _: &'a PatientId, _: &'a OdsCode) -> Stored<'a, ()> {
        Box::pin(async move { self.with("", |_| ()) })
    }

    fn remembered_opt_out(&self, patient: &PatientId) -> Result<Option<OdsCode>, StoreError> {
        self.with("", |kept| {
            kept.opted_out
                .iter()
                .find(|((whose, _), out)| whose == patient && **out)
                .map(|((_, practice), _)| practice.clone())
        })
    }
}

struct Clockwork(Mutex<Timestamp>);

impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// The sealing key of every bench.
const SEAL: [u8; 32] = [9; 32];

struct Bench {
    occasions: Occasions,
    register: RegisterHandle,
    outside: Arc<Outside>,
    log: Arc<Log>,
    store: Arc<Store>,
    clock: Arc<Clockwork>,
}

impl Bench {
    fn new(world: World) -> Self {
        let outside = Arc::new(Outside {
            world: Mutex::new(world),
            calls: Calls::default(),
        });
        let log = Arc::new(Log {
            outside: Arc::clone(&outside),
            rows: Mutex::default(),
        });
        let store = Arc::new(Store {
            outside: Arc::clone(&outside),
            kept: Mutex::default(),
        });
        let clock = Arc::new(Clockwork(Mutex::new(
            "2026-11-22T10:00:00Z".parse().unwrap(),
        )));
        let register = RegisterHandle::new(sandbox_register());
        let shared: SharedClock = clock.clone();
        let occasions = Occasions::new(OccasionParts {
            register: register.clone(),
            store: store.clone(),
            terms: store.clone(),
            audit: log.clone(),
            clock: Arc::clone(&shared),
            machine_clock: shared,
            worklist: outside.clone(),
            finder: outside.clone(),
            ids: IdKey::new([7; 32]),
            seal: Arc::new(SealKey::new(&SEAL).unwrap()),
            windows: Windows::default(),
            network: AddressRanges::default(),
        });
        Self {
            occasions,
            register,
            outside,
            log,
            store,
            clock,
        }
    }

    fn ordinary() -> Self {
        Self::new(World::default())
    }

    fn open(&self, ask: OccasionAsk) -> Result<OpenOccasion, OccasionRefusal> {
        wait(self.occasions.open(ask))
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.outside.calls.lock().unwrap())
    }

    fn last_failure(&self) -> Option<String> {
        self.log.rows.lock().unwrap().last()?.failure.clone()
    }

    fn advance(&self, minutes: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn world(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.outside.world.lock().unwrap());
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn yes() -> ConsentTalk {
    ConsentTalk {
        asked: Some(true),
        answer: Some("yes".to_owned()),
        told_what: Some(true),
        told_why: Some(true),
        told_may_decline: Some(true),
        told_meaning_of_declining: Some(true),
        voluntary: Some(true),
        capacity: Some(true),
        ..Default::default()
    }
}

fn claim(username: &str, organisation: &str) -> ClinicianClaim {
    ClinicianClaim {
        username: username.to_owned(),
        name: None,
        claimed_role: Some("consultant".to_owned()),
        organisation: OdsCode(organisation.to_owned()),
        assurance: "asserted",
        purposes: direct_care(),
        site: None,
    }
}

fn origin() -> Origin {
    Origin {
        request_id: "r-1".to_owned(),
        address: "127.0.0.1".parse().ok(),
    }
}

fn ask_with(basis: AskedBasis) -> OccasionAsk {
    OccasionAsk {
        client_id: "sandbox-backend".to_owned(),
        viewer: OdsCode("Z9H01".to_owned()),
        clinician: claim("hospital-doctor", "Z9H01"),
        nhs_number: NhsNumber::parse("9990000018").unwrap(),
        treatment: WORKLIST.to_owned(),
        claimed: false,
        basis,
        tabs: None,
        origin: origin(),
    }
}

fn ask() -> OccasionAsk {
    ask_with(AskedBasis::Consent(yes()))
}

fn emergency() -> OccasionAsk {
    ask_with(AskedBasis::Override {
        reason: "unconscious".to_owned(),
        text: " Found unconscious at home, nobody with them ".to_owned(),
    })
}

fn reason(refusal: OccasionRefusal) -> &'static str {
    match refusal {
        OccasionRefusal::Mendable {
            reason,
            description,
        } => {
            assert!(!description.is_empty());
            reason
        }
        OccasionRefusal::NoRecordAvailable => "-",
        OccasionRefusal::Unavailable => "503",
    }
}

fn by(ask: &mut OccasionAsk, client: &str, viewer: &str, username: &str) {
    ask.client_id = client.to_owned();
    ask.viewer = OdsCode(viewer.to_owned());
    ask.clinician = claim(username, viewer);
}

fn talk(ask: &mut OccasionAsk, change: impl FnOnce(&mut ConsentTalk)) {
    let mut talk = yes();
    change(&mut talk);
    ask.basis = AskedBasis::Consent(talk);
}

fn on_trace(world: &mut World, change: impl FnOnce(&mut Traced)) {
    let mut answer = traced("1957-03-14");
    change(&mut answer);
    world.trace = Some(TraceAnswer::Found(answer));
}

fn on_source(world: &mut World, change: impl FnOnce(&mut Found)) {
    let mut answer = found(Sharing::Implied);
    change(&mut answer);
    world.found = Some(answer);
}

fn standing(found: &mut Found) -> &mut Standing {
    found.standing.as_mut().unwrap()
}
