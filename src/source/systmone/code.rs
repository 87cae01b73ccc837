//! Codes, drugs and quantities as SystmOne writes them.

use crate::record::{Coded, Coding, Comparator, Quantity, system};
use crate::source::xml::Element;

/// The `Code` children: the first is what was picked, the others say the same in another scheme.
pub fn coded(element: &Element) -> Coded {
    let mut said = Coded::default();
    for code in element.children("Code") {
        let term = code.attr("Term").map(ToOwned::to_owned);
        let scheme = code.attr("Scheme");
        let Some(value) = code.attr("Code") else {
            said.text = said.text.or(term);
            continue;
        };
        let coding = Coding {
            system: scheme_uri(scheme, value),
            code: value.to_owned(),
            display: term.clone(),
            user_selected: said.codings.is_empty(),
        };
        if !said
            .codings
            .iter()
            .any(|known| known.system == coding.system && known.code == coding.code)
        {
            said.codings.push(coding);
        }
        said.text = said.text.or(term);
    }
    said
}

/// CTV3 codes that begin with Y are the supplier's own (sources.md 4.6); an unknown scheme is kept apart by its name.
fn scheme_uri(scheme: Option<&str>, code: &str) -> String {
    match scheme {
        Some("CTV3") if code.starts_with('Y') => system::TPP_LOCAL.to_owned(),
        Some("CTV3") => system::CTV3.to_owned(),
        Some("Snomed") => system::SNOMED.to_owned(),
        _ => system::TPP_LOCAL.to_owned(),
    }
}

/// The `Drug` children: name and product ids.
pub fn drug(element: &Element) -> Coded {
    let mut said = Coded::default();
    for drug in element.children("Drug") {
        let name = drug
            .attr("Name")
            .or_else(|| drug.attr("FullName"))
            .map(ToOwned::to_owned);
        let scheme = drug.attr("Scheme");
        // -1 and 0 stand for "no product" (sources.md 4.8, 3).
        if let Some(id) = drug
            .attr("ProductID")
            .filter(|id| !matches!(*id, "-1" | "0"))
        {
            let uri = match scheme {
                Some("Dmd") => system::SNOMED,
                Some("Multilex") => system::MULTILEX,
                _ => system::TPP_LOCAL,
            };
            said.codings.push(Coding {
                system: uri.to_owned(),
                code: id.to_owned(),
                display: name.clone(),
                user_selected: said.codings.is_empty(),
            });
        }
        said.text = said.text.or(name);
    }
    said
}

/// `28 tablet`, `0.5 ml`, `<5.0`: comparator, number, unit. `None` where it does not begin with a number.
pub fn quantity(text: &str) -> Option<Quantity> {
    let text = text.trim();
    let (comparator, rest) = [
        ("<=", Comparator::LessOrEqual),
        (">=", Comparator::GreaterOrEqual),
        ("<", Comparator::Less),
        (">", Comparator::Greater),
    ]
    .into_iter()
    .find_map(|(sign, comparator)| {
        text.strip_prefix(sign)
            .map(|rest| (Some(comparator), rest.trim_start()))
    })
    .unwrap_or((None, text));
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
        .unwrap_or(rest.len());
    let (number, unit) = (rest.get(..end)?, rest.get(end..)?);
    // A FHIR decimal: an optional minus, digits without a needless zero in front, at most one point between digits.
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let fits = plain(whole)
        && fraction.is_none_or(plain)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && number.len() <= 18;
    // `10-20`, `12 - 14` or `1/2` is a range or a fraction, not a number with the unit `-20`; and `1e3` or `5 x 10^9` is
    // another number than 1 or 5.
    let unit_fits = unit.trim_start().is_empty()
        || unit
            .trim_start()
            .starts_with(|c: char| c.is_alphabetic() || c == '%');
    let unit_fits = unit_fits && !goes_on(unit);
    (fits && unit_fits).then(|| Quantity {
        comparator,
        value: number.to_owned(),
        unit: Some(unit.trim().to_owned()).filter(|unit| !unit.is_empty()),
    })
}

/// Does what stands behind a number multiply it: `e3`, `x 10^9`, `×10`?
fn goes_on(rest: &str) -> bool {
    let Some(behind) = rest
        .trim_start()
        .strip_prefix(['e', 'E', 'x', 'X', '×', '*'])
    else {
        return false;
    };
    behind
        .trim_start()
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    // SystmOne pitfall 5
    #[test]
    fn quantities_split_where_they_can() {
        let read = |text: &str| {
            quantity(text).map(|q| (q.comparator.map(Comparator::sign), q.value, q.unit))
        };
        // A range was once read as its first number.
        // So was a power, with the rest as its unit.
        for words in [
            "12 - 14", "10-20", "1/2", "5 +", "3 - high", "1e3", "1E-3", "5 x 10^9", "5x5 cm",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
        assert_eq!(
            read("28 tablet"),
            Some((None, "28".into(), Some("tablet".into())))
        );
        assert_eq!(
            read("2.8 vial"),
            Some((None, "2.8".into(), Some("vial".into())))
        );
        assert_eq!(
            read("0.5 ml"),
            Some((None, "0.5".into(), Some("ml".into())))
        );
        assert_eq!(read("<=5.10"), Some((Some("<="), "5.10".into(), None)));
        assert_eq!(
            read("< 200 mg/L"),
            Some((Some("<"), "200".into(), Some("mg/L".into())))
        );
        for words in [
            "",
            "as directed",
            "1/2 tablet",
            "10-20",
            "1.2.3",
            "007",
            ".5",
            "5.",
            "+5",
            "5,0",
            "1234567890123456789",
            "-",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
    }
}
