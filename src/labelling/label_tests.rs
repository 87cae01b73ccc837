use super::super::list::tests::without;
use super::*;
use crate::fhir::Kind;
use crate::fhir::build;
use crate::fhir::kind::KINDS;
use crate::fhir::model::{resources as r, types as t};
use crate::fhir::to_json;
use crate::labelling::meta::meta_mut;
use crate::mapping::Checkable;
use crate::record::Restriction;
use crate::record::system;
use crate::release::fixture::{self as f, id};
use crate::tabs::catalogue::Section;
use serde_json::Value;

fn label_one(family: SourceFamily, rules: PracticeRules, it: Mapped) -> Vec<Reason> {
    let record = f::record(family, vec![f::patient(), it]);
    let record = label(record, &f::list(), rules).unwrap();
    record.resources()[1].reasons().to_vec()
}

fn emis(it: Mapped) -> Vec<Reason> {
    label_one(SourceFamily::Emis, PracticeRules::default(), it)
}

fn security(it: &Labelled) -> Vec<(String, String)> {
    let json: Value = serde_json::from_slice(&to_json(&it.mapped().resource).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["meta"]["security"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(&it["system"]), text(&it["code"])))
        .collect()
}

/// One resource of each kind, with an id and nothing else that labelling looks at.
fn bare(kind: Kind) -> Resource {
    macro_rules! make {
        ($($name:ident)*) => {
            match kind {
                $(Kind::$name => Resource::$name(Box::new(r::$name { id: Some(if kind == Kind::Patient { f::whose().to_string() } else { id("x") }.into()), ..Default::default() })),)*
            }
        };
    }
    make!(AllergyIntolerance Condition DiagnosticReport DocumentReference Encounter Flag Immunization List MedicationRequest
        MedicationStatement Observation Organization Patient Practitioner Procedure ServiceRequest Specimen)
}

// DS4P: exactly one confidentiality, on every kind that we serve; R190: handling on each
#[test]
fn every_kind_is_labelled() {
    for kind in KINDS {
        for family in [SourceFamily::Emis, SourceFamily::SystmOne] {
            let it = f::mapped(
                kind,
                "x",
                &[],
                crate::record::PartialDate::Unknown,
                bare(kind),
            );
            let mut labelled = f::labelled(f::record(family, vec![it]));
            let it = labelled.resources.pop().unwrap();
            let Some(meta) = meta_mut(&mut { it }.mapped.resource).map(|it| it.clone()) else {
                panic!("{kind:?} has no labels")
            };
            let codes: Vec<_> = meta
                .security
                .iter()
                .map(|it| it.code.as_ref().unwrap().value.clone().unwrap())
                .collect();
            assert_eq!(codes, ["N", "NOPERSISTP", "NOINTEGRATE"], "{kind:?}");
        }
    }
}

// design.md 2: one resource type through unlabelled is one too many
#[test]
fn what_has_no_rule_fails_closed() {
    let try_label = |it: Mapped| {
        label(
            f::record(SourceFamily::Emis, vec![it]),
            &f::list(),
            PracticeRules::default(),
        )
        .map(|_| ())
    };
    let mut other = f::patient();
    other.resource = Resource::Basic(Box::default());
    assert_eq!(try_label(other), Err(LabelError::UnknownKind));
    let mut mistaken = f::patient();
    mistaken.kind = Kind::Condition;
    assert_eq!(try_label(mistaken), Err(LabelError::UnknownKind));
    let mut renamed = f::patient();
    renamed.id = id("else");
    assert_eq!(try_label(renamed), Err(LabelError::Id("Patient")));
    let mut stuffed = f::patient();
    if let Resource::Patient(it) = &mut stuffed.resource {
        it.contained.push(Resource::Condition(Box::default()));
    }
    assert_eq!(try_label(stuffed), Err(LabelError::Contained("Patient")));
}

// R040, R048: label, local category, basis and classifier
#[test]
fn a_listed_code_is_restricted_with_its_basis() {
    let record = f::labelled(f::record(
        SourceFamily::Emis,
        vec![
            f::patient(),
            f::problem("x", system::READ_V2, "A788.", "2020-01-01"),
        ],
    ));
    let it = &record.resources()[1];
    assert!(it.is_withheld());
    assert_eq!(it.confidentiality(), Confidentiality::Restricted);
    let codes: Vec<_> = security(it).into_iter().map(|it| it.1).collect();
    assert_eq!(codes, ["R", "HIV", "hiv", "NOPERSISTP", "NOINTEGRATE"]);
    let json = String::from_utf8(to_json(&it.mapped().resource).unwrap()).unwrap();
    assert!(json.contains("extension-sec-label-basis") && json.contains("appendix-a-24"));
    assert!(json.contains("extension-sec-label-classifier"));
    assert_eq!(record.report().counts.get("hiv"), Some(&1));
    assert_eq!(record.report().entries[0].native_id, "native-x");
}

// R044: SystmOne is filtered by the list only where the practice switched it on
#[test]
fn the_list_is_the_systmone_practices_choice() {
    let entry = || f::problem("x", system::CTV3, "XE0RX", "2020-01-01");
    let of = |apply_list| {
        label_one(
            SourceFamily::SystmOne,
            PracticeRules { apply_list },
            entry(),
        )
    };
    assert!(of(false).is_empty());
    assert!(matches!(of(true).as_slice(), [Reason::Listed { .. }]));
    // For EMIS there is no choice.
    assert!(!emis(f::problem("x", system::READ_V2, "A788.", "2020-01-01")).is_empty());
}

// R043: private is private in either source, whatever the code
#[test]
fn what_the_source_restricts_is_restricted() {
    for family in [SourceFamily::Emis, SourceFamily::SystmOne] {
        for (restriction, reason) in [
            (Restriction::Private, Reason::Private),
            (
                Restriction::Policy {
                    id: "p".to_owned(),
                    known: true,
                },
                Reason::SourcePolicy { known: true },
            ),
            (
                Restriction::Policy {
                    id: "?".to_owned(),
                    known: false,
                },
                Reason::SourcePolicy { known: false },
            ),
            (Restriction::Identifying, Reason::Identifying),
        ] {
            let mut it = f::problem("x", system::SNOMED, "90560007", "2020-01-01");
            it.restrictions.push(restriction);
            let reasons = label_one(family, PracticeRules::default(), it);
            assert_eq!(reasons, std::slice::from_ref(&reason));
            assert!(reason.withholds());
        }
    }
}

// design.md 2: never lower a label that the source set
#[test]
fn a_label_of_the_source_stays() {
    let mut it = f::problem("x", system::SNOMED, "90560007", "2020-01-01");
    let meta = meta_mut(&mut it.resource).unwrap();
    meta.security = vec![
        build::coding(crate::fhir::uri::CONFIDENTIALITY, "V", None),
        build::coding(crate::fhir::uri::ACT_CODE, "NOPAT", None),
    ];
    let record = f::labelled(f::record(SourceFamily::Emis, vec![f::patient(), it]));
    let it = &record.resources()[1];
    assert_eq!(it.reasons(), [Reason::SourceLabel]);
    let codes: Vec<_> = security(it).into_iter().map(|it| it.1).collect();
    assert_eq!(
        codes,
        ["V", "NOPAT", "source-label", "NOPERSISTP", "NOINTEGRATE"]
    );
    // "Not for the patient" alone is no bar to clinicians (governance.md 2.4).
    let mut it = f::problem("x", system::SNOMED, "90560007", "2020-01-01");
    meta_mut(&mut it.resource).unwrap().security =
        vec![build::coding(crate::fhir::uri::ACT_CODE, "NOPAT", None)];
    assert!(emis(it).is_empty());
}

// governance.md 1.5 trap 5 and 7: a coding anywhere in the resource counts, even where mapping did not report it
#[test]
fn a_listed_coding_hides_nowhere() {
    let listed = || build::concept(system::SNOMED, "62479008", None);
    let mut value = f::observation(
        "x",
        system::READ_V2,
        "4....",
        "2020-01-01",
        &[Section::Biochemistry],
    );
    let mut component = f::observation(
        "x",
        system::READ_V2,
        "4....",
        "2020-01-01",
        &[Section::Biochemistry],
    );
    let mut reason = f::medication("x", system::SNOMED, "318906001", "2020-01-01");
    let mut reaction = f::allergy("x", system::SNOMED, "91936005", "2020-01-01");
    let mut extended = f::problem("x", system::SNOMED, "90560007", "2020-01-01");
    if let Resource::Observation(it) = &mut value.resource {
        it.value = Some(r::ObservationValue::CodeableConcept(Box::new(listed())));
    }
    if let Resource::Observation(it) = &mut component.resource {
        it.component = vec![r::ObservationComponent {
            code: Box::new(listed()),
            ..Default::default()
        }];
    }
    if let Resource::MedicationStatement(it) = &mut reason.resource {
        it.reason_code = vec![listed()];
    }
    if let Resource::AllergyIntolerance(it) = &mut reaction.resource {
        it.reaction = vec![r::AllergyIntoleranceReaction {
            manifestation: vec![listed()],
            ..Default::default()
        }];
    }
    if let Resource::Condition(it) = &mut extended.resource {
        it.extension = vec![build::extension(
            "http://example.org/x",
            t::ExtensionValue::CodeableConcept(Box::new(listed())),
        )];
    }
    for it in [value, component, reason, reaction, extended] {
        let kind = it.kind;
        assert!(
            emis(it)
                .iter()
                .any(|it| matches!(it, Reason::Listed { .. })),
            "{kind:?}"
        );
    }
    // and a coding that only the source's entry had
    let mut it = f::problem("x", system::SNOMED, "90560007", "2020-01-01");
    it.codings
        .push((system::READ_V2.to_owned(), "A788.".to_owned()));
    assert!(!emis(it).is_empty());
}

// R051, governance.md 1.5 trap 4: what cannot be checked is withheld tab by tab, and kept where that would harm
#[test]
fn what_cannot_be_checked_follows_the_policy() {
    let local = system::EMIS_LOCAL;
    let withheld = [
        f::problem("x", local, "EMISNQAI1", "2020-01-01"),
        f::condition(
            "x",
            local,
            "EMISNQAI1",
            "2020-01-01",
            &[Section::DiagnosisPast],
        ),
        f::observation(
            "x",
            local,
            "EMISNQAI1",
            "2020-01-01",
            &[Section::OtherInvestigations],
        ),
        f::observation(
            "x",
            local,
            "EMISNQAI1",
            "2020-01-01",
            &[Section::SummaryTests],
        ),
        f::problem("x", system::SNOMED, "925451000006109", "2020-01-01"),
        f::flag("x", local, "EMISNQAI1"),
    ];
    for it in withheld {
        let kind = it.kind;
        assert_eq!(emis(it), [Reason::Uncheckable], "{kind:?}");
    }
    let kept = [
        f::allergy("x", local, "EMISNQAI1", "2020-01-01"),
        f::medication("x", system::EMIS_DRUG, "123", "2020-01-01"),
        f::observation(
            "x",
            local,
            "EMISNQBP1",
            "2020-01-01",
            &[Section::BloodPressures],
        ),
        f::specimen(),
        f::encounter("x", "2020-01-01", false),
    ];
    for it in kept {
        let kind = it.kind;
        assert!(emis(it).is_empty(), "{kind:?}");
    }
    // Where no list applies there is nothing to check against.
    let it = f::problem("x", system::TPP_LOCAL, "Y1234", "2020-01-01");
    assert!(
        label_one(
            SourceFamily::SystmOne,
            PracticeRules { apply_list: false },
            it
        )
        .is_empty()
    );
    let it = f::problem("x", system::TPP_LOCAL, "Y1234", "2020-01-01");
    assert!(
        !label_one(
            SourceFamily::SystmOne,
            PracticeRules { apply_list: true },
            it
        )
        .is_empty()
    );
    // "Has no code" is no excuse for a kind that is its code.
    let mut it = f::problem("x", local, "EMISNQAI1", "2020-01-01");
    it.checkable = Checkable::NoCode;
    assert_eq!(emis(it), [Reason::Uncheckable]);
    // "Has a national code" is believed only where one is there.
    let mut it = f::problem("x", local, "EMISNQAI1", "2020-01-01");
    it.checkable = Checkable::National;
    assert_eq!(emis(it), [Reason::Uncheckable]);
}

// R051: an uncheckable name takes away the name, not the results that were checked; what cannot be checked itself goes too
#[test]
fn results_in_an_uncheckable_report_are_judged_by_their_own_code() {
    let mut header = f::report(
        "report",
        "x",
        "2020-01-01",
        &["national", "local", "listed"],
    );
    header.codings.clear();
    header.checkable = Checkable::LocalOnly;
    let result = |name: &str, system: &str, code: &str| {
        let it = f::observation(name, system, code, "2020-01-01", &[Section::BloodPressures]);
        f::inside(it, "report")
    };
    let record = f::labelled(f::record(
        SourceFamily::Emis,
        vec![
            f::patient(),
            header,
            result("national", system::READ_V2, "44I5."),
            result("local", system::EMIS_LOCAL, "EMISNQAI1"),
            result("listed", system::READ_V2, "R109."),
        ],
    ));
    let reasons: Vec<_> = record.resources().iter().map(Labelled::reasons).collect();
    assert_eq!(reasons[1], [Reason::Uncheckable]);
    assert!(reasons[2].is_empty());
    assert_eq!(reasons[3], [Reason::ContainerUncheckable]);
    assert!(matches!(reasons[4], [Reason::Listed { .. }]));
    let released = crate::release::fixture::withhold(record).unwrap();
    let names: Vec<_> = released
        .entries()
        .iter()
        .map(|it| it.id().to_owned())
        .collect();
    assert_eq!(names, [f::whose().to_string(), id("national")]);
}

// R041: switched off, a category alone leaves, still labelled
#[test]
fn a_category_that_is_switched_off_leaves_labelled() {
    let list = without("hiv");
    let record = f::record(
        SourceFamily::Emis,
        vec![
            f::patient(),
            f::problem("hiv", system::READ_V2, "A788.", "2020-01-01"),
            f::problem("sti", system::READ_V2, "A98..", "2020-01-01"),
        ],
    );
    let record = label(record, &list, PracticeRules::default()).unwrap();
    assert!(!record.resources()[1].is_withheld());
    assert_eq!(
        record.resources()[1].confidentiality(),
        Confidentiality::Restricted
    );
    assert!(record.resources()[2].is_withheld());
    assert_eq!(record.report().entries.len(), 1);
}

// High-water mark: what contains an entry passes everything on; what is unknown restricts
#[test]
fn restrictions_flow_down() {
    let report = |code: &str| f::report("report", code, "2020-01-01", &["battery"]);
    let battery = || {
        f::inside(
            f::observation(
                "battery",
                system::READ_V2,
                "44J..",
                "2020-01-01",
                &[Section::Biochemistry],
            ),
            "report",
        )
    };
    let result = || {
        f::inside(
            f::observation(
                "result",
                system::READ_V2,
                "44I5.",
                "2020-01-01",
                &[Section::Biochemistry],
            ),
            "battery",
        )
    };
    let record = f::labelled(f::record(
        SourceFamily::Emis,
        vec![f::patient(), result(), report("A788."), battery()],
    ));
    for it in &record.resources()[1..] {
        assert!(it.is_withheld());
        assert!(security(it).iter().any(|label| label.1 == "hiv"));
    }
    let contained: Vec<_> = record
        .report()
        .entries
        .iter()
        .map(|it| it.contained)
        .collect();
    assert_eq!(contained, [true, false, true]);
    let record = f::labelled(f::record(
        SourceFamily::Emis,
        vec![f::patient(), result(), report("44J.."), battery()],
    ));
    assert!(record.resources().iter().all(|it| !it.is_withheld()));

    assert_eq!(
        emis(f::inside(
            f::problem("x", system::SNOMED, "90560007", "2020-01-01"),
            "gone"
        )),
        [Reason::ContainerUnknown]
    );
    assert_eq!(
        emis(f::inside(
            f::problem("x", system::SNOMED, "90560007", "2020-01-01"),
            "x"
        )),
        [Reason::ContainerUnknown]
    );
}

// design.md 6 and 7: a restricted record leaves nothing
#[test]
fn a_restricted_record_is_very_restricted() {
    let mut record = f::record(SourceFamily::Emis, f::ordinary());
    record.standing.restricted = true;
    let record = f::labelled(record);
    for it in record.resources() {
        assert!(it.is_withheld());
        assert_eq!(security(it)[0].1, "V");
    }
}

// R051, R204: what has no national code is counted for the practice by terminology, withheld or not, with nothing of the entry
#[test]
fn what_has_no_national_code_is_counted_for_the_practice() {
    let local = |mut it: crate::mapping::Mapped| {
        it.checkable = crate::mapping::Checkable::LocalOnly;
        it
    };
    let problem =
        |name: &str, system: &str| local(f::problem(name, system, "SECRET1", "2020-01-01"));
    let own_name = format!("{}/9990000018", system::EMIS_LOCAL);
    // Of two codes the original one stands first.
    let mut two = problem("two", &own_name);
    two.codings
        .push(("https://example.org/other".to_owned(), "SECRET2".to_owned()));
    let resources = || {
        vec![
            f::patient(),
            f::problem("national", system::READ_V2, "H33..", "2020-01-01"),
            problem("one", system::EMIS_LOCAL),
            two.clone(),
            problem("three", "https://example.org/9990000018"),
        ]
    };
    let counted = |family| {
        let record = f::labelled(f::record(family, resources()));
        let lines = record.report().unmapped.iter();
        lines
            .map(|line| (line.path.clone(), line.reason.clone(), line.count))
            .collect::<Vec<_>>()
    };
    let line = |path: &str, reason: &str, count| (path.to_owned(), reason.to_owned(), count);
    assert_eq!(
        counted(SourceFamily::Emis),
        [
            line("Condition/emis-local-codes", "unmapped-code-withheld", 2),
            line("Condition/other", "unmapped-code-withheld", 1),
        ]
    );
    // Where no list applies, nothing is withheld for it, and the practice hears of it all the same.
    assert_eq!(
        counted(SourceFamily::SystmOne),
        [
            line("Condition/emis-local-codes", "unmapped-code", 2),
            line("Condition/other", "unmapped-code", 1),
        ]
    );
}
