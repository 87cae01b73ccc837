//! Sign-ins at OpenID providers, and id tokens that were exchanged.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::SqliteStore;
use super::tokens;
use super::values::Micros;
use crate::store::authorization::Hash;
use crate::store::providers::{ProviderSignIn, ProviderStore};
use crate::store::{StoreError, Stored, TokenRow};

fn sign_in(row: &Row<'_>) -> rusqlite::Result<ProviderSignIn> {
    Ok(ProviderSignIn {
        state: row.get(0)?,
        journey: row.get(1)?,
        provider: row.get(2)?,
        expires_at: row.get::<_, Micros>(3)?.0,
    })
}

impl SqliteStore {
    /// Forgets sign-ins and id tokens that are past their time. Gives the number of rows removed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn forget_provider_sign_ins(&self, before: Timestamp) -> Result<usize, StoreError> {
        Ok(self
            .writer
            .run(move |connection| {
                let mut removed = 0;
                for sql in [
                    "DELETE FROM provider_sign_in WHERE expires_at < ?1",
                    "DELETE FROM subject_token WHERE until < ?1",
                ] {
                    removed += connection.prepare_cached(sql)?.execute([Micros(before)])?;
                }
                Ok((removed, None))
            })
            .await?)
    }
}

impl ProviderStore for SqliteStore {
    fn insert_provider_sign_in(&self, row: ProviderSignIn) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO provider_sign_in (state, journey, provider, expires_at) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute((
                            row.state,
                            &row.journey,
                            &row.provider,
                            Micros(row.expires_at),
                        ))?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn find_provider_sign_in(
        &self,
        state: &Hash,
        now: Timestamp,
    ) -> Result<Option<ProviderSignIn>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT state, journey, provider, expires_at FROM provider_sign_in
                     WHERE state = ?1 AND expires_at > ?2",
                )?
                .query_row((state, Micros(now)), sign_in)
                .optional()
        })
    }

    fn take_provider_sign_in<'a>(
        &'a self,
        state: Hash,
        journey: &'a str,
        now: Timestamp,
    ) -> Stored<'a, Option<ProviderSignIn>> {
        let journey = journey.to_owned();
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    let taken = connection
                        .prepare_cached(
                            "DELETE FROM provider_sign_in WHERE state = ?1 AND journey = ?2 AND expires_at > ?3
                             RETURNING state, journey, provider, expires_at",
                        )?
                        .query_row((state, &journey, Micros(now)), sign_in)
                        .optional()?;
                    Ok((taken, None))
                })
                .await?)
        })
    }

    fn bind_subject_token<'a>(
        &'a self,
        token: Hash,
        client: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool> {
        let client = client.to_owned();
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO subject_token (hash, client, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                        )?
                        .execute((token, &client, Micros(until)))?;
                    let theirs = connection
                        .prepare_cached(
                            "SELECT EXISTS (SELECT 1 FROM subject_token WHERE hash = ?1 AND client = ?2)",
                        )?
                        .query_row((token, &client), |row| row.get(0))?;
                    Ok((theirs, None))
                })
                .await?)
        })
    }

    fn is_bound(&self, token: &Hash) -> Result<bool, StoreError> {
        self.readers.with(|connection| bound(connection, token))
    }

    fn bind_token(&self, row: TokenRow) -> Stored<'_, bool> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    let fresh = !bound(connection, &row.hash)?;
                    if fresh {
                        tokens::insert(connection, &row)?;
                    }
                    Ok((fresh, None))
                })
                .await?)
        })
    }
}

fn bound(connection: &Connection, token: &Hash) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM token WHERE hash = ?1)")?
        .query_row([token], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use crate::store::contract::{later, now};
    use crate::store::providers::{ProviderSignIn, ProviderStore};
    use crate::store::sqlite::tests::Folder;

    #[tokio::test]
    async fn a_state_is_answered_once_for_its_own_journey_in_its_time() {
        let folder = Folder::new();
        let store = folder.open();
        let row = ProviderSignIn {
            state: [7; 32],
            journey: "journey-1".to_owned(),
            provider: "cis2".to_owned(),
            expires_at: later(10),
        };
        store.insert_provider_sign_in(row.clone()).await.unwrap();
        let found = store.find_provider_sign_in(&[7; 32], now()).unwrap();
        assert_eq!(found, Some(row.clone()));
        let over = store.find_provider_sign_in(&[7; 32], later(10)).unwrap();
        assert_eq!(over, None);
        let other = store.take_provider_sign_in([7; 32], "journey-2", now());
        assert_eq!(other.await.unwrap(), None);
        let late = store.take_provider_sign_in([7; 32], "journey-1", later(10));
        assert_eq!(late.await.unwrap(), None);
        let own = store.take_provider_sign_in([7; 32], "journey-1", now());
        assert_eq!(own.await.unwrap(), Some(row));
        let again = store.take_provider_sign_in([7; 32], "journey-1", now());
        assert_eq!(again.await.unwrap(), None);
    }

    // smart.md 7, replay across replicas: two processes on one file
    #[tokio::test]
    async fn an_id_token_is_of_the_client_that_came_first_at_every_replica() {
        let folder = Folder::new();
        let (a, b) = (folder.open(), folder.open());
        let bind = async |store: &super::SqliteStore, client| {
            let bound = store.bind_subject_token([1; 32], client, later(60));
            bound.await.unwrap()
        };
        assert!(bind(&a, "first").await);
        assert!(!bind(&b, "second").await);
        assert!(bind(&b, "first").await);
        assert_eq!(a.forget_provider_sign_ins(later(61)).await.unwrap(), 1);
        assert!(bind(&b, "second").await);
    }
}
