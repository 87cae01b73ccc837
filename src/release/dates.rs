//! FHIR dates as ranges of moments, for date search (R4 search#date).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::record::date::london;

/// The half-open range of milliseconds since 1970 that a FHIR `date`, `dateTime` or `instant` covers: a year, a month, a
/// day (in Europe/London), a minute, a second. A time without offset is taken as Europe/London. `None` where the text is
/// no FHIR date.
#[must_use]
pub fn range(text: &str) -> Option<(i64, i64)> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year: i16 = digits(parts.next()?, 4)?;
    let month: Option<i8> = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |it| it.map(Some))?;
    let day: Option<i8> = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |it| it.map(Some))?;
    if parts.next().is_some() {
        return None;
    }
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    let Some(time) = time else {
        let last = match (month, day) {
            (None, _) => Date::new(year, 12, 31).ok()?,
            (Some(_), None) => first.last_of_month(),
            (Some(_), Some(_)) => first,
        };
        return Some((midnight(first)?, midnight(last.tomorrow().ok()?)?));
    };
    day?;
    moment(first, time)
}

fn moment(date: Date, text: &str) -> Option<(i64, i64)> {
    let (clock, zone) = match text.find(['Z', '+', '-', ' ']) {
        Some(at) => (text.get(..at)?, Some(text.get(at..)?)),
        None => (text, None),
    };
    let zone = zone.map_or_else(|| Some(london()), offset)?;
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let mut parts = whole.split(':');
    let hour: i8 = digits(parts.next()?, 2)?;
    let minute: i8 = digits(parts.next()?, 2)?;
    let second: Option<i8> = parts
        .next()
        .map(|part| digits(part, 2))
        .map_or(Some(None), |it| it.map(Some))?;
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let (millis, length) = match (second, fraction) {
        (None, _) => (0, 60_000),
        (Some(_), None) => (0, 1_000),
        (Some(_), Some(fraction)) => {
            if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let three: String = fraction.chars().chain("00".chars()).take(3).collect();
            (three.parse::<i64>().ok()?, 1)
        }
    };
    // 60 is a leap second, which no time zone library counts.
    let time = Time::new(hour, minute, second.unwrap_or(0).min(59), 0).ok()?;
    let start = DateTime::from_parts(date, time)
        .to_zoned(zone)
        .ok()?
        .timestamp()
        .as_millisecond()
        .checked_add(millis)?;
    Some((start, start.checked_add(length)?))
}

/// `Z`, `+hh:mm` or `-hh:mm`; a plus sign that form decoding turned into a blank counts as plus.
fn offset(text: &str) -> Option<TimeZone> {
    if text == "Z" {
        return Some(TimeZone::UTC);
    }
    let sign = match text.bytes().next()? {
        b'+' | b' ' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let hours: i32 = digits(hours, 2)?;
    let minutes: i32 = digits(minutes, 2)?;
    if hours > 14 || minutes > 59 {
        return None;
    }
    let offset = Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()?;
    Some(TimeZone::fixed(offset))
}

fn midnight(date: Date) -> Option<i64> {
    Some(date.to_zoned(london()).ok()?.timestamp().as_millisecond())
}

fn digits<T: std::str::FromStr>(text: &str, len: usize) -> Option<T> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
    }

    // smart.md F11: what is no moment finds nothing, and what is one finds exactly that
    #[test]
    fn moments_are_read_to_their_limits() {
        for (text, same) in [
            ("2024-01-01T10:00:59Z", "2024-01-01T10:00:59Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2024-01-01T10:00+14:00", "2023-12-31T20:00:00Z"),
            ("2024-01-01T10:00-00:59", "2024-01-01T10:59:00Z"),
            ("2024-01-01T10:00Z", "2024-01-01T10:00:00Z"),
        ] {
            assert_eq!(range(text).map(|(from, _)| from), Some(at(same)), "{text}");
        }
        for text in [
            "2024-01-01T10:00:00.1aZ",
            "2024-01-01T10:00:00.123aZ",
            "2024-01-01T10:00:00Z01:00",
            "2024-01-01T10:00:00Zulu",
            "2024-+1",
            "+202-01-01",
            "2024-01-01T10:00:00.Z",
            "2024-01-01T10:00.5Z",
            "2024-01-01T10:00:00:00Z",
            "2024-01-01T10:00+15:00",
            "2024-01-01T10:00+16:00",
            "2024-01-01T10:00+02:60",
            "2024-01-01T10:00+02:61",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn precision_is_what_was_written() {
        let cases = [
            ("2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            // British Summer Time
            ("2024-06-01", "2024-05-31T23:00:00Z", "2024-06-01T23:00:00Z"),
            (
                "2024-06-01T10:30",
                "2024-06-01T09:30:00Z",
                "2024-06-01T09:31:00Z",
            ),
            (
                "2024-06-01T10:30:15Z",
                "2024-06-01T10:30:15Z",
                "2024-06-01T10:30:16Z",
            ),
            (
                "2024-06-01T10:30:15+01:00",
                "2024-06-01T09:30:15Z",
                "2024-06-01T09:30:16Z",
            ),
            (
                "2024-06-01T10:30:15 01:00",
                "2024-06-01T09:30:15Z",
                "2024-06-01T09:30:16Z",
            ),
            (
                "2024-06-01T10:30:15.25Z",
                "2024-06-01T10:30:15.250Z",
                "2024-06-01T10:30:15.251Z",
            ),
        ];
        for (text, start, end) in cases {
            assert_eq!(range(text), Some((at(start), at(end))), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "24",
            "2024-1",
            "2024-13",
            "2024-02-30",
            "2024-02-01-01",
            "2024-02T10:00",
            "2024-02-01T",
            "2024-02-01T25:00",
            "2024-02-01T10",
            "2024-02-01T10:00:00.Z",
            "2024-02-01T10:00+1",
            "2024-02-01T10:00:00+99:00",
            "٢٠٢٤",
            "now",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
