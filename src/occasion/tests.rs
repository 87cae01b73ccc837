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
use crate::register::{Holds, RegisterHandle};
use crate::sandbox::register::tests::sandbox_register;
use crate::source::trace::{TraceAnswer, Traced};
use crate::source::worklist::Worklist;
use crate::source::{BoxFuture, SourceError, SourceRefusal};
use crate::store::{AlertRow, OccasionRow, OccasionStore, RefusalRow, StoreError, Stored};
use crate::tabs::catalogue::{Tab, TabSet};

/// What the fakes were asked, in order.
type Calls = Arc<Mutex<Vec<String>>>;

/// What the outside says.
#[derive(Clone)]
struct World {
    registered: Option<bool>,
    trace: Option<TraceAnswer>,
    found: Option<Found>,
    audit_fails_from: usize,
    store_fails: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            registered: Some(true),
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
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        Box::pin(async {
            self.call("worklist");
            self.world().registered.ok_or_else(down)
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

    fn standing_refusal(
        &self,
        viewer: &OdsCode,
        clinician: &str,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Option<RefusalRow>, StoreError> {
        self.with("", |kept| {
            kept.refusals
                .iter()
                .find(|row| {
                    row.viewer == *viewer
                        && row.clinician == clinician
                        && row.patient == *patient
                        && row.lifted_at.is_none()
                        && now < row.until
                })
                .cloned()
        })
    }

    fn lift_refusal<'a>(
        &'a self,
        _: &'a OdsCode,
        clinician: &'a str,
        _: &'a PatientId,
        at: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            self.with("lift", |kept| {
                for row in &mut kept.refusals {
                    if row.clinician == clinician {
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
            audit: log.clone(),
            clock: shared,
            worklist: outside.clone(),
            finder: outside.clone(),
            ids: IdKey::new([7; 32]),
            seal: SealKey::new(&[9; 32]).unwrap(),
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

// R070, R079, R120
#[test]
fn consent_opens_an_occasion_in_the_order_of_the_rules() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    assert_eq!(
        bench.calls(),
        ["worklist", "intent", "trace", "source", "insert", "audit"]
    );
    assert_eq!(open.tabs, TabSet::ALL);
    assert_eq!(open.expires_at, "2026-11-22T10:30:00Z".parse().unwrap());
    let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
    assert_eq!(
        open.consent,
        row.consent.as_ref().map(|id| format!("Consent/{id}"))
    );
    assert_eq!(row.role, "consultant");
    assert_eq!(row.practice, OdsCode("Z99001".to_owned()));
    assert_eq!(row.protocol, "university-hospitals-1");
    assert_eq!(row.purpose, ["TREAT"]);
    let number = bench.occasions.nhs_number(&row).unwrap();
    assert_eq!(number.as_str(), "9990000018");
    let talk: ConsentTalk = serde_json::from_str(row.talk.as_deref().unwrap()).unwrap();
    assert_eq!(talk, yes());

    let rows = bench.log.rows.lock().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(matches!(rows[0].what, What::Intent));
    let last = rows.last().unwrap();
    assert!(matches!(last.what, What::Access(AccessStep::Occasion)));
    assert_eq!(last.failure, None);
    assert_eq!(last.occasion.as_ref(), Some(&open.id));
    assert_eq!(last.role.as_deref(), Some("consultant"));
    assert_eq!(last.assurance.as_deref(), Some("asserted"));
    assert_eq!(last.policy, Some(sandbox_register().hash));
    assert!(last.basis.as_ref().unwrap().starts_with("consent:"));
    // The whole decision can be decided again from the trail.
    let decisions: Vec<DecisionRecord> =
        serde_json::from_str(last.decision.as_ref().unwrap()).unwrap();
    assert_eq!(decisions.len(), 3);
    assert!(decisions.iter().all(DecisionRecord::still_holds));
}

// R128: the trail holds nothing that says who the patient is
#[test]
fn no_patient_detail_is_in_the_trail() {
    let bench = Bench::ordinary();
    bench.open(emergency()).unwrap();
    let child = ask_with(AskedBasis::Consent(ConsentTalk {
        proxy: Some(Proxy {
            basis: "parental-responsibility".to_owned(),
            name: "Kim Marker".to_owned(),
            relationship: "stepfather".to_owned(),
        }),
        ..yes()
    }));
    bench.open(child).unwrap_err();
    for row in bench.log.rows.lock().unwrap().iter() {
        let text = format!("{row:?}");
        for detail in [
            "9990000018",
            "Example",
            "EXAMPLE",
            "1957",
            "Marker",
            "stepfather",
            "nobody with them",
        ] {
            assert!(!text.contains(detail), "{detail} in {text}");
        }
    }
}

// R090, R092, R096
#[test]
fn an_override_opens_with_its_alert() {
    let bench = Bench::ordinary();
    let open = bench.open(emergency()).unwrap();
    assert_eq!(open.consent, None);
    let kept = bench.store.kept.lock().unwrap();
    let row = &kept.occasions[&open.id];
    assert_eq!(row.purpose, ["BTG", "ETREAT"]);
    assert_eq!(row.talk, None);
    assert_eq!(kept.alerts.len(), 1);
    let alert = &kept.alerts[0];
    assert_eq!(alert.occasion, open.id);
    assert_eq!(alert.viewer, row.viewer);
    assert_eq!(alert.practice, row.practice);
    assert_eq!(alert.reason, "unconscious");
    assert_eq!(alert.text, "Found unconscious at home, nobody with them");
    let rows = bench.log.rows.lock().unwrap();
    let last = rows.last().unwrap();
    assert!(matches!(last.what, What::Access(AccessStep::Override)));
    assert_eq!(last.basis.as_deref(), Some("override:unconscious"));
}

/// One refusal: who asks, what the outside says, what is heard, what the trail says, what was asked outside.
struct Case {
    ask: OccasionAsk,
    world: World,
    heard: &'static str,
    audited: &'static str,
    asked: &'static [&'static str],
}

const NOTHING: &[&str] = &["audit"];
const LIST: &[&str] = &["worklist", "audit"];
const TRACE: &[&str] = &["worklist", "intent", "trace", "audit"];
const SOURCE: &[&str] = &["worklist", "intent", "trace", "source", "audit"];

fn case(
    heard: &'static str,
    audited: &'static str,
    asked: &'static [&'static str],
    change: impl FnOnce(&mut OccasionAsk, &mut World),
) -> Case {
    let (mut ask, mut world) = (ask(), World::default());
    change(&mut ask, &mut world);
    Case {
        ask,
        world,
        heard,
        audited,
        asked,
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

/// The refusal table of the sandbox's contract, row by row.
fn refusals() -> Vec<Case> {
    let same =
        |code, asked, change: fn(&mut OccasionAsk, &mut World)| case(code, code, asked, change);
    let of_patient =
        |code, asked, change: fn(&mut OccasionAsk, &mut World)| case("-", code, asked, change);
    vec![
        // what people can mend: refused before the look-up
        same("network-not-allowed", NOTHING, |a, _| {
            a.origin.address = "10.1.1.1".parse().ok()
        }),
        same("network-not-allowed", NOTHING, |a, _| {
            a.origin.address = None
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "nobody".to_owned()
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "sandbox-backend-es".to_owned()
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "sandbox-audit-backend".to_owned()
        }),
        same("organisation-suspended", NOTHING, |a, _| {
            by(a, "sandbox-backend-walkin", "Z9S01", "walkin-doctor")
        }),
        same("organisation-not-signed", NOTHING, |a, _| {
            by(a, "sandbox-web", "Z9C01", "clinician")
        }),
        same("organisation-not-signed", NOTHING, |a, _| {
            by(a, "sandbox-web", "Z99001", "practice-manager")
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.username = "nobody".to_owned()
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.username = "clinician".to_owned()
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.organisation = OdsCode("Z9O01".to_owned())
        }),
        same("role-not-qualified", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "receptionist")
        }),
        same("role-not-qualified", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "privacy-officer")
        }),
        same("training-lapsed", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "untrained")
        }),
        same("tabs-not-in-protocol", NOTHING, |a, _| {
            a.clinician.username = "hospital-nurse".to_owned();
            a.tabs = Some([Tab::Summary, Tab::Events].into_iter().collect());
        }),
        same("not-registered-for-treatment", LIST, |_, w| {
            w.registered = Some(false)
        }),
        same("not-registered-for-treatment", NOTHING, |a, _| {
            a.treatment = "self".to_owned()
        }),
        same("consent-missing", LIST, |a, _| {
            a.basis = AskedBasis::Consent(ConsentTalk::default())
        }),
        same("consent-not-asked", LIST, |a, _| {
            talk(a, |t| t.asked = Some(false))
        }),
        same("consent-answer-unclear", LIST, |a, _| {
            talk(a, |t| t.answer = Some("Yes, I think".to_owned()))
        }),
        same("consent-not-told-what", LIST, |a, _| {
            talk(a, |t| t.told_what = None)
        }),
        same("consent-not-told-why", LIST, |a, _| {
            talk(a, |t| t.told_why = None)
        }),
        same("consent-not-told-may-decline", LIST, |a, _| {
            talk(a, |t| t.told_may_decline = None)
        }),
        same("consent-not-told-meaning-of-declining", LIST, |a, _| {
            talk(a, |t| t.told_meaning_of_declining = None)
        }),
        same("consent-not-voluntary", LIST, |a, _| {
            talk(a, |t| t.voluntary = None)
        }),
        same("consent-capacity-not-recorded", LIST, |a, _| {
            talk(a, |t| t.capacity = None)
        }),
        same("consent-no-capacity", LIST, |a, _| {
            talk(a, |t| t.capacity = Some(false))
        }),
        same("proxy-basis", LIST, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "neighbour".to_owned(),
                    name: "A".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        same("proxy-name", LIST, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "legal-power".to_owned(),
                    name: " ".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        same("override-reason", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "curious".to_owned(),
                text: "I would like to know more".to_owned(),
            }
        }),
        same("override-text-missing", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "unconscious".to_owned(),
                text: " ".to_owned(),
            }
        }),
        same("override-text-short", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "unconscious".to_owned(),
                text: "emergency".to_owned(),
            }
        }),
        same("override-text-empty", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "life-threatening".to_owned(),
                text: "Life-threatening".to_owned(),
            }
        }),
        // what people can mend, but only the age shows it
        same("child-view-missing", TRACE, |_, w| {
            on_trace(w, |t| t.birth_date = Some("2015-05-05".to_owned()))
        }),
        same("proxy-parental-over-16", TRACE, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "parental-responsibility".to_owned(),
                    name: "A".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        // anything about the patient
        of_patient("not-traced", TRACE, |_, w| {
            w.trace = Some(TraceAnswer::NotFound)
        }),
        of_patient("not-traced", TRACE, |_, w| {
            on_trace(w, |t| t.verification = "02".to_owned())
        }),
        of_patient("sensitive", TRACE, |_, w| {
            on_trace(w, |t| t.sensitive = true)
        }),
        of_patient("deceased", TRACE, |_, w| on_trace(w, |t| t.deceased = true)),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = None)
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("X00000".to_owned())))
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z99004".to_owned())))
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z9H01".to_owned())))
        }),
        of_patient("practice-not-enabled", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z99003".to_owned())))
        }),
        of_patient("age-unknown", TRACE, |_, w| {
            on_trace(w, |t| t.birth_date = None)
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            on_source(w, |f| f.identity.family = Some("Other".to_owned()))
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            on_source(w, |f| f.identity.birth_date = None)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            on_source(w, |f| standing(f).registration = Registration::Temporary)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            on_source(w, |f| standing(f).registration = Registration::Unknown)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::NoSuchPatient))
        }),
        of_patient("record-restricted", SOURCE, |_, w| {
            on_source(w, |f| standing(f).restricted = true)
        }),
        of_patient("record-restricted", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::Restricted))
        }),
        of_patient("opt-out-unknown", SOURCE, |_, w| {
            w.found = Some(found(Sharing::Unknown))
        }),
        of_patient("opt-out-unknown", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::SharingNotRecorded))
        }),
        of_patient("practice-not-enabled", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::AccessDenied))
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            w.found = Some(Found::default())
        }),
        of_patient(
            "opted-out",
            &["worklist", "intent", "trace", "source", "remember", "audit"],
            |_, w| w.found = Some(found(Sharing::OptedOut)),
        ),
        of_patient(
            "opted-out",
            &["worklist", "intent", "trace", "source", "remember", "audit"],
            |_, w| w.found = Some(refused(SourceRefusal::Dissent)),
        ),
        // what does not answer
        case("503", "worklist-unavailable", LIST, |_, w| {
            w.registered = None
        }),
        case("503", "trace-unavailable", TRACE, |_, w| w.trace = None),
        case("503", "source-unavailable", SOURCE, |_, w| w.found = None),
    ]
}

#[test]
fn every_refusal_is_heard_and_audited_as_the_contract_says() {
    for (n, case) in refusals().into_iter().enumerate() {
        let bench = Bench::new(case.world);
        let refusal = bench.open(case.ask).unwrap_err();
        assert_eq!(reason(refusal), case.heard, "case {n} ({})", case.audited);
        assert_eq!(
            bench.last_failure().as_deref(),
            Some(case.audited),
            "case {n}"
        );
        assert_eq!(bench.calls(), case.asked, "case {n} ({})", case.audited);
        assert!(bench.store.kept.lock().unwrap().occasions.is_empty());
    }
}

// R003, R094: an override lifts the missing consent and nothing else
#[test]
fn an_override_lifts_nothing_else() {
    for (n, mut case) in refusals().into_iter().enumerate() {
        let about_consent = ["consent", "proxy", "child", "override", "age"]
            .iter()
            .any(|start| case.audited.starts_with(start));
        if about_consent {
            continue;
        }
        case.ask.basis = emergency().basis;
        let bench = Bench::new(case.world);
        let refusal = bench.open(case.ask).unwrap_err();
        assert_eq!(reason(refusal), case.heard, "case {n}");
        assert!(bench.store.kept.lock().unwrap().alerts.is_empty());
    }
}

// R125
#[test]
fn without_its_audit_row_nothing_opens_and_the_source_is_not_asked() {
    let bench = Bench::ordinary();
    bench.world(|w| w.audit_fails_from = 0);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::Unavailable));
    assert_eq!(bench.calls(), ["worklist"]);

    let bench = Bench::ordinary();
    bench.world(|w| w.audit_fails_from = 1);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::Unavailable));
    let kept = bench.store.kept.lock().unwrap();
    assert!(
        kept.occasions
            .values()
            .all(|row| row.withdrawn_at.is_some())
    );
}

// R092: the alert store down, the override refused
#[test]
fn a_store_that_is_down_opens_nothing() {
    for asked in [ask(), emergency()] {
        let bench = Bench::ordinary();
        bench.world(|w| w.store_fails = true);
        assert_eq!(bench.open(asked), Err(OccasionRefusal::Unavailable));
        assert_eq!(bench.last_failure().as_deref(), Some("store-unavailable"));
    }
}

// R077, R078, R080
#[test]
fn a_no_stands_for_this_clinician_until_it_ends_or_the_patient_changes_their_mind() {
    let bench = Bench::ordinary();
    let mut no = ask();
    talk(&mut no, |t| {
        t.answer = Some("no".to_owned());
        t.told_why = None;
    });
    assert_eq!(
        reason(bench.open(no.clone()).unwrap_err()),
        "consent-declined"
    );
    assert_eq!(bench.calls(), ["worklist", "refusal", "audit"]);
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    assert_eq!(
        reason(bench.open(emergency()).unwrap_err()),
        "refusal-stands"
    );
    bench.calls();
    // another clinician may ask for themselves
    let mut nurse = ask();
    nurse.clinician.username = "hospital-nurse".to_owned();
    assert!(bench.open(nurse).is_ok());
    // a change of mind needs a full conversation
    let mut changed = ask();
    talk(&mut changed, |t| {
        t.changed_mind = Some(true);
        t.voluntary = None;
    });
    assert_eq!(
        reason(bench.open(changed).unwrap_err()),
        "consent-not-voluntary"
    );
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    let mut changed = ask();
    talk(&mut changed, |t| t.changed_mind = Some(true));
    bench.calls();
    let open = bench.open(changed).unwrap();
    assert_eq!(
        bench.calls(),
        [
            "worklist", "intent", "trace", "source", "lift", "insert", "audit"
        ]
    );
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    // a second no closes what is open, and ends with the window
    bench.open(no).unwrap_err();
    assert_eq!(
        bench.occasions.check(&open.id, bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
    bench.advance(29);
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    bench.advance(1);
    assert!(bench.open(ask()).is_ok());
}

// R077: nobody can plant a refusal for a patient who is not theirs
#[test]
fn a_no_of_a_patient_who_is_not_registered_for_treatment_is_not_kept() {
    let bench = Bench::ordinary();
    bench.world(|w| w.registered = Some(false));
    let mut no = ask();
    talk(&mut no, |t| t.answer = Some("no".to_owned()));
    assert_eq!(
        reason(bench.open(no).unwrap_err()),
        "not-registered-for-treatment"
    );
    assert!(bench.store.kept.lock().unwrap().refusals.is_empty());
}

// R075, R076
#[test]
fn a_parent_and_the_child_open_the_childs_record() {
    let bench = Bench::ordinary();
    bench.world(|w| {
        on_trace(w, |t| t.birth_date = Some("2015-05-05".to_owned()));
        on_source(w, |f| f.identity.birth_date = Some("2015-05-05".to_owned()));
    });
    let with = |asked, view: &str| {
        let mut ask = ask();
        talk(&mut ask, |t| {
            t.proxy = Some(Proxy {
                basis: "parental-responsibility".to_owned(),
                name: "Jo Example".to_owned(),
                relationship: "mother".to_owned(),
            });
            t.child = Some(ChildView {
                asked,
                view: view.to_owned(),
            });
        });
        bench.open(ask).map_err(reason)
    };
    assert!(with(true, "agrees").is_ok());
    assert!(with(true, "unable").is_ok());
    assert_eq!(with(true, "objects").err(), Some("child-objects"));
    assert_eq!(with(false, "agrees").err(), Some("child-not-asked"));
    assert_eq!(with(true, "").err(), Some("child-view-unclear"));
    assert!(bench.store.kept.lock().unwrap().refusals.is_empty());
}

// R008, R064
#[test]
fn an_opt_out_is_remembered_across_practices() {
    let bench = Bench::ordinary();
    bench.world(|w| w.found = Some(found(Sharing::OptedOut)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    // the patient moves; the new practice says nothing expressly
    bench.world(|w| {
        on_trace(w, |t| t.practice = Some(OdsCode("Z99002".to_owned())));
        w.found = Some(found(Sharing::Implied));
    });
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    assert_eq!(bench.last_failure().as_deref(), Some("opted-out"));
    // a person of another name at the source does not lift it
    bench.world(|w| {
        on_source(w, |f| {
            standing(f).sharing = Sharing::Express;
            f.identity.family = Some("Other".to_owned());
        });
    });
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    // express consent at the new practice does, for good
    bench.world(|w| w.found = Some(found(Sharing::Express)));
    let open = bench.open(ask()).unwrap();
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert!(bench.open(ask()).is_ok());
}

// R064: the practice that recorded the opt-out may lift it
#[test]
fn the_same_practice_lifts_its_own_opt_out() {
    let bench = Bench::ordinary();
    bench.world(|w| w.found = Some(refused(SourceRefusal::Dissent)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert!(bench.open(ask()).is_ok());
}

// R071, R080, R108
#[test]
fn every_read_is_checked_afresh() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    let check = || bench.occasions.check(&open.id, bench.now());
    assert_eq!(check().unwrap().tabs, TabSet::ALL);
    let denied = |rule| {
        assert_eq!(check().unwrap_err(), ReadRefusal::Rule(rule));
    };

    // taken away in the register, given back
    let mut register = sandbox_register();
    let nurse_tabs = register.protocols["university-hospitals-1"].roles["nurse"];
    register.users.get_mut("hospital-doctor").unwrap().role = "nurse".to_owned();
    bench.register.replace(register);
    assert_eq!(check().unwrap().tabs, nurse_tabs);
    let mut register = sandbox_register();
    register.users.get_mut("hospital-doctor").unwrap().revoked = true;
    bench.register.replace(register);
    denied(Rule::ClinicianKnown);
    let mut register = sandbox_register();
    register
        .organisations
        .get_mut(&OdsCode("Z99001".to_owned()))
        .unwrap()
        .enabled = false;
    bench.register.replace(register);
    denied(Rule::PracticeEnabled);
    bench.register.replace(sandbox_register());
    assert!(check().is_ok());

    // held
    let mut holds = Holds::default();
    holds.organisations.insert(OdsCode("Z9H01".to_owned()));
    bench.register.replace_holds(holds.clone());
    denied(Rule::OrganisationActive);
    assert_eq!(
        reason(bench.open(ask()).unwrap_err()),
        "organisation-suspended"
    );
    holds.organisations.clear();
    holds
        .pairs
        .insert((OdsCode("Z99001".to_owned()), OdsCode("Z9H01".to_owned())));
    bench.register.replace_holds(holds);
    denied(Rule::PracticeEnabled);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.register.replace_holds(Holds::default());
    assert!(check().is_ok());

    // opted out since
    let key = (open.patient.clone(), OdsCode("Z99001".to_owned()));
    bench
        .store
        .kept
        .lock()
        .unwrap()
        .opted_out
        .insert(key.clone(), true);
    denied(Rule::NotOptedOut);
    bench.store.kept.lock().unwrap().opted_out.remove(&key);

    // the store is down
    bench.world(|w| w.store_fails = true);
    assert_eq!(check().unwrap_err(), ReadRefusal::Unavailable);
    bench.world(|w| w.store_fails = false);

    // ended
    bench.advance(29);
    assert!(check().is_ok());
    bench.advance(1);
    denied(Rule::OccasionOpen);
    assert_eq!(
        bench.occasions.check("nothing", bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
}

// R071
#[test]
fn an_occasion_is_resumed_only_by_its_own_client_clinician_and_viewer() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    bench.calls();
    let resume = |id: &str, client: &str, who: &ClinicianClaim| {
        wait(bench.occasions.resume(id, client, who, origin())).map_err(reason)
    };
    let doctor = claim("hospital-doctor", "Z9H01");
    bench.advance(10);
    let again = resume(&open.id, "sandbox-backend", &doctor).unwrap();
    assert_eq!(again.id, open.id);
    assert_eq!(again.consent, open.consent);
    assert_eq!(again.expires_at, open.expires_at);
    assert_eq!(bench.calls(), ["audit"]);
    for (id, client, who) in [
        ("nothing", "sandbox-backend", doctor.clone()),
        (open.id.as_str(), "sandbox-web", doctor.clone()),
        (
            open.id.as_str(),
            "sandbox-backend",
            claim("hospital-nurse", "Z9H01"),
        ),
        (
            open.id.as_str(),
            "sandbox-backend",
            claim("hospital-doctor", "Z9O01"),
        ),
    ] {
        assert_eq!(resume(id, client, &who).err(), Some("occasion-not-open"));
        assert_eq!(bench.last_failure().as_deref(), Some("occasion-not-open"));
    }
    let elsewhere = Origin {
        address: "10.0.0.1".parse().ok(),
        ..origin()
    };
    let refusal = wait(
        bench
            .occasions
            .resume(&open.id, "sandbox-backend", &doctor, elsewhere),
    );
    assert_eq!(reason(refusal.unwrap_err()), "network-not-allowed");
    bench.advance(20);
    assert_eq!(
        resume(&open.id, "sandbox-backend", &doctor).err(),
        Some("occasion-not-open")
    );
}

// R080
#[test]
fn a_withdrawn_occasion_is_over_at_once() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    let withdraw = |who: &ClinicianClaim| {
        wait(
            bench
                .occasions
                .withdraw(&open.id, "sandbox-backend", who, origin()),
        )
        .map_err(reason)
    };
    assert_eq!(
        withdraw(&claim("clinician", "Z9O01")).err(),
        Some("occasion-not-open")
    );
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    assert_eq!(withdraw(&claim("hospital-nurse", "Z9H01")), Ok(()));
    assert_eq!(
        bench.occasions.check(&open.id, bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
    assert!(matches!(
        bench.log.rows.lock().unwrap().last().unwrap().what,
        What::Access(AccessStep::Withdrawal)
    ));
    assert_eq!(
        withdraw(&claim("hospital-doctor", "Z9H01")).err(),
        Some("occasion-not-open")
    );
}

#[test]
fn no_setting_makes_an_occasion_longer_than_the_hard_limit() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let end = |window| {
        Windows {
            window,
            ..Windows::default()
        }
        .end(now)
    };
    assert_eq!(
        end(SignedDuration::from_hours(48)),
        "2026-11-22T18:00:00Z".parse().unwrap()
    );
    assert_eq!(end(SignedDuration::from_mins(-5)), now);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // No combination with a failing rule opens an occasion, and a refusal before the look-up asks nobody.
    #[test]
    fn nothing_with_a_failing_rule_opens(a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let mut cases = refusals();
        let world = cases.swap_remove(b.index(cases.len())).world;
        let mut cases = refusals();
        let asked = cases.swap_remove(a.index(cases.len())).ask;

        // Who asks as in the one, what the outside says as in the other.
        let in_good_world = Bench::ordinary();
        let refused_anyway = in_good_world.open(asked.clone()).is_err();
        let looked_up = in_good_world.calls().contains(&"trace".to_owned());
        let bad_world = Bench::new(world.clone()).open(ask()).is_err();

        let bench = Bench::new(world);
        let opened = bench.open(asked).is_ok();
        prop_assert_eq!(opened, !refused_anyway && !bad_world);
        let calls = bench.calls();
        if refused_anyway && !looked_up {
            prop_assert!(!calls.iter().any(|call| call == "trace" || call == "source" || call == "intent"));
        }
        prop_assert_eq!(opened, calls.iter().any(|call| call == "insert"));
    }
}
