//! Tokens and assertion ids.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::SqliteStore;
use super::values::{Micros, Ods, Patient};
use crate::fhir::PatientId;
use crate::store::{StoreError, Stored, TokenRevoker, TokenRow, TokenStore};

/// Keeps a token. One that arrives after its occasion was withdrawn or its client disabled is born revoked.
pub(super) fn insert(connection: &Connection, row: &TokenRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO token (hash, client, organisation, clinician, assurance, occasion, patient,
                                audit_of, scopes, issued_at, expires_at, revoked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                     EXISTS (SELECT 1 FROM occasion WHERE id = ?6 AND withdrawn_at IS NOT NULL)
                     OR EXISTS (SELECT 1 FROM hold WHERE kind = 'client' AND username = ?2 AND lifted_at IS NULL))",
        )?
        .execute((
            row.hash,
            &row.client,
            &row.organisation.0,
            &row.clinician,
            &row.assurance,
            &row.occasion,
            row.patient.as_ref().map(PatientId::as_str),
            row.audit_of.as_ref().map(|ods| ods.0.as_str()),
            &row.scopes,
            Micros(row.issued_at),
            Micros(row.expires_at),
        ))?;
    Ok(())
}

/// A token that is alive.
pub(super) fn find(
    connection: &Connection,
    hash: &[u8; 32],
    now: Timestamp,
) -> rusqlite::Result<Option<TokenRow>> {
    connection
        .prepare_cached(
            "SELECT client, organisation, clinician, assurance, occasion, patient, audit_of, scopes,
                    issued_at, expires_at
             FROM token WHERE hash = ?1 AND expires_at > ?2 AND revoked = 0",
        )?
        .query_row((hash, Micros(now)), |row| {
            Ok(TokenRow {
                hash: *hash,
                client: row.get(0)?,
                organisation: row.get::<_, Ods>(1)?.0,
                clinician: row.get(2)?,
                assurance: row.get(3)?,
                occasion: row.get(4)?,
                patient: row.get::<_, Option<Patient>>(5)?.map(|patient| patient.0),
                audit_of: row.get::<_, Option<Ods>>(6)?.map(|ods| ods.0),
                scopes: row.get(7)?,
                issued_at: row.get::<_, Micros>(8)?.0,
                expires_at: row.get::<_, Micros>(9)?.0,
            })
        })
        .optional()
}

impl TokenStore for SqliteStore {
    fn insert_token(&self, row: TokenRow) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    insert(connection, &row)?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn find_token(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<TokenRow>, StoreError> {
        self.readers.with(|connection| find(connection, hash, now))
    }

    fn revoke_occasion_tokens<'a>(&'a self, occasion: &'a str) -> Stored<'a, ()> {
        Box::pin(async move {
            let occasion = occasion.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached("UPDATE token SET revoked = 1 WHERE occasion = ?1")?
                        .execute([&occasion])?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn use_assertion<'a>(
        &'a self,
        client: &'a str,
        jti: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool> {
        Box::pin(async move {
            let (client, jti) = (client.to_owned(), jti.to_owned());
            Ok(self
                .writer
                .run(move |connection| {
                    let new = connection
                        .prepare_cached(
                            "INSERT INTO assertion (client, jti, until) VALUES (?1, ?2, ?3)
                             ON CONFLICT DO NOTHING",
                        )?
                        .execute((&client, &jti, Micros(until)))?;
                    Ok((new == 1, None))
                })
                .await?)
        })
    }
}

impl SqliteStore {
    /// Forgets tokens and assertion ids that have been dead since before `before`; nothing that could still be presented.
    /// Gives the number of rows removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget_expired(&self, before: Timestamp) -> Result<usize, StoreError> {
        Ok(self
            .writer
            .run(move |connection| {
                let tokens = connection
                    .prepare_cached("DELETE FROM token WHERE expires_at < ?1")?
                    .execute([Micros(before)])?;
                let assertions = connection
                    .prepare_cached("DELETE FROM assertion WHERE until < ?1")?
                    .execute([Micros(before)])?;
                Ok((tokens + assertions, None))
            })
            .await?)
    }
}

impl TokenRevoker for SqliteStore {
    fn revoke_token<'a>(&'a self, hash: &'a [u8; 32]) -> Stored<'a, ()> {
        Box::pin(async move {
            let hash = *hash;
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached("UPDATE token SET revoked = 1 WHERE hash = ?1")?
                        .execute([hash])?;
                    Ok(((), None))
                })
                .await?)
        })
    }
}
