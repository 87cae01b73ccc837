//! What clients send: assertions, key sets, scopes, occasions, forms, requests by browser, headers, searches.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::civil::date;
use openmig::access::AddressRanges;
use openmig::api::request::{NetworkRule, negotiate};
use openmig::audit::Origin;
use openmig::fhir::kind::KINDS;
use openmig::record::OdsCode;
use openmig::register::{Client, ClientAuthentication, Register};
use openmig::release::{Released, for_caller};
use openmig::sandbox::mock::write::{Xml, openhr};
use openmig::sandbox::population;
use openmig::smart::assertion::Unverified;
use openmig::smart::authorize::{self, Unfit};
use openmig::smart::details;
use openmig::smart::form::{Form, FormRequest};
use openmig::smart::jwks::KeySet;
use openmig::smart::launch_scope::{LaunchScopes, holds, narrowed};
use openmig::smart::requester::requester;
use openmig::smart::scope::{Allowance, ScopeRequest, ScopeSet};
use openmig::tabs::catalogue::{TABS, TabSet};
use openmig::tabs::search::{SearchAsk, search as select};

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A client assertion, before any key is known.
pub fn assertion(bytes: &[u8]) {
    let Some(jwt) = text(bytes) else { return };
    if let Ok(read) = Unverified::read(jwt) {
        let _ = (read.claimed_client(), read.kid(), read.algorithm());
    }
    // Its claims of GP Connect, as if somebody had signed them: who is named is one whom the register knows.
    if let Ok(serde_json::Value::Object(claims)) = serde_json::from_slice(bytes) {
        let client = &APPS.clients["app"];
        let extensions = claims.get("extensions");
        if let Ok(asks) = requester(extensions, &claims, client, &APPS, "urn:users") {
            assert!(APPS.users.contains_key(&asks.clinician.username));
        }
    }
}

const REDIRECT: &str = "https://app.example/callback?own=1";

/// A register with one app and nobody.
static APPS: LazyLock<Register> = LazyLock::new(|| {
    let app = Client {
        id: "app".to_owned(),
        name: None,
        launches: Vec::new(),
        authentication: ClientAuthentication::Public,
        organisation: None,
        named_clinician: false,
        audit_of: None,
        oversight: None,
        may_introspect: false,
        redirect_uris: vec![REDIRECT.to_owned()],
    };
    Register {
        clients: [("app".to_owned(), app)].into(),
        ..Register::default()
    }
});

/// What an app asks of a browser, as a query or as a form. Whatever it holds, the browser is sent nowhere but to the app's own
/// address, and what was sent comes back as one value of one parameter.
pub fn authorize(bytes: &[u8]) {
    let issuer = "http://127.0.0.1:8080/fhir/r4";
    let sent_to = |location: &str| {
        assert!(location.starts_with(REDIRECT), "sent elsewhere: {location}");
        assert!(location.bytes().all(|byte| (0x21..0x7f).contains(&byte)));
        let url = url::Url::parse(location).unwrap();
        assert!(url.host_str() == Some("app.example") && url.fragment().is_none());
        for name in ["own", "iss"] {
            assert_eq!(
                url.query_pairs().filter(|(known, _)| known == name).count(),
                1
            );
        }
        assert!(
            url.query_pairs()
                .filter(|(known, _)| known == "state")
                .count()
                <= 1
        );
    };
    match authorize::read(bytes, issuer, &APPS) {
        Ok(asked) => {
            sent_to(&asked.back.with(issuer, &[("code", "c")]));
            assert!(asked.client == "app" && asked.challenge.len() == 43);
            let scopes = LaunchScopes::parse(&asked.scope).unwrap();
            let granted = scopes.grant(Some(TabSet::ALL), asked.launch.is_some(), true);
            assert!(!granted.is_empty());
        }
        Err(Unfit::Page(words)) => assert!(!words.is_empty()),
        Err(Unfit::Back(back, error)) => sent_to(&back.with_error(issuer, &error)),
    }
}

/// A key set from a client's address.
pub fn jwks(bytes: &[u8]) {
    if let Ok(keys) = KeySet::parse(bytes) {
        let _ = keys.find("k", ("RS384", jsonwebtoken::Algorithm::RS384));
    }
}

/// A scope: what is granted says itself again when it is read, and never holds a wildcard.
pub fn scope(bytes: &[u8]) {
    let Some(asked) = text(bytes) else { return };
    let _ = ScopeSet::parse_granted(asked);
    if let Ok(request) = ScopeRequest::parse(asked) {
        let all: TabSet = TABS.into_iter().collect();
        for allowance in [Allowance::clinician(all), Allowance::audit()] {
            let granted = request.grant(&allowance).to_string();
            assert!(!granted.contains('*'), "a wildcard is granted: {granted}");
            assert_eq!(ScopeSet::parse_granted(&granted).to_string(), granted);
        }
    }
    // The first line as an app's request, the second as its refresh: it is never more.
    let (first, again) = asked.split_once('\n').unwrap_or((asked, asked));
    if let Ok(scopes) = LaunchScopes::parse(first) {
        let granted = scopes.grant(Some(TabSet::ALL), false, true);
        let whole = ScopeSet::parse_granted(&granted);
        for token in narrowed(&granted, first, again)
            .iter()
            .flat_map(|all| all.split(' '))
        {
            assert!(holds(&granted, token) || whole.narrowed(token, false).is_some());
            let path = token.split('?').next().unwrap_or_default();
            assert!(
                !path.contains('*') && !path.starts_with("system/"),
                "{token}"
            );
        }
    }
}

/// `authorization_details`.
pub fn details(bytes: &[u8]) {
    if let Some(asked) = text(bytes) {
        let _ = details::parse(asked);
    }
}

/// The body of an OAuth request.
pub fn form(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let request = FormRequest {
        headers,
        body: Bytes::copy_from_slice(bytes),
        has_query: false,
        origin: Origin {
            request_id: "1".to_owned(),
            address: None,
        },
    };
    if let Ok(form) = Form::read(&request) {
        let _ = (form.get("scope"), form.required("client_assertion").is_ok());
    }
}

/// Who asks, behind which proxies, and what they accept: a line each of `X-Forwarded-For`, `Accept` and `_format`.
pub fn headers(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in ["x-forwarded-for", "accept"] {
        if let Some(Ok(value)) = lines.next().map(HeaderValue::from_bytes) {
            headers.insert(header::HeaderName::from_static(name), value);
        }
    }
    let ranges = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        AddressRanges::parse(&texts).unwrap()
    };
    let rule = NetworkRule {
        allow: ranges(&["127.0.0.0/8"]),
        proxies: ranges(&["127.0.0.1/32", "10.0.0.0/8"]),
    };
    // A stranger's header never counts.
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(rule.caller(stranger, &headers), Some(stranger));
    let _ = rule.caller(IpAddr::V4(Ipv4Addr::LOCALHOST), &headers);
    let _ = negotiate(&headers, lines.next().and_then(text));
    if let Some(range) = lines.next().and_then(text) {
        let _ = AddressRanges::parse(&[range.to_owned()]);
    }
}

/// A record as somebody may see it.
static RELEASED: LazyLock<Released> = LazyLock::new(|| {
    let person = population::person(28, 1, date(2026, 3, 17));
    let mut xml = Xml::with_capacity(64 * 1024);
    openhr::write(&mut xml, &person, date(2026, 3, 17).at(9, 0, 0, 0));
    let practice = OdsCode("Z99001".to_owned());
    let record = openmig::source::emis::read(xml.into_string().as_bytes(), &practice).unwrap();
    let held = Arc::new(super::records::held(record).unwrap());
    for_caller(&held, TABS.into_iter().collect(), &|_| true)
});

/// A search: the first byte is its type, the rest its parameters. What is found is there, and its next page goes on.
pub fn search(bytes: &[u8]) {
    let Some((kind, query)) = bytes.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let mut params: Vec<(String, String)> = url::form_urlencoded::parse(query)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut shown = 0;
    for _ in 0..3 {
        let ask = SearchAsk {
            kind,
            params: &params,
            strict: query.len().is_multiple_of(2),
            base: "http://127.0.0.1:8080/fhir/r4",
        };
        let Ok(found) = select(&RELEASED, &ask) else {
            return;
        };
        assert!(found.matches.len() <= found.total);
        assert!(found.shown().all(|place| RELEASED.entry(*place).is_some()));
        shown += found.matches.len();
        assert!(shown <= found.total, "a page shows what another showed");
        let Some(next) = found.next else { return };
        params = found.understood;
        params.retain(|(name, _)| name != "_page");
        params.push(("_page".to_owned(), next));
    }
}
