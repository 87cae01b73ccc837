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
}

impl Discovery {
    /// For this issuer, which is also the FHIR base: absolute, without a slash at the end.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
        }
    }

    /// The token endpoint, which is also the audience of assertions.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }

    /// `{base}/.well-known/smart-configuration`. No `issuer`: it stands for single sign-on, which is not offered (D4).
    #[must_use]
    pub fn smart_configuration(&self) -> Value {
        let mut document = self.common();
        document["capabilities"] = json!([
            "client-confidential-asymmetric",
            "permission-v1",
            "permission-v2",
        ]);
        document
    }

    /// RFC 8414: `/.well-known/oauth-authorization-server<path of the issuer>`.
    #[must_use]
    pub fn authorization_server(&self) -> Value {
        let mut document = self.common();
        document["issuer"] = self.issuer.as_str().into();
        document
    }

    /// `{issuer}/.well-known/openid-configuration`: clients look there too (RFC 8414 section 5). It is the same document;
    /// no id token is issued, so nothing is said of any.
    #[must_use]
    pub fn openid_configuration(&self) -> Value {
        self.authorization_server()
    }

    fn common(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        let algorithms: Vec<&str> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
        let basic_or_key = ["private_key_jwt", "client_secret_basic"];
        json!({
            "token_endpoint": self.token_endpoint(),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint": at("introspect"),
            "introspection_endpoint_auth_methods_supported": basic_or_key,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint": at("revoke"),
            "revocation_endpoint_auth_methods_supported": basic_or_key,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            // Ours: ends the occasion of the bearer token that is sent (docs/clients.md).
            "openmig_withdrawal_endpoint": at("withdraw"),
            "jwks_uri": at("jwks"),
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": scopes_supported(),
            "authorization_details_types_supported": [OCCASION_TYPE],
            // Required of every SMART server; plain is never accepted (D3).
            "code_challenge_methods_supported": ["S256"],
        })
    }
}

fn scopes_supported() -> Vec<String> {
    let allowance = Allowance::clinician(TabSet::ALL);
    let clinician = allowance.types().iter();
    let audit = Allowance::audit();
    std::iter::once("system/*.rs".to_owned())
        .chain(
            clinician
                .chain(audit.types())
                .map(|kind| format!("system/{}.rs", kind.name())),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(oauth, openid);
        assert_eq!(oauth["issuer"], "https://gateway.example/fhir/r4");
        assert_eq!(smart.get("issuer"), None);
        for document in [&smart, &oauth] {
            assert_eq!(
                document["code_challenge_methods_supported"],
                json!(["S256"])
            );
            assert_eq!(
                document["grant_types_supported"],
                json!(["client_credentials"])
            );
            assert_eq!(document.get("authorization_endpoint"), None);
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
        assert!(!capabilities.contains(&json!("sso-openid-connect")));
    }

    // D8
    #[test]
    fn every_scope_listed_can_be_granted() {
        for scope in scopes_supported() {
            let request = ScopeRequest::parse(&scope).unwrap();
            assert!(
                !request.grant(&Allowance::clinician(TabSet::ALL)).is_empty()
                    || !request.grant(&Allowance::audit()).is_empty(),
                "{scope}"
            );
        }
    }
}
