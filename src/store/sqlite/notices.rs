//! Notices and their deliveries.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Value as SqlValue, ValueRef};
use rusqlite::{Connection, Row, params, params_from_iter};

use super::SqliteStore;
use super::values::Micros;
use super::writer::trail;
use crate::audit::AuditEntry;
use crate::store::notices::{
    Channel, Delivery, Due, Failing, Notice, NoticeFilter, NoticeKind, NoticeRow, NoticeStore,
    Recipient, Settled,
};
use crate::store::{StoreError, Stored};

/// The columns of a notice, as [`notice`] reads them.
const NOTICE: &str = "n.seq, n.id, n.recipient, n.kind, n.about, n.body, n.created_at";

struct Kind(NoticeKind);

impl FromSql for Kind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        NoticeKind::from_code(value.as_str()?)
            .map(Self)
            .ok_or(FromSqlError::InvalidType)
    }
}

struct Way(Channel);

impl FromSql for Way {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Channel::from_code(value.as_str()?)
            .map(Self)
            .ok_or(FromSqlError::InvalidType)
    }
}

fn notice(row: &Row<'_>) -> rusqlite::Result<(i64, Notice)> {
    let (recipient, about, body): (String, String, String) =
        (row.get(2)?, row.get(4)?, row.get(5)?);
    let notice = Notice {
        id: row.get(1)?,
        to: Recipient::parse(&recipient),
        kind: row.get::<_, Kind>(3)?.0,
        about: about.split_whitespace().map(str::to_owned).collect(),
        body: serde_json::from_str(&body).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                5,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
        created_at: row.get::<_, Micros>(6)?.0,
    };
    Ok((row.get(0)?, notice))
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

/// Keeps a notice, with what it tells of: to be called inside that transaction.
pub(super) fn put(connection: &Connection, notice: &Notice) -> rusqlite::Result<()> {
    if !notice.is_fit() {
        return Err(rusqlite::Error::ToSqlConversionFailure(
            "a notice holds ids and plain words only".into(),
        ));
    }
    connection
        .prepare_cached(
            "INSERT INTO notice (id, recipient, kind, about, body, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            notice.id,
            notice.to.as_str(),
            notice.kind.code(),
            notice.about.join(" "),
            notice.body.to_string(),
            Micros(notice.created_at),
        ])?;
    let seq = connection.last_insert_rowid();
    for channel in Channel::ALL {
        connection
            .prepare_cached(
                "INSERT INTO notice_delivery (notice, channel, recipient, next_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                seq,
                channel.code(),
                notice.to.as_str(),
                Micros(notice.created_at)
            ])?;
    }
    Ok(())
}

impl NoticeStore for SqliteStore {
    fn put_notices(&self, notices: Vec<Notice>) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    for notice in &notices {
                        put(connection, notice)?;
                    }
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn notices(&self, filter: &NoticeFilter, limit: usize) -> Result<Vec<NoticeRow>, StoreError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut values: Vec<SqlValue> = Vec::new();
        let text = |values: &mut Vec<SqlValue>, value: &str| {
            values.push(SqlValue::Text(value.to_owned()));
            values.len()
        };
        if let Some(to) = &filter.to {
            let places: Vec<String> = to
                .iter()
                .map(|to| format!("?{}", text(&mut values, to.as_str())))
                .collect();
            conditions.push(format!("n.recipient IN ({})", places.join(", ")));
        }
        if let Some(kind) = filter.kind {
            conditions.push(format!("n.kind = ?{}", text(&mut values, kind.code())));
        }
        if let Some(about) = &filter.about {
            let n = text(&mut values, about);
            conditions.push(format!(
                "instr(' ' || n.about || ' ', ' ' || ?{n} || ' ') > 0"
            ));
        }
        if let Some(id) = &filter.id {
            conditions.push(format!("n.id = ?{}", text(&mut values, id)));
        }
        if filter.open_only {
            conditions.push("n.acknowledged_at IS NULL".to_owned());
        }
        if filter.failing_only {
            conditions.push(
                "EXISTS (SELECT 1 FROM notice_delivery f
                         WHERE f.notice = n.seq AND f.delivered = 0 AND f.last_error IS NOT NULL)"
                    .to_owned(),
            );
        }
        let sql = format!(
            "SELECT {NOTICE}, n.acknowledged_by, n.acknowledged_at FROM notice n
             WHERE {} ORDER BY n.seq DESC LIMIT {limit}",
            conditions.join(" AND ")
        );
        self.readers.with(|connection| {
            let mut ways = connection.prepare_cached(
                "SELECT channel, attempts, next_at, done_at, delivered, last_error, given_up
                 FROM notice_delivery WHERE notice = ?1 ORDER BY channel DESC",
            )?;
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(&values), |row| {
                    let (seq, notice) = notice(row)?;
                    let by: Option<String> = row.get(7)?;
                    let at = row.get::<_, Option<Micros>>(8)?.map(|at| at.0);
                    Ok(NoticeRow {
                        seq: unsigned(seq),
                        notice,
                        acknowledged: by.zip(at),
                        deliveries: ways
                            .query_map([seq], delivery)?
                            .collect::<rusqlite::Result<_>>()?,
                    })
                })?
                .collect()
        })
    }

    fn acknowledge_notice<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(async move {
            let row = trail(entry)?;
            let (id, by) = (id.to_owned(), by.to_owned());
            Ok(self
                .writer
                .run(move |connection| {
                    let first = connection
                        .prepare_cached(
                            "UPDATE notice SET acknowledged_by = ?2, acknowledged_at = ?3
                             WHERE id = ?1 AND acknowledged_at IS NULL",
                        )?
                        .execute((&id, &by, Micros(at)))?;
                    Ok((first == 1, (first == 1).then(|| row.clone())))
                })
                .await?)
        })
    }

    fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        self.readers.with(|connection| {
            // One for each recipient and channel, the oldest that may be tried; while somebody tries one, nothing overtakes it.
            connection
                .prepare_cached(&format!(
                    "SELECT {NOTICE}, d.channel, d.attempts, d.next_at
                     FROM (SELECT min(w.notice) AS notice, w.channel FROM notice_delivery w
                           WHERE w.done_at IS NULL AND w.next_at <= ?1
                             AND NOT EXISTS (SELECT 1 FROM notice_delivery b
                                             WHERE b.done_at IS NULL AND b.recipient = w.recipient
                                               AND b.channel = w.channel AND b.held_until > ?1)
                           GROUP BY w.recipient, w.channel) head
                     JOIN notice_delivery d ON d.notice = head.notice AND d.channel = head.channel
                     JOIN notice n ON n.seq = d.notice
                     ORDER BY n.seq, d.channel"
                ))?
                .query_map([Micros(now)], |row| {
                    let (seq, notice) = notice(row)?;
                    Ok(Due {
                        seq: unsigned(seq),
                        notice,
                        channel: row.get::<_, Way>(7)?.0,
                        attempts: row.get(8)?,
                        due_at: row.get::<_, Micros>(9)?.0,
                    })
                })?
                .collect()
        })
    }

    fn claim_delivery<'a>(&'a self, due: &'a Due, until: Timestamp) -> Stored<'a, bool> {
        Box::pin(async move {
            let (seq, channel, due_at) = (due.seq, due.channel.code(), due.due_at);
            Ok(self
                .writer
                .run(move |connection| {
                    let mine = connection
                        .prepare_cached(
                            "UPDATE notice_delivery SET attempts = attempts + 1, next_at = ?4, held_until = ?4
                             WHERE notice = ?1 AND channel = ?2 AND next_at = ?3 AND done_at IS NULL",
                        )?
                        .execute(params![
                            i64::try_from(seq).unwrap_or(i64::MAX),
                            channel,
                            Micros(due_at),
                            Micros(until)
                        ])?;
                    Ok((mine == 1, None))
                })
                .await?)
        })
    }

    fn retry_notice<'a>(
        &'a self,
        id: &'a str,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(async move {
            let row = trail(entry)?;
            let id = id.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    let again = connection
                        .prepare_cached(
                            "UPDATE notice_delivery
                             SET done_at = NULL, given_up = 0, attempts = 0, next_at = ?2, held_until = 0
                             WHERE given_up = 1 AND notice = (SELECT seq FROM notice WHERE id = ?1)",
                        )?
                        .execute((&id, Micros(at)))?;
                    Ok((again > 0, (again > 0).then(|| row.clone())))
                })
                .await?)
        })
    }

    fn failing(&self) -> Result<Failing, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(sum(done_at IS NULL), 0), coalesce(sum(given_up), 0) FROM notice_delivery
                     WHERE delivered = 0 AND last_error IS NOT NULL",
                )?
                .query_row([], |row| {
                    Ok(Failing {
                        waiting: unsigned(row.get(0)?),
                        given_up: unsigned(row.get(1)?),
                    })
                })
        })
    }

    fn settle_delivery<'a>(
        &'a self,
        due: &'a Due,
        settled: Settled,
        at: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            let (seq, channel) = (due.seq, due.channel.code());
            let mut told = None;
            let (done, delivered, error, next, given_up) = match settled {
                Settled::Delivered => (Some(at), true, None, at, false),
                Settled::NoAddress => (Some(at), false, None, at, false),
                Settled::Again(why, next) => (None, false, Some(why), next, false),
                Settled::GivenUp(why, notice) => {
                    told = notice;
                    (Some(at), false, Some(why), at, true)
                }
            };
            Ok(self
                .writer
                .run(move |connection| {
                    let settled = connection
                        .prepare_cached(
                            "UPDATE notice_delivery
                             SET done_at = ?3, delivered = ?4, last_error = coalesce(?5, last_error), next_at = ?6,
                                 given_up = ?7, held_until = 0
                             WHERE notice = ?1 AND channel = ?2 AND done_at IS NULL",
                        )?
                        .execute(params![
                            i64::try_from(seq).unwrap_or(i64::MAX),
                            channel,
                            done.map(Micros),
                            delivered,
                            error,
                            Micros(next),
                            given_up,
                        ])?;
                    if let Some(notice) = told.as_deref().filter(|_| settled == 1) {
                        put(connection, notice)?;
                    }
                    Ok(((), None))
                })
                .await?)
        })
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        channel: row.get::<_, Way>(0)?.0,
        attempts: row.get(1)?,
        next_at: row.get::<_, Micros>(2)?.0,
        done_at: row.get::<_, Option<Micros>>(3)?.map(|at| at.0),
        delivered: row.get(4)?,
        last_error: row.get(5)?,
        given_up: row.get(6)?,
    })
}
