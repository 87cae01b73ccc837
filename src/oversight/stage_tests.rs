//! Opt-out requests and override reviews, with a real store and the sandbox's register.

use std::sync::{Arc, Mutex};

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};

use super::opt_out::{Asker, NewOptOut, OptOutError, OptOutReview, OptOuts, ProxyPower};
use super::override_review::{NewReview, OverrideReviews, ReviewError};
use super::{Actor, NotAllowed};
use crate::audit::reader::{AuditReader as _, Filter, Happening};
use crate::audit::{AccessStep, AuditEntry, AuditLog as _, Interaction, Origin, Overseen, What};
use crate::clock::Clock;
use crate::fhir::{IdKey, to_json};
use crate::occasion::SealKey;
use crate::record::{NhsNumber, OdsCode};
use crate::register::{Appointment, Duty, OrganisationKind, Register, RegisterHandle, Role, User};
use crate::sandbox::register::tests::sandbox_register;
use crate::store::notices::{NoticeFilter, NoticeKind, NoticeStore as _, Recipient};
use crate::store::opt_out::{OptOutDecision, Wish};
use crate::store::overrides::ReviewOutcome;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::tests::Folder;
use crate::store::{OccasionStore as _, contract};

struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Setting {
    folder: Folder,
    store: Arc<SqliteStore>,
    clock: Arc<Hand>,
    register: RegisterHandle,
    seal: Arc<SealKey>,
    opt_outs: OptOuts,
    reviews: OverrideReviews,
}

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

/// The sandbox's register with an IG office that only Z99002 appointed.
fn with_office() -> Register {
    let mut register = sandbox_register();
    let mut office = register.organisations[&ods("Z9C01")].clone();
    office.ods = ods("Z9G09");
    office.kind = OrganisationKind::IgOffice;
    register.organisations.insert(office.ods.clone(), office);
    register
        .organisations
        .get_mut(&ods("Z99002"))
        .unwrap()
        .ig_office = Some(Appointment {
        office: ods("Z9G09"),
        since: date(2026, 1, 1),
    });
    register.agreement.roles.insert(
        "ig-lead-tested".to_owned(),
        Role {
            title: "IG lead".to_owned(),
            clinical: false,
            duties: [Duty::RunPractice].into(),
        },
    );
    let person = User {
        username: "ig-lead-tested".to_owned(),
        role: "ig-lead-tested".to_owned(),
        organisations: vec![ods("Z9G09")],
        ..register.users["practice-manager"].clone()
    };
    register.users.insert(person.username.clone(), person);
    register
}

impl Setting {
    fn new() -> Self {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        let clock = Arc::new(Hand(Mutex::new("2026-11-22T10:00:00Z".parse().unwrap())));
        let register = RegisterHandle::new(with_office());
        let seal = Arc::new(SealKey::new(&[9; 32]).unwrap());
        Self {
            opt_outs: OptOuts::new(
                register.clone(),
                Arc::clone(&store) as _,
                IdKey::new([7; 32]),
                Arc::clone(&seal),
                Arc::clone(&clock) as _,
            ),
            reviews: OverrideReviews::new(
                Arc::clone(&store) as _,
                Arc::clone(&store) as _,
                Arc::clone(&seal),
                Arc::clone(&clock) as _,
            ),
            folder,
            store,
            clock,
            register,
            seal,
        }
    }

    fn actor(&self, name: &str) -> Actor {
        Actor::of(&self.register.current(), name).unwrap()
    }

    fn wait(&self, hours: i64) {
        *self.clock.0.lock().unwrap() += SignedDuration::from_hours(hours);
    }

    fn out(&self, practice: &str) -> Option<OdsCode> {
        let patient = IdKey::new([7; 32]).patient(&NhsNumber::parse("9990000018").unwrap());
        self.store
            .decided_opt_out(&patient, &ods(practice))
            .unwrap()
    }

    fn deeds(&self) -> u64 {
        let filter = Filter {
            happening: Some(Happening::Oversight),
            ..Filter::default()
        };
        self.store.count(&filter).unwrap()
    }
}

fn entry() -> AuditEntry {
    AuditEntry::new(
        "2026-11-22T10:00:00Z".parse().unwrap(),
        What::Oversight(Overseen {
            interaction: Interaction {
                name: "oversight-act",
                kind: None,
                query: "POST /oversight/v1/opt-outs".to_owned(),
            },
            other_ids: Vec::new(),
        }),
        Origin::default(),
    )
}

fn wish(practice: &str, wish: Wish) -> NewOptOut {
    NewOptOut {
        practice: ods(practice),
        nhs_number: "9990000018".to_owned(),
        wish,
        asker: Asker::Patient,
        received_at: None,
    }
}

fn granted() -> OptOutReview {
    OptOutReview {
        discussed_on: Some(date(2026, 11, 22)),
        discussed_by: Some("Dr Plantedname".to_owned()),
        discussion: Some("By telephone; plantedword was weighed".to_owned()),
        decision: Some(OptOutDecision::Granted),
        reason: Some("The patient's informed choice".to_owned()),
        flag_set: Some(true),
    }
}

// R063: a request does not close while anything is missing, and closes once
#[tokio::test]
async fn a_review_needs_everything_and_closes_once() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let request = setting
        .opt_outs
        .request(&manager, wish("Z99001", Wish::OptOut), entry())
        .await
        .unwrap();
    assert_eq!(
        (setting.deeds(), request.age_hours, request.overdue),
        (1, Some(0), false)
    );
    setting.wait(5);
    assert_eq!(
        setting.out("Z99001"),
        None,
        "S2 6.1.5: reviewed before it is actioned"
    );
    type Spoil = fn(&mut OptOutReview);
    let incomplete: [(&str, Spoil); 9] = [
        ("discussed_on", |r| r.discussed_on = None),
        ("discussed_on", |r| {
            r.discussed_on = Some(date(2026, 11, 21))
        }),
        ("discussed_on", |r| {
            r.discussed_on = Some(date(2026, 11, 23))
        }),
        ("discussed_by", |r| r.discussed_by = Some(" - ".to_owned())),
        ("discussion", |r| r.discussion = None),
        ("decision", |r| r.decision = None),
        ("reason", |r| r.reason = Some(String::new())),
        ("flag_set", |r| r.flag_set = None),
        ("flag_set", |r| r.flag_set = Some(false)),
    ];
    for (item, change) in incomplete {
        let mut review = granted();
        change(&mut review);
        let error = setting
            .opt_outs
            .review(&manager, &request.id, review, entry())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, OptOutError::Items(items) if items == &[item]),
            "{error}"
        );
    }
    assert_eq!((setting.deeds(), setting.out("Z99001")), (1, None));
    let noted = setting
        .opt_outs
        .note(&manager, &request.id, "Rang, no answer", entry())
        .await
        .unwrap();
    assert_eq!(noted.notes[0].note, "Rang, no answer");
    let closed = setting
        .opt_outs
        .review(&manager, &request.id, granted(), entry())
        .await
        .unwrap();
    assert_eq!(closed.review.unwrap().review, granted());
    assert_eq!((closed.age_hours, closed.notes.len()), (None, 1));
    assert_eq!(
        (setting.deeds(), setting.out("Z99001")),
        (3, Some(ods("Z99001")))
    );
    for refused in [
        setting
            .opt_outs
            .review(&manager, &request.id, granted(), entry())
            .await,
        setting
            .opt_outs
            .note(&manager, &request.id, "more", entry())
            .await,
    ] {
        assert!(matches!(refused, Err(OptOutError::Closed)));
    }
    assert_eq!(setting.deeds(), 3, "what was refused is the caller's row");
    let page = setting.store.events(&Filter::default(), 1, None).unwrap();
    let row = &page.events[0];
    assert_eq!(row.disclosed, [format!("OptOut/{}", request.id)]);
    assert_eq!(row.practice, Some(ods("Z99001")));
    assert_eq!(row.patient, Some(closed.patient));
}

// R062: one wish of one patient has one clock
#[tokio::test]
async fn the_same_wish_is_not_kept_twice() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let ask = |wanted| {
        setting
            .opt_outs
            .request(&manager, wish("Z99001", wanted), entry())
    };
    let first = ask(Wish::OptOut).await.unwrap();
    assert!(matches!(ask(Wish::OptOut).await, Err(OptOutError::Asked)));
    assert_eq!(setting.deeds(), 1, "what was refused is the caller's row");
    let told = setting.store.notices(&NoticeFilter::default(), 10).unwrap();
    let once = told
        .iter()
        .filter(|row| row.notice.to == Recipient::Organisation(ods("Z99001")));
    assert_eq!(once.count(), 1);
    // A change of mind is another wish; what is closed may be wished again.
    ask(Wish::OptIn).await.unwrap();
    setting
        .opt_outs
        .review(&manager, &first.id, granted(), entry())
        .await
        .unwrap();
    ask(Wish::OptOut).await.unwrap();
}

// R063: a proxy has a name, a relationship and a legal power; a number has ten digits; nothing comes from the future
#[tokio::test]
async fn who_asked_has_to_be_known() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let mut new = wish("Z99001", Wish::OptOut);
    new.nhs_number = "9990000019".to_owned();
    new.received_at = Some("2026-11-22T10:00:01Z".parse().unwrap());
    new.asker = Asker::Proxy {
        name: " ".to_owned(),
        basis: ProxyPower::LegalPower,
        relationship: "-".to_owned(),
    };
    let error = setting
        .opt_outs
        .request(&manager, new, entry())
        .await
        .unwrap_err();
    let OptOutError::Items(items) = error else {
        panic!("{error}")
    };
    assert_eq!(
        items,
        [
            "nhs_number",
            "received_at",
            "asker.name",
            "asker.relationship"
        ]
    );
    let without = r#"{"practice":"Z99001","nhs_number":"9990000018","wish":"opt-out","asker":{"kind":"proxy","name":"Kit","relationship":"attorney"}}"#;
    assert!(
        serde_json::from_str::<NewOptOut>(without).is_err(),
        "no basis, no proxy"
    );
    assert_eq!(setting.folder.count("opt_out_request"), 0);
}

// R064, R066: the practice and its own IG office act; nobody else does, and nobody else learns of it
#[tokio::test]
async fn only_the_practice_and_its_own_office_act() {
    let setting = Setting::new();
    let office = setting.actor("ig-lead-tested");
    let ask = |actor: Actor, practice: &str| {
        let new = wish(practice, Wish::OptOut);
        let setting = &setting;
        async move { setting.opt_outs.request(&actor, new, entry()).await }
    };
    for (actor, practice) in [
        ("ig-lead-tested", "Z99001"),
        ("practice-manager", "Z99002"),
        ("dpo", "Z99001"),
        ("clinician", "Z99001"),
        ("hospital-privacy-officer", "Z99001"),
        ("oversight", "Z99001"),
        ("practice-manager", "Z9H01"),
    ] {
        let refused = ask(setting.actor(actor), practice).await;
        assert!(
            matches!(refused, Err(OptOutError::NotAllowed(NotAllowed))),
            "{actor} for {practice}"
        );
    }
    let request = ask(office.clone(), "Z99002").await.unwrap();
    assert_eq!(request.recorded_by, "ig-lead-tested");
    let told: Vec<_> = setting
        .store
        .notices(&NoticeFilter::default(), 9)
        .unwrap()
        .into_iter()
        .map(|row| (row.notice.to, row.notice.kind))
        .collect();
    let to = |code: &str| {
        (
            Recipient::Organisation(ods(code)),
            NoticeKind::OptOutRequest,
        )
    };
    assert_eq!(told, [to("Z9G09"), to("Z99002")]);
    let manager = setting.actor("practice-manager");
    assert!(matches!(
        setting.opt_outs.get(&manager, &request.id),
        Err(OptOutError::Unknown)
    ));
    assert!(matches!(
        setting
            .opt_outs
            .review(&manager, &request.id, granted(), entry())
            .await,
        Err(OptOutError::Unknown)
    ));
    // The data protection officer sees and does not act.
    let dpo = setting.actor("dpo");
    assert_eq!(
        setting
            .opt_outs
            .list(&dpo, &ods("Z99002"), true)
            .unwrap()
            .len(),
        1
    );
    assert!(matches!(
        setting
            .opt_outs
            .review(&dpo, &request.id, granted(), entry())
            .await,
        Err(OptOutError::NotAllowed(_))
    ));
    setting
        .opt_outs
        .review(&office, &request.id, granted(), entry())
        .await
        .unwrap();
    // An appointment that has not begun, or is no longer one, counts for nothing.
    let mut register = with_office();
    register
        .organisations
        .get_mut(&ods("Z99002"))
        .unwrap()
        .ig_office = Some(Appointment {
        office: ods("Z9G09"),
        since: date(2026, 11, 23),
    });
    setting.register.replace(register);
    assert!(ask(office, "Z99002").await.is_err());
}

// R062: 48 hours from receipt; the alarm is raised once, told and listed
#[tokio::test]
async fn a_request_that_waits_48_hours_raises_the_alarm_once() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let mut new = wish("Z99001", Wish::OptOut);
    new.received_at = Some("2026-11-21T10:00:00Z".parse().unwrap());
    let request = setting
        .opt_outs
        .request(&manager, new, entry())
        .await
        .unwrap();
    assert_eq!(request.age_hours, Some(24));
    assert_eq!(setting.opt_outs.alarm().await.unwrap(), 0);
    setting.wait(23);
    assert_eq!(setting.opt_outs.alarm().await.unwrap(), 0);
    setting.wait(1);
    assert_eq!(setting.opt_outs.alarm().await.unwrap(), 1);
    assert_eq!(setting.opt_outs.alarm().await.unwrap(), 0);
    let listed = setting
        .opt_outs
        .list(&manager, &ods("Z99001"), true)
        .unwrap();
    assert!(listed[0].overdue && listed[0].age_hours == Some(48));
    assert!(listed[0].alarmed_at.is_some());
    let filter = NoticeFilter {
        kind: Some(NoticeKind::OptOutOverdue),
        about: Some(format!("opt-out/{}", request.id)),
        ..NoticeFilter::default()
    };
    assert_eq!(setting.store.notices(&filter, 9).unwrap().len(), 1);
    setting
        .opt_outs
        .review(&manager, &request.id, granted(), entry())
        .await
        .unwrap();
    assert!(
        setting
            .opt_outs
            .list(&manager, &ods("Z99001"), true)
            .unwrap()
            .is_empty()
    );
    let closed = setting
        .opt_outs
        .list(&manager, &ods("Z99001"), false)
        .unwrap();
    assert!(!closed[0].overdue);
}

// R008, R063, R064: any number of changes, each kept; an opt-out follows the patient, only the practice of now lifts it
#[tokio::test]
async fn minds_change_and_the_history_stays() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let office = setting.actor("ig-lead-tested");
    let settle = |actor: &Actor, practice: &str, what: Wish, decision: OptOutDecision| {
        let (actor, new) = (actor.clone(), wish(practice, what));
        let setting = &setting;
        async move {
            setting.wait(1);
            let request = setting
                .opt_outs
                .request(&actor, new, entry())
                .await
                .unwrap();
            let review = OptOutReview {
                decision: Some(decision),
                ..granted()
            };
            setting
                .opt_outs
                .review(&actor, &request.id, review, entry())
                .await
                .unwrap();
        }
    };
    use OptOutDecision::{Declined, Granted, TakenBack};
    settle(&manager, "Z99001", Wish::OptOut, Declined).await;
    settle(&manager, "Z99001", Wish::OptOut, TakenBack).await;
    assert_eq!(setting.out("Z99001"), None);
    settle(&manager, "Z99001", Wish::OptOut, Granted).await;
    assert_eq!(setting.out("Z99001"), Some(ods("Z99001")));
    assert_eq!(
        setting.out("Z99002"),
        Some(ods("Z99001")),
        "it follows the patient"
    );
    settle(&office, "Z99002", Wish::OptIn, Granted).await;
    assert_eq!(
        setting.out("Z99002"),
        None,
        "the patient is there now and agreed"
    );
    assert_eq!(
        setting.out("Z99001"),
        Some(ods("Z99001")),
        "and if not, it does not count"
    );
    settle(&manager, "Z99001", Wish::OptIn, Granted).await;
    assert_eq!(setting.out("Z99001"), None);
    settle(&manager, "Z99001", Wish::OptOut, Granted).await;
    assert_eq!(setting.out("Z99001"), Some(ods("Z99001")));
    assert_eq!(
        setting.out("Z99002"),
        Some(ods("Z99001")),
        "later than the opt-in there"
    );

    // A read in an open occasion is told at once.
    let row = contract::occasion(7);
    let (id, at) = (row.id.clone(), row.opened_at);
    assert_eq!(row.practice, ods("Z99001"));
    setting.store.insert_occasion(row, None).await.unwrap();
    let looked = || setting.store.look_at_occasion(&id, at).unwrap().unwrap();
    assert!(looked().opted_out);
    settle(&manager, "Z99001", Wish::OptIn, Granted).await;
    assert!(!looked().opted_out);
    settle(&manager, "Z99001", Wish::OptOut, Granted).await;
    assert!(looked().opted_out);

    let consents: Vec<serde_json::Value> = setting
        .opt_outs
        .consents(&manager, &ods("Z99001"), &setting.register.current())
        .unwrap()
        .iter()
        .map(|consent| serde_json::from_slice(&to_json(consent).unwrap()).unwrap())
        .collect();
    let told: Vec<_> = consents
        .iter()
        .map(|consent| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            (
                text(&consent["status"]),
                text(&consent["provision"]["type"]),
            )
        })
        .collect();
    let is = |status: &str, kind: &str| (status.to_owned(), kind.to_owned());
    assert_eq!(
        told,
        [
            is("rejected", "deny"),
            is("rejected", "deny"),
            is("inactive", "deny"),
            is("inactive", "permit"),
            is("inactive", "deny"),
            is("inactive", "permit"),
            is("active", "deny"),
        ]
    );
    let last = &consents[6];
    assert_eq!(last["provision"]["period"].get("end"), None);
    assert_eq!(last["sourceReference"]["reference"], "#review");
    assert_eq!(last["organization"][0]["identifier"]["value"], "Z99001");
    let viewer = setting.actor("hospital-privacy-officer");
    let register = setting.register.current();
    assert!(
        setting
            .opt_outs
            .consents(&viewer, &ods("Z99001"), &register)
            .is_err()
    );
}

// R145: neither the number nor what was said lies open
#[tokio::test]
async fn what_was_said_is_sealed() {
    let setting = Setting::new();
    let manager = setting.actor("practice-manager");
    let mut new = wish("Z99001", Wish::OptOut);
    new.asker = Asker::Proxy {
        name: "Kit Plantedproxy".to_owned(),
        basis: ProxyPower::LegalPower,
        relationship: "plantedattorney".to_owned(),
    };
    let request = setting
        .opt_outs
        .request(&manager, new.clone(), entry())
        .await
        .unwrap();
    assert_eq!(
        (request.nhs_number.as_str(), request.asker),
        ("9990000018", new.asker)
    );
    setting
        .opt_outs
        .note(&manager, &request.id, "plantednote", entry())
        .await
        .unwrap();
    setting
        .opt_outs
        .review(&manager, &request.id, granted(), entry())
        .await
        .unwrap();
    let (row, mut alert) = contract::override_of(1);
    alert.text = setting
        .seal
        .seal_text(
            &format!("occasion/{}/override", alert.occasion),
            "plantedreason",
        )
        .unwrap();
    setting
        .store
        .insert_occasion(row, Some(alert.clone()))
        .await
        .unwrap();
    let officer = setting.actor("hospital-privacy-officer");
    let review = NewReview {
        outcome: ReviewOutcome::Justified,
        findings: "plantedfinding".to_owned(),
        recommendations: "plantedadvice".to_owned(),
    };
    let view = setting
        .reviews
        .review(&officer, &alert.id, review, entry())
        .await
        .unwrap();
    assert_eq!(view.words, "plantedreason");
    assert_eq!(view.reviews[0].review.findings, "plantedfinding");
    setting.folder.sql("PRAGMA wal_checkpoint(FULL)");
    for file in std::fs::read_dir(&setting.folder.0).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("planted") && !text.contains("9990000018"));
    }
}

// R093, R095, R096
#[tokio::test]
async fn overrides_are_reviewed_by_somebody_else_and_counted_as_the_trail_counts_them() {
    let setting = Setting::new();
    let officer = setting.actor("hospital-privacy-officer");
    let mut ids = Vec::new();
    for n in 1..=3 {
        let (row, mut alert) = contract::override_of(n);
        alert.text = setting
            .seal
            .seal_text(
                &format!("occasion/{}/override", alert.occasion),
                "collapsed",
            )
            .unwrap();
        alert.at = setting.clock.now() + SignedDuration::from_hours(24 * i64::from(n));
        let mut happened = AuditEntry::new(
            alert.at,
            What::Access(AccessStep::Override),
            Origin::default(),
        );
        happened.viewer = Some(row.viewer.clone());
        ids.push(alert.id.clone());
        setting
            .store
            .insert_occasion(row, Some(alert))
            .await
            .unwrap();
        setting.store.write(happened.clone()).await.unwrap();
        happened.failure = Some("override-text-short".to_owned());
        setting.store.write(happened).await.unwrap();
    }
    let start = setting.clock.now();
    setting.wait(24 * 5);
    let viewer = ods("Z9H01");
    let open = setting.reviews.list(&officer, &viewer, true).unwrap();
    let ages: Vec<_> = open.iter().map(|view| view.age_days).collect();
    assert_eq!(ages, [Some(4), Some(3), Some(2)]);

    let review = |outcome| NewReview {
        outcome,
        findings: "Attended; no companion".to_owned(),
        recommendations: "None".to_owned(),
    };
    let justified = || review(ReviewOutcome::Justified);
    for actor in [
        "privacy-officer",
        "practice-manager",
        "oversight",
        "hospital-doctor",
    ] {
        let refused = setting
            .reviews
            .review(&setting.actor(actor), &ids[0], justified(), entry())
            .await;
        assert!(matches!(refused, Err(ReviewError::Unknown)), "{actor}");
        assert!(
            setting
                .reviews
                .list(&setting.actor(actor), &viewer, true)
                .is_err()
        );
    }
    // Were a user of overrides ever given the duty, their own stays out of reach.
    let mut register = with_office();
    register
        .users
        .get_mut("hospital-privacy-officer")
        .unwrap()
        .username = "consultant".to_owned();
    let own = Actor::of(&register, "hospital-privacy-officer").unwrap();
    assert!(matches!(
        setting
            .reviews
            .review(&own, &ids[0], justified(), entry())
            .await,
        Err(ReviewError::OwnOverride)
    ));
    let mut silent = justified();
    (silent.findings, silent.recommendations) = ("...".to_owned(), String::new());
    assert!(matches!(
        setting.reviews.review(&officer, &ids[0], silent, entry()).await,
        Err(ReviewError::Items(items)) if items == ["findings", "recommendations"]
    ));
    assert_eq!(setting.deeds(), 0);
    let escalated = review(ReviewOutcome::Escalated);
    let view = setting
        .reviews
        .review(&officer, &ids[0], escalated, entry())
        .await
        .unwrap();
    assert_eq!(view.age_days, Some(4), "escalated is not concluded");
    let view = setting
        .reviews
        .review(&officer, &ids[0], justified(), entry())
        .await
        .unwrap();
    assert_eq!((view.age_days, view.reviews.len()), (None, 2));
    assert!(matches!(
        setting
            .reviews
            .review(&officer, &ids[0], justified(), entry())
            .await,
        Err(ReviewError::Concluded)
    ));
    assert_eq!(setting.deeds(), 2);

    let until = setting.clock.now();
    let report = setting
        .reviews
        .report(&officer, Some(&viewer), start, until)
        .unwrap();
    assert_eq!(
        (report.overrides, report.in_trail, report.refused),
        (3, 3, 3)
    );
    assert_eq!(report.by_reason["unconscious"], 3);
    assert_eq!(
        (
            report.by_outcome["justified"],
            report.by_outcome["unreviewed"]
        ),
        (1, 2)
    );
    assert_eq!(
        (report.oldest_unreviewed_days, report.reviews.len()),
        (Some(3), 2)
    );
    let group = setting.actor("oversight");
    let all = setting.reviews.report(&group, None, start, until).unwrap();
    assert_eq!((all.overrides, all.in_trail), (3, 3));
    let short = start + SignedDuration::from_hours(25);
    let report = setting
        .reviews
        .report(&group, Some(&viewer), start, short)
        .unwrap();
    assert_eq!((report.overrides, report.in_trail), (1, 1));
    assert!(
        setting
            .reviews
            .report(&officer, None, start, until)
            .is_err()
    );
    let other = setting.actor("privacy-officer");
    assert!(
        setting
            .reviews
            .report(&other, Some(&viewer), start, until)
            .is_err()
    );
}
