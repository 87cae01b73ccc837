//! Dates as the source knew them: never more precise than they were sent.

use std::cmp::Reverse;
use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A date with the precision that the source gave it (sources.md pitfall 1: EMIS pads to 1 January).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PartialDate {
    /// The source says that it does not know, or says nothing.
    #[default]
    Unknown,
    /// A year.
    Year(i16),
    /// A month of a year (1 to 12).
    Month(i16, i8),
    /// A day.
    Day(Date),
    /// A moment: the source's local time in Europe/London with its offset.
    Moment(Zoned),
}

impl PartialDate {
    /// A local date and time of a source without offset, as a moment in Europe/London (sources.md pitfall 26).
    #[must_use]
    pub fn london(local: DateTime) -> Self {
        match local.to_zoned(london()) {
            Ok(zoned) => Self::Moment(zoned),
            Err(_) => Self::Day(local.date()),
        }
    }

    /// The FHIR `dateTime` text: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or a full instant with offset, with a fraction of a
    /// second where the source sent one; `None` when unknown.
    #[must_use]
    pub fn to_fhir(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Year(y) => Some(format!("{y:04}")),
            Self::Month(y, m) => Some(format!("{y:04}-{m:02}")),
            Self::Day(date) => Some(date.to_string()),
            Self::Moment(zoned) => {
                let written = |zoned: &Zoned| zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string();
                // Until 1847 London's clocks were 75 seconds behind Greenwich, which no offset of FHIR can say.
                Some(if zoned.offset().seconds() % 60 == 0 {
                    written(zoned)
                } else {
                    written(&zoned.with_time_zone(TimeZone::UTC))
                })
            }
        }
    }

    /// The first day that this date can mean; `None` when unknown.
    #[must_use]
    pub fn earliest(&self) -> Option<Date> {
        match self {
            Self::Unknown => None,
            Self::Year(y) => Date::new(*y, 1, 1).ok(),
            Self::Month(y, m) => Date::new(*y, *m, 1).ok(),
            Self::Day(date) => Some(*date),
            Self::Moment(zoned) => Some(zoned.date()),
        }
    }

    /// The last day that this date can mean; `None` when unknown.
    #[must_use]
    pub fn latest(&self) -> Option<Date> {
        match self {
            Self::Year(y) => Date::new(*y, 12, 31).ok(),
            Self::Month(y, m) => Date::new(*y, *m, 1).ok().map(|d| d.last_of_month()),
            other => other.earliest(),
        }
    }

    /// The half-open range of moments [start, end) that this date covers in Europe/London, for FHIR date search.
    #[must_use]
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        if let Self::Moment(zoned) = self {
            let start = zoned.timestamp();
            return Some((
                start,
                start.checked_add(jiff::SignedDuration::from_secs(1)).ok()?,
            ));
        }
        let start = self.earliest()?.to_zoned(london()).ok()?.timestamp();
        let end = self
            .latest()?
            .tomorrow()
            .ok()?
            .to_zoned(london())
            .ok()?
            .timestamp();
        Some((start, end))
    }

    /// A key to sort by: newest first, unknown last, the order of every tab (R035).
    #[must_use]
    pub fn newest_first(&self) -> (bool, Reverse<Option<(Timestamp, Timestamp)>>) {
        let range = self.range();
        (range.is_none(), Reverse(range))
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_fhir().unwrap_or_else(|| "unknown".to_owned()))
    }
}

/// The time zone of every English GP system. The zone data is compiled in.
#[must_use]
pub fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R206: EMIS Web's times of entry have milliseconds; they stay, and none are invented.
    #[test]
    fn a_moment_keeps_its_fraction_of_a_second() {
        for text in [
            "2011-09-22T11:00:28.977+01:00",
            "2021-01-08T15:25:10.15+00:00",
            "2020-11-25T13:55:21+00:00",
        ] {
            let at: Timestamp = text.parse().unwrap();
            let date = PartialDate::Moment(at.to_zoned(london()));
            assert_eq!(date.to_fhir().as_deref(), Some(text));
        }
    }

    // Found by fuzzing: a moment with an offset of seconds is no FHIR dateTime, and nobody could search for it.
    #[test]
    fn a_moment_before_railway_time_is_written_in_utc() {
        let date = PartialDate::london(Date::constant(1812, 1, 22).at(0, 0, 0, 0));
        assert_eq!(date.to_fhir().as_deref(), Some("1812-01-22T00:01:15+00:00"));
    }
}
