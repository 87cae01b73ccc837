//! Which flows were in force for a practice on a day, and who approved them (S0 1a: the indemnity turns on it; R166; R172).

use jiff::civil::Date;
use serde_json::{Value, json};

use super::sheet::{Sheet, Table};
use crate::record::OdsCode;
use crate::register::{Organisation, OrganisationKind, Protocol, Register};

/// The practice's sharing was on on this day: the last switch before it says so.
#[must_use]
pub fn is_shared_on(practice: &Organisation, day: Date) -> bool {
    practice
        .enablement
        .iter()
        .rfind(|switch| switch.date <= day)
        .is_some_and(|switch| switch.on)
}

/// Why a protocol was not in force for a practice on a day; `None`: it was.
#[must_use]
pub fn not_in_force(
    register: &Register,
    practice: &Organisation,
    protocol: &Protocol,
    day: Date,
) -> Option<&'static str> {
    let viewer = register.organisations.get(&protocol.viewer);
    let stopped = |organisation: &Organisation| {
        organisation
            .suspension
            .iter()
            .chain(&organisation.withdrawal)
            .any(|stop| stop.since <= day)
    };
    let signed = |organisation: &Organisation| organisation.has_signed(&register.agreement, day);
    if !protocol.is_in_force(day) {
        Some("outside its days")
    } else if !signed(practice) {
        Some("the practice had not signed")
    } else if !is_shared_on(practice, day) {
        Some("the practice's sharing was off")
    } else if stopped(practice) {
        Some("the practice was suspended or had withdrawn")
    } else if practice
        .declines
        .iter()
        .any(|decline| decline.protocol == protocol.id && decline.date <= day)
    {
        Some("the practice declined it")
    } else if !viewer.is_some_and(signed) {
        Some("the viewer had not signed")
    } else if viewer.is_some_and(stopped) {
        Some("the viewer was suspended or had withdrawn")
    } else {
        None
    }
}

/// The report of one practice. A suspension or withdrawal counts from its day; those that were lifted are not in the register.
#[must_use]
pub fn report(register: &Register, practice: &Organisation, day: Date) -> Sheet {
    let rows: Vec<Vec<Value>> = register
        .protocols
        .values()
        .map(|protocol| {
            let why_not = not_in_force(register, practice, protocol, day);
            let approval = &protocol.approval;
            let viewer = register.organisations.get(&protocol.viewer);
            vec![
                protocol.id.as_str().into(),
                viewer
                    .map_or_else(|| protocol.viewer.0.clone(), |v| v.name.clone())
                    .into(),
                protocol.why.as_str().into(),
                json!(protocol.purposes),
                why_not.is_none().into(),
                json!(why_not),
                register.agreement.is_governing_body(&approval.by).into(),
                approval.by.as_str().into(),
                approval.minutes.to_string().into(),
                approval.reference.as_str().into(),
                json!(approval.representatives),
                format!("{} to {}", protocol.valid.0, protocol.valid.1).into(),
            ]
        })
        .collect();
    Sheet::new("flows", format!("Approved flows of {}", practice.name))
        .fact("practice", "Practice", practice.ods.0.as_str())
        .fact("on", "On", day.to_string())
        .fact("register", "Register", register.hash.as_str())
        .note("A flow counts as approved by the oversight group where the body that approved it governs, or governed, the agreement.")
        .table(Table {
            key: "flows",
            title: "Flows".to_owned(),
            columns: &[
                ("protocol", "Protocol"),
                ("viewer", "Who may look"),
                ("why", "What for"),
                ("purposes", "Purposes"),
                ("in_force", "In force"),
                ("why_not", "If not, why"),
                ("approved_by_group", "Approved by the oversight group"),
                ("approved_by", "Approved by"),
                ("minutes", "Minutes of"),
                ("reference", "Reference"),
                ("representatives", "Who spoke for practices"),
                ("valid", "Valid"),
            ],
            rows,
        })
}

/// A practice of the register.
#[must_use]
pub fn practice<'a>(register: &'a Register, ods: &OdsCode) -> Option<&'a Organisation> {
    register
        .organisations
        .get(ods)
        .filter(|organisation| organisation.kind == OrganisationKind::Practice)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::register::{Decline, Switch};
    use crate::sandbox::register::tests::{TODAY, sandbox_register};

    fn flow(register: &Register, ods: &str, day: Date) -> Value {
        let practice = practice(register, &OdsCode(ods.to_owned())).unwrap();
        let json = report(register, practice, day).json();
        json["flows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["protocol"] == "university-hospitals-1")
            .unwrap()
            .clone()
    }

    // R166: on the day that is asked about, not today
    #[test]
    fn a_flow_is_in_force_when_everything_was_on_that_day() {
        let mut register = sandbox_register();
        let now = flow(&register, "Z99001", TODAY);
        assert_eq!(now["in_force"], true, "{now}");
        assert_eq!(now["approved_by_group"], true);
        let long_ago = TODAY.checked_sub(10.years()).unwrap();
        assert_eq!(flow(&register, "Z99001", long_ago)["in_force"], false);
        assert_eq!(
            flow(&register, "Z99003", TODAY)["why_not"],
            "the practice's sharing was off"
        );
        assert_eq!(
            flow(&register, "Z99004", TODAY)["why_not"],
            "the practice had not signed"
        );
        let own = register
            .organisations
            .get_mut(&OdsCode("Z99001".into()))
            .unwrap();
        let day = |days: i64| TODAY.checked_sub(days.days()).unwrap();
        own.enablement.push(Switch {
            on: false,
            date: day(3),
            by: "Morgan Tate".into(),
            how: "in EMIS Web".into(),
        });
        assert_eq!(flow(&register, "Z99001", TODAY)["in_force"], false);
        assert_eq!(flow(&register, "Z99001", day(4))["in_force"], true);
        let own = register
            .organisations
            .get_mut(&OdsCode("Z99002".into()))
            .unwrap();
        own.declines.push(Decline {
            protocol: "university-hospitals-1".into(),
            date: day(2),
            by: "The partners".into(),
        });
        assert_eq!(
            flow(&register, "Z99002", TODAY)["why_not"],
            "the practice declined it"
        );
        assert_eq!(flow(&register, "Z99002", day(3))["in_force"], true);
    }
}
