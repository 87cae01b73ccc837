//! The webhook: a POST signed as Standard Webhooks 1.0.0 says (HMAC-SHA256 over id, time and body).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::routes::{RouteError, WebhookRoute};
use crate::clock::{Clock as _, SystemClock};
use crate::store::notices::Notice;

/// From connecting to the answer's head.
const DEADLINE: Duration = Duration::from_secs(10);

/// The client.
pub(super) struct Webhooks(reqwest::Client);

impl Webhooks {
    pub(super) fn new() -> Result<Self, RouteError> {
        Ok(Self(
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(DEADLINE)
                .no_proxy()
                .referer(false)
                .build()?,
        ))
    }

    /// Posts a notice; any 2xx means that the receiver has it. The answer's body is not read.
    pub(super) async fn post(&self, to: &WebhookRoute, notice: &Notice) -> Result<(), String> {
        let body = payload(notice);
        // A receiver compares with the real time, also where the sandbox's clock was moved.
        let at = SystemClock.now();
        let answer = self
            .0
            .post(to.url.clone())
            .header(http::header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", at.as_second())
            .header(
                "webhook-signature",
                signature(&to.secret, &notice.id, at, &body).ok_or("the secret cannot be used")?,
            )
            .body(body)
            .send()
            .await
            // The error's own text names the address, which may hold a token.
            .map_err(|error| {
                let why = if error.is_timeout() {
                    "no answer in time"
                } else if error.is_connect() {
                    "no connection"
                } else {
                    "the request broke off"
                };
                why.to_owned()
            })?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("answered {}", answer.status().as_u16()))
        }
    }
}

/// `type`, `timestamp` and `data`, as Standard Webhooks lays a payload out.
fn payload(notice: &Notice) -> String {
    serde_json::json!({
        "type": format!("openmig.{}", notice.kind.code()),
        "timestamp": notice.created_at.to_string(),
        "data": {
            "id": notice.id,
            "to": notice.to.as_str(),
            "subject": notice.kind.subject(),
            "about": notice.about,
            "details": notice.body,
        },
    })
    .to_string()
}

/// `v1,<base64 of the HMAC>`.
pub(super) fn signature(secret: &[u8], id: &str, at: Timestamp, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{id}.{}.{body}", at.as_second()).as_bytes());
    Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}
