//! Derives the index of a resource from the resource itself, in this one place.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::dates;
use super::index::{DateSpan, Link, Said, SearchIndex, Token};
use super::keys::{Key, Keys};
use super::param::Param;
use crate::fhir::Resource;
use crate::fhir::model::{resources as r, types as t};
use crate::fhir::refs::references;

/// What has been said of each code of one system.
type OfSystem = HashMap<Arc<str>, Arc<Said>>;

/// Makes indexes; keeps one copy of each word that many of them have, and the numbers of the resources.
#[derive(Debug, Default)]
pub(super) struct Indexer {
    words: HashSet<Arc<str>>,
    codes: HashMap<Option<Arc<str>>, OfSystem>,
    pub(super) keys: Keys,
}

/// What one resource can be found by, and what it refers to by name.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) index: SearchIndex,
    pub(super) links: Box<[Link]>,
}

impl Indexer {
    pub(super) fn index(&mut self, resource: &Resource) -> Indexed {
        let mut sink = Sink {
            indexer: self,
            tokens: Vec::with_capacity(16),
            dates: Vec::new(),
            links: Vec::with_capacity(8),
        };
        sink.resource(resource);
        // Very many are kept: each in just the room that it needs.
        Indexed {
            index: SearchIndex {
                tokens: sink.tokens.into_boxed_slice(),
                dates: sink.dates.into_boxed_slice(),
            },
            links: sink.links.into_boxed_slice(),
        }
    }

    /// What a resource refers to, each once; `None` stands for all that is not a resource of ours.
    pub(super) fn targets(&mut self, resource: &Resource) -> Box<[Option<Key>]> {
        let mut targets: Vec<Option<Key>> = references(resource)
            .iter()
            .map(|target| self.keys.of(target))
            .collect();
        targets.sort_unstable();
        targets.dedup();
        targets.into_boxed_slice()
    }

    /// The one copy of a code in a system.
    fn said(&mut self, system: Option<Arc<str>>, code: &str) -> Arc<Said> {
        let codes = self.codes.entry(system.clone()).or_default();
        if let Some(known) = codes.get(code) {
            return Arc::clone(known);
        }
        let code: Arc<str> = Arc::from(code);
        let said = Arc::new(Said {
            system,
            code: Arc::clone(&code),
        });
        codes.insert(code, Arc::clone(&said));
        said
    }

    /// The one copy of a word.
    pub(super) fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(text);
        self.words.insert(Arc::clone(&new));
        new
    }
}

struct Sink<'i> {
    indexer: &'i mut Indexer,
    tokens: Vec<Token>,
    dates: Vec<DateSpan>,
    links: Vec<Link>,
}

/// The parts that every resource has.
macro_rules! common {
    ($sink:ident, $it:ident) => {
        for tag in $it.meta.iter().flat_map(|meta| &meta.tag) {
            $sink.coding(Param::Tag, tag);
        }
        for identifier in &$it.identifier {
            $sink.identifier(identifier);
        }
    };
}

impl Sink<'_> {
    fn resource(&mut self, resource: &Resource) {
        let sink = self;
        match resource {
            Resource::AllergyIntolerance(it) => {
                common!(sink, it);
                sink.allergy(it);
            }
            Resource::Condition(it) => {
                common!(sink, it);
                sink.condition(it);
            }
            Resource::DiagnosticReport(it) => {
                common!(sink, it);
                sink.report(it);
            }
            Resource::DocumentReference(it) => {
                common!(sink, it);
                sink.document(it);
            }
            Resource::Encounter(it) => {
                common!(sink, it);
                sink.encounter(it);
            }
            Resource::Flag(it) => {
                common!(sink, it);
                sink.flag(it);
            }
            Resource::Immunization(it) => {
                common!(sink, it);
                sink.immunization(it);
            }
            Resource::List(it) => {
                common!(sink, it);
                sink.list(it);
            }
            Resource::MedicationRequest(it) => {
                common!(sink, it);
                sink.medication_request(it);
            }
            Resource::MedicationStatement(it) => {
                common!(sink, it);
                sink.medication_statement(it);
            }
            Resource::Observation(it) => {
                common!(sink, it);
                sink.observation(it);
            }
            Resource::Organization(it) => {
                common!(sink, it);
                sink.links("partof", it.part_of.as_deref());
            }
            Resource::Patient(it) => {
                common!(sink, it);
                sink.code(
                    Param::Gender,
                    "http://hl7.org/fhir/administrative-gender",
                    it.gender.as_ref(),
                );
                sink.span(
                    Param::Birthdate,
                    it.birth_date
                        .as_ref()
                        .and_then(|date| date.value.as_deref()),
                );
                sink.links("general-practitioner", &it.general_practitioner);
                sink.links("organization", it.managing_organization.as_deref());
            }
            Resource::Practitioner(it) => {
                common!(sink, it);
            }
            Resource::Procedure(it) => {
                common!(sink, it);
                sink.procedure(it);
            }
            Resource::ServiceRequest(it) => {
                common!(sink, it);
                sink.service_request(it);
            }
            Resource::Specimen(it) => {
                common!(sink, it);
                sink.concepts(Param::Type, it.r#type.as_deref());
                sink.code(
                    Param::Status,
                    "http://hl7.org/fhir/specimen-status",
                    it.status.as_ref(),
                );
                sink.subject(it.subject.as_deref());
                if let Some(collection) = &it.collection {
                    sink.links("collector", collection.collector.as_deref());
                    match &collection.collected {
                        Some(r::SpecimenCollectionCollected::DateTime(at)) => {
                            sink.span(Param::Collected, at.value.as_deref())
                        }
                        Some(r::SpecimenCollectionCollected::Period(period)) => {
                            sink.period(Param::Collected, Some(period))
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn allergy(&mut self, it: &r::AllergyIntolerance) {
        self.concepts(Param::ClinicalStatus, it.clinical_status.as_deref());
        self.concepts(Param::VerificationStatus, it.verification_status.as_deref());
        self.concepts(Param::Code, it.code.as_deref());
        for category in &it.category {
            self.code(
                Param::Category,
                "http://hl7.org/fhir/allergy-intolerance-category",
                Some(category),
            );
        }
        self.code(
            Param::Type,
            "http://hl7.org/fhir/allergy-intolerance-type",
            it.r#type.as_ref(),
        );
        self.code(
            Param::Criticality,
            "http://hl7.org/fhir/allergy-intolerance-criticality",
            it.criticality.as_ref(),
        );
        self.links("patient", Some(&*it.patient));
        self.links("recorder", it.recorder.as_deref());
        self.links("asserter", it.asserter.as_deref());
        self.time(Param::Date, it.recorded_date.as_ref());
        match &it.onset {
            Some(r::AllergyIntoleranceOnset::DateTime(at)) => self.time(Param::Onset, Some(at)),
            Some(r::AllergyIntoleranceOnset::Period(period)) => {
                self.period(Param::Onset, Some(period))
            }
            _ => {}
        }
    }

    fn condition(&mut self, it: &r::Condition) {
        self.concepts(Param::ClinicalStatus, it.clinical_status.as_deref());
        self.concepts(Param::VerificationStatus, it.verification_status.as_deref());
        self.concepts(Param::Category, &it.category);
        self.concepts(Param::Code, it.code.as_deref());
        self.subject(Some(&*it.subject));
        self.links("encounter", it.encounter.as_deref());
        self.links("asserter", it.asserter.as_deref());
        self.time(Param::RecordedDate, it.recorded_date.as_ref());
        match &it.onset {
            Some(r::ConditionOnset::DateTime(at)) => self.time(Param::OnsetDate, Some(at)),
            Some(r::ConditionOnset::Period(period)) => self.period(Param::OnsetDate, Some(period)),
            _ => {}
        }
        match &it.abatement {
            Some(r::ConditionAbatement::DateTime(at)) => self.time(Param::AbatementDate, Some(at)),
            Some(r::ConditionAbatement::Period(period)) => {
                self.period(Param::AbatementDate, Some(period))
            }
            _ => {}
        }
    }

    fn report(&mut self, it: &r::DiagnosticReport) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/diagnostic-report-status",
            Some(&it.status),
        );
        self.concepts(Param::Category, &it.category);
        self.concepts(Param::Code, Some(&*it.code));
        self.subject(it.subject.as_deref());
        self.links("encounter", it.encounter.as_deref());
        self.links("performer", &it.performer);
        self.links("results-interpreter", &it.results_interpreter);
        self.links("specimen", &it.specimen);
        self.links("result", &it.result);
        self.links("based-on", &it.based_on);
        self.span(
            Param::Issued,
            it.issued.as_ref().and_then(|at| at.value.as_deref()),
        );
        match &it.effective {
            Some(r::DiagnosticReportEffective::DateTime(at)) => self.time(Param::Date, Some(at)),
            Some(r::DiagnosticReportEffective::Period(period)) => {
                self.period(Param::Date, Some(period))
            }
            _ => {}
        }
    }

    fn document(&mut self, it: &r::DocumentReference) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/document-reference-status",
            Some(&it.status),
        );
        self.concepts(Param::Type, it.r#type.as_deref());
        self.concepts(Param::Category, &it.category);
        self.subject(it.subject.as_deref());
        self.links("author", &it.author);
        self.links("custodian", it.custodian.as_deref());
        self.span(
            Param::Date,
            it.date.as_ref().and_then(|at| at.value.as_deref()),
        );
        if let Some(context) = &it.context {
            self.links("encounter", &context.encounter);
            self.period(Param::Period, context.period.as_deref());
        }
    }

    fn encounter(&mut self, it: &r::Encounter) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/encounter-status",
            Some(&it.status),
        );
        self.coding(Param::Class, &it.class);
        self.concepts(Param::Type, &it.r#type);
        self.subject(it.subject.as_deref());
        for participant in &it.participant {
            self.links("participant", participant.individual.as_deref());
            self.links("practitioner", participant.individual.as_deref());
        }
        self.links("service-provider", it.service_provider.as_deref());
        self.links("part-of", it.part_of.as_deref());
        for diagnosis in &it.diagnosis {
            self.links("diagnosis", Some(&*diagnosis.condition));
        }
        self.period(Param::Date, it.period.as_deref());
    }

    fn flag(&mut self, it: &r::Flag) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/flag-status",
            Some(&it.status),
        );
        self.concepts(Param::Category, &it.category);
        self.concepts(Param::Code, Some(&*it.code));
        self.subject(Some(&*it.subject));
        self.links("encounter", it.encounter.as_deref());
        self.links("author", it.author.as_deref());
        self.period(Param::Date, it.period.as_deref());
    }

    fn immunization(&mut self, it: &r::Immunization) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/event-status",
            Some(&it.status),
        );
        self.concepts(Param::VaccineCode, Some(&*it.vaccine_code));
        self.links("patient", Some(&*it.patient));
        self.links("manufacturer", it.manufacturer.as_deref());
        for performer in &it.performer {
            self.links("performer", Some(&*performer.actor));
        }
        if let r::ImmunizationOccurrence::DateTime(at) = &it.occurrence {
            self.time(Param::Date, Some(at));
        }
    }

    fn list(&mut self, it: &r::List) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/list-status",
            Some(&it.status),
        );
        self.concepts(Param::Code, it.code.as_deref());
        self.concepts(Param::EmptyReason, it.empty_reason.as_deref());
        self.subject(it.subject.as_deref());
        self.time(Param::Date, it.date.as_ref());
        for entry in &it.entry {
            self.links("item", Some(&*entry.item));
        }
    }

    fn medication_request(&mut self, it: &r::MedicationRequest) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/CodeSystem/medicationrequest-status",
            Some(&it.status),
        );
        self.code(
            Param::Intent,
            "http://hl7.org/fhir/CodeSystem/medicationrequest-intent",
            Some(&it.intent),
        );
        self.code(
            Param::Priority,
            "http://hl7.org/fhir/request-priority",
            it.priority.as_ref(),
        );
        self.concepts(Param::Category, &it.category);
        match &it.medication {
            r::MedicationRequestMedication::CodeableConcept(concept) => {
                self.concepts(Param::Code, Some(&**concept))
            }
            r::MedicationRequestMedication::Reference(reference) => {
                self.links("medication", Some(&**reference))
            }
            r::MedicationRequestMedication::Invalid => {}
        }
        self.subject(Some(&*it.subject));
        self.links("encounter", it.encounter.as_deref());
        self.links("requester", it.requester.as_deref());
        self.time(Param::AuthoredOn, it.authored_on.as_ref());
    }

    fn medication_statement(&mut self, it: &r::MedicationStatement) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/CodeSystem/medication-statement-status",
            Some(&it.status),
        );
        self.concepts(Param::Category, it.category.as_deref());
        match &it.medication {
            r::MedicationStatementMedication::CodeableConcept(concept) => {
                self.concepts(Param::Code, Some(&**concept))
            }
            r::MedicationStatementMedication::Reference(reference) => {
                self.links("medication", Some(&**reference))
            }
            r::MedicationStatementMedication::Invalid => {}
        }
        self.subject(Some(&*it.subject));
        self.links("context", it.context.as_deref());
        self.links("source", it.information_source.as_deref());
        match &it.effective {
            Some(r::MedicationStatementEffective::DateTime(at)) => {
                self.time(Param::Effective, Some(at))
            }
            Some(r::MedicationStatementEffective::Period(period)) => {
                self.period(Param::Effective, Some(period))
            }
            _ => {}
        }
    }

    fn observation(&mut self, it: &r::Observation) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/observation-status",
            Some(&it.status),
        );
        self.concepts(Param::Category, &it.category);
        self.concepts(Param::Code, Some(&*it.code));
        self.concepts(Param::ComboCode, Some(&*it.code));
        for component in &it.component {
            self.concepts(Param::ComponentCode, Some(&*component.code));
            self.concepts(Param::ComboCode, Some(&*component.code));
        }
        self.subject(it.subject.as_deref());
        self.links("encounter", it.encounter.as_deref());
        self.links("performer", &it.performer);
        self.links("specimen", it.specimen.as_deref());
        self.links("has-member", &it.has_member);
        self.links("derived-from", &it.derived_from);
        self.links("based-on", &it.based_on);
        match &it.effective {
            Some(r::ObservationEffective::DateTime(at)) => self.time(Param::Date, Some(at)),
            Some(r::ObservationEffective::Period(period)) => self.period(Param::Date, Some(period)),
            Some(r::ObservationEffective::Instant(at)) => {
                self.span(Param::Date, at.value.as_deref())
            }
            _ => {}
        }
    }

    fn procedure(&mut self, it: &r::Procedure) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/event-status",
            Some(&it.status),
        );
        self.concepts(Param::Category, it.category.as_deref());
        self.concepts(Param::Code, it.code.as_deref());
        self.subject(Some(&*it.subject));
        self.links("encounter", it.encounter.as_deref());
        for performer in &it.performer {
            self.links("performer", Some(&*performer.actor));
        }
        self.links("based-on", &it.based_on);
        self.links("part-of", &it.part_of);
        match &it.performed {
            Some(r::ProcedurePerformed::DateTime(at)) => self.time(Param::Date, Some(at)),
            Some(r::ProcedurePerformed::Period(period)) => self.period(Param::Date, Some(period)),
            _ => {}
        }
    }

    fn service_request(&mut self, it: &r::ServiceRequest) {
        self.code(
            Param::Status,
            "http://hl7.org/fhir/request-status",
            Some(&it.status),
        );
        self.code(
            Param::Intent,
            "http://hl7.org/fhir/request-intent",
            Some(&it.intent),
        );
        self.code(
            Param::Priority,
            "http://hl7.org/fhir/request-priority",
            it.priority.as_ref(),
        );
        self.concepts(Param::Category, &it.category);
        self.concepts(Param::Code, it.code.as_deref());
        self.subject(Some(&*it.subject));
        self.links("encounter", it.encounter.as_deref());
        self.links("requester", it.requester.as_deref());
        self.links("performer", &it.performer);
        self.links("specimen", &it.specimen);
        self.links("based-on", &it.based_on);
        self.time(Param::Authored, it.authored_on.as_ref());
        match &it.occurrence {
            Some(r::ServiceRequestOccurrence::DateTime(at)) => {
                self.time(Param::Occurrence, Some(at))
            }
            Some(r::ServiceRequestOccurrence::Period(period)) => {
                self.period(Param::Occurrence, Some(period))
            }
            _ => {}
        }
    }

    fn subject(&mut self, subject: Option<&t::Reference>) {
        self.links("subject", subject);
        self.links("patient", subject);
    }

    fn links<'r>(
        &mut self,
        name: &'static str,
        references: impl IntoIterator<Item = &'r t::Reference>,
    ) {
        for reference in references {
            let target = reference
                .reference
                .as_ref()
                .and_then(|it| it.value.as_deref());
            if let Some(target) = target.and_then(|target| self.indexer.keys.of(target)) {
                self.links.push(Link { name, target });
            }
        }
    }

    fn concepts<'c>(
        &mut self,
        param: Param,
        concepts: impl IntoIterator<Item = &'c t::CodeableConcept>,
    ) {
        for concept in concepts {
            for coding in &concept.coding {
                self.coding(param, coding);
            }
        }
    }

    fn coding(&mut self, param: Param, coding: &t::Coding) {
        let system = coding.system.as_ref().and_then(|it| it.value.as_deref());
        let code = coding.code.as_ref().and_then(|it| it.value.as_deref());
        self.token(param, system, code);
    }

    fn code(&mut self, param: Param, system: &str, code: Option<&t::Code>) {
        self.token(param, Some(system), code.and_then(|it| it.value.as_deref()));
    }

    fn identifier(&mut self, identifier: &t::Identifier) {
        let system = identifier
            .system
            .as_ref()
            .and_then(|it| it.value.as_deref());
        let value = identifier.value.as_ref().and_then(|it| it.value.as_deref());
        self.token(Param::Identifier, system, value);
    }

    fn token(&mut self, param: Param, system: Option<&str>, code: Option<&str>) {
        let Some(code) = code else { return };
        let system = system.map(|text| self.indexer.word(text));
        let said = match param {
            // Each its own.
            Param::Identifier => Arc::new(Said {
                system,
                code: Arc::from(code),
            }),
            _ => self.indexer.said(system, code),
        };
        self.tokens.push(Token { param, said });
    }

    fn time(&mut self, param: Param, at: Option<&t::DateTime>) {
        self.span(param, at.and_then(|at| at.value.as_deref()));
    }

    fn span(&mut self, param: Param, text: Option<&str>) {
        if let Some((start, end)) = text.and_then(dates::range) {
            self.dates.push(DateSpan { param, start, end });
        }
    }

    fn period(&mut self, param: Param, period: Option<&t::Period>) {
        let Some(period) = period else { return };
        let side = |at: &Option<t::DateTime>| {
            let text = at.as_ref().and_then(|at| at.value.as_deref());
            text.map(dates::range)
        };
        let (start, end) = (side(&period.start), side(&period.end));
        // An end that cannot be read is not "no end".
        let (Some(start), Some(end)) = (
            start.map_or(Some(i64::MIN), |it| it.map(|(start, _)| start)),
            end.map_or(Some(i64::MAX), |it| it.map(|(_, end)| end)),
        ) else {
            return;
        };
        if (start, end) != (i64::MIN, i64::MAX) {
            self.dates.push(DateSpan { param, start, end });
        }
    }
}

#[cfg(test)]
#[path = "indexer_tests.rs"]
mod tests;
