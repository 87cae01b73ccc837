//! Classes and states of reports and batteries that have those of their results, worked out from the results that may leave:
//! a report in `microbiology` with no such result in it, or a preliminary one of final results, would tell of one that was
//! taken out (R047).

use std::collections::HashMap;

use crate::fhir::{Kind, Resource};
use crate::labelling::Confidentiality;
use crate::mapping::{Header, Mapped};
use crate::tabs::catalogue::{Section, Tab};

/// More containers than this around one result are a loop.
const DEPTH: usize = 32;

/// Gives every such header the classes of what is left inside it; `others` where nothing is.
pub(super) fn by_results(kept: &mut [(Mapped, Confidentiality)]) {
    let parents: HashMap<&str, &str> = kept
        .iter()
        .filter_map(|(it, _)| Some((it.id.as_str(), it.parent.as_deref()?)))
        .collect();
    let mut inside: HashMap<String, Vec<Section>> = HashMap::new();
    for (it, _) in kept.iter() {
        let own: Vec<Section> = match it.header {
            _ if it.kind != Kind::Observation => continue,
            Header::Classed | Header::ByResults => continue,
            Header::Parent => vec![Section::OtherInvestigations],
            Header::No => it.sections.iter().copied().filter(is_class).collect(),
        };
        let mut above = it.parent.as_deref();
        for _ in 0..DEPTH {
            let Some(id) = above else { break };
            let classes = inside.entry(id.to_owned()).or_default();
            for class in &own {
                if !classes.contains(class) {
                    classes.push(*class);
                }
            }
            above = parents.get(id).copied();
        }
    }
    for (it, _) in kept.iter_mut() {
        if !matches!(it.header, Header::ByResults | Header::Parent) {
            continue;
        }
        let mut classes = inside.remove(&it.id).unwrap_or_default();
        classes.sort();
        let one_only = it.kind == Kind::Observation && classes.len() > 1;
        if classes.is_empty() || one_only {
            classes = vec![Section::OtherInvestigations];
        }
        it.sections.retain(|section| !is_class(section));
        it.sections.append(&mut classes);
    }
}

/// Gives every header that has the state of its results the state of what is left inside it.
pub(super) fn states(kept: &mut [(Mapped, Confidentiality)]) {
    let parents: HashMap<&str, &str> = kept
        .iter()
        .filter_map(|(it, _)| Some((it.id.as_str(), it.parent.as_deref()?)))
        .collect();
    let mut inside: HashMap<String, Vec<String>> = HashMap::new();
    for (it, _) in kept.iter().filter(|(it, _)| !it.state_by_results) {
        let Resource::Observation(result) = &it.resource else {
            continue;
        };
        let mut above = it.parent.as_deref();
        for _ in 0..DEPTH {
            let Some(id) = above else { break };
            let state = result.status.value.clone().unwrap_or_default();
            inside.entry(id.to_owned()).or_default().push(state);
            above = parents.get(id).copied();
        }
    }
    for (it, _) in kept.iter_mut().filter(|(it, _)| it.state_by_results) {
        let said = inside.remove(&it.id).unwrap_or_default();
        let state = crate::mapping::state_of_results(said.iter().map(String::as_str));
        match &mut it.resource {
            Resource::Observation(battery) => battery.status = state.into(),
            Resource::DiagnosticReport(report) => report.status = state.into(),
            _ => {}
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
    use crate::labelling::Confidentiality;
    use crate::release::fixture;

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
        let mut kept: Vec<(Mapped, Confidentiality)> = [report, battery, count]
            .into_iter()
            .map(|it| (it, Confidentiality::default()))
            .collect();
        by_results(&mut kept);
        let sections = |n: usize| kept[n].0.sections.clone();
        assert_eq!(sections(0), [S::Recent, S::Haematology]);
        assert_eq!(sections(1), [S::Haematology]);
        assert_eq!(sections(2), [S::Recent, S::Haematology]);
        kept.truncate(2);
        by_results(&mut kept);
        assert_eq!(kept[0].0.sections, [S::Recent, S::OtherInvestigations]);
    }

    fn with_level(all: Vec<Mapped>) -> Vec<(Mapped, Confidentiality)> {
        all.into_iter()
            .map(|it| (it, Confidentiality::default()))
            .collect()
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
        let mut kept = with_level(vec![
            report, battery, named, classed, micro, again, bio, condition,
        ]);
        by_results(&mut kept);
        assert_eq!(
            kept[0].0.sections,
            [
                S::Recent,
                S::Biochemistry,
                S::Microbiology,
                S::OtherInvestigations
            ],
            "what is only named in it is of no class; headers and problems give none"
        );
        assert_eq!(
            kept[1].0.sections,
            [S::OtherInvestigations],
            "two classes are none"
        );
        assert_eq!(kept[2].0.sections, [S::OtherInvestigations]);
        assert_eq!(kept[3].0.sections, [S::Imaging], "a class of its own stays");
        kept.remove(6);
        by_results(&mut kept);
        assert_eq!(
            kept[1].0.sections,
            [S::Microbiology],
            "one class is its class"
        );
    }

    fn f_report() -> Mapped {
        fixture::report("report", "44J..", "2026-05-01", &[])
    }

    fn state(it: &Mapped) -> Option<String> {
        match &it.resource {
            Resource::Observation(it) => it.status.value.clone(),
            Resource::DiagnosticReport(it) => it.status.value.clone(),
            _ => None,
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
        let mut kept = with_level(vec![report, battery, open, done, own]);
        states(&mut kept);
        assert_eq!(state(&kept[0].0).as_deref(), Some("preliminary"));
        assert_eq!(state(&kept[1].0).as_deref(), Some("preliminary"));
        assert_eq!(
            state(&kept[4].0).as_deref(),
            Some("amended"),
            "it says so itself"
        );
        kept.remove(2);
        states(&mut kept);
        assert_eq!(
            state(&kept[0].0).as_deref(),
            Some("final"),
            "as if the open one had never been"
        );
        assert_eq!(state(&kept[1].0).as_deref(), Some("final"));
    }
}
