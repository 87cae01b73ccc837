//! One run of the mapping: what is known of the whole record, and what every resource gets in the same way.

use std::collections::{BTreeSet, HashMap};

use super::assertion::{Says, says};
use super::common;
use super::loss::{Losses, reason};
use super::plan::{Make, Plan, Tree, owners};
use super::tables::Tables;
use super::{Checkable, Header, Mapped, MappingContext};
use crate::fhir::model::types;
use crate::fhir::{Kind, Resource, build, uri};
use crate::record::{
    Body, Coded, Coding, Encounter, Entry, GpRecord, Organisation, PartialDate, ProblemStatus,
    Restriction, SourceFamily, Staff, Value,
};
use crate::tabs::catalogue::{Section, TABS, TabSet};

/// The run.
pub struct Work<'a> {
    /// What the caller gave.
    pub ctx: &'a MappingContext<'a>,
    /// The record.
    pub record: &'a GpRecord,
    /// Its entries by id and nesting.
    pub tree: Tree<'a>,
    /// What they become.
    pub plan: Plan,
    restrictions: Vec<Vec<Restriction>>,
    encounters: HashMap<&'a str, (&'a Encounter, Option<String>)>,
    staff: HashMap<&'a str, &'a Staff>,
    organisations: HashMap<&'a str, &'a Organisation>,
    conditions: HashMap<&'a str, String>,
    problems: HashMap<&'a str, (ProblemStatus, usize)>,
    /// Consultations in which something was typed that is under no restriction.
    narrated: BTreeSet<&'a str>,
    inside: HashMap<usize, Vec<usize>>,
    used_staff: BTreeSet<&'a str>,
    used_organisations: BTreeSet<&'a str>,
    out: Vec<Mapped>,
}

/// What a mapper hands over of a resource beside the resource itself.
pub struct Made {
    /// Its type.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The resource.
    pub resource: Resource,
    /// Its sections.
    pub sections: Vec<Section>,
    /// Is it a header over results?
    pub header: Header,
}

impl<'a> Work<'a> {
    /// Decides what everything in the record becomes.
    pub fn new(record: &'a GpRecord, ctx: &'a MappingContext<'a>) -> Self {
        let nested = record.family == SourceFamily::Emis;
        let tree = Tree::new(&record.entries, nested);
        let encounters: HashMap<&str, &Encounter> = record
            .encounters
            .iter()
            .map(|e| (e.id.as_str(), e))
            .collect();
        let restrictions: Vec<Vec<Restriction>> = (0..record.entries.len())
            .map(|at| inherited(ctx.tables, &tree, &encounters, at))
            .collect();
        let plan = Plan::new(ctx.tables, &tree, &restrictions);
        let mut work = Self {
            ctx,
            record,
            tree,
            plan,
            restrictions,
            encounters: HashMap::new(),
            staff: record.staff.iter().map(|s| (s.id.as_str(), s)).collect(),
            organisations: record
                .organisations
                .iter()
                .map(|o| (o.id.as_str(), o))
                .collect(),
            conditions: HashMap::new(),
            problems: HashMap::new(),
            narrated: BTreeSet::new(),
            inside: HashMap::new(),
            used_staff: BTreeSet::new(),
            used_organisations: BTreeSet::new(),
            out: Vec::new(),
        };
        work.encounters = encounters
            .into_iter()
            .map(|(id, encounter)| {
                let shown = super::encounter::class(work.ctx.tables, encounter).is_some();
                let made = shown.then(|| work.id(Kind::Encounter, id, ""));
                (id, (encounter, made))
            })
            .collect();
        for (at, entry) in record.entries.iter().enumerate() {
            let mut above = work.tree.above(at).into_iter();
            if let Some(up) = above.find(|up| !work.makes(*up).is_empty()) {
                work.inside.entry(up).or_default().push(at);
            }
            if let Some(problem) = &entry.problem {
                work.problems.insert(&entry.id, (problem.status, at));
                if let Some(other) = problem.id.as_deref() {
                    work.problems.insert(other, (problem.status, at));
                }
            }
            if let Some(encounter) = entry.encounter.as_deref()
                && is_wordless(entry)
                && work.restrictions.get(at).is_some_and(Vec::is_empty)
            {
                work.narrated.insert(encounter);
            }
            let problem = |make: &Make| matches!(make, Make::Condition { problem: true, .. });
            let is_condition = |make: &Make| matches!(make, Make::Condition { .. });
            let makes = work.makes(at);
            if makes.iter().any(is_condition) {
                let id = work.id(Kind::Condition, &entry.id, "");
                if makes.iter().any(problem)
                    && let Some(other) = entry.problem.as_ref().and_then(|p| p.id.as_deref())
                {
                    work.conditions.insert(other, id.clone());
                }
                work.conditions.insert(&entry.id, id);
            }
        }
        work
    }

    /// The record's parts, each of which is made into resources by itself: the patient, every encounter, every entry, and
    /// last what only the others refer to.
    pub fn parts(&self) -> usize {
        2 + self.record.encounters.len() + self.record.entries.len()
    }

    /// Makes the resources of one part. Made again, they are the same.
    pub fn part(&mut self, n: usize, losses: &mut Losses) -> std::vec::Drain<'_, Mapped> {
        let record = self.record;
        let encounters = record.encounters.len();
        if n == 0 {
            super::patient::patient(self, losses);
        } else if let Some(encounter) = record.encounters.get(n - 1) {
            super::encounter::encounter(self, losses, encounter);
        } else if n <= encounters + record.entries.len() {
            self.entry(n - 1 - encounters, losses);
        } else {
            self.supporting();
        }
        self.out.drain(..)
    }

    /// What the entry at this place becomes.
    pub fn makes(&self, at: usize) -> &[Make] {
        self.plan.makes.get(at).map_or(&[], Vec::as_slice)
    }

    /// A resource's id: stable, and telling nothing (design.md 5).
    pub fn id(&self, kind: Kind, native: &str, role: &str) -> String {
        let family = match self.record.family {
            SourceFamily::Emis => "emis",
            SourceFamily::SystmOne => "systmone",
        };
        let role = format!("{}{role}", kind.name());
        self.ctx.ids.resource(
            &self.ctx.patient,
            &[family, &self.record.practice.0, bare(native), &role],
        )
    }

    /// The id of the admission that an entry stands for, which must not meet a consultation of the same native id.
    pub fn admission_id(&self, entry: &Entry) -> String {
        self.id(Kind::Encounter, &entry.id, "-admission")
    }

    /// The business identifier: the source's own id, in a system of that practice's source.
    pub fn identifier(&self, native: &str, role: &str) -> Vec<types::Identifier> {
        let value = format!("{}{role}", bare(native));
        vec![types::Identifier {
            system: Some(self.source_system().into()),
            value: Some(value.into()),
            ..Default::default()
        }]
    }

    fn source_system(&self) -> String {
        format!(
            "{}/Id/source/{}",
            crate::fhir::OPENMIG,
            self.record.practice
        )
    }

    /// `meta`: the profiles it truly meets and one tag per tab.
    pub fn meta(&self, profiles: &[String], sections: &[Section]) -> Option<Box<types::Meta>> {
        let tabs: TabSet = sections.iter().map(|section| section.tab()).collect();
        let tag = TABS
            .into_iter()
            .filter(|tab| tabs.contains(*tab))
            .map(|tab| {
                let text = self.ctx.tables.tab(tab);
                build::coding(uri::TAB, tab.code(), text.map(|text| text.title.as_str()))
            })
            .collect();
        Some(Box::new(types::Meta {
            profile: profiles.iter().map(|url| url.as_str().into()).collect(),
            tag,
            ..Default::default()
        }))
    }

    /// The reference to the patient.
    pub fn subject(&self) -> Box<types::Reference> {
        Box::new(build::reference(Kind::Patient, self.ctx.patient.as_str()))
    }

    /// The reference to an entry's encounter, where that is a resource; that of what contains it, where it names none.
    pub fn encounter_of(&self, at: usize) -> Option<Box<types::Reference>> {
        let named = std::iter::once(at)
            .chain(self.tree.above(at))
            .find_map(|up| self.tree.get(up)?.encounter.as_deref())?;
        let (_, made) = self.encounters.get(named)?;
        let id = made.as_deref()?;
        Some(Box::new(build::reference(Kind::Encounter, id)))
    }

    /// The id of an encounter's resource; `None` where it is none.
    pub fn encounter_id(&self, native: &str) -> Option<String> {
        self.encounters.get(native)?.1.clone()
    }

    /// The reference to a person, who is then part of the answer.
    pub fn practitioner(&mut self, native: Option<&str>) -> Option<Box<types::Reference>> {
        let staff = self.staff.get(native?).copied()?;
        self.used_staff.insert(&staff.id);
        let id = self.id(Kind::Practitioner, &staff.id, "");
        Some(Box::new(types::Reference {
            display: Some(staff.name.as_str().into()),
            ..build::reference(Kind::Practitioner, &id)
        }))
    }

    /// The reference to an organisation, which is then part of the answer.
    pub fn organisation(&mut self, native: Option<&str>) -> Option<Box<types::Reference>> {
        let organisation = self.organisations.get(native?).copied()?;
        if self.is_practice(organisation) {
            return Some(self.practice());
        }
        self.used_organisations.insert(&organisation.id);
        let id = self.id(Kind::Organization, &organisation.id, "");
        Some(Box::new(types::Reference {
            display: Some(organisation.name.as_str().into()),
            ..build::reference(Kind::Organization, &id)
        }))
    }

    /// Is it the practice whose record this is?
    pub fn is_practice(&self, organisation: &Organisation) -> bool {
        organisation
            .ods
            .as_deref()
            .is_some_and(|ods| ods.eq_ignore_ascii_case(&self.record.practice.0))
            || self.record.patient.organisation.as_deref() == Some(organisation.id.as_str())
                && organisation.ods.is_none()
    }

    /// Is it an organisation that the record holds, other than the practice?
    fn is_elsewhere(&self, native: &str) -> bool {
        let found = self.organisations.get(native);
        found.is_some_and(|one| !self.is_practice(one))
    }

    /// The reference to the practice whose record this is.
    pub fn practice(&self) -> Box<types::Reference> {
        let id = self.practice_id();
        Box::new(types::Reference {
            display: Some(self.ctx.practice_name.into()),
            ..build::reference(Kind::Organization, &id)
        })
    }

    /// The id of the practice's Organization.
    pub fn practice_id(&self) -> String {
        self.id(Kind::Organization, &self.record.practice.0, "-practice")
    }

    /// References to the problems that an entry is linked to.
    pub fn problems_of(&self, at: usize, losses: &mut Losses) -> Vec<types::Reference> {
        let Some(entry) = self.tree.get(at) else {
            return Vec::new();
        };
        let mut out: Vec<types::Reference> = Vec::new();
        for link in &entry.linked_problems {
            match self.conditions.get(link.as_str()) {
                Some(id) => {
                    let made = build::reference(Kind::Condition, id);
                    if *link != entry.id && !out.contains(&made) {
                        out.push(made);
                    }
                }
                None => losses.entry(entry, "linkedProblem", reason::DANGLING),
            }
        }
        out
    }

    /// The state of the problem with this id, where nothing restricts it and its entry has a code of this one.
    pub fn status_of_same_problem(&self, native: &str, entry: &Entry) -> Option<ProblemStatus> {
        let (status, at) = self.problems.get(native)?;
        let open = self.restrictions.get(*at).is_some_and(Vec::is_empty);
        let codings = &self.tree.get(*at)?.code.codings;
        let same = |one: &Coding| {
            let mut own = entry.code.codings.iter();
            own.any(|own| own.system == one.system && own.code == one.code)
        };
        (open && codings.iter().any(same)).then_some(*status)
    }

    /// Was something typed in this consultation that is under no restriction?
    pub fn is_narrated(&self, encounter: &str) -> bool {
        self.narrated.contains(encounter)
    }

    /// The entries whose nearest container that became something is this one, in the order of the source.
    pub fn inside(&self, at: usize) -> &[usize] {
        self.inside.get(&at).map_or(&[], Vec::as_slice)
    }

    /// The id of a problem's Condition.
    pub fn condition_id(&self, native: &str) -> Option<&str> {
        self.conditions.get(native).map(String::as_str)
    }

    /// `workflow-reasonReference` to linked problems, for kinds that have no element for it.
    pub fn reasons(&self, at: usize, losses: &mut Losses) -> Vec<types::Extension> {
        let url = "http://hl7.org/fhir/StructureDefinition/workflow-reasonReference";
        self.problems_of(at, losses)
            .into_iter()
            .map(|to| build::extension(url, types::ExtensionValue::Reference(Box::new(to))))
            .collect()
    }

    /// Our extension with the time of entry, for kinds that have no element for it (R206).
    pub fn recorded(&self, entry: &Entry) -> Vec<types::Extension> {
        entry.recorded.map(recorded_extension).into_iter().collect()
    }

    /// Name and value pairs that hang off a code, where the kind has no components.
    pub fn qualifiers(&self, entry: &Entry) -> Vec<types::Extension> {
        let part = |name: &str, coded: &Coded| {
            let value = types::ExtensionValue::CodeableConcept(Box::new(common::concept(coded)));
            build::extension(name, value)
        };
        entry
            .qualifiers
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, value)| types::Extension {
                url: common::our_extension("qualifier"),
                extension: vec![part("name", name), part("value", value)],
                ..Default::default()
            })
            .collect()
    }

    /// A word of the source by the table; one that is not there is counted, not passed on (R032).
    pub fn word(
        &self,
        losses: &mut Losses,
        entry: &Entry,
        field: super::tables::Field,
        part: &str,
        source: Option<&str>,
    ) -> Option<&'a super::tables::Word> {
        let source = source.map(str::trim).filter(|word| !word.is_empty())?;
        let word = self.ctx.tables.word(field, source);
        if word.is_none() {
            losses.entry(entry, part, reason::UNKNOWN_WORD);
        }
        word
    }

    /// First, new, review … as our extension.
    pub fn episodicity(&self, losses: &mut Losses, entry: &Entry) -> Option<types::Extension> {
        let field = super::tables::Field::Episodicity;
        let sent = entry.episodicity.as_deref();
        let word = self.word(losses, entry, field, "episodicity", sent)?;
        Some(common::words_extension("episodicity", &word.display))
    }

    /// The id of the resource that contains an entry, climbing over what became nothing.
    fn container(&self, at: usize, own: &str) -> Option<String> {
        owners(self.ctx.tables, &self.tree, at)
            .into_iter()
            .filter_map(|up| self.primary(up))
            .find(|id| id != own)
    }

    /// The id of the first resource that an entry becomes.
    pub fn primary(&self, at: usize) -> Option<String> {
        let entry = self.tree.get(at)?;
        let make = self.makes(at).first()?;
        Some(match make {
            Make::BloodPressure(n) => {
                let names = self.plan.readings.get(*n)?.entries().next()?;
                self.id(Kind::Observation, &self.tree.get(names)?.id, "")
            }
            Make::Medication(_) => self.id(Kind::MedicationRequest, &entry.id, ""),
            Make::Admission(_) => self.admission_id(entry),
            other => self.id(other.kind(), &entry.id, ""),
        })
    }

    /// Hands over a resource of one entry.
    pub fn push(&mut self, at: usize, made: Made) {
        let Some(entry) = self.tree.get(at) else {
            return;
        };
        self.push_all(&[at], entry.date.clone(), made);
    }

    /// Hands over a resource of several entries; the first names it.
    pub fn push_all(&mut self, entries: &[usize], date: PartialDate, made: Made) {
        let Some(entry) = entries.first().and_then(|at| self.tree.get(*at)) else {
            return;
        };
        let mut codings: Vec<(String, String)> = Vec::new();
        let mut restrictions: Vec<Restriction> = Vec::new();
        let mut checkable = None;
        for at in entries {
            for restriction in self.restrictions.get(*at).into_iter().flatten() {
                if !restrictions.contains(restriction) {
                    restrictions.push(restriction.clone());
                }
            }
            // What contains it but is no resource itself cannot be withheld in its place: its codes count here.
            let hidden = self
                .tree
                .above(*at)
                .into_iter()
                .take_while(|up| self.makes(*up).is_empty());
            for one in std::iter::once(*at).chain(hidden.collect::<Vec<_>>()) {
                if let Some(entry) = self.tree.get(one) {
                    add_codings(entry, &mut codings);
                }
            }
            if let Some(course) = self.named_by_course(*at) {
                add_codings(course, &mut codings);
            }
            if let Some(entry) = self.tree.get(*at) {
                checkable = strictest(checkable, self.checkable(entry));
            }
        }
        add_all(resource_codings(&made.resource), &mut codings);
        let parent = entries.iter().find_map(|at| self.container(*at, &made.id));
        let state_by_results = match (made.kind, &entry.body) {
            (Kind::DiagnosticReport, _) => true,
            (Kind::Observation, Body::Observation(body)) if body.group => {
                super::observation::state(self.ctx.tables, body) == "final"
            }
            _ => false,
        };
        self.out.push(Mapped {
            kind: made.kind,
            id: made.id,
            resource: made.resource,
            sections: made.sections,
            date,
            codings,
            checkable: checkable.unwrap_or(Checkable::NoCode),
            restrictions,
            native_id: entry.id.clone(),
            parent,
            bracket: false,
            header: made.header,
            state_by_results,
        });
    }

    /// Hands over a resource that is no entry's: patient, encounter, person, organisation, specimen.
    pub fn push_other(&mut self, mapped: Mapped) {
        self.out.push(mapped);
    }

    /// What restricts an entry, inherited restrictions included.
    pub fn restrictions_of(&self, at: usize) -> Vec<Restriction> {
        self.restrictions.get(at).cloned().unwrap_or_default()
    }

    /// The course that says what an issue without a code of its own is an issue of.
    fn named_by_course(&self, at: usize) -> Option<&'a Entry> {
        let entry = self.tree.get(at).filter(|entry| entry.code.is_empty())?;
        let Body::Issue(issue) = &entry.body else {
            return None;
        };
        self.tree.get(self.tree.find(issue.course.as_deref()?)?)
    }

    /// How far an entry's code can be checked (R051). An issue without a code of its own has its course's.
    fn checkable(&self, entry: &Entry) -> Checkable {
        let course = self
            .tree
            .find(&entry.id)
            .and_then(|at| self.named_by_course(at));
        let own = &course.unwrap_or(entry).code;
        let named = match &entry.body {
            Body::Allergy(a) if own.is_empty() => a.substance.as_ref(),
            Body::Immunisation(i) if own.is_empty() => i.product.as_ref(),
            Body::Referral(r) if own.is_empty() => r.speciality.as_ref(),
            _ => None,
        };
        let code = named.unwrap_or(own);
        let header = matches!(entry.body, Body::Report(_) | Body::Document(_));
        if code.codings.iter().any(|c| common::is_national(&c.system)) {
            Checkable::National
        } else if code.is_empty() && header {
            Checkable::NoCode
        } else {
            Checkable::LocalOnly
        }
    }

    fn entry(&mut self, at: usize, losses: &mut Losses) {
        let Some(entry) = self.tree.get(at) else {
            return;
        };
        let makes = self.makes(at).to_vec();
        if makes.is_empty() {
            let reason = if is_wordless(entry) {
                reason::FREE_TEXT
            } else {
                reason::NO_TAB
            };
            losses.entry(entry, "", reason);
        }
        if says(self.ctx.tables, entry) == Says::Negated {
            losses.entry(entry, "qualifier", reason::NEGATED);
        }
        let has_no_place = |make: &Make| {
            matches!(
                make,
                Make::Medication(_)
                    | Make::Issue
                    | Make::Report(..)
                    | Make::Document
                    | Make::Admission(_)
                    | Make::BloodPressure(_)
            )
        };
        if !entry.qualifiers.is_empty() && !makes.is_empty() && makes.iter().all(has_no_place) {
            losses.entry(entry, "qualifier", reason::NOT_IN_DATA_SET);
        }
        for part in super::unplaced::parts(entry, &makes, |native| self.is_elsewhere(native)) {
            losses.entry(entry, part, reason::NO_PLACE);
        }
        for make in &makes {
            match make {
                Make::Condition { problem, diagnosis } => {
                    super::condition::condition(self, losses, at, *problem, *diagnosis);
                }
                Make::Observation(section) => {
                    super::observation::observation(self, losses, at, *section, false);
                }
                Make::Lifestyle(section) => {
                    super::observation::observation(self, losses, at, *section, true);
                }
                Make::BloodPressure(n) => super::blood_pressure::reading(self, losses, at, *n),
                Make::Procedure => super::procedure::procedure(self, losses, at),
                Make::Immunization => super::immunization::immunization(self, losses, at),
                Make::Allergy => super::allergy::allergy(self, losses, at),
                Make::Flag(contraindication) => {
                    super::flag::flag(self, losses, at, *contraindication);
                }
                Make::Over(section, header) => {
                    super::observation::over(self, losses, at, *section, *header);
                }
                Make::Report(sections, by_results) => {
                    super::diagnostic_report::report(self, losses, at, sections, *by_results);
                }
                Make::Document => super::document::document(self, at),
                Make::Admission(end) => super::admission::admission(self, at, *end),
                Make::Referral => super::referral::referral(self, losses, at),
                Make::Medication(own_issue) => {
                    super::medication::course(self, losses, at, *own_issue);
                }
                Make::Issue => super::medication::issue(self, losses, at),
            }
        }
    }

    /// The people and organisations that something refers to.
    fn supporting(&mut self) {
        for staff in &self.record.staff {
            if self.used_staff.contains(staff.id.as_str()) {
                let mapped = super::staff::practitioner(self, staff);
                self.out.push(mapped);
            }
        }
        let practice = super::staff::practice(self);
        self.out.push(practice);
        for organisation in &self.record.organisations {
            if self.used_organisations.contains(organisation.id.as_str()) {
                let mapped = super::staff::organization(self, organisation);
                self.out.push(mapped);
            }
        }
    }
}

impl Make {
    /// The type of the resource that names it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Condition { .. } => Kind::Condition,
            Self::Observation(_) | Self::Over(..) | Self::Lifestyle(_) | Self::BloodPressure(_) => {
                Kind::Observation
            }
            Self::Procedure => Kind::Procedure,
            Self::Immunization => Kind::Immunization,
            Self::Allergy => Kind::AllergyIntolerance,
            Self::Flag(_) => Kind::Flag,
            Self::Report(..) => Kind::DiagnosticReport,
            Self::Document => Kind::DocumentReference,
            Self::Admission(_) => Kind::Encounter,
            Self::Referral => Kind::ServiceRequest,
            Self::Medication(_) | Self::Issue => Kind::MedicationRequest,
        }
    }
}

/// Nothing but words that were typed: its code is empty and so is its value.
fn is_wordless(entry: &Entry) -> bool {
    let valued =
        matches!(&entry.body, Body::Observation(body) if body.value.is_some() || body.group);
    entry.code.is_empty() && !valued && matches!(entry.body, Body::Observation(_) | Body::Alert(_))
}

/// Our extension with the time of entry.
pub fn recorded_extension(at: jiff::Timestamp) -> types::Extension {
    let value = types::ExtensionValue::DateTime(common::moment(at).into());
    build::extension(&common::our_extension("recorded"), value)
}

/// A GUID without the braces that EMIS Open writes.
pub fn bare(native: &str) -> &str {
    let inner = native.strip_prefix('{').and_then(|id| id.strip_suffix('}'));
    inner.unwrap_or(native)
}

/// The weakest of what can be checked decides.
fn strictest(a: Option<Checkable>, b: Checkable) -> Option<Checkable> {
    Some(match (a, b) {
        (Some(Checkable::LocalOnly), _) | (_, Checkable::LocalOnly) => Checkable::LocalOnly,
        (Some(Checkable::National), _) | (_, Checkable::National) => Checkable::National,
        (_, Checkable::NoCode) => Checkable::NoCode,
    })
}

/// An entry's own restrictions, those of what contains it, and those of the encounters of all of them.
fn inherited(
    tables: &Tables,
    tree: &Tree<'_>,
    encounters: &HashMap<&str, &Encounter>,
    at: usize,
) -> Vec<Restriction> {
    let mut out: Vec<Restriction> = Vec::new();
    for one in std::iter::once(at).chain(owners(tables, tree, at)) {
        let Some(entry) = tree.get(one) else { continue };
        let encounter = entry.encounter.as_deref().and_then(|id| encounters.get(id));
        let of_encounter = encounter.into_iter().flat_map(|e| &e.restrictions);
        for restriction in entry.restrictions.iter().chain(of_encounter) {
            if !out.contains(restriction) {
                out.push(restriction.clone());
            }
        }
    }
    out
}

fn add_all(more: Vec<(String, String)>, codings: &mut Vec<(String, String)>) {
    for one in more {
        if !codings.contains(&one) {
            codings.push(one);
        }
    }
}

fn add_codings(entry: &Entry, codings: &mut Vec<(String, String)>) {
    let mut concepts: Vec<&Coded> = vec![&entry.code];
    concepts.extend(
        entry
            .qualifiers
            .iter()
            .flat_map(|(name, value)| [name, value]),
    );
    match &entry.body {
        Body::Observation(o) => {
            if let Some(Value::Coded(coded)) = &o.value {
                concepts.push(coded);
            }
        }
        Body::Medication(m) => {
            concepts.extend(m.stopped.as_ref().and_then(|(_, why)| why.as_ref()));
        }
        Body::Allergy(a) => concepts.extend(a.substance.iter().chain(&a.reaction)),
        Body::Immunisation(i) => concepts.extend(i.product.iter().chain(&i.site)),
        Body::Report(r) => concepts.extend(r.specimens.iter().map(|s| &s.kind)),
        Body::Referral(r) => concepts.extend(&r.speciality),
        _ => {}
    }
    let all = concepts.into_iter().flat_map(|coded| &coded.codings);
    add_all(
        all.map(|c| (c.system.clone(), c.code.clone())).collect(),
        codings,
    );
}

/// Codes of standards that the mapping added to an Observation.
fn resource_codings(resource: &Resource) -> Vec<(String, String)> {
    let Resource::Observation(observation) = resource else {
        return Vec::new();
    };
    let codes =
        std::iter::once(&observation.code).chain(observation.component.iter().map(|c| &c.code));
    codes
        .flat_map(|code| &code.coding)
        .filter_map(|coding| {
            let system = coding.system.as_ref()?.value.clone()?;
            Some((system, coding.code.as_ref()?.value.clone()?))
        })
        .collect()
}
