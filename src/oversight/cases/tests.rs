//! Every kind of case through its life, on the real store.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::breach::{Breach, BreachState};
use super::complaint::{Complaint, ComplaintState};
use super::investigation::{Investigation, InvestigationState};
use super::report::{Owed, ReportState};
use super::*;
use crate::audit::reader::{AuditReader, Filter, Happening};
use crate::audit::{Interaction, Origin, Overseen, What};
use crate::register::Register;
use crate::sandbox::register::tests::sandbox_register;
use crate::store::notices::{NoticeFilter, NoticeStore};
use crate::store::sqlite::SqliteStore;

pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) cases: Cases,
    pub(crate) register: Register,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("openmig-cases-{}", new_id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Arc::new(SqliteStore::open(&folder.join("store.sqlite")).unwrap());
        Self {
            cases: Cases::new(
                Arc::clone(&store) as _,
                Arc::new(SealKey::new(&[7; 32]).unwrap()),
            ),
            store,
            register: sandbox_register(),
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
        }
    }

    pub(crate) fn later(&mut self, hours: i64) {
        self.now += SignedDuration::from_hours(hours);
    }

    /// Somebody for an organisation, or for the group where it is empty.
    async fn take<C: Case>(
        &self,
        who: (&str, &str),
        id: Option<&str>,
        step: serde_json::Value,
    ) -> Result<File<C>, CaseError> {
        let organisation = (!who.1.is_empty()).then(|| OdsCode(who.1.to_owned()));
        let actor = Actor::of(&self.register, who.0)
            .unwrap()
            .bound_to(organisation.as_ref());
        let around = Around {
            actor: &actor,
            organisation: organisation.as_ref(),
            register: &self.register,
            now: self.now,
        };
        let step: C::Step = serde_json::from_value(step).unwrap();
        let entry = |about: &About| {
            let what = What::Oversight(Overseen {
                interaction: Interaction {
                    name: "oversight-act",
                    kind: None,
                    query: "POST".to_owned(),
                },
                other_ids: about.ids.clone(),
            });
            AuditEntry::new(self.now, what, Origin::default())
        };
        self.cases.take::<C>(id, step, around, &entry).await
    }

    fn sees<C: Case>(&self, who: (&str, &str), id: &str) -> bool {
        let organisation = (!who.1.is_empty()).then(|| OdsCode(who.1.to_owned()));
        let actor = Actor::of(&self.register, who.0)
            .unwrap()
            .bound_to(organisation.as_ref());
        let around = Around {
            actor: &actor,
            organisation: organisation.as_ref(),
            register: &self.register,
            now: self.now,
        };
        let one = self.cases.one::<C>(id, around).is_ok();
        let all = self.cases.all::<C>(around).unwrap();
        assert_eq!(one, all.iter().any(|file| file.id == id));
        one
    }

    /// To whom something was told about this case, the newest last.
    fn told(&self, about: &str) -> Vec<String> {
        let filter = NoticeFilter {
            about: Some(about.to_owned()),
            ..NoticeFilter::default()
        };
        let mut told: Vec<String> = self
            .store
            .notices(&filter, 100)
            .unwrap()
            .into_iter()
            .map(|row| row.notice.to.as_str().to_owned())
            .collect();
        told.reverse();
        told
    }

    fn rows(&self) -> Vec<crate::audit::reader::StoredEvent> {
        let filter = Filter {
            happening: Some(Happening::Oversight),
            ..Filter::default()
        };
        self.store.events(&filter, 1000, None).unwrap().events
    }
}

const OFFICER: (&str, &str) = ("hospital-privacy-officer", "Z9H01");
const OTHER_OFFICER: (&str, &str) = ("privacy-officer", "Z9O01");
const MANAGER: (&str, &str) = ("practice-manager", "Z99001");
const DPO_2: (&str, &str) = ("dpo", "Z99002");
const GROUP: (&str, &str) = ("oversight", "");

fn why<T>(result: Result<T, CaseError>) -> String {
    result.err().unwrap().to_string()
}

// R200, R202: a case cannot close without practice and group notices, and only the group closes it
#[tokio::test]
async fn a_breach_closes_only_when_practice_and_group_are_informed() {
    let mut world = World::new();
    let open = json!({
        "step": "open", "identified_on": "2026-11-21", "practices": ["Z99001", "Z99002"], "viewers": ["Z9H01"],
        "what": "A record was opened for a colleague who was not a patient", "scheme": "the scheme in force"
    });
    let unknown = {
        let mut open = open.clone();
        open["practices"] = json!(["Z9H01"]);
        open
    };
    assert!(why(world.take::<Breach>(OFFICER, None, unknown).await).contains("register"));
    let file = world.take::<Breach>(OFFICER, None, open).await.unwrap();
    let id = file.id.clone();
    assert_eq!(file.case.scheme, "the scheme in force");
    // R092-like: who is concerned is told in the same transaction.
    let about = format!("breach/{id}");
    assert_eq!(world.told(&about), ["Z99001", "Z99002", "group"]);
    let step = |step: serde_json::Value, who| {
        let (world, id) = (&world, id.clone());
        async move { world.take::<Breach>(who, Some(&id), step).await }
    };
    let close = json!({"step": "close", "text": "agreed"});
    assert!(why(step(close.clone(), GROUP).await).contains("not finished"));
    let propose =
        json!({"step": "propose-closure", "outcome": "misuse", "measures": "warned and trained"});
    assert!(
        step(propose.clone(), MANAGER).await.is_err(),
        "the reporter proposes"
    );
    step(propose, OFFICER).await.unwrap();
    assert!(why(step(close.clone(), GROUP).await).contains("practice"));
    step(json!({"step": "acknowledge"}), MANAGER).await.unwrap();
    assert!(why(step(close.clone(), GROUP).await).contains("practice"));
    let informed = json!({"step": "informed", "practice": "Z99002", "on": "2026-11-22", "how": "by telephone"});
    step(informed, OFFICER).await.unwrap();
    assert!(why(step(close.clone(), GROUP).await).contains("group"));
    step(json!({"step": "acknowledge"}), GROUP).await.unwrap();
    assert!(
        step(close.clone(), OFFICER).await.is_err(),
        "S2 8.5: the group"
    );
    let closed = step(close, GROUP).await.unwrap();
    assert_eq!(closed.case.state, BreachState::Closed);
    assert_eq!(closed.history.len(), 6);
    let late = json!({"step": "progress", "text": "more"});
    assert!(why(step(late, OFFICER).await).contains("closed"));
    // Those who are concerned see it, others do not.
    for (who, sees) in [
        (OFFICER, true),
        (MANAGER, true),
        (DPO_2, true),
        (GROUP, true),
        (OTHER_OFFICER, false),
    ] {
        assert_eq!(world.sees::<Breach>(who, &id), sees, "{who:?}");
    }
    // R126: the trail has each step's digest, and no step that was refused.
    let rows = world.rows();
    assert_eq!(rows.len(), 6);
    // R145: what was said is sealed.
    let file = std::fs::read(world.store.path()).unwrap();
    let wal = std::fs::read(world.store.path().with_extension("sqlite-wal")).unwrap_or_default();
    for bytes in [file, wal] {
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("case_step") || text.is_empty() || !text.contains("colleague"));
        assert!(!text.contains("colleague who was not a patient"));
    }
    assert!(
        rows.iter()
            .all(|row| row.decision.as_deref().unwrap().contains(&id))
    );
    world.later(1);
    let reopened = world
        .take::<Breach>(
            GROUP,
            Some(&id),
            json!({"step": "reopen", "text": "new facts"}),
        )
        .await
        .unwrap();
    assert_eq!(reopened.case.state, BreachState::Open);
}

// R201
#[tokio::test]
async fn a_practice_demands_an_investigation_and_sees_its_times_and_outcome() {
    let mut world = World::new();
    let demand = json!({
        "step": "demand", "viewer": "Z9H01", "clinician": "hospital-doctor",
        "question": "Why was this record opened at night?", "answer_by": "2026-11-25"
    });
    assert!(
        world
            .take::<Investigation>(OFFICER, None, demand.clone())
            .await
            .is_err()
    );
    let file = world
        .take::<Investigation>(MANAGER, None, demand)
        .await
        .unwrap();
    let id = file.id.clone();
    assert_eq!(
        world.told(&format!("investigation/{id}")),
        ["Z9H01", "group"]
    );
    assert!(!world.sees::<Investigation>(DPO_2, &id));
    assert!(!world.sees::<Investigation>(OTHER_OFFICER, &id));
    let accept = json!({"step": "accept", "outcome": "satisfied"});
    assert!(
        why(world
            .take::<Investigation>(MANAGER, Some(&id), accept.clone())
            .await)
        .contains("no answer")
    );
    world.later(5);
    world
        .take::<Investigation>(OFFICER, Some(&id), json!({"step": "begin"}))
        .await
        .unwrap();
    let answer = json!({"step": "answer", "finding": "legitimate", "text": "The patient came in at two in the morning"});
    assert!(
        world
            .take::<Investigation>(OTHER_OFFICER, Some(&id), answer.clone())
            .await
            .is_err()
    );
    world.later(25);
    let answered = world
        .take::<Investigation>(OFFICER, Some(&id), answer.clone())
        .await
        .unwrap();
    assert_eq!(answered.case.answered_after_hours, Some(30));
    assert!(!answered.case.late);
    let again = json!({"step": "ask-again", "text": "Who was with the patient?", "answer_by": "2026-11-24"});
    world
        .take::<Investigation>(MANAGER, Some(&id), again)
        .await
        .unwrap();
    world.later(48);
    let answered = world
        .take::<Investigation>(OFFICER, Some(&id), answer)
        .await
        .unwrap();
    assert!(answered.case.late);
    let closed = world
        .take::<Investigation>(MANAGER, Some(&id), accept)
        .await
        .unwrap();
    assert_eq!(closed.case.state, InvestigationState::Closed);
    assert_eq!(closed.case.answered_after_hours, Some(30));
    assert_eq!(closed.history.len(), 6);
}

// R184: to the practice first under S2, to the receiver under S1; a change of policy needs everybody
#[tokio::test]
async fn a_complaint_goes_where_the_agreement_says_and_policy_changes_need_all_parties() {
    let mut world = World::new();
    let log = |handler: &str| {
        json!({
            "step": "log", "received_on": "2026-11-20", "category": "consent", "handled_by": handler,
            "parties": ["Z9H01"], "text": "Was not asked"
        })
    };
    assert!(
        world
            .take::<Complaint>(OFFICER, None, log("Z9H01"))
            .await
            .is_err()
    );
    let file = world
        .take::<Complaint>(OFFICER, None, log("Z99001"))
        .await
        .unwrap();
    let id = file.id.clone();
    assert_eq!(world.told(&format!("complaint/{id}")), ["Z99001"]);
    let decide = json!({"step": "decide", "outcome": "upheld", "resolution": "Apologised", "policy_change": true});
    assert!(
        world
            .take::<Complaint>(OFFICER, Some(&id), decide.clone())
            .await
            .is_err()
    );
    world
        .take::<Complaint>(MANAGER, Some(&id), decide)
        .await
        .unwrap();
    let close = json!({"step": "close"});
    let consent = json!({"step": "consent-to-change"});
    assert!(
        why(world
            .take::<Complaint>(MANAGER, Some(&id), close.clone())
            .await)
        .contains("consent")
    );
    world
        .take::<Complaint>(MANAGER, Some(&id), consent.clone())
        .await
        .unwrap();
    assert!(
        world
            .take::<Complaint>(MANAGER, Some(&id), close.clone())
            .await
            .is_err()
    );
    world
        .take::<Complaint>(OFFICER, Some(&id), consent)
        .await
        .unwrap();
    let closed = world
        .take::<Complaint>(MANAGER, Some(&id), close)
        .await
        .unwrap();
    assert_eq!(closed.case.state, ComplaintState::Closed);
    // The group sees the summary, never the complaint.
    assert!(!world.sees::<Complaint>(GROUP, &id));
    assert!(!world.sees::<Complaint>(DPO_2, &id));
    world.register.agreement.oversight.complaints_first =
        crate::register::ComplaintsFirst::Receiver;
    assert!(
        world
            .take::<Complaint>(OFFICER, None, log("Z99001"))
            .await
            .is_err()
    );
    assert!(
        world
            .take::<Complaint>(OFFICER, None, log("Z9H01"))
            .await
            .is_ok()
    );
}

// R123: a report is submitted when each access of its sample has been judged, dated, and the group is told
#[tokio::test]
async fn a_report_is_submitted_when_its_sample_is_judged() {
    let world = World::new();
    let begin = json!({
        "step": "begin", "report": "access-audit", "from": "2025-11-22", "to": "2026-11-21", "accesses": 40,
        "seed": 7, "sample": ["a", "b"]
    });
    assert!(
        world
            .take::<Owed>(MANAGER, None, begin.clone())
            .await
            .is_err(),
        "a practice owes none"
    );
    let file = world.take::<Owed>(OFFICER, None, begin).await.unwrap();
    let id = file.id.clone();
    assert!(
        !world.sees::<Owed>(GROUP, &id),
        "not before it is submitted"
    );
    let submit = json!({"step": "submit", "findings": "Nothing wrong", "recommendations": "None"});
    assert!(why(world.take::<Owed>(OFFICER, Some(&id), submit.clone()).await).contains("judged"));
    for occasion in ["a", "b"] {
        let judge = json!({"step": "judge", "occasion": occasion, "verdict": "legitimate"});
        world.take::<Owed>(OFFICER, Some(&id), judge).await.unwrap();
    }
    let other = json!({"step": "judge", "occasion": "c", "verdict": "legitimate"});
    assert!(world.take::<Owed>(OFFICER, Some(&id), other).await.is_err());
    let submitted = world
        .take::<Owed>(OFFICER, Some(&id), submit)
        .await
        .unwrap();
    assert_eq!(submitted.case.submitted_at, Some(world.now));
    assert_eq!(world.told(&format!("report/{id}")), ["group"]);
    assert!(world.sees::<Owed>(GROUP, &id) && !world.sees::<Owed>(OTHER_OFFICER, &id));
    let received = world
        .take::<Owed>(GROUP, Some(&id), json!({"step": "receive"}))
        .await
        .unwrap();
    assert_eq!(received.case.state, ReportState::Received);
}

// Two who act at once: one is first, the other acts on what is then
#[tokio::test]
async fn steps_at_once_follow_one_another() {
    let world = World::new();
    let open = json!({
        "step": "open", "identified_on": "2026-11-21", "practices": ["Z99001"], "what": "x", "scheme": "s"
    });
    let id = world.take::<Breach>(OFFICER, None, open).await.unwrap().id;
    let progress = |n: usize| json!({"step": "progress", "text": format!("note {n}")});
    let (a, b, c) = tokio::join!(
        world.take::<Breach>(OFFICER, Some(&id), progress(1)),
        world.take::<Breach>(MANAGER, Some(&id), progress(2)),
        world.take::<Breach>(GROUP, Some(&id), progress(3)),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    let steps = world.store.steps_of(CaseKind::Breach, &id).unwrap();
    assert_eq!(
        steps.iter().map(|step| step.n).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(world.rows().len(), 4);
}
