//! Condition: problems and diagnoses. What is both is one Condition with two categories (R023, R024, design.md 4).

use super::assertion::{Says, says};
use super::common;
use super::loss::{Losses, reason};
use super::tables::Field;
use super::work::{Made, Work};
use crate::fhir::model::{resources, types};
use crate::fhir::{Kind, OPENMIG, Resource, build};
use crate::record::{Entry, PartialDate, Problem, ProblemStatus, Significance};
use crate::tabs::catalogue::Section;

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// One Condition.
pub fn condition(
    work: &mut Work<'_>,
    losses: &mut Losses,
    at: usize,
    is_problem: bool,
    is_diagnosis: bool,
) {
    let Some(entry) = work.tree.get(at) else {
        return;
    };
    let id = work.id(Kind::Condition, &entry.id, "");
    let problem = entry.problem.as_deref().filter(|_| is_problem);
    let past = is_past(work, entry, problem);
    let sections = sections(problem, is_diagnosis, past);
    let status = clinical_status(work, problem, past);
    let asserter = work.practitioner(entry.clinician.as_deref());
    let recorder = work.practitioner(entry.recorder.as_deref());
    let resource = resources::Condition {
        id: Some(id.as_str().into()),
        meta: work.meta(&[common::uk_profile("Condition")], &sections),
        extension: extensions(work, losses, at, problem),
        identifier: work.identifier(&entry.id, ""),
        clinical_status: status.map(Box::new),
        verification_status: verification(work, entry, problem).map(Box::new),
        category: categories(problem, is_diagnosis),
        code: common::concept_of(&entry.code),
        subject: work.subject(),
        encounter: work.encounter_of(at),
        onset: common::date_time(&entry.date).map(resources::ConditionOnset::DateTime),
        abatement: abatement(losses, entry, problem, past),
        recorded_date: entry.recorded.map(|at| common::moment(at).into()),
        recorder,
        asserter,
        ..Default::default()
    };
    work.push(
        at,
        Made {
            kind: Kind::Condition,
            id,
            resource: Resource::Condition(Box::new(resource)),
            sections,
            header: super::Header::No,
        },
    );
}

/// A problem's own status decides; else the source's word that the episode ended; else the problem that a diagnosis is a
/// review of: linked to it, with the same code (sources.md 3.9, 5). What nobody says is over is current. A problem of
/// another code, or under a restriction, says nothing: were it withheld, the diagnosis would tell of it (R047).
fn is_past(work: &Work<'_>, entry: &Entry, problem: Option<&Problem>) -> bool {
    if let Some(problem) = problem {
        return problem.status == ProblemStatus::Past;
    }
    let sent = entry.episodicity.as_deref();
    let word = sent.and_then(|sent| work.ctx.tables.word(Field::Episodicity, sent));
    if word.is_some_and(|word| word.code == "ended") {
        return true;
    }
    let linked: Vec<ProblemStatus> = entry
        .linked_problems
        .iter()
        .filter_map(|link| work.status_of_same_problem(link, entry))
        .collect();
    !linked.is_empty() && linked.iter().all(|status| *status == ProblemStatus::Past)
}

/// Summary holds current significant problems: those that are not said to be minor (design.md 4).
fn sections(problem: Option<&Problem>, is_diagnosis: bool, past: bool) -> Vec<Section> {
    let mut out = Vec::new();
    if let Some(problem) = problem {
        if past {
            out.push(Section::ProblemsPast);
        } else {
            if problem.significance != Some(Significance::Minor) {
                out.push(Section::SummaryProblems);
            }
            out.push(Section::ProblemsCurrent);
        }
    }
    if is_diagnosis {
        out.push(if past {
            Section::DiagnosisPast
        } else {
            Section::DiagnosisCurrent
        });
    }
    out
}

fn clinical_status(
    work: &Work<'_>,
    problem: Option<&Problem>,
    past: bool,
) -> Option<types::CodeableConcept> {
    let source = match problem.map(|problem| problem.status) {
        Some(ProblemStatus::Active | ProblemStatus::UntilEnd) => "active",
        Some(ProblemStatus::Past) => "past",
        Some(ProblemStatus::HealthAdmin) => "health-admin",
        Some(ProblemStatus::Potential) => "potential",
        None if past => "past",
        // A diagnosis without a status has none: it is listed as current, not said to be active.
        None => return None,
    };
    let word = work.ctx.tables.word(Field::ProblemStatus, source)?;
    Some(build::concept(CLINICAL, &word.code, Some(&word.display)))
}

/// What the source itself is not sure of. A problem's own state comes first.
fn verification(
    work: &Work<'_>,
    entry: &Entry,
    problem: Option<&Problem>,
) -> Option<types::CodeableConcept> {
    if problem.is_some_and(|problem| problem.status == ProblemStatus::Potential) {
        return Some(build::concept(
            VERIFICATION,
            "provisional",
            Some("Provisional"),
        ));
    }
    (says(work.ctx.tables, entry) == Says::Uncertain)
        .then(|| build::concept(VERIFICATION, "unconfirmed", Some("Unconfirmed")))
}

fn categories(problem: Option<&Problem>, is_diagnosis: bool) -> Vec<types::CodeableConcept> {
    let mut out = Vec::new();
    if let Some(problem) = problem {
        out.push(build::concept(
            CATEGORY,
            "problem-list-item",
            Some("Problem List Item"),
        ));
        if problem.status == ProblemStatus::HealthAdmin {
            out.push(build::concept(
                &format!("{OPENMIG}/CodeSystem/problem-kind"),
                "health-administration",
                Some("Health administration"),
            ));
        }
    }
    if is_diagnosis {
        out.push(build::concept(
            CATEGORY,
            "encounter-diagnosis",
            Some("Encounter Diagnosis"),
        ));
    }
    out
}

/// con-4 allows an end only where the condition is over: the end of an active problem is counted, not shown.
fn abatement(
    losses: &mut Losses,
    entry: &Entry,
    problem: Option<&Problem>,
    past: bool,
) -> Option<resources::ConditionAbatement> {
    let end = problem?.end.as_ref()?;
    if !past {
        losses.entry(entry, "problem/end", reason::END_OF_ACTIVE);
        return None;
    }
    if common::period(&entry.date, end).1 {
        losses.entry(entry, "problem/end", reason::END_BEFORE_START);
        return None;
    }
    common::date_time(end).map(resources::ConditionAbatement::DateTime)
}

fn extensions(
    work: &Work<'_>,
    losses: &mut Losses,
    at: usize,
    problem: Option<&Problem>,
) -> Vec<types::Extension> {
    let mut out = Vec::new();
    let Some(entry) = work.tree.get(at) else {
        return out;
    };
    if let Some(problem) = problem {
        if let Some(significance) = problem.significance {
            let code = match significance {
                Significance::Major => "major",
                Significance::Minor => "minor",
            };
            out.push(build::extension(
                &common::our_extension("problem-significance"),
                types::ExtensionValue::Code(code.into()),
            ));
        }
        if let Some(days) = problem.expected_days {
            out.push(build::extension(
                &common::our_extension("problem-expected-duration"),
                types::ExtensionValue::Duration(Box::new(common::days(days))),
            ));
        }
    }
    let mut related = work.problems_of(at, losses);
    if let Some((parent, _)) = problem.and_then(|problem| problem.parent.as_ref()) {
        // That they are related is kept, how is not: no code system says it.
        losses.entry(entry, "problem/parent", reason::RELATION);
        match work.condition_id(parent) {
            Some(id) if *parent != entry.id => {
                let made = build::reference(Kind::Condition, id);
                if !related.contains(&made) {
                    related.push(made);
                }
            }
            _ => losses.entry(entry, "problem/parent", reason::DANGLING),
        }
    }
    let url = "http://hl7.org/fhir/StructureDefinition/condition-related";
    out.extend(
        related
            .into_iter()
            .map(|to| build::extension(url, types::ExtensionValue::Reference(Box::new(to)))),
    );
    out.extend(work.episodicity(losses, entry));
    out.extend(work.qualifiers(entry));
    out
}

/// Has this date passed?
pub fn is_over(date: &PartialDate, today: jiff::civil::Date) -> bool {
    date.latest().is_some_and(|end| end < today)
}
