//! The server's own signing keys (D13): one signs, the next one is shown before it signs, a former one stays in the key set
//! until all that it signed is dead.
//!
//! They lie in one file that only its owner may read: a private JWK, or a key set of them in which `openmig keys rotate` notes
//! from when each signs and until when it is shown. Every replica reads the file again every few seconds, so nothing restarts.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::signing::{SigningAlgorithm, SigningError, SigningKey, generate_jwk};
use crate::clock::new_id;

/// Between the moment at which a new key is in the file and its first signature: several readings of the file, so that every
/// replica shows a key before any signs with it.
pub const LEAD: SignedDuration = SignedDuration::from_secs(10);
/// How long a former key is shown after its last signature: the life of an id token, and as long again for clocks that differ.
pub const SHOWN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Between two readings of the file.
const BETWEEN: Duration = Duration::from_secs(2);
/// Member of a key in the file: it signs from then on, in seconds since 1970.
const SIGNS_FROM: &str = "openmig_signs_from";
/// Member of a key in the file: it is no longer shown from then on, in seconds since 1970.
const SHOWN_UNTIL: &str = "openmig_shown_until";

/// Why there are no signing keys. Tells nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no usable keys.
    #[error("the signing keys cannot be used: {0}")]
    Unusable(&'static str),
    /// A key cannot be made or read.
    #[error("the signing keys cannot be used: {0}")]
    Signing(#[from] SigningError),
    /// The key before has not begun to sign.
    #[error("a new key was made less than {0} seconds ago and has not begun to sign")]
    TooSoon(i64),
}

/// A key and its time.
#[derive(Debug)]
pub struct RingKey {
    key: SigningKey,
    signs_from: Timestamp,
    shown_until: Option<Timestamp>,
}

/// What people may know of a key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KeyState {
    /// Its kid.
    pub kid: String,
    /// `current`, `next`, `former` or `retired`.
    pub state: &'static str,
    /// It signs from then on; `None`: always did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_from: Option<Timestamp>,
    /// It leaves the key set then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown_until: Option<Timestamp>,
}

/// The keys in force, replaced as a whole.
#[derive(Debug)]
pub struct KeyRing {
    keys: RwLock<Arc<Vec<RingKey>>>,
    /// Public keys that sign something else and are shown in the same set, as long as this runs.
    beside: OnceLock<Vec<Value>>,
}

impl KeyRing {
    /// With these keys; see [`read`].
    #[must_use]
    pub fn new(keys: Vec<RingKey>) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            beside: OnceLock::new(),
        }
    }

    fn keys(&self) -> Arc<Vec<RingKey>> {
        // A poisoned lock only means that a writer panicked: the keys are replaced as a whole.
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other keys in force.
    pub fn replace(&self, keys: Vec<RingKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Shows these public keys too: those that sign heads of the audit trail. Said once.
    pub fn show_also(&self, public: Vec<Value>) {
        let _said_before = self.beside.set(public);
    }

    /// All public keys that are shown now, the one that signs first (D13).
    #[must_use]
    pub fn public_jwks(&self, now: Timestamp) -> Value {
        let keys = self.keys();
        let signing = signing(&keys, now).map(|key| key.key.public_jwk());
        let others = keys
            .iter()
            .filter(|key| key.shown_until.is_none_or(|until| now < until))
            .map(|key| key.key.public_jwk())
            .filter(|jwk| Some(*jwk) != signing);
        let beside = self.beside.get().into_iter().flatten();
        json!({"keys": signing.into_iter().chain(others).chain(beside).collect::<Vec<_>>()})
    }

    /// Signs with the key whose time it is.
    ///
    /// # Errors
    /// The library failed, or there is no key.
    pub fn sign(&self, claims: &Value, now: Timestamp) -> Result<String, SigningError> {
        let keys = self.keys();
        let key = signing(&keys, now).ok_or(SigningError::Jwk)?;
        key.key.sign(claims)
    }

    /// What people may know of the keys.
    #[must_use]
    pub fn states(&self, now: Timestamp) -> Vec<KeyState> {
        let keys = self.keys();
        let current = signing(&keys, now).map(|key| key.key.kid());
        keys.iter()
            .map(|key| KeyState {
                kid: key.key.kid().to_owned(),
                state: match key.shown_until {
                    _ if Some(key.key.kid()) == current => "current",
                    Some(until) if until <= now => "retired",
                    _ if key.signs_from > now => "next",
                    _ => "former",
                },
                signs_from: Some(key.signs_from).filter(|from| *from > Timestamp::UNIX_EPOCH),
                shown_until: key.shown_until,
            })
            .collect()
    }
}

/// The key that began last; where none has begun yet, the first that will.
fn signing(keys: &[RingKey], now: Timestamp) -> Option<&RingKey> {
    keys.iter()
        .filter(|key| key.signs_from <= now)
        .max_by_key(|key| key.signs_from)
        .or_else(|| keys.iter().min_by_key(|key| key.signs_from))
}

/// Reads the file's text: a private JWK, or a key set of them. All sign RS256; no kid stands twice.
///
/// # Errors
/// It is neither.
pub fn read(text: &[u8]) -> Result<Vec<RingKey>, RingError> {
    let keys: Vec<RingKey> = listed(text)?.iter().map(one).collect::<Result<_, _>>()?;
    let twice = keys.iter().enumerate().any(|(n, key)| {
        let mut after = keys.iter().skip(n + 1);
        after.any(|other| other.key.kid() == key.key.kid())
    });
    if twice {
        return Err(RingError::Unusable("two keys have one kid"));
    }
    // Whichever began last has to be there for as long as nothing follows it.
    let last = keys.iter().max_by_key(|key| key.signs_from);
    match last {
        None => Err(RingError::Unusable("there is none")),
        Some(last) if last.shown_until.is_some() => Err(RingError::Unusable(
            "the last key has an end and no successor",
        )),
        Some(_) => Ok(keys),
    }
}

fn listed(text: &[u8]) -> Result<Vec<Value>, RingError> {
    let file: Value =
        serde_json::from_slice(text).map_err(|_| RingError::Unusable("the file is not JSON"))?;
    Ok(match file.get("keys") {
        None => vec![file],
        Some(Value::Array(keys)) => keys.clone(),
        Some(_) => return Err(RingError::Unusable("the file is not a key set")),
    })
}

fn one(jwk: &Value) -> Result<RingKey, RingError> {
    let key = SigningKey::from_jwk(jwk)?;
    if key.algorithm() != SigningAlgorithm::Rs256 {
        return Err(RingError::Unusable("a key is not for RS256"));
    }
    Ok(RingKey {
        key,
        signs_from: moment(jwk, SIGNS_FROM)?.unwrap_or(Timestamp::UNIX_EPOCH),
        shown_until: moment(jwk, SHOWN_UNTIL)?,
    })
}

fn moment(jwk: &Value, member: &str) -> Result<Option<Timestamp>, RingError> {
    match jwk.get(member) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .and_then(|second| Timestamp::from_second(second).ok())
            .map(Some)
            .ok_or(RingError::Unusable(
                "a key's time is not a number of seconds",
            )),
    }
}

/// A rotation, before it is written.
#[derive(Debug)]
pub struct Rotated {
    /// The file's new text.
    pub text: String,
    /// The new key.
    pub kid: String,
    /// It signs from then on.
    pub signs_from: Timestamp,
    /// The keys before it that are still shown.
    pub former: Vec<String>,
}

/// Adds a new key to the file's text. It signs after [`LEAD`]; those before stay until [`SHOWN_AFTER`] it. Where `at_once` says
/// that the keys before are in wrong hands, it signs now and they are gone: what they signed no longer verifies.
///
/// # Errors
/// The text cannot be read, a key cannot be made, or the last one has not begun to sign.
pub fn rotate(text: &[u8], at_once: bool, now: Timestamp) -> Result<Rotated, RingError> {
    let before = read(text)?;
    if !at_once && before.iter().any(|key| key.signs_from > now) {
        return Err(RingError::TooSoon(LEAD.as_secs()));
    }
    // Whole seconds, as the file has them, and never earlier than a key that is there.
    let begins = if at_once { SignedDuration::ZERO } else { LEAD };
    let later = |at: Timestamp, by| at.checked_add(by).unwrap_or(Timestamp::MAX);
    let signs_from = later(now, begins).as_second();
    let kid = new_id().to_string();
    let mut keys = Vec::new();
    if !at_once {
        for mut jwk in listed(text)? {
            let until = match moment(&jwk, SHOWN_UNTIL)? {
                Some(until) if until <= now => continue,
                Some(until) => until.as_second(),
                None => signs_from.saturating_add(SHOWN_AFTER.as_secs()),
            };
            jwk[SHOWN_UNTIL] = until.into();
            keys.push(jwk);
        }
    }
    let former = keys
        .iter()
        .filter_map(|jwk| jwk.get("kid")?.as_str().map(str::to_owned))
        .collect();
    let mut fresh = generate_jwk(&kid, SigningAlgorithm::Rs256)?;
    fresh[SIGNS_FROM] = signs_from.into();
    keys.push(fresh);
    let text = json!({"keys": keys}).to_string();
    read(text.as_bytes())?;
    Ok(Rotated {
        text,
        kid,
        signs_from: Timestamp::from_second(signs_from).unwrap_or(now),
        former,
    })
}

/// Writes a secret file: whole or not at all, readable by its owner alone from the first byte.
///
/// # Errors
/// The file system.
pub fn write_private(path: &Path, text: &str) -> Result<(), RingError> {
    let write = || {
        let unfinished = path.with_extension("unfinished");
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(|source| RingError::File {
        path: path.to_owned(),
        source,
    })
}

/// Watches the file.
pub struct KeyWatch {
    path: PathBuf,
    ring: Arc<KeyRing>,
    /// What the last reading found.
    seen: Vec<u8>,
}

impl KeyWatch {
    /// Reads the file.
    ///
    /// # Errors
    /// It holds no usable keys: nothing starts.
    pub fn begin(path: &Path) -> Result<Self, RingError> {
        let seen = text_of(path)?;
        Ok(Self {
            path: path.to_owned(),
            ring: Arc::new(KeyRing::new(read(&seen)?)),
            seen,
        })
    }

    /// The keys, which follow the file while this is run.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring)
    }

    /// One reading. Gives whether other keys are in force now; a file that cannot be used leaves those before.
    pub fn look(&mut self) -> bool {
        let Ok(text) = text_of(&self.path) else {
            // It is being replaced, or is gone: what was read still signs.
            return false;
        };
        if text == self.seen {
            return false;
        }
        let taken = match read(&text) {
            Ok(keys) => {
                self.ring.replace(keys);
                tracing::info!(
                    event = "signing-keys-taken-up",
                    "other signing keys are in force"
                );
                true
            }
            Err(error) => {
                tracing::error!(
                    event = "signing-keys-refused",
                    %error,
                    "the signing keys were refused; those before stay in force"
                );
                false
            }
        };
        self.seen = text;
        taken
    }

    /// Watches for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(BETWEEN).await;
            self.look();
        }
    }
}

/// The file's bytes.
///
/// # Errors
/// It cannot be read.
pub fn text_of(path: &Path) -> Result<Vec<u8>, RingError> {
    std::fs::read(path).map_err(|source| RingError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::jwks::KeySet;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn kids(ring: &KeyRing, second: i64) -> Vec<String> {
        let jwks = ring.public_jwks(at(second));
        let keys = jwks["keys"].as_array().unwrap().iter();
        keys.map(|key| {
            assert!(key.get("d").is_none() && key.get(SIGNS_FROM).is_none());
            key["kid"].as_str().unwrap().to_owned()
        })
        .collect()
    }

    fn kid_of(ring: &KeyRing, second: i64) -> String {
        use base64::Engine;
        let jwt = ring.sign(&json!({"a": 1}), at(second)).unwrap();
        let header = jwt.split('.').next().unwrap();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header);
        let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    }

    fn first() -> String {
        generate_jwk("first", SigningAlgorithm::Rs256)
            .unwrap()
            .to_string()
    }

    // D13, issue 6: the next key is shown before it signs; the former one until what it signed is dead; then it is gone
    #[test]
    fn a_rotation_has_four_times() {
        let first = first();
        let rotated = rotate(first.as_bytes(), false, at(0)).unwrap();
        assert_eq!(rotated.signs_from, at(10));
        assert_eq!(rotated.former, ["first"]);
        let ring = KeyRing::new(read(rotated.text.as_bytes()).unwrap());
        let fresh = rotated.kid.clone();
        assert_eq!(kids(&ring, 0), ["first", &fresh]);
        assert_eq!(kid_of(&ring, 9), "first");
        assert_eq!(kid_of(&ring, 10), fresh);
        assert_eq!(kids(&ring, 10), [fresh.as_str(), "first"]);
        assert_eq!(kids(&ring, 609), [fresh.as_str(), "first"]);
        assert_eq!(kids(&ring, 610), [fresh.as_str()]);
        let state = |second| -> Vec<&str> {
            ring.states(at(second))
                .iter()
                .map(|key| key.state)
                .collect()
        };
        assert_eq!(state(0), ["current", "next"]);
        assert_eq!(state(10), ["former", "current"]);
        assert_eq!(state(610), ["retired", "current"]);
        // twice in a row only when the first has begun; what is dead leaves the file
        let text = rotated.text.as_bytes();
        assert!(matches!(
            rotate(text, false, at(5)),
            Err(RingError::TooSoon(10))
        ));
        let again = rotate(text, false, at(700)).unwrap();
        assert_eq!(again.former, [fresh.as_str()]);
        assert!(!again.text.contains("\"first\""));
        // what the former key signed still verifies by the shown set
        let jwt = ring.sign(&json!({"a": 1}), at(9)).unwrap();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let shown = ring.public_jwks(at(600)).to_string();
        let set = KeySet::parse(shown.as_bytes()).unwrap();
        let rs256 = jsonwebtoken::Algorithm::RS256;
        let key = set.find("first", ("RS256", rs256)).unwrap();
        let good = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, rs256);
        assert!(good.unwrap());
    }

    #[test]
    fn a_key_in_wrong_hands_is_gone_at_once() {
        let rotated = rotate(first().as_bytes(), true, at(0)).unwrap();
        let ring = KeyRing::new(read(rotated.text.as_bytes()).unwrap());
        assert_eq!(kids(&ring, 0), [rotated.kid.as_str()]);
        assert_eq!(kid_of(&ring, 0), rotated.kid);
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let good: Value = serde_json::from_str(&first()).unwrap();
        let mut ended = good.clone();
        ended[SHOWN_UNTIL] = 1_800_000_000.into();
        let mut odd = good.clone();
        odd[SIGNS_FROM] = "soon".into();
        let other = generate_jwk("x", SigningAlgorithm::Rs384).unwrap();
        for bad in [
            json!({"keys": []}),
            json!({"keys": 1}),
            json!({"keys": [good, good]}),
            json!({"keys": [ended]}),
            json!([]),
            odd,
            other,
        ] {
            assert!(read(bad.to_string().as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"<").is_err());
    }

    // Running replicas take a new file up, and keep what they have where it cannot be used
    #[test]
    fn the_file_is_followed() {
        let folder = std::env::temp_dir().join(format!("openmig-ring-{}", new_id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("key.json");
        write_private(&path, &first()).unwrap();
        let mut watch = KeyWatch::begin(&path).unwrap();
        let ring = watch.ring();
        assert!(!watch.look());
        let rotated = rotate(&text_of(&path).unwrap(), true, at(0)).unwrap();
        write_private(&path, &rotated.text).unwrap();
        assert!(watch.look());
        assert_eq!(kids(&ring, 0), [rotated.kid.as_str()]);
        std::fs::write(&path, "{").unwrap();
        assert!(!watch.look());
        assert_eq!(kids(&ring, 0), [rotated.kid.as_str()]);
        assert!(KeyWatch::begin(&path).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            write_private(&path, &rotated.text).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
