//! A request with an access token of an external issuer: the token is verified again each time, and reads nothing until an
//! occasion has been opened with it (`smart::external`).

use super::outcome::ApiError;
use super::state::Api;
use crate::access::catalogue;
use crate::smart::caller::{Caller, Unauthorized};
use crate::smart::external::{Refused, jwt};

impl Api {
    /// What a token needs beside being known: an external one is still good, one that a refresh gave is noted as used.
    ///
    /// # Errors
    /// 401 where it is no longer good, 503 where nobody can say.
    pub async fn confirm(&self, header: Option<&str>, caller: &Caller) -> Result<(), ApiError> {
        let Some(jwt) = jwt(header) else {
            return self.note_first_use(header, caller).await;
        };
        match &self.external {
            Some(external) => external.still(jwt, caller).await.map_err(told),
            // It was bound while the configuration allowed it.
            None => Err(ApiError::unauthorized(true)),
        }
    }

    /// A token that the store does not know: a good one of an external issuer lacks its occasion, and is told so.
    pub async fn unknown(&self, header: Option<&str>, refusal: Unauthorized) -> ApiError {
        if let (Unauthorized::Invalid, Some(external), Some(jwt)) =
            (&refusal, &self.external, jwt(header))
        {
            return match external.verify(jwt).await {
                Ok(_) => ApiError::forbidden(
                    "occasion-not-open",
                    catalogue::description("occasion-not-open"),
                ),
                Err(refused) => told(refused),
            };
        }
        ApiError::from(refusal)
    }
}

fn told(refused: Refused) -> ApiError {
    match refused {
        Refused::Invalid => ApiError::unauthorized(true),
        Refused::Unavailable => ApiError::unavailable(
            "issuer-unavailable",
            "The keys of the token's issuer cannot be had at the moment.",
        ),
    }
}
