//! Dates as OpenHR (ISO 8601, padded, with a date part) and EMIS Open (`dd/MM/yyyy`, with a date part) write them.
//! A date never becomes more precise than it was sent (sources.md 3.9, 1, 2 and 26).

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, Zoned};

use crate::record::PartialDate;
use crate::record::date::london;

/// How much of a padded date is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    Year,
    Month,
    Day,
    Time,
}

/// A date that was sent but cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// A local date and time, or a moment where the source gave an offset.
enum Written {
    Local(DateTime),
    Instant(Zoned),
}

impl Written {
    fn at(self, precision: Precision) -> PartialDate {
        let date = match &self {
            Self::Local(local) => local.date(),
            Self::Instant(zoned) => zoned.date(),
        };
        match precision {
            Precision::Year => PartialDate::Year(date.year()),
            Precision::Month => PartialDate::Month(date.year(), date.month()),
            Precision::Day => PartialDate::Day(date),
            Precision::Time => match self {
                Self::Local(local) => PartialDate::london(local),
                Self::Instant(zoned) => PartialDate::Moment(zoned),
            },
        }
    }
}

/// ISO 8601 date or date-time. Years before 1800 are placeholders of some database (0001-01-01), not dates.
fn iso(text: &str) -> Result<Written, Unreadable> {
    let written = if let Ok(instant) = text.parse::<Timestamp>() {
        Written::Instant(instant.to_zoned(london()))
    } else {
        let local = text.parse::<DateTime>().map_err(|_| Unreadable)?;
        Written::Local(local)
    };
    let year = match &written {
        Written::Local(local) => local.year(),
        Written::Instant(zoned) => zoned.year(),
    };
    plausible(year).map(|()| written)
}

fn plausible(year: i16) -> Result<(), Unreadable> {
    if (1800..=9998).contains(&year) {
        Ok(())
    } else {
        Err(Unreadable)
    }
}

/// OpenHR's `datepart` and `value`.
pub(super) fn by_part(part: Option<&str>, value: Option<&str>) -> Result<PartialDate, Unreadable> {
    let precision = match part {
        Some("U") => return Ok(PartialDate::Unknown),
        Some("Y") => Precision::Year,
        Some("YM") => Precision::Month,
        None | Some("YMD") => Precision::Day,
        Some("YMDT") => Precision::Time,
        Some(_) => return Err(Unreadable),
    };
    match value {
        Some(value) => Ok(iso(value)?.at(precision)),
        None if part.is_none() => Ok(PartialDate::Unknown),
        None => Err(Unreadable),
    }
}

/// An ISO date, or the day of an ISO date-time.
pub(super) fn iso_day(text: &str) -> Result<PartialDate, Unreadable> {
    Ok(iso(text)?.at(Precision::Day))
}

/// A date among words, such as a batch's expiry: ISO or British, whole or only a month or a year.
pub(super) fn written(text: &str) -> Result<PartialDate, Unreadable> {
    let iso_month = || {
        let (year, month) = text.split_once('-')?;
        let two = month.len() == 2 && !month.contains('-');
        two.then(|| format!("{month}/{year}"))
    };
    match iso_month() {
        Some(month) => assigned(Some(&month), None, None),
        None => iso_day(text).or_else(|_| assigned(Some(text), None, None)),
    }
}

/// An ISO date-time as a date with its time; a bare date stays a day.
pub(super) fn iso_moment(text: &str) -> Result<PartialDate, Unreadable> {
    let precision = if text.contains('T') {
        Precision::Time
    } else {
        Precision::Day
    };
    Ok(iso(text)?.at(precision))
}

/// The instant of a date-time, in either spelling; a bare day says nothing about the instant, so it is its midnight.
pub(super) fn instant(text: &str) -> Result<Timestamp, Unreadable> {
    let written = iso(text).or_else(|_| {
        let (date, time) = british(text)?;
        match date {
            BritishDate::Day(day) => Ok(Written::Local(
                day.to_datetime(time.unwrap_or_else(Time::midnight)),
            )),
            _ => Err(Unreadable),
        }
    })?;
    match written {
        Written::Instant(zoned) => Ok(zoned.timestamp()),
        Written::Local(local) => local
            .to_zoned(london())
            .map(|z| z.timestamp())
            .map_err(|_| Unreadable),
    }
}

enum BritishDate {
    Year(i16),
    Month(i16, i8),
    Day(Date),
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// `dd/MM/yyyy`, `MM/yyyy`, `May/2004` or `yyyy`, with a time behind a blank.
fn british(text: &str) -> Result<(BritishDate, Option<Time>), Unreadable> {
    let (date, time) = match text.trim().split_once(' ') {
        Some((date, time)) => (date, Some(clock(time)?)),
        None => (text.trim(), None),
    };
    let year = |t: &str| -> Result<i16, Unreadable> {
        let four = t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit());
        let year = if four { t.parse().ok() } else { None };
        let year: i16 = year.ok_or(Unreadable)?;
        plausible(year).map(|()| year)
    };
    let number = |t: &str| -> Result<i8, Unreadable> {
        match t.len() {
            1 | 2 => t.parse().map_err(|_| Unreadable),
            _ => Err(Unreadable),
        }
    };
    let parts: Vec<&str> = date.split('/').collect();
    let date = match parts.as_slice() {
        [y] => BritishDate::Year(year(y)?),
        [m, y] => {
            let lower = m.to_ascii_lowercase();
            let named = MONTHS
                .iter()
                .position(|name| lower.len() >= 3 && lower.starts_with(name));
            let month = match named {
                Some(at) => i8::try_from(at + 1).map_err(|_| Unreadable)?,
                None => number(m)?,
            };
            if !(1..=12).contains(&month) {
                return Err(Unreadable);
            }
            BritishDate::Month(year(y)?, month)
        }
        [d, m, y] => {
            BritishDate::Day(Date::new(year(y)?, number(m)?, number(d)?).map_err(|_| Unreadable)?)
        }
        _ => return Err(Unreadable),
    };
    Ok((date, time))
}

fn clock(text: &str) -> Result<Time, Unreadable> {
    let padded;
    let text = if text.len() == 5 {
        padded = format!("{text}:00");
        &padded
    } else {
        text
    };
    text.trim().parse().map_err(|_| Unreadable)
}

/// EMIS Open's `AssignedDate`, `DatePart` and `AssignedTime`. A missing part with a date is a day (pitfall 2); a time is
/// only meant where the part says so.
pub(super) fn assigned(
    date: Option<&str>,
    part: Option<&str>,
    time: Option<&str>,
) -> Result<PartialDate, Unreadable> {
    let precision = match part {
        None | Some("0") => Precision::Day,
        Some("1") => Precision::Month,
        Some("2") => Precision::Year,
        Some("3") => return Ok(PartialDate::Unknown),
        Some("4") => Precision::Time,
        Some(_) => return Err(Unreadable),
    };
    let Some(text) = date else {
        return Ok(PartialDate::Unknown);
    };
    let Ok((date, own_time)) = british(text) else {
        return Ok(iso(text)?.at(precision));
    };
    Ok(match date {
        BritishDate::Year(y) => PartialDate::Year(y),
        BritishDate::Month(y, _) if precision == Precision::Year => PartialDate::Year(y),
        BritishDate::Month(y, m) => PartialDate::Month(y, m),
        BritishDate::Day(day) => {
            let separate = time.map(clock).transpose()?;
            match (precision, separate.or(own_time)) {
                (Precision::Time, Some(time)) => PartialDate::london(day.to_datetime(time)),
                (Precision::Time, None) => PartialDate::Day(day),
                _ => Written::Local(day.to_datetime(Time::midnight())).at(precision),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fhir(date: Result<PartialDate, Unreadable>) -> Option<String> {
        date.unwrap().to_fhir()
    }

    // EMIS pitfall 1: dates are padded to 1 January; the part says how much is meant.
    #[test]
    fn openhr_precision_is_the_date_part() {
        let value = Some("1999-01-01T00:00:00");
        assert_eq!(fhir(by_part(Some("Y"), value)).as_deref(), Some("1999"));
        assert_eq!(fhir(by_part(Some("YM"), value)).as_deref(), Some("1999-01"));
        assert_eq!(
            fhir(by_part(Some("YMD"), value)).as_deref(),
            Some("1999-01-01")
        );
        assert_eq!(fhir(by_part(Some("U"), value)), None);
        assert_eq!(fhir(by_part(Some("U"), None)), None);
        assert_eq!(fhir(by_part(None, None)), None);
        assert_eq!(by_part(Some("Z"), value), Err(Unreadable));
        assert_eq!(by_part(Some("YMD"), Some("31/12/1999")), Err(Unreadable));
        assert_eq!(
            by_part(Some("YMD"), Some("0001-01-01T00:00:00")),
            Err(Unreadable)
        );
    }

    // EMIS pitfall 26: local time without offset gets London's; never for a date alone.
    #[test]
    fn local_times_are_londons() {
        let at = |v| fhir(by_part(Some("YMDT"), Some(v)));
        assert_eq!(
            at("2024-07-01T13:20:00").as_deref(),
            Some("2024-07-01T13:20:00+01:00")
        );
        assert_eq!(
            at("2024-01-01T13:20:00").as_deref(),
            Some("2024-01-01T13:20:00+00:00")
        );
        assert_eq!(
            at("2024-07-01T12:20:00Z").as_deref(),
            Some("2024-07-01T13:20:00+01:00")
        );
        assert_eq!(
            instant("2024-07-01T13:20:00").unwrap().to_string(),
            "2024-07-01T12:20:00Z"
        );
        assert_eq!(
            instant("01/07/2024 13:20:00").unwrap().to_string(),
            "2024-07-01T12:20:00Z"
        );
        assert!(instant("2024").is_err());
    }

    // A batch's expiry in EMIS Web's own records is a day, a month or a year.
    #[test]
    fn a_date_among_words_keeps_its_precision() {
        let at = |text| fhir(written(text));
        for (sent, kept) in [
            ("2025-12-01", "2025-12-01"),
            ("2020-11", "2020-11"),
            ("2023", "2023"),
            ("11/2020", "2020-11"),
            ("01/12/2025", "2025-12-01"),
        ] {
            assert_eq!(at(sent).as_deref(), Some(kept));
        }
        for bad in ["2020-13", "2020-1", "x-11", "11-2020", ""] {
            assert_eq!(written(bad), Err(Unreadable), "{bad}");
        }
    }

    #[test]
    fn emis_open_precision_is_the_date_part() {
        let at = |d, p, t| fhir(assigned(Some(d), p, t));
        assert_eq!(
            at("09/05/2004", Some("0"), Some("12:05:00")).as_deref(),
            Some("2004-05-09")
        );
        assert_eq!(
            at("01/05/2004", Some("1"), None).as_deref(),
            Some("2004-05")
        );
        assert_eq!(at("01/01/2004", Some("2"), None).as_deref(), Some("2004"));
        assert_eq!(at("01/01/2004", Some("3"), None), None);
        assert_eq!(
            at("09/05/2004", Some("4"), Some("12:05:00")).as_deref(),
            Some("2004-05-09T12:05:00+01:00")
        );
        assert_eq!(
            at("09/05/2004 12:05", Some("4"), None).as_deref(),
            Some("2004-05-09T12:05:00+01:00")
        );
        // the sample's consultations: part 4, no time
        assert_eq!(
            at("31/01/2014", Some("4"), None).as_deref(),
            Some("2014-01-31")
        );
        // pitfall 2: referrals omit the part
        assert_eq!(at("31/01/2014", None, None).as_deref(), Some("2014-01-31"));
        assert_eq!(at("May/2004", Some("1"), None).as_deref(), Some("2004-05"));
        assert_eq!(at("2004", Some("0"), None).as_deref(), Some("2004"));
        assert_eq!(fhir(assigned(None, Some("0"), None)), None);
        for bad in ["31/02/2004", "1/1/04", "x", "13/2004", "é/é/éé"] {
            assert_eq!(assigned(Some(bad), None, None), Err(Unreadable), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}", part in "[0-5UYMDT]{0,4}") {
            let _ = by_part(Some(&part), Some(&text));
            let _ = assigned(Some(&text), Some(&part), Some(&text));
            let _ = instant(&text);
            let _ = iso_moment(&text);
        }
    }
}
