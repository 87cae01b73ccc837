//! Taking consent back in the middle of an occasion, what an override sets in motion, and what of both lies on the disk.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::support::{
    Answer, Ask, ES, FORM, TestGateway, Token, alone, proxy, timing, until, wait,
};

fn withdraw(gateway: &TestGateway, token: &Token, body: &str) -> Answer {
    let bearer = format!("Bearer {}", token.access);
    let headers = [("authorization", bearer.as_str()), ("content-type", FORM)];
    gateway.send(Method::POST, "withdraw", &headers, body)
}

// R077, R080, R120: the next read is refused, every token is dead, nothing is resumed, and the refusal stands
#[test]
fn consent_is_taken_back_in_the_middle() {
    let gateway = alone();
    let (client, user) = ES;
    let ask = Ask::consent("9990000018").by(client, user);
    let token = gateway.token(&ask);
    let again = Ask::again(&token.occasion).by(client, user);
    let second = gateway.token(&again);
    let other = gateway.token(&Ask::consent("9990000018"));
    let read = format!("Patient/{}", token.patient);
    gateway.get(&token, &read).expect(200);

    let answer = withdraw(&gateway, &token, "").expect(200);
    assert_eq!(answer.json()["withdrawn"], true);
    assert_eq!(answer.json()["occasion"], token.occasion.as_str());
    for dead in [&token, &second] {
        assert_eq!(gateway.get(dead, &read).expect(401).code(), "unauthorized");
        withdraw(&gateway, dead, "").expect(401);
    }
    gateway.mendable(&again, "occasion-not-open");
    let rows = gateway.rows(answer.header("x-request-id"));
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].what.as_str(), rows[0].failure.as_deref()),
        ("withdrawal", None)
    );
    assert_eq!(rows[0].patient.as_deref(), Some(token.patient.as_str()));
    assert!(rows[0].basis.as_deref().unwrap().starts_with("consent:"));

    // R077, R078: by consent and by override, for this clinician and no other
    gateway.mendable(&ask, "refusal-stands");
    gateway.mendable(
        &Ask::emergency("9990000018").by(client, user),
        "refusal-stands",
    );
    gateway.get(&other, &read).expect(200);
    gateway.token(&ask.said("changed_mind", json!(true)));
}

// R080: a contact that is over leaves no refusal
#[test]
fn an_occasion_can_just_be_finished() {
    let gateway = alone();
    let (client, user) = ES;
    let ask = Ask::consent("9990000387").by(client, user);
    let token = gateway.token(&ask);
    withdraw(&gateway, &token, "reason=bored").expect(400);
    withdraw(&gateway, &token, "reason=finished").expect(200);
    gateway
        .get(&token, &format!("Patient/{}", token.patient))
        .expect(401);
    gateway.token(&ask);
    let nobody = gateway.send(Method::POST, "withdraw", &[], "").expect(401);
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    let rows = gateway.rows(nobody.header("x-request-id"));
    assert_eq!(rows[0].failure.as_deref(), Some("unauthorized"));
    let discovery = gateway.send(Method::GET, ".well-known/smart-configuration", &[], "");
    let endpoint = &discovery.expect(200).json()["openmig_withdrawal_endpoint"];
    assert_eq!(endpoint, &json!(format!("{}/withdraw", gateway.base)));
}

/// Everything that lies in the store's files.
fn disk(gateway: &TestGateway) -> Vec<u8> {
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(&gateway.data).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    for mail in std::fs::read_dir(gateway.data.join("outbox")).unwrap() {
        bytes.extend(std::fs::read(mail.unwrap().path()).unwrap());
    }
    bytes
}

// R092, R145: an override's alert goes out; who, whose and why stay off the disk and out of the alert
#[test]
fn words_and_names_are_sealed_and_the_alert_says_neither() {
    let gateway = TestGateway::start("sealed", timing());
    let received = wait(async {
        let (tell, told) = tokio::sync::mpsc::unbounded_channel::<Value>();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let app = axum::Router::new().route(
            "/in",
            axum::routing::post(move |body: axum::Json<Value>| {
                let tell = tell.clone();
                async move { tell.send(body.0).unwrap() }
            }),
        );
        tokio::spawn(async move { axum::serve(listener, app).await });
        (url, told)
    });
    let (url, mut told) = received;
    let body = json!({"recipient": "Z9H01", "url": url}).to_string();
    let headers = [("content-type", "application/json")];
    gateway
        .send(Method::POST, "/sandbox/webhooks", &headers, &body)
        .expect(200);

    let child = Ask::consent("9990005931")
        .said(
            "proxy",
            proxy(
                "parental-responsibility",
                "Plantedname Bloggs",
                "plantedstepmother",
            ),
        )
        .said("child", json!({"asked": true, "view": "agrees"}));
    let token = gateway.token(&child);
    let consent = token.answer["authorization_details"][0]["consent"]
        .as_str()
        .unwrap();
    let consent = gateway.get(&token, consent).expect(200);
    assert!(
        consent.text().contains("Plantedname Bloggs"),
        "the right reader sees it"
    );
    let emergency = Ask::emergency("9990006679").with(|details| {
        details["override"]["text"] =
            json!("Plantedword collapsed in the plantedplace, no companion");
    });
    let token = gateway.token(&emergency);
    gateway
        .get(&token, &format!("Patient/{}", token.patient))
        .expect(200);

    let alert = wait(async { tokio::time::timeout(Duration::from_secs(20), told.recv()).await });
    let alert = alert.expect("no webhook came").unwrap();
    assert_eq!(alert["type"], "openmig.override-alert");
    assert_eq!(alert["data"]["to"], "Z9H01");
    assert_eq!(alert["data"]["details"], json!({"reason": "unconscious"}));
    assert!(!alert.to_string().contains(&token.patient), "{alert}");
    let mails = || {
        let files = std::fs::read_dir(gateway.data.join("outbox")).unwrap();
        files
            .filter(|file| {
                let name = file.as_ref().unwrap().file_name();
                name.to_string_lossy().ends_with(".eml")
            })
            .count()
    };
    until(|| mails() >= 2);
    assert_eq!(mails(), 2, "to the privacy officer and to the practice");

    gateway
        .database()
        .query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(()))
        .unwrap();
    let disk = String::from_utf8_lossy(&disk(&gateway)).to_lowercase();
    assert!(disk.contains("parental-responsibility") || disk.contains("override-alert"));
    for word in [
        "plantedname",
        "bloggs",
        "plantedstepmother",
        "plantedword",
        "plantedplace",
        "9990005931",
        "9990006679",
    ] {
        assert!(!disk.contains(word), "{word} lies on the disk");
    }
}

// R091, R092, R125: neither words without meaning nor a broken outbox let an override through
#[test]
fn an_override_needs_its_words_and_its_alert() {
    let gateway = TestGateway::start("unalerted", timing());
    let words = |text: &str| {
        Ask::emergency("9990006679").with(|details| details["override"]["text"] = json!(text))
    };
    for (text, reason) in [
        ("        \t        ", "override-text-missing"),
        ("no companion", "override-text-short"),
        (
            "Patient unconscious, emergency access needed",
            "override-text-empty",
        ),
        ("asdfghjkl qwertyuiop zxcvbnm", "override-text-empty"),
        (
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbb",
            "override-text-empty",
        ),
    ] {
        let answer = gateway.mendable(&words(text), reason);
        let rows = gateway.rows(answer.header("x-request-id"));
        assert!(
            rows.iter()
                .any(|row| row.failure.as_deref() == Some(reason)),
            "{text}"
        );
    }
    let rename = |from: &str, to: &str| {
        gateway
            .database()
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .unwrap();
    };
    rename("notice", "notice_gone");
    let answer = gateway.ask(&Ask::emergency("9990006679")).expect(503);
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    let kept = |table: &str| -> u32 {
        gateway
            .database()
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!((kept("alert"), kept("occasion")), (0, 0));
    rename("notice_gone", "notice");
    gateway.token(&Ask::emergency("9990006679"));
    assert_eq!((kept("alert"), kept("notice")), (1, 2));
}
