//! The scopes of an app launch that name no resource: who signed in, launch context, refreshing (SMART App Launch 2.2,
//! "Scopes and launch context").

use super::scope::{Allowance, ScopeError, ScopeRequest, ScopeSet};
use crate::tabs::catalogue::TabSet;

/// The scopes of this kind, as they are written.
const KNOWN: [&str; 7] = [
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "online_access",
    "offline_access",
];

/// What an app asked for, resources and the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchScopes {
    special: Vec<&'static str>,
    resources: ScopeRequest,
}

impl LaunchScopes {
    /// Reads a `scope` parameter. Unknown scopes are left out, and so visibly absent from what is granted.
    ///
    /// # Errors
    /// Not a list of scope tokens, or a wildcard that is never granted.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let resources = ScopeRequest::parse_for_user(text)?;
        let mut special: Vec<&'static str> = Vec::new();
        for token in text.split(' ') {
            if let Some(known) = KNOWN.into_iter().find(|known| *known == token)
                && !special.contains(&known)
            {
                special.push(known);
            }
        }
        Ok(Self { special, resources })
    }

    /// Was this one asked?
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.special.contains(&scope)
    }

    /// Nothing but who signed in is asked: no patient, no occasion.
    #[must_use]
    pub fn identity_only(&self) -> bool {
        self.resources.is_empty() && !self.has("launch") && !self.has("launch/patient")
    }

    /// The granted scopes in the order of the request's kinds: what names no resource first. `tabs` are the occasion's,
    /// `None` where there is none; `launched` says that an EHR gave a launch handle, `refreshable` that a refresh token is
    /// given.
    #[must_use]
    pub fn grant(&self, tabs: Option<TabSet>, launched: bool, refreshable: bool) -> String {
        let mut granted: Vec<String> = self
            .special
            .iter()
            .filter(|scope| match **scope {
                "fhirUser" | "profile" => self.has("openid"),
                "launch" => launched,
                "launch/patient" => tabs.is_some(),
                "online_access" | "offline_access" => refreshable,
                _ => true,
            })
            .map(|scope| (*scope).to_owned())
            .collect();
        if let Some(tabs) = tabs {
            let resources = self.resources.grant(&Allowance::signed_in(tabs));
            if !resources.is_empty() {
                granted.push(resources.to_string());
            }
        }
        granted.join(" ")
    }
}

/// Scopes for a refreshed access token; `None` where more is asked than was granted (T9, RFC 6749 section 6). `first` is the
/// request that the grant came of. Nothing is ever granted here that was not granted then: what may be named is a scope of the
/// grant, a narrower one, or one of the first request, which stands for what was granted of it. The first request as a whole
/// asks for the same again, like no scope at all.
#[must_use]
pub fn narrowed(granted: &str, first: &str, asked: &str) -> Option<String> {
    let tokens = |text: &str| -> Vec<String> {
        let mut tokens: Vec<String> = text
            .split(' ')
            .filter(|token| !token.is_empty())
            .map(str::to_owned)
            .collect();
        tokens.sort();
        tokens.dedup();
        tokens
    };
    let first = tokens(first);
    if !first.is_empty() && tokens(asked) == first {
        return Some(granted.to_owned());
    }
    let resources = ScopeSet::parse_granted(granted);
    let mut narrowed: Vec<String> = Vec::new();
    for token in asked.split(' ').filter(|token| !token.is_empty()) {
        let of_it = if holds(granted, token) {
            vec![token.to_owned()]
        } else {
            let at_first = first.iter().any(|one| one == token);
            resources.narrowed(token, at_first)?
        };
        for scope in of_it {
            if !narrowed.contains(&scope) {
                narrowed.push(scope);
            }
        }
    }
    (!narrowed.is_empty()).then(|| narrowed.join(" "))
}

/// Does a granted scope string hold this scope?
#[must_use]
pub fn holds(granted: &str, scope: &str) -> bool {
    granted.split(' ').any(|token| token == scope)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tabs::catalogue::{TABS, Tab};

    fn summary() -> Option<TabSet> {
        Some([Tab::Medication].into_iter().collect())
    }

    // smart.md 2.5, D8
    #[test]
    fn what_is_granted_is_said_one_by_one() {
        let asked =
            LaunchScopes::parse("openid fhirUser launch/patient launch offline_access patient/*.rs x patient/Condition.sr")
                .unwrap();
        let granted = asked.grant(summary(), false, true);
        assert!(
            granted.starts_with("openid fhirUser launch/patient offline_access patient/Consent.rs")
        );
        assert!(granted.contains("patient/MedicationRequest.rs"));
        for absent in ["launch ", "*", "Condition", " x"] {
            assert!(!granted.contains(absent), "{absent}: {granted}");
        }
        assert!(!asked.identity_only());
        let launched = LaunchScopes::parse("launch patient/Patient.read user/Patient.r").unwrap();
        assert_eq!(
            launched.grant(summary(), true, false),
            "launch patient/Patient.read user/Patient.r"
        );
    }

    // A backend's scopes are not a user's (R111)
    #[test]
    fn system_scopes_and_writing_wildcards_are_not_granted() {
        let asked = LaunchScopes::parse("system/*.rs system/Patient.rs openid").unwrap();
        assert_eq!(asked.grant(summary(), false, true), "openid");
        assert!(LaunchScopes::parse("user/*.*").is_err());
        assert!(LaunchScopes::parse("*/*").is_err());
        let cut = LaunchScopes::parse("patient/*.cruds")
            .unwrap()
            .grant(summary(), false, true);
        assert!(cut.contains("patient/Patient.rs") && !cut.contains(".c"));
    }

    #[test]
    fn who_signed_in_needs_no_patient() {
        let asked = LaunchScopes::parse("openid fhirUser offline_access").unwrap();
        assert!(asked.identity_only());
        assert_eq!(asked.grant(None, false, false), "openid fhirUser");
        assert_eq!(
            LaunchScopes::parse("fhirUser")
                .unwrap()
                .grant(None, false, false),
            ""
        );
    }

    // T9, RFC 6749 section 6
    #[test]
    fn a_refresh_may_narrow_and_never_widen() {
        let granted = "openid patient/Patient.rs patient/Condition.rs patient/Observation.rs?category=laboratory";
        let narrow = |asked: &str| narrowed(granted, "", asked);
        for (asked, given) in [
            (
                "patient/Patient.rs patient/Patient.rs",
                "patient/Patient.rs",
            ),
            ("patient/Patient.r openid", "patient/Patient.r openid"),
            ("patient/Condition.s", "patient/Condition.s"),
            ("patient/Condition.read", "patient/Condition.read"),
            ("patient/Condition.rs?code=1", "patient/Condition.rs?code=1"),
            (
                "patient/Observation.r?category=laboratory",
                "patient/Observation.r?category=laboratory",
            ),
        ] {
            assert_eq!(narrow(asked).as_deref(), Some(given), "{asked}");
        }
        for wider in [
            " ",
            "patient/Patient.rs patient/Procedure.rs",
            "user/Patient.rs",
            "patient/Patient.cruds",
            "patient/Patient.*",
            "patient/*.rs",
            "patient/*.r",
            "system/*.rs",
            "patient/Observation.rs",
            "patient/Observation.rs?category=vital-signs",
            "patient/Observation.rs?category=laboratory&code=1",
            "fhirUser",
            "offline_access",
            "nonsense",
        ] {
            assert_eq!(narrow(wider), None, "{wider}");
        }
    }

    // The request that an app once made may be named again, whole or in part: it stands for what was granted of it
    #[test]
    fn a_refresh_may_name_the_first_request_again() {
        let first = "openid launch/patient patient/*.rs user/*.read patient/Condition.cruds x offline_access";
        let asked = LaunchScopes::parse(first).unwrap();
        let granted = asked.grant(summary(), false, true);
        let narrow = |asked: &str| narrowed(&granted, first, asked);
        assert_eq!(narrow(first).as_deref(), Some(granted.as_str()));
        let moved = "x offline_access patient/*.rs openid launch/patient user/*.read patient/Condition.cruds";
        assert_eq!(narrow(moved).as_deref(), Some(granted.as_str()));
        let patients = narrow("patient/*.rs").unwrap();
        assert!(patients.split(' ').count() > 2 && !patients.contains('*'));
        for scope in patients.split(' ') {
            assert!(
                scope.starts_with("patient/") && scope.ends_with(".rs") && holds(&granted, scope)
            );
        }
        assert!(
            narrow("user/*.read")
                .unwrap()
                .split(' ')
                .all(|scope| scope.ends_with(".read"))
        );
        // a wildcard that was not asked then, or of which nothing was granted; and what was never granted of it
        for wider in [
            "patient/*.read",
            "patient/*.r",
            "user/*.rs",
            "system/*.rs",
            "x",
            "patient/Condition.cruds",
        ] {
            assert_eq!(narrow(wider), None, "{wider}");
        }
    }

    proptest! {
        // fuzz: the grant never holds a wildcard, a system scope or more than was asked by name
        #[test]
        fn a_grant_never_grows(text in "(openid|launch|patient/|user/|system/|Patient|\\*|\\.rs|\\.read| ){0,12}") {
            if let Ok(asked) = LaunchScopes::parse(&text) {
                let granted = asked.grant(Some(TABS.into_iter().collect()), false, false);
                prop_assert!(!granted.contains('*') && !granted.contains("system/"));
                prop_assert!(!holds(&granted, "launch"));
            }
        }

        // what a refresh gives was granted, whatever was asked at first and now
        #[test]
        fn a_refresh_never_grows(
            first in "(openid |launch/patient |patient/\\*\\.rs |user/\\*\\.read |patient/Patient\\.[rs*]{1,2} |system/\\*\\.rs ){0,6}",
            asked in "(openid |launch/patient |patient/\\*\\.rs? |user/\\*\\.read |patient/(Patient|Flag)\\.[rs]{1,2} |system/\\*\\.rs ){0,6}",
        ) {
            if let Ok(scopes) = LaunchScopes::parse(&first) {
                let granted = scopes.grant(summary(), false, true);
                if let Some(narrow) = narrowed(&granted, &first, &asked) {
                    let whole = ScopeSet::parse_granted(&granted);
                    for scope in narrow.split(' ') {
                        prop_assert!(holds(&granted, scope) || whole.narrowed(scope, false).is_some());
                        prop_assert!(!scope.contains('*') && !scope.starts_with("system/"));
                    }
                }
            }
        }
    }
}
