//! What was said at the point of care, at rest: who answered, in which relationship, and why an emergency was one. It names
//! people and may describe a patient, so it is sealed (R145); what a decision or a count needs of it stays outside.

use super::{AskedBasis, ConsentTalk, Occasions, SealError, SealKey};
use crate::store::OccasionRow;

/// The sealed conversation, or the reason's code with its sealed words.
pub(super) type Sealed = (Option<String>, Option<(String, String)>);

/// Where an occasion's conversation is sealed for.
fn talk_place(occasion: &str) -> String {
    format!("occasion/{occasion}/talk")
}

/// Where the words of an occasion's override are sealed for; its alert holds the same.
fn override_place(occasion: &str) -> String {
    format!("occasion/{occasion}/override")
}

/// The words of an override, as they were written.
///
/// # Errors
/// Another key, another occasion, or altered.
pub fn override_words(key: &SealKey, occasion: &str, sealed: &str) -> Result<String, SealError> {
    key.open_text(&override_place(occasion), sealed)
}

impl Occasions {
    /// Seals what was said for this occasion.
    pub(super) fn words(&self, occasion: &str, basis: &AskedBasis) -> Result<Sealed, SealError> {
        let key = &self.parts.seal;
        match basis {
            AskedBasis::Consent(talk) => {
                let text = serde_json::to_string(talk).map_err(|_| SealError::Seal)?;
                Ok((Some(key.seal_text(&talk_place(occasion), &text)?), None))
            }
            AskedBasis::Override { reason, text } => {
                let sealed = key.seal_text(&override_place(occasion), text.trim())?;
                Ok((None, Some((reason.clone(), sealed))))
            }
            AskedBasis::Gateway => Ok((None, None)),
        }
    }

    /// The consent conversation of an occasion; `None` where it was opened by an override.
    ///
    /// # Errors
    /// Another key, or altered.
    pub fn talk(&self, row: &OccasionRow) -> Result<Option<ConsentTalk>, SealError> {
        let Some(sealed) = &row.talk else {
            return Ok(None);
        };
        let text = self.parts.seal.open_text(&talk_place(&row.id), sealed)?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| SealError::Open)
    }
}
