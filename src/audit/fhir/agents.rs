//! Who took part: clinician, client, gateway, and the two controllers (R207).

use super::{Gateway, Shape, purposes, uri};
use crate::audit::reader::StoredEvent;
use crate::fhir::model::resources::{AuditEventAgent, AuditEventAgentNetwork};
use crate::fhir::model::types;
use crate::fhir::{build, uri as common};

pub(super) fn agents(event: &StoredEvent, shape: Shape, gateway: &Gateway) -> Vec<AuditEventAgent> {
    let mut agents = Vec::with_capacity(5);
    if let Some(clinician) = &event.clinician {
        agents.push(AuditEventAgent {
            role: event
                .role
                .iter()
                .map(|role| build::concept_text(role))
                .collect(),
            requestor: true.into(),
            purpose_of_use: purposes(event),
            ..agent(
                build::concept(uri::PARTICIPATION, "IRCP", Some("information recipient")),
                named("Practitioner", uri::USERNAME, clinician),
            )
        });
    }
    agents.push(AuditEventAgent {
        // Without a person the client asks for itself: a practice that reads its own trail, or a client that is refused.
        requestor: event.clinician.is_none().into(),
        network: event.address.map(|address| AuditEventAgentNetwork {
            address: Some(address.to_string().into()),
            r#type: Some("2".into()),
            ..Default::default()
        }),
        ..agent(client_type(shape), client(event))
    });
    if let Some(viewer) = &event.viewer {
        agents.push(agent(
            build::concept(uri::ROLE_CLASS, "PROV", Some("healthcare provider")),
            named("Organization", common::ODS_CODE, &viewer.0),
        ));
    }
    if let Some(practice) = &event.practice {
        agents.push(agent(
            build::concept(uri::PARTICIPATION, "CST", Some("custodian")),
            named("Organization", common::ODS_CODE, &practice.0),
        ));
    }
    agents.push(AuditEventAgent {
        // BALP forbids the authorizer a network: it is the source of the event itself.
        network: (shape != Shape::Consent).then(|| AuditEventAgentNetwork {
            address: Some(gateway.base.as_str().into()),
            r#type: Some("5".into()),
            ..Default::default()
        }),
        ..agent(server_type(shape), super::agents::gateway(gateway))
    });
    agents
}

/// The gateway, as the observer of every event names it.
pub(super) fn gateway(gateway: &Gateway) -> types::Reference {
    types::Reference {
        display: Some("OpenMIG".into()),
        ..named("Device", "urn:ietf:rfc:3986", &gateway.base)
    }
}

fn client(event: &StoredEvent) -> types::Reference {
    match &event.client {
        Some(client) => named("Device", uri::CLIENT, client),
        None => types::Reference {
            display: Some("unknown client".into()),
            ..Default::default()
        },
    }
}

/// BALP: on a read the client is the data's destination, on a search it is the query's source.
fn client_type(shape: Shape) -> types::CodeableConcept {
    match shape {
        Shape::Read => build::concept(uri::DCM, "110152", Some("Destination Role ID")),
        Shape::Query => build::concept(uri::DCM, "110153", Some("Source Role ID")),
        _ => build::concept(uri::DCM, "110150", Some("Application")),
    }
}

fn server_type(shape: Shape) -> types::CodeableConcept {
    match shape {
        Shape::Read => build::concept(uri::DCM, "110153", Some("Source Role ID")),
        Shape::Query => build::concept(uri::DCM, "110152", Some("Destination Role ID")),
        Shape::Consent | Shape::Access => build::concept(
            uri::SECURITY_ROLE,
            "authserver",
            Some("authorization server"),
        ),
        Shape::Rest | Shape::Intent | Shape::Oversight => {
            build::concept(uri::DCM, "110150", Some("Application"))
        }
    }
}

fn agent(kind: types::CodeableConcept, who: types::Reference) -> AuditEventAgent {
    AuditEventAgent {
        r#type: Some(Box::new(kind)),
        who: Some(Box::new(who)),
        requestor: false.into(),
        ..Default::default()
    }
}

/// A logical reference: this gateway serves no resource for people, clients and organisations of the register.
fn named(kind: &str, system: &str, value: &str) -> types::Reference {
    types::Reference {
        r#type: Some(kind.into()),
        identifier: Some(Box::new(types::Identifier {
            system: Some(system.into()),
            value: Some(value.into()),
            ..Default::default()
        })),
        ..Default::default()
    }
}
