//! What it was about: the patient, the question, every id that left, the consent, the request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Gateway, Shape, consent, uri};
use crate::audit::reader::{Happening, StoredEvent};
use crate::fhir::model::resources::{
    AuditEventEntity, AuditEventEntityDetail, AuditEventEntityDetailValue,
};
use crate::fhir::model::types;
use crate::fhir::{Kind, build};

/// Ids that get an entity of their own; what is beyond is listed in one detail, so that nothing is left out.
const LISTED: usize = 100;

pub(super) fn entities(
    event: &StoredEvent,
    shape: Shape,
    gateway: &Gateway,
) -> Vec<AuditEventEntity> {
    let mut entities = Vec::new();
    let mut facts = facts(event);
    match shape {
        Shape::Read => entities.push(read(event)),
        Shape::Query | Shape::Rest | Shape::Oversight => entities.extend(question(event, gateway)),
        Shape::Consent | Shape::Access | Shape::Intent => {}
    }
    // What a read disclosed is its data entity; BALP allows only one of that type.
    let disclosed = match shape {
        Shape::Read => event.disclosed.get(1..).unwrap_or_default(),
        _ => &event.disclosed,
    };
    let (listed, beyond) = disclosed.split_at(disclosed.len().min(LISTED));
    entities.extend(listed.iter().map(|id| AuditEventEntity {
        what: Some(Box::new(reference(id, event.kind))),
        r#type: Some(Box::new(resource_type(id, event.kind))),
        role: Some(role("4", "Domain Resource")),
        ..Default::default()
    }));
    if !beyond.is_empty() {
        facts.push(detail("further-ids", &beyond.join(" ")));
    }
    if let Some(consent) = consent(event) {
        entities.push(AuditEventEntity {
            what: Some(Box::new(types::Reference {
                reference: Some(format!("Consent/{consent}").into()),
                ..Default::default()
            })),
            r#type: Some(Box::new(build::coding(
                uri::RESOURCE_TYPES,
                "Consent",
                None,
            ))),
            ..Default::default()
        });
    }
    if shape == Shape::Consent {
        // BALP closes the list of entities here, so the request is told among the facts.
        if !event.request_id.is_empty() {
            facts.push(detail("x-request-id", &event.request_id));
        }
    } else {
        entities.extend(request(event));
    }
    entities.push(subject(event, facts));
    entities
}

/// The patient with all facts of the event; where no patient is known, the facts alone.
fn subject(event: &StoredEvent, detail: Vec<AuditEventEntityDetail>) -> AuditEventEntity {
    match &event.patient {
        Some(patient) => AuditEventEntity {
            what: Some(Box::new(build::reference(Kind::Patient, patient.as_str()))),
            r#type: Some(entity_type("1", "Person")),
            role: Some(role("1", "Patient")),
            detail,
            ..Default::default()
        },
        None => AuditEventEntity {
            r#type: Some(entity_type("4", "Other")),
            role: Some(role("13", "Security Resource")),
            name: Some("circumstances".into()),
            detail,
            ..Default::default()
        },
    }
}

fn facts(event: &StoredEvent) -> Vec<AuditEventEntityDetail> {
    let tabs: Vec<_> = event.tabs.iter().map(|tab| tab.code()).collect();
    let tabs = tabs.join(" ");
    let count = match event.happening {
        Happening::Disclosure => (event.disclosed.len() + event.unresolved as usize).to_string(),
        _ => String::new(),
    };
    let also = event.also();
    let codes = |tabs: Option<crate::tabs::catalogue::TabSet>| {
        tabs.map(|tabs| {
            let codes: Vec<_> = tabs.iter().map(|tab| tab.code()).collect();
            codes.join(" ")
        })
    };
    let known = [
        ("site", also.site.map(|site| site.0)),
        ("gateway", also.gateway.map(|kind| kind.code().to_owned())),
        ("tabs-asked", codes(also.asked)),
        ("tabs-returned", codes(also.returned)),
        ("occasion", event.occasion.clone()),
        ("basis", event.basis.clone()),
        ("tabs", Some(tabs)),
        ("assurance", event.assurance.clone()),
        ("policy", event.policy.clone()),
        ("exclusions", event.exclusions.clone()),
        ("token-hash", event.token.clone()),
        ("record-version", event.version.clone()),
        ("disclosed", Some(count)),
        ("decision", event.decision.clone()),
    ];
    known
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| detail(name, &value))
        .collect()
}

fn detail(name: &str, value: &str) -> AuditEventEntityDetail {
    AuditEventEntityDetail {
        id: None,
        r#type: name.into(),
        value: AuditEventEntityDetailValue::String(value.into()),
        ..Default::default()
    }
}

/// The resource that was read.
fn read(event: &StoredEvent) -> AuditEventEntity {
    let asked = event.query.as_deref().unwrap_or_default();
    let id = event.disclosed.first().map_or(asked, String::as_str);
    AuditEventEntity {
        what: Some(Box::new(reference(id, event.kind))),
        r#type: Some(entity_type("2", "System Object")),
        role: Some(role("4", "Domain Resource")),
        ..Default::default()
    }
}

/// What was asked, as a URL and as base64 of it.
fn question(event: &StoredEvent, gateway: &Gateway) -> Option<AuditEventEntity> {
    let query = event.query.as_deref()?;
    let separator = match event.interaction.as_deref() {
        Some(name) if name.starts_with("search") => "?",
        _ => "/",
    };
    let target = match event.kind {
        Some(kind) if !query.starts_with(kind.name()) => {
            format!("{}{separator}{query}", kind.name())
        }
        _ => query.to_owned(),
    };
    // What was asked of the oversight API names its own method and path.
    let text = if event.happening == Happening::Oversight {
        target
    } else {
        format!("GET {}/{target}", gateway.base)
    };
    Some(AuditEventEntity {
        r#type: Some(entity_type("2", "System Object")),
        role: Some(role("24", "Query")),
        query: Some(STANDARD.encode(&text).into()),
        description: Some(text.into()),
        ..Default::default()
    })
}

fn request(event: &StoredEvent) -> Option<AuditEventEntity> {
    (!event.request_id.is_empty()).then(|| AuditEventEntity {
        what: Some(Box::new(types::Reference {
            identifier: Some(Box::new(types::Identifier {
                value: Some(event.request_id.as_str().into()),
                ..Default::default()
            })),
            ..Default::default()
        })),
        r#type: Some(Box::new(build::coding(
            uri::BALP_ENTITY,
            "XrequestId",
            None,
        ))),
        ..Default::default()
    })
}

/// `Type/id` as it is; a bare id with the type that was asked for; without any type, the id as an identifier.
fn reference(id: &str, kind: Option<Kind>) -> types::Reference {
    match (id.contains('/'), kind) {
        (true, _) => types::Reference {
            reference: Some(id.into()),
            ..Default::default()
        },
        (false, Some(kind)) => build::reference(kind, id),
        (false, None) => types::Reference {
            identifier: Some(Box::new(types::Identifier {
                value: Some(id.into()),
                ..Default::default()
            })),
            ..Default::default()
        },
    }
}

fn resource_type(id: &str, kind: Option<Kind>) -> types::Coding {
    let name = id
        .split_once('/')
        .map(|(name, _)| name)
        .or(kind.map(Kind::name))
        .unwrap_or("Resource");
    build::coding(uri::RESOURCE_TYPES, name, None)
}

fn entity_type(code: &str, display: &str) -> Box<types::Coding> {
    Box::new(build::coding(uri::ENTITY_TYPE, code, Some(display)))
}

fn role(code: &str, display: &str) -> Box<types::Coding> {
    Box::new(build::coding(uri::ENTITY_ROLE, code, Some(display)))
}
