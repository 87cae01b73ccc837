//! Dates as SystmOne writes them: always a whole day, mostly with a time (SystmOne pitfall 10: precision is not invented).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::record::PartialDate;
use crate::record::date::london;

/// A date, or a date and time; midnight is how the system writes a day without a time. Years before 1800 are a database's
/// placeholders, not dates.
pub fn date(text: &str) -> Option<PartialDate> {
    let plausible = |year: i16| (1800..=9998).contains(&year);
    if !text.contains('T') {
        let day = text.parse::<Date>().ok()?;
        return plausible(day.year()).then_some(PartialDate::Day(day));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        let zoned = instant.to_zoned(london());
        return plausible(zoned.year()).then_some(PartialDate::Moment(zoned));
    }
    let local: DateTime = text.parse().ok()?;
    if !plausible(local.year()) {
        return None;
    }
    Some(if local.time() == Time::midnight() {
        PartialDate::Day(local.date())
    } else {
        PartialDate::london(local)
    })
}
