//! What the authorize endpoint answers: a page or a redirect, with the headers that keep both to themselves (A14, A15).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The cookie that binds a journey to its browser. It is sent to that journey's own pages and nowhere else.
const COOKIE: &str = "openmig-sign-in";
/// The same where the issuer is https.
const SECURE_COOKIE: &str = "__Secure-openmig-sign-in";
/// Life of the cookie in seconds: that of a journey.
pub const JOURNEY_SECONDS: i64 = 1800;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    body: String,
    location: Option<String>,
    cookie: Option<String>,
    /// Where a form's redirect may lead beside here: the app.
    form_origin: Option<String>,
    retry_after: Option<u64>,
}

impl Reply {
    /// A page.
    #[must_use]
    pub fn page(status: StatusCode, body: String) -> Self {
        Self {
            status,
            body,
            location: None,
            cookie: None,
            form_origin: None,
            retry_after: None,
        }
    }

    /// 303: whatever came before, the browser asks anew with GET, and repeats no form.
    #[must_use]
    pub fn see(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::page(StatusCode::SEE_OTHER, String::new())
        }
    }

    /// With this cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: Option<String>) -> Self {
        self.cookie = cookie;
        self
    }

    /// Its forms may lead to this origin in the end.
    #[must_use]
    pub fn leading_to(mut self, origin: &str) -> Self {
        self.form_origin = Some(origin.to_owned());
        self
    }

    /// Not before so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        );
        // Browsers hold redirects that follow a form to `form-action` too.
        let forms = self.form_origin.unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'self'; form-action 'self' {forms}; frame-ancestors 'none'; base-uri 'none'"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        for (name, value) in [
            (header::LOCATION, self.location),
            (header::SET_COOKIE, self.cookie),
            (header::RETRY_AFTER, self.retry_after.map(|s| s.to_string())),
        ] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// `Set-Cookie` for a journey at this address; an empty value ends it.
#[must_use]
pub fn set_cookie(secure: bool, path: &str, value: &str) -> String {
    let (name, flag) = if secure {
        (SECURE_COOKIE, "; Secure")
    } else {
        (COOKIE, "")
    };
    let age = if value.is_empty() { 0 } else { JOURNEY_SECONDS };
    // Lax: the browser comes back from an upstream sign-in by a link of another site.
    format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{flag}")
}

/// The journey's cookie among those that were sent.
#[must_use]
pub fn cookie(secure: bool, headers: &HeaderMap) -> Option<String> {
    let name = if secure { SECURE_COOKIE } else { COOKIE };
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value.to_owned())
        .filter(|value| !value.is_empty() && value.len() <= 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A14: the page is nobody's to frame, keep or tell of
    #[test]
    fn a_page_keeps_to_itself() {
        let reply = Reply::page(StatusCode::OK, "<p>".to_owned())
            .leading_to("http://127.0.0.1:9310")
            .with_cookie(Some(set_cookie(true, "/x", "secret")));
        let response = reply.into_response();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:9310; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(
            header("set-cookie"),
            "__Secure-openmig-sign-in=secret; Path=/x; Max-Age=1800; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("a=b; openmig-sign-in=x; c=d"),
        );
        assert_eq!(cookie(false, &headers).as_deref(), Some("x"));
        assert_eq!(cookie(true, &headers), None);
    }
}
