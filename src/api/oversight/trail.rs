//! `trail/…`: signed heads of the audit trail and proofs between them (R126, R130). Anybody of oversight may ask: a head is two
//! numbers and a hash, and it protects the more, the more keep one.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Problem, Reply};
use super::call::Call;
use super::{OversightApi, only};
use crate::audit::signed::SignedHead;
use crate::oversight::heads::HeadError;
use crate::text::{hex, instant};

/// Heads of one answer.
const LISTED: usize = 200;

impl From<HeadError> for Problem {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Store(error) => error.into(),
            HeadError::NoSuchSize => Self::bad_request(error.to_string()),
            HeadError::Empty => Self::not_found(),
            HeadError::TwoHistories(_) => {
                Self::new(StatusCode::CONFLICT, "two-histories", error.to_string())
            }
            HeadError::SameName | HeadError::Signing(_) => {
                tracing::error!(%error, "the head of the audit trail could not be signed");
                Self::unavailable("not-signed", "The head of the trail cannot be signed.")
            }
        }
    }
}

/// A head as JSON.
pub(super) fn head_json(head: &SignedHead) -> Value {
    json!({
        "size": head.size,
        "root": hex(&head.root),
        "signed_at": instant(head.signed_at),
        "issuer": head.issuer,
        "key": head.kid,
        "signed_head": head.jws,
    })
}

impl OversightApi {
    pub(super) async fn trail(&self, call: &mut Call, rest: &[&str]) -> Result<Reply, Problem> {
        match rest {
            ["head"] if call.method == Method::POST => {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Nothing {}
                call.no_more()?;
                let Nothing {} = call.json()?;
                let head = self.heads.sign().await?;
                Ok(Reply::json(head_json(&head)).status(StatusCode::CREATED))
            }
            ["head"] => {
                only(call, &Method::GET)?;
                call.no_more()?;
                Ok(Reply::json(head_json(&self.heads.newest_or_sign().await?)))
            }
            ["heads"] => {
                only(call, &Method::GET)?;
                call.no_more()?;
                let heads: Vec<Value> = self.heads.list(LISTED)?.iter().map(head_json).collect();
                let keys: Vec<Value> = self.heads.keys()?.into_iter().map(|key| key.jwk).collect();
                Ok(Reply::json(json!({"heads": heads, "keys": keys})))
            }
            ["consistency"] => {
                only(call, &Method::GET)?;
                let first = size(call, "first")?
                    .ok_or_else(|| Problem::bad_request("The parameter first is missing."))?;
                let second = size(call, "second")?;
                call.no_more()?;
                let proof = self.heads.consistency(first, second).await?;
                Ok(Reply::json(json!(proof)))
            }
            _ => Err(Problem::not_found()),
        }
    }
}

/// A number of rows.
fn size(call: &mut Call, name: &'static str) -> Result<Option<u64>, Problem> {
    call.take(name)?
        .map(|text| {
            text.parse().map_err(|_| {
                Problem::bad_request(format!("The parameter {name} is a number of rows."))
            })
        })
        .transpose()
}
