//! Do trace service and source speak of the same person (R012)? And how old is that person?
//!
//! Names are compared without case, accents, blanks and punctuation; dates as far as both are known.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::facts::{AgeBand, Fact};
use crate::record::names::folded;

/// Somebody, as one system knows them.
#[derive(Clone, Copy, Default)]
pub struct Person<'a> {
    /// Family name.
    pub family: Option<&'a str>,
    /// First given name (others may follow it).
    pub given: Option<&'a str>,
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY`.
    pub birth_date: Option<&'a str>,
}

/// What agrees. Nothing here says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFindings {
    /// Family name.
    pub family: bool,
    /// First given name: the same, or one the beginning of the other.
    pub given: bool,
    /// Date of birth.
    pub birth_date: bool,
}

impl IdentityFindings {
    /// Compares two systems' view; what one of them does not say does not agree.
    #[must_use]
    pub fn compare(trace: &Person<'_>, source: &Person<'_>) -> Self {
        Self {
            family: same_family(trace.family, source.family),
            given: same_given(trace.given, source.given),
            birth_date: same_date(trace.birth_date, source.birth_date),
        }
    }

    /// The same person.
    #[must_use]
    pub fn agrees(self) -> bool {
        self.family && self.given && self.birth_date
    }
}

fn same_family(a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (folded(a), folded(b));
    !a.is_empty() && a == b
}

fn same_given(a: Option<&str>, b: Option<&str>) -> bool {
    match (first_word(a), first_word(b)) {
        // Somebody with one name only has no given name in either system.
        (None, None) => true,
        (Some(a), Some(b)) => a.starts_with(&b) || b.starts_with(&a),
        _ => false,
    }
}

fn first_word(name: Option<&str>) -> Option<String> {
    name.unwrap_or_default()
        .split_whitespace()
        .map(|word| folded(Some(word)))
        .find(|word| !word.is_empty())
}

fn same_date(a: Option<&str>, b: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (a.map(str::trim), b.map(str::trim)) else {
        return false;
    };
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    matches!(short.len(), 4 | 7 | 10) && days(short).is_some() && long.starts_with(short)
}

/// Under 16 on `today`, or not; unknown where the date does not settle it.
#[must_use]
pub fn age_band(birth_date: Option<&str>, today: Date) -> Fact<AgeBand> {
    let Some((first, last)) = birth_date.map(str::trim).and_then(days) else {
        return Fact::Unknown;
    };
    let adult = |born: Date| {
        born.checked_add(16.years())
            .is_ok_and(|birthday| birthday <= today)
    };
    match (adult(first), adult(last)) {
        (true, true) => Fact::Known(AgeBand::Adult),
        (false, false) => Fact::Known(AgeBand::Child),
        _ => Fact::Unknown,
    }
}

/// First and last day that a date of this precision can mean.
fn days(text: &str) -> Option<(Date, Date)> {
    let mut parts = text.split('-');
    let year: i16 = parts.next()?.parse().ok()?;
    let month: Option<i8> = parts.next().map(str::parse).transpose().ok()?;
    let day: Option<i8> = parts.next().map(str::parse).transpose().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?;
    let last = match (month, day) {
        (_, Some(_)) => first,
        (Some(_), None) => first.last_of_month(),
        (None, None) => first.last_of_year(),
    };
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn person<'a>(family: &'a str, given: &'a str, born: &'a str) -> Person<'a> {
        Person {
            family: Some(family),
            given: Some(given),
            birth_date: Some(born),
        }
    }

    // R012
    #[test]
    fn the_same_person_is_recognised_across_spellings() {
        let trace = person("O'Brien-Søndergård", "Zoë Anne", "1957-03-14");
        for source in [
            person("O'BRIEN SONDERGARD", "ZOE", "1957-03-14"),
            person("Obrien Sondergard", "Z", "1957-03-14"),
            person("O’Brien-Søndergård", "Zoë", "1957-03"),
        ] {
            assert!(IdentityFindings::compare(&trace, &source).agrees());
            assert!(IdentityFindings::compare(&source, &trace).agrees());
        }
    }

    // R012
    #[test]
    fn another_person_or_a_silent_system_does_not_agree() {
        let trace = person("Patel", "Meera", "1957-03-14");
        for source in [
            person("Patel", "Meera", "1957-03-15"),
            person("Patel", "Meera", "1957-3"),
            person("Patel", "Anjali", "1957-03-14"),
            person("Shah", "Meera", "1957-03-14"),
            person("", "Meera", "1957-03-14"),
            person("Patel", "", "1957-03-14"),
            Person {
                birth_date: None,
                ..trace
            },
        ] {
            assert!(!IdentityFindings::compare(&trace, &source).agrees());
        }
        let nobody = Person::default();
        assert!(!IdentityFindings::compare(&nobody, &nobody).agrees());
    }

    // R012: letters that systems write in different ways are the same letter, and only those
    #[test]
    fn names_are_compared_without_their_accents() {
        for (written, plain) in [
            ("àáâãäåāăą", "aaaaaaaaa"),
            ("çćč", "ccc"),
            ("ďđð", "ddd"),
            ("èéêëēėęě", "eeeeeeee"),
            ("ğ", "g"),
            ("ìíîïīįı", "iiiiiii"),
            ("łľ", "ll"),
            ("ñńň", "nnn"),
            ("òóôõöøőō", "oooooooo"),
            ("ř", "r"),
            ("śšşș", "ssss"),
            ("ťţț", "ttt"),
            ("ùúûüūůű", "uuuuuuu"),
            ("ýÿ", "yy"),
            ("źżž", "zzz"),
            ("æœßþ", "aeoessth"),
            ("Mac-Donald 2nd", "macdonald2nd"),
            ("' -.", ""),
            ("Ольга", "ольга"),
        ] {
            assert_eq!(folded(Some(written)), plain, "{written}");
        }
        assert_eq!(folded(None), "");
    }

    // R012
    #[test]
    fn a_given_name_may_be_short_or_absent_in_both_but_not_in_one() {
        for (one, other, same) in [
            (Some("Zoë Anne"), Some("Z"), true),
            (Some("Z"), Some("Zoe"), true),
            (Some("- Zoe"), Some("zoe"), true),
            (Some("Zoe"), Some("Zara"), false),
            (Some("Anne Zoe"), Some("Zoe"), false),
            (None, None, true),
            (Some(" "), Some("-"), true),
            (None, Some("Zoe"), false),
            (Some("Zoe"), Some(""), false),
        ] {
            assert_eq!(same_given(one, other), same, "{one:?} {other:?}");
        }
        assert!(!same_family(Some("-"), Some("'")));
    }

    // R012: a date that says less must not say otherwise
    #[test]
    fn dates_of_birth_agree_as_far_as_both_go() {
        for (one, other, same) in [
            ("1957-03-14", " 1957-03-14 ", true),
            ("1957-03-14", "1957-03", true),
            ("1957", "1957-03-14", true),
            ("1957-03", "1957-03", true),
            ("1957-03-14", "1957-04", false),
            ("1957-03-14", "1958", false),
            ("1957-03-14", "195", false),
            ("1957-03-1", "1957-03-14", false),
            ("1957-02-30", "1957-02-30", false),
            ("1957-13", "1957-13", false),
            ("1957-03-14", "1957-03-14-01", true),
            ("year", "year", false),
            ("", "", false),
        ] {
            assert_eq!(same_date(Some(one), Some(other)), same, "{one} {other}");
            assert_eq!(same_date(Some(other), Some(one)), same, "{other} {one}");
        }
        assert!(!same_date(None, Some("1957")) && !same_date(Some("1957"), None));
    }

    // R075
    #[test]
    fn what_is_no_date_gives_no_age() {
        let today = date(2026, 11, 22);
        for text in [
            "2010-11-22-01",
            "2010-13",
            "2010-02-30",
            "2010--1",
            "",
            "-",
            "2010-",
        ] {
            assert_eq!(age_band(Some(text), today), Fact::Unknown, "{text}");
        }
        assert_eq!(age_band(Some(" 1957 "), today), Fact::Known(AgeBand::Adult));
        assert_eq!(
            age_band(Some("2010-12"), today),
            Fact::Known(AgeBand::Child)
        );
    }

    // R075
    #[test]
    fn sixteen_begins_on_the_birthday() {
        let today = date(2026, 11, 22);
        let band = |born| age_band(Some(born), today);
        assert_eq!(band("2010-11-22"), Fact::Known(AgeBand::Adult));
        assert_eq!(band("2010-11-23"), Fact::Known(AgeBand::Child));
        assert_eq!(band("2010-11"), Fact::Unknown);
        assert_eq!(band("2010-10"), Fact::Known(AgeBand::Adult));
        assert_eq!(band("2010"), Fact::Unknown);
        assert_eq!(band("2011"), Fact::Known(AgeBand::Child));
        assert_eq!(band("soon"), Fact::Unknown);
        assert_eq!(age_band(None, today), Fact::Unknown);
        // the first day that a date can mean is the first of its month, of its year
        let new_year = date(2026, 1, 1);
        assert_eq!(age_band(Some("2010"), new_year), Fact::Unknown);
        assert_eq!(age_band(Some("2010-01"), new_year), Fact::Unknown);
    }
}
