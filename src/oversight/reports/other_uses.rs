//! What of a practice's records was shown for another use than direct care (S3; R172, R175): each access with its purpose and
//! legal gateway, for the practice whose patients they are.

use serde_json::json;

use super::accesses::{Access, Period};
use super::sheet::{Sheet, Table};
use crate::record::OdsCode;
use crate::register::GatewayKind;

/// The report, of all accesses of the period.
#[must_use]
pub fn report(practice: &OdsCode, period: Period, accesses: &[Access]) -> Sheet {
    let others: Vec<&Access> = accesses
        .iter()
        .filter(|access| access.gateway.is_some())
        .collect();
    Sheet::new(
        "other-uses",
        format!("Uses other than direct care, {practice}"),
    )
    .fact("practice", "Practice", practice.0.as_str())
    .fact("from", "From", period.from.to_string())
    .fact("to", "To", period.to.to_string())
    .fact("accesses", "Accesses for other uses", others.len())
    .fact(
        "direct_care",
        "Accesses for direct care",
        accesses.len() - others.len(),
    )
    .note("What each legal gateway rests on is in the register of gateways.")
    .table(Table {
        key: "other_uses",
        title: "Accesses".to_owned(),
        columns: &[
            ("at", "When"),
            ("viewer", "For"),
            ("clinician", "Who"),
            ("patient", "Patient (id)"),
            ("purpose", "Purpose"),
            ("gateway", "Legal gateway"),
            ("tabs", "Parts open"),
            ("shown", "Parts shown"),
            ("occasion", "Occasion"),
        ],
        rows: others
            .into_iter()
            .map(|access| {
                let codes = |tabs: crate::tabs::catalogue::TabSet| {
                    json!(tabs.iter().map(|tab| tab.code()).collect::<Vec<_>>())
                };
                vec![
                    access.at.to_string().into(),
                    json!(access.viewer),
                    json!(access.clinician),
                    json!(access.patient.as_ref().map(|patient| patient.as_str())),
                    json!(access.purpose),
                    json!(access.gateway.map(GatewayKind::words)),
                    codes(access.tabs),
                    codes(access.shown_tabs),
                    access.occasion.as_str().into(),
                ]
            })
            .collect(),
    })
}
