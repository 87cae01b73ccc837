//! Reading the trail.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use super::SqliteStore;
use super::values::{Micros, Ods, Patient};
use crate::audit::reader::{AuditReader, Cursor, Filter, Happening, Page, StoredEvent};
use crate::audit::row;
use crate::audit::verify::TreeHead;
use crate::fhir::Kind;
use crate::store::StoreError;
use crate::tabs::catalogue::TabSet;

/// What [`event`] reads, in its order.
const SELECT: &str = "SELECT seq, id, at, what, failure, request, address, client, clinician, role, assurance, viewer, \
                      practice, patient, occasion, purpose, basis, tabs, decision, policy, exclusions, token, \
                      interaction, kind, query, version, entries, other_ids FROM audit_event";

/// The condition that a filter asks for, with its parameters.
pub(super) fn condition(
    connection: &Connection,
    filter: &Filter,
    after: Option<Cursor>,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let mut conditions = vec![format!("what <> '{}'", row::HELD)];
    let mut values: Vec<Value> = Vec::new();
    let mut add = |sql: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{sql} ?{}", values.len()));
        }
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let micros = |at: Timestamp| Value::Integer(at.as_microsecond());

    add(
        "id =",
        filter.id.map(|id| Value::Blob(id.as_bytes().to_vec())),
    );
    // An occasion has no index of its own, but its patient has.
    let patient = match (&filter.patient, &filter.occasion) {
        (Some(patient), _) => Some(patient.as_str().to_owned()),
        (None, Some(occasion)) => connection
            .prepare_cached("SELECT patient FROM occasion WHERE id = ?1")?
            .query_row([occasion], |row| row.get(0))
            .optional()?,
        (None, None) => None,
    };
    // `+` keeps the planner from the practice's index, which is the longer one.
    let practice = if patient.is_some() {
        "+practice ="
    } else {
        "practice ="
    };
    add(practice, filter.practice.as_ref().map(|ods| text(&ods.0)));
    add("patient =", patient.map(Value::Text));
    add("occasion =", filter.occasion.as_deref().map(text));
    add("request =", filter.request.as_deref().map(text));
    add("viewer =", filter.viewer.as_ref().map(|ods| text(&ods.0)));
    add("clinician =", filter.clinician.as_deref().map(text));
    add("what =", filter.happening.map(|what| text(what.code())));
    if let Some(failed) = filter.failed {
        add(
            "(failure IS NOT NULL) =",
            Some(Value::Integer(i64::from(failed))),
        );
    }
    add("at >=", filter.since.map(micros));
    add("at <", filter.until.map(micros));
    add(
        "seq <",
        after.map(|Cursor(seq)| Value::Integer(i64::try_from(seq).unwrap_or(i64::MAX))),
    );
    Ok((conditions.join(" AND "), values))
}

/// An event with its bitmap, not yet resolved.
struct Found {
    event: StoredEvent,
    entries: Vec<u8>,
}

/// A number that the schema never lets be negative.
fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

fn event(row: &Row<'_>) -> rusqlite::Result<Found> {
    let bad = |column: usize, name: &str, value: &str| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("{name} {value:?} is unknown").into(),
        )
    };
    let what: String = row.get(3)?;
    let address: Option<String> = row.get(6)?;
    let kind: Option<String> = row.get(23)?;
    let words = |text: Option<String>| -> Vec<String> {
        text.unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let others = words(row.get(27)?);
    Ok(Found {
        event: StoredEvent {
            seq: unsigned(row.get(0)?),
            id: Uuid::from_bytes(row.get(1)?),
            at: row.get::<_, Micros>(2)?.0,
            happening: Happening::from_code(&what).ok_or_else(|| bad(3, "what", &what))?,
            failure: row.get(4)?,
            request_id: row.get(5)?,
            address: address
                .map(|text| text.parse().map_err(|_| bad(6, "address", &text)))
                .transpose()?,
            client: row.get(7)?,
            clinician: row.get(8)?,
            role: row.get(9)?,
            assurance: row.get(10)?,
            viewer: row.get::<_, Option<Ods>>(11)?.map(|ods| ods.0),
            practice: row.get::<_, Option<Ods>>(12)?.map(|ods| ods.0),
            patient: row.get::<_, Option<Patient>>(13)?.map(|patient| patient.0),
            occasion: row.get(14)?,
            purpose: words(row.get(15)?),
            basis: row.get(16)?,
            tabs: TabSet::from_bits(row.get(17)?),
            decision: row.get(18)?,
            policy: row.get(19)?,
            exclusions: row.get(20)?,
            token: row.get(21)?,
            interaction: row.get(22)?,
            kind: kind.as_deref().and_then(Kind::from_name),
            query: row.get(24)?,
            version: row.get(25)?,
            binds: others
                .iter()
                .filter_map(|id| row::sealed_digest(id))
                .collect(),
            disclosed: others
                .into_iter()
                .filter(|id| row::sealed_digest(id).is_none())
                .collect(),
            unresolved: 0,
        },
        entries: row.get::<_, Option<Vec<u8>>>(26)?.unwrap_or_default(),
    })
}

/// The lists of ids of the versions that one page needs, each read once.
#[derive(Default)]
struct Versions(HashMap<String, Vec<String>>);

impl Versions {
    fn resolve(&mut self, connection: &Connection, found: Found) -> rusqlite::Result<StoredEvent> {
        let Found { mut event, entries } = found;
        let marked = row::count_marked(&entries);
        let Some(version) = event.version.as_ref().filter(|_| marked > 0) else {
            event.unresolved = marked;
            return Ok(event);
        };
        if !self.0.contains_key(version) {
            self.0.insert(version.clone(), ids_of(connection, version)?);
        }
        let ids = self.0.get(version).map(Vec::as_slice).unwrap_or_default();
        let mut disclosed: Vec<String> = ids
            .iter()
            .enumerate()
            .filter(|(n, _)| row::is_marked(&entries, *n))
            .map(|(_, id)| id.clone())
            .collect();
        event.unresolved =
            marked.saturating_sub(u32::try_from(disclosed.len()).unwrap_or(u32::MAX));
        disclosed.append(&mut event.disclosed);
        event.disclosed = disclosed;
        Ok(event)
    }
}

/// A tree head from `size, root, at`.
pub(super) fn tree_head(row: &Row<'_>) -> rusqlite::Result<TreeHead> {
    Ok(TreeHead {
        size: unsigned(row.get(0)?),
        root: row.get(1)?,
        at: row.get::<_, Micros>(2)?.0,
    })
}

fn ids_of(connection: &Connection, version: &str) -> rusqlite::Result<Vec<String>> {
    let held: Option<(String, String)> = connection
        .prepare_cached("SELECT patient, ids FROM audit_version WHERE version = ?1")?
        .query_row([version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(held
        .map(|(patient, ids)| row::unpack_ids(&patient, &ids).collect())
        .unwrap_or_default())
}

impl AuditReader for SqliteStore {
    fn events(
        &self,
        filter: &Filter,
        count: usize,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError> {
        self.readers.with(|connection| {
            let (conditions, mut values) = condition(connection, filter, after)?;
            // One more than asked for tells whether there is a next page.
            let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
            values.push(Value::Integer(limit));
            let sql = format!(
                "{SELECT} WHERE {conditions} ORDER BY seq DESC LIMIT ?{}",
                values.len()
            );
            let mut found: Vec<Found> = connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(values), event)?
                .collect::<Result<_, _>>()?;
            let more = found.len() > count;
            found.truncate(count);
            let mut versions = Versions::default();
            let events: Vec<StoredEvent> = found
                .into_iter()
                .map(|found| versions.resolve(connection, found))
                .collect::<Result<_, _>>()?;
            let next = events.last().filter(|_| more).map(|last| Cursor(last.seq));
            Ok(Page { events, next })
        })
    }

    fn head(&self) -> Result<Option<TreeHead>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT size, root, at FROM audit_head ORDER BY size DESC LIMIT 1")?
                .query_row([], tree_head)
                .optional()
        })
    }

    fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.readers.with(|connection| {
            let (conditions, values) = condition(connection, filter, None)?;
            connection
                .prepare_cached(&format!(
                    "SELECT count(*) FROM audit_event WHERE {conditions}"
                ))?
                .query_row(params_from_iter(values), |row| Ok(unsigned(row.get(0)?)))
        })
    }
}
