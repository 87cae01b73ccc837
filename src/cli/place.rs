//! Where an installation's register and store are, for commands that work beside a running gateway.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::civil::Date;

use crate::clock::{Clock, SharedClock, SystemClock};
use crate::config::{Config, ConfigError, secret_32};
use crate::fhir::IdKey;
use crate::labelling::{ExclusionList, ExclusionsHandle};
use crate::mapping::tables::TableFiles;
use crate::occasion::SealKey;
use crate::oversight::Actor;
use crate::record::date::london;
use crate::register::{Register, RegisterErrors, RegisterHandle};
use crate::sandbox::run::ID_KEY;
use crate::smart::signing::SigningKey;
use crate::smart::trail_key::{TRAIL_FILE, trail_key};
use crate::store::StoreError;
use crate::store::heads::HeadStore as _;
use crate::store::sqlite::SqliteStore;

/// Which installation.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Place {
    /// Folder of a sandbox's state
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration file of a gateway
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Why an installation cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Register.
    #[error(transparent)]
    Register(#[from] RegisterErrors),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no store yet.
    #[error("{0}: there is no store; the gateway makes it when it starts")]
    NoStore(PathBuf),
}

/// An opened installation.
pub struct Opened {
    /// The register as its files have it now.
    pub register: RegisterHandle,
    /// The store, which the gateway may be using.
    pub store: Arc<SqliteStore>,
    /// The machine's clock.
    pub clock: SharedClock,
}

impl Opened {
    /// The person of the register who acts: neither revoked there nor by a hold (R108).
    ///
    /// # Errors
    /// In words.
    pub fn acting(&self, username: &str) -> Result<Actor, String> {
        let holds = self.register.holds(self.clock.now());
        let holds = holds.map_err(|error| error.to_string())?;
        Actor::of(&self.register.current(), username)
            .filter(|_| !holds.users.contains(username))
            .ok_or_else(|| format!("the register does not know `{username}`, or they are revoked"))
    }
}

impl Place {
    /// Folder of the register's files.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn register_dir(&self) -> Result<PathBuf, ConfigError> {
        Ok(match (&self.data, &self.config) {
            (Some(data), _) => data.join("register"),
            (None, Some(config)) => Config::load(config)?.register_dir,
            (None, None) => PathBuf::from("register"),
        })
    }

    /// File of the server's signing keys.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn signing_key(&self) -> Result<PathBuf, ConfigError> {
        Ok(match (&self.data, &self.config) {
            (Some(data), _) => data.join("keys").join("sandbox-server.jwk.json"),
            (None, Some(config)) => Config::load(config)?.secrets.signing_key,
            (None, None) => PathBuf::new(),
        })
    }

    /// It is a sandbox's.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.data.is_some()
    }

    /// The key of a gateway's ids.
    ///
    /// # Errors
    /// The configuration or the key cannot be read.
    pub fn id_key(&self) -> Result<IdKey, ConfigError> {
        let Some(config) = &self.config else {
            return Err(ConfigError::Value("there is no configuration".to_owned()));
        };
        Ok(IdKey::new(secret_32(
            &Config::load(config)?.secrets.id_key,
        )?))
    }

    fn store_file(&self) -> Result<PathBuf, ConfigError> {
        let folder = match (&self.data, &self.config) {
            (Some(data), _) => data.clone(),
            (None, Some(config)) => Config::load(config)?.state_dir,
            (None, None) => PathBuf::new(),
        };
        Ok(folder.join("openmig.sqlite"))
    }

    /// The keys of ids and of what is sealed.
    ///
    /// # Errors
    /// In words: a file cannot be read, or holds no key.
    pub fn keys(&self) -> Result<(IdKey, SealKey), String> {
        let secret = |path: &std::path::Path| secret_32(path).map_err(|error| error.to_string());
        let (id, seal) = match (&self.data, &self.config) {
            (None, Some(config)) => {
                let secrets = Config::load(config)
                    .map_err(|error| error.to_string())?
                    .secrets;
                (secret(&secrets.id_key)?, secret(&secrets.seal_key)?)
            }
            (data, _) => {
                let data = data.clone().unwrap_or_default();
                (ID_KEY, secret(&data.join("keys").join("seal.key"))?)
            }
        };
        let seal = SealKey::new(&seal).map_err(|error| error.to_string())?;
        Ok((IdKey::new(id), seal))
    }

    /// The key that signs heads of the trail, and in whose name: the configuration's issuer, or for a sandbox, whose port may
    /// be any, the one that signed last.
    ///
    /// # Errors
    /// In words: a file cannot be read, or holds no key.
    pub fn signing(&self, store: &SqliteStore) -> Result<(SigningKey, String), String> {
        match (&self.data, &self.config) {
            (None, Some(config)) => {
                let config = Config::load(config).map_err(|error| error.to_string())?;
                let key =
                    super::serve::signing_of_heads(&config).map_err(|error| error.to_string())?;
                Ok((key, config.issuer))
            }
            (data, _) => {
                let folder = data.clone().unwrap_or_default().join("keys");
                let key = trail_key(&folder.join(TRAIL_FILE)).map_err(|error| error.to_string())?;
                let last = store
                    .signed_heads(1)
                    .map_err(|error| error.to_string())?
                    .pop();
                let issuer = last.map_or_else(|| "sandbox".to_owned(), |head| head.issuer);
                Ok((key, issuer))
            }
        }
    }

    /// The exclusion list as its folder has it now.
    ///
    /// # Errors
    /// In words: it cannot be read, or is not valid.
    pub fn exclusions(&self) -> Result<ExclusionsHandle, String> {
        let folder = match (&self.data, &self.config) {
            (None, Some(config)) => {
                Config::load(config)
                    .map_err(|error| error.to_string())?
                    .exclusions_dir
            }
            (data, _) => Some(data.clone().unwrap_or_default().join("exclusions")),
        };
        let list = match folder {
            Some(folder) => ExclusionList::load(&folder),
            None => ExclusionList::load_embedded(),
        };
        list.map(ExclusionsHandle::new)
            .map_err(|error| error.to_string())
    }

    /// Hash of the mapping tables as their folder has them now.
    ///
    /// # Errors
    /// In words: they cannot be read.
    pub fn mappings(&self) -> Result<String, String> {
        let config = match (&self.data, &self.config) {
            (None, Some(config)) => Some(Config::load(config).map_err(|error| error.to_string())?),
            _ => None,
        };
        let folder = config.and_then(|config| config.mappings_dir);
        TableFiles::in_force(folder.as_deref())
            .map(|files| files.hash())
            .map_err(|error| error.to_string())
    }

    /// The configuration as an auditor may see it.
    ///
    /// # Errors
    /// In words: it cannot be read.
    pub fn settings(&self) -> Result<serde_json::Value, String> {
        match &self.config {
            Some(config) => crate::config::shown(config).map_err(|error| error.to_string()),
            None => Ok(serde_json::json!({"sandbox": true})),
        }
    }

    /// Reads the register and opens the store.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn open(&self) -> Result<Opened, PlaceError> {
        let file = self.store_file()?;
        if !file.exists() {
            return Err(PlaceError::NoStore(file));
        }
        let register = RegisterHandle::new(Register::load(&self.register_dir()?, today())?);
        let store = Arc::new(SqliteStore::open(&file)?);
        register.take_holds_from(Arc::clone(&store) as _);
        Ok(Opened {
            register,
            store,
            clock: Arc::new(SystemClock),
        })
    }
}

/// The day in Europe/London.
pub fn today() -> Date {
    SystemClock.now().to_zoned(london()).date()
}
