use super::*;
use crate::fhir::model::resources as r;
use crate::fhir::{Resource, build};
use crate::record::SourceFamily;
use crate::release::fixture as f;
use crate::tabs::catalogue::Tab;

fn everything(held: Held) -> Released {
    for_caller(&Arc::new(held), TabSet::ALL, &|_| true)
}

// R034: what is there for others' sake comes along however many stand between, and only where something visible needs it
#[test]
fn support_comes_along_through_support() {
    let mut specimen = f::specimen();
    if let Resource::Specimen(it) = &mut specimen.resource {
        it.collection = Some(r::SpecimenCollection {
            collector: Some(Box::new(build::reference(
                Kind::Practitioner,
                &f::id("taker"),
            ))),
            ..Default::default()
        });
    }
    let mut all = f::ordinary();
    all.retain(|it| it.kind != Kind::Specimen);
    all.extend([specimen, f::practitioner("taker")]);
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, all)));
    let seen = |tab: Tab, kind: Kind, id: &str| {
        let tabs = [tab].into_iter().collect();
        for_caller(&held, tabs, &|_| true).read(kind, id).is_some()
    };
    let specimen = held
        .ids()
        .iter()
        .find_map(|id| id.strip_prefix("Specimen/").map(str::to_owned))
        .unwrap();
    assert!(seen(Tab::Investigations, Kind::Specimen, &specimen));
    assert!(seen(
        Tab::Investigations,
        Kind::Practitioner,
        &f::id("taker")
    ));
    assert!(!seen(Tab::Medication, Kind::Specimen, &specimen));
    assert!(!seen(Tab::Medication, Kind::Practitioner, &f::id("taker")));
    // Support that may not be seen leads nowhere either.
    let investigations = [Tab::Investigations].into_iter().collect();
    let without = for_caller(&held, investigations, &|it| it.kind() != Kind::Specimen);
    assert!(without.read(Kind::Practitioner, &f::id("taker")).is_none());
}

// R120: the places of what leaves, one bit for each
#[test]
fn the_bitmap_has_the_places_that_leave() {
    let released = everything(f::held(f::record(SourceFamily::Emis, f::ordinary())));
    let has = |map: &[u8], n: usize| {
        map.get(n / 8)
            .is_some_and(|byte| byte & (1 << (n % 8)) != 0)
    };
    assert!(released.bitmap(&[]).is_empty());
    let map = released.bitmap(&[0, 9]);
    assert_eq!(map.iter().map(|byte| byte.count_ones()).sum::<u32>(), 2);
    assert!(has(&map, 0) && has(&map, 9));
}

// R042, R120: the version changes with everything that is shown, and with nothing else
#[test]
fn a_version_is_of_everything_that_is_shown() {
    use crate::mapping::SectionGap;
    use crate::tabs::catalogue::Section;
    let of = |change: &dyn Fn(&mut crate::mapping::MappedRecord)| {
        let mut record = f::record(SourceFamily::Emis, f::ordinary());
        change(&mut record);
        f::held(record).version().to_owned()
    };
    let plain = of(&|_| {});
    assert_eq!(plain, of(&|_| {}));
    assert_eq!(plain.len(), 64);
    let gap = |section, unavailable, why: &str| SectionGap {
        section,
        unavailable,
        why: why.to_owned(),
    };
    let versions = [
        plain,
        of(&|it| it.practice.0 = "Z99002".to_owned()),
        of(&|it| it.family = SourceFamily::SystmOne),
        of(&|it| drop(it.resources.pop())),
        of(&|it| {
            for one in &mut it.resources {
                one.sections.retain(|section| *section != Section::Recent);
            }
        }),
        of(&|it| it.gaps.push(gap(Section::Recent, true, "x"))),
        of(&|it| it.gaps.push(gap(Section::Recent, false, "x"))),
        of(&|it| it.gaps.push(gap(Section::Biochemistry, true, "x"))),
        of(&|it| it.gaps.push(gap(Section::Recent, true, "y"))),
    ];
    for (n, one) in versions.iter().enumerate() {
        assert!(!versions[..n].contains(one), "version {n}");
    }
}
