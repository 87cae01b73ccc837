//! Puts the stages together: the same gateway for `serve`, the sandbox and the tests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use jiff::SignedDuration;

use crate::access::AddressRanges;
use crate::api::edge::Edge;
use crate::api::oversight::{self, OversightApi};
use crate::api::request::{self, Frame, NetworkRule};
use crate::api::state::Api;
use crate::api::{exclusions_page, health, register_page, router};
use crate::audit::bounded::BoundedLog;
use crate::audit::reader::AuditReader;
use crate::audit::{AuditEntry, AuditError, AuditLog, Interaction, Origin, Overseen, What};
use crate::clock::{SharedClock, SystemClock};
use crate::config::Timing;
use crate::fhir::IdKey;
use crate::labelling::{ExclusionList, ExclusionsHandle, ListError};
use crate::lookup::{LookUp, LookUpParts};
use crate::mapping::{TableError, Tables};
use crate::occasion::{OccasionParts, Occasions, PointOfCare, SealKey, Windows};
use crate::oversight::cases::Cases;
use crate::oversight::evidence::Evidence;
use crate::oversight::exclusions::ExclusionsWatch;
use crate::oversight::heads::TrailHeads;
use crate::oversight::holds::HoldService;
use crate::oversight::opt_out::OptOuts;
use crate::oversight::override_review::OverrideReviews;
use crate::oversight::reports::Reports;
use crate::register::RegisterHandle;
use crate::smart::external::ExternalTokens;
use crate::smart::fetch::HttpKeyFetcher;
use crate::smart::http as endpoints;
use crate::smart::id_token::UserNames;
use crate::smart::jwks::KeySource;
use crate::smart::launch::Launcher;
use crate::smart::provider::{Provider, ProviderConfigError, Providers};
use crate::smart::ring::KeyRing;
use crate::smart::routes::SmartParts;
use crate::smart::secrets::LaunchKey;
use crate::smart::signing::SigningKey;
use crate::smart::token::TokenSettings;
use crate::smart::withdraw::WithdrawalEndpoint;
use crate::smart::{self, authenticate::Authenticator};
use crate::source::http::SourceHttp;
use crate::source::trace::PdsTracer;
use crate::source::worklist::HttpWorklist;
use crate::source::{SourceError, SourceLimits};
use crate::store::sqlite::SqliteStore;
use crate::store::{OccasionStore, TokenStore, WriteProbe};
use crate::tabs::lists::TabWording;
use crate::telemetry::{self, Metrics, Telemetry};

/// Between two rounds of housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// What differs between installations.
pub struct GatewayParts {
    /// FHIR base = issuer, without a slash at the end.
    pub issuer: String,
    /// Base of `subject_id`, before `#`.
    pub user_base: String,
    /// Client assertions are for the issuer alone.
    pub issuer_audience_only: bool,
    /// Who may.
    pub register: RegisterHandle,
    /// The store.
    pub store: Arc<SqliteStore>,
    /// Time.
    pub clock: SharedClock,
    /// Key of ids.
    pub ids: IdKey,
    /// Key that seals NHS numbers at rest.
    pub seal: SealKey,
    /// The server's own signing keys.
    pub ring: Arc<KeyRing>,
    /// The key that signs heads of the audit trail.
    pub trail_key: SigningKey,
    /// Public keys that signed heads before, which are still shown.
    pub former_trail_keys: Vec<serde_json::Value>,
    /// Key of refresh tokens' pairs and of form tokens.
    pub launch_key: LaunchKey,
    /// URL of the trace service.
    pub trace: String,
    /// URL of the worklists.
    pub worklist: String,
    /// Networks that may call.
    pub allow: AddressRanges,
    /// Networks that may read `/metrics`.
    pub metrics_allow: AddressRanges,
    /// Proxies whose forwarded header counts.
    pub proxies: AddressRanges,
    /// Key towards SystmOne units.
    pub systmone_key: String,
    /// Folder of the exclusion list, watched for changes; the program's own list where there is none.
    pub exclusions: Option<std::path::PathBuf>,
    /// Folder of the mapping tables; the program's own for what it does not have, and where there is none.
    pub mappings: Option<std::path::PathBuf>,
    /// Times.
    pub timing: Timing,
    /// OpenID providers that are trusted to say who a clinician is.
    pub providers: Vec<Provider>,
    /// The configuration as the evidence pack shows it, without secrets (R144).
    pub settings: serde_json::Value,
}

/// Why the gateway does not start. It never starts without its tables, lists and keys (R049).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The exclusion list is missing, empty or damaged.
    #[error(transparent)]
    Exclusions(#[from] ListError),
    /// The error catalogue is wrong.
    #[error(transparent)]
    Catalogue(#[from] crate::access::catalogue::CatalogueError),
    /// The words that an override may not be made of alone are not there.
    #[error("mappings/override-words.toml: {0}")]
    OverrideWords(String),
    /// A mapping table is wrong.
    #[error(transparent)]
    Tables(#[from] TableError),
    /// A tab or section has no wording.
    #[error("mappings/tabs.toml has no text for: {0}")]
    Wording(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The key fetcher cannot be set up.
    #[error("the key fetcher cannot be set up: {0}")]
    Fetcher(String),
    /// A provider is configured in a way that makes no sense.
    #[error(transparent)]
    Provider(#[from] ProviderConfigError),
    /// The issuer is no URL.
    #[error("the issuer is not a URL")]
    Issuer,
}

/// The gateway, put together.
pub struct Gateway {
    /// What serves it.
    pub router: Router,
    /// The look-up, for tests that count.
    pub look_up: Arc<LookUp>,
    /// Requests to opt out or in; its alarm has to be watched ([`OptOuts::watch`]).
    pub opt_outs: Arc<OptOuts>,
    /// Reviews of overrides.
    pub overrides: Arc<OverrideReviews>,
    /// Has to be run ([`ExclusionsWatch::run`]), where the list has a folder.
    pub exclusions_watch: Option<ExclusionsWatch>,
    /// Registers launches, for the sandbox's mock EHR.
    pub launcher: Arc<Launcher>,
    /// What is refused before it is a request of ours.
    pub edge: Arc<Edge>,
    /// Oversight, with what it watches over.
    pub oversight: Arc<OversightApi>,
    /// The row that has to stand in the trail before anything is served.
    first_row: Option<AuditEntry>,
    audit: Arc<dyn AuditLog>,
}

impl Gateway {
    /// Writes what the trail has to say before anything is served: which mapping tables answer, where they are an operator's,
    /// since the program's version does not tell of those.
    ///
    /// # Errors
    /// The row cannot be written; then nothing may be served.
    pub async fn begin(&self) -> Result<(), AuditError> {
        match &self.first_row {
            Some(row) => self.audit.write(row.clone()).await,
            None => Ok(()),
        }
    }
}

fn mappings_loaded(hash: &str, clock: &SharedClock) -> AuditEntry {
    let what = What::Oversight(Overseen {
        interaction: Interaction {
            name: "mappings-loaded",
            kind: None,
            query: format!("mappings {hash}"),
        },
        other_ids: Vec::new(),
    });
    AuditEntry::new(clock.now(), what, Origin::default())
}

/// Puts it together; `beside` is served next to it (the sandbox's own routes).
///
/// # Errors
/// See [`StartError`].
pub fn assemble(parts: GatewayParts, beside: Router) -> Result<Gateway, StartError> {
    crate::access::catalogue::check()?;
    crate::access::words::check().map_err(StartError::OverrideWords)?;
    let exclusions = ExclusionsHandle::new(match &parts.exclusions {
        Some(folder) => ExclusionList::load(folder)?,
        None => ExclusionList::load_embedded()?,
    });
    let tables = Arc::new(Tables::in_force(parts.mappings.as_deref())?);
    let mappings = tables.hash().to_owned();
    let own_tables = parts.mappings.is_some();
    let first_row = own_tables.then(|| mappings_loaded(&mappings, &parts.clock));
    let wording = TabWording::from_tables(&tables);
    if let missing @ [_, ..] = wording.missing().as_slice() {
        return Err(StartError::Wording(missing.join(", ")));
    }
    let url = url::Url::parse(&parts.issuer).map_err(|_| StartError::Issuer)?;
    let origin = url.origin().ascii_serialization();
    let limits = SourceLimits {
        deadline: parts.timing.source_deadline(),
        ..SourceLimits::default()
    };
    // Trace and worklist are small and near: they get half of what a source gets.
    let near = SourceLimits {
        deadline: limits.deadline / 2,
        max_bytes: 256 * 1024,
        max_concurrent: 64,
    };
    let machine_clock: SharedClock = Arc::new(SystemClock);
    let http = SourceHttp::new(Arc::clone(&machine_clock))?;
    let log = Arc::new(BoundedLog::new(Arc::clone(&parts.store) as _));
    let audit: Arc<dyn AuditLog> = Arc::clone(&log) as _;
    let trail: Arc<dyn AuditReader> = Arc::clone(&parts.store) as _;
    let tokens: Arc<dyn TokenStore> = Arc::clone(&parts.store) as _;
    let probe: Arc<dyn WriteProbe> = Arc::clone(&parts.store) as _;
    let occasion_store: Arc<dyn OccasionStore> = Arc::clone(&parts.store) as _;
    parts
        .register
        .take_holds_from(Arc::clone(&parts.store) as _);
    let metrics = Arc::new(Metrics::default());
    let look_up = Arc::new(LookUp::new(LookUpParts {
        tracer: Arc::new(PdsTracer::new(&parts.trace, near, Arc::clone(&http))),
        register: parts.register.clone(),
        http: Arc::clone(&http),
        limits,
        systmone_key: parts.systmone_key,
        tables,
        wording,
        exclusions: exclusions.clone(),
        exclusions_url: format!("{origin}/exclusions"),
        base: parts.issuer.clone(),
        ids: parts.ids.clone(),
        audit: Arc::clone(&audit),
        losses: Arc::clone(&parts.store) as _,
        metrics: Arc::clone(&metrics),
        clock: Arc::clone(&parts.clock),
        hold: Duration::from_secs(parts.timing.hold_seconds),
    }));
    let seal = Arc::new(parts.seal);
    let opt_outs = Arc::new(OptOuts::new(
        parts.register.clone(),
        Arc::clone(&parts.store) as _,
        parts.ids.clone(),
        Arc::clone(&seal),
        Arc::clone(&parts.clock),
    ));
    let overrides = Arc::new(OverrideReviews::new(
        Arc::clone(&parts.store) as _,
        Arc::clone(&trail),
        Arc::clone(&seal),
        Arc::clone(&parts.clock),
    ));
    let worklist = Arc::new(HttpWorklist::new(&parts.worklist, near, Arc::clone(&http)));
    let names = UserNames::new(&parts.issuer, parts.ids.clone());
    let occasions = Arc::new(Occasions::new(OccasionParts {
        register: parts.register.clone(),
        store: occasion_store,
        terms: Arc::clone(&parts.store) as _,
        audit: Arc::clone(&audit),
        clock: Arc::clone(&parts.clock),
        machine_clock: Arc::clone(&machine_clock),
        worklist: Arc::clone(&worklist) as _,
        finder: Arc::clone(&look_up) as _,
        ids: parts.ids.clone(),
        seal: Arc::clone(&seal),
        windows: Windows {
            window: SignedDuration::from_mins(i64::from(parts.timing.occasion_minutes)),
            ..Windows::default()
        },
        network: parts.allow.clone(),
    }));
    let fetcher = HttpKeyFetcher::new().map_err(|error| StartError::Fetcher(error.to_string()))?;
    let fetcher = Arc::new(fetcher);
    let providers = Arc::new(Providers::new(
        parts.providers,
        Arc::clone(&fetcher),
        Arc::clone(&machine_clock),
    )?);
    let external =
        ExternalTokens::new(&providers, parts.register.clone(), &parts.issuer).map(Arc::new);
    let authenticator = Authenticator::new(
        &parts.issuer,
        parts.register.clone(),
        KeySource::new(fetcher),
        Arc::clone(&tokens),
        Arc::clone(&parts.clock),
        machine_clock,
    );
    let authenticator = Arc::new(if parts.issuer_audience_only {
        authenticator.for_issuer_alone()
    } else {
        authenticator
    });
    let settings = TokenSettings {
        user_base: parts.user_base,
        lifetime: SignedDuration::from_secs(300),
        refusal_floor: Duration::from_millis(parts.timing.refusal_floor_millis),
        requests_per_minute: parts.timing.token_requests_per_minute,
    };
    let withdrawal = Arc::new(WithdrawalEndpoint::new(
        Arc::clone(&occasions) as _,
        Arc::clone(&tokens),
        Arc::clone(&audit),
        Arc::clone(&parts.clock),
    ));
    let withdrawal = Router::new()
        .route(
            &format!("{path}/withdraw", path = url.path()),
            post(endpoints::withdraw),
        )
        .with_state(withdrawal);
    let ring = parts.ring;
    let mut shown = vec![parts.trail_key.public_jwk().clone()];
    shown.extend(parts.former_trail_keys);
    ring.show_also(shown);
    let (smart, launcher) = smart::routes::routes(SmartParts {
        issuer: parts.issuer.clone(),
        path: url.path().to_owned(),
        settings,
        occasion_minutes: i64::from(parts.timing.occasion_minutes),
        register: parts.register.clone(),
        authenticator,
        tokens: Arc::clone(&tokens),
        revoker: Arc::clone(&parts.store) as _,
        store: Arc::clone(&parts.store) as _,
        audit: Arc::clone(&audit),
        clock: Arc::clone(&parts.clock),
        occasions: Arc::clone(&occasions) as _,
        care: Arc::new(PointOfCare::new(Arc::clone(&occasions), worklist)),
        key: parts.launch_key,
        ring,
        names: names.clone(),
        providers,
        external: external.clone(),
        provider_store: Arc::clone(&parts.store) as _,
    });
    let oversight = Arc::new(oversight_api(
        parts.register.clone(),
        &parts.store,
        seal,
        parts.ids,
        Arc::clone(&parts.clock),
        OversightParts {
            trail_key: parts.trail_key,
            issuer: parts.issuer.clone(),
            exclusions: exclusions.clone(),
            settings: parts.settings,
            mappings,
        },
    ));
    let exclusions_watch = parts.exclusions.map(|folder| {
        ExclusionsWatch::new(
            folder,
            exclusions.clone(),
            Arc::clone(&audit),
            Arc::clone(&parts.store) as _,
            Arc::clone(&parts.clock),
        )
    });
    let edge = Arc::new(Edge {
        log,
        register: parts.register.clone(),
        clock: Arc::clone(&parts.clock),
    });
    let log = Arc::clone(&audit);
    let api = Arc::new(Api {
        base: parts.issuer,
        look_up: Arc::clone(&look_up),
        occasions,
        tokens,
        audit,
        trail,
        register: parts.register,
        exclusions: exclusions.clone(),
        names,
        external,
        notes: Arc::clone(&parts.store) as _,
        clock: parts.clock,
    });
    let network = NetworkRule {
        allow: parts.allow,
        proxies: parts.proxies.clone(),
    };
    // The scraper's network is not the viewers': it has a rule of its own, and gets nothing else.
    let scrapers = NetworkRule {
        allow: parts.metrics_allow,
        proxies: parts.proxies,
    };
    let telemetry = Arc::new(Telemetry {
        metrics,
        look_up: Arc::clone(&look_up),
        http,
        notices: Arc::clone(&parts.store) as _,
        base: url.path().trim_end_matches('/').to_owned(),
    });
    let metrics_page = telemetry::routes(Arc::clone(&telemetry)).layer(from_fn_with_state(
        Frame {
            network: scrapers,
            edge: Arc::clone(&edge),
        },
        request::frame,
    ));
    let beside = beside
        .merge(smart)
        .merge(oversight::routes(Arc::clone(&oversight)))
        .merge(oversight::page::routes(
            api.register.clone(),
            Arc::clone(&api.clock),
        ))
        .merge(withdrawal)
        .merge(exclusions_page::routes(exclusions))
        .merge(register_page::routes(Arc::clone(&api)))
        .merge(health::routes(probe, api.register.clone()));
    let counted = router::router(api, url.path(), network, Arc::clone(&edge), beside)
        .layer(from_fn_with_state(telemetry, telemetry::count_requests));
    Ok(Gateway {
        router: counted.merge(metrics_page),
        look_up,
        opt_outs,
        overrides,
        exclusions_watch,
        launcher,
        edge,
        oversight,
        first_row,
        audit: log,
    })
}

/// What oversight needs besides register, store and keys.
pub struct OversightParts {
    /// The key that signs heads of the trail.
    pub trail_key: SigningKey,
    /// In whose name.
    pub issuer: String,
    /// The exclusion list in force.
    pub exclusions: ExclusionsHandle,
    /// The configuration in force, without secrets, for the evidence pack.
    pub settings: serde_json::Value,
    /// Hash of the mapping tables in force.
    pub mappings: String,
}

/// Puts oversight together: the same for the gateway and for the command line.
#[must_use]
pub fn oversight_api(
    register: RegisterHandle,
    store: &Arc<SqliteStore>,
    seal: Arc<SealKey>,
    ids: IdKey,
    clock: SharedClock,
    parts: OversightParts,
) -> OversightApi {
    let trail: Arc<dyn AuditReader> = Arc::clone(store) as _;
    let cases = Cases::new(Arc::clone(store) as _, Arc::clone(&seal));
    let heads = trail_heads(store, parts.trail_key, parts.issuer, Arc::clone(&clock));
    OversightApi {
        heads,
        evidence: Evidence {
            trail: Arc::clone(&trail),
            verifier: Arc::clone(store) as _,
            registers: Arc::clone(store) as _,
            holds: Arc::clone(store) as _,
            terms: Arc::clone(store) as _,
            exclusions: parts.exclusions,
            settings: parts.settings,
            mappings: parts.mappings,
        },
        tokens: Arc::clone(store) as _,
        audit: Arc::clone(store) as _,
        reports: Reports::new(
            Arc::clone(&trail),
            Arc::clone(store) as _,
            Arc::clone(store) as _,
            cases.clone(),
        ),
        cases,
        override_reviews: OverrideReviews::new(
            Arc::clone(store) as _,
            Arc::clone(&trail),
            Arc::clone(&seal),
            Arc::clone(&clock),
        ),
        opt_outs: OptOuts::new(
            register.clone(),
            Arc::clone(store) as _,
            ids.clone(),
            seal,
            Arc::clone(&clock),
        ),
        holds: HoldService::new(
            register.clone(),
            Arc::clone(store) as _,
            trail,
            Arc::clone(&clock),
        ),
        losses: Arc::clone(store) as _,
        notices: Arc::clone(store) as _,
        register,
        ids,
        clock,
    }
}

/// What signs heads of the trail in this store.
#[must_use]
pub fn trail_heads(
    store: &Arc<SqliteStore>,
    key: SigningKey,
    issuer: String,
    clock: SharedClock,
) -> TrailHeads {
    TrailHeads::new(
        Arc::clone(store) as _,
        Arc::clone(store) as _,
        key,
        issuer,
        clock,
    )
}

/// Forgets tokens and assertion ids that are past their time, for as long as it is polled.
pub async fn keep_house(store: Arc<SqliteStore>, clock: SharedClock) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        match store.forget_expired(clock.now()).await {
            Ok(forgotten) => tracing::debug!(forgotten, "expired tokens and assertions forgotten"),
            Err(error) => tracing::warn!(%error, "expired tokens could not be forgotten"),
        }
        if let Err(error) = store.forget_provider_sign_ins(clock.now()).await {
            tracing::warn!(%error, "ended sign-ins at providers could not be forgotten");
        }
        if let Err(error) = store.forget_launches(clock.now()).await {
            tracing::warn!(%error, "ended launches could not be forgotten");
        }
    }
}
