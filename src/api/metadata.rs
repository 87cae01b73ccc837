//! `metadata`: what this server really does, and nothing else (F1, D14, smart.md decision 8).

use serde_json::{Value, json};

use super::non_clinical::NonClinical;
use crate::fhir::kind::KINDS;
use crate::tabs::params::{includes, params};

/// The day of the last change to what is declared here; clients refuse a statement without a date.
const DATE: &str = "2026-11-22";

/// The CapabilityStatement of the server at this base URL.
#[must_use]
pub fn statement(base: &str) -> NonClinical {
    NonClinical::capability(&capability(base))
}

/// The statement as JSON; `profiles/` holds the same with the canonical base for an address.
#[must_use]
pub fn capability(base: &str) -> Value {
    let mut resources: Vec<Value> = KINDS
        .into_iter()
        .map(|kind| {
            let parameters: Vec<Value> = params(kind)
                .iter()
                .map(|(param, kind)| json!({"name": param.name(), "type": kind.code()}))
                .collect();
            let mut resource = json!({
                "type": kind.name(),
                "interaction": [{"code": "read"}, {"code": "search-type"}],
                "versioning": "no-version",
                "readHistory": false,
                "conditionalRead": "not-match",
                "searchParam": parameters
            });
            let includes: Vec<String> = includes(kind)
                .iter()
                .map(|name| format!("{}:{name}", kind.name()))
                .collect();
            if !includes.is_empty() {
                resource["searchInclude"] = json!(includes);
            }
            resource
        })
        .collect();
    resources.push(json!({
        "type": "Consent",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": "_id", "type": "token"}, {"name": "patient", "type": "reference"}]
    }));
    resources.push(json!({
        "type": "AuditEvent",
        "documentation": "A practice's own patients' events, for the practice's audit client.",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [
            {"name": "_id", "type": "token"},
            {"name": "patient", "type": "reference"},
            {"name": "date", "type": "date"}
        ]
    }));
    json!({
        "resourceType": "CapabilityStatement",
        "id": "openmig",
        "url": format!("{base}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "OpenMIG",
        "title": "OpenMIG, Medical Interoperability Gateway",
        "status": "active",
        "experimental": false,
        "date": DATE,
        "publisher": "OpenMIG",
        "description": "A patient's GP record as it is now in the practice's own system, in ten tabs. Read-only; one patient a token; every answer is audited.",
        "kind": "instance",
        "software": {"name": "OpenMIG", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "OpenMIG gateway", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json"],
        "rest": [{
            "mode": "server",
            "security": {
                "extension": [{
                    // Deprecated since SMART 2.0, and the only place where some clients look. Its definition knows no introspection
                    // and no revocation.
                    "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                    "extension": [
                        {"url": "authorize", "valueUri": format!("{base}/authorize")},
                        {"url": "token", "valueUri": format!("{base}/token")}
                    ]
                }],
                "cors": true,
                "service": [{
                    "coding": [{
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                        "display": "SMART-on-FHIR"
                    }],
                    "text": "SMART App Launch for clinicians who sign in; SMART backend services on behalf of a named clinician"
                }]
            },
            "resource": resources
        }]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::OPENMIG;

    // F1: what is published beside the program is what the program says of itself
    #[test]
    fn the_published_statement_is_the_servers_own() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/profiles/CapabilityStatement-openmig.json"
        );
        let mut statement = capability(OPENMIG);
        statement["url"] = json!(format!("{OPENMIG}/CapabilityStatement/openmig"));
        let own = format!("{statement:#}\n");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &own).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), own);
    }

    // R009, R111: nothing that writes, no system-wide interaction, no operation
    #[test]
    fn only_reads_and_searches_are_declared() {
        let statement = capability(OPENMIG);
        let rest = &statement["rest"][0];
        assert!(rest.get("interaction").is_none() && rest.get("operation").is_none());
        for resource in rest["resource"].as_array().unwrap() {
            for interaction in resource["interaction"].as_array().unwrap() {
                assert!(matches!(
                    interaction["code"].as_str(),
                    Some("read" | "search-type")
                ));
            }
        }
    }
}
