//! The sandbox's keys: its clients' private JWKs, which developers may have, and the server's own signing key.
//!
//! Made at the first start, kept in the state folder (0600), used again later, so that a developer's copy stays good.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::new_id;
use crate::fhir::uri::{ACT_REASON, ODS_CODE};
use crate::record::OdsCode;
use crate::register::GROUP;
use crate::smart::ring::{RingError, write_private};
use crate::smart::signing::{SigningAlgorithm, SigningError, SigningKey, generate_jwk};

/// The base of every sandbox user's `subject_id`.
pub const USER_BASE: &str = "https://openmig.org/sandbox/user";

/// The clients that have a key, with its algorithm (sandbox.md, clients). A client's kid is `<client_id>-1`.
pub const KEY_CLIENTS: [(&str, SigningAlgorithm); 9] = [
    ("sandbox-backend", SigningAlgorithm::Rs384),
    ("sandbox-backend-walkin", SigningAlgorithm::Rs384),
    ("sandbox-backend-es", SigningAlgorithm::Es384),
    ("sandbox-backend-research", SigningAlgorithm::Es384),
    ("sandbox-audit-backend", SigningAlgorithm::Es384),
    ("sandbox-audit-backend-z99002", SigningAlgorithm::Es384),
    ("sandbox-oversight", SigningAlgorithm::Es384),
    ("sandbox-web-keys", SigningAlgorithm::Es384),
    ("sandbox-ehr", SigningAlgorithm::Es384),
];

const CIS2: (&str, SigningAlgorithm) = ("sandbox-cis2", SigningAlgorithm::Rs256);
const SERVER: (&str, SigningAlgorithm) = ("sandbox-server", SigningAlgorithm::Rs256);

/// Why the keys are not there.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A key file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key file holds no usable key; `--fresh` makes new ones.
    #[error("{path}: {source}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SigningError,
    },
    /// No key can be made or used.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A key file cannot be written.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// No such client.
    #[error("no sandbox client of this name has a key")]
    UnknownClient,
}

struct Held {
    name: &'static str,
    private: Value,
    key: SigningKey,
}

/// All keys of a sandbox.
pub struct SandboxKeys {
    clients: Vec<Held>,
    /// File of the server's own signing keys (`crate::smart::ring`).
    pub server_file: PathBuf,
    cis2: Held,
}

impl SandboxKeys {
    /// Reads the keys in this folder; makes and keeps those that are missing, at the same time in several threads.
    ///
    /// # Errors
    /// Files or the cryptographic library.
    pub fn load_or_create(folder: &Path) -> Result<Self, KeysError> {
        fs::create_dir_all(folder).map_err(|source| KeysError::File {
            path: folder.to_owned(),
            source,
        })?;
        let server_file = folder.join(format!("{}.jwk.json", SERVER.0));
        let mut clients = std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                // Once rotated it holds more than one.
                if server_file.exists() {
                    return Ok(());
                }
                load_or_create_one(folder, SERVER.0, SERVER.1).map(drop)
            });
            let threads: Vec<_> = KEY_CLIENTS
                .into_iter()
                .chain([CIS2])
                .map(|(name, algorithm)| {
                    scope.spawn(move || load_or_create_one(folder, name, algorithm))
                })
                .collect();
            let lost = || KeysError::Signing(SigningError::Crypto);
            server.join().map_err(|_| lost())??;
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(lost())))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let cis2 = clients.pop().ok_or(KeysError::UnknownClient)?;
        Ok(Self {
            clients,
            server_file,
            cis2,
        })
    }

    /// The key of the mock OpenID provider.
    #[must_use]
    pub fn cis2(&self) -> &SigningKey {
        &self.cis2.key
    }

    /// The private JWK that `/sandbox/keys/<client_id>.jwk.json` serves.
    #[must_use]
    pub fn private_jwk(&self, client_id: &str) -> Option<&Value> {
        self.client(client_id).map(|held| &held.private)
    }

    /// The public key set of a client, for its register entry and `/sandbox/keys/<client_id>.jwks.json`.
    #[must_use]
    pub fn public_jwks(&self, client_id: &str) -> Option<Value> {
        self.client(client_id).map(|held| held.key.public_jwks())
    }

    /// A valid assertion of this client, good for five minutes and one request: what `/sandbox/assertion` answers.
    /// With a username it names that clinician for that organisation. `now` is the machine's clock.
    ///
    /// # Errors
    /// No such client.
    pub fn assertion(
        &self,
        client_id: &str,
        username: Option<&str>,
        organisation: &OdsCode,
        audience: &str,
        now: Timestamp,
    ) -> Result<String, KeysError> {
        let extensions = username.map(|username| hl7_b2b(username, organisation));
        self.assertion_with(client_id, extensions, audience, now)
    }

    /// The same with these extensions.
    ///
    /// # Errors
    /// No such client.
    pub fn assertion_with(
        &self,
        client_id: &str,
        extensions: Option<Value>,
        audience: &str,
        now: Timestamp,
    ) -> Result<String, KeysError> {
        let held = self.client(client_id).ok_or(KeysError::UnknownClient)?;
        let mut claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": new_id().to_string(),
            "iat": now.as_second(), "exp": now.as_second() + 300,
        });
        if let Some(extensions) = extensions {
            claims["extensions"] = extensions;
        }
        Ok(held.key.sign(&claims)?)
    }

    fn client(&self, client_id: &str) -> Option<&Held> {
        self.clients.iter().find(|held| held.name == client_id)
    }
}

/// `extensions` as sandbox.md shows it; for the oversight group, which has no ODS code, without the organisation.
#[must_use]
pub fn hl7_b2b(username: &str, organisation: &OdsCode) -> Value {
    if organisation.0 == GROUP {
        return json!({"hl7-b2b": {
            "version": "1",
            "subject_name": username,
            "subject_id": format!("{USER_BASE}#{username}"),
        }});
    }
    json!({"hl7-b2b": {
        "version": "1",
        "subject_name": username,
        "subject_id": format!("{USER_BASE}#{username}"),
        "subject_role": "clinician",
        "organization_id": format!("{ODS_CODE}#{organisation}"),
        "organization_name": organisation.to_string(),
        "purpose_of_use": [format!("{ACT_REASON}#TREAT")],
    }})
}

fn load_or_create_one(
    folder: &Path,
    name: &'static str,
    algorithm: SigningAlgorithm,
) -> Result<Held, KeysError> {
    let path = folder.join(format!("{name}.jwk.json"));
    let file = |source| KeysError::File {
        path: path.clone(),
        source,
    };
    let private = match fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json).map_err(|_| KeysError::Unusable {
            path: path.clone(),
            source: SigningError::Jwk,
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let jwk = generate_jwk(&format!("{name}-1"), algorithm)?;
            write_private(&path, &jwk.to_string())?;
            jwk
        }
        Err(error) => return Err(file(error)),
    };
    let key = SigningKey::from_jwk(&private).map_err(|source| KeysError::Unusable {
        path: path.clone(),
        source,
    })?;
    Ok(Held { name, private, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::assertion::Unverified;
    use crate::smart::jwks::KeySet;

    #[test]
    fn keys_are_made_once_kept_privately_and_have_kid_and_alg() {
        let folder = std::env::temp_dir().join(format!("openmig-keys-{}", new_id()));
        let keys = SandboxKeys::load_or_create(&folder).unwrap();
        for (client, algorithm) in KEY_CLIENTS {
            let private = keys.private_jwk(client).unwrap();
            assert_eq!(private["kid"], format!("{client}-1"));
            assert_eq!(private["alg"], algorithm.name());
            let public = keys.public_jwks(client).unwrap();
            assert_eq!(public["keys"][0]["kid"], private["kid"]);
            assert_eq!(public["keys"][0]["alg"], private["alg"]);
            assert!(private["d"].is_string() && public["keys"][0]["d"].is_null());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = fs::metadata(folder.join(format!("{client}.jwk.json")))
                    .unwrap()
                    .permissions();
                assert_eq!(mode.mode() & 0o777, 0o600);
            }
        }
        let server = fs::read(&keys.server_file).unwrap();
        assert_eq!(crate::smart::ring::read(&server).unwrap().len(), 1);
        for (client, _) in KEY_CLIENTS {
            let ods = OdsCode("Z9H01".to_owned());
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let jwt = keys
                .assertion(client, Some("hospital-doctor"), &ods, "urn:aud", now)
                .unwrap();
            let unverified = Unverified::read(&jwt).unwrap();
            assert_eq!(unverified.claimed_client(), client);
            let set = keys.public_jwks(client).unwrap().to_string();
            let set = KeySet::parse(set.as_bytes()).unwrap();
            let key = set.find(unverified.kid(), unverified.algorithm()).unwrap();
            let assertion = unverified.verify(key, &["urn:aud"], now).unwrap();
            assert_eq!(assertion.extensions, Some(hl7_b2b("hospital-doctor", &ods)));
        }
        let nobody = OdsCode(String::new());
        let unknown = keys.assertion("sandbox-spa", None, &nobody, "a", Timestamp::UNIX_EPOCH);
        assert!(matches!(unknown, Err(KeysError::UnknownClient)));
        let again = SandboxKeys::load_or_create(&folder).unwrap();
        assert_eq!(
            again.private_jwk("sandbox-backend"),
            keys.private_jwk("sandbox-backend")
        );
        assert!(keys.private_jwk("sandbox-server").is_none());
        fs::write(folder.join("sandbox-backend.jwk.json"), "{}").unwrap();
        assert!(matches!(
            SandboxKeys::load_or_create(&folder),
            Err(KeysError::Unusable { .. })
        ));
        fs::remove_dir_all(&folder).unwrap();
    }
}
