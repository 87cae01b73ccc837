//! The register of legal gateways: every flow that is not for direct care, on what basis, approved by whom, until when (S3; R172).

use jiff::civil::Date;
use serde_json::{Value, json};

use super::sheet::{Sheet, Table};
use crate::register::Register;

/// The list.
#[must_use]
pub fn report(register: &Register, today: Date) -> Sheet {
    let rows: Vec<Vec<Value>> = register
        .protocols
        .values()
        .filter_map(|protocol| {
            let gateway = protocol.gateway.as_ref()?;
            let refusal = gateway.refusal(today);
            let in_force = refusal.is_none() && protocol.is_in_force(today);
            Some(vec![
                protocol.id.as_str().into(),
                protocol.viewer.0.as_str().into(),
                json!(protocol.purposes),
                json!(gateway.kind),
                gateway.rationale.as_str().into(),
                gateway.task.as_str().into(),
                gateway.approved_by.as_str().into(),
                gateway.approved.to_string().into(),
                gateway.from.to_string().into(),
                gateway.until.to_string().into(),
                in_force.into(),
                json!(refusal.map(|refusal| refusal.code())),
            ])
        })
        .collect();
    Sheet::new("gateways", "Uses other than direct care")
        .fact("on", "As of", today.to_string())
        .fact("register", "Register", register.hash.as_str())
        .note("Every other flow is for direct care and for nothing else. A request for another purpose is refused.")
        .table(Table {
            key: "gateways",
            title: "Legal gateways".to_owned(),
            columns: &[
                ("protocol", "Protocol"),
                ("receiver", "Who receives"),
                ("purposes", "Purposes"),
                ("gateway", "Gateway"),
                ("rationale", "Why this one"),
                ("task", "Task"),
                ("approved_by", "Approved by"),
                ("approved", "Approved"),
                ("from", "From"),
                ("until", "Until"),
                ("in_force", "In force"),
                ("why_not", "If not, why"),
            ],
            rows,
        })
}
