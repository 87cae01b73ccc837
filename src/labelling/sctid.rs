//! SNOMED CT identifiers: form, partition, check digit.
//!
//! Published reference sets have been damaged by spreadsheets (governance.md 1.3), so no id is taken on trust.

/// Is this a well-formed id of a SNOMED CT *concept*: 6 to 18 digits, a concept partition, a right Verhoeff check digit?
#[must_use]
pub fn is_concept(id: &str) -> bool {
    let well_formed = (6..=18).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_digit())
        && !id.starts_with('0');
    well_formed && matches!(partition(id), Some("00" | "10")) && verhoeff(id)
}

/// Is it in EMIS's own namespace (1000006)? Such an id is in no national release, hence cannot be checked.
#[must_use]
pub fn is_emis_namespace(id: &str) -> bool {
    partition(id) == Some("10")
        && id
            .len()
            .checked_sub(10)
            .and_then(|start| id.get(start..id.len() - 3))
            == Some("1000006")
}

/// The two digits before the check digit.
fn partition(id: &str) -> Option<&str> {
    let start = id.len().checked_sub(3)?;
    id.get(start..id.len() - 1)
}

/// Verhoeff's dihedral check over all digits, the check digit included.
fn verhoeff(digits: &str) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURN: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let mut check = 0_u8;
    for (place, byte) in digits.bytes().rev().enumerate() {
        let digit = usize::from(byte.wrapping_sub(b'0'));
        let turned = TURN.get(place % 8).and_then(|row| row.get(digit));
        let next =
            turned.and_then(|turned| TIMES.get(usize::from(check))?.get(usize::from(*turned)));
        match next {
            Some(next) => check = *next,
            None => return false,
        }
    }
    check == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // R049; governance.md 1.3: spreadsheets turned ids into "1.03E+15"
    #[test]
    fn only_whole_concept_ids_pass() {
        for good in ["62479008", "9391000000101", "81000119104", "138691006"] {
            assert!(is_concept(good), "{good}");
        }
        for bad in [
            "62479009",
            "1.03E+15",
            "",
            "62479",
            "062479008",
            "６２４７９００８",
            "9391000000111",
            "12345678901234567890",
        ] {
            assert!(!is_concept(bad), "{bad}");
        }
        // a description id (partition 01) with a right check digit is not a concept
        assert!(verhoeff("101013") && !is_concept("101013"));
    }

    // R049: six to eighteen digits, no fewer and no more, whatever the check digit says
    #[test]
    fn an_id_has_its_length() {
        for (id, whole) in [
            ("42009", false),
            ("123008", true),
            ("123456789012345009", true),
            ("1234567890123456003", false),
            ("0123006", false),
            ("1234567107", true),
            ("12300A", false),
            ("A23008", false),
        ] {
            assert_eq!(is_concept(id), whole, "{id}");
            assert_eq!(verhoeff(id), !id.contains('A'), "{id}");
        }
        assert!(!verhoeff("12 8") && !verhoeff("/"));
    }

    // governance.md 1.5 trap 4
    #[test]
    fn the_namespace_of_emis_is_known() {
        assert!(is_emis_namespace("925451000006109"));
        assert!(!is_emis_namespace("9391000000101"));
        assert!(!is_emis_namespace("62479008"));
        assert!(!is_emis_namespace("é"));
    }
}
