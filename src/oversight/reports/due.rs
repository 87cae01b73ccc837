//! Which reports are due or missing (S2 7.3.5, 7.3.6, 10.4, 11.2.7; R095, R124): each year from the day an organisation signed,
//! or sooner where the group has asked.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::sheet::{Sheet, Table};
use crate::oversight::cases::File;
use crate::oversight::cases::report::{Owed, ReportKind, ReportState};
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::Register;

/// Days before the day on which a report is called due.
const SOON: i64 = 30;

/// How it stands with one report of one organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The day is past.
    Missing,
    /// The day is near.
    Due,
    /// There is time.
    InTime,
}

impl Standing {
    /// As it is written.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Due => "due",
            Self::InTime => "in-time",
        }
    }
}

/// One report that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owing {
    /// Who owes it.
    pub organisation: OdsCode,
    /// Which.
    pub report: ReportKind,
    /// When the last one was submitted.
    pub last: Option<Date>,
    /// By when the next one is.
    pub by: Date,
    /// The group has asked for it sooner.
    pub asked: bool,
    /// How it stands.
    pub standing: Standing,
}

/// What every signatory owes as of `today`, missing ones first.
#[must_use]
pub fn due(register: &Register, reports: &[File<Owed>], today: Date) -> Vec<Owing> {
    let day = |at: jiff::Timestamp| at.to_zoned(london()).date();
    let mut all = Vec::new();
    for organisation in register.organisations.values() {
        // Who has left owes nothing more; who is suspended still does.
        let Some(signature) = organisation
            .signature
            .as_ref()
            .filter(|_| organisation.withdrawal.is_none())
        else {
            continue;
        };
        let begun = organisation
            .former_signatures
            .iter()
            .map(|former| former.date)
            .chain([signature.date])
            .min()
            .unwrap_or(signature.date);
        for report in ReportKind::ALL {
            if !report.is_owed_by(organisation.kind) {
                continue;
            }
            let own = |file: &&File<Owed>| {
                file.case.report == report && file.case.from_organisation == organisation.ods
            };
            let submitted = reports
                .iter()
                .filter(own)
                .filter_map(|file| file.case.submitted_at);
            let last = submitted.clone().max();
            let yearly = last
                .map_or(begun, day)
                .checked_add(1.year())
                .unwrap_or(Date::MAX);
            let asked = reports
                .iter()
                .filter(own)
                .filter(|file| file.case.state == ReportState::Requested)
                // What was submitted after the request answers it.
                .filter(|file| last.is_none_or(|last| last < file.case.begun_at))
                .filter_map(|file| file.case.by)
                .min();
            let by = asked.map_or(yearly, |asked| asked.min(yearly));
            let soon = by.checked_sub(SOON.days()).unwrap_or(Date::MIN);
            all.push(Owing {
                organisation: organisation.ods.clone(),
                report,
                last: last.map(day),
                by,
                asked: asked.is_some(),
                standing: if by < today {
                    Standing::Missing
                } else if soon <= today {
                    Standing::Due
                } else {
                    Standing::InTime
                },
            });
        }
    }
    all.sort_by(|a, b| {
        (a.standing, a.by, &a.organisation, a.report).cmp(&(
            b.standing,
            b.by,
            &b.organisation,
            b.report,
        ))
    });
    all
}

/// The report.
#[must_use]
pub fn report(owing: &[Owing], today: Date) -> Sheet {
    let count = |standing| owing.iter().filter(|one| one.standing == standing).count();
    Sheet::new("due", "Reports due to the oversight group")
        .fact("on", "As of", today.to_string())
        .fact("missing", "Missing", count(Standing::Missing))
        .fact("due", "Due within 30 days", count(Standing::Due))
        .table(Table {
            key: "reports",
            title: "Reports".to_owned(),
            columns: &[
                ("organisation", "Organisation"),
                ("report", "Report"),
                ("last", "Last submitted"),
                ("by", "Next by"),
                ("asked", "Asked for by the group"),
                ("standing", "Standing"),
            ],
            rows: owing
                .iter()
                .map(|one| {
                    vec![
                        one.organisation.0.as_str().into(),
                        one.report.code().into(),
                        one.last.map_or(Value::Null, |day| day.to_string().into()),
                        one.by.to_string().into(),
                        json!(one.asked),
                        one.standing.code().into(),
                    ]
                })
                .collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::register::tests::{TODAY, sandbox_register};
    use crate::store::cases::CaseKind;
    use serde_json::json;

    fn file(steps: Vec<(&str, &str, Value)>) -> File<Owed> {
        use crate::oversight::cases::{Case, Taken};
        let mut case = None;
        for (at, organisation, step) in steps {
            let taken = Taken {
                step: serde_json::from_value(step).unwrap(),
                at: at.parse().unwrap(),
                by: "somebody".to_owned(),
                organisation: (!organisation.is_empty()).then(|| OdsCode(organisation.to_owned())),
            };
            case = Some(Owed::after(case, taken).unwrap());
        }
        assert_eq!(Owed::KIND, CaseKind::Report);
        File {
            id: "x".to_owned(),
            case: case.unwrap(),
            history: Vec::new(),
        }
    }

    fn submitted(on: &str) -> File<Owed> {
        let begin = json!({"step": "begin", "report": "access-audit", "from": "2025-01-01", "to": "2025-12-31"});
        let submit = json!({"step": "submit", "findings": "f", "recommendations": "r"});
        file(vec![(on, "Z9H01", begin), (on, "Z9H01", submit)])
    }

    fn standing(reports: &[File<Owed>], today: Date) -> Owing {
        due(&sandbox_register(), reports, today)
            .into_iter()
            .find(|one| one.organisation.0 == "Z9H01" && one.report == ReportKind::AccessAudit)
            .unwrap()
    }

    // R095, R124: the due list is right whatever the clock says
    #[test]
    fn reports_fall_due_a_year_after_the_signature_and_after_each_report() {
        // Signed 400 days before today: the first report is missing by 35 days.
        let signed = TODAY.checked_sub(400.days()).unwrap();
        let first = signed.checked_add(1.year()).unwrap();
        let at = |days: i64| first.checked_add(days.days()).unwrap();
        for (today, expected) in [
            (at(-31), Standing::InTime),
            (at(-30), Standing::Due),
            (at(0), Standing::Due),
            (at(1), Standing::Missing),
        ] {
            let one = standing(&[], today);
            assert_eq!((one.by, one.standing), (first, expected), "{today}");
            assert_eq!(one.last, None);
        }
        let one = standing(&[submitted("2026-11-01T09:00:00Z")], TODAY);
        assert_eq!(one.standing, Standing::InTime);
        assert_eq!(one.by.to_string(), "2027-11-01");
        // Practices owe the complaints summary, commissioners nothing, who never signed nothing.
        let all = due(&sandbox_register(), &[], TODAY);
        let owes = |ods: &str| all.iter().filter(|one| one.organisation.0 == ods).count();
        assert_eq!(
            (owes("Z9H01"), owes("Z99001"), owes("Z99004"), owes("Z9C01")),
            (3, 1, 0, 0)
        );
        assert!(all.is_sorted_by_key(|one| one.standing));
    }

    // R124: or sooner, on request
    #[test]
    fn a_request_of_the_group_comes_sooner_until_it_is_answered() {
        let request = file(vec![(
            "2026-11-10T09:00:00Z",
            "",
            json!({
                "step": "request", "organisation": "Z9H01", "report": "access-audit", "by": "2026-12-01", "text": "After the incident"
            }),
        )]);
        let before = submitted("2026-11-01T09:00:00Z");
        let one = standing(&[before, request.clone()], TODAY);
        assert_eq!(
            (one.by.to_string().as_str(), one.asked),
            ("2026-12-01", true)
        );
        assert_eq!(one.standing, Standing::Due);
        let one = standing(&[request, submitted("2026-11-20T09:00:00Z")], TODAY);
        assert!(!one.asked && one.standing == Standing::InTime);
    }
}
