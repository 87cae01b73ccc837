//! All routes of the authorization server, put together.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::authenticate::Authenticator;
use super::discovery::Discovery;
use super::external::{ExternalEndpoint, ExternalTokens};
use super::grants::Grants;
use super::http as endpoints;
use super::id_token::UserNames;
use super::introspect::IntrospectionEndpoint;
use super::launch::{LaunchEndpoint, Launcher};
use super::limit::AddressLimit;
use super::opener::OccasionOpener;
use super::pages::{Pages, PagesParts};
use super::provider::Providers;
use super::revoke::RevocationEndpoint;
use super::ring::KeyRing;
use super::secrets::LaunchKey;
use super::token::{TokenEndpoint, TokenSettings};
use crate::audit::AuditLog;
use crate::clock::SharedClock;
use crate::occasion::PointOfCare;
use crate::register::RegisterHandle;
use crate::store::authorization::AuthorizationStore;
use crate::store::providers::ProviderStore;
use crate::store::{TokenRevoker, TokenStore};

/// What the authorization server stands on.
pub struct SmartParts {
    /// FHIR base = issuer, without a slash at the end.
    pub issuer: String,
    /// Its path.
    pub path: String,
    /// Settings of the token endpoint, some of which the pages share.
    pub settings: TokenSettings,
    /// Minutes that an occasion lasts.
    pub occasion_minutes: i64,
    /// Who may.
    pub register: RegisterHandle,
    /// Who asks.
    pub authenticator: Arc<Authenticator>,
    /// Tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// Ends tokens.
    pub revoker: Arc<dyn TokenRevoker>,
    /// Journeys, launches, grants.
    pub store: Arc<dyn AuthorizationStore>,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// Time.
    pub clock: SharedClock,
    /// Opens occasions.
    pub occasions: Arc<dyn OccasionOpener>,
    /// The point of care.
    pub care: Arc<PointOfCare>,
    /// Makes pairs and form tokens.
    pub key: LaunchKey,
    /// Signs id tokens.
    pub ring: Arc<KeyRing>,
    /// Names users.
    pub names: UserNames,
    /// OpenID providers that are trusted.
    pub providers: Arc<Providers>,
    /// Verifies external access tokens, where that is configured.
    pub external: Option<Arc<ExternalTokens>>,
    /// What signing in there leaves behind.
    pub provider_store: Arc<dyn ProviderStore>,
}

/// The routes, and what registers launches.
pub fn routes(parts: SmartParts) -> (Router, Arc<Launcher>) {
    let path = parts.path.trim_end_matches('/').to_owned();
    let launcher = Arc::new(Launcher {
        register: parts.register.clone(),
        store: Arc::clone(&parts.store),
        care: Arc::clone(&parts.care),
        clock: Arc::clone(&parts.clock),
    });
    let grants = Arc::new(Grants {
        store: Arc::clone(&parts.store),
        occasions: Arc::clone(&parts.occasions),
        register: parts.register.clone(),
        key: parts.key.clone(),
        ring: Arc::clone(&parts.ring),
        names: parts.names.clone(),
        clock: Arc::clone(&parts.clock),
    });
    let pages = Pages::new(
        PagesParts {
            issuer: parts.issuer.clone(),
            register: parts.register,
            store: Arc::clone(&parts.store),
            care: parts.care,
            occasions: Arc::clone(&parts.occasions),
            audit: Arc::clone(&parts.audit),
            clock: Arc::clone(&parts.clock),
            key: parts.key,
            refusal_floor: parts.settings.refusal_floor,
            requests_per_minute: parts.settings.requests_per_minute,
            occasion_minutes: parts.occasion_minutes,
            providers: Arc::clone(&parts.providers),
            provider_store: Arc::clone(&parts.provider_store),
        },
        &path,
    );
    let external = parts.external.as_ref().map(|tokens| {
        let endpoint = ExternalEndpoint {
            tokens: Arc::clone(tokens),
            occasions: Arc::clone(&parts.occasions),
            store: Arc::clone(&parts.provider_store),
            audit: Arc::clone(&parts.audit),
            clock: Arc::clone(&parts.clock),
            limit: AddressLimit::new(parts.settings.requests_per_minute),
            refusal_floor: parts.settings.refusal_floor,
        };
        Router::new()
            .route(&format!("{path}/occasion"), post(endpoints::occasion))
            .with_state(Arc::new(endpoint))
    });
    let token = TokenEndpoint::new(
        parts.settings,
        Arc::clone(&parts.authenticator),
        parts.occasions,
        Arc::clone(&parts.tokens),
        Arc::clone(&parts.audit),
        Arc::clone(&parts.clock),
    )
    .with_grants(grants)
    .with_providers(Arc::clone(&parts.providers), parts.provider_store);
    let introspection = IntrospectionEndpoint::new(
        &parts.issuer,
        Arc::clone(&parts.authenticator),
        Arc::clone(&parts.tokens),
        Arc::clone(&parts.audit),
        Arc::clone(&parts.clock),
    )
    .with_grants(Arc::clone(&parts.store), parts.names);
    let revocation = RevocationEndpoint::new(
        Arc::clone(&parts.authenticator),
        parts.tokens,
        parts.revoker,
        Arc::clone(&parts.audit),
        Arc::clone(&parts.clock),
    )
    .with_grants(parts.store);
    let launch = LaunchEndpoint {
        authenticator: parts.authenticator,
        launcher: Arc::clone(&launcher),
        audit: parts.audit,
        clock: Arc::clone(&parts.clock),
    };
    let discovery = Router::new()
        .route(
            &format!("{path}/.well-known/smart-configuration"),
            get(endpoints::smart_configuration),
        )
        .route(
            &format!("{path}/.well-known/openid-configuration"),
            get(endpoints::openid_configuration),
        )
        .route(
            &format!("/.well-known/oauth-authorization-server{path}"),
            get(endpoints::authorization_server),
        )
        .with_state(Arc::new(
            Discovery::new(&parts.issuer)
                .with_exchange(parts.providers.exchange())
                .with_external(parts.external.is_some()),
        ));
    let router = Router::new()
        .route(&format!("{path}/jwks"), get(endpoints::jwks))
        .with_state((Arc::clone(&parts.ring), Arc::clone(&parts.clock)))
        .merge(discovery)
        .merge(external.unwrap_or_default())
        .merge(
            Router::new()
                .route(&format!("{path}/token"), post(endpoints::token))
                .with_state(Arc::new(token)),
        )
        .merge(
            Router::new()
                .route(&format!("{path}/introspect"), post(endpoints::introspect))
                .with_state(Arc::new(introspection)),
        )
        .merge(
            Router::new()
                .route(&format!("{path}/revoke"), post(endpoints::revoke))
                .with_state(Arc::new(revocation)),
        )
        .merge(
            Router::new()
                .route(&format!("{path}/launch"), post(endpoints::launch))
                .with_state(Arc::new(launch)),
        )
        .merge(pages.routes());
    (router, launcher)
}
