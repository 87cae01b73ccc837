use std::sync::Arc;

use jiff::civil::date;

use super::*;
use crate::audit::Origin;
use crate::clock::FixedClock;
use crate::sandbox::register::tests::sandbox_register;
use crate::store::notices::{NoticeFilter, NoticeStore};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::tests::Folder;

const NOW: &str = "2026-11-22T10:00:00Z";

struct Bench {
    service: HoldService,
    register: RegisterHandle,
    store: Arc<SqliteStore>,
    now: Timestamp,
    _folder: Folder,
}

fn bench() -> Bench {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let register = RegisterHandle::new(sandbox_register());
    register.take_holds_from(Arc::clone(&store) as _);
    let now = NOW.parse().unwrap();
    let service = HoldService::new(
        register.clone(),
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::new(FixedClock(now)),
    );
    Bench {
        service,
        register,
        store,
        now,
        _folder: folder,
    }
}

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

fn pair() -> Held {
    Held::Pair {
        practice: ods("Z99001"),
        viewer: ods("Z9O01"),
    }
}

fn assurance() -> AssuranceGiven {
    AssuranceGiven {
        by: "Dr Patel, Caldicott Guardian".to_owned(),
        text: "The card was found and destroyed.".to_owned(),
        on: date(2026, 11, 22),
    }
}

impl Bench {
    fn actor(&self, username: &str) -> Actor {
        Actor::of(&self.register.current(), username).unwrap()
    }

    fn entry(&self) -> AuditEntry {
        AuditEntry::new(self.now, What::Intent, Origin::default())
    }

    async fn place(&self, username: &str, held: Held) -> Result<HoldRow, HoldError> {
        let ask = HoldAsk {
            held,
            reason: "A smartcard was shared.".to_owned(),
            from: None,
        };
        self.service
            .place(&self.actor(username), ask, self.entry())
            .await
    }

    async fn lift(&self, username: &str, id: &str) -> Result<HoldRow, HoldError> {
        self.service
            .lift(&self.actor(username), id, assurance(), self.entry())
            .await
    }

    fn holds(&self) -> Arc<crate::register::Holds> {
        self.register.holds(self.now).unwrap()
    }
}

// R155: a practice suspends one viewer: only that pair stops, at once; lifting needs recorded assurance
#[tokio::test]
async fn a_practice_suspends_one_viewer_until_it_is_satisfied() {
    let bench = bench();
    let row = bench.place("practice-manager", pair()).await.unwrap();
    assert_eq!(row.placed_for, Some(ods("Z99001")));
    let holds = bench.holds();
    assert!(holds.touches(&ods("Z9O01"), "clinician", Some(&ods("Z99001"))));
    assert!(!holds.touches(&ods("Z9H01"), "hospital-doctor", Some(&ods("Z99001"))));
    assert!(!holds.touches(&ods("Z9O01"), "clinician", Some(&ods("Z99002"))));
    assert!(matches!(
        bench.place("practice-manager", pair()).await,
        Err(HoldError::Conflict(_))
    ));
    // The practice has to be satisfied, not the viewer and not the group.
    assert!(matches!(
        bench.lift("oversight", &row.id).await,
        Err(HoldError::NotAllowed(_))
    ));
    assert!(matches!(
        bench.lift("privacy-officer", &row.id).await,
        Err(HoldError::NotAllowed(_))
    ));
    for wrong in [
        AssuranceGiven {
            text: " ".to_owned(),
            ..assurance()
        },
        AssuranceGiven {
            by: String::new(),
            ..assurance()
        },
        AssuranceGiven {
            on: date(2026, 11, 21),
            ..assurance()
        },
        AssuranceGiven {
            on: date(2026, 11, 23),
            ..assurance()
        },
    ] {
        let lifted = bench
            .service
            .lift(
                &bench.actor("practice-manager"),
                &row.id,
                wrong,
                bench.entry(),
            )
            .await;
        assert!(matches!(lifted, Err(HoldError::Invalid(_))));
    }
    assert!(
        bench
            .holds()
            .touches(&ods("Z9O01"), "x", Some(&ods("Z99001")))
    );
    let lifted = bench.lift("practice-manager", &row.id).await.unwrap();
    assert_eq!(lifted.lift.as_ref().unwrap().by, "practice-manager");
    assert!(
        !bench
            .holds()
            .touches(&ods("Z9O01"), "x", Some(&ods("Z99001")))
    );
    assert!(matches!(
        bench.lift("practice-manager", &row.id).await,
        Err(HoldError::Conflict(_))
    ));
    // The history stays, and can be held again.
    assert_eq!(bench.store.holds(false).unwrap(), [lifted]);
    assert!(bench.place("practice-manager", pair()).await.is_ok());
    assert_eq!(bench.store.holds(false).unwrap().len(), 2);
}

// R154 to R157, R108: who may take what away
#[tokio::test]
async fn everybody_takes_away_only_what_is_theirs() {
    let bench = bench();
    let user = |name: &str| Held::User(name.to_owned());
    for (who, held, may) in [
        ("practice-manager", Held::Practice(ods("Z99001")), true),
        ("practice-manager", Held::Practice(ods("Z99002")), false),
        ("practice-manager", Held::Practice(ods("Z9H01")), false),
        ("practice-manager", Held::Organisation(ods("Z9O01")), false),
        ("practice-manager", user("clinician"), false),
        ("practice-manager", Held::Withdrawal(ods("Z99001")), true),
        ("privacy-officer", user("clinician"), true),
        ("privacy-officer", user("hospital-doctor"), false),
        ("privacy-officer", user("nobody"), false),
        ("privacy-officer", Held::Withdrawal(ods("Z9O01")), true),
        ("privacy-officer", Held::Withdrawal(ods("Z9H01")), false),
        ("privacy-officer", Held::Organisation(ods("Z9O01")), false),
        ("privacy-officer", Held::Everything, false),
        ("dpo", Held::Practice(ods("Z99001")), false),
        ("clinician", pair(), false),
        ("receptionist", user("clinician"), false),
        ("oversight", Held::Organisation(ods("Z9H01")), true),
        ("oversight", Held::Organisation(ods("Z9X99")), false),
        ("oversight", Held::Practice(ods("Z99002")), true),
        ("oversight", user("hospital-nurse"), true),
        ("oversight", Held::Everything, true),
        (
            "oversight",
            Held::Pair {
                practice: ods("Z9H01"),
                viewer: ods("Z99001"),
            },
            false,
        ),
    ] {
        let placed = bench.place(who, held.clone()).await;
        assert_eq!(placed.is_ok(), may, "{who}: {held:?}: {placed:?}");
    }
    let holds = bench.holds();
    assert!(holds.everything && holds.users.contains("clinician"));
    assert!(holds.practices_off.contains(&ods("Z99001")));
    assert!(holds.organisations.contains(&ods("Z9O01")));
    // What is listed is what concerns one.
    let listed = |who: &str| bench.service.list(&bench.actor(who), true).unwrap().len();
    assert_eq!(listed("oversight"), 8);
    assert!(listed("hospital-privacy-officer") < listed("oversight"));
}

// R154: announced ahead, told to the other side, undone by the group alone
#[tokio::test]
async fn a_withdrawal_may_be_announced_ahead_and_the_other_side_is_told() {
    let bench = bench();
    let later: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let ask = |held| HoldAsk {
        held,
        reason: "Notice of 20 November".to_owned(),
        from: Some(later),
    };
    let manager = bench.actor("practice-manager");
    let ahead = bench
        .service
        .place(
            &manager,
            ask(Held::Withdrawal(ods("Z99001"))),
            bench.entry(),
        )
        .await
        .unwrap();
    assert!(matches!(
        bench
            .service
            .place(&manager, ask(pair()), bench.entry())
            .await,
        Err(HoldError::Invalid(_))
    ));
    assert!(!bench.holds().stops(&ods("Z99001")));
    assert!(bench.register.holds(later).unwrap().stops(&ods("Z99001")));
    let told: Vec<String> = bench
        .store
        .notices(
            &NoticeFilter {
                kind: Some(NoticeKind::Withdrawal),
                ..NoticeFilter::default()
            },
            100,
        )
        .unwrap()
        .into_iter()
        .map(|row| row.notice.to.as_str().to_owned())
        .collect();
    for party in ["group", "Z9H01", "Z9O01", "Z99001"] {
        assert!(told.iter().any(|to| to == party), "{party}: {told:?}");
    }
    assert!(!told.iter().any(|to| to == "Z99002" || to == "Z9C01"));
    assert!(matches!(
        bench.lift("practice-manager", &ahead.id).await,
        Err(HoldError::NotAllowed(_))
    ));
    assert!(bench.lift("oversight", &ahead.id).await.is_ok());
}

// R157: one action stops everything, tells everybody and gives the head that seals the trail
#[tokio::test]
async fn the_programme_ends_by_one_action_and_for_good() {
    let bench = bench();
    let group = bench.actor("oversight");
    let (row, head) = bench
        .service
        .end_programme(&group, "Decision of the group, item 1", bench.entry())
        .await
        .unwrap();
    assert!(bench.holds().everything);
    assert_eq!(head.unwrap().size, 1);
    let filter = NoticeFilter {
        kind: Some(NoticeKind::Decommission),
        ..NoticeFilter::default()
    };
    // five practices and four viewers, the research unit among them, have signed; and the group
    assert_eq!(bench.store.notices(&filter, 100).unwrap().len(), 10);
    assert!(matches!(
        bench.lift("oversight", &row.id).await,
        Err(HoldError::Conflict(_))
    ));
    assert!(bench.holds().everything);
}

// R155: another replica's hold is there at the next request, and nothing is asked of the rows while nothing has changed
#[tokio::test]
async fn another_replica_sees_a_hold_at_its_next_request() {
    let bench = bench();
    let replica = Arc::new(SqliteStore::open(bench.store.path()).unwrap());
    let other = RegisterHandle::new(sandbox_register());
    other.take_holds_from(Arc::clone(&replica) as _);
    let before = other.holds(bench.now).unwrap();
    assert!(Arc::ptr_eq(&before, &other.holds(bench.now).unwrap()));
    let row = bench.place("practice-manager", pair()).await.unwrap();
    assert_eq!(other.holds(bench.now).unwrap().pairs.len(), 1);
    bench.lift("practice-manager", &row.id).await.unwrap();
    assert_eq!(*other.holds(bench.now).unwrap(), *before);
}

// R145, R154: a patient's number is no reason that all parties may read
#[tokio::test]
async fn a_reason_must_say_something_and_nothing_of_a_patient() {
    let bench = bench();
    for reason in ["", "   ", "bad", "about 9990000018", "x\u{7}xxxxxxxx"] {
        let ask = HoldAsk {
            held: pair(),
            reason: reason.to_owned(),
            from: None,
        };
        let placed = bench
            .service
            .place(&bench.actor("practice-manager"), ask, bench.entry())
            .await;
        assert!(matches!(placed, Err(HoldError::Invalid(_))), "{reason}");
    }
    assert!(bench.store.holds(false).unwrap().is_empty());
    // Nothing was written of what was not done.
    assert!(bench.store.head().unwrap().is_none());
}

// R126, R167: a hold's row of the trail is written with it, and holds no words
#[tokio::test]
async fn a_hold_leaves_its_row() {
    let bench = bench();
    let row = bench
        .place("privacy-officer", Held::User("clinician".to_owned()))
        .await
        .unwrap();
    let page = bench
        .store
        .events(&crate::audit::reader::Filter::default(), 10, None)
        .unwrap();
    let event = &page.events[0];
    assert_eq!(event.disclosed, std::slice::from_ref(&row.id));
    assert_eq!(event.clinician.as_deref(), Some("privacy-officer"));
    assert!(!event.decision.as_ref().unwrap().contains("smartcard"));
}
