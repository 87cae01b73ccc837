//! What the gateway is compared with: an axum server that answers the same search by splicing the same stored bytes into
//! the same Bundle. No token, no policy, no audit.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Failure;

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "fullUrl")]
    full_url: String,
    #[serde(borrow)]
    resource: &'a RawValue,
}

/// A Bundle taken to pieces.
struct Stored {
    head: Vec<u8>,
    /// Address and resource of each entry.
    entries: Vec<(String, Bytes)>,
}

const OPEN: &str = ",\"entry\":[";

impl Stored {
    fn read(bundle: &str) -> Result<Self, Failure> {
        let parsed: Bundle<'_> = serde_json::from_str(bundle)?;
        let (head, _) = bundle.split_once(OPEN).ok_or("a Bundle without entries")?;
        Ok(Self {
            head: head.as_bytes().to_vec(),
            entries: parsed
                .entry
                .into_iter()
                .map(|entry| {
                    let json = Bytes::copy_from_slice(entry.resource.get().as_bytes());
                    (entry.full_url, json)
                })
                .collect(),
        })
    }

    fn splice(&self) -> Vec<u8> {
        const URL: &[u8] = b"{\"fullUrl\":\"";
        const RESOURCE: &[u8] = b"\",\"resource\":";
        const TAIL: &[u8] = b",\"search\":{\"mode\":\"match\"}}";
        let fixed = URL.len() + RESOURCE.len() + TAIL.len() + 1;
        let entries: usize = self
            .entries
            .iter()
            .map(|(url, json)| url.len() + json.len() + fixed)
            .sum();
        let mut out = Vec::with_capacity(self.head.len() + OPEN.len() + entries + 2);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(OPEN.as_bytes());
        for (n, (url, json)) in self.entries.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(URL);
            out.extend_from_slice(url.as_bytes());
            out.extend_from_slice(RESOURCE);
            out.extend_from_slice(json);
            out.extend_from_slice(TAIL);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

async fn search(State(stored): State<Arc<Stored>>) -> Response {
    let mut response = Response::new(Body::from(stored.splice()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/fhir+json"),
    );
    response
}

/// Serves this Bundle and says on which port.
pub async fn serve(bundle: &Path) -> Result<(), Failure> {
    let stored = Arc::new(Stored::read(&std::fs::read_to_string(bundle)?)?);
    let router = Router::new()
        .route("/fhir/r4/Observation", get(search))
        .with_state(stored);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("ready {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}
