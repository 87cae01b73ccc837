//! `openmig sandbox`: everything in one process, over real sockets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cis2::{self, Cis2};
use super::contract::Contract;
use super::keys::{KeysError, SandboxKeys, USER_BASE};
use super::launch::LaunchState;
use super::mock::{MockState, Ordinary, People, ehr, emis, systmone, trace};
use super::other_uses;
use super::population;
use super::register::{SandboxPorts, SandboxRegister, SandboxRegisterError};
use super::routes::{SandboxState, routes};
use crate::access::AddressRanges;
use crate::api::server::{self, ServerLimits};
use crate::clock::{Clock, NoEntropy, ShiftedClock, SystemClock, random_bytes};
use crate::config::{Timing, loopback};
use crate::fhir::{IdKey, PatientId};
use crate::gateway::{Gateway, GatewayParts, StartError, assemble, keep_house};
use crate::occasion::{SealError, SealKey};
use crate::oversight::delivery::{Courier, RouteError, RoutesHandle};
use crate::oversight::national::NationalError;
use crate::record::date::london;
use crate::record::{NhsNumber, OdsCode};
use crate::register::RegisterHandle;
use crate::register::watch::RegisterWatch;
use crate::smart::provider::Provider;
use crate::smart::ring::{KeyWatch, RingError};
use crate::smart::secrets::LaunchKey;
use crate::smart::trail_key::{TRAIL_FILE, trail_key};
use crate::store::sqlite::SqliteStore;
use crate::store::{OccasionStore, StoreError};
use crate::text::hex;

/// The sandbox's id key is fixed, so that a patient's FHIR id is the same on every machine.
pub(crate) const ID_KEY: [u8; 32] = *b"openmig sandbox: ids same anyway";

/// The key of the sandbox's ids.
#[must_use]
pub fn id_key() -> IdKey {
    IdKey::new(ID_KEY)
}

/// How the sandbox is asked for.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// First port; 0 takes free ones, for tests.
    pub port: u16,
    /// Folder of the state.
    pub data: PathBuf,
    /// Empty it first.
    pub fresh: bool,
    /// Ordinary people beside the contract's.
    pub patients: u64,
    /// Their seed.
    pub seed: u64,
    /// Times; the sandbox's own where `None`.
    pub timing: Option<Timing>,
    /// What the gateway's server waits for; as `serve` where `None`.
    pub limits: Option<ServerLimits>,
    /// OpenID providers to trust beside the sandbox's own.
    pub providers: Vec<Provider>,
}

/// The sandbox's times: those of a gateway, but a short floor and plenty of token requests.
#[must_use]
pub fn sandbox_timing() -> Timing {
    Timing {
        refusal_floor_millis: 250,
        source_deadline_seconds: 4,
        token_requests_per_minute: 1_000,
        ..Timing::default()
    }
}

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or folder.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A port is taken.
    #[error("port {port} cannot be had ({source}); `--port N` moves all of them")]
    Port {
        /// Which.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The ports would run past 65535.
    #[error("the first port is too high")]
    PortTooHigh,
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The server's own signing keys.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// Register.
    #[error(transparent)]
    Register(#[from] SandboxRegisterError),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the national service would have answered.
    #[error(transparent)]
    National(#[from] NationalError),
    /// The gateway itself.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The sealing key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Notices.
    #[error(transparent)]
    Notices(#[from] RouteError),
    /// A server failed while running.
    #[error("a server stopped: {0}")]
    Server(std::io::Error),
}

/// A running sandbox. Dropping it ends its servers.
pub struct Sandbox {
    /// Where everything listens.
    pub ports: SandboxPorts,
    /// The register in force.
    pub register: RegisterHandle,

    /// The mock services, with their counters and faults.
    pub mocks: Arc<MockState>,
    /// The people, whose stories may change while the mock services run.
    pub people: Arc<People>,
    /// The clock that can be moved.
    pub clock: Arc<ShiftedClock>,
    /// The store.
    pub store: Arc<SqliteStore>,
    /// The gateway.
    pub gateway: Gateway,
    /// The text that `openmig sandbox` prints when it is ready.
    pub banner: String,
    servers: JoinSet<std::io::Result<()>>,
    /// The gateway's own server: what is under way in it finishes when the sandbox stops.
    served: tokio::task::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

struct Listeners {
    gateway: TcpListener,
    emis: TcpListener,
    systmone: TcpListener,
    trace: TcpListener,
    ehr: TcpListener,
    systmone_tcp: TcpListener,
}

/// Starts everything and returns when it answers.
///
/// # Errors
/// See [`SandboxError`].
pub async fn start(options: &SandboxOptions) -> Result<Sandbox, SandboxError> {
    if options.fresh {
        empty(&options.data)?;
    }
    let folder = |name: &str| {
        let path = options.data.join(name);
        std::fs::create_dir_all(&path)
            .map_err(|source| SandboxError::File {
                path: path.clone(),
                source,
            })
            .map(|()| path)
    };
    let (keys_dir, register_dir) = (folder("keys")?, folder("register")?);
    let (listeners, ports) = listen(options.port).await?;
    let today = SystemClock.now().to_zoned(london()).date();
    let keys = Arc::new(SandboxKeys::load_or_create(&keys_dir)?);
    let sealing = secret(&keys_dir.join("seal.key"))?;
    let seal = SealKey::new(&sealing)?;
    let register = RegisterHandle::new(register(&keys, ports, today, &register_dir)?);
    let store = Arc::new(SqliteStore::open(&options.data.join("openmig.sqlite"))?);
    let ids = IdKey::new(ID_KEY);
    let people = population::contract(today);
    let ordinary = Ordinary {
        n: options.patients.min(population::MOST_ORDINARY),
        seed: options.seed,
        today,
    };
    remember_opt_outs(&store, &ids, SystemClock.now()).await?;
    other_uses::clear_nationally(&store, &ids, &people, SystemClock.now()).await?;
    let clock = Arc::new(ShiftedClock::default());
    let contract = Contract::new(ports, &register.current(), &ids, &people, ordinary.n);
    let banner = banner(ports, &register, options);
    let people = Arc::new(People::new(people).with_ordinary(ordinary));
    let mocks = MockState::new(Arc::clone(&people) as _, Arc::clone(&clock) as _)
        .with_gateway(format!("http://127.0.0.1:{}", ports.gateway));
    let mocks = Arc::new(mocks);
    let issuer = format!("http://127.0.0.1:{}/fhir/r4", ports.gateway);
    let key_watch = KeyWatch::begin(&keys.server_file)?;
    let trail_key = trail_key(&options.data.join("keys").join(TRAIL_FILE))?;
    let launcher = Arc::new(OnceLock::new());
    let launches = super::launch::routes(Arc::new(LaunchState {
        people: Arc::clone(&people),
        ids: ids.clone(),
        register: register.clone(),
        issuer: issuer.clone(),
        launcher: Arc::clone(&launcher),
    }));
    let notices = RoutesHandle::new(super::notices::routes(
        &register.current(),
        &options.data.join("outbox"),
    )?);
    let courier = Courier::new(
        Arc::clone(&store) as _,
        notices.clone(),
        Arc::clone(&clock) as _,
    )?;
    let base = format!("http://127.0.0.1:{}", ports.gateway);
    let mut providers = vec![cis2::provider(&base).map_err(StartError::from)?];
    providers.extend(options.providers.iter().cloned());
    let cis2 = cis2::routes(Arc::new(Cis2 {
        issuer: cis2::issuer(&base),
        keys: Arc::clone(&keys),
        register: register.clone(),
        codes: Mutex::default(),
    }));
    let sandbox_routes = routes(Arc::new(SandboxState {
        contract,
        people: Arc::clone(&people),
        ids: ids.clone(),
        keys,
        clock: Arc::clone(&clock),
        mocks: Arc::clone(&mocks),
        register: register.clone(),
        notices,
        token_url: format!("{issuer}/token"),
    }));
    let watch = RegisterWatch::begin(
        register_dir,
        register.clone(),
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&store) as _,
        Arc::clone(&clock) as _,
    )
    .await?;
    let exclusions = options.data.join("exclusions");
    crate::labelling::ExclusionList::write_embedded(&exclusions).map_err(|source| {
        SandboxError::File {
            path: exclusions.clone(),
            source,
        }
    })?;
    let parts = GatewayParts {
        issuer,
        user_base: USER_BASE.to_owned(),
        issuer_audience_only: false,
        register: register.clone(),
        store: Arc::clone(&store),
        clock: Arc::clone(&clock) as _,
        ids,
        seal,
        ring: key_watch.ring(),
        trail_key,
        former_trail_keys: Vec::new(),
        launch_key: LaunchKey::derive(&sealing),
        trace: format!("http://127.0.0.1:{}", ports.trace),
        worklist: format!("http://127.0.0.1:{}", ports.ehr),
        allow: ranges(&loopback())?,
        metrics_allow: ranges(&loopback())?,
        proxies: ranges(&[])?,
        systmone_key: "sandbox".to_owned(),
        exclusions: Some(exclusions),
        mappings: None,
        timing: options.timing.unwrap_or_else(sandbox_timing),
        providers,
        settings: serde_json::json!({"sandbox": true}),
    };
    let mut gateway = assemble(parts, sandbox_routes.merge(launches).merge(cis2))?;
    // Set once: nobody else has it.
    let _set = launcher.set(Arc::clone(&gateway.launcher));
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(emis::serve(
        listeners.emis,
        Arc::clone(&mocks),
        until(stopped.clone()),
    ));
    servers.spawn(systmone::serve(
        listeners.systmone,
        Arc::clone(&mocks),
        until(stopped.clone()),
    ));
    servers.spawn(systmone::serve_tcp(
        listeners.systmone_tcp,
        Arc::clone(&mocks),
        until(stopped.clone()),
    ));
    servers.spawn(trace::serve(
        listeners.trace,
        Arc::clone(&mocks),
        until(stopped.clone()),
    ));
    servers.spawn(ehr::serve(
        listeners.ehr,
        Arc::clone(&mocks),
        until(stopped.clone()),
    ));
    let house = keep_house(Arc::clone(&store), Arc::clone(&clock) as _);
    servers.spawn(async move {
        house.await;
        Ok(())
    });
    let oversight = Arc::clone(&gateway.oversight);
    servers.spawn(async move {
        tokio::join!(oversight.watch(), oversight.heads.watch());
        Ok(())
    });
    servers.spawn(async move {
        watch.run().await;
        Ok(())
    });
    servers.spawn(async move {
        key_watch.run().await;
        Ok(())
    });
    servers.spawn(async move {
        courier.run().await;
        Ok(())
    });
    if let Some(watch) = gateway.exclusions_watch.take() {
        servers.spawn(async move {
            watch.run().await;
            Ok(())
        });
    }
    let alarms = Arc::clone(&gateway.opt_outs);
    servers.spawn(async move {
        alarms.watch().await;
        Ok(())
    });
    let (router, edge) = (gateway.router.clone(), Arc::clone(&gateway.edge));
    let limits = options.limits.unwrap_or_default();
    let served = tokio::spawn(server::serve(
        listeners.gateway,
        router,
        edge,
        limits,
        until(stopped),
    ));
    Ok(Sandbox {
        ports,
        register,
        mocks,
        people,
        clock,
        store,
        gateway,
        banner,
        servers,
        served,
        stop,
    })
}

impl Sandbox {
    /// The day in England by the sandbox's clock.
    #[must_use]
    pub fn today(&self) -> Date {
        self.clock.now().to_zoned(london()).date()
    }

    /// Runs until a server fails, or until told to stop: then requests under way finish.
    ///
    /// # Errors
    /// The server's failure.
    pub async fn wait(mut self) -> Result<(), SandboxError> {
        loop {
            tokio::select! {
                ended = self.servers.join_next() => match ended {
                    Some(Ok(Err(error))) => return Err(SandboxError::Server(error)),
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = server::told_to_stop() => {
                    self.stop().await;
                    return Ok(());
                }
            }
        }
    }

    /// Takes no more requests, and waits until those under way have their answers.
    pub async fn stop(self) {
        // Nobody listens only where all has stopped already.
        let _all_stopped = self.stop.send(true);
        if let Err(error) = self.served.await {
            tracing::error!(%error, "the gateway's server did not end well");
        }
    }
}

/// 9990004455 moved from Z99001, where he had opted out: the gateway remembers what that practice's system once said (R008).
async fn remember_opt_outs(
    store: &SqliteStore,
    ids: &IdKey,
    now: Timestamp,
) -> Result<(), SandboxError> {
    if let Ok(number) = NhsNumber::parse("9990004455") {
        let patient: PatientId = ids.patient(&number);
        if store.remembered_opt_out(&patient)?.is_none() {
            store
                .remember_sharing(&patient, &OdsCode("Z99001".to_owned()), true, now)
                .await?;
        }
    }
    Ok(())
}

fn register(
    keys: &SandboxKeys,
    ports: SandboxPorts,
    today: Date,
    folder: &Path,
) -> Result<crate::register::Register, SandboxError> {
    let sets: BTreeMap<String, String> = super::keys::KEY_CLIENTS
        .iter()
        .filter_map(|(client, _)| {
            Some(((*client).to_owned(), keys.public_jwks(client)?.to_string()))
        })
        .collect();
    let viewer_secret = secret(&folder.join("../keys/viewer.secret"))?;
    let viewer_secret = hex(&viewer_secret);
    Ok(SandboxRegister {
        ports,
        today,
        keys: &sets,
        viewer_secret: &viewer_secret,
    }
    .write(folder)?)
}

/// 32 secret bytes from a file, made on first use.
fn secret(path: &Path) -> Result<[u8; 32], SandboxError> {
    let file = |source| SandboxError::File {
        path: path.to_owned(),
        source,
    };
    if let Ok(bytes) = std::fs::read(path)
        && let Ok(bytes) = bytes.try_into()
    {
        return Ok(bytes);
    }
    let bytes = random_bytes::<32>()?;
    std::fs::write(path, bytes).map_err(file)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(file)?;
    }
    Ok(bytes)
}

/// Empties what a sandbox keeps, and nothing else that may lie in the folder.
fn empty(data: &Path) -> Result<(), SandboxError> {
    for name in ["openmig.sqlite", "openmig.sqlite-wal", "openmig.sqlite-shm"] {
        remove(&data.join(name), |path| std::fs::remove_file(path))?;
    }
    for name in ["keys", "register", "outbox", "exclusions"] {
        remove(&data.join(name), |path| std::fs::remove_dir_all(path))?;
    }
    Ok(())
}

fn remove(path: &Path, by: impl Fn(&Path) -> std::io::Result<()>) -> Result<(), SandboxError> {
    match by(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SandboxError::File {
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

async fn listen(first: u16) -> Result<(Listeners, SandboxPorts), SandboxError> {
    let wanted = if first == 0 {
        SandboxPorts {
            gateway: 0,
            emis: 0,
            systmone: 0,
            trace: 0,
            ehr: 0,
            systmone_tcp: 0,
        }
    } else {
        SandboxPorts::from_first(first).ok_or(SandboxError::PortTooHigh)?
    };
    let listeners = Listeners {
        gateway: bind(wanted.gateway).await?,
        emis: bind(wanted.emis).await?,
        systmone: bind(wanted.systmone).await?,
        trace: bind(wanted.trace).await?,
        ehr: bind(wanted.ehr).await?,
        systmone_tcp: bind(wanted.systmone_tcp).await?,
    };
    let port = |listener: &TcpListener| {
        listener
            .local_addr()
            .map(|addr| addr.port())
            .map_err(SandboxError::Server)
    };
    let ports = SandboxPorts {
        gateway: port(&listeners.gateway)?,
        emis: port(&listeners.emis)?,
        systmone: port(&listeners.systmone)?,
        trace: port(&listeners.trace)?,
        ehr: port(&listeners.ehr)?,
        systmone_tcp: port(&listeners.systmone_tcp)?,
    };
    Ok((listeners, ports))
}

async fn bind(port: u16) -> Result<TcpListener, SandboxError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|source| SandboxError::Port { port, source })
}

fn ranges(texts: &[String]) -> Result<AddressRanges, SandboxError> {
    AddressRanges::parse(texts).map_err(|error| {
        SandboxError::Server(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            error.0,
        ))
    })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as a stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn banner(ports: SandboxPorts, register: &RegisterHandle, options: &SandboxOptions) -> String {
    let base = format!("http://127.0.0.1:{}", ports.gateway);
    let register = register.current();
    let mut text = format!(
        "ready: OpenMIG sandbox, state in {}\n",
        options.data.display()
    );
    let _ = writeln!(text, "  FHIR base = issuer  {base}/fhir/r4");
    let _ = writeln!(text, "  contract            {base}/sandbox/contract.json");
    let _ = writeln!(text, "  exclusions in force {base}/exclusions");
    let _ = writeln!(
        text,
        "  notices as mails    {}",
        options.data.join("outbox").display()
    );
    let _ = writeln!(
        text,
        "  mock services       EMIS http://127.0.0.1:{}  SystmOne http://127.0.0.1:{} and tcp://127.0.0.1:{}  trace http://127.0.0.1:{}  EHR http://127.0.0.1:{}",
        ports.emis, ports.systmone, ports.systmone_tcp, ports.trace, ports.ehr
    );
    if options.patients > 0 {
        let n = options.patients.min(population::MOST_ORDINARY);
        let _ = writeln!(
            text,
            "  ordinary patients   {base}/sandbox/patients?offset=0&limit=100, {n} of seed {}",
            options.seed
        );
        if n < options.patients {
            let _ = writeln!(
                text,
                "                      not {}: the 999 range has no more valid numbers to give",
                options.patients
            );
        }
    }
    let _ = writeln!(
        text,
        "  OpenID provider     {} (mock of CIS2; id tokens at {base}/sandbox/id-token)",
        cis2::issuer(&base)
    );
    let users: Vec<&str> = register.users.keys().map(String::as_str).collect();
    let clients: Vec<&str> = register.clients.keys().map(String::as_str).collect();
    let _ = writeln!(
        text,
        "  users (password `{}`) {}",
        super::contract::PASSWORD,
        users.join(" ")
    );
    let _ = writeln!(text, "  clients             {}", clients.join(" "));
    let _ = write!(
        text,
        "try: curl -s {base}/fhir/r4/token -d grant_type=client_credentials -d 'scope=system/*.rs' \
         -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
         -d \"client_assertion=$(curl -s '{base}/sandbox/assertion?client_id=sandbox-backend&user=hospital-doctor')\" \
         --data-urlencode 'authorization_details=[{{\"type\":\"https://openmig.org/occasion\",\"patient\":\"9990000018\",\"treatment\":\"worklist\",\
         \"consent\":{{\"asked\":true,\"answer\":\"yes\",\"told_what\":true,\"told_why\":true,\"told_may_decline\":true,\
         \"told_meaning_of_declining\":true,\"voluntary\":true,\"capacity\":true}}}}]'"
    );
    text
}
