use super::*;
use crate::labelling::list_files::{AppendixLine, DescendantLine, table};
use crate::record::system;
use std::path::PathBuf;

/// A directory with the embedded files, each changed by `change(name, text)`.
struct Files(PathBuf);

impl Files {
    fn new(change: impl Fn(&str, String) -> Option<String>) -> Self {
        let dir = std::env::temp_dir().join(format!("openmig-list-{}", crate::clock::new_id()));
        std::fs::create_dir_all(&dir).unwrap();
        for (name, text) in EMBEDDED {
            if let Some(text) = change(name, text.to_owned()) {
                std::fs::write(dir.join(name), text).unwrap();
            }
        }
        Self(dir)
    }

    /// Declares every file's checksum as it now is.
    fn signed(self) -> Self {
        let at = self.0.join("list.toml");
        let mut head = std::fs::read_to_string(&at).unwrap();
        for (name, text) in EMBEDDED {
            if let Ok(now) = std::fs::read(self.0.join(name)) {
                let (old, new) = (
                    hex(&Sha256::digest(text.as_bytes())),
                    hex(&Sha256::digest(now)),
                );
                head = head.replace(&old, &new);
            }
        }
        std::fs::write(at, head).unwrap();
        self
    }

    fn load(&self) -> Result<ExclusionList, ListError> {
        ExclusionList::load(&self.0)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn rows(list: &ExclusionList, system: &str, code: &str) -> Vec<String> {
    let mut rows: Vec<_> = list
        .matches([(system, code)])
        .iter()
        .map(|row| row.id.clone())
        .collect();
    rows.sort();
    rows
}

fn is_listed(system: &str, code: &str) -> bool {
    let list = ExclusionList::load_embedded().unwrap();
    !rows(&list, system, code).is_empty()
}

// R040: every one of the 66 terms, by each code that it has; its children; its synonyms
#[test]
fn each_term_of_appendix_a_is_found_by_each_of_its_codes() {
    let list = ExclusionList::load_embedded().unwrap();
    let (_, text) = EMBEDDED.iter().find(|it| it.0 == "appendix-a.csv").unwrap();
    let lines: Vec<AppendixLine> = table("appendix-a.csv", 66, text).unwrap();
    for line in &lines {
        let id = format!("appendix-a-{}", line.n);
        let found = |system: &str, code: &str| rows(&list, system, code).contains(&id);
        if !line.read_v2.is_empty() {
            assert_eq!(line.read_v2.len(), 5);
            let stem = line.read_v2.trim_end_matches('.');
            assert!(found(system::READ_V2, &line.read_v2), "{id}");
            assert!(found(system::READ_V2, stem), "{id} without dots");
            for term_code in ["00", "11", "12"] {
                let seven = format!("{}{term_code}", line.read_v2);
                assert!(found(system::READ_V2, &seven), "{id} synonym {seven}");
            }
            if line.include_descendants == "yes" && stem.len() < 5 {
                assert!(found(system::READ_V2, &format!("{stem}z")), "{id} child");
            }
        }
        if !line.ctv3.is_empty() {
            assert!(found(system::CTV3, &line.ctv3), "{id}");
        }
        for snomed in line.snomed.split_whitespace() {
            assert!(found(system::SNOMED, snomed), "{id} {snomed}");
        }
    }
    let (_, text) = EMBEDDED
        .iter()
        .find(|it| it.0 == "appendix-a-descendants.csv")
        .unwrap();
    let lines: Vec<DescendantLine> = table("", 526, text).unwrap();
    for line in &lines {
        let id = format!("appendix-a-{}", line.n);
        assert!(rows(&list, system::READ_V2, &line.read_v2).contains(&id));
        assert!(rows(&list, system::CTV3, &line.ctv3).contains(&id));
    }
}

// R041, R048: the categories with their legal basis
#[test]
fn every_category_has_codes_and_a_legal_basis() {
    let list = ExclusionList::load_embedded().unwrap();
    assert_eq!(list.rows().len(), 66);
    for (code, count) in [
        ("sti", 25),
        ("termination", 16),
        ("hiv", 9),
        ("hepatitis", 9),
        ("fertility", 4),
        ("gender", 3),
    ] {
        let of = |row: &&Row| list.category_of(row).unwrap().code == code;
        assert_eq!(list.rows().iter().filter(of).count(), count, "{code}");
        let category = list.categories().iter().find(|it| it.code == code).unwrap();
        assert!(category.withhold && category.legal_basis.contains("S2"));
    }
}

// governance.md 1.5 trap 1
#[test]
fn read_v2_is_a_prefix_of_five_and_case_matters() {
    for code in [
        "A9", "A9...", "A91..", "A9100", "A9...00", "A910011", "A9z..12",
    ] {
        assert!(is_listed(system::READ_V2, code), "{code}");
    }
    // Twins in small letters, ancestors and neighbours are others.
    for code in ["a9...", "A....", "A", "AA9..", "L0...", "A8...", "956", ""] {
        let listed = is_listed(system::READ_V2, code);
        assert_eq!(listed, code == "956", "{code}");
    }
    // A code that stands for itself: its neighbour under the same parent is another.
    assert!(is_listed(system::READ_V2, "A7040") && !is_listed(system::READ_V2, "A7041"));
}

// governance.md 1.5 trap 2
#[test]
fn ctv3_is_an_explicit_set() {
    assert!(is_listed(system::CTV3, "XE0RX"), "A788. maps to XE0RX");
    assert!(is_listed(system::CTV3, "XaG1R"), "ZV02B maps to XaG1R");
    assert!(!is_listed(system::CTV3, "xe0rx"), "case matters");
    assert!(!is_listed(system::CTV3, "XE0R"), "no prefix matching");
    assert!(!is_listed(system::CTV3, "A9..."), "that root is XE0Rh");
    assert!(is_listed(system::CTV3, "XE0Rh") && is_listed(system::CTV3, "L08"));
}

// governance.md 1.5 trap 3
#[test]
fn snomed_is_exact_never_by_descent() {
    assert!(
        is_listed(system::SNOMED, "3738000"),
        "viral hepatitis itself"
    );
    assert!(!is_listed(system::SNOMED, "40468003"), "viral hepatitis A");
    assert!(
        is_listed(system::SNOMED, "105629000"),
        "chlamydial infection"
    );
    assert!(!is_listed(system::SNOMED, "2576002"), "trachoma");
    assert!(!is_listed(system::SNOMED, "17369002"), "miscarriage");
    assert!(
        !is_listed("http://example.org", "3738000"),
        "another system"
    );
}

// governance.md 1.5 trap 4: local codes and EMIS's own concepts cannot be checked
#[test]
fn local_codes_cannot_be_checked() {
    let can = |system: &str, code: &str| ExclusionList::can_check([(system, code)]);
    assert!(can(system::READ_V2, "H33..") && can(system::CTV3, "XE0RX"));
    assert!(can(system::SNOMED, "62479008"));
    assert!(!can(system::SNOMED, "925451000006109"), "EMIS namespace");
    assert!(!can(system::EMIS_SNOMED, "925451000006109"));
    assert!(!can(system::SNOMED, "1.03E+15"), "damaged");
    assert!(!can(system::READ_V2, "^ESCTAC1") && !can(system::EMIS_LOCAL, "EMISNQAI1"));
    assert!(!can(system::READ_4BYTE, "A9..") && !can(system::TPP_LOCAL, "Y1234"));
}

// governance.md 1.5 trap 5: one coding is enough, and both mappings of item 61 are there
#[test]
fn any_coding_counts() {
    let list = ExclusionList::load_embedded().unwrap();
    let found = list.matches([
        (system::SNOMED, "90560007"),
        (system::EMIS_LOCAL, "x"),
        (system::READ_V2, "ZV01A"),
    ]);
    assert_eq!(found.len(), 1);
    for snomed in ["427921000000108", "91947003", "315659003"] {
        assert!(is_listed(system::SNOMED, snomed));
    }
}

// governance.md 1.5 trap 6 and the notes of the list's research
#[test]
fn twins_and_candidates_are_listed() {
    for code in [
        "L08..", "L0A..", "L0A1.", "AD103", "K2146", "E225.", "AyuKR", "7M0h.", "ZV26.", "1415.",
        "E2261",
    ] {
        assert!(is_listed(system::READ_V2, code), "{code}");
    }
    assert!(is_listed(system::CTV3, "E225.") && is_listed(system::CTV3, "XE2td"));
    assert!(!is_listed(system::READ_V2, "7M0H."));
}

// R042: another list changes what matches, without rebuild, and its version says so
#[test]
fn a_reference_set_can_be_added() {
    let refset = "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\r\n\
                  019ab6a5-0000-4000-8000-00000000000a\t20250101\t1\t138691006\t999004371000000100\t62479008\r\n\
                  019ab6a5-0000-4000-8000-00000000000b\t20250101\t1\t138691006\t999004371000000100\t56265001\r\n\
                  019ab6a5-0000-4000-8000-00000000000c\t20250101\t0\t138691006\t999004371000000100\t73211009\r\n\
                  019ab6a5-0000-4000-8000-00000000000d\t20250101\t1\t138691006\t999004381000000103\t38341003\r\n";
    let part = format!(
        "\n[[refset]]\nfile = \"r.txt\"\nrefset_id = \"999004371000000100\"\ncategory = \"fertility\"\ncount = 2\nsha256 = \"{}\"\n",
        hex(&Sha256::digest(refset.as_bytes()))
    );
    let files = Files::new(|name, text| {
        Some(if name == "list.toml" {
            text + &part
        } else {
            text
        })
    });
    std::fs::write(files.0.join("r.txt"), refset).unwrap();
    let list = files.load().unwrap();
    let plain = ExclusionList::load_embedded().unwrap();
    assert_eq!(
        rows(&list, system::SNOMED, "56265001"),
        ["refset-999004371000000100"]
    );
    assert!(rows(&plain, system::SNOMED, "56265001").is_empty());
    assert!(
        rows(&list, system::SNOMED, "73211009").is_empty(),
        "inactive"
    );
    assert!(
        rows(&list, system::SNOMED, "38341003").is_empty(),
        "of another set"
    );
    assert_ne!(list.version(), plain.version());
    assert!(plain.version().starts_with("2015.06-1+"));

    let damaged = refset.replace("56265001", "5.63E+07");
    std::fs::write(files.0.join("r.txt"), &damaged).unwrap();
    assert!(matches!(files.load(), Err(ListError::Checksum(_))));
}

// R042, R049: sets of an unpacked release, by its own layout, pinned to its effective time
#[test]
fn a_national_release_can_lie_where_it_was_unpacked() {
    const HEAD: &str = "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\r\n";
    let row = |n: u8, time: &str, active: u8, member: &str| {
        format!(
            "019ab6a5-0000-4000-8000-00000000000{n}\t{time}\t{active}\t138691006\t999004371000000100\t{member}\r\n"
        )
    };
    // 1 was retired later than the release, 2 before it, 3 came later.
    let full = [
        HEAD.to_owned(),
        row(1, "20240101", 1, "62479008"),
        row(1, "20260101", 0, "62479008"),
        row(2, "20240101", 1, "56265001"),
        row(2, "20250101", 0, "56265001"),
        row(3, "20260101", 1, "73211009"),
    ]
    .concat();
    let path = "Full/Refset/Content/der2_Refset_SimpleUKCLFull_GB_20250416.txt";
    let part = |file: &str, folder: &str, count: usize| {
        format!(
            "\n[release]\nfolder = \"{folder}\"\neffective_time = \"20250416\"\n\n[[refset]]\nfile = \"{file}\"\n\
             refset_id = \"999004371000000100\"\ntitle = \"Assisted fertilisation\"\ncategory = \"fertility\"\n\
             modules = [\"138691006\"]\ncount = {count}\nsha256 = \"{}\"\n",
            hex(&Sha256::digest(full.as_bytes()))
        )
    };
    let load = |part: String| {
        let files = Files::new(|name, text| {
            Some(if name == "list.toml" {
                text.replacen("\n# Categories.", &format!("{part}\n# Categories."), 1)
            } else {
                text
            })
        });
        let file = files.0.join("uk_sct2cl").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &full).unwrap();
        files.load()
    };
    let list = load(part(path, "uk_sct2cl", 1)).unwrap();
    let set = "refset-999004371000000100".to_owned();
    let at_release = rows(&list, system::SNOMED, "62479008");
    assert!(at_release.contains(&set), "at the release it was active");
    for other in ["56265001", "73211009"] {
        assert!(
            !rows(&list, system::SNOMED, other).contains(&set),
            "{other}"
        );
    }
    let titles: Vec<_> = list.rows().iter().map(|row| row.term.as_str()).collect();
    assert!(titles.contains(&"Assisted fertilisation"));
    assert!(matches!(
        load(part(path, "uk_sct2cl", 2)),
        Err(ListError::Count { .. })
    ));
    for (file, folder) in [
        (path, "../uk_sct2cl"),
        ("../list.toml", "uk_sct2cl"),
        (path, "elsewhere"),
    ] {
        let refused = load(part(file, folder, 1));
        assert!(
            matches!(refused, Err(ListError::Missing { .. })),
            "{folder}/{file}"
        );
    }
}

// R049: missing, empty, damaged, wrong count, bad id, unknown category: the whole list is refused
#[test]
fn a_damaged_list_is_refused_whole() {
    assert!(Files::new(|_, text| Some(text)).load().is_ok());
    assert!(ExclusionList::load(Path::new("/nowhere/at/all")).is_err());
    for (missing, _) in EMBEDDED {
        let files = Files::new(|name, text| (name != missing).then_some(text));
        assert!(
            matches!(files.load(), Err(ListError::Missing { .. })),
            "{missing}"
        );
        let files = Files::new(|name, text| {
            Some(if name == missing {
                " \n".to_owned()
            } else {
                text
            })
        });
        assert!(
            matches!(files.load(), Err(ListError::Empty(_))),
            "{missing}"
        );
    }
    let change = |file: &'static str, from: &'static str, to: &'static str| {
        Files::new(move |name, text| {
            Some(if name == file {
                assert!(text.contains(from), "{from}");
                text.replacen(from, to, 1)
            } else {
                text
            })
        })
    };
    let appendix = "appendix-a.csv";
    assert!(matches!(
        change(appendix, "62479008", "62479009").load(),
        Err(ListError::Checksum(_))
    ));
    // With a checksum that fits, what is wrong inside is found.
    let bad = |file, from, to| change(file, from, to).signed().load().unwrap_err();
    assert!(matches!(
        bad(appendix, "62479008", "62479009"),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad(appendix, "81000119104", "8.10E+10"),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad(appendix, ",A9...,", ",....., "),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad(appendix, "\n2,h/o", "\n1,h/o"),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad(appendix, ",hiv,", ",HIV,"),
        ListError::Category(_)
    ));
    assert!(matches!(
        bad("appendix-a-descendants.csv", "1,9561.,XE2Ir\n", ""),
        ListError::Count { found: 525, .. }
    ));
    assert!(matches!(
        bad("appendix-a-descendants.csv", "\n1,9561.", "\n99,9561."),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad("additions.csv", ",ctv3,", ",read3,"),
        ListError::Code { .. }
    ));
    assert!(matches!(
        bad("list.toml", "count = 66", "count = 65"),
        ListError::Count { .. }
    ));
    assert!(matches!(
        bad("list.toml", "snomed_ids = 95", "snomed_ids = 94"),
        ListError::Count { .. }
    ));
    assert!(matches!(
        bad("list.toml", "version =", "verzion ="),
        ListError::Form { .. }
    ));
    assert!(matches!(
        bad("list.toml", "act_codes = [\"GENDER\"]", "act_codes = []"),
        ListError::Category(_)
    ));
    assert!(matches!(
        bad(
            "list.toml",
            "file = \"additions.csv\"",
            "file = \"../additions.csv\""
        ),
        ListError::Missing { .. }
    ));
    assert!(matches!(
        bad("policy.toml", "events = \"withhold\"\n", ""),
        ListError::Form { .. }
    ));
    assert!(matches!(
        bad("policy.toml", "events =", "evnts ="),
        ListError::Form { .. }
    ));
    assert!(matches!(
        bad("policy.toml", "events = \"withhold\"", "events = \"maybe\""),
        ListError::Form { .. }
    ));
}

// R041: one category switched off, in data alone
#[test]
fn a_category_can_be_switched_off_by_data() {
    let list = without("sti");
    let off: Vec<_> = list
        .categories()
        .iter()
        .filter(|it| !it.withhold)
        .map(|it| it.code.as_str())
        .collect();
    assert_eq!(off, ["sti"]);
}

/// The list with one category switched off.
pub(crate) fn without(category: &str) -> ExclusionList {
    let files = Files::new(|name, text| {
        if name != "list.toml" {
            return Some(text);
        }
        let (head, tail) = text.split_once(&format!("code = \"{category}\"")).unwrap();
        Some(format!(
            "{head}code = \"{category}\"{}",
            tail.replacen("withhold = true", "withhold = false", 1)
        ))
    });
    files.load().unwrap()
}

// R042: the operator's own list is never written over
#[test]
fn a_list_that_is_there_stays_as_it_is() {
    let files = Files::new(|_, text| Some(text));
    let at = files.0.join("list.toml");
    std::fs::write(&at, "mine").unwrap();
    ExclusionList::write_embedded(&files.0).unwrap();
    assert_eq!(std::fs::read_to_string(&at).unwrap(), "mine");
    std::fs::remove_file(&at).unwrap();
    ExclusionList::write_embedded(&files.0).unwrap();
    assert!(files.load().is_ok());
    assert!(ExclusionList::load_embedded().unwrap().source().len() > 10);
}

// R051: one coding that can be checked is enough, and none is not
#[test]
fn one_coding_that_can_be_checked_is_enough() {
    let local = ("http://example.org/local", "1");
    let national = (system::READ_V2, "H33..");
    assert!(ExclusionList::can_check([local, national]));
    assert!(!ExclusionList::can_check([local]));
    assert!(!ExclusionList::can_check([]));
}

// R051: the policy decides every section, and names nothing else
#[test]
fn the_policy_of_what_cannot_be_checked_is_whole() {
    let with = |from: &str, to: &str| {
        let files = Files::new(|name, text| {
            if name == "policy.toml" {
                assert!(text.contains(from), "{from}");
                return Some(text.replacen(from, to, 1));
            }
            Some(text)
        });
        files.load().map(|list| list.uncheckable().clone())
    };
    let plain = with("contents = ", "contents = ").unwrap();
    assert!(plain.spares_checked_contents());
    assert!(!plain.sections().is_empty());
    let strict = with("contents = \"own-code\"", "contents = \"withhold\"").unwrap();
    assert!(!strict.spares_checked_contents());
    for (from, to) in [
        ("problems = \"withhold\"", "problem = \"withhold\""),
        ("contraindications = ", "contraindication = "),
        ("medication = \"keep\"\n", ""),
        (
            "events = \"withhold\"\n",
            "events = \"withhold\"\nnothing = \"keep\"\n",
        ),
        ("summary-allergies = \"keep\"\n", ""),
    ] {
        assert!(
            matches!(with(from, to), Err(ListError::Form { .. })),
            "{from}"
        );
    }
}
