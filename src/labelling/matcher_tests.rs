use super::*;

fn rows(matcher: &Matcher, uri: &str, code: &str) -> Vec<usize> {
    let mut found = Vec::new();
    matcher.rows(uri, code, &mut found);
    found
}

// governance.md 1.5 trap 1: what stands for itself, and what stands for all below it
#[test]
fn a_root_covers_what_is_below_it_and_a_code_only_itself() {
    let mut matcher = Matcher::default();
    assert!(matcher.add_read("E....", true, 1));
    assert!(matcher.add_read("A788z", false, 2));
    assert!(matcher.add_read("A78..", false, 3));
    for (code, expected) in [
        ("E", vec![1]),
        ("E2...", vec![1]),
        (" E2123 ", vec![1]),
        ("A788z", vec![2]),
        ("A788z11", vec![2]),
        ("A78..", vec![3]),
        ("A788.", vec![]),
        ("e2...", vec![]),
        ("", vec![]),
        (".....", vec![]),
    ] {
        assert_eq!(rows(&matcher, system::READ_V2, code), expected, "{code}");
    }
    // R051: no other terminology is read as one of these
    for uri in ["http://example.org/local", "", system::CTV3, system::SNOMED] {
        assert!(rows(&matcher, uri, "E2...").is_empty(), "{uri}");
    }
}

// R049: a code that is none is refused, whatever it would match
#[test]
fn what_is_no_code_is_no_root() {
    let mut matcher = Matcher::default();
    for code in ["", " ", ".", ".....", "A-1..", "\u{e9}...."] {
        assert!(!matcher.add_read(code, true, 1), "{code:?}");
        assert!(!matcher.add_ctv3(code, 1), "{code:?}");
    }
    assert!(!matcher.add_ctv3("Xa1bcd", 1) && !matcher.add_ctv3(".Xa1b", 1));
    assert!(!matcher.add_snomed("62479009", 1));
    assert_eq!(matcher.snomed_ids(), 0);
    assert!(matcher.add_snomed("62479008", 1) && matcher.add_snomed("62479008", 2));
    assert_eq!(matcher.snomed_ids(), 1);
    for uri in [system::SNOMED, system::EMIS_SNOMED] {
        assert_eq!(rows(&matcher, uri, " 62479008\t"), [1, 2], "{uri}");
    }
}

// R051: what can be checked at all
#[test]
fn a_code_is_checkable_only_in_its_own_form() {
    for (uri, code, checkable) in [
        (system::READ_V2, "A", true),
        (system::READ_V2, " A788z ", true),
        (system::READ_V2, "A788z11", true),
        (system::READ_V2, "", false),
        (system::READ_V2, ".A...", false),
        (system::READ_V2, "A7-8z", false),
        (system::CTV3, "X", true),
        (system::CTV3, " XE2td ", true),
        (system::CTV3, "X....", true),
        (system::CTV3, "", false),
        (system::CTV3, ".", false),
        (system::CTV3, ".XE2t", false),
        (system::CTV3, "XE2tdX", false),
        (system::CTV3, "X-2td", false),
        (system::CTV3, "X E2t", false),
        (system::SNOMED, " 62479008 ", true),
        (system::SNOMED, "62479009", false),
        (system::SNOMED, "925451000006109", false),
        (system::EMIS_SNOMED, "62479008", false),
        ("http://example.org/local", "62479008", false),
    ] {
        assert_eq!(is_checkable(uri, code), checkable, "{uri} {code:?}");
    }
    let mut matcher = Matcher::default();
    assert!(matcher.add_ctv3("X", 1));
    assert_eq!(rows(&matcher, system::CTV3, "X...."), [1]);
    assert!(rows(&matcher, system::CTV3, "X...a").is_empty());
}
