//! What every request passes: its id, where it came from, whether that network may call, and the headers that every
//! answer carries.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::edge::{Edge, is_bare_405};
use super::limits::{BODY_TIME, MAX_BODY, bounded};
use super::outcome::ApiError;
use crate::access::AddressRanges;
use crate::audit::Origin;
use crate::clock::new_id;

/// `X-Request-Id`: ours, never the caller's, so that it finds exactly one request in the trail.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who may call at all (R109).
#[derive(Debug, Clone)]
pub struct NetworkRule {
    /// Allowed networks.
    pub allow: AddressRanges,
    /// Proxies whose `X-Forwarded-For` counts.
    pub proxies: AddressRanges,
}

impl NetworkRule {
    /// The address that really asks: the peer, or the last hop that a listed proxy vouches for. `None` where a listed
    /// proxy's word cannot be read: then nobody knows who asks, and the proxy's own address must not stand in for it.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let listed = |address: IpAddr| self.proxies.contains(address);
        let mut caller = peer;
        // Cut as bytes: what a client wrote before the proxy's own word may be anything.
        let mut hops: Vec<&[u8]> = headers
            .get_all("x-forwarded-for")
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .collect();
        while listed(caller) {
            match hops.pop() {
                Some(hop) => caller = address(hop)?,
                None => break,
            }
        }
        Some(caller)
    }

    fn allows(&self, caller: IpAddr) -> bool {
        self.allow.contains(caller)
    }
}

/// An address, with or without a port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|it| it.ip());
    hop.parse().ok().or_else(with_port)
}

/// What the outermost layer stands on.
#[derive(Clone)]
pub struct Frame {
    /// Who may call.
    pub network: NetworkRule,
    /// Where refusals are written that get no further.
    pub edge: Arc<Edge>,
}

/// The outermost layer: gives the request an id, refuses foreign networks before anything else is looked at, and sets
/// the headers that clinical answers need (R190).
pub async fn frame(State(frame): State<Frame>, request: Request, next: Next) -> Response {
    let Frame {
        network: rule,
        edge,
    } = frame;
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    let caller = peer.and_then(|peer| rule.caller(peer, request.headers()));
    let origin = Origin {
        request_id: new_id().to_string(),
        address: caller,
    };
    let request_id =
        HeaderValue::from_str(&origin.request_id).unwrap_or(HeaderValue::from_static("none"));
    let method = request.method().clone();
    let mut response = if caller.is_some_and(|caller| rule.allows(caller)) {
        let mut request = request.map(|body| bounded(body, MAX_BODY, BODY_TIME));
        request.extensions_mut().insert(origin.clone());
        let response = next.run(request).await;
        if is_bare_405(&response) {
            edge.method_refused(&method, origin, response).await
        } else {
            response
        }
    } else {
        tracing::warn!(request.id = %origin.request_id, "a request from a network that is not allowed was refused");
        let error = ApiError::forbidden("network-not-allowed", "This network may not call.");
        edge.refuse(&method, origin, error).await.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, request_id);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

/// Does the caller accept what we write? JSON only for now (F9).
///
/// # Errors
/// 406 for another format.
pub fn negotiate(headers: &HeaderMap, format: Option<&str>) -> Result<(), ApiError> {
    let json = |media: &str| {
        let media = media.replace(' ', "+");
        let mut parts = media.split(';');
        let essence = parts
            .next()
            .unwrap_or_default()
            .trim_matches('+')
            .to_ascii_lowercase();
        let version_fits = parts.all(|part| {
            let part = part.trim_matches('+');
            part.strip_prefix("fhirVersion=")
                .is_none_or(|version| matches!(version.trim_matches('"'), "4.0" | "4.0.1"))
        });
        version_fits
            && matches!(
                essence.as_str(),
                "json"
                    | "application/json"
                    | "application/fhir+json"
                    | "text/json"
                    | "application/*"
                    | "*/*"
            )
    };
    let accepted = match format {
        Some(format) => json(format),
        None => {
            let mut accepts = headers
                .get_all(header::ACCEPT)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .peekable();
            accepts.peek().is_none()
                || accepts
                    .flat_map(|value| value.split(','))
                    .any(|media| json(media.trim()))
        }
    };
    if accepted {
        Ok(())
    } else {
        Err(ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-supported",
            "format-not-served",
            "Only FHIR JSON (application/fhir+json) is served.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    // R109: a forwarded header counts only from a listed proxy
    #[test]
    fn forwarded_header_counts_only_from_listed_proxies() {
        let rule = NetworkRule {
            allow: AddressRanges::parse(&crate::config::loopback()).unwrap(),
            proxies: AddressRanges::parse(&["192.0.2.0/24"]).unwrap(),
        };
        let forwarded = headers(&[(
            HeaderName::from_static("x-forwarded-for"),
            "127.0.0.1, 198.51.100.7",
        )]);
        let stranger: IpAddr = "203.0.113.9".parse().unwrap();
        assert_eq!(rule.caller(stranger, &forwarded), Some(stranger));
        let proxy: IpAddr = "192.0.2.1".parse().unwrap();
        let asks = |value: &[u8]| {
            let name = HeaderName::from_static("x-forwarded-for");
            let value = HeaderValue::from_bytes(value).unwrap();
            rule.caller(proxy, &HeaderMap::from_iter([(name, value)]))
        };
        let far: IpAddr = "198.51.100.7".parse().unwrap();
        assert_eq!(rule.caller(proxy, &forwarded), Some(far));
        assert_eq!(rule.caller(proxy, &HeaderMap::new()), Some(proxy));
        // What the client wrote must not make the proxy's own word vanish, and a word that cannot be read is nobody's.
        assert_eq!(asks(b"\xff\xfe, 198.51.100.7"), Some(far));
        assert_eq!(asks(b"198.51.100.7:40123"), Some(far));
        for unreadable in [&b"unknown"[..], b"\xff", b"198.51.100.7,", b""] {
            assert_eq!(asks(unreadable), None);
        }
        assert!(!rule.allows(stranger));
    }

    #[test]
    fn json_is_served_and_nothing_else() {
        let accept = |value: &str| negotiate(&headers(&[(header::ACCEPT, value)]), None).is_ok();
        assert!(negotiate(&HeaderMap::new(), None).is_ok());
        assert!(accept("application/fhir+json; fhirVersion=4.0"));
        assert!(accept("text/html, */*;q=0.1"));
        assert!(!accept("application/fhir+xml"));
        assert!(!accept("application/fhir+json; fhirVersion=3.0"));
        assert!(negotiate(&HeaderMap::new(), Some("application/fhir json")).is_ok());
        assert!(negotiate(&HeaderMap::new(), Some("xml")).is_err());
    }

    // R109, R120: a network that may not call is refused before anything else is looked at, and that is in the trail; so is a
    // method that a route does not have
    #[tokio::test]
    async fn what_is_refused_at_the_edge_is_in_the_trail() {
        use crate::audit::bounded::BoundedLog;
        use crate::clock::{FixedClock, SharedClock};
        use axum::Router;
        use axum::body::Body;
        use axum::routing::post;
        use tower::ServiceExt as _;

        let audit = Arc::new(crate::smart::fakes::FakeAudit::default());
        let register = crate::smart::fakes::register();
        let clock: SharedClock = Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH));
        let frame_parts = Frame {
            network: NetworkRule {
                allow: AddressRanges::parse(&crate::config::loopback()).unwrap(),
                proxies: AddressRanges::parse::<&str>(&[]).unwrap(),
            },
            edge: Arc::new(Edge {
                log: Arc::new(BoundedLog::new(Arc::clone(&audit) as _)),
                register: crate::register::RegisterHandle::new(register),
                clock,
            }),
        };
        let app = Router::new()
            .route("/form", post(|| async { "ok" }))
            .layer(axum::middleware::from_fn_with_state(frame_parts, frame));
        let ask = |method: &str, peer: &str| {
            let peer: SocketAddr = peer.parse().unwrap();
            let request = http::Request::builder()
                .method(method)
                .uri("/form")
                .extension(ConnectInfo(peer))
                .body(Body::empty())
                .unwrap();
            app.clone().oneshot(request)
        };
        let far = ask("POST", "203.0.113.9:1").await.unwrap();
        assert_eq!(far.status(), StatusCode::FORBIDDEN);
        let method = ask("GET", "127.0.0.1:1").await.unwrap();
        assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(method.headers()[header::ALLOW], "POST");
        assert_eq!(
            method.headers()[header::CONTENT_TYPE],
            super::super::non_clinical::FHIR_JSON
        );
        assert_eq!(ask("POST", "127.0.0.1:1").await.unwrap().status(), 200);
        let rows = audit.rows.lock().unwrap().clone();
        let said: Vec<_> = rows
            .iter()
            .map(|row| {
                let address = row.origin.address.map(|it| it.to_string());
                (
                    row.failure.clone().unwrap_or_default(),
                    address.unwrap_or_default(),
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                ("network-not-allowed".to_owned(), "203.0.113.9".to_owned()),
                ("method-not-allowed".to_owned(), "127.0.0.1".to_owned())
            ]
        );
        let id = far.headers()[REQUEST_ID].to_str().unwrap();
        assert_eq!(rows[0].origin.request_id, id);
    }
}
