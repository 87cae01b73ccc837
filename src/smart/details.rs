//! `authorization_details` (RFC 9396) of type `https://openmig.org/occasion`: which patient, on which basis, how much.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::OAuthError;
use crate::occasion::{AskedBasis, ConsentTalk, OpenOccasion};
use crate::record::{NhsNumber, OdsCode};
use crate::tabs::catalogue::{Tab, TabSet};

/// The one type.
pub const OCCASION_TYPE: &str = "https://openmig.org/occasion";

/// How `relationship` says that a clinician claims to care for the patient.
const CLAIMED: &str = "claimed";

/// What is asked for.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a request, and nearly always the large one"
)]
pub enum AskedOccasion {
    /// A new occasion.
    Open {
        /// Whose record.
        nhs_number: NhsNumber,
        /// `worklist`; anything else is refused later as not registered.
        treatment: String,
        /// The clinician says that they care for the patient (R105).
        claimed: bool,
        /// Consent or override; neither is a consent conversation in which everything is missing.
        basis: AskedBasis,
        /// Fewer tabs than allowed.
        tabs: Option<TabSet>,
        /// The organisation's site or service that asks (R158).
        site: Option<OdsCode>,
    },
    /// Another token inside an open one.
    Resume(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    patient: Option<String>,
    treatment: Option<String>,
    relationship: Option<String>,
    consent: Option<ConsentTalk>,
    #[serde(rename = "override")]
    emergency: Option<Emergency>,
    tabs: Option<Vec<String>>,
    site: Option<String>,
    occasion: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Emergency {
    reason: String,
    text: String,
}

/// Longest id of an occasion.
const MAX_ID: usize = 64;

/// Reads the parameter.
///
/// # Errors
/// 400 `invalid_authorization_details`, naming the member but not its content.
pub fn parse(text: &str) -> Result<AskedOccasion, OAuthError> {
    let wrong = |text: &str| OAuthError::invalid_authorization_details(text);
    let Ok([detail]) = serde_json::from_str::<[Detail; 1]>(text) else {
        return Err(wrong(diagnose(text)));
    };
    if detail.kind != OCCASION_TYPE {
        return Err(wrong("The type of authorization_details is not known."));
    }
    if let Some(occasion) = detail.occasion {
        let alone = detail.patient.is_none()
            && detail.treatment.is_none()
            && detail.relationship.is_none()
            && detail.consent.is_none()
            && detail.emergency.is_none()
            && detail.tabs.is_none()
            && detail.site.is_none();
        return if !alone {
            Err(wrong("occasion stands with type alone."))
        } else if occasion.is_empty() || occasion.len() > MAX_ID {
            Err(wrong("occasion is not an id."))
        } else {
            Ok(AskedOccasion::Resume(occasion))
        };
    }
    let patient = detail
        .patient
        .ok_or_else(|| wrong("authorization_details has no patient."))?;
    let nhs_number = NhsNumber::parse(&patient)
        .map_err(|error| wrong(&format!("patient is not an NHS number: {error}.")))?;
    let basis = match (detail.consent, detail.emergency) {
        (Some(_), Some(_)) => return Err(wrong("consent and override exclude each other.")),
        (consent, None) => AskedBasis::Consent(consent.unwrap_or_default()),
        (None, Some(Emergency { reason, text })) => AskedBasis::Override { reason, text },
    };
    let claimed = match detail.relationship.as_deref() {
        None => false,
        Some(CLAIMED) => true,
        Some(_) => return Err(wrong("relationship, where it is given, is: claimed.")),
    };
    let tabs = match detail.tabs {
        None => None,
        Some(codes) if codes.is_empty() => return Err(wrong("tabs is empty.")),
        Some(codes) => Some(
            codes
                .iter()
                .map(|code| Tab::from_code(code))
                .collect::<Option<TabSet>>()
                .ok_or_else(|| wrong("tabs names a tab that does not exist."))?,
        ),
    };
    Ok(AskedOccasion::Open {
        nhs_number,
        treatment: detail.treatment.unwrap_or_default(),
        claimed,
        basis,
        tabs,
        site: detail.site.map(OdsCode),
    })
}

/// What was granted, in the shape of what was asked (RFC 9396 section 7).
#[must_use]
pub fn granted(open: &OpenOccasion) -> Value {
    let mut detail = json!({
        "type": OCCASION_TYPE,
        "occasion": open.id,
        "patient": open.patient.as_str(),
        "tabs": codes(open.tabs),
        "tabs_allowed": codes(open.covered),
        "expires_at": crate::text::instant(open.expires_at),
    });
    if let Some(asked) = open.asked {
        detail["tabs_asked"] = codes(asked);
    }
    if let Some(site) = &open.site {
        detail["site"] = site.0.as_str().into();
    }
    if open.same_name {
        detail["same_name"] = true.into();
    }
    if open.claimed {
        detail["relationship"] = CLAIMED.into();
    }
    match (&open.consent, open.gateway) {
        (None, None) => detail["override"] = true.into(),
        (consent, gateway) => {
            if let Some(consent) = consent {
                detail["consent"] = consent.as_str().into();
            }
            if let Some(kind) = gateway {
                detail["gateway"] = kind.code().into();
                detail["purpose"] = json!(open.purpose);
            }
        }
    }
    json!([detail])
}

fn codes(tabs: TabSet) -> Value {
    tabs.iter().map(Tab::code).collect()
}

/// Says what is wrong in our own words: serde's would repeat what was sent.
fn diagnose(text: &str) -> &'static str {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return "authorization_details is not JSON.";
    };
    let detail = match value.as_array().map(Vec::as_slice) {
        Some([Value::Object(detail)]) => detail,
        _ => return "authorization_details must be an array of exactly one object.",
    };
    let fits = |name: &str, is: fn(&Value) -> bool| detail.get(name).is_none_or(is);
    let text_or_null = |value: &Value| value.is_string() || value.is_null();
    if !detail.get("type").is_some_and(Value::is_string) {
        return "authorization_details has no type.";
    }
    if !fits("patient", text_or_null) {
        return "patient is not a string.";
    }
    if !fits("treatment", text_or_null) {
        return "treatment is not a string.";
    }
    if !fits("relationship", text_or_null) {
        return "relationship is not a string.";
    }
    if !fits("occasion", text_or_null) {
        return "occasion is not a string.";
    }
    if !fits("site", text_or_null) {
        return "site is not a string.";
    }
    if !fits("consent", |value| {
        value.is_null() || ConsentTalk::deserialize(value).is_ok()
    }) {
        return "consent has an unknown or unusable member.";
    }
    if !fits("override", |value| {
        value.is_null() || Emergency::deserialize(value).is_ok()
    }) {
        return "override has an unknown or unusable member.";
    }
    if !fits("tabs", |value| {
        value.is_null() || Vec::<String>::deserialize(value).is_ok()
    }) {
        return "tabs is not an array of strings.";
    }
    "authorization_details has an unknown or repeated member."
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENT: &str = r#""type":"https://openmig.org/occasion","patient":"9990000018""#;

    #[test]
    fn the_documented_forms_are_read() {
        let open = |more: &str| parse(&format!("[{{{PATIENT}{more}}}]")).unwrap();
        let AskedOccasion::Open {
            nhs_number,
            treatment,
            basis: AskedBasis::Consent(talk),
            tabs,
            ..
        } = open(
            r#","treatment":"worklist","consent":{"asked":true,"answer":"yes","proxy":{"basis":"legal-power","name":"N","relationship":"R"}},"tabs":["summary","events"]"#,
        )
        else {
            panic!()
        };
        assert_eq!(nhs_number.as_str(), "9990000018");
        assert_eq!((treatment.as_str(), talk.asked), ("worklist", Some(true)));
        assert_eq!(talk.told_what, None);
        assert_eq!(
            tabs,
            Some([Tab::Summary, Tab::Events].into_iter().collect())
        );
        let AskedOccasion::Open {
            basis: AskedBasis::Override { reason, text },
            ..
        } = open(r#","override":{"reason":"unconscious"}"#)
        else {
            panic!()
        };
        // what is missing in it is people's to mend, so it is passed on
        assert_eq!((reason.as_str(), text.as_str()), ("unconscious", ""));
        // R105
        for (more, says) in [("", false), (r#","relationship":"claimed""#, true)] {
            assert!(matches!(open(more), AskedOccasion::Open { claimed, .. } if claimed == says));
        }
        // neither consent nor override: a conversation with everything missing
        let AskedOccasion::Open {
            basis: AskedBasis::Consent(talk),
            ..
        } = open("")
        else {
            panic!()
        };
        assert_eq!(talk, ConsentTalk::default());
        assert!(matches!(
            parse(r#"[{"type":"https://openmig.org/occasion","occasion":"o1"}]"#),
            Ok(AskedOccasion::Resume(id)) if id == "o1"
        ));
    }

    // sandbox.md, refusal table, third row
    #[test]
    fn everything_else_is_invalid_authorization_details() {
        let cases = [
            ("", "not JSON"),
            ("{}", "array of exactly one"),
            ("[]", "array of exactly one"),
            ("[{},{}]", "array of exactly one"),
            ("[1]", "array of exactly one"),
            ("[{}]", "no type"),
            (r#"[{"type":"urn:x","patient":"9990000018"}]"#, "type"),
            (r#"[{"type":"https://openmig.org/occasion"}]"#, "no patient"),
            (&format!(r#"[{{{PATIENT},"extra":1}}]"#), "unknown"),
            (
                &format!(r#"[{{{PATIENT},"patient":"9990000387"}}]"#),
                "repeated",
            ),
            (
                &format!(r#"[{{{PATIENT},"consent":{{"asked":"yes"}}}}]"#),
                "consent",
            ),
            (
                &format!(r#"[{{{PATIENT},"consent":{{"other":true}}}}]"#),
                "consent",
            ),
            (
                &format!(r#"[{{{PATIENT},"consent":{{}},"override":{{}}}}]"#),
                "exclude",
            ),
            (
                &format!(r#"[{{{PATIENT},"override":{{"why":""}}}}]"#),
                "override",
            ),
            // R105
            (
                &format!(r#"[{{{PATIENT},"relationship":"none"}}]"#),
                "relationship",
            ),
            (
                &format!(r#"[{{{PATIENT},"relationship":true}}]"#),
                "relationship",
            ),
            (
                r#"[{"type":"https://openmig.org/occasion","occasion":"o1","relationship":"claimed"}]"#,
                "alone",
            ),
            (&format!(r#"[{{{PATIENT},"tabs":["no-such"]}}]"#), "tab"),
            (&format!(r#"[{{{PATIENT},"tabs":[]}}]"#), "empty"),
            (&format!(r#"[{{{PATIENT},"tabs":"summary"}}]"#), "tabs"),
            (&format!(r#"[{{{PATIENT},"occasion":"o1"}}]"#), "alone"),
            (
                r#"[{"type":"https://openmig.org/occasion","patient":9990000018}]"#,
                "patient",
            ),
            (
                r#"[{"type":"https://openmig.org/occasion","patient":"9990000019"}]"#,
                "check digit",
            ),
            (
                r#"[{"type":"https://openmig.org/occasion","patient":"999 000 0018"}]"#,
                "ten digits",
            ),
            (
                r#"[{"type":"https://openmig.org/occasion","occasion":""}]"#,
                "id",
            ),
        ];
        for (text, says) in cases {
            let error = parse(text).err().unwrap();
            assert_eq!(error.error, "invalid_authorization_details", "{text}");
            assert!(
                error.description.contains(says),
                "{text}: {}",
                error.description
            );
            assert!(!error.description.contains("99900"), "{text}");
        }
    }

    proptest! {
        // fuzz
        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[\\[\\]{}\":,]){0,120}") {
            let _ = parse(&text);
        }
    }
}
