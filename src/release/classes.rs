//! Classes and states of reports and batteries that have those of their results, worked out from the results that may leave:
//! a report in `microbiology` with no such result in it, or a preliminary one of final results, would tell of one that was
//! taken out (R047).

use std::collections::HashMap;

use super::sieve::Fact;
use crate::fhir::Kind;
use crate::mapping::Header;
use crate::tabs::catalogue::{Section, Tab};

/// More containers than this around one result are a loop.
const DEPTH: usize = 32;

/// What contains what stays, by the numbers of their ids.
fn parents(facts: &[Fact]) -> HashMap<u32, u32> {
    let stay = facts.iter().filter(|it| it.stays);
    stay.filter_map(|it| Some((it.key.id, it.parent?)))
        .collect()
}

/// Gives every such header the classes of what is left inside it; `others` where nothing is.
pub(super) fn by_results(facts: &mut [Fact]) {
    let parents = parents(facts);
    let mut inside: HashMap<u32, Vec<Section>> = HashMap::new();
    for it in facts.iter().filter(|it| it.stays) {
        let own: Vec<Section> = match it.header {
            _ if it.key.kind != Kind::Observation => continue,
            Header::Classed | Header::ByResults => continue,
            Header::Parent => vec![Section::OtherInvestigations],
            Header::No => it.sections.iter().copied().filter(is_class).collect(),
        };
        let mut above = it.parent;
        for _ in 0..DEPTH {
            let Some(id) = above else { break };
            let classes = inside.entry(id).or_default();
            for class in &own {
                if !classes.contains(class) {
                    classes.push(*class);
                }
            }
            above = parents.get(&id).copied();
        }
    }
    for it in facts.iter_mut().filter(|it| it.stays) {
        if !matches!(it.header, Header::ByResults | Header::Parent) {
            continue;
        }
        let mut classes = inside.get(&it.key.id).cloned().unwrap_or_default();
        classes.sort();
        let one_only = it.key.kind == Kind::Observation && classes.len() > 1;
        if classes.is_empty() || one_only {
            classes = vec![Section::OtherInvestigations];
        }
        it.sections.retain(|section| !is_class(section));
        it.sections.append(&mut classes);
    }
}

/// Gives every header that has the state of its results the state of what is left inside it.
pub(super) fn states(facts: &mut [Fact]) {
    let parents = parents(facts);
    let mut inside: HashMap<u32, Vec<&str>> = HashMap::new();
    for it in facts.iter().filter(|it| it.stays && !it.state_by_results) {
        if it.key.kind != Kind::Observation {
            continue;
        }
        let mut above = it.parent;
        for _ in 0..DEPTH {
            let Some(id) = above else { break };
            let state = it.state.as_deref().unwrap_or_default();
            inside.entry(id).or_default().push(state);
            above = parents.get(&id).copied();
        }
    }
    let states: Vec<Option<&'static str>> = facts
        .iter()
        .map(|it| {
            // Others may have its id, of another type.
            let said = inside.get(&it.key.id).into_iter().flatten().copied();
            (it.stays && it.state_by_results).then(|| crate::mapping::state_of_results(said))
        })
        .collect();
    for (it, state) in facts.iter_mut().zip(states) {
        if let Some(state) = state
            && it.state.as_deref() != Some(state)
        {
            it.state = Some(state.into());
            // As it was drawn it says another one.
            it.drawn = None;
        }
    }
}

/// Is it one of the classes of investigations?
fn is_class(section: &Section) -> bool {
    section.tab() == Tab::Investigations && *section != Section::Recent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::Resource;
    use crate::mapping::Mapped;
    use crate::release::fixture;
    use crate::release::sieve::Sieve;

    fn of(name: &str, header: Header, parent: Option<&Mapped>, sections: &[Section]) -> Mapped {
        let mut it = fixture::observation(name, "http://snomed.info/sct", "1", "2026-05-01", &[]);
        it.header = header;
        it.parent = parent.map(|parent| parent.id.clone());
        it.sections = sections.to_vec();
        it
    }

    // R047: with and without a withheld result, its battery and what is around stand in the same classes
    #[test]
    fn a_class_tells_of_no_result_that_is_gone() {
        use Section as S;
        let report = of(
            "report",
            Header::ByResults,
            None,
            &[S::Recent, S::Haematology, S::Microbiology],
        );
        let battery = of(
            "battery",
            Header::ByResults,
            Some(&report),
            &[S::OtherInvestigations],
        );
        let count = of(
            "count",
            Header::No,
            Some(&battery),
            &[S::Recent, S::Haematology],
        );
        let mut sieve = Sieve::default();
        for (n, it) in [report, battery, count].iter().enumerate() {
            sieve.see(it, n);
        }
        let facts = sieve.facts_mut();
        by_results(facts);
        assert_eq!(facts[0].sections, [S::Recent, S::Haematology]);
        assert_eq!(facts[1].sections, [S::Haematology]);
        assert_eq!(facts[2].sections, [S::Recent, S::Haematology]);
        facts[2].stays = false;
        by_results(facts);
        assert_eq!(facts[0].sections, [S::Recent, S::OtherInvestigations]);
    }

    fn seen(all: &[Mapped]) -> Sieve {
        let mut sieve = Sieve::default();
        for (n, it) in all.iter().enumerate() {
            sieve.see(it, n);
        }
        sieve
    }

    // R047: a report has the classes of all that is in it, each once and in their order; a battery has one or is of no class
    #[test]
    fn classes_come_from_all_results_however_deep() {
        use Section as S;
        let mut report = f_report();
        report.header = Header::ByResults;
        report.sections = vec![S::Recent, S::Cytology];
        let battery = of(
            "battery",
            Header::ByResults,
            Some(&report),
            &[S::OtherInvestigations],
        );
        let named = of("named", Header::Parent, Some(&report), &[S::Haematology]);
        let classed = of("classed", Header::Classed, Some(&report), &[S::Imaging]);
        let result = |name: &str, parent: &Mapped, class| {
            of(name, Header::No, Some(parent), &[S::Recent, class])
        };
        let micro = result("micro", &battery, S::Microbiology);
        let again = result("again", &battery, S::Microbiology);
        let bio = result("bio", &battery, S::Biochemistry);
        let mut condition = fixture::problem("p", "http://snomed.info/sct", "1", "2026-05-01");
        condition.parent = Some(report.id.clone());
        condition.sections = vec![S::Urinalysis];
        let mut sieve = seen(&[
            report, battery, named, classed, micro, again, bio, condition,
        ]);
        let kept = sieve.facts_mut();
        by_results(kept);
        assert_eq!(
            kept[0].sections,
            [
                S::Recent,
                S::Biochemistry,
                S::Microbiology,
                S::OtherInvestigations
            ],
            "what is only named in it is of no class; headers and problems give none"
        );
        assert_eq!(
            kept[1].sections,
            [S::OtherInvestigations],
            "two classes are none"
        );
        assert_eq!(kept[2].sections, [S::OtherInvestigations]);
        assert_eq!(kept[3].sections, [S::Imaging], "a class of its own stays");
        kept[6].stays = false;
        by_results(kept);
        assert_eq!(
            kept[1].sections,
            [S::Microbiology],
            "one class is its class"
        );
    }

    fn f_report() -> Mapped {
        fixture::report("report", "44J..", "2026-05-01", &[])
    }

    // R047: results count for every header over them, also where another resource has its id
    #[test]
    fn another_resource_of_the_same_id_takes_nothing_away() {
        use Section as S;
        let mut report = f_report();
        report.header = Header::ByResults;
        report.state_by_results = true;
        let mut battery = of("report", Header::ByResults, None, &[S::OtherInvestigations]);
        battery.state_by_results = true;
        let namesake = fixture::problem("report", "http://snomed.info/sct", "1", "2026-05-01");
        let mut result = of("result", Header::No, Some(&report), &[S::Haematology]);
        if let Resource::Observation(it) = &mut result.resource {
            it.status = "preliminary".into();
        }
        let mut sieve = seen(&[namesake, battery, report, result]);
        let kept = sieve.facts_mut();
        by_results(kept);
        states(kept);
        for header in &kept[1..3] {
            assert_eq!(header.sections, [S::Haematology]);
            assert_eq!(header.state.as_deref(), Some("preliminary"));
        }
    }

    // R047: a header is as final as what is left in it
    #[test]
    fn states_come_from_all_results_however_deep() {
        let mut report = f_report();
        report.state_by_results = true;
        let mut battery = of("battery", Header::No, Some(&report), &[]);
        battery.state_by_results = true;
        let result = |name: &str, parent: &Mapped, status: &str| {
            let mut it = of(name, Header::No, Some(parent), &[]);
            if let Resource::Observation(result) = &mut it.resource {
                result.status = status.into();
            }
            it
        };
        let open = result("open", &battery, "preliminary");
        let done = result("done", &report, "final");
        let mut own = of("own", Header::No, None, &[]);
        own.parent = None;
        if let Resource::Observation(it) = &mut own.resource {
            it.status = "amended".into();
        }
        let mut sieve = seen(&[report, battery, open, done, own]);
        let kept = sieve.facts_mut();
        states(kept);
        assert_eq!(kept[0].state.as_deref(), Some("preliminary"));
        assert_eq!(kept[1].state.as_deref(), Some("preliminary"));
        assert_eq!(
            kept[4].state.as_deref(),
            Some("amended"),
            "it says so itself"
        );
        kept[2].stays = false;
        states(kept);
        assert_eq!(
            kept[0].state.as_deref(),
            Some("final"),
            "as if the open one had never been"
        );
        assert_eq!(kept[1].state.as_deref(), Some("final"));
    }

    // R047: only results have a say in how final a report is
    #[test]
    fn what_is_no_result_says_nothing_of_a_state() {
        let mut report = f_report();
        report.state_by_results = true;
        let mut missing = of("missing", Header::No, Some(&report), &[]);
        if let Resource::Observation(it) = &mut missing.resource {
            it.status = "unknown".into();
        }
        let mut specimen = fixture::specimen();
        specimen.parent = Some(report.id.clone());
        let mut sieve = seen(&[report, missing, specimen]);
        let kept = sieve.facts_mut();
        states(kept);
        assert_eq!(kept[0].state.as_deref(), Some("unknown"));
    }
}
