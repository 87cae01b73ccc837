//! Journeys, launch handles, grants and failed sign-ins.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::tokens;
use super::values::{Micros, Ods, Patient};
use crate::fhir::PatientId;
use crate::store::authorization::{
    AuthorizationStore, FoundGrant, GrantRow, Hash, JourneyRow, LaunchRow, Rotation, SealedPatient,
    rest_after,
};
use crate::store::{StoreError, Stored, TokenRow};

const JOURNEY: &str =
    "id, browser, asked, username, signed_in_at, viewer, patient, sealed_nhs, expires_at";

fn journey(row: &Row<'_>) -> rusqlite::Result<JourneyRow> {
    let patient = row.get::<_, Option<Patient>>(6)?;
    let sealed_nhs: Option<Vec<u8>> = row.get(7)?;
    Ok(JourneyRow {
        id: row.get(0)?,
        browser: row.get(1)?,
        asked: row.get(2)?,
        username: row.get(3)?,
        signed_in_at: row.get::<_, Option<Micros>>(4)?.map(|at| at.0),
        viewer: row.get::<_, Option<Ods>>(5)?.map(|ods| ods.0),
        patient: patient
            .zip(sealed_nhs)
            .map(|(patient, sealed_nhs)| SealedPatient {
                patient: patient.0,
                sealed_nhs,
            }),
        expires_at: row.get::<_, Micros>(8)?.0,
    })
}

const GRANT: &str = "g.id, g.code_hash, g.code_expires_at, g.client, g.redirect_uri, g.challenge, g.nonce, g.username, \
                     g.viewer, g.occasion, g.patient, g.scopes, g.refreshable, g.context, g.signed_in_at, g.ends_at, \
                     g.asked, g.revoked_at IS NOT NULL";

fn grant(row: &Row<'_>) -> rusqlite::Result<GrantRow> {
    Ok(GrantRow {
        id: row.get(0)?,
        code_hash: row.get(1)?,
        code_expires_at: row.get::<_, Micros>(2)?.0,
        client: row.get(3)?,
        redirect_uri: row.get(4)?,
        challenge: row.get(5)?,
        nonce: row.get(6)?,
        username: row.get(7)?,
        viewer: row.get::<_, Ods>(8)?.0,
        occasion: row.get(9)?,
        patient: row.get::<_, Option<Patient>>(10)?.map(|patient| patient.0),
        scopes: row.get(11)?,
        refreshable: row.get(12)?,
        context: row.get(13)?,
        signed_in_at: row.get::<_, Micros>(14)?.0,
        ends_at: row.get::<_, Micros>(15)?.0,
        asked: row.get(16)?,
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<FoundGrant> {
    Ok(FoundGrant {
        grant: grant(row)?,
        revoked: row.get(17)?,
        used: row.get(18)?,
    })
}

/// An access token of a family.
fn insert_token(connection: &Connection, family: &str, row: &TokenRow) -> rusqlite::Result<()> {
    tokens::insert(connection, row)?;
    connection
        .prepare_cached("INSERT INTO granted_token (hash, family) VALUES (?1, ?2)")?
        .execute((row.hash, family))?;
    Ok(())
}

fn insert_refresh(connection: &Connection, family: &str, hash: &Hash) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO refresh (hash, family) VALUES (?1, ?2)")?
        .execute((hash, family))?;
    Ok(())
}

fn kill(connection: &Connection, family: &str, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE launch_grant SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        )?
        .execute((family, Micros(at)))?;
    connection
        .prepare_cached(
            "UPDATE token SET revoked = 1 WHERE hash IN (SELECT hash FROM granted_token WHERE family = ?1)",
        )?
        .execute([family])?;
    Ok(())
}

/// A refresh token that was rotated before: is its pair still to be repeated?
struct Before {
    family: String,
    rotated_at: Timestamp,
    access: Hash,
    pair_used: bool,
}

fn rotate(
    connection: &Connection,
    old: &Hash,
    now: Timestamp,
    grace: SignedDuration,
    token: &TokenRow,
    refresh: &Hash,
) -> rusqlite::Result<Rotation> {
    let family: Option<String> = connection
        .prepare_cached(
            "UPDATE refresh SET rotated_at = ?2, next = ?3, access = ?4
             WHERE hash = ?1 AND rotated_at IS NULL
               AND EXISTS (SELECT 1 FROM launch_grant g
                           WHERE g.id = refresh.family AND g.revoked_at IS NULL AND g.ends_at > ?2)
             RETURNING family",
        )?
        .query_row((old, Micros(now), refresh, token.hash), |row| row.get(0))
        .optional()?;
    if let Some(family) = family {
        insert_token(connection, &family, token)?;
        insert_refresh(connection, &family, refresh)?;
        return Ok(Rotation::Done);
    }
    let before = connection
        .prepare_cached(
            "SELECT r.family, r.rotated_at, r.access,
                    EXISTS (SELECT 1 FROM granted_token t WHERE t.hash = r.access AND t.first_used_at IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM refresh n WHERE n.hash = r.next AND n.rotated_at IS NOT NULL)
             FROM refresh r JOIN launch_grant g ON g.id = r.family
             WHERE r.hash = ?1 AND r.rotated_at IS NOT NULL AND g.revoked_at IS NULL AND g.ends_at > ?2",
        )?
        .query_row((old, Micros(now)), |row| {
            Ok(Before {
                family: row.get(0)?,
                rotated_at: row.get::<_, Micros>(1)?.0,
                access: row.get(2)?,
                pair_used: row.get(3)?,
            })
        })
        .optional()?;
    let Some(before) = before else {
        return Ok(Rotation::Dead);
    };
    let in_grace = now.duration_since(before.rotated_at) < grace && !before.pair_used;
    let given = if in_grace {
        tokens::find(connection, &before.access, now)?
    } else {
        None
    };
    match given {
        Some(given) if given.scopes == token.scopes => Ok(Rotation::Repeated(Box::new(given))),
        Some(_) => Ok(Rotation::OtherScopes),
        None => {
            kill(connection, &before.family, now)?;
            Ok(Rotation::Reused)
        }
    }
}

impl SqliteStore {
    async fn task<T: Send + 'static>(
        &self,
        mut run: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Ok(self
            .writer
            .run(move |connection| Ok((run(connection)?, None)))
            .await?)
    }

    /// Forgets what can no longer be presented since before `before`: journeys, launch handles, grants with all of theirs,
    /// failed sign-ins. Gives the number of rows removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget_launches(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.task(move |connection| {
            let mut removed = 0;
            for sql in [
                "DELETE FROM journey WHERE expires_at < ?1",
                "DELETE FROM launch WHERE expires_at < ?1",
                "DELETE FROM launch_grant WHERE ends_at < ?1 AND code_expires_at < ?1",
                // An hour is longer than any rest.
                "DELETE FROM sign_in_failure WHERE last_at < ?1 - 3600000000",
            ] {
                removed += connection.prepare_cached(sql)?.execute([Micros(before)])?;
            }
            Ok(removed)
        })
        .await
    }
}

impl AuthorizationStore for SqliteStore {
    fn insert_journey(&self, row: JourneyRow) -> Stored<'_, ()> {
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached(&format!(
                    "INSERT INTO journey ({JOURNEY}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                ))?
                .execute(params![
                    row.id,
                    row.browser,
                    row.asked,
                    row.username,
                    row.signed_in_at.map(Micros),
                    row.viewer.as_ref().map(|ods| ods.0.as_str()),
                    row.patient.as_ref().map(|it| it.patient.as_str()),
                    row.patient.as_ref().map(|it| it.sealed_nhs.as_slice()),
                    Micros(row.expires_at),
                ])?;
            Ok(())
        }))
    }

    fn find_journey(&self, id: &str, now: Timestamp) -> Result<Option<JourneyRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {JOURNEY} FROM journey WHERE id = ?1 AND expires_at > ?2"
                ))?
                .query_row((id, Micros(now)), journey)
                .optional()
        })
    }

    fn save_journey(&self, row: JourneyRow, browser: Option<Hash>) -> Stored<'_, bool> {
        Box::pin(self.task(move |connection| {
            let saved = connection
                .prepare_cached(
                    "UPDATE journey SET browser = ?2, username = ?3, signed_in_at = ?4, viewer = ?5, patient = ?6,
                                        sealed_nhs = ?7
                     WHERE id = ?1 AND busy = 0 AND browser IS ?8",
                )?
                .execute(params![
                    row.id,
                    row.browser,
                    row.username,
                    row.signed_in_at.map(Micros),
                    row.viewer.as_ref().map(|ods| ods.0.as_str()),
                    row.patient.as_ref().map(|it| it.patient.as_str()),
                    row.patient.as_ref().map(|it| it.sealed_nhs.as_slice()),
                    browser,
                ])?;
            Ok(saved == 1)
        }))
    }

    fn claim_journey<'a>(&'a self, id: &'a str, browser: Hash) -> Stored<'a, bool> {
        let id = id.to_owned();
        Box::pin(self.task(move |connection| {
            let claimed = connection
                .prepare_cached(
                    "UPDATE journey SET busy = 1 WHERE id = ?1 AND browser = ?2 AND busy = 0",
                )?
                .execute((&id, browser))?;
            Ok(claimed == 1)
        }))
    }

    fn release_journey<'a>(&'a self, id: &'a str) -> Stored<'a, ()> {
        let id = id.to_owned();
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached("UPDATE journey SET busy = 0 WHERE id = ?1")?
                .execute([&id])?;
            Ok(())
        }))
    }

    fn end_journey<'a>(&'a self, id: &'a str) -> Stored<'a, ()> {
        let id = id.to_owned();
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached("DELETE FROM journey WHERE id = ?1")?
                .execute([&id])?;
            Ok(())
        }))
    }

    fn insert_launch(&self, row: LaunchRow) -> Stored<'_, ()> {
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO launch (hash, client, username, patient, sealed_nhs, context, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    row.hash,
                    &row.client,
                    &row.username,
                    row.patient.patient.as_str(),
                    &row.patient.sealed_nhs,
                    &row.context,
                    Micros(row.expires_at),
                ))?;
            Ok(())
        }))
    }

    fn find_launch(&self, hash: &Hash, now: Timestamp) -> Result<Option<LaunchRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT client, username, patient, sealed_nhs, context, expires_at FROM launch
                     WHERE hash = ?1 AND expires_at > ?2 AND used_at IS NULL",
                )?
                .query_row((hash, Micros(now)), |row| {
                    Ok(LaunchRow {
                        hash: *hash,
                        client: row.get(0)?,
                        username: row.get(1)?,
                        patient: SealedPatient {
                            patient: row.get::<_, Patient>(2)?.0,
                            sealed_nhs: row.get(3)?,
                        },
                        context: row.get(4)?,
                        expires_at: row.get::<_, Micros>(5)?.0,
                    })
                })
                .optional()
        })
    }

    fn insert_grant(
        &self,
        row: GrantRow,
        launch: Option<Hash>,
        now: Timestamp,
    ) -> Stored<'_, bool> {
        Box::pin(self.task(move |connection| {
            if let Some(launch) = launch {
                let used = connection
                    .prepare_cached(
                        "UPDATE launch SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2",
                    )?
                    .execute((launch, Micros(now)))?;
                if used != 1 {
                    return Ok(false);
                }
            }
            connection
                .prepare_cached(
                    "INSERT INTO launch_grant (id, code_hash, code_expires_at, client, redirect_uri, challenge, nonce,
                                               username, viewer, occasion, patient, scopes, refreshable, context,
                                               signed_in_at, ends_at, asked)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                )?
                .execute(params![
                    row.id,
                    row.code_hash,
                    Micros(row.code_expires_at),
                    row.client,
                    row.redirect_uri,
                    row.challenge,
                    row.nonce,
                    row.username,
                    row.viewer.0,
                    row.occasion,
                    row.patient.as_ref().map(PatientId::as_str),
                    row.scopes,
                    row.refreshable,
                    row.context,
                    Micros(row.signed_in_at),
                    Micros(row.ends_at),
                    row.asked,
                ])?;
            Ok(true)
        }))
    }

    fn find_code(&self, hash: &Hash) -> Result<Option<FoundGrant>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {GRANT}, g.code_used_at IS NOT NULL FROM launch_grant g WHERE g.code_hash = ?1"
                ))?
                .query_row([hash], found)
                .optional()
        })
    }

    fn redeem_code(
        &self,
        code: Hash,
        now: Timestamp,
        token: TokenRow,
        refresh: Option<Hash>,
    ) -> Stored<'_, bool> {
        Box::pin(self.task(move |connection| {
            let family: Option<String> = connection
                .prepare_cached(
                    "UPDATE launch_grant SET code_used_at = ?2
                     WHERE code_hash = ?1 AND code_used_at IS NULL AND code_expires_at > ?2 AND revoked_at IS NULL
                     RETURNING id",
                )?
                .query_row((code, Micros(now)), |row| row.get(0))
                .optional()?;
            let Some(family) = family else {
                return Ok(false);
            };
            insert_token(connection, &family, &token)?;
            if let Some(refresh) = &refresh {
                insert_refresh(connection, &family, refresh)?;
            }
            Ok(true)
        }))
    }

    fn find_refresh(&self, hash: &Hash) -> Result<Option<FoundGrant>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {GRANT}, r.rotated_at IS NOT NULL
                     FROM refresh r JOIN launch_grant g ON g.id = r.family WHERE r.hash = ?1"
                ))?
                .query_row([hash], found)
                .optional()
        })
    }

    fn rotate(
        &self,
        old: Hash,
        now: Timestamp,
        grace: SignedDuration,
        token: TokenRow,
        refresh: Hash,
    ) -> Stored<'_, Rotation> {
        Box::pin(
            self.task(move |connection| rotate(connection, &old, now, grace, &token, &refresh)),
        )
    }

    fn find_grant_of(&self, token: &Hash) -> Result<Option<GrantRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {GRANT} FROM granted_token t JOIN launch_grant g ON g.id = t.family WHERE t.hash = ?1"
                ))?
                .query_row([token], grant)
                .optional()
        })
    }

    fn note_use<'a>(&'a self, token: &'a Hash, now: Timestamp) -> Stored<'a, ()> {
        let token = *token;
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE granted_token SET first_used_at = ?2 WHERE hash = ?1 AND first_used_at IS NULL",
                )?
                .execute((token, Micros(now)))?;
            Ok(())
        }))
    }

    fn revoke_grant<'a>(&'a self, id: &'a str, at: Timestamp) -> Stored<'a, ()> {
        let id = id.to_owned();
        Box::pin(self.task(move |connection| kill(connection, &id, at)))
    }

    fn begin_sign_in(&self, account: Hash, now: Timestamp) -> Stored<'_, Option<u64>> {
        Box::pin(self.task(move |connection| {
            let before: Option<(u32, Timestamp)> = connection
                .prepare_cached("SELECT failures, last_at FROM sign_in_failure WHERE account = ?1")?
                .query_row([account], |row| {
                    Ok((row.get(0)?, row.get::<_, Micros>(1)?.0))
                })
                .optional()?;
            if let Some((failures, last_at)) = before {
                let left = rest_after(failures).as_secs() - now.duration_since(last_at).as_secs();
                if left > 0 {
                    return Ok(Some(left.unsigned_abs()));
                }
            }
            connection
                .prepare_cached(
                    "INSERT INTO sign_in_failure (account, failures, last_at) VALUES (?1, 1, ?2)
                     ON CONFLICT (account) DO UPDATE SET failures = failures + 1, last_at = excluded.last_at",
                )?
                .execute((account, Micros(now)))?;
            Ok(None)
        }))
    }

    fn sign_in_succeeded(&self, account: Hash) -> Stored<'_, ()> {
        Box::pin(self.task(move |connection| {
            connection
                .prepare_cached("DELETE FROM sign_in_failure WHERE account = ?1")?
                .execute([account])?;
            Ok(())
        }))
    }
}
