//! A stored event as a FHIR AuditEvent.
//!
//! What a successful read or search disclosed claims IHE BALP `PatientRead` or `PatientQuery`, a decision about consent
//! `AuthZconsent`; every event claims UKCore-AuditEvent. A profile is claimed only where all that it demands is known: BALP
//! pins success and wants the network address on both sides, so a refusal claims UKCore-AuditEvent alone.

mod agents;
mod entities;

use crate::fhir::model::{resources, types};
use crate::fhir::{Resource, build};

use super::reader::{Happening, StoredEvent};

/// Code systems and profiles that AuditEvents name.
pub mod uri {
    /// DICOM.
    pub const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
    /// FHIR interactions.
    pub const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
    /// Event types.
    pub const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
    /// Entity types.
    pub const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
    /// Entity roles.
    pub const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
    /// Resource types, for entities that are one.
    pub const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
    /// BALP: the request id.
    pub const BALP_ENTITY: &str =
        "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
    /// BALP: authorization decisions.
    pub const BALP_AUTHZ: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType";
    /// HL7 kinds of participation.
    pub const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
    /// HL7 classes of role.
    pub const ROLE_CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleClass";
    /// FHIR security roles.
    pub const SECURITY_ROLE: &str =
        "http://terminology.hl7.org/CodeSystem/extra-security-role-type";
    /// FHIR kinds of audit source.
    pub const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
    /// Our CodeSystem of what happened: `token`, `occasion`, `override`, `withdrawal`, `intent`, `disclosure`, `refused`, `oversight`.
    pub const HAPPENING: &str = "https://openmig.org/fhir/CodeSystem/audit-step";
    /// Identifier system of the register's usernames.
    pub const USERNAME: &str = "https://openmig.org/fhir/Id/username";
    /// Identifier system of OAuth clients.
    pub const CLIENT: &str = "https://openmig.org/fhir/Id/client-id";

    /// UK Core.
    pub const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-AuditEvent";
    /// BALP.
    pub const PATIENT_READ: &str =
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead";
    /// BALP.
    pub const PATIENT_QUERY: &str =
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery";
    /// BALP, where no patient is concerned.
    pub const READ: &str =
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Read";
    /// BALP, where no single patient is concerned: a practice that searches its own trail.
    pub const QUERY: &str =
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.Query";
    /// BALP.
    pub const AUTHZ_CONSENT: &str =
        "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.AuthZconsent";
}

/// What the events do not know themselves.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The FHIR base URL of this gateway, without a slash at the end.
    pub base: String,
}

/// The shape that an event takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A successful read.
    Read,
    /// A successful search.
    Query,
    /// A decision about an occasion that has a Consent.
    Consent,
    /// A FHIR request that was refused or has no BALP profile.
    Rest,
    /// A step before any data: token, occasion, override, withdrawal.
    Access,
    /// The source is about to be asked.
    Intent,
    /// A person of oversight saw or did something.
    Oversight,
}

impl Shape {
    fn of(event: &StoredEvent) -> Self {
        let reachable = event.address.is_some();
        let succeeded = event.failure.is_none();
        match event.happening {
            Happening::Intent => Self::Intent,
            Happening::Oversight => Self::Oversight,
            Happening::Disclosure if succeeded && reachable => match event.interaction.as_deref() {
                Some("read" | "vread") => Self::Read,
                Some("search" | "search-type" | "search-system") => Self::Query,
                _ => Self::Rest,
            },
            Happening::Disclosure | Happening::Refused => Self::Rest,
            Happening::Occasion
                if reachable
                    && event.patient.is_some()
                    && event.clinician.is_some()
                    && event.viewer.is_some()
                    && event.client.is_some()
                    && consent(event).is_some() =>
            {
                Self::Consent
            }
            Happening::Token
            | Happening::Occasion
            | Happening::Override
            | Happening::Withdrawal
            | Happening::Introspection
            | Happening::Terms => Self::Access,
        }
    }

    fn profile(self, event: &StoredEvent) -> Option<&'static str> {
        match (self, event.patient.is_some()) {
            (Self::Read, true) => Some(uri::PATIENT_READ),
            (Self::Read, false) => Some(uri::READ),
            (Self::Query, true) => Some(uri::PATIENT_QUERY),
            (Self::Query, false) => Some(uri::QUERY),
            (Self::Consent, _) => Some(uri::AUTHZ_CONSENT),
            _ => None,
        }
    }

    /// Type, and what kind of it.
    fn kind(self, event: &StoredEvent) -> (types::Coding, Vec<types::Coding>) {
        let step = build::coding(uri::HAPPENING, event.happening.code(), None);
        let rest = || build::coding(uri::EVENT_TYPE, "rest", None);
        let interaction = || {
            event
                .interaction
                .as_deref()
                .filter(|name| INTERACTIONS.contains(name))
                .map(|name| build::coding(uri::INTERACTION, name, None))
        };
        let dcm = |code, display| build::coding(uri::DCM, code, Some(display));
        match (self, event.happening) {
            (Self::Read | Self::Query, _) => (rest(), interaction().into_iter().collect()),
            (Self::Rest, _) => (rest(), interaction().into_iter().chain([step]).collect()),
            (Self::Intent, _) => (dcm("110112", "Query"), vec![step]),
            (Self::Oversight, _) => (dcm("110100", "Application Activity"), vec![step]),
            // Its binding is required: nothing but BALP's own code.
            (Self::Consent, _) => (
                dcm("110113", "Security Alert"),
                vec![build::coding(uri::BALP_AUTHZ, "AuthZ-Consent", None)],
            ),
            (Self::Access, Happening::Token) => (
                dcm("110114", "User Authentication"),
                vec![dcm("110122", "Login"), step],
            ),
            (Self::Access, Happening::Override) => (
                dcm("110113", "Security Alert"),
                vec![dcm("110127", "Emergency Override Started"), step],
            ),
            (Self::Access, _) => (dcm("110113", "Security Alert"), vec![step]),
        }
    }

    fn action(self, event: &StoredEvent) -> &'static str {
        match (self, event.interaction.as_deref()) {
            (Self::Read, _) | (Self::Rest, Some("read" | "vread")) => "R",
            _ => "E",
        }
    }
}

/// The interactions of FHIR that this gateway can be asked for; of the writes it refuses every one.
const INTERACTIONS: [&str; 15] = [
    "read",
    "vread",
    "search",
    "search-type",
    "search-system",
    "history",
    "history-instance",
    "history-type",
    "capabilities",
    "operation",
    "batch",
    "create",
    "update",
    "patch",
    "delete",
];

/// The Consent that an event rests on.
fn consent(event: &StoredEvent) -> Option<&str> {
    let given = event.basis.as_deref()?.strip_prefix("consent:")?;
    given.split_whitespace().next()
}

/// The AuditEvent of a stored event.
#[must_use]
pub fn audit_event(event: &StoredEvent, gateway: &Gateway) -> Resource {
    let shape = Shape::of(event);
    let (kind, subtype) = shape.kind(event);
    let profiles = shape.profile(event).into_iter().chain([uri::UK_CORE]);
    Resource::AuditEvent(Box::new(resources::AuditEvent {
        id: Some(event.id.to_string().into()),
        meta: Some(Box::new(types::Meta {
            profile: profiles.map(Into::into).collect(),
            ..Default::default()
        })),
        r#type: Box::new(kind),
        subtype,
        action: Some(shape.action(event).into()),
        recorded: event.at.to_string().into(),
        // Refused for a reason of the caller's or the patient's, not a fault of the program.
        outcome: Some(if event.failure.is_none() { "0" } else { "4" }.into()),
        outcome_desc: event.failure.as_deref().map(Into::into),
        purpose_of_event: purposes(event),
        agent: agents::agents(event, shape, gateway),
        source: resources::AuditEventSource {
            id: None,
            site: Some(gateway.base.as_str().into()),
            observer: Box::new(agents::gateway(gateway)),
            r#type: vec![build::coding(
                uri::SOURCE_TYPE,
                "4",
                Some("Application Server"),
            )],
            ..Default::default()
        },
        entity: entities::entities(event, shape, gateway),
        ..Default::default()
    }))
}

fn purposes(event: &StoredEvent) -> Vec<types::CodeableConcept> {
    event
        .purpose
        .iter()
        .map(|code| build::concept(crate::fhir::uri::ACT_REASON, code, None))
        .collect()
}

#[cfg(test)]
mod tests;
