//! Notices on their way, with a real store and a real receiver.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::record::OdsCode;
use crate::store::notices::{Notice, NoticeFilter, NoticeKind, Recipient};
use crate::store::sqlite::tests::Folder;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A clock that a test moves.
struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What a receiver got, and what it answers next.
#[derive(Default)]
struct Receiver {
    got: Mutex<Vec<(HeaderMap, String)>>,
    answer: AtomicU16,
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    receiver.got.lock().unwrap().push((headers, body));
    StatusCode::from_u16(receiver.answer.load(Ordering::SeqCst)).unwrap()
}

async fn receiver() -> (Arc<Receiver>, WebhookRoute) {
    let receiver = Arc::new(Receiver {
        answer: AtomicU16::new(204),
        ..Receiver::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let app = axum::Router::new()
        .route("/alerts", axum::routing::post(receive))
        .with_state(Arc::clone(&receiver));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (receiver, WebhookRoute::new(&url, SECRET).unwrap())
}

fn hospital() -> Recipient {
    Recipient::Organisation(OdsCode("Z9H01".to_owned()))
}

fn notice(n: u8, to: &Recipient, at: Timestamp) -> Notice {
    Notice {
        body: json!({"reason": "unconscious"}),
        ..Notice::new(
            format!("notice-{n}"),
            to.clone(),
            NoticeKind::OverrideAlert,
            vec![format!("override/alert-{n}")],
            at,
        )
    }
}

struct Setting {
    folder: Folder,
    store: Arc<crate::store::sqlite::SqliteStore>,
    clock: Arc<Hand>,
    courier: Arc<Courier>,
}

impl Setting {
    fn new(webhook: Option<WebhookRoute>) -> Self {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        let clock = Arc::new(Hand(Mutex::new("2026-03-04T10:00:00Z".parse().unwrap())));
        let outbox = MailOutbox::new(&folder.0.join("outbox"), "openmig@gateway.example").unwrap();
        let route = Route {
            webhook,
            mail: Some("privacy@hospital.example".to_owned()),
        };
        let routes = Routes::new(BTreeMap::from([(hospital(), route)]), Some(outbox));
        let courier = Courier::new(
            Arc::clone(&store) as _,
            RoutesHandle::new(routes),
            Arc::clone(&clock) as _,
        );
        Self {
            folder,
            store,
            clock,
            courier: Arc::new(courier.unwrap()),
        }
    }

    async fn put(&self, to: &Recipient, ns: impl IntoIterator<Item = u8>) {
        let at = self.clock.now();
        let notices = ns.into_iter().map(|n| notice(n, to, at)).collect();
        self.store.put_notices(notices).await.unwrap();
    }

    async fn round(&self) {
        Courier::round(&self.courier).await.unwrap();
    }

    /// As many rounds as there is something to finish.
    async fn deliver(&self) {
        while Courier::round(&self.courier).await.unwrap() > 0 {}
    }

    fn wait(&self, seconds: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now += SignedDuration::from_secs(seconds);
    }

    fn mails(&self) -> Vec<String> {
        let mut mails: Vec<_> = std::fs::read_dir(self.folder.0.join("outbox"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        mails.sort();
        mails
    }
}

fn ids(receiver: &Receiver) -> Vec<String> {
    let got = receiver.got.lock().unwrap();
    got.iter()
        .map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned())
        .collect()
}

// R092
#[tokio::test]
async fn a_notice_goes_out_signed_once_each_way_and_in_order() {
    let (receiver, route) = receiver().await;
    let setting = Setting::new(Some(route.clone()));
    setting.put(&hospital(), 1..=3).await;
    setting.deliver().await;
    assert_eq!(ids(&receiver), ["notice-1", "notice-2", "notice-3"]);
    assert_eq!(
        setting.mails(),
        ["notice-1.eml", "notice-2.eml", "notice-3.eml"]
    );
    setting.wait(3600);
    setting.deliver().await;
    assert_eq!(ids(&receiver).len(), 3);

    let (headers, body) = receiver.got.lock().unwrap()[0].clone();
    let at = headers["webhook-timestamp"].to_str().unwrap();
    let at = Timestamp::from_second(at.parse().unwrap()).unwrap();
    let expected = webhook::signature(&route.secret, "notice-1", at, &body).unwrap();
    assert_eq!(headers["webhook-signature"].to_str().unwrap(), expected);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["type"], "openmig.override-alert");
    assert_eq!(body["timestamp"], "2026-03-04T10:00:00Z");
    assert_eq!(body["data"]["to"], "Z9H01");
    assert_eq!(body["data"]["about"], json!(["override/alert-1"]));
    assert_eq!(body["data"]["details"], json!({"reason": "unconscious"}));

    let mail = std::fs::read_to_string(setting.folder.0.join("outbox/notice-1.eml")).unwrap();
    for part in [
        "From: openmig@gateway.example\r\nTo: privacy@hospital.example\r\nSubject: OpenMIG: An emergency",
        "Date: Wed, 4 Mar 2026 10:00:00 +0000\r\n",
        "\r\n\r\nAn emergency override",
        "About override/alert-1\r\nreason: unconscious\r\n",
    ] {
        assert!(mail.contains(part), "{part:?} in {mail}");
    }
    let rows = setting.store.notices(&NoticeFilter::default(), 10).unwrap();
    for delivery in rows.iter().flat_map(|row| &row.deliveries) {
        assert!(delivery.delivered && delivery.attempts == 1, "{delivery:?}");
    }
}

// R092: what fails is tried again after growing pauses, and nothing waits for it: no other channel, nobody else, and no later
// notice to the same receiver.
#[tokio::test]
async fn a_receiver_that_is_down_is_told_all_when_it_is_back() {
    let (receiver, route) = receiver().await;
    let setting = Setting::new(Some(route));
    receiver.answer.store(503, Ordering::SeqCst);
    setting.put(&hospital(), 1..=2).await;
    setting.put(&Recipient::Group, [3]).await;
    setting.deliver().await;
    assert_eq!(
        ids(&receiver),
        ["notice-1", "notice-2"],
        "each its own chance"
    );
    assert_eq!(setting.mails().len(), 2, "mail does not wait for a webhook");
    let open = |n: &str| {
        let filter = NoticeFilter {
            id: Some(format!("notice-{n}")),
            ..NoticeFilter::default()
        };
        setting.store.notices(&filter, 1).unwrap()[0].deliveries[0].clone()
    };
    assert_eq!(open("1").last_error.as_deref(), Some("answered 503"));
    let group = open("3");
    assert!(group.done_at.is_some() && !group.delivered, "{group:?}");

    setting.wait(4);
    setting.deliver().await;
    assert_eq!(ids(&receiver).len(), 2, "the pause is 5 s");
    setting.wait(1);
    setting.round().await;
    setting.round().await;
    assert_eq!(ids(&receiver).len(), 4);
    setting.wait(9);
    setting.deliver().await;
    assert_eq!(ids(&receiver).len(), 4, "then 10 s");
    receiver.answer.store(200, Ordering::SeqCst);
    setting.wait(1);
    setting.deliver().await;
    assert_eq!(ids(&receiver)[4..], ["notice-1", "notice-2"]);
    assert!(open("1").delivered && open("2").delivered);
    assert_eq!(pause(0), SignedDuration::from_secs(5));
    assert_eq!(pause(7), SignedDuration::from_secs(640));
    for before in [8, 30, 31, u32::MAX] {
        assert_eq!(pause(before), SignedDuration::from_mins(15));
    }
}

/// Answers 503 to one notice for ever and 204 to all others.
async fn choosy(
    State(got): State<Arc<Mutex<Vec<String>>>>,
    headers: HeaderMap,
    _body: String,
) -> StatusCode {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let bad = id == "notice-1";
    got.lock().unwrap().push(id);
    if bad {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}

// R092: a notice that its receiver never takes holds up nothing, is given up in the end, and the group hears of it; somebody who
// has mended the cause has it sent again.
#[tokio::test]
async fn a_notice_that_is_never_taken_is_given_up_and_told_of() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let app = axum::Router::new()
        .route("/alerts", axum::routing::post(choosy))
        .with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let setting = Setting::new(WebhookRoute::new(&url, SECRET));
    setting.put(&hospital(), 1..=3).await;
    setting.deliver().await;
    assert_eq!(*got.lock().unwrap(), ["notice-1", "notice-2", "notice-3"]);
    assert_eq!(setting.store.failing().unwrap().waiting, 1);

    for _ in 1..ATTEMPTS {
        setting.wait(LONGEST_PAUSE.as_secs());
        setting.round().await;
    }
    let tried = got
        .lock()
        .unwrap()
        .iter()
        .filter(|id| *id == "notice-1")
        .count();
    assert_eq!(tried, ATTEMPTS as usize);
    let failing = setting.store.failing().unwrap();
    assert_eq!((failing.waiting, failing.given_up), (0, 1));
    let filter = NoticeFilter {
        kind: Some(NoticeKind::Undelivered),
        ..NoticeFilter::default()
    };
    let told = setting.store.notices(&filter, 9).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].notice.to, Recipient::Group);
    assert_eq!(
        told[0].notice.about,
        ["notice/notice-1", "organisation/Z9H01"]
    );
    let failing = NoticeFilter {
        failing_only: true,
        ..NoticeFilter::default()
    };
    let listed = setting.store.notices(&failing, 9).unwrap();
    assert_eq!(listed.len(), 1);
    assert!(
        listed[0]
            .deliveries
            .iter()
            .any(|way| way.given_up && !way.delivered)
    );
    setting.wait(LONGEST_PAUSE.as_secs());
    setting.deliver().await;
    let tried = |got: &Mutex<Vec<String>>| {
        let got = got.lock().unwrap();
        got.iter().filter(|id| *id == "notice-1").count()
    };
    assert_eq!(tried(&got), ATTEMPTS as usize, "tried no more");

    let entry = || crate::store::contract::entry(crate::audit::What::Intent);
    let now = setting.clock.now();
    let again = |id: &'static str| setting.store.retry_notice(id, now, entry());
    assert!(again("notice-1").await.unwrap());
    assert!(!again("notice-1").await.unwrap());
    assert!(!again("notice-2").await.unwrap());
    setting.deliver().await;
    assert_eq!(tried(&got), ATTEMPTS as usize + 1);
}

// Two replicas: one of them takes it.
#[tokio::test]
async fn a_delivery_is_tried_by_one_at_a_time_and_again_when_that_one_died() {
    let setting = Setting::new(None);
    setting.put(&hospital(), [1]).await;
    let now = setting.clock.now();
    let due = setting.store.due_deliveries(now).unwrap();
    assert_eq!(due.len(), 2);
    let until = now + LEASE;
    assert!(setting.store.claim_delivery(&due[0], until).await.unwrap());
    assert!(!setting.store.claim_delivery(&due[0], until).await.unwrap());
    setting.deliver().await;
    assert_eq!(setting.store.due_deliveries(now).unwrap(), []);
    let left = setting.store.due_deliveries(until).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].channel, due[0].channel);
}

#[test]
fn addresses_that_could_mislead_are_refused() {
    for good in ["privacy@hospital.example", "a.b+c@x-y.nhs.example"] {
        assert!(mail::is_address(good), "{good}");
    }
    for bad in [
        "",
        "privacy",
        "@x",
        "a@",
        "a@b@c",
        "a@b\r\nBcc: c@d",
        "a, b@c",
        "A <a@b>",
        "ä@b",
    ] {
        assert!(!mail::is_address(bad), "{bad}");
    }
    assert!(WebhookRoute::new("https://alerts.hospital.example/in?t=1", SECRET).is_some());
    for bad in [
        "http://alerts.hospital.example/",
        "ftp://127.0.0.1/",
        "https://user@h.example/",
        "https://h.example/#f",
        "no url",
    ] {
        assert!(WebhookRoute::new(bad, SECRET).is_none(), "{bad}");
    }
    for bad in [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_c2hvcnQ=",
        "whsec_??",
    ] {
        assert!(
            WebhookRoute::new("https://h.example/", bad).is_none(),
            "{bad}"
        );
    }
}
