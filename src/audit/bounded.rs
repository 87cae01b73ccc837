//! The trail towards those whom nobody knows: a flood of refusals must not fill the disk.
//!
//! A refusal of somebody who has shown no valid token or client is written like any other (R120), but only the first
//! [`EACH`] of one network address in a minute, and [`ALL`] of all addresses together. What is beyond is counted, and the
//! count is a row of its own when the minute is over. The first refusal of an address in a minute is always written while
//! fewer than [`ALL`] have been. So a minute is at most [`ALL`] rows and [`SUMMARIES`] counts. Rows of callers who are known
//! are never counted, always written.
//!
//! A process that is killed loses the counts of the minute, none of the rows.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::{AuditEntry, AuditError, AuditLog, Interaction, Origin, What};
use crate::clock::new_id;
use crate::fhir::PatientId;
use crate::source::BoxFuture;

/// Rows of one address in a minute.
pub const EACH: u32 = 10;
/// Rows of all addresses in a minute.
pub const ALL: u32 = 600;
/// Rows of counts for a minute; what more there is, is one count.
pub const SUMMARIES: usize = 100;
/// Addresses that are told apart in a minute.
const ADDRESSES: usize = 10_000;
/// The code of a row that counts.
pub const COUNTED: &str = "refusals-counted";

/// An [`AuditLog`] that bounds what strangers can make it write.
pub struct BoundedLog {
    inner: Arc<dyn AuditLog>,
    minute: Mutex<Minute>,
}

/// What strangers did in one minute.
#[derive(Debug, Default)]
struct Minute {
    /// Minutes since 1970.
    number: i64,
    rows: u32,
    of: HashMap<Option<IpAddr>, Count>,
    /// Of addresses that were too many to tell apart.
    others: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    rows: u32,
    counted: u64,
}

impl Minute {
    /// Is this refusal written (`true`) or counted?
    fn take(&mut self, address: Option<IpAddr>) -> bool {
        let address = address.map(network);
        if !self.of.contains_key(&address) && self.of.len() >= ADDRESSES {
            self.others += 1;
            return false;
        }
        let count = self.of.entry(address).or_default();
        if count.rows < EACH && self.rows < ALL {
            count.rows += 1;
            self.rows += 1;
            true
        } else {
            count.counted += 1;
            false
        }
    }

    /// The rows that say how many were not written.
    fn counts(self) -> Vec<AuditEntry> {
        let mut counted: Vec<_> = self
            .of
            .into_iter()
            .filter(|(_, count)| count.counted > 0)
            .map(|(address, count)| (address, count.counted))
            .collect();
        counted.sort_unstable_by_key(|(address, counted)| (std::cmp::Reverse(*counted), *address));
        let rest = counted.split_off(counted.len().min(SUMMARIES));
        let others = self.others + rest.iter().map(|(_, counted)| counted).sum::<u64>();
        let end = self.number.saturating_add(1).saturating_mul(60);
        let at = Timestamp::from_second(end).unwrap_or(Timestamp::UNIX_EPOCH);
        counted
            .into_iter()
            .chain((others > 0).then_some((None, others)))
            .map(|(address, counted)| count_row(at, address, counted))
            .collect()
    }
}

fn count_row(at: Timestamp, address: Option<IpAddr>, counted: u64) -> AuditEntry {
    let origin = Origin {
        request_id: new_id().to_string(),
        address,
    };
    let interaction = Interaction {
        name: "operation",
        kind: None,
        query: String::new(),
    };
    let mut entry = AuditEntry::new(at, What::Refused(interaction), origin);
    entry.failure = Some(COUNTED.to_owned());
    entry.decision = Some(serde_json::json!({"more_refusals_in_this_minute": counted}).to_string());
    entry
}

/// What one subscriber has: an IPv4 address, or the 64 bits of an IPv6 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// A refusal of somebody whom nobody knows.
fn is_strangers(entry: &AuditEntry) -> bool {
    entry.failure.is_some()
        && entry.client.is_none()
        && entry.clinician.is_none()
        && entry.patient.is_none()
        && entry.occasion.is_none()
}

impl BoundedLog {
    /// In front of a trail.
    #[must_use]
    pub fn new(inner: Arc<dyn AuditLog>) -> Self {
        Self {
            inner,
            minute: Mutex::default(),
        }
    }

    /// Writes the counts of a minute that is over at `now`.
    ///
    /// # Errors
    /// The trail cannot be written.
    pub async fn close_minute(&self, now: Timestamp) -> Result<(), AuditError> {
        let closed = self.roll(number(now));
        self.write_counts(closed).await
    }

    /// Writes whatever has been counted so far, before the process ends.
    ///
    /// # Errors
    /// The trail cannot be written.
    pub async fn close(&self) -> Result<(), AuditError> {
        let closed = self.roll(i64::MAX);
        self.write_counts(closed).await
    }

    /// Begins another minute where the time has come; gives back the old one.
    fn roll(&self, number: i64) -> Option<Minute> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        (number > minute.number).then(|| {
            let next = Minute {
                // After the last minute of a process, whatever comes is a minute of its own.
                number: if number == i64::MAX {
                    minute.number
                } else {
                    number
                },
                ..Minute::default()
            };
            std::mem::replace(&mut *minute, next)
        })
    }

    async fn write_counts(&self, minute: Option<Minute>) -> Result<(), AuditError> {
        for row in minute.map(Minute::counts).unwrap_or_default() {
            self.inner.write(row).await?;
        }
        Ok(())
    }
}

fn number(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl AuditLog for BoundedLog {
    fn write(&self, entry: AuditEntry) -> BoxFuture<'_, Result<(), AuditError>> {
        if !is_strangers(&entry) {
            return self.inner.write(entry);
        }
        Box::pin(async move {
            self.close_minute(entry.at).await?;
            let is_written = {
                let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
                minute.take(entry.origin.address)
            };
            if is_written {
                self.inner.write(entry).await
            } else {
                Ok(())
            }
        })
    }

    fn register_version<'a>(
        &'a self,
        version: &'a str,
        patient: &'a PatientId,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<(), AuditError>> {
        self.inner.register_version(version, patient, ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::fakes::FakeAudit;

    fn refusal(second: i64, address: &str) -> AuditEntry {
        let origin = Origin {
            request_id: "r".to_owned(),
            address: Some(address.parse().unwrap()),
        };
        let interaction = Interaction {
            name: "read",
            kind: None,
            query: String::new(),
        };
        let at = Timestamp::from_second(second).unwrap();
        let mut entry = AuditEntry::new(at, What::Refused(interaction), origin);
        entry.failure = Some("unauthorized".to_owned());
        entry
    }

    fn counts(rows: &[AuditEntry]) -> Vec<(Option<String>, String)> {
        rows.iter()
            .filter(|row| row.failure.as_deref() == Some(COUNTED))
            .map(|row| {
                let address = row.origin.address.map(|it| it.to_string());
                (address, row.decision.clone().unwrap_or_default())
            })
            .collect()
    }

    // R120: the first of an address is there, what is beyond is counted, and who is known is never counted
    #[tokio::test]
    async fn a_flood_is_counted_and_its_first_are_written() {
        let inner = Arc::new(FakeAudit::default());
        let log = BoundedLog::new(Arc::clone(&inner) as _);
        for n in 0..1000_u64 {
            log.write(refusal(0, "192.0.2.1")).await.unwrap();
            if n % 100 == 0 {
                log.write(refusal(1, "2001:db8::1")).await.unwrap();
                // Another address of the same subscriber.
                log.write(refusal(1, "2001:db8::2")).await.unwrap();
            }
        }
        log.write(refusal(2, "192.0.2.2")).await.unwrap();
        let mut known = refusal(2, "192.0.2.1");
        known.client = Some("a-client".to_owned());
        log.write(known).await.unwrap();
        assert_eq!(inner.rows.lock().unwrap().len(), 10 + 10 + 1 + 1);
        log.write(refusal(60, "192.0.2.1")).await.unwrap();
        let rows = inner.rows.lock().unwrap().clone();
        let said = |n: u64| format!(r#"{{"more_refusals_in_this_minute":{n}}}"#);
        assert_eq!(
            counts(&rows),
            [
                (Some("192.0.2.1".to_owned()), said(990)),
                (Some("2001:db8::".to_owned()), said(10))
            ]
        );
        assert_eq!(rows[22].at, Timestamp::from_second(60).unwrap());
        // The first one of the next minute is written again.
        assert_eq!(
            rows.last().unwrap().failure.as_deref(),
            Some("unauthorized")
        );
    }

    // R120: whoever has many addresses cannot fill the disk either
    #[tokio::test]
    async fn a_flood_from_everywhere_is_bounded_too() {
        let inner = Arc::new(FakeAudit::default());
        let log = BoundedLog::new(Arc::clone(&inner) as _);
        for n in 0..12_000_u32 {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
            log.write(refusal(30, &address)).await.unwrap();
        }
        assert_eq!(inner.rows.lock().unwrap().len(), ALL as usize);
        // At the end nothing is lost that was counted, and counting goes on.
        log.close().await.unwrap();
        let rows = inner.rows.lock().unwrap().clone();
        assert_eq!(rows.len(), ALL as usize + SUMMARIES + 1);
        let counted: u64 = counts(&rows)
            .iter()
            .map(|(_, said)| {
                let said: serde_json::Value = serde_json::from_str(said).unwrap();
                said["more_refusals_in_this_minute"].as_u64().unwrap()
            })
            .sum();
        assert_eq!(counted + u64::from(ALL), 12_000);
        log.close().await.unwrap();
        assert_eq!(inner.rows.lock().unwrap().len(), rows.len());
        log.write(refusal(31, "192.0.2.9")).await.unwrap();
        assert_eq!(inner.rows.lock().unwrap().len(), rows.len() + 1);
    }

    // R125: where the row cannot be written, the answer does not leave
    #[tokio::test]
    async fn a_broken_trail_is_said() {
        let inner = Arc::new(FakeAudit {
            broken: true,
            ..FakeAudit::default()
        });
        let log = BoundedLog::new(inner as _);
        assert!(log.write(refusal(0, "192.0.2.1")).await.is_err());
    }
}
