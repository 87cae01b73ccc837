//! What is kept: tokens, assertion ids, occasions, refusals, remembered opt-outs, alerts and the audit trail.
//!
//! Traits here, engines in sub-folders. Invariants: SQL never leaks upward; no clinical content is ever stored.
//! Whatever two replicas share is decided by one atomic statement here, never by reading and then writing.

pub mod authorization;
pub mod bound;
pub mod cases;
#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod contract_oversight;
pub mod heads;
pub mod holds;
pub mod losses;
pub mod national;
pub mod notices;
pub mod opt_out;
pub mod overrides;
pub mod providers;
pub mod sqlite;
pub mod terms;

use jiff::Timestamp;

use self::notices::{Notice, NoticeKind, Recipient};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::register::{GatewayKind, use_of};
use crate::source::BoxFuture;

/// The store failed. Nothing that depends on it may go on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StoreError(pub String);

/// Result of a store operation.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// An access token, found by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Client.
    pub client: String,
    /// Organisation on whose behalf.
    pub organisation: OdsCode,
    /// Clinician (username), `None` for a practice's audit client.
    pub clinician: Option<String>,
    /// `asserted` or `authenticated`.
    pub assurance: Option<String>,
    /// Occasion; `None` for a practice's audit client.
    pub occasion: Option<String>,
    /// Patient that it is bound to (R112).
    pub patient: Option<PatientId>,
    /// Practice whose audit trail it reads.
    pub audit_of: Option<OdsCode>,
    /// Granted scopes, space separated.
    pub scopes: String,
    /// Issued.
    pub issued_at: Timestamp,
    /// Dead from then on.
    pub expires_at: Timestamp,
}

/// An occasion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccasionRow {
    /// Id.
    pub id: String,
    /// Viewer.
    pub viewer: OdsCode,
    /// Client that opened it.
    pub client: String,
    /// Clinician (username).
    pub clinician: String,
    /// Role at the time, from the register.
    pub role: String,
    /// Patient.
    pub patient: PatientId,
    /// The NHS number, sealed (AES-256-GCM) with the installation's key: later reads inside the window must ask again.
    pub sealed_nhs: Vec<u8>,
    /// Practice.
    pub practice: OdsCode,
    /// Tabs that may be seen, as bits.
    pub tabs: u16,
    /// Protocol.
    pub protocol: String,
    /// Purposes.
    pub purpose: Vec<String>,
    /// Consent id where the basis is consent.
    pub consent: Option<String>,
    /// Consent conversation, sealed, where the basis is consent: it may name a proxy (R145).
    pub talk: Option<String>,
    /// Code of the override's reason, and its words, sealed, where the basis is an override.
    pub override_reason: Option<(String, String)>,
    /// Opened.
    pub opened_at: Timestamp,
    /// Window's end.
    pub ends_at: Timestamp,
    /// Withdrawn.
    pub withdrawn_at: Option<Timestamp>,
    /// Register hash at opening.
    pub register_hash: String,
    /// How it was known who opened it: `asserted` or `authenticated`.
    pub assurance: String,
    /// The viewer's site or service that asked, where it named one (R158).
    pub site: Option<OdsCode>,
    /// The legal gateway, where the purpose is not direct care (R172).
    pub gateway: Option<GatewayKind>,
    /// Tabs that were asked for, as bits; `None`: none was named.
    pub asked: Option<u16>,
    /// Another patient of the viewer's worklist has the same name.
    pub same_name: bool,
    /// Nobody but the clinician says that they care for the patient (R105).
    pub claimed: bool,
}

impl OccasionRow {
    /// What it rests on, as the trail has it.
    #[must_use]
    pub fn basis(&self) -> Option<String> {
        let given = match (&self.consent, &self.override_reason) {
            (Some(consent), _) => Some(format!("consent:{consent}")),
            (None, Some((reason, _))) => Some(format!("override:{reason}")),
            (None, None) => None,
        };
        basis_with(given, self.gateway)
    }
}

impl OccasionRow {
    /// Whom somebody's own word for their relationship is told to: the viewer's privacy officer (R105). An override has its own
    /// alert.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        (self.claimed && self.override_reason.is_none()).then(|| {
            Notice::new(
                format!("{}-relationship", self.id),
                Recipient::Organisation(self.viewer.clone()),
                NoticeKind::RelationshipClaimed,
                vec![format!("occasion/{}", self.id)],
                self.opened_at,
            )
        })
    }

    /// Does a "no" to this use stand against this occasion? Its own does; where nobody is asked, any does (R077, R171).
    #[must_use]
    pub fn is_stopped_by(&self, refused: &str) -> bool {
        refused == use_of(&self.purpose) || self.gateway.is_some_and(GatewayKind::asks_nobody)
    }
}

/// A basis with the legal gateway of a use that is not for direct care beside it.
#[must_use]
pub fn basis_with(given: Option<String>, gateway: Option<GatewayKind>) -> Option<String> {
    let gateway = gateway.map(|kind| format!("gateway:{}", kind.code()));
    let parts: Vec<String> = given.into_iter().chain(gateway).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A refusal at the point of care that stands (R077, R078).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRow {
    /// Viewer.
    pub viewer: OdsCode,
    /// Clinician (username).
    pub clinician: String,
    /// Patient.
    pub patient: PatientId,
    /// What was refused ([`crate::register::use_of`]): care, or one other use.
    pub purpose: String,
    /// When it was said.
    pub at: Timestamp,
    /// Until when it stands.
    pub until: Timestamp,
    /// The patient changed their mind since.
    pub lifted_at: Option<Timestamp>,
}

/// An override alert for the privacy officer (R092).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Id.
    pub id: String,
    /// Viewer whose privacy officer reviews it.
    pub viewer: OdsCode,
    /// Clinician.
    pub clinician: String,
    /// Patient.
    pub patient: PatientId,
    /// Practice.
    pub practice: OdsCode,
    /// Occasion.
    pub occasion: String,
    /// Reason code.
    pub reason: String,
    /// Reason in words, sealed as in the occasion's row.
    pub text: String,
    /// Raised.
    pub at: Timestamp,
}

impl AlertRow {
    /// Who is told of the override: the viewer's privacy officer (R092) and the practice (R096). As with the alerts of the
    /// Summary Care Record, a message names neither patient nor clinician: who may see them signs in.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        let about = vec![
            format!("override/{}", self.id),
            format!("organisation/{}", self.viewer),
        ];
        let notice = |id: String, to: &OdsCode, kind| Notice {
            body: serde_json::json!({"reason": self.reason}),
            ..Notice::new(
                id,
                Recipient::Organisation(to.clone()),
                kind,
                about.clone(),
                self.at,
            )
        };
        vec![
            notice(self.id.clone(), &self.viewer, NoticeKind::OverrideAlert),
            notice(
                format!("{}-practice", self.id),
                &self.practice,
                NoticeKind::OverrideAtPractice,
            ),
        ]
    }
}

/// Tokens and assertion ids.
pub trait TokenStore: Send + Sync {
    /// Keeps a new token.
    fn insert_token(&self, row: TokenRow) -> Stored<'_, ()>;
    /// Finds a token by its hash; expired and revoked ones are not found. Synchronous: it is on the hot path and only reads.
    ///
    /// # Errors
    /// The store failed.
    fn find_token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenRow>, StoreError>;
    /// Revokes every token of an occasion.
    fn revoke_occasion_tokens<'a>(&'a self, occasion: &'a str) -> Stored<'a, ()>;
    /// Notes an assertion id; `true` if it was not seen before (one atomic insert).
    fn use_assertion<'a>(
        &'a self,
        client: &'a str,
        jti: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool>;
}

/// Revocation of one token (RFC 7009).
pub trait TokenRevoker: Send + Sync {
    /// Makes this token dead at once; an unknown one is no error.
    fn revoke_token<'a>(&'a self, hash: &'a [u8; 32]) -> Stored<'a, ()>;
}

/// Can the store write, now?
pub trait WriteProbe: Send + Sync {
    /// Writes something that means nothing, and waits until it is on the disk.
    fn try_write(&self) -> Stored<'_, ()>;
}

/// An occasion and what stands against it (R008, R077).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedAt {
    /// The occasion.
    pub row: OccasionRow,
    /// A refusal of this patient towards this clinician and viewer stands now.
    pub refused: bool,
    /// The patient is remembered as opted out, at whichever practice.
    pub opted_out: bool,
}

/// Occasions, refusals, remembered opt-outs, alerts.
pub trait OccasionStore: Send + Sync {
    /// Keeps a new occasion; with its alert, in the same transaction, where it is an override.
    fn insert_occasion(&self, row: OccasionRow, alert: Option<AlertRow>) -> Stored<'_, ()>;
    /// Finds an occasion. Synchronous: hot path, only reads.
    ///
    /// # Errors
    /// The store failed.
    fn find_occasion(&self, id: &str) -> Result<Option<OccasionRow>, StoreError>;
    /// An occasion with all that the store knows against reading in it, at one moment. Synchronous: hot path, only reads;
    /// an engine that can answers it with one question.
    ///
    /// # Errors
    /// The store failed.
    fn look_at_occasion(&self, id: &str, now: Timestamp) -> Result<Option<LookedAt>, StoreError> {
        let Some(row) = self.find_occasion(id)? else {
            return Ok(None);
        };
        let refusals = self.standing_refusals(&row.viewer, &row.clinician, &row.patient, now)?;
        let opted_out_at = match self.remembered_opt_out(&row.patient)? {
            None => self.decided_opt_out(&row.patient, &row.practice)?,
            remembered => remembered,
        };
        Ok(Some(LookedAt {
            refused: refusals.iter().any(|one| row.is_stopped_by(&one.purpose)),
            opted_out: opted_out_at.is_some(),
            row,
        }))
    }
    /// Finds the occasion of a consent.
    ///
    /// # Errors
    /// The store failed.
    fn find_consent(&self, consent: &str) -> Result<Option<OccasionRow>, StoreError>;
    /// Withdraws an occasion and its tokens, in one transaction; `false` if it was not open.
    fn withdraw_occasion<'a>(&'a self, id: &'a str, at: Timestamp) -> Stored<'a, bool>;
    /// Keeps a refusal.
    fn insert_refusal(&self, row: RefusalRow) -> Stored<'_, ()>;
    /// The refusals that stand now for this viewer, clinician and patient, the one that stands longest first.
    ///
    /// # Errors
    /// The store failed.
    fn standing_refusals(
        &self,
        viewer: &OdsCode,
        clinician: &str,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Vec<RefusalRow>, StoreError>;
    /// Lifts what stands of this use, because the patient changed their mind about it.
    fn lift_refusal<'a>(
        &'a self,
        viewer: &'a OdsCode,
        clinician: &'a str,
        patient: &'a PatientId,
        purpose: &'a str,
        at: Timestamp,
    ) -> Stored<'a, ()>;
    /// Remembers what a practice's source said of the opt-out (R008).
    fn remember_sharing<'a>(
        &'a self,
        patient: &'a PatientId,
        practice: &'a OdsCode,
        opted_out: bool,
        at: Timestamp,
    ) -> Stored<'a, ()>;
    /// The practice at which this patient is remembered as opted out, if any.
    ///
    /// # Errors
    /// The store failed.
    fn remembered_opt_out(&self, patient: &PatientId) -> Result<Option<OdsCode>, StoreError>;
    /// The practice at which an opt-out was granted that stands against showing the record of `practice`: granted anywhere,
    /// with no opt-in granted by `practice` since (R008, R064). Synchronous: hot path, only reads.
    ///
    /// # Errors
    /// The store failed.
    fn decided_opt_out(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
    ) -> Result<Option<OdsCode>, StoreError>;
    /// When the national service last said that this patient has no national data opt-out (R176); `None`: it never did, or
    /// nobody asked, or this store does not know.
    ///
    /// # Errors
    /// The store failed.
    fn cleared_at(&self, _patient: &PatientId) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
    /// Forgets what other practices' systems said before `practice`, where the patient is registered now, granted an opt-in.
    fn lift_by_opt_in<'a>(
        &'a self,
        patient: &'a PatientId,
        practice: &'a OdsCode,
    ) -> Stored<'a, ()>;
}
