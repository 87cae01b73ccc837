//! What each entry becomes: decided for the whole record first, so that a reference is only made to what will be there.

use std::collections::HashMap;

use super::assertion::{Says, says};
use super::tables::{Class, Half, Statement, Tables};
use crate::record::{Body, Entry, Restriction};
use crate::tabs::catalogue::Section;

/// One resource that an entry becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Make {
    /// A Condition, as a problem, a diagnosis, or both in one (design.md 4).
    Condition {
        /// On the problem list.
        problem: bool,
        /// A diagnosis.
        diagnosis: bool,
    },
    /// An Observation, in this section.
    Observation(Section),
    /// An Observation without a class of its own, in the one class of the results inside it; `true` where it is a header.
    Over(Section, bool),
    /// Smoking, alcohol and the like.
    Lifestyle(Section),
    /// A blood pressure: the index of its reading in [`Plan::readings`].
    BloodPressure(usize),
    /// A Procedure.
    Procedure,
    /// An Immunization.
    Immunization,
    /// An AllergyIntolerance.
    Allergy,
    /// A Flag; `true` for a contraindication.
    Flag(bool),
    /// A DiagnosticReport, in these sections; `true` where they are those of its results.
    Report(Vec<Section>, bool),
    /// A DocumentReference.
    Document,
    /// An Encounter of class IMP; `true` when what is known is its end.
    Admission(bool),
    /// A ServiceRequest.
    Referral,
    /// A MedicationStatement and its plan; `true`: and the one order of it.
    Medication(bool),
    /// An order.
    Issue,
}

/// A blood pressure: indexes of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The header over it.
    pub header: Option<usize>,
    /// Systolic.
    pub systolic: Option<usize>,
    /// Diastolic.
    pub diastolic: Option<usize>,
}

impl Reading {
    /// Its entries, the one that names it first.
    pub fn entries(&self) -> impl Iterator<Item = usize> {
        [self.header, self.systolic, self.diastolic]
            .into_iter()
            .flatten()
    }
}

/// The plan of a record.
#[derive(Debug)]
pub struct Plan {
    /// For every entry what it becomes, the native kind first; empty: nothing.
    pub makes: Vec<Vec<Make>>,
    /// Blood pressures.
    pub readings: Vec<Reading>,
}

/// The entries by id, and what they are inside of.
pub struct Tree<'a> {
    entries: &'a [Entry],
    by_id: HashMap<&'a str, usize>,
    /// What stands inside something was put there by the source, entry by entry (EMIS).
    nested: bool,
}

/// Deeper nesting than this is a loop in the source's links.
const DEPTH: usize = 32;

impl<'a> Tree<'a> {
    /// Of these entries.
    pub fn new(entries: &'a [Entry], nested: bool) -> Self {
        let by_id = entries.iter().enumerate();
        Self {
            entries,
            nested,
            by_id: by_id.map(|(at, entry)| (entry.id.as_str(), at)).collect(),
        }
    }

    /// The entry with this id.
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The entry at this place.
    pub fn get(&self, at: usize) -> Option<&'a Entry> {
        self.entries.get(at)
    }

    /// What contains an entry, from the inside out. An issue is inside its course.
    pub fn above(&self, at: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut next = Some(at);
        while let Some(now) = next {
            next = self
                .entries
                .get(now)
                .and_then(|entry| {
                    let course = match &entry.body {
                        Body::Issue(issue) => issue.course.as_deref(),
                        _ => None,
                    };
                    entry.parent.as_deref().or(course)
                })
                .and_then(|id| self.find(id))
                .filter(|up| *up != at && !out.contains(up) && out.len() < DEPTH);
            out.extend(next);
        }
        out
    }
}

/// What contains an entry so that its restrictions are the entry's too, from the inside out. SystmOne ties all that stands
/// in an event to its report, and only results are the report's own: a private report must not take a symptom along.
pub fn owners(tables: &Tables, tree: &Tree<'_>, at: usize) -> Vec<usize> {
    let tied = !tree.nested && tree.get(at).is_some_and(|entry| entry.parent.is_some());
    if tied && !is_result(tables, tree, at) {
        return Vec::new();
    }
    tree.above(at)
}

/// What the codes and the source's category say of an entry.
pub fn class_of(tables: &Tables, entry: &Entry) -> Option<Class> {
    let category = entry.category.as_deref();
    category
        .and_then(|category| tables.category(category))
        .or_else(|| tables.class_of(&entry.code))
}

/// Is an entry a result of what contains it? SystmOne ties everything of an event to its report (sources.md 4.8, 16), so
/// there only a value or a code of a test makes a result.
pub fn is_result(tables: &Tables, tree: &Tree<'_>, at: usize) -> bool {
    let Some(entry) = tree.get(at) else {
        return false;
    };
    let Body::Observation(body) = &entry.body else {
        return false;
    };
    !tree.above(at).is_empty()
        && (tree.nested
            || body.group
            || body.value.is_some()
            || class_of(tables, entry).is_some_and(|c| c.statement == Statement::Investigation))
}

impl Plan {
    /// Decides for every entry. `restrictions` are those of each entry, inherited ones included.
    pub fn new(tables: &Tables, tree: &Tree<'_>, restrictions: &[Vec<Restriction>]) -> Self {
        let readings = readings(tables, tree, restrictions);
        let in_reading: HashMap<usize, usize> = readings
            .iter()
            .enumerate()
            .flat_map(|(n, reading)| reading.entries().map(move |at| (at, n)))
            .collect();
        let mut makes: Vec<Vec<Make>> = tree
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| {
                let mut makes = match in_reading.get(&at) {
                    Some(n) => vec![Make::BloodPressure(*n)],
                    None => natives(tables, tree, at, entry),
                };
                let said = says(tables, entry);
                let diagnosis = is_diagnosis(tables, entry);
                // What is not so is no problem, and a relative's disease is not the patient's.
                let of_patient = match said {
                    Says::Negated => false,
                    Says::Relative => !diagnosis,
                    Says::Uncertain | Says::Plain => true,
                };
                if !of_patient {
                    return makes;
                }
                if entry.problem.is_some() || diagnosis {
                    makes.push(Make::Condition {
                        problem: entry.problem.is_some(),
                        diagnosis,
                    });
                }
                makes
            })
            .collect();
        gather(tables, tree, &mut makes);
        Self { makes, readings }
    }
}

fn is_diagnosis(tables: &Tables, entry: &Entry) -> bool {
    matches!(&entry.body, Body::Observation(o) if !o.group)
        && class_of(tables, entry).is_some_and(|c| c.statement == Statement::Disorder)
}

/// What an entry becomes beside a Condition.
fn natives(tables: &Tables, tree: &Tree<'_>, at: usize, entry: &Entry) -> Vec<Make> {
    let native = matches!(
        entry.body,
        Body::Allergy(_) | Body::Alert(_) | Body::Referral(_)
    );
    match says(tables, entry) {
        // An allergy that is negated is an observation that there is none, never an allergy.
        Says::Negated if native => return vec![Make::Observation(Section::OtherInvestigations)],
        Says::Relative if native => return Vec::new(),
        _ => {}
    }
    match &entry.body {
        Body::Observation(_) => observation(tables, tree, at, entry),
        Body::Medication(course) => vec![Make::Medication(course.is_own_issue)],
        Body::Issue(_) => vec![Make::Issue],
        Body::Allergy(_) => vec![Make::Allergy],
        Body::Immunisation(_) => vec![Make::Immunization],
        Body::Alert(_) if entry.code.is_empty() => Vec::new(),
        Body::Alert(_) => vec![Make::Flag(false)],
        Body::Referral(referral) if referral.admission => {
            vec![Make::Referral, Make::Admission(false)]
        }
        Body::Referral(_) => vec![Make::Referral],
        Body::Report(report) => {
            let kind = report.kind.as_deref().and_then(|kind| tables.report(kind));
            match kind.and_then(|kind| kind.document) {
                Some(true) => vec![Make::Document, Make::Admission(true)],
                Some(false) => Vec::new(),
                None => {
                    let named = kind.and_then(|kind| kind.section);
                    // A chapter of tests in general says less than the results inside.
                    let coded = class_of(tables, entry)
                        .and_then(|class| class.section)
                        .filter(|section| *section != Section::OtherInvestigations);
                    let classes: Vec<Section> = named.or(coded).into_iter().collect();
                    let by_results = classes.is_empty();
                    vec![Make::Report(classes, by_results)]
                }
            }
        }
        Body::Document(document) => {
            let says = tables.class_of(&entry.code).map(|class| class.statement);
            if document.discharge || says == Some(Statement::Discharge) {
                vec![Make::Document, Make::Admission(true)]
            } else {
                Vec::new()
            }
        }
        Body::FamilyHistory | Body::TestRequest | Body::Diary => Vec::new(),
    }
}

/// A coded statement: the tables say what kind; a value makes a measurement of it (sources.md 4.6).
fn observation(tables: &Tables, tree: &Tree<'_>, at: usize, entry: &Entry) -> Vec<Make> {
    let Body::Observation(body) = &entry.body else {
        return Vec::new();
    };
    let others = Section::OtherInvestigations;
    let class = class_of(tables, entry);
    let own = class.and_then(|class| class.section).filter(is_test);
    let above = || inherited(tables, tree, at);
    if body.group {
        return vec![Make::Observation(own.or_else(above).unwrap_or(others))];
    }
    let valued = body.value.is_some();
    if entry.code.is_empty() && !valued {
        return Vec::new();
    }
    let statement = class.map_or(Statement::Finding, |class| class.statement);
    match says(tables, entry) {
        Says::Negated if statement == Statement::FamilyHistory => return Vec::new(),
        // Whatever its code says, it is an observation that this is not so.
        Says::Negated => return vec![Make::Observation(own.or_else(above).unwrap_or(others))],
        Says::Relative if asserts(statement) => return Vec::new(),
        Says::Relative | Says::Uncertain | Says::Plain => {}
    }
    let measured = if valued {
        vec![Make::Observation(own.or_else(above).unwrap_or(others))]
    } else {
        Vec::new()
    };
    match statement {
        Statement::Disorder => measured,
        Statement::FamilyHistory => Vec::new(),
        Statement::Procedure if valued => measured,
        Statement::Procedure => vec![Make::Procedure],
        Statement::Immunisation => vec![Make::Immunization],
        Statement::Allergy => vec![Make::Allergy],
        Statement::Contraindication => vec![Make::Flag(true)],
        Statement::Admission => vec![Make::Admission(false)],
        Statement::Discharge => vec![Make::Admission(true)],
        Statement::Referral => vec![Make::Referral],
        Statement::Lifestyle => vec![Make::Lifestyle(own.unwrap_or(others))],
        Statement::Investigation => {
            vec![Make::Observation(own.or_else(above).unwrap_or(others))]
        }
        Statement::Finding | Statement::ByCode => {
            if valued {
                measured
            } else if entry.problem.is_some() {
                Vec::new()
            } else {
                let is_result = is_result(tables, tree, at);
                let above = is_result.then(above).flatten();
                vec![Make::Observation(above.unwrap_or(others))]
            }
        }
    }
}

/// Does a statement of this kind say what the patient has or had? Of a relative it is family history, which is in no tab.
fn asserts(statement: Statement) -> bool {
    matches!(
        statement,
        Statement::Disorder
            | Statement::Procedure
            | Statement::Immunisation
            | Statement::Allergy
            | Statement::Contraindication
            | Statement::Admission
            | Statement::Discharge
            | Statement::Referral
    )
}

fn is_test(section: &Section) -> bool {
    use crate::tabs::catalogue::Tab;
    section.tab() == Tab::Investigations
}

/// The section of the nearest battery or report that names one.
fn inherited(tables: &Tables, tree: &Tree<'_>, at: usize) -> Option<Section> {
    tree.above(at).into_iter().find_map(|up| {
        let entry = tree.get(up)?;
        let kind = match &entry.body {
            Body::Report(report) => report.kind.as_deref().and_then(|kind| tables.report(kind)),
            _ => None,
        };
        kind.and_then(|kind| kind.section)
            .or_else(|| class_of(tables, entry)?.section)
            .filter(is_test)
    })
}

/// A report that names no section stands in those of its results; a battery in `others` likewise.
fn gather(tables: &Tables, tree: &Tree<'_>, makes: &mut [Vec<Make>]) {
    let mut below: HashMap<usize, Vec<Section>> = HashMap::new();
    for (at, made) in makes.iter().enumerate() {
        let is_group =
            matches!(tree.get(at).map(|e| &e.body), Some(Body::Observation(o)) if o.group);
        for make in made {
            let (Make::Observation(section) | Make::Lifestyle(section)) = make else {
                continue;
            };
            if is_group {
                continue;
            }
            for up in tree.above(at) {
                let sections = below.entry(up).or_default();
                if !sections.contains(section) {
                    sections.push(*section);
                }
            }
        }
    }
    let others = Section::OtherInvestigations;
    for (at, made) in makes.iter_mut().enumerate() {
        let mut found = below.remove(&at).unwrap_or_default();
        found.sort();
        for make in made {
            match make {
                Make::Report(sections, _) if sections.is_empty() => {
                    *sections = if found.is_empty() {
                        vec![others]
                    } else {
                        found.clone()
                    };
                }
                Make::Observation(section) if *section == others => {
                    let entry = tree.get(at);
                    let named = entry
                        .and_then(|entry| class_of(tables, entry))
                        .and_then(|class| class.section);
                    let is_group =
                        matches!(entry.map(|e| &e.body), Some(Body::Observation(o)) if o.group);
                    if named.is_none() && (is_group || !found.is_empty()) {
                        let class = match found.as_slice() {
                            [only] => *only,
                            _ => others,
                        };
                        *make = Make::Over(class, is_group);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Pairs systolic and diastolic of one bracket, one variant and the same restrictions: by code, never by place, in order,
/// and only when their numbers match (sources.md 3.9, 8 and 4.8, 15).
fn readings(tables: &Tables, tree: &Tree<'_>, restrictions: &[Vec<Restriction>]) -> Vec<Reading> {
    #[derive(Default)]
    struct Bracket {
        header: Vec<usize>,
        systolic: Vec<usize>,
        diastolic: Vec<usize>,
    }
    let half = |at: usize| {
        let entry = tree.get(at)?;
        let Body::Observation(_) = &entry.body else {
            return None;
        };
        tables.blood_pressure(&entry.code)
    };
    let is_header = |at: usize| half(at).is_some_and(|(half, _)| half == Half::Panel);
    // By the id of what contains it, the variant of the first half that stands directly in it.
    let mut variants: HashMap<&str, &str> = HashMap::new();
    for entry in tree.entries {
        if let Some(parent) = entry.parent.as_deref()
            && let Some((Half::Systolic | Half::Diastolic, variant)) =
                tables.blood_pressure(&entry.code)
        {
            variants.entry(parent).or_insert(variant);
        }
    }
    let variant_below = |entry: &Entry| variants.get(entry.id.as_str()).copied();
    type BracketKey<'k> = (String, &'k str, Vec<String>);
    let mut order: Vec<BracketKey<'_>> = Vec::new();
    let mut brackets: HashMap<BracketKey<'_>, Bracket> = HashMap::new();
    for (at, entry) in tree.entries.iter().enumerate() {
        let Some((half, variant)) = half(at) else {
            continue;
        };
        let Body::Observation(body) = &entry.body else {
            continue;
        };
        let parent = entry.parent.as_deref().and_then(|id| tree.find(id));
        let bracket = match (parent.filter(|up| is_header(*up)), &body.group_key) {
            (Some(up), _) => format!("under/{up}"),
            (None, _) if half == Half::Panel && variant_below(entry).is_some() => {
                format!("under/{at}")
            }
            (None, Some(key)) => format!("key/{key}"),
            (None, None) => format!("alone/{at}"),
        };
        // The header over lying readings may be plain: what stands under it says which variant it is.
        let variant = match half {
            Half::Panel => variant_below(entry).unwrap_or(variant),
            Half::Systolic | Half::Diastolic => variant,
        };
        let mut hidden: Vec<String> = restrictions
            .get(at)
            .into_iter()
            .flatten()
            .map(|r| format!("{r:?}"))
            .collect();
        hidden.sort();
        let key = (bracket, variant, hidden);
        if !brackets.contains_key(&key) {
            order.push(key.clone());
        }
        let bracket = brackets.entry(key).or_default();
        match half {
            Half::Panel => bracket.header.push(at),
            Half::Systolic => bracket.systolic.push(at),
            Half::Diastolic => bracket.diastolic.push(at),
        }
    }
    let mut out = Vec::new();
    for key in order {
        let Some(bracket) = brackets.remove(&key) else {
            continue;
        };
        let one = |list: &[usize], n: usize| list.get(n).copied();
        let matched = bracket.systolic.len() == bracket.diastolic.len();
        let mut pairs: Vec<Reading> = if matched {
            (0..bracket.systolic.len())
                .map(|n| Reading {
                    header: None,
                    systolic: one(&bracket.systolic, n),
                    diastolic: one(&bracket.diastolic, n),
                })
                .collect()
        } else {
            let single = |systolic, diastolic| Reading {
                header: None,
                systolic,
                diastolic,
            };
            let systolic = bracket.systolic.iter().map(|at| single(Some(*at), None));
            let diastolic = bracket.diastolic.iter().map(|at| single(None, Some(*at)));
            systolic.chain(diastolic).collect()
        };
        if bracket.header.len() == pairs.len() {
            for (pair, header) in pairs.iter_mut().zip(&bracket.header) {
                pair.header = Some(*header);
            }
        } else {
            pairs.extend(bracket.header.iter().map(|at| Reading {
                header: Some(*at),
                ..Reading::default()
            }));
        }
        out.append(&mut pairs);
    }
    out
}
