//! What every engine must do: the same tests for each, written against the traits alone.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::notices::*;
use super::*;
use crate::audit::reader::{AuditReader, Cursor, Filter, Happening};
use crate::audit::{
    AccessStep, AuditEntry, AuditLog, Disclosure, Interaction, Origin, Overseen, What, row,
};
use crate::fhir::{IdKey, Kind};
use crate::record::NhsNumber;
use crate::register::GatewayKind;
use crate::tabs::catalogue::{Tab, TabSet};

/// Everything a store must be.
pub(crate) trait Store:
    TokenStore + OccasionStore + NoticeStore + AuditLog + AuditReader + 'static
{
}
impl<S: TokenStore + OccasionStore + NoticeStore + AuditLog + AuditReader + 'static> Store for S {}

pub(crate) fn now() -> Timestamp {
    "2026-03-04T10:00:00Z".parse().unwrap()
}

pub(crate) fn later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

pub(crate) fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

pub(crate) fn patient() -> PatientId {
    IdKey::new([7; 32]).patient(&NhsNumber::parse("9990000018").unwrap())
}

pub(crate) fn token(n: u8) -> TokenRow {
    TokenRow {
        hash: [n; 32],
        client: "sandbox-backend".into(),
        organisation: ods("Z9H01"),
        clinician: Some("consultant".into()),
        assurance: Some("asserted".into()),
        occasion: Some(format!("occasion-{n}")),
        patient: Some(patient()),
        audit_of: None,
        scopes: "patient/*.rs".into(),
        issued_at: now(),
        expires_at: later(5),
    }
}

pub(crate) fn occasion(n: u8) -> OccasionRow {
    OccasionRow {
        id: format!("occasion-{n}"),
        viewer: ods("Z9H01"),
        client: "sandbox-backend".into(),
        clinician: "consultant".into(),
        role: "consultant".into(),
        patient: patient(),
        sealed_nhs: vec![1, 2, 3, n],
        practice: ods("Z99001"),
        tabs: TabSet::ALL.bits(),
        protocol: "acute".into(),
        purpose: vec!["TREAT".into()],
        consent: Some(format!("consent-{n}")),
        talk: Some("{\"asked\":true}".into()),
        override_reason: None,
        opened_at: now(),
        ends_at: later(30),
        withdrawn_at: None,
        register_hash: "ab".repeat(32),
        assurance: "authenticated".into(),
        site: Some(ods("Z9H01A")),
        gateway: Some(crate::register::GatewayKind::Section251),
        asked: Some(3),
        same_name: true,
        claimed: false,
    }
}

pub(crate) fn override_of(n: u8) -> (OccasionRow, AlertRow) {
    let reason = ("unconscious".to_owned(), "Found collapsed".to_owned());
    let row = OccasionRow {
        purpose: vec!["BTG".into(), "ETREAT".into()],
        consent: None,
        talk: None,
        override_reason: Some(reason.clone()),
        ..occasion(n)
    };
    let alert = AlertRow {
        id: format!("alert-{n}"),
        viewer: row.viewer.clone(),
        clinician: row.clinician.clone(),
        patient: row.patient.clone(),
        practice: row.practice.clone(),
        occasion: row.id.clone(),
        reason: reason.0,
        text: reason.1,
        at: now(),
    };
    (row, alert)
}

pub(crate) fn entry(what: What) -> AuditEntry {
    AuditEntry {
        client: Some("sandbox-backend".into()),
        clinician: Some("consultant".into()),
        role: Some("consultant".into()),
        assurance: Some("asserted".into()),
        viewer: Some(ods("Z9H01")),
        practice: Some(ods("Z99001")),
        patient: Some(patient()),
        occasion: Some("occasion-1".into()),
        purpose: vec!["TREAT".into()],
        basis: Some("consent:consent-1".into()),
        tabs: TabSet::from_iter([Tab::Problems]),
        policy: Some("ab".repeat(32)),
        exclusions: Some("appendix-a 1.0".into()),
        token: Some("cd".repeat(32)),
        ..AuditEntry::new(
            now(),
            what,
            Origin {
                request_id: "4d6c8d3e-0000-7000-8000-000000000001".into(),
                address: Some([192, 0, 2, 7].into()),
            },
        )
    }
}

pub(crate) fn disclosure(version: &str, entries: &[usize]) -> What {
    let mut bits = Vec::new();
    entries.iter().for_each(|n| row::mark(&mut bits, *n));
    What::Disclosure(Disclosure {
        interaction: Interaction {
            name: "search-type",
            kind: Some(Kind::Condition),
            query: format!("patient={}&category=problem-list-item", patient()),
        },
        version: Some(version.to_owned()),
        entries: bits,
        other_ids: Vec::new(),
    })
}

pub(crate) fn ids() -> Vec<String> {
    (0..3)
        .map(|n| format!("Condition/{}-{n}", patient()))
        .collect()
}

/// Runs everything on a fresh, empty store.
pub(crate) async fn contract<S: Store>(store: Arc<S>) {
    tokens(&*store).await;
    assertions(&store).await;
    occasions(&*store).await;
    refusals(&*store).await;
    sharing(&*store).await;
    looking(&*store).await;
    trail(&*store).await;
    reading(&*store).await;
    let before = store.count(&Filter::default()).unwrap();
    told(&*store).await;
    claimed(&*store).await;
    // A notice that is acknowledged has its row with it, one that could not be has none.
    assert_eq!(store.count(&Filter::default()).unwrap(), before + 1);
}

// R108, R112: found by hash while it lives, with everything it is bound to; not a moment longer.
async fn tokens(store: &impl Store) {
    assert_eq!(store.find_token(&[1; 32], now()).unwrap(), None);
    store.insert_token(token(1)).await.unwrap();
    assert_eq!(store.find_token(&[1; 32], now()).unwrap(), Some(token(1)));
    assert_eq!(store.find_token(&[1; 32], later(5)).unwrap(), None);
    assert!(
        store.insert_token(token(1)).await.is_err(),
        "one hash, one token"
    );
    let reader = TokenRow {
        hash: [2; 32],
        clinician: None,
        assurance: None,
        occasion: None,
        patient: None,
        audit_of: Some(ods("Z99001")),
        scopes: "system/AuditEvent.rs".into(),
        ..token(2)
    };
    store.insert_token(reader.clone()).await.unwrap();
    assert_eq!(store.find_token(&[2; 32], now()).unwrap(), Some(reader));
    store.revoke_occasion_tokens("occasion-1").await.unwrap();
    assert_eq!(store.find_token(&[1; 32], now()).unwrap(), None);
    assert!(store.find_token(&[2; 32], now()).unwrap().is_some());
}

// An assertion is used once, whoever asks at the same time.
async fn assertions<S: Store>(store: &Arc<S>) {
    let asks: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.use_assertion("client", "jti", later(5)).await })
        })
        .collect();
    let mut first = 0;
    for ask in asks {
        first += usize::from(ask.await.unwrap().unwrap());
    }
    assert_eq!(first, 1);
    assert!(store.use_assertion("other", "jti", later(5)).await.unwrap());
}

// R070, R092: an occasion is kept as it was opened, an override never without its alert, and withdrawal is at once.
async fn occasions(store: &impl Store) {
    store.insert_occasion(occasion(3), None).await.unwrap();
    assert_eq!(
        store.find_occasion("occasion-3").unwrap(),
        Some(occasion(3))
    );
    assert_eq!(store.find_consent("consent-3").unwrap(), Some(occasion(3)));
    assert_eq!(store.find_occasion("occasion-x").unwrap(), None);
    assert_eq!(store.find_consent("consent-x").unwrap(), None);

    let (row, alert) = override_of(4);
    store
        .insert_occasion(row.clone(), Some(alert.clone()))
        .await
        .unwrap();
    assert_eq!(store.find_occasion("occasion-4").unwrap(), Some(row));
    let (row, _) = override_of(5);
    assert!(store.insert_occasion(row, Some(alert)).await.is_err());
    assert_eq!(
        store.find_occasion("occasion-5").unwrap(),
        None,
        "no override where its alert cannot be kept"
    );

    store.insert_token(token(3)).await.unwrap();
    assert!(
        !store
            .withdraw_occasion("occasion-x", later(1))
            .await
            .unwrap()
    );
    assert!(
        store
            .withdraw_occasion("occasion-3", later(1))
            .await
            .unwrap()
    );
    assert_eq!(store.find_token(&[3; 32], later(1)).unwrap(), None);
    let withdrawn = store.find_occasion("occasion-3").unwrap().unwrap();
    assert_eq!(withdrawn.withdrawn_at, Some(later(1)));
    assert!(
        !store
            .withdraw_occasion("occasion-3", later(2))
            .await
            .unwrap(),
        "it is withdrawn once"
    );
    let late = TokenRow {
        hash: [33; 32],
        ..token(3)
    };
    store.insert_token(late).await.unwrap();
    assert_eq!(
        store.find_token(&[33; 32], now()).unwrap(),
        None,
        "a token that was on its way is dead too"
    );
    assert!(
        !store
            .withdraw_occasion("occasion-4", later(30))
            .await
            .unwrap(),
        "an occasion that has ended is not open"
    );
}

// R077, R078, R171: a refusal stands for this viewer, clinician, patient and use, until its time or a change of mind about it.
async fn refusals(store: &impl Store) {
    let row = RefusalRow {
        viewer: ods("Z9H01"),
        clinician: "consultant".into(),
        patient: patient(),
        purpose: "TREAT".into(),
        at: now(),
        until: later(30),
        lifted_at: None,
    };
    let research = RefusalRow {
        purpose: "HRESCH".into(),
        until: later(40),
        ..row.clone()
    };
    let standing = |viewer: &str, clinician: &str, at| {
        store
            .standing_refusals(&ods(viewer), clinician, &patient(), at)
            .unwrap()
    };
    let lift = |purpose: &'static str| {
        let store = &store;
        async move {
            store
                .lift_refusal(&ods("Z9H01"), "consultant", &patient(), purpose, later(1))
                .await
                .unwrap();
        }
    };
    store.insert_refusal(row.clone()).await.unwrap();
    store.insert_refusal(research.clone()).await.unwrap();
    assert_eq!(
        standing("Z9H01", "consultant", later(29)),
        [research.clone(), row.clone()]
    );
    assert_eq!(
        standing("Z9H01", "consultant", later(30)),
        vec![research.clone()]
    );
    assert_eq!(standing("Z9O01", "consultant", now()), []);
    assert_eq!(standing("Z9H01", "nurse", now()), []);
    lift("TREAT").await;
    assert_eq!(standing("Z9H01", "consultant", later(2)), [research]);
    lift("HRESCH").await;
    assert_eq!(standing("Z9H01", "consultant", later(2)), []);
}

// R008, R064: the last word of each practice counts, and an opt-out anywhere is remembered.
async fn sharing(store: &impl Store) {
    let (one, two) = (ods("Z99001"), ods("Z99002"));
    assert_eq!(store.remembered_opt_out(&patient()).unwrap(), None);
    let say = |practice, opted_out, at| {
        let store = &store;
        async move {
            store
                .remember_sharing(&patient(), practice, opted_out, at)
                .await
                .unwrap();
            store.remembered_opt_out(&patient()).unwrap()
        }
    };
    assert_eq!(say(&one, true, now()).await, Some(one.clone()));
    assert_eq!(say(&two, false, later(1)).await, Some(one.clone()));
    assert_eq!(say(&one, false, later(2)).await, None);
    assert_eq!(
        say(&one, true, later(1)).await,
        None,
        "an answer that came late does not undo a later one"
    );
    assert_eq!(say(&two, true, later(3)).await, Some(two.clone()));
}

// R105: who rests on a claim is told of with the occasion.
async fn claimed(store: &impl Store) {
    let row = OccasionRow {
        claimed: true,
        ..occasion(19)
    };
    store.insert_occasion(row.clone(), None).await.unwrap();
    assert_eq!(store.find_occasion(&row.id).unwrap(), Some(row.clone()));
    let kept = store.notices(&NoticeFilter::default(), 1).unwrap();
    assert_eq!(kept.first().map(|kept| &kept.notice), row.notice().as_ref());
}

// R092, R096: who has to be told is told with the override, nothing unfit is kept, and each delivery is taken by one.
async fn told(store: &impl Store) {
    let all = |filter: NoticeFilter| store.notices(&filter, 100).unwrap();
    let kept = all(NoticeFilter::default());
    let kinds: Vec<_> = kept.iter().map(|row| row.notice.kind).collect();
    let (row, alert) = override_of(4);
    assert_eq!(
        kinds,
        [NoticeKind::OverrideAtPractice, NoticeKind::OverrideAlert],
        "of the override that was kept, none of the one that was not"
    );
    assert_eq!(kept[1].notice, alert.notices()[0]);
    assert_eq!(
        kept[0].notice.to,
        Recipient::Organisation(row.practice.clone())
    );

    let notice = |id: &str, to: Recipient| Notice {
        body: serde_json::json!({"since": "2026-03-01"}),
        ..Notice::new(
            id.to_owned(),
            to,
            NoticeKind::Suspension,
            vec!["organisation/Z9S01".to_owned()],
            later(1),
        )
    };
    let mut unfit = notice("unfit", Recipient::Group);
    unfit.about = vec!["Jo Example".to_owned()];
    let two = vec![notice("fit", Recipient::Group), unfit];
    assert!(store.put_notices(two).await.is_err(), "all or none");
    assert_eq!(all(NoticeFilter::default()).len(), 2);
    let viewer = Recipient::Organisation(row.viewer.clone());
    let two = vec![
        notice("one", Recipient::Group),
        notice("two", viewer.clone()),
    ];
    store.put_notices(two.clone()).await.unwrap();
    assert!(
        store.put_notices(two).await.is_err(),
        "an id is told of once"
    );
    for (filter, ids) in [
        (
            NoticeFilter {
                to: Some(vec![Recipient::Group]),
                ..NoticeFilter::default()
            },
            vec!["one"],
        ),
        (
            NoticeFilter {
                to: Some(vec![]),
                ..NoticeFilter::default()
            },
            vec![],
        ),
        (
            NoticeFilter {
                to: Some(vec![viewer.clone(), Recipient::Group]),
                kind: Some(NoticeKind::Suspension),
                about: Some("organisation/Z9S01".into()),
                ..NoticeFilter::default()
            },
            vec!["two", "one"],
        ),
        (
            NoticeFilter {
                about: Some("organisation/Z9S0".into()),
                ..NoticeFilter::default()
            },
            vec![],
        ),
    ] {
        let found: Vec<_> = all(filter.clone())
            .into_iter()
            .map(|row| row.notice.id)
            .collect();
        assert_eq!(found, ids, "{filter:?}");
    }
    assert!(
        store
            .acknowledge_notice("one", "oversight", later(2), entry(What::Intent))
            .await
            .unwrap()
    );
    assert!(
        !store
            .acknowledge_notice("one", "other", later(3), entry(What::Intent))
            .await
            .unwrap()
    );
    assert!(
        !store
            .acknowledge_notice("none", "other", later(3), entry(What::Intent))
            .await
            .unwrap()
    );
    let one = all(NoticeFilter {
        id: Some("one".into()),
        ..NoticeFilter::default()
    });
    assert_eq!(
        one[0].acknowledged,
        Some(("oversight".to_owned(), later(2)))
    );
    let open = NoticeFilter {
        open_only: true,
        ..NoticeFilter::default()
    };
    assert_eq!(all(open).len(), 3);

    // The head of each queue is due, nobody overtakes it while it is tried, and only one takes it.
    assert_eq!(store.due_deliveries(now()).unwrap().len(), 4);
    let due = store.due_deliveries(later(1)).unwrap();
    assert_eq!(due.len(), 6, "three recipients, two ways each");
    assert!(due.iter().all(|due| due.notice.id != "two"));
    let first = due[0].clone();
    assert!(store.claim_delivery(&first, later(2)).await.unwrap());
    assert!(!store.claim_delivery(&first, later(2)).await.unwrap());
    let same_way = |due: &Due| (&due.notice.to, due.channel) == (&first.notice.to, first.channel);
    let due = store.due_deliveries(later(1)).unwrap();
    assert!(!due.iter().any(same_way), "one at a time");
    let settled = Settled::Again("answered 503".into(), later(5));
    store
        .settle_delivery(&first, settled, later(1))
        .await
        .unwrap();
    // What came after it has a chance of its own meanwhile.
    let due = store.due_deliveries(later(4)).unwrap();
    assert_eq!(due.len(), 6);
    let next = due.iter().find(|due| same_way(due)).unwrap();
    assert!(next.notice.id == "two" && next.seq > first.seq);
    let failing = store.failing().unwrap();
    assert_eq!((failing.waiting, failing.given_up), (1, 0));
    let again = store.due_deliveries(later(5)).unwrap();
    let again = again
        .iter()
        .find(|due| (due.seq, due.channel) == (first.seq, first.channel))
        .unwrap();
    assert_eq!(again.attempts, 1);
    assert!(store.claim_delivery(again, later(6)).await.unwrap());
    store
        .settle_delivery(again, Settled::Delivered, later(5))
        .await
        .unwrap();
    let done = all(NoticeFilter {
        id: Some(first.notice.id.clone()),
        ..NoticeFilter::default()
    });
    let done = done[0]
        .deliveries
        .iter()
        .find(|delivery| delivery.channel == first.channel)
        .unwrap();
    assert!(done.delivered && done.done_at == Some(later(5)) && done.attempts == 2);
    assert_eq!(done.last_error.as_deref(), Some("answered 503"));
    let due = store.due_deliveries(later(5)).unwrap();
    assert!(
        due.iter()
            .any(|due| due.notice.id == "two" && due.channel == first.channel),
        "what came after it"
    );
}

// R008, R077: a read is told what stands against it as it stands then. Comes after `occasions`, `refusals` and `sharing`.
async fn looking(store: &impl Store) {
    let looked = |id: &str, at| {
        store
            .look_at_occasion(id, at)
            .unwrap()
            .map(|looked| (looked.row.id, looked.refused, looked.opted_out))
    };
    let is = |refused, opted_out| Some(("occasion-9".to_owned(), refused, opted_out));
    let say = |practice, opted_out, at| {
        let store = &store;
        async move {
            store
                .remember_sharing(&patient(), &ods(practice), opted_out, at)
                .await
                .unwrap();
        }
    };
    assert_eq!(looked("occasion-9", now()), None);
    say("Z99002", false, later(4)).await;
    let row = OccasionRow {
        gateway: None,
        ..occasion(9)
    };
    store.insert_occasion(row.clone(), None).await.unwrap();
    assert_eq!(looked("occasion-9", now()), is(false, false));
    let found = store.look_at_occasion("occasion-9", now()).unwrap();
    assert_eq!(found.unwrap().row, row);
    let refusal = |clinician: &str, viewer: &str| RefusalRow {
        viewer: ods(viewer),
        clinician: clinician.into(),
        patient: patient(),
        purpose: "TREAT".into(),
        at: now(),
        until: later(30),
        lifted_at: None,
    };
    for (clinician, viewer) in [("nurse", "Z9H01"), (&row.clinician, "Z9O01")] {
        let other = refusal(clinician, viewer);
        store.insert_refusal(other).await.unwrap();
    }
    assert_eq!(looked("occasion-9", now()), is(false, false));
    // Each use has its own "no" (R171); where a legal gateway asks nobody, any stands.
    for (id, purpose, gateway) in [
        ("study", "HRESCH", GatewayKind::ExplicitConsent),
        ("approved", "PUBHLTH", GatewayKind::Section251),
    ] {
        let other = OccasionRow {
            id: id.into(),
            purpose: vec![purpose.into()],
            gateway: Some(gateway),
            consent: None,
            ..row.clone()
        };
        store.insert_occasion(other, None).await.unwrap();
    }
    let stopped = || {
        ["occasion-9", "study", "approved"]
            .map(|id| looked(id, now()).is_some_and(|(_, refused, _)| refused))
    };
    let lift = |purpose: &'static str| {
        let (store, row) = (&store, &row);
        async move {
            store
                .lift_refusal(&row.viewer, &row.clinician, &patient(), purpose, later(1))
                .await
                .unwrap();
        }
    };
    let own = |purpose: &str| RefusalRow {
        purpose: purpose.into(),
        ..refusal(&row.clinician, &row.viewer.0)
    };
    assert_eq!(stopped(), [false, false, false]);
    store.insert_refusal(own("HRESCH")).await.unwrap();
    assert_eq!(stopped(), [false, true, true]);
    lift("HRESCH").await;
    store.insert_refusal(own("PUBHLTH")).await.unwrap();
    assert_eq!(stopped(), [false, false, true]);
    lift("PUBHLTH").await;
    assert_eq!(stopped(), [false, false, false]);
    store.insert_refusal(own("TREAT")).await.unwrap();
    assert_eq!(stopped(), [true, false, true]);
    assert_eq!(looked("occasion-9", later(29)), is(true, false));
    assert_eq!(looked("occasion-9", later(30)), is(false, false));
    say("Z99009", true, later(5)).await;
    assert_eq!(looked("occasion-9", now()), is(true, true));
    lift("TREAT").await;
    assert_eq!(looked("occasion-9", now()), is(false, true));
    say("Z99009", false, later(6)).await;
    assert_eq!(looked("occasion-9", now()), is(false, false));
}

// R120, R125: every kind of row is taken, whatever is unknown.
async fn trail(store: &impl Store) {
    store
        .register_version("version-1", &patient(), ids())
        .await
        .unwrap();
    store
        .register_version("version-1", &patient(), ids())
        .await
        .unwrap();
    assert!(
        store
            .register_version("version-1", &patient(), vec!["Condition/other".into()])
            .await
            .is_err(),
        "a version means one list for ever"
    );
    let text = vec!["Type 2 diabetes".to_owned()];
    assert!(
        store
            .register_version("version-2", &patient(), text.clone())
            .await
            .is_err(),
        "R128: ids only"
    );
    let mut other = disclosure("version-1", &[]);
    if let What::Disclosure(disclosed) = &mut other {
        disclosed.other_ids = text;
    }
    assert!(store.write(entry(other)).await.is_err(), "R128: ids only");
    for what in [
        What::Access(AccessStep::Token),
        What::Access(AccessStep::Occasion),
        What::Access(AccessStep::Override),
        What::Access(AccessStep::Withdrawal),
        What::Access(AccessStep::Introspection),
        What::Access(AccessStep::Terms),
        What::Intent,
        disclosure("version-1", &[0, 2]),
        What::Refused(Interaction {
            name: "read",
            kind: None,
            query: "Device/1".into(),
        }),
        What::Oversight(Overseen {
            interaction: Interaction {
                name: "oversight-read",
                kind: None,
                query: "GET /oversight/v1/me".into(),
            },
            other_ids: Vec::new(),
        }),
    ] {
        store.write(entry(what.clone())).await.unwrap();
        store
            .write(AuditEntry::new(now(), what, Origin::default()))
            .await
            .unwrap();
    }
}

// R121, R122, R130: everything comes back as it was written, newest first, to those it concerns.
async fn reading(store: &impl Store) {
    let all = |filter: Filter| store.events(&filter, 1000, None).unwrap().events;
    let everything = all(Filter::default());
    assert_eq!(
        everything.len(),
        2 * Happening::ALL.len(),
        "the row that seals a version is no event"
    );
    assert_eq!(store.count(&Filter::default()).unwrap(), 20);
    assert!(everything.is_sorted_by(|a, b| a.seq > b.seq));
    let kinds: Vec<_> = everything.iter().rev().map(|e| e.happening).collect();
    assert_eq!(kinds, Happening::ALL.map(|kind| [kind, kind]).concat());

    let seen = all(Filter {
        happening: Some(Happening::Disclosure),
        practice: Some(ods("Z99001")),
        ..Filter::default()
    });
    let [seen] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    let written = entry(disclosure("version-1", &[0, 2]));
    assert_eq!(seen.at, written.at);
    assert_eq!(seen.failure, None);
    assert_eq!(seen.request_id, written.origin.request_id);
    assert_eq!(seen.address, written.origin.address);
    assert_eq!(seen.client, written.client);
    assert_eq!(seen.clinician, written.clinician);
    assert_eq!(seen.role, written.role);
    assert_eq!(seen.assurance, written.assurance);
    assert_eq!(seen.viewer, written.viewer);
    assert_eq!(seen.practice, written.practice);
    assert_eq!(seen.patient, written.patient);
    assert_eq!(seen.occasion, written.occasion);
    assert_eq!(seen.purpose, written.purpose);
    assert_eq!(seen.basis, written.basis);
    assert_eq!(seen.tabs, written.tabs);
    assert_eq!(seen.decision, written.decision);
    assert_eq!(seen.policy, written.policy);
    assert_eq!(seen.exclusions, written.exclusions);
    assert_eq!(seen.token, written.token);
    assert_eq!(seen.interaction.as_deref(), Some("search-type"));
    assert_eq!(seen.kind, Some(Kind::Condition));
    assert_eq!(
        seen.query,
        Some(format!("patient={}&category=problem-list-item", patient()))
    );
    assert_eq!(seen.version.as_deref(), Some("version-1"));
    assert_eq!(seen.disclosed, [ids()[0].clone(), ids()[2].clone()]);
    assert_eq!(seen.unresolved, 0);

    for (filter, count) in [
        (
            Filter {
                practice: Some(ods("Z99001")),
                ..Filter::default()
            },
            10,
        ),
        (
            Filter {
                practice: Some(ods("Z99002")),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                patient: Some(patient()),
                practice: Some(ods("Z99001")),
                ..Filter::default()
            },
            10,
        ),
        (
            Filter {
                patient: Some(patient()),
                practice: Some(ods("Z99002")),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                occasion: Some("occasion-1".into()),
                ..Filter::default()
            },
            10,
        ),
        (
            Filter {
                occasion: Some("occasion-3".into()),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                viewer: Some(ods("Z9H01")),
                clinician: Some("consultant".into()),
                request: Some(written.origin.request_id.clone()),
                ..Filter::default()
            },
            10,
        ),
        (
            Filter {
                clinician: Some("nurse".into()),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                since: Some(now()),
                until: Some(later(1)),
                ..Filter::default()
            },
            20,
        ),
        (
            Filter {
                since: Some(later(1)),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                until: Some(now()),
                ..Filter::default()
            },
            0,
        ),
        (
            Filter {
                id: Some(seen.id),
                ..Filter::default()
            },
            1,
        ),
        (
            Filter {
                id: Some(seen.id),
                practice: Some(ods("Z99002")),
                ..Filter::default()
            },
            0,
        ),
    ] {
        assert_eq!(all(filter.clone()).len(), count, "{filter:?}");
        assert_eq!(store.count(&filter).unwrap(), count as u64, "{filter:?}");
    }

    // Pages join up without a gap or a double, also while rows arrive.
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = store.events(&Filter::default(), 5, after).unwrap();
        assert!(page.events.len() <= 5);
        pages.extend(page.events);
        store
            .write(AuditEntry::new(now(), What::Intent, Origin::default()))
            .await
            .unwrap();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, everything);
    let exact = store.events(&Filter::default(), 24, None).unwrap();
    assert_eq!((exact.events.len(), exact.next), (24, None));
    let below = store
        .events(&Filter::default(), 10, Some(Cursor(0)))
        .unwrap();
    assert!(below.events.is_empty() && below.next.is_none());
    // 24 happenings and one sealed version.
    assert_eq!(store.head().unwrap().unwrap().size, 25);
}
