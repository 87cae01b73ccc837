//! The key that signs heads of the audit trail: one of its own, because what it signs is checked years later, when the keys of
//! tokens have long changed. Made at the first start where the operator gives none.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::jwks::KeySet;
use super::ring::RingError;
use super::signing::{SigningAlgorithm, SigningError, SigningKey, generate_jwk};
use crate::clock::new_id;

/// Its file's name in the folder of the state, where the configuration names no other.
pub const TRAIL_FILE: &str = "trail.jwk.json";

/// The key in this file; where there is no file yet, a new one (ES384) is made and kept, readable by its owner alone.
///
/// # Errors
/// The file cannot be read or written, or holds no private JWK.
pub fn trail_key(path: &Path) -> Result<SigningKey, RingError> {
    let file = |source| RingError::File {
        path: path.to_owned(),
        source,
    };
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            make(path)?;
            std::fs::read(path).map_err(file)?
        }
        read => read.map_err(file)?,
    };
    let jwk: Value = serde_json::from_slice(&text).map_err(|_| SigningError::Jwk)?;
    Ok(SigningKey::from_jwk(&jwk)?)
}

/// Whole or not at all; where another process is first, its key is the one.
fn make(path: &Path) -> Result<(), RingError> {
    let jwk = generate_jwk(&format!("trail-{}", new_id()), SigningAlgorithm::Es384)?;
    let write = || {
        let unfinished = path.with_extension(format!("{}.unfinished", new_id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(jwk.to_string().as_bytes())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&unfinished, path);
        std::fs::remove_file(&unfinished)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    write().map_err(|source| RingError::File {
        path: path.to_owned(),
        source,
    })
}

/// The public keys in a file that signed heads before.
///
/// # Errors
/// It cannot be read, or is no key set, or gives a private key away.
pub fn former_keys(path: &Path) -> Result<Vec<Value>, RingError> {
    let text = std::fs::read(path).map_err(|source| RingError::File {
        path: path.to_owned(),
        source,
    })?;
    let wrong = || RingError::Unusable("the former keys of the trail are no public key set");
    KeySet::parse(&text).map_err(|_| wrong())?;
    let set: Value = serde_json::from_slice(&text).map_err(|_| wrong())?;
    set.get("keys")
        .and_then(Value::as_array)
        .cloned()
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R126: the key is made once, kept privately, and the same at every start
    #[test]
    fn it_is_made_once() {
        let folder = std::env::temp_dir().join(format!("openmig-trail-key-{}", new_id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(TRAIL_FILE);
        let first = trail_key(&path).unwrap();
        assert_eq!(first.algorithm(), SigningAlgorithm::Es384);
        assert_eq!(trail_key(&path).unwrap().public_jwk(), first.public_jwk());
        make(&path).unwrap();
        assert_eq!(trail_key(&path).unwrap().kid(), first.kid());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // Private keys are no former public ones.
        let set = serde_json::json!({"keys": [std::fs::read_to_string(&path).map(|text| {
            serde_json::from_str::<Value>(&text).unwrap()
        }).unwrap()]});
        std::fs::write(folder.join("former"), set.to_string()).unwrap();
        assert!(former_keys(&folder.join("former")).is_err());
        std::fs::write(folder.join("former"), first.public_jwks().to_string()).unwrap();
        assert_eq!(
            former_keys(&folder.join("former")).unwrap(),
            [first.public_jwk().clone()]
        );
        std::fs::write(&path, "{}").unwrap();
        assert!(trail_key(&path).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
