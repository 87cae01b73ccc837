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

/// Digits that FHIR promises to carry (datatypes, `decimal`); more may become another number on the way.
const DIGITS: usize = 18;
/// Beyond it whoever reads the number may see infinity or nothing.
const EXPONENT: u32 = 20;

/// A number as FHIR writes decimals: as sent where FHIR allows it, else the same number in FHIR's spelling
/// ([`is_respelled`]). `None` for what is no number, or none that arrives everywhere as what it is: that stays words.
pub(super) fn decimal(text: &str) -> Option<String> {
    let text = text.trim();
    let (minus, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (digits.get(..at)?, digits.get(at..)?),
        None => (digits, ""),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((w, f)) => (w, f),
        None => (mantissa, ""),
    };
    let numeric = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let some = !whole.is_empty() || !fraction.is_empty();
    if !some || !numeric(whole) || !numeric(fraction) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    if whole.len() + fraction.len() > DIGITS {
        return None;
    }
    if let Some(power) = exponent.get(1..) {
        let bare = power.strip_prefix(['+', '-']).unwrap_or(power);
        if !numeric(bare) || bare.parse::<u32>().ok()? > EXPONENT {
            return None;
        }
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{minus}{whole}{point}{fraction}{exponent}"))
}

/// Is it a number that FHIR can only hold in another spelling? JSON cannot say `007`, `+5`, `.5` or `5.`.
pub(super) fn is_respelled(text: &str) -> bool {
    decimal(text).is_some_and(|kept| kept != text.trim())
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
            ("1E3", Some("1E3")),
            ("1e3", Some("1e3")),
            ("-1.5e-7", Some("-1.5e-7")),
            ("000", Some("0")),
            ("007", Some("7")),
            ("123456789012345.678", Some("123456789012345.678")),
            // One digit more than FHIR carries, a power that nobody can hold, a comma: words, as sent.
            ("1234567890123456.789", None),
            ("99999999999999999999", None),
            ("1e21", None),
            ("1e-9999999999", None),
            ("5,0", None),
            ("1e", None),
            ("1e+", None),
            ("1.5e2.5", None),
            ("5 6", None),
            ("--5", None),
            ("+-5", None),
            ("", None),
            (".", None),
            ("NaN", None),
            ("1,5", None),
            ("1e", None),
        ] {
            assert_eq!(decimal(sent).as_deref(), kept, "{sent}");
            assert_eq!(
                is_respelled(sent),
                kept.is_some_and(|kept| kept != sent),
                "{sent}"
            );
        }
        // What is no number stays what was sent, with its unit.
        for sent in ["5,0", "99999999999999999999", "1e21"] {
            let words = Value::Text(format!("{sent} mmol/L"));
            assert_eq!(value(None, sent, Some("mmol/L")), words);
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
