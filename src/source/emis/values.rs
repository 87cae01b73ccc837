//! Numbers, comparators, units and reference ranges, the same in both formats.

use crate::record::{Comparator, Quantity, Range, Value};

/// The comparator behind a sign; `Err` where the sign is none that we know.
pub(super) fn comparator(sign: Option<&str>) -> Result<Option<Comparator>, ()> {
    Ok(match sign.map(str::trim) {
        None | Some("" | "=" | "==") => None,
        Some("<") => Some(Comparator::Less),
        Some("<=" | "=<" | "≤") => Some(Comparator::LessOrEqual),
        Some(">=" | "=>" | "≥") => Some(Comparator::GreaterOrEqual),
        Some(">") => Some(Comparator::Greater),
        Some(_) => return Err(()),
    })
}

/// A number as FHIR writes decimals, digit for digit as sent apart from signs and zeros that FHIR does not allow.
pub(super) fn decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, f),
        None => (mantissa, ""),
    };
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty())
        || !numeric(whole)
        || !numeric(fraction)
        || text.len() > 40
    {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    out.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    if let Some(e) = exponent {
        let bare = e.strip_prefix(['+', '-']).unwrap_or(e);
        if bare.is_empty() || bare.len() > 3 || !numeric(bare) {
            return None;
        }
        out.push('e');
        out.push_str(e);
    }
    Some(out)
}

/// A result with sign, number and unit. What is no number stays as words: nothing is lost.
pub(super) fn value(sign: Option<&str>, number: &str, unit: Option<&str>) -> Value {
    match (comparator(sign), decimal(number)) {
        (Ok(comparator), Some(value)) => Value::Quantity(Quantity {
            comparator,
            value,
            unit: unit.map(str::to_owned),
        }),
        _ => Value::Text(words(&[sign, Some(number), unit])),
    }
}

/// An amount of medicine as a number, where it is one; EMIS writes 0 where it has none.
pub(super) fn amount(number: Option<&str>, unit: Option<&str>) -> Option<Quantity> {
    let value = decimal(number?)?;
    if value.bytes().all(|b| matches!(b, b'0' | b'.' | b'-')) {
        return None;
    }
    Some(Quantity {
        comparator: None,
        value,
        unit: unit.map(str::to_owned),
    })
}

/// One bound of a range as sent.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Bound<'a> {
    pub sign: Option<&'a str>,
    pub number: Option<&'a str>,
}

/// A numeric range. A sign says on which side the true value lies, wherever the number stands ("normal is less than 10"
/// arrives as a minimum of 10 with the sign `<`). Without signs two bounds are inclusive and a single bound is exclusive
/// (pitfall 10). What does not fit is kept in words.
pub(super) fn range(
    low: Bound<'_>,
    high: Bound<'_>,
    unit: Option<&str>,
    text: Option<String>,
) -> Range {
    let alone = low.number.is_some() != high.number.is_some();
    let mut out = Range {
        text,
        ..Range::default()
    };
    let mut kept = Vec::new();
    for (bound, is_low) in [(low, true), (high, false)] {
        let Some(number) = bound.number else { continue };
        let (Ok(sign), Some(value)) = (comparator(bound.sign), decimal(number)) else {
            kept.push(words(&[bound.sign, Some(number), unit]));
            continue;
        };
        let goes_low = match sign {
            None => is_low,
            Some(Comparator::Greater | Comparator::GreaterOrEqual) => true,
            Some(Comparator::Less | Comparator::LessOrEqual) => false,
        };
        let sign = match (sign, alone, goes_low) {
            (None, true, true) => Some(Comparator::Greater),
            (None, true, false) => Some(Comparator::Less),
            (sign, _, _) => sign,
        };
        let quantity = Quantity {
            comparator: sign,
            value,
            unit: unit.map(str::to_owned),
        };
        let place = if goes_low {
            &mut out.low
        } else {
            &mut out.high
        };
        if place.is_none() {
            *place = Some(quantity);
        } else {
            kept.push(words(&[bound.sign, Some(number), unit]));
        }
    }
    if !kept.is_empty() {
        kept.extend(out.text.take());
        out.text = Some(kept.join("; "));
    }
    out
}

/// What is there, with blanks between.
pub(super) fn words(parts: &[Option<&str>]) -> String {
    let there: Vec<&str> = parts.iter().flatten().map(|p| p.trim()).collect();
    there.join(" ").trim().to_owned()
}

/// A count; EMIS writes 0 where it has none.
pub(super) fn count(text: Option<&str>) -> Option<u32> {
    text?.parse().ok().filter(|n| *n > 0)
}

/// `true`, `1`, `Y` in any case.
pub(super) fn yes(text: Option<&str>) -> bool {
    text.is_some_and(|t| matches!(t.to_ascii_lowercase().as_str(), "true" | "1" | "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // EMIS pitfall 9: prior art turns `<=` into "greater or equal". Ours stays.
    #[test]
    fn comparators_stay_what_they_are() {
        for sign in ["<", "<=", ">=", ">"] {
            let Value::Quantity(q) = value(Some(sign), "5.0", Some("mmol/L")) else {
                panic!("a number");
            };
            assert_eq!(q.comparator.map(Comparator::sign), Some(sign));
            assert_eq!(
                (q.value.as_str(), q.unit.as_deref()),
                ("5.0", Some("mmol/L"))
            );
        }
        assert_eq!(
            value(Some("~"), "5", Some("mg")),
            Value::Text("~ 5 mg".to_owned())
        );
        assert_eq!(value(None, "trace", None), Value::Text("trace".to_owned()));
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (sent, kept) in [
            ("5", Some("5")),
            ("5.00", Some("5.00")),
            ("-0.5", Some("-0.5")),
            ("+05.50", Some("5.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("1E3", Some("1e3")),
            ("000", Some("0")),
            ("", None),
            (".", None),
            ("NaN", None),
            ("1,5", None),
            ("1e", None),
        ] {
            assert_eq!(decimal(sent).as_deref(), kept, "{sent}");
        }
    }

    // EMIS pitfall 10.
    #[test]
    fn ranges_two_bounds_inclusive_one_bound_exclusive() {
        let bound = |sign, number| Bound { sign, number };
        let both = range(
            bound(None, Some("3")),
            bound(None, Some("5")),
            Some("u"),
            None,
        );
        assert_eq!(both.low.as_ref().and_then(|q| q.comparator), None);
        assert_eq!(both.high.as_ref().and_then(|q| q.comparator), None);
        let one = range(bound(None, Some("3")), Bound::default(), None, None);
        assert_eq!(
            one.low.and_then(|q| q.comparator),
            Some(Comparator::Greater)
        );
        let one = range(Bound::default(), bound(Some("<="), Some("3")), None, None);
        assert_eq!(
            one.high.and_then(|q| q.comparator),
            Some(Comparator::LessOrEqual)
        );
        // the schema's own example: "less than 10" stands in the minimum
        let turned = range(bound(Some("<"), Some("10")), Bound::default(), None, None);
        assert_eq!(turned.low, None);
        assert_eq!(turned.high.map(|q| q.value).as_deref(), Some("10"));
        // two upper bounds: the second in words
        let odd = range(
            bound(Some("<"), Some("1")),
            bound(Some("<"), Some("2")),
            None,
            None,
        );
        assert_eq!(odd.text.as_deref(), Some("< 2"));
    }
}
