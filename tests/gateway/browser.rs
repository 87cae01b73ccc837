//! A browser that fills in the pages of the authorize flow, and what an app does before and after.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Answer, FORM, TestGateway, encode};

pub const REDIRECT: &str = "http://127.0.0.1:9310/app.html";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const SCOPE: &str = "openid fhirUser launch/patient offline_access patient/*.rs";

/// What an app sends to the authorize endpoint.
pub fn asked(gateway: &TestGateway, client: &str) -> Vec<(String, String)> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("state", "state-1"),
        ("nonce", "nonce-1"),
        ("scope", SCOPE),
        ("aud", &gateway.base),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

pub fn with(mut pairs: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    pairs.retain(|(n, _)| n != name);
    pairs.push((name.to_owned(), value.to_owned()));
    pairs
}

pub fn form(pairs: &[(String, String)]) -> String {
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    encode(&pairs)
}

/// A browser on one journey: follows no redirect by itself, keeps one cookie.
pub struct Browser<'a> {
    pub gateway: &'a TestGateway,
    pub cookie: String,
    /// The page that is shown.
    pub page: Answer,
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).map_or(text.len(), |at| at + before.len());
    let rest = &text[start..];
    &rest[..rest.find(after).unwrap_or(0)]
}

impl<'a> Browser<'a> {
    pub fn open(gateway: &'a TestGateway, pairs: &[(String, String)]) -> Self {
        let page = gateway.send(Method::GET, &format!("authorize?{}", form(pairs)), &[], "");
        Self::at(gateway, page)
    }

    pub fn at(gateway: &'a TestGateway, page: Answer) -> Self {
        let mut browser = Self {
            gateway,
            cookie: String::new(),
            page: page.clone(),
        };
        browser.take_cookie(&page);
        browser
    }

    pub fn take_cookie(&mut self, answer: &Answer) {
        if let Some((pair, _)) = answer.header("set-cookie").split_once(';') {
            pair.clone_into(&mut self.cookie);
        }
    }

    /// Address of the journey's pages.
    pub fn action(&self) -> String {
        let action = between(self.page.text(), "action=\"", "\"");
        action
            .rsplit_once('/')
            .map_or("", |(journey, _)| journey)
            .to_owned()
    }

    pub fn form_token(&self) -> String {
        between(self.page.text(), "name=\"form_token\" value=\"", "\"").to_owned()
    }

    /// Sends a form of the page; follows to the journey's next page, but not out to the app.
    pub fn send(&mut self, step: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token();
        let mut all = vec![("form_token", token.as_str())];
        all.extend_from_slice(fields);
        let answer = self.post(&format!("{}/{step}", self.action()), &encode(&all));
        self.take_cookie(&answer);
        let location = answer.header("location").to_owned();
        if answer.status == 303 && location.starts_with('/') {
            let cookie = self.cookie.clone();
            self.page = self
                .gateway
                .send(Method::GET, &location, &[("cookie", &cookie)], "");
            return self.page.clone();
        }
        if answer.status != 303 {
            self.page = answer.clone();
        }
        answer
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let headers = [("content-type", FORM), ("cookie", self.cookie.as_str())];
        self.gateway.send(Method::POST, path, &headers, body)
    }

    #[track_caller]
    pub fn sign_in(mut self, username: &str) -> Self {
        self.send(
            "sign-in",
            &[("username", username), ("password", "sandbox")],
        );
        self
    }

    #[track_caller]
    pub fn pick(mut self, nhs_number: &str) -> Self {
        let id = fhir_id(self.gateway, nhs_number);
        assert!(
            self.page.text().contains(&format!(
                "data-testid=\"pick-patient\" data-patient=\"{id}\""
            )),
            "{}",
            self.page.text()
        );
        self.send("pick", &[("patient", &id)]);
        self
    }

    /// Ticks everything that the page marks as an item of the conversation.
    pub fn approve_without(&mut self, left_out: &str, more: &[(&str, &str)]) -> Answer {
        let names = consent_items(self.page.text());
        assert_eq!(names.len(), 8, "{}", self.page.text());
        let mut fields: Vec<(&str, &str)> = names
            .iter()
            .filter(|name| *name != left_out)
            .map(|name| (name.as_str(), "yes"))
            .collect();
        fields.extend_from_slice(more);
        self.send("approve", &fields)
    }

    pub fn approve(&mut self) -> Answer {
        self.approve_without("", &[])
    }
}

/// The page of the conversation, as the out-of-hours clinician sees it.
pub fn consent_page(gateway: &TestGateway, nhs_number: &str) -> String {
    let browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick(nhs_number);
    browser.page.text().to_owned()
}

pub fn consent_items(page: &str) -> Vec<String> {
    page.split("<input ")
        .filter(|tag| tag.split('>').next().unwrap().contains("consent-item"))
        .map(|tag| between(tag, "name=\"", "\"").to_owned())
        .collect()
}

pub fn fhir_id(gateway: &TestGateway, nhs_number: &str) -> String {
    let contract = gateway
        .send(Method::GET, "/sandbox/contract.json", &[], "")
        .expect(200)
        .json();
    let patients = contract["patients"].as_array().unwrap();
    let found = patients.iter().find(|it| it["nhs_number"] == nhs_number);
    found.unwrap()["fhir_id"].as_str().unwrap().to_owned()
}

/// The parameters that the app gets back.
#[track_caller]
pub fn sent_back(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location");
    let query = location
        .strip_prefix(&format!("{REDIRECT}?"))
        .unwrap_or_else(|| panic!("{location}"));
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, value)| value.as_str())
}

/// The whole way to a code.
#[track_caller]
pub fn code(gateway: &TestGateway, client: &str, username: &str, nhs_number: &str) -> String {
    let mut browser = Browser::open(gateway, &asked(gateway, client))
        .sign_in(username)
        .pick(nhs_number);
    let back = sent_back(&browser.approve());
    assert_eq!(value(&back, "state"), "state-1");
    assert_eq!(value(&back, "iss"), gateway.base);
    value(&back, "code").to_owned()
}

pub fn exchange_with(gateway: &TestGateway, code: &str, change: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", "sandbox-spa"),
    ];
    for (name, value) in change {
        pairs.retain(|(n, _)| n != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    gateway.post_token(&pairs)
}

pub fn refresh(gateway: &TestGateway, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    pairs.extend_from_slice(more);
    gateway.post_token(&pairs)
}

pub fn read(gateway: &TestGateway, token: &Value, path: &str) -> Answer {
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    gateway.send(Method::GET, path, &[("authorization", &bearer)], "")
}

pub fn basic() -> String {
    format!(
        "Basic {}",
        STANDARD.encode("sandbox-web:sandbox-web-secret")
    )
}

pub fn introspect(gateway: &TestGateway, token: &str) -> Value {
    let headers = [("content-type", FORM), ("authorization", &basic())];
    gateway
        .send(
            Method::POST,
            "introspect",
            &headers,
            &encode(&[("token", token)]),
        )
        .expect(200)
        .json()
}

pub fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}
