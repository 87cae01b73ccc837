use super::*;
use crate::fhir::build;
use crate::labelling::{label, without};
use crate::mapping::MappedRecord;
use crate::record::system;
use crate::release::fixture::{self as f, id};
use crate::tabs::catalogue::Section;

fn labelled(record: MappedRecord, list: &ExclusionList) -> (Vec<Labelled>, WithheldReport) {
    let record = label(record, list, PracticeRules::default()).unwrap();
    let report = record.report().clone();
    (record.into_parts().resources, report)
}

fn with(resources: Vec<Mapped>) -> Vec<Labelled> {
    let all = std::iter::once(f::patient()).chain(resources).collect();
    let mut found = labelled(f::record(SourceFamily::Emis, all), &f::list()).0;
    found.remove(0);
    found
}

fn problem(system: &str, code: &str) -> Mapped {
    f::problem("x", system, code, "2020-01-01")
}

// design.md 6: a label of the source above the normal one restricts, one that says "normal" does not
#[test]
fn a_label_of_the_source_counts_from_restricted_on() {
    for (code, reasons, level) in [
        (None, vec![], Confidentiality::Normal),
        (Some("L"), vec![], Confidentiality::Normal),
        (Some("N"), vec![], Confidentiality::Normal),
        (
            Some("R"),
            vec![Reason::SourceLabel],
            Confidentiality::Restricted,
        ),
        (
            Some("V"),
            vec![Reason::SourceLabel],
            Confidentiality::VeryRestricted,
        ),
        (
            Some("X"),
            vec![Reason::SourceLabel],
            Confidentiality::Restricted,
        ),
    ] {
        let mut it = problem(system::READ_V2, "H33..");
        if let Some(code) = code {
            let label = build::coding(crate::fhir::uri::CONFIDENTIALITY, code, None);
            meta_mut(&mut it.resource).unwrap().security = vec![label];
        }
        let it = with(vec![it]).remove(0);
        assert_eq!(it.reasons(), reasons, "{code:?}");
        assert_eq!(it.confidentiality(), level, "{code:?}");
    }
}

// R051: whose name says nothing clinical need not be checked, wherever it stands
#[test]
fn support_with_a_local_code_is_not_uncheckable() {
    let mut specimen = f::specimen();
    specimen.sections = vec![Section::Biochemistry];
    assert!(with(vec![specimen])[0].reasons().is_empty());
    let mut report = f::report("x", "44J..", "2020-01-01", &[]);
    report.checkable = Checkable::LocalOnly;
    assert_eq!(with(vec![report])[0].reasons(), [Reason::Uncheckable]);
}

// R051: two resources of one entry share what restricts either; one that is checked does not clear the other
#[test]
fn two_resources_under_one_id_share_what_restricts_either() {
    let test = |system: &str, code: &str| {
        let sections = [Section::OtherInvestigations];
        f::observation("x", system, code, "2020-01-01", &sections)
    };
    let national = || problem(system::READ_V2, "H33..");
    for all in [
        vec![national(), test(system::EMIS_LOCAL, "EMISNQAI1")],
        vec![test(system::EMIS_LOCAL, "EMISNQAI1"), national()],
    ] {
        for it in with(all) {
            assert_eq!(it.reasons(), [Reason::Uncheckable]);
        }
    }
    let listed = with(vec![national(), test(system::READ_V2, "A788.")]);
    for it in &listed {
        assert!(matches!(it.reasons(), [Reason::Listed { .. }]));
    }
    // both checked: what contains them takes away only its own name
    let mut header = f::report("report", "x", "2020-01-01", &[]);
    header.codings.clear();
    header.checkable = Checkable::LocalOnly;
    let all = with(vec![
        header,
        f::inside(national(), "report"),
        f::inside(test(system::READ_V2, "44J.."), "report"),
    ]);
    assert_eq!(all[0].reasons(), [Reason::Uncheckable]);
    assert!(all[1].reasons().is_empty() && all[2].reasons().is_empty());
}

// R041, R043: a category that is switched off lifts nothing else
#[test]
fn one_reason_that_withholds_is_enough() {
    let list = without("hiv");
    let off = |more: &[Restriction]| {
        let mut it = problem(system::READ_V2, "A788.");
        it.restrictions.extend_from_slice(more);
        let inner = f::problem("inner", system::READ_V2, "H33..", "2020-01-01");
        let all = vec![f::patient(), it, f::inside(inner, "x")];
        labelled(f::record(SourceFamily::Emis, all), &list)
    };
    let (all, report) = off(&[]);
    assert!(!all[1].is_withheld() && !all[1].withholds_contents());
    assert!(report.entries.is_empty() && report.counts.is_empty());
    let (all, report) = off(&[Restriction::Private]);
    for it in &all[1..] {
        assert_eq!(it.reasons().len(), 2);
        assert!(it.is_withheld() && it.withholds_contents());
    }
    // The practice reads of what withheld, not of what would not have.
    let entries: Vec<_> = report
        .entries
        .iter()
        .map(|it| (&*it.native_id, it.basis.clone(), it.contained))
        .collect();
    let basis = || vec!["private".to_owned()];
    assert_eq!(
        entries,
        [
            ("native-x", basis(), false),
            ("native-inner", basis(), true)
        ]
    );
    assert_eq!(report.counts.get("private"), Some(&2));
    assert_eq!(report.counts.get("hiv"), None);
}

// R204: an entry is counted once for each reason, however many lines of the list it is on
#[test]
fn an_entry_on_two_lines_of_a_category_is_counted_once() {
    let mut it = problem(system::READ_V2, "A788.");
    it.codings
        .push((system::READ_V2.to_owned(), "R109.".to_owned()));
    let all = vec![f::patient(), it];
    let (all, report) = labelled(f::record(SourceFamily::Emis, all), &f::list());
    assert_eq!(all[1].reasons().len(), 2, "{:?}", all[1].reasons());
    assert_eq!(report.entries[0].basis.len(), 2);
    assert_eq!(report.counts.get("hiv"), Some(&1));
    assert_eq!(report.counts.len(), 1);
}

// S2 1.8, R044: the list is asked for every EMIS practice, and for the SystmOne practices that switched it on
#[test]
fn the_report_says_which_list_was_asked() {
    let list = f::list();
    let standing = f::record(SourceFamily::Emis, vec![]).standing;
    for (family, apply_list, asked) in [
        (SourceFamily::Emis, false, true),
        (SourceFamily::Emis, true, true),
        (SourceFamily::SystmOne, false, false),
        (SourceFamily::SystmOne, true, true),
    ] {
        let rules = PracticeRules { apply_list };
        let labeller = Labeller::new(family, &standing, &list, rules);
        assert_eq!(labeller.applies_list(), asked);
        let said = labeller.into_report().list_version;
        assert_eq!(said.as_deref(), asked.then(|| list.version()));
    }
}

// High-water mark: a chain of containers is followed to its end; one that does not end restricts
#[test]
fn a_chain_of_containers_is_followed_to_its_end() {
    let reasons = |deep: usize| {
        let all = (0..=deep)
            .map(|n| {
                let it = f::problem(&format!("p{n}"), system::READ_V2, "H33..", "2020-01-01");
                if n < deep {
                    f::inside(it, &format!("p{}", n + 1))
                } else {
                    let mut it = it;
                    it.restrictions.push(Restriction::Private);
                    it
                }
            })
            .collect();
        let all = with(all);
        assert_eq!(all[0].mapped().id, id("p0"));
        all[0].reasons().to_vec()
    };
    assert_eq!(reasons(1), [Reason::Private]);
    assert_eq!(reasons(31), [Reason::Private]);
    assert_eq!(reasons(32), [Reason::ContainerUnknown]);
}
