use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::smart::signing::{SigningAlgorithm, generate_jwk};

const ES384: (&str, Algorithm) = ("ES384", Algorithm::ES384);

fn jwk(kid: &str) -> Value {
    let mut jwk = generate_jwk(kid, SigningAlgorithm::Es384).unwrap();
    jwk.as_object_mut().unwrap().remove("d");
    jwk
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

// J5, J7
#[test]
fn only_usable_public_keys_count() {
    let usable = jwk("k");
    for (member, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("kty", json!("OKP")),
        ("crv", json!("P-256")),
        ("x", json!("!!")),
        ("kid", json!(1)),
    ] {
        let mut odd = usable.clone();
        odd[member] = value;
        let keys = KeySet::parse(&set(&[odd])).unwrap();
        assert_eq!(
            keys.find("k", ES384).err(),
            Some(KeyError::None),
            "{member}"
        );
    }
    let mut odd = usable.clone();
    odd["alg"] = json!(7);
    let keys = KeySet::parse(&set(&[odd])).unwrap();
    assert_eq!(keys.find("k", ES384).err(), Some(KeyError::OtherAlgorithm));
    assert!(
        KeySet::parse(&set(std::slice::from_ref(&usable)))
            .unwrap()
            .find("k", ES384)
            .is_ok()
    );
    // a private or symmetric key in a public set spoils all of it
    let mut leaked = usable.clone();
    leaked["d"] = json!("secret");
    for bad in [
        set(&[usable, leaked]),
        set(&[json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0"})]),
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"<html>".to_vec(),
    ] {
        assert_eq!(KeySet::parse(&bad).err(), Some(KeyError::Unreadable));
    }
}

/// Answers what it is told to and counts.
struct Host {
    answer: Mutex<Result<FetchedKeys, KeyError>>,
    asked: AtomicUsize,
}

impl FetchKeys for Host {
    fn fetch<'a>(&'a self, _: &'a str, _: bool) -> BoxFuture<'a, Result<FetchedKeys, KeyError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move { answer })
    }
}

struct World {
    host: Arc<Host>,
    source: KeySource,
}

impl World {
    fn new(keys: &[&str], lifetime: i64) -> Self {
        let host = Arc::new(Host {
            answer: Mutex::new(Err(KeyError::NotFetched)),
            asked: AtomicUsize::new(0),
        });
        let source = KeySource::new(Arc::clone(&host) as _);
        let world = Self { host, source };
        world.serve(keys, lifetime);
        world
    }

    fn serve(&self, keys: &[&str], lifetime: i64) {
        let keys: Vec<Value> = keys.iter().map(|kid| jwk(kid)).collect();
        *self.host.answer.lock().unwrap() = Ok(FetchedKeys {
            body: set(&keys),
            lifetime: SignedDuration::from_secs(lifetime),
        });
    }

    fn fail(&self) {
        *self.host.answer.lock().unwrap() = Err(KeyError::NotFetched);
    }

    async fn find(&self, kid: &str, second: i64) -> Result<(), KeyError> {
        let client = ClientAuthentication::KeysAt {
            url: "https://keys.example/jwks.json".to_owned(),
            local: false,
        };
        let now = Timestamp::from_second(second).unwrap();
        let keys = self.source.keys(&client, kid, now).await?;
        keys.find(kid, ES384).map(|_| ())
    }

    fn asked(&self) -> usize {
        self.host.asked.load(Ordering::SeqCst)
    }
}

// J8
#[tokio::test]
async fn a_set_is_kept_as_long_as_the_client_says_and_an_hour_at_most() {
    let world = World::new(&["a"], 100);
    for second in [0, 50, 99] {
        world.find("a", second).await.unwrap();
    }
    assert_eq!(world.asked(), 1);
    world.find("a", 100).await.unwrap();
    assert_eq!(world.asked(), 2);
    // no-store: asked each time
    let world = World::new(&["a"], 0);
    world.find("a", 0).await.unwrap();
    world.find("a", 0).await.unwrap();
    assert_eq!(world.asked(), 2);
    // a day is cut to an hour
    let world = World::new(&["a"], 86_400);
    world.find("a", 0).await.unwrap();
    world.find("a", 3599).await.unwrap();
    assert_eq!(world.asked(), 1);
    world.find("a", 3600).await.unwrap();
    assert_eq!(world.asked(), 2);
}

// J8: rotation, at most one extra fetch a minute
#[tokio::test]
async fn an_unknown_kid_fetches_again_once_a_minute() {
    let world = World::new(&["a"], 3600);
    world.find("a", 0).await.unwrap();
    world.serve(&["a", "b"], 3600);
    assert_eq!(world.find("b", 59).await, Err(KeyError::None));
    assert_eq!(world.asked(), 1);
    world.find("b", 60).await.unwrap();
    assert_eq!(world.asked(), 2);
    for _ in 0..5 {
        assert_eq!(world.find("c", 61).await, Err(KeyError::None));
    }
    assert_eq!(world.asked(), 2);
    // a withdrawn key is gone with the next set
    world.serve(&["b"], 3600);
    assert_eq!(world.find("c", 120).await, Err(KeyError::None));
    assert_eq!(world.find("a", 121).await, Err(KeyError::None));
}

// threat: poisoning and failure
#[tokio::test]
async fn the_last_good_set_serves_until_its_own_age_and_no_longer() {
    let world = World::new(&["a"], 100);
    world.find("a", 0).await.unwrap();
    world.fail();
    assert_eq!(world.find("b", 60).await, Err(KeyError::None));
    world.find("a", 99).await.unwrap();
    assert_eq!(world.find("a", 100).await, Err(KeyError::NotFetched));
    // a host that fails is left alone for some seconds
    let asked = world.asked();
    assert_eq!(world.find("a", 101).await, Err(KeyError::NotFetched));
    assert_eq!(world.asked(), asked);
    world.serve(&["a"], 100);
    world.find("a", 105).await.unwrap();
    // nonsense is a failure too
    *world.host.answer.lock().unwrap() = Ok(FetchedKeys {
        body: b"<html>".to_vec(),
        lifetime: SignedDuration::from_secs(100),
    });
    assert_eq!(world.find("b", 170).await, Err(KeyError::None));
    assert_eq!(world.find("a", 205).await, Err(KeyError::Unreadable));
}

#[tokio::test]
async fn clients_without_keys_have_none() {
    let world = World::new(&["a"], 100);
    for client in [
        ClientAuthentication::Public,
        ClientAuthentication::Secret(String::new()),
    ] {
        let keys = world.source.keys(&client, "a", Timestamp::UNIX_EPOCH).await;
        assert_eq!(keys.err(), Some(KeyError::NotAKeyClient));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_set_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = KeySet::parse(&bytes);
    }
}
