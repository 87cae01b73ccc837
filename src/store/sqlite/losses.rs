//! Loss reports.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::SqliteStore;
use super::values::Micros;
use crate::fhir::PatientId;
use crate::record::{LossCount, OdsCode};
use crate::store::losses::{KEPT_DAYS, LossLine, LossStore};
use crate::store::{StoreError, Stored};

impl LossStore for SqliteStore {
    fn keep_losses(
        &self,
        practice: OdsCode,
        patient: PatientId,
        at: Timestamp,
        losses: Vec<LossCount>,
    ) -> Stored<'_, ()> {
        Box::pin(async move {
            let kept = SignedDuration::from_hours(24 * KEPT_DAYS);
            let before = at.checked_sub(kept).unwrap_or(Timestamp::MIN);
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached("DELETE FROM mapping_loss WHERE at < ?1")?
                        .execute([Micros(before)])?;
                    connection
                        .prepare_cached(
                            "DELETE FROM mapping_loss WHERE practice = ?1 AND patient = ?2",
                        )?
                        .execute(params![practice.0, patient.to_string()])?;
                    let mut insert = connection.prepare_cached(
                        "INSERT INTO mapping_loss (practice, patient, path, reason, count, at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?;
                    for loss in &losses {
                        insert.execute(params![
                            practice.0,
                            patient.to_string(),
                            loss.path,
                            loss.reason,
                            i64::try_from(loss.count).unwrap_or(i64::MAX),
                            Micros(at),
                        ])?;
                    }
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn losses(
        &self,
        practice: &OdsCode,
        patient: Option<&PatientId>,
    ) -> Result<Vec<LossLine>, StoreError> {
        let patient = patient.map(ToString::to_string);
        self.readers.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT path, reason, sum(count), count(*) FROM mapping_loss
                     WHERE practice = ?1 AND (?2 IS NULL OR patient = ?2)
                     GROUP BY path, reason ORDER BY sum(count) DESC, path, reason",
                )?
                .query_map(params![practice.0, patient], |row| {
                    let number =
                        |column| row.get(column).map(|n: i64| u64::try_from(n).unwrap_or(0));
                    Ok(LossLine {
                        loss: LossCount {
                            path: row.get(0)?,
                            reason: row.get(1)?,
                            count: number(2)?,
                        },
                        records: number(3)?,
                    })
                })?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::IdKey;
    use crate::record::NhsNumber;

    fn lost(path: &str, reason: &str, count: u64) -> LossCount {
        LossCount {
            path: path.to_owned(),
            reason: reason.to_owned(),
            count,
        }
    }

    // R204: the practice sees its own records only, the newest report of each, and nothing for ever
    #[tokio::test]
    async fn a_report_takes_the_place_of_the_one_before_and_is_summed_up() {
        let dir = std::env::temp_dir().join(format!("openmig-losses-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let store = SqliteStore::open(&dir.join("openmig.sqlite")).unwrap();
        let ids = IdKey::new([1; 32]);
        let patient = |number: &str| ids.patient(&NhsNumber::parse(number).unwrap());
        let (one, two) = (patient("9990000018"), patient("9990000387"));
        let (here, there) = (OdsCode("Z99001".to_owned()), OdsCode("Z99002".to_owned()));
        let at: Timestamp = "2026-03-17T10:00:00Z".parse().unwrap();
        let keep = |practice: &OdsCode, patient: &PatientId, at, losses: Vec<LossCount>| {
            store.keep_losses(practice.clone(), patient.clone(), at, losses)
        };
        keep(&here, &one, at, vec![lost("a", "x", 9)])
            .await
            .unwrap();
        keep(&here, &one, at, vec![lost("a", "x", 2), lost("b", "y", 1)])
            .await
            .unwrap();
        keep(&here, &two, at, vec![lost("a", "x", 3)])
            .await
            .unwrap();
        keep(&there, &two, at, vec![lost("a", "x", 50)])
            .await
            .unwrap();
        let lines = |patient: Option<&PatientId>| -> Vec<(String, u64, u64)> {
            let lines = store.losses(&here, patient).unwrap();
            lines
                .into_iter()
                .map(|line| (line.loss.path, line.loss.count, line.records))
                .collect()
        };
        let row = |path: &str, count, records| (path.to_owned(), count, records);
        assert_eq!(lines(None), [row("a", 5, 2), row("b", 1, 1)]);
        assert_eq!(lines(Some(&one)), [row("a", 2, 1), row("b", 1, 1)]);
        let later = at
            .checked_add(SignedDuration::from_hours(24 * (KEPT_DAYS + 1)))
            .unwrap();
        keep(&here, &two, later, vec![lost("c", "z", 1)])
            .await
            .unwrap();
        assert_eq!(lines(None), [row("c", 1, 1)]);
        drop(store);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
