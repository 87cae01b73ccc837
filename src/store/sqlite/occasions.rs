//! Occasions, alerts, refusals and remembered opt-outs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::values::{Micros, Ods, Patient};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::register::{CARE, GatewayKind};
use crate::store::{
    AlertRow, LookedAt, OccasionRow, OccasionStore, RefusalRow, StoreError, Stored,
};

/// The columns of an occasion, as [`occasion`] reads them.
const OCCASION: &str = "id, viewer, client, clinician, role, patient, sealed_nhs, practice, tabs, protocol, purpose, \
                        consent, talk, override_reason, override_text, opened_at, ends_at, withdrawn_at, register_hash, assurance, \
                        site, gateway, asked, same_name, claimed";

fn occasion(row: &Row<'_>) -> rusqlite::Result<OccasionRow> {
    let purpose: String = row.get(10)?;
    let reason: Option<String> = row.get(13)?;
    let text: Option<String> = row.get(14)?;
    Ok(OccasionRow {
        id: row.get(0)?,
        viewer: row.get::<_, Ods>(1)?.0,
        client: row.get(2)?,
        clinician: row.get(3)?,
        role: row.get(4)?,
        patient: row.get::<_, Patient>(5)?.0,
        sealed_nhs: row.get(6)?,
        practice: row.get::<_, Ods>(7)?.0,
        tabs: row.get(8)?,
        protocol: row.get(9)?,
        purpose: purpose.split_whitespace().map(str::to_owned).collect(),
        consent: row.get(11)?,
        talk: row.get(12)?,
        override_reason: reason.zip(text),
        opened_at: row.get::<_, Micros>(15)?.0,
        ends_at: row.get::<_, Micros>(16)?.0,
        withdrawn_at: row.get::<_, Option<Micros>>(17)?.map(|at| at.0),
        register_hash: row.get(18)?,
        assurance: row.get(19)?,
        site: row.get::<_, Option<Ods>>(20)?.map(|site| site.0),
        gateway: gateway(row.get(21)?)?,
        asked: row.get(22)?,
        same_name: row.get(23)?,
        claimed: row.get(24)?,
    })
}

/// A gateway that this program does not know is no direct care: the row cannot be read, so nothing is shown.
fn gateway(code: Option<String>) -> rusqlite::Result<Option<GatewayKind>> {
    code.map(|code| {
        GatewayKind::from_code(&code).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                20,
                rusqlite::types::Type::Text,
                "no such gateway".into(),
            )
        })
    })
    .transpose()
}

fn insert(connection: &Connection, row: &OccasionRow) -> rusqlite::Result<()> {
    let (reason, text) = row
        .override_reason
        .as_ref()
        .map_or((None, None), |(reason, text)| (Some(reason), Some(text)));
    connection
        .prepare_cached(&format!(
            "INSERT INTO occasion ({OCCASION})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                     ?21, ?22, ?23, ?24, ?25)"
        ))?
        .execute(params![
            row.id,
            row.viewer.0,
            row.client,
            row.clinician,
            row.role,
            row.patient.as_str(),
            row.sealed_nhs,
            row.practice.0,
            row.tabs,
            row.protocol,
            row.purpose.join(" "),
            row.consent,
            row.talk,
            reason,
            text,
            Micros(row.opened_at),
            Micros(row.ends_at),
            row.withdrawn_at.map(Micros),
            row.register_hash,
            row.assurance,
            row.site.as_ref().map(|site| &site.0),
            row.gateway.map(GatewayKind::code),
            row.asked,
            row.same_name,
            row.claimed,
        ])?;
    if let Some(notice) = row.notice() {
        super::notices::put(connection, &notice)?;
    }
    Ok(())
}

fn insert_alert(connection: &Connection, row: &AlertRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO alert (id, viewer, clinician, patient, practice, occasion, reason, text, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            row.id,
            row.viewer.0,
            row.clinician,
            row.patient.as_str(),
            row.practice.0,
            row.occasion,
            row.reason,
            row.text,
            Micros(row.at),
        ])?;
    for notice in row.notices() {
        super::notices::put(connection, &notice)?;
    }
    Ok(())
}

/// Every occasion that can still be read.
pub(super) fn each(
    connection: &Connection,
    mut see: impl FnMut(OccasionRow),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {OCCASION} FROM occasion"))?;
    statement
        .query_map([], occasion)?
        .flatten()
        .for_each(&mut see);
    Ok(())
}

impl OccasionStore for SqliteStore {
    fn insert_occasion(&self, row: OccasionRow, alert: Option<AlertRow>) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    insert(connection, &row)?;
                    if let Some(alert) = &alert {
                        insert_alert(connection, alert)?;
                    }
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn find_occasion(&self, id: &str) -> Result<Option<OccasionRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!("SELECT {OCCASION} FROM occasion WHERE id = ?1"))?
                .query_row([id], occasion)
                .optional()
        })
    }

    fn look_at_occasion(&self, id: &str, now: Timestamp) -> Result<Option<LookedAt>, StoreError> {
        let decided = super::opt_out::stands("occasion.patient", "occasion.practice");
        // As [`OccasionRow::is_stopped_by`] has it.
        let stops = format!(
            "CASE WHEN occasion.gateway IS NULL THEN refusal.purpose = '{CARE}'
                  WHEN occasion.gateway = '{}' THEN refusal.purpose = occasion.purpose
                  ELSE TRUE END",
            GatewayKind::ExplicitConsent.code()
        );
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {OCCASION},
                            EXISTS (SELECT 1 FROM refusal
                                    WHERE refusal.patient = occasion.patient AND refusal.viewer = occasion.viewer
                                      AND refusal.clinician = occasion.clinician
                                      AND lifted_at IS NULL AND until > ?2
                                      AND ({stops})),
                            EXISTS (SELECT 1 FROM sharing
                                    WHERE sharing.patient = occasion.patient AND opted_out = 1)
                              OR EXISTS ({decided})
                     FROM occasion WHERE id = ?1"
                ))?
                .query_row((id, Micros(now)), |row| {
                    Ok(LookedAt {
                        row: occasion(row)?,
                        refused: row.get(25)?,
                        opted_out: row.get(26)?,
                    })
                })
                .optional()
        })
    }

    fn find_consent(&self, consent: &str) -> Result<Option<OccasionRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {OCCASION} FROM occasion WHERE consent = ?1"
                ))?
                .query_row([consent], occasion)
                .optional()
        })
    }

    fn withdraw_occasion<'a>(&'a self, id: &'a str, at: Timestamp) -> Stored<'a, bool> {
        Box::pin(async move {
            let id = id.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    let open = connection
                        .prepare_cached(
                            "UPDATE occasion SET withdrawn_at = ?2
                             WHERE id = ?1 AND withdrawn_at IS NULL AND ends_at > ?2",
                        )?
                        .execute((&id, Micros(at)))?;
                    connection
                        .prepare_cached("UPDATE token SET revoked = 1 WHERE occasion = ?1")?
                        .execute([&id])?;
                    Ok((open == 1, None))
                })
                .await?)
        })
    }

    fn insert_refusal(&self, row: RefusalRow) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO refusal (viewer, clinician, patient, at, until, lifted_at, purpose)
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        )?
                        .execute(params![
                            row.viewer.0,
                            row.clinician,
                            row.patient.as_str(),
                            Micros(row.at),
                            Micros(row.until),
                            row.lifted_at.map(Micros),
                            row.purpose,
                        ])?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn standing_refusals(
        &self,
        viewer: &OdsCode,
        clinician: &str,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Vec<RefusalRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT at, until, purpose FROM refusal
                     WHERE patient = ?1 AND viewer = ?2 AND clinician = ?3 AND lifted_at IS NULL AND until > ?4
                     ORDER BY until DESC",
                )?
                .query_map(
                    (patient.as_str(), &viewer.0, clinician, Micros(now)),
                    |row| {
                        Ok(RefusalRow {
                            viewer: viewer.clone(),
                            clinician: clinician.to_owned(),
                            patient: patient.clone(),
                            purpose: row.get(2)?,
                            at: row.get::<_, Micros>(0)?.0,
                            until: row.get::<_, Micros>(1)?.0,
                            lifted_at: None,
                        })
                    },
                )?
                .collect()
        })
    }

    fn lift_refusal<'a>(
        &'a self,
        viewer: &'a OdsCode,
        clinician: &'a str,
        patient: &'a PatientId,
        purpose: &'a str,
        at: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            let (viewer, clinician) = (viewer.0.clone(), clinician.to_owned());
            let (patient, purpose) = (patient.as_str().to_owned(), purpose.to_owned());
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "UPDATE refusal SET lifted_at = ?4
                             WHERE patient = ?1 AND viewer = ?2 AND clinician = ?3 AND purpose = ?5
                               AND lifted_at IS NULL AND until > ?4",
                        )?
                        .execute((&patient, &viewer, &clinician, Micros(at), &purpose))?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn remember_sharing<'a>(
        &'a self,
        patient: &'a PatientId,
        practice: &'a OdsCode,
        opted_out: bool,
        at: Timestamp,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            let (patient, practice) = (patient.as_str().to_owned(), practice.0.clone());
            Ok(self
                .writer
                .run(move |connection| {
                    // A slower answer that was asked for earlier must not undo a later one.
                    connection
                        .prepare_cached(
                            "INSERT INTO sharing (patient, practice, opted_out, at) VALUES (?1, ?2, ?3, ?4)
                             ON CONFLICT (patient, practice)
                             DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at
                             WHERE excluded.at >= sharing.at",
                        )?
                        .execute((&patient, &practice, opted_out, Micros(at)))?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn remembered_opt_out(&self, patient: &PatientId) -> Result<Option<OdsCode>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT practice FROM sharing WHERE patient = ?1 AND opted_out = 1
                     ORDER BY at DESC, practice LIMIT 1",
                )?
                .query_row([patient.as_str()], |row| Ok(row.get::<_, Ods>(0)?.0))
                .optional()
        })
    }

    fn decided_opt_out(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
    ) -> Result<Option<OdsCode>, StoreError> {
        self.opt_out_that_stands(patient, practice)
    }

    fn cleared_at(&self, patient: &PatientId) -> Result<Option<Timestamp>, StoreError> {
        self.cleared(patient)
    }

    fn lift_by_opt_in<'a>(
        &'a self,
        patient: &'a PatientId,
        practice: &'a OdsCode,
    ) -> Stored<'a, ()> {
        Box::pin(self.forget_older_than_opt_in(patient, practice))
    }
}
