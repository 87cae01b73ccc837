//! Fetches key sets over HTTP: https and public addresses only, no redirect, 3 s, 64 KB (threat: jku / jwks_uri SSRF).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use jiff::SignedDuration;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::jwks::{FetchKeys, FetchedKeys, KeyError};
use crate::source::BoxFuture;

const DEADLINE: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 64 * 1024;
/// Where the client does not say how long its set may be kept.
const UNSAID_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Fetches with two HTTP clients: one that reaches public addresses only, one for the sandbox's own key set.
pub struct HttpKeyFetcher {
    guarded: reqwest::Client,
    local: reqwest::Client,
}

impl HttpKeyFetcher {
    /// Builds both clients.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(DEADLINE)
                .no_proxy()
                .referer(false)
        };
        Ok(Self {
            guarded: builder()
                .https_only(true)
                .dns_resolver(Arc::new(PublicAddresses))
                .build()?,
            local: builder().build()?,
        })
    }

    async fn get(&self, url: &str, local: bool) -> Option<FetchedKeys> {
        let url = url::Url::parse(url).ok()?;
        if !local && !may_fetch(&url) {
            return None;
        }
        let client = if local { &self.local } else { &self.guarded };
        let mut response = client
            .get(url)
            .header(header::ACCEPT, "application/jwk-set+json, application/json")
            .send()
            .await
            .ok()?;
        if response.status() != http::StatusCode::OK {
            return None;
        }
        let lifetime = lifetime(response.headers());
        let body = body(&mut response).await?;
        Some(FetchedKeys { body, lifetime })
    }

    /// Sends any request under the same guards: to public addresses over https, unless `local`, without following a
    /// redirect, and with a bounded answer. Whatever its status, the answer is given.
    ///
    /// # Errors
    /// There is no whole answer.
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        local: bool,
    ) -> Result<http::Response<Vec<u8>>, NotSent> {
        let request = reqwest::Request::try_from(request).map_err(|_| NotSent)?;
        if !local && !may_fetch(request.url()) {
            return Err(NotSent);
        }
        let client = if local { &self.local } else { &self.guarded };
        let mut response = client.execute(request).await.map_err(|_| NotSent)?;
        let body = body(&mut response).await.ok_or(NotSent)?;
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}

/// A request that has no answer; why is nobody's business but the operator's, who sees the address in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request could not be sent, or has no whole answer")]
pub struct NotSent;

/// A body that is not too large.
async fn body(response: &mut reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_BYTES {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

impl FetchKeys for HttpKeyFetcher {
    fn fetch<'a>(
        &'a self,
        url: &'a str,
        local: bool,
    ) -> BoxFuture<'a, Result<FetchedKeys, KeyError>> {
        Box::pin(async move { self.get(url, local).await.ok_or(KeyError::NotFetched) })
    }
}

/// The address as written: https, no user, and no private address in place of a name.
fn may_fetch(url: &url::Url) -> bool {
    url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && match url.host() {
            Some(url::Host::Domain(_)) => true,
            Some(url::Host::Ipv4(address)) => is_public(address.into()),
            Some(url::Host::Ipv6(address)) => is_public(address.into()),
            None => false,
        }
}

/// Looks names up and gives public addresses only, at the moment of connecting, so that a name cannot be moved in between.
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Is it an address of the public Internet (IANA special-purpose registries)?
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; of it not 2001::/23 (protocol), documentation and 6to4, which can hide an IPv4 address.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
}

/// How long the answer may be kept: `no-store` and `no-cache` not at all; `max-age` less `Age`.
fn lifetime(headers: &HeaderMap) -> SignedDuration {
    let mut kept = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or("no-store").split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            let seconds = match directive.split_once('=') {
                Some(("max-age", seconds)) => seconds.trim_matches('"').parse::<u32>().unwrap_or(0),
                _ if directive.starts_with("no-store") || directive.starts_with("no-cache") => 0,
                _ => continue,
            };
            kept = Some(kept.map_or(seconds, |kept: u32| kept.min(seconds)));
        }
    }
    let age = headers
        .get(header::AGE)
        .and_then(|age| age.to_str().ok()?.parse::<u32>().ok())
        .unwrap_or(0);
    kept.map_or(UNSAID_LIFETIME, |kept| {
        SignedDuration::from_secs(i64::from(kept.saturating_sub(age)))
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn only_public_https_addresses_are_fetched() {
        let may = |url: &str| may_fetch(&url::Url::parse(url).unwrap());
        assert!(may("https://keys.example.org/jwks.json"));
        assert!(may("https://93.184.216.34/jwks.json"));
        for no in [
            "http://keys.example.org/jwks.json",
            "https://user@keys.example.org/",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://192.168.1.1/",
            "https://172.31.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "file:///etc/passwd",
        ] {
            assert!(!may(no), "{no}");
        }
        assert!(is_public("2a00:1450::1".parse().unwrap()));
    }

    // J8
    #[test]
    fn the_clients_cache_control_is_obeyed() {
        let kept = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            lifetime(&headers).as_secs()
        };
        assert_eq!(kept(&[]), 300);
        assert_eq!(kept(&[("cache-control", "public, Max-Age=120")]), 120);
        assert_eq!(
            kept(&[("cache-control", "max-age=120"), ("age", "100")]),
            20
        );
        assert_eq!(kept(&[("cache-control", "max-age=120, no-cache")]), 0);
        assert_eq!(kept(&[("cache-control", "no-store")]), 0);
        assert_eq!(kept(&[("cache-control", "max-age=junk")]), 0);
        assert_eq!(kept(&[("cache-control", "public")]), 300);
    }

    async fn serve_once(answer: Vec<u8>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(&answer).await;
        });
        url
    }

    fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let mut out = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        out.extend_from_slice(body);
        out
    }

    #[tokio::test]
    async fn bodies_are_bounded_and_redirects_not_followed() {
        let fetcher = HttpKeyFetcher::new().unwrap();
        let url = serve_once(http("200 OK", "Cache-Control: max-age=7\r\n", b"{}")).await;
        let got = fetcher.fetch(&url, true).await.unwrap();
        assert_eq!(
            (got.body.as_slice(), got.lifetime.as_secs()),
            (&b"{}"[..], 7)
        );

        let url = serve_once(http("200 OK", "", &vec![b' '; MAX_BYTES + 1])).await;
        assert!(fetcher.fetch(&url, true).await.is_err());

        let target = serve_once(http("200 OK", "", b"{}")).await;
        let url = serve_once(http("302 Found", &format!("Location: {target}\r\n"), b"")).await;
        assert!(fetcher.fetch(&url, true).await.is_err());

        // without the sandbox's exemption nothing of this machine is reached, by address or by name
        let url = serve_once(http("200 OK", "", b"{}")).await;
        assert!(fetcher.fetch(&url, false).await.is_err());
        assert!(
            fetcher
                .fetch("https://localhost/jwks.json", false)
                .await
                .is_err()
        );
    }
}
