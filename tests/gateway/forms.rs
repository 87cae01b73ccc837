//! What the forms of the pages say when something is wrong: beside the control, linked from the summary, and nothing typed twice
//! (WCAG 2.2: 3.3.1, 3.3.3, 3.3.7; R072).

use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;

use crate::browser::{Browser, asked, form, with};
use crate::support::{Answer, FORM, SHARED, encode};

/// The control is marked, its words stand beside it, and the summary leads to it.
#[track_caller]
fn marked(page: &Answer, field: &str) {
    let text = page.text();
    assert!(
        text.contains(&format!("<a href=\"#{field}\">")),
        "{field}: no line of the summary: {text}"
    );
    assert!(
        text.contains(&format!("id=\"{field}-error\"")),
        "{field}: no words: {text}"
    );
    let control = text
        .split('<')
        .find(|tag| tag.contains(&format!(" id=\"{field}\"")))
        .unwrap_or_default();
    assert!(
        control.contains("aria-invalid=\"true\""),
        "{field}: {control}"
    );
    assert!(
        control.contains(&format!("{field}-error\"")),
        "{field}: {control}"
    );
}

#[test]
fn what_is_wrong_stands_beside_its_control_and_nothing_is_typed_twice() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("clinician");
    let find = |browser: &mut Browser<'_>, number: &str, born: &str| {
        browser.send("find", &[("nhs_number", number), ("date_of_birth", born)])
    };
    let page = find(&mut browser, "999 000 0019", "14/03/57").expect(400);
    marked(&page, "nhs_number");
    marked(&page, "date_of_birth");
    assert!(
        page.text().contains("value=\"999 000 0019\"")
            && page.text().contains("value=\"14/03/57\"")
    );
    let page = find(&mut browser, "9990000018", "1").expect(400);
    assert!(!page.text().contains("id=\"nhs_number-error\""));
    marked(&page, "date_of_birth");
    // Of two people with one birthday only one is meant: what was typed can be looked at.
    let page = find(&mut browser, "9990000018", "15/03/1957").expect(403);
    marked(&page, "nhs_number");
    assert!(page.text().contains("value=\"15/03/1957\""));
    // What a stranger types is text, and not more than a line of it.
    let page = find(&mut browser, "\"><script>", &"9".repeat(5000)).expect(400);
    assert!(!page.text().contains("<script") && !page.text().contains(&"9".repeat(41)));
    find(&mut browser, "9990000018", "14/03/1957").expect(200);

    let page = browser.approve_without("capacity", &[]).expect(400);
    assert!(page.text().contains("id=\"capacity-error\""));
    assert!(
        !page.text().contains("id=\"told-error\"")
            && !page.text().contains("id=\"answered-error\"")
    );
    let page = browser.approve_without("told_why", &[]).expect(400);
    assert!(
        page.text().contains("id=\"told-error\"") && !page.text().contains("id=\"answered-error\"")
    );
    // Somebody else answers: what is missing of them is open and marked.
    let page = browser
        .approve_without("", &[("proxy_basis", "legal-power")])
        .expect(400);
    marked(&page, "proxy_name");
    let more = [("proxy_basis", "legal-power"), ("proxy_name", "A Friend")];
    let page = browser.approve_without("", &more).expect(400);
    marked(&page, "proxy_relationship");
    assert!(page.text().contains("value=\"A Friend\""));
    // An override without a word opens its part of the page again.
    let page = browser.send("override", &[]).expect(400);
    marked(&page, "override_reason");
    let page = browser
        .send(
            "override",
            &[("override_reason", "unconscious"), ("override_text", "x")],
        )
        .expect(400);
    marked(&page, "override_text");
    assert_eq!(
        page.text().matches("<details open>").count(),
        1,
        "{}",
        page.text()
    );
}

// A13: a parameter of a posted request that stands in the address too is there twice
#[test]
fn a_posted_request_has_each_parameter_once() {
    let gateway = &*SHARED;
    let pairs = asked(gateway, "sandbox-spa");
    let post = |query: &str, body: &str| {
        let path = format!("authorize?{query}");
        gateway.send(Method::POST, &path, &[("content-type", FORM)], body)
    };
    assert_eq!(post("", &form(&pairs)).status, 303);
    assert_eq!(post("x=y", &form(&pairs)).status, 303);
    for name in ["client_id", "redirect_uri", "state"] {
        let value = &pairs.iter().find(|(n, _)| n == name).unwrap().1;
        let page = post(&encode(&[(name, value)]), &form(&pairs)).expect(400);
        assert!(page.text().contains("sent a parameter twice"), "{name}");
    }
    let answer = post("scope=openid", &form(&pairs)).expect(303);
    let back = answer.header("location");
    assert!(
        back.starts_with("http://127.0.0.1:9310/app.html?")
            && back.contains("error=invalid_request"),
        "{back}"
    );
    // One in the address alone counts as if it stood in the body.
    let without = with(pairs.clone(), "response_type", "");
    assert!(
        post("response_type=token", &form(&without))
            .header("location")
            .contains("error=")
    );
}

// T14: whoever brings no credential is told to (RFC 7662 section 2.1), and a bearer token of ours is one
#[test]
fn introspection_needs_a_credential() {
    let gateway = &*SHARED;
    let ask = |headers: &[(&str, &str)], pairs: &[(&str, &str)]| {
        let mut all = vec![("content-type", FORM)];
        all.extend_from_slice(headers);
        gateway.send(Method::POST, "introspect", &all, &encode(pairs))
    };
    for pairs in [
        &[("token", "x")][..],
        &[("token", "x"), ("client_id", "sandbox-spa")],
        &[("token", "x"), ("client_id", "nobody")],
        &[],
    ] {
        let answer = ask(&[], pairs).expect(401);
        assert_eq!(answer.json()["error"], "invalid_client", "{pairs:?}");
        assert!(!answer.header("www-authenticate").is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for authorization in ["Bearer x", "Basic x", "Digest x", ""] {
        let answer = ask(&[("authorization", authorization)], &[("token", "x")]);
        assert_eq!(answer.status, 401, "{authorization}: {}", answer.text());
    }
    // Half a credential is a malformed request.
    let half = [("token", "x"), ("client_assertion_type", ASSERTION_TYPE)];
    assert_eq!(
        ask(&[], &half).expect(400).json()["error"],
        "invalid_request"
    );
}
