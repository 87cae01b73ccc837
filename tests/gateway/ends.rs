//! What ends while a request is under way.

use openmig::store::OccasionStore as _;

use openmig::config::Timing;

use super::support::{Ask, TestGateway, encode, timing, wait};

// R080: the source takes its time, and in it the patient says stop
#[test]
fn what_ends_while_the_source_answers_is_not_shown() {
    let gateway = TestGateway::start(
        "ends",
        Timing {
            hold_seconds: 0,
            source_deadline_seconds: 20,
            ..timing()
        },
    );
    for revoke in [false, true] {
        let token = gateway.token(&Ask::consent("9990000018"));
        gateway.fault("emis", "slow", 1);
        let path = format!("Condition?patient={}", token.patient);
        let answer = std::thread::scope(|scope| {
            let reading = scope.spawn(|| gateway.get(&token, &path));
            std::thread::sleep(std::time::Duration::from_millis(300));
            if revoke {
                let assertion = gateway.assertion("sandbox-backend", "hospital-doctor");
                let body = encode(&[
                    ("token", token.access.as_str()),
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ),
                    ("client_assertion", &assertion),
                ]);
                let headers = [("content-type", super::support::FORM)];
                gateway
                    .send(reqwest::Method::POST, "revoke", &headers, &body)
                    .expect(200);
            } else {
                let now = openmig::clock::Clock::now(gateway.sandbox.clock.as_ref());
                let store = &gateway.sandbox.store;
                assert!(wait(store.withdraw_occasion(&token.occasion, now)).unwrap());
            }
            assert!(!reading.is_finished(), "the source answered too soon");
            reading.join().unwrap()
        });
        assert!(matches!(answer.status, 401 | 403), "{}", answer.text());
        let rows = gateway.rows(answer.header("x-request-id"));
        assert!(rows.iter().all(|row| row.what != "disclosure"));
        assert!(rows.iter().any(|row| row.what == "refused"));
    }
}
