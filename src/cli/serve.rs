//! `openmig serve`: a gateway by its configuration file.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::access::AddressRanges;
use crate::api::server::{ServerLimits, serve, told_to_stop};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{Config, ConfigError, secret_32};
use crate::fhir::IdKey;
use crate::gateway::{GatewayParts, StartError, assemble, keep_house};
use crate::occasion::{SealError, SealKey};
use crate::oversight::delivery::{Courier, RouteError, Routes, RoutesHandle};
use crate::record::date::london;
use crate::register::watch::RegisterWatch;
use crate::register::{Register, RegisterErrors, RegisterHandle};
use crate::smart::provider::Provider;
use crate::smart::ring::{KeyWatch, RingError};
use crate::smart::secrets::LaunchKey;
use crate::smart::signing::SigningKey;
use crate::smart::trail_key::{TRAIL_FILE, former_keys, trail_key};
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Register.
    #[error(transparent)]
    Register(#[from] RegisterErrors),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Sealing key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signing keys.
    #[error(transparent)]
    Signing(#[from] RingError),
    /// The stages.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The trail takes no row.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// The network.
    #[error("{0}")]
    Network(#[from] std::io::Error),
    /// Notices cannot be sent as configured.
    #[error(transparent)]
    Notices(#[from] RouteError),
    /// A file does not hold what it should.
    #[error("{0}")]
    File(String),
}

/// The key that signs heads of the audit trail: the configured one, or the one in the folder of the state.
///
/// # Errors
/// It cannot be read, made or used.
pub(super) fn signing_of_heads(config: &Config) -> Result<SigningKey, RingError> {
    let path = config.secrets.trail_key.clone();
    trail_key(&path.unwrap_or_else(|| config.state_dir.join(TRAIL_FILE)))
}

/// Runs until SIGTERM or Ctrl-C, then lets open requests finish.
pub async fn run(path: &Path) -> Result<(), ServeError> {
    let config = Config::load(path)?;
    let clock: SharedClock = Arc::new(SystemClock);
    let register = Register::load(&config.register_dir, clock.now().to_zoned(london()).date())?;
    std::fs::create_dir_all(&config.state_dir)?;
    let keys = KeyWatch::begin(&config.secrets.signing_key)?;
    let ranges =
        |texts: &[String]| AddressRanges::parse(texts).map_err(|error| ServeError::File(error.0));
    let user_base = config
        .user_base
        .clone()
        .unwrap_or_else(|| format!("{}/user", config.issuer));
    let store = Arc::new(SqliteStore::open(&config.state_dir.join("openmig.sqlite"))?);
    let house = keep_house(Arc::clone(&store), Arc::clone(&clock));
    let courier = Courier::new(
        Arc::clone(&store) as _,
        RoutesHandle::new(Routes::load(&config.notices)?),
        Arc::clone(&clock),
    )?;
    let register = RegisterHandle::new(register);
    let watch = RegisterWatch::begin(
        config.register_dir.clone(),
        register.clone(),
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&clock),
    )
    .await?;
    let sealing = secret_32(&config.secrets.seal_key)?;
    let parts = GatewayParts {
        issuer: config.issuer.clone(),
        user_base,
        issuer_audience_only: config.issuer_audience_only,
        register,
        store,
        clock,
        ids: IdKey::new(secret_32(&config.secrets.id_key)?),
        seal: SealKey::new(&sealing)?,
        ring: keys.ring(),
        trail_key: signing_of_heads(&config)?,
        former_trail_keys: match &config.secrets.former_trail_keys {
            Some(path) => former_keys(path)?,
            None => Vec::new(),
        },
        launch_key: LaunchKey::derive(&sealing),
        trace: config.services.trace.clone(),
        worklist: config.services.worklist.clone(),
        allow: ranges(&config.allow_networks)?,
        metrics_allow: ranges(&config.metrics_networks)?,
        proxies: ranges(&config.trusted_proxies)?,
        systmone_key: match &config.secrets.systmone_key {
            Some(path) => String::from_utf8_lossy(&std::fs::read(path)?)
                .trim()
                .to_owned(),
            None => String::new(),
        },
        exclusions: config.exclusions_dir.clone(),
        mappings: config.mappings_dir.clone(),
        timing: config.timing,
        providers: config
            .providers
            .iter()
            .cloned()
            .map(Provider::load)
            .collect::<Result<_, _>>()
            .map_err(StartError::from)?,
        settings: crate::config::shown(path)?,
    };
    let mut gateway = assemble(parts, Router::new())?;
    gateway.begin().await?;
    let exclusions = gateway.exclusions_watch.take();
    let exclusions = async move {
        match exclusions {
            Some(watch) => watch.run().await,
            None => std::future::pending().await,
        }
    };
    let alarms = Arc::clone(&gateway.opt_outs);
    let listener = TcpListener::bind(config.listen).await?;
    println!(
        "ready: OpenMIG at {}, listening on {}",
        config.issuer,
        listener.local_addr()?
    );
    let limits = ServerLimits::default();
    let served = serve(
        listener,
        gateway.router,
        gateway.edge,
        limits,
        told_to_stop(),
    );
    let oversight = gateway.oversight;
    tokio::select! {
        () = oversight.watch() => Ok(()),
        () = oversight.heads.watch() => Ok(()),
        () = served => Ok(()),
        () = house => Ok(()),
        () = alarms.watch() => Ok(()),
        () = exclusions => Ok(()),
        () = watch.run() => Ok(()),
        () = keys.run() => Ok(()),
        () = courier.run() => Ok(()),
    }
}
