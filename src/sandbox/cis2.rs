//! A mock OpenID provider in the manner of CIS2, under `/sandbox/cis2`: clinicians sign in without a password and choose a
//! role, its id tokens carry CIS2's claims, and it can be told to answer wrongly. It authenticates nobody.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::keys::SandboxKeys;
use crate::clock::{Clock, SystemClock, new_id};
use crate::config;
use crate::register::{RegisterHandle, User};
use crate::smart::provider::login::Login;
use crate::smart::provider::{Provider, ProviderConfigError};
use crate::smart::signing::{SigningAlgorithm, SigningKey, generate_jwk};

/// Its id in the register and on the sign-in page.
pub const PROVIDER: &str = "sandbox-cis2";
/// The gateway's client id there.
pub const GATEWAY_CLIENT: &str = "sandbox-gateway";
/// The gateway's secret there.
pub const GATEWAY_SECRET: &str = "sandbox-gateway-secret";
/// Clients here whose id tokens may be exchanged → their client ids there.
pub const AUDIENCES: [(&str, &str); 2] = [
    ("sandbox-backend", "sandbox-hospital-ehr"),
    ("sandbox-backend-es", "sandbox-out-of-hours-ehr"),
];
/// Seconds that an id token lives.
const LIFETIME: i64 = 600;

/// What the provider stands on.
pub struct Cis2 {
    /// `http://127.0.0.1:<port>/sandbox/cis2`.
    pub issuer: String,
    /// Its keys.
    pub keys: Arc<SandboxKeys>,
    /// Its people.
    pub register: RegisterHandle,
    /// Codes that were given.
    pub codes: Mutex<HashMap<String, Authorized>>,
}

/// Where the provider of a sandbox is.
#[must_use]
pub fn issuer(base: &str) -> String {
    format!("{base}/sandbox/cis2")
}

/// How the sandbox's gateway trusts it.
///
/// # Errors
/// Never, unless this module is wrong.
pub fn provider(base: &str) -> Result<Provider, ProviderConfigError> {
    let named = |name: &str| name.to_owned();
    let mut provider = Provider::load(config::Provider {
        id: named(PROVIDER),
        name: named("CIS2 (sandbox)"),
        issuer: issuer(base),
        jwks_url: None,
        jwks_file: None,
        local: true,
        algorithms: vec![named("RS256")],
        user_claim: named("nhsid_useruid"),
        user_is: config::UserIs::Identity,
        role_claim: Some(named("selected_roleid")),
        roles_claim: Some(named("nhsid_nrbac_roles")),
        required: [(
            named("authentication_assurance_level"),
            vec![named("2"), named("3")],
        )]
        .into(),
        max_age_seconds: 3600,
        exchange: Some(config::ProviderExchange {
            audiences: AUDIENCES
                .map(|(here, there)| (named(here), named(there)))
                .into(),
        }),
        login: None,
        access_tokens: None,
    })?;
    provider.login = Some(Arc::new(Login::with_secret(
        GATEWAY_CLIENT,
        GATEWAY_SECRET,
        &["profile", "nhsperson", "nationalrbacaccess", "selectedrole"],
    )));
    Ok(provider)
}

/// A ways in which it can be told to be wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    /// As it should be.
    #[default]
    None,
    /// Not signed (`alg: none`).
    Unsigned,
    /// Signed with a key that is not in its set.
    UnknownKey,
    /// Signed by somebody else under the kid of its own key.
    Forged,
    /// `iss` of somebody else.
    WrongIssuer,
    /// `aud` of somebody else.
    WrongAudience,
    /// `aud` of somebody else beside the right one.
    TwoAudiences,
    /// `azp` of somebody else.
    WrongParty,
    /// Another nonce.
    WrongNonce,
    /// No nonce.
    NoNonce,
    /// Over for a minute.
    Expired,
    /// Issued in ten minutes.
    Future,
    /// Signed in yesterday.
    OldSignIn,
    /// A password only.
    LowLevel,
    /// No role chosen.
    NoRole,
    /// A role that nobody registered.
    OtherRole,
    /// The list of roles has the chosen one at another organisation.
    Contradiction,
    /// Somebody nobody knows.
    Stranger,
    /// A logout token.
    LogoutToken,
    /// The answer's `iss` parameter is somebody else's (mix-up).
    AnswerOfAnother,
    /// The answer has no `iss` parameter.
    AnswerWithoutIssuer,
    /// The answer's `state` is another.
    WrongState,
    /// The answer is an error.
    Denied,
    /// The token endpoint refuses.
    CodeRefused,
    /// The token endpoint breaks.
    Broken,
    /// The token endpoint gives no id token.
    NoIdToken,
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub struct Authorized {
    username: String,
    fault: Fault,
    asked: Asked,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    state: String,
    nonce: String,
    code_challenge: String,
    scope: String,
}

/// The routes.
pub fn routes(state: Arc<Cis2>) -> Router {
    Router::new()
        .route(
            "/sandbox/cis2/.well-known/openid-configuration",
            get(configuration),
        )
        .route("/sandbox/cis2/jwks", get(jwks))
        .route("/sandbox/cis2/authorize", get(page).post(choose))
        .route("/sandbox/cis2/token", post(token))
        .route("/sandbox/id-token", get(id_token))
        .with_state(state)
}

async fn configuration(State(state): State<Arc<Cis2>>) -> Response {
    let at = |path: &str| format!("{}/{path}", state.issuer);
    Json(json!({
        "issuer": state.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "jwks_uri": at("jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "nhsperson", "nationalrbacaccess", "selectedrole"],
        "authorization_response_iss_parameter_supported": true,
    }))
    .into_response()
}

async fn jwks(State(state): State<Arc<Cis2>>) -> Response {
    Json(state.keys.cis2().public_jwks()).into_response()
}

/// Who are you? Every registered person is a button.
async fn page(State(state): State<Arc<Cis2>>, Query(asked): Query<Asked>) -> Response {
    let register = state.register.current();
    let mut page = String::from(
        "<!DOCTYPE html><html lang=\"en-GB\"><meta charset=\"utf-8\"><title>CIS2 (sandbox)</title><h1>CIS2 (sandbox)</h1><form method=\"post\">",
    );
    let hidden = serde_json::to_value(&asked).unwrap_or_default();
    for (name, value) in hidden.as_object().into_iter().flatten() {
        let value = escaped(value.as_str().unwrap_or_default());
        let _ = write!(
            page,
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        );
    }
    for user in register.users.values() {
        if user.identities.contains_key(PROVIDER) {
            let (username, name) = (escaped(&user.username), escaped(&user.name));
            let _ = write!(
                page,
                "<p><button name=\"username\" value=\"{username}\" data-testid=\"cis2-{username}\">{name}</button></p>"
            );
        }
    }
    Html(page + "</form></html>").into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[derive(Deserialize)]
struct Chosen {
    username: String,
    #[serde(default)]
    fault: Fault,
    #[serde(flatten)]
    asked: Asked,
}

/// Somebody is somebody: a code for the gateway.
async fn choose(State(state): State<Arc<Cis2>>, Form(chosen): Form<Chosen>) -> Response {
    let asked = &chosen.asked;
    let redirect = url::Url::parse(&asked.redirect_uri)
        .ok()
        .filter(|_| asked.client_id == GATEWAY_CLIENT && asked.code_challenge.len() == 43);
    let Some(mut redirect) = redirect else {
        return problem(StatusCode::BAD_REQUEST, "invalid_request");
    };
    {
        let mut query = redirect.query_pairs_mut();
        let sent = if chosen.fault == Fault::WrongState {
            "another"
        } else {
            asked.state.as_str()
        };
        query.append_pair("state", sent);
        match chosen.fault {
            Fault::AnswerWithoutIssuer => {}
            Fault::AnswerOfAnother => {
                query.append_pair("iss", "https://another.example");
            }
            _ => {
                query.append_pair("iss", &state.issuer);
            }
        }
        if chosen.fault == Fault::Denied {
            query.append_pair("error", "access_denied");
            query.append_pair("error_description", "<b>no</b>");
        } else {
            let code = new_id().to_string();
            query.append_pair("code", &code);
            let authorized = Authorized {
                username: chosen.username,
                fault: chosen.fault,
                asked: chosen.asked.clone(),
            };
            if let Ok(mut codes) = state.codes.lock() {
                codes.insert(code, authorized);
            }
        }
    }
    Redirect::to(redirect.as_str()).into_response()
}

#[derive(Deserialize)]
struct Exchange {
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

async fn token(
    State(state): State<Arc<Cis2>>,
    headers: HeaderMap,
    Form(form): Form<Exchange>,
) -> Response {
    let expected = format!(
        "Basic {}",
        STANDARD.encode(format!("{GATEWAY_CLIENT}:{GATEWAY_SECRET}"))
    );
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|sent| sent.as_bytes() != expected.as_bytes())
    {
        return problem(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let found = state
        .codes
        .lock()
        .ok()
        .and_then(|mut codes| codes.remove(&form.code));
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(form.code_verifier.as_bytes()));
    let Some(authorized) = found.filter(|it| {
        it.asked.code_challenge == hashed
            && it.asked.redirect_uri == form.redirect_uri
            && it.fault != Fault::CodeRefused
    }) else {
        return problem(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    if authorized.fault == Fault::Broken {
        return (StatusCode::INTERNAL_SERVER_ERROR, "broken").into_response();
    }
    let register = state.register.current();
    let id_token = register.users.get(&authorized.username).and_then(|user| {
        let nonce = Some(authorized.asked.nonce.as_str());
        state.sign(user, GATEWAY_CLIENT, nonce, authorized.fault)
    });
    let mut body =
        json!({"access_token": new_id().to_string(), "token_type": "Bearer", "expires_in": 60});
    match id_token {
        Some(_) if authorized.fault == Fault::NoIdToken => {}
        Some(id_token) => body["id_token"] = id_token.into(),
        None => return problem(StatusCode::BAD_REQUEST, "invalid_grant"),
    }
    Json(body).into_response()
}

#[derive(Deserialize)]
struct IdTokenAsk {
    client_id: String,
    user: String,
    #[serde(default)]
    fault: Fault,
}

/// An id token as a hospital's EHR has it after its clinician signed in with CIS2, so that the commands of the documentation
/// need nothing but curl.
async fn id_token(State(state): State<Arc<Cis2>>, Query(ask): Query<IdTokenAsk>) -> Response {
    let register = state.register.current();
    let audience = AUDIENCES
        .iter()
        .find(|(client, _)| *client == ask.client_id)
        .map(|(_, audience)| *audience);
    let signed = register
        .users
        .get(&ask.user)
        .zip(audience)
        .and_then(|(user, audience)| state.sign(user, audience, Some("theirs"), ask.fault));
    signed.map_or_else(
        || problem(StatusCode::NOT_FOUND, "no such user or client there"),
        IntoResponse::into_response,
    )
}

impl Cis2 {
    fn sign(
        &self,
        user: &User,
        audience: &str,
        nonce: Option<&str>,
        fault: Fault,
    ) -> Option<String> {
        let claims = self.claims(user, audience, nonce, fault)?;
        let key = self.keys.cis2();
        match fault {
            Fault::Unsigned => {
                let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let header = json!({"alg": "none", "typ": "JWT", "kid": "sandbox-cis2-1"});
                Some(format!("{}.{}.", part(&header), part(&claims)))
            }
            Fault::UnknownKey => stranger()?.sign(&claims).ok(),
            Fault::Forged => {
                let jwt = stranger()?.sign(&claims).ok()?;
                let (_, signature) = jwt.rsplit_once('.')?;
                let own = key.sign(&claims).ok()?;
                let (message, _) = own.rsplit_once('.')?;
                Some(format!("{message}.{signature}"))
            }
            _ => key.sign(&claims).ok(),
        }
    }

    /// The claims of an id token, by the names that CIS2 uses.
    fn claims(
        &self,
        user: &User,
        audience: &str,
        nonce: Option<&str>,
        fault: Fault,
    ) -> Option<Value> {
        let uid = user.identities.get(PROVIDER)?;
        let roles: Vec<Value> = user
            .role_profiles
            .iter()
            .map(|(id, ods)| json!({"person_roleid": id, "org_code": ods.0, "person_orgid": uid}))
            .collect();
        // The sandbox's clock may be ahead; id tokens, like client assertions, stay on the machine's.
        let now = SystemClock.now().as_second();
        let mut claims = json!({
            "iss": self.issuer,
            "sub": uid,
            "aud": audience,
            "azp": audience,
            "iat": now,
            "exp": now + LIFETIME,
            "auth_time": now,
            "acr": "AAL3_ANY",
            "authentication_assurance_level": "3",
            "id_assurance_level": "3",
            "nhsid_useruid": uid,
            "selected_roleid": user.role_profiles.keys().next(),
            "nhsid_nrbac_roles": roles,
            "jti": new_id().to_string(),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        match fault {
            Fault::WrongIssuer => claims["iss"] = "https://another.example".into(),
            Fault::WrongAudience => claims["aud"] = "another".into(),
            Fault::TwoAudiences => claims["aud"] = json!([audience, "another"]),
            Fault::WrongParty => claims["azp"] = "another".into(),
            Fault::WrongNonce => claims["nonce"] = "another".into(),
            Fault::NoNonce => drop(claims.as_object_mut()?.remove("nonce")),
            Fault::Expired => claims["exp"] = (now - 60).into(),
            Fault::Future => claims["iat"] = (now + 600).into(),
            Fault::OldSignIn => claims["auth_time"] = (now - 86_400).into(),
            Fault::LowLevel => claims["authentication_assurance_level"] = "1".into(),
            Fault::NoRole => drop(claims.as_object_mut()?.remove("selected_roleid")),
            Fault::OtherRole => claims["selected_roleid"] = "1".into(),
            Fault::Contradiction => {
                claims["nhsid_nrbac_roles"] =
                    json!([{"person_roleid": claims["selected_roleid"], "org_code": "Z9C01"}]);
            }
            Fault::Stranger => claims["nhsid_useruid"] = "1".into(),
            Fault::LogoutToken => {
                claims["events"] =
                    json!({"http://schemas.openid.net/event/backchannel-logout": {}});
            }
            _ => {}
        }
        Some(claims)
    }
}

/// A key that is in nobody's set.
fn stranger() -> Option<&'static SigningKey> {
    static KEY: OnceLock<Option<SigningKey>> = OnceLock::new();
    KEY.get_or_init(|| {
        let jwk = generate_jwk("stranger-1", SigningAlgorithm::Rs256).ok()?;
        SigningKey::from_jwk(&jwk).ok()
    })
    .as_ref()
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"error": text}))).into_response()
}
