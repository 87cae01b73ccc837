//! Discovery documents, all from one struct: they say what exists and nothing else (D1 to D13).

use serde_json::{Value, json};

use super::details::OCCASION_TYPE;
use super::jwks::ALGORITHMS;
use super::scope::Allowance;
use crate::tabs::catalogue::TabSet;

/// What the three documents say.
#[derive(Debug, Clone)]
pub struct Discovery {
    issuer: String,
    exchange: bool,
    external: bool,
}

impl Discovery {
    /// For this issuer, which is also the FHIR base: absolute, without a slash at the end.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            exchange: false,
            external: false,
        }
    }

    /// Id tokens of some provider can be exchanged (RFC 8693).
    #[must_use]
    pub fn with_exchange(mut self, exchange: bool) -> Self {
        self.exchange = exchange;
        self
    }

    /// Access tokens of some external issuer are used here.
    #[must_use]
    pub fn with_external(mut self, external: bool) -> Self {
        self.external = external;
        self
    }

    /// The token endpoint, which is also the audience of assertions.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// The authorization endpoint.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        format!("{}/authorize", self.issuer)
    }

    /// `{base}/.well-known/smart-configuration`.
    #[must_use]
    pub fn smart_configuration(&self) -> Value {
        let mut document = self.common();
        document["capabilities"] = json!(CAPABILITIES);
        document
    }

    /// RFC 8414: `/.well-known/oauth-authorization-server<path of the issuer>`.
    #[must_use]
    pub fn authorization_server(&self) -> Value {
        self.common()
    }

    /// `{issuer}/.well-known/openid-configuration` (D11).
    #[must_use]
    pub fn openid_configuration(&self) -> Value {
        let mut document = self.common();
        document["subject_types_supported"] = json!(["public"]);
        document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
        document["claims_supported"] = json!([
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "nonce",
            "fhirUser",
            "name",
            "preferred_username",
        ]);
        document["claims_parameter_supported"] = false.into();
        document["request_parameter_supported"] = false.into();
        document["request_uri_parameter_supported"] = false.into();
        document["ui_locales_supported"] = json!(["en-GB"]);
        document
    }

    fn common(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        let algorithms: Vec<&str> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
        let credentials = ["private_key_jwt", "client_secret_basic"];
        let any = ["private_key_jwt", "client_secret_basic", "none"];
        let mut grants = vec!["authorization_code", "refresh_token", "client_credentials"];
        if self.exchange {
            grants.push(super::token::exchange::GRANT_TYPE);
        }
        let mut document = json!({
            "issuer": self.issuer,
            "authorization_endpoint": self.authorization_endpoint(),
            "token_endpoint": self.token_endpoint(),
            "token_endpoint_auth_methods_supported": any,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint": at("introspect"),
            "introspection_endpoint_auth_methods_supported": credentials,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint": at("revoke"),
            "revocation_endpoint_auth_methods_supported": any,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            // Ours: ends the occasion of the bearer token that is sent (docs/clients.md).
            "openmig_withdrawal_endpoint": at("withdraw"),
            "jwks_uri": at("jwks"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": grants,
            "scopes_supported": scopes_supported(),
            "authorization_details_types_supported": [OCCASION_TYPE],
            "authorization_response_iss_parameter_supported": true,
            // Required of every client; plain is never accepted (D3).
            "code_challenge_methods_supported": ["S256"],
        });
        if self.external {
            // Ours: binds an access token of an external issuer to an occasion (docs/clients.md).
            document["openmig_occasion_endpoint"] = at("occasion").into();
        }
        document
    }
}

/// What is really offered (D9). Not `permission-online`: a refresh token ends with the occasion, not with a sign-in, and
/// not `context-style`: there is no style to adopt.
const CAPABILITIES: [&str; 16] = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
];

fn scopes_supported() -> Vec<String> {
    let allowance = Allowance::clinician(TabSet::ALL);
    let audit = Allowance::audit();
    let mut scopes: Vec<String> = [
        "openid",
        "fhirUser",
        "profile",
        "launch",
        "launch/patient",
        "online_access",
        "offline_access",
        "patient/*.rs",
        "user/*.rs",
        "system/*.rs",
    ]
    .map(str::to_owned)
    .into();
    for level in ["patient", "user", "system"] {
        let types = allowance.types().iter();
        scopes.extend(types.map(|kind| format!("{level}/{}.rs", kind.name())));
    }
    scopes.extend(
        audit
            .types()
            .iter()
            .map(|kind| format!("system/{}.rs", kind.name())),
    );
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::launch_scope::LaunchScopes;
    use crate::smart::scope::ScopeRequest;

    fn documents() -> [Value; 3] {
        let discovery = Discovery::new("https://gateway.example/fhir/r4");
        [
            discovery.smart_configuration(),
            discovery.authorization_server(),
            discovery.openid_configuration(),
        ]
    }

    // D2 to D7
    #[test]
    fn the_documents_say_what_exists_and_nothing_else() {
        let [smart, oauth, openid] = documents();
        for document in [&smart, &oauth, &openid] {
            assert_eq!(document["issuer"], "https://gateway.example/fhir/r4");
            assert_eq!(
                document["code_challenge_methods_supported"],
                json!(["S256"])
            );
            assert_eq!(
                document["grant_types_supported"],
                json!(["authorization_code", "refresh_token", "client_credentials"])
            );
            assert_eq!(
                document["authorization_response_iss_parameter_supported"],
                true
            );
            let algorithms = &document["token_endpoint_auth_signing_alg_values_supported"];
            assert!(algorithms.as_array().unwrap().contains(&json!("RS384")));
            assert!(algorithms.as_array().unwrap().contains(&json!("ES384")));
            for (name, value) in document.as_object().unwrap() {
                if name.ends_with("_endpoint") || name.ends_with("_uri") {
                    let url = url::Url::parse(value.as_str().unwrap()).unwrap();
                    assert!(url.query().is_none() && url.fragment().is_none(), "{name}");
                }
                // RFC 8414 section 3.2
                assert!(
                    value.as_array().is_none_or(|list| !list.is_empty()),
                    "{name}"
                );
            }
        }
        let capabilities = smart["capabilities"].as_array().unwrap();
        assert!(capabilities.contains(&json!("client-confidential-asymmetric")));
        // D9: both capability sets of clinicians
        for capability in [
            "launch-ehr",
            "launch-standalone",
            "client-public",
            "context-ehr-patient",
            "context-ehr-encounter",
            "permission-user",
            "permission-patient",
            "sso-openid-connect",
        ] {
            assert!(capabilities.contains(&json!(capability)), "{capability}");
        }
        assert_eq!(
            openid["id_token_signing_alg_values_supported"],
            json!(["RS256"])
        );
    }

    // D8
    #[test]
    fn every_scope_listed_can_be_granted() {
        for scope in scopes_supported() {
            let launch = LaunchScopes::parse(&format!("openid {scope}")).unwrap();
            let by_user =
                launch.grant(Some(TabSet::ALL), true, true) != "openid" || scope == "openid";
            let by_client = ScopeRequest::parse(&scope).is_ok_and(|request| {
                !request.grant(&Allowance::clinician(TabSet::ALL)).is_empty()
                    || !request.grant(&Allowance::audit()).is_empty()
            });
            assert!(by_user || by_client, "{scope}");
            assert!(!scope.contains(".c") && !scope.contains("write"));
        }
    }
}
