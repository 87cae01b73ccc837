//! Whom to tell: what a changed register means for others (S2 4.8, 14.2; R153, R159), and what falls due (R163, R168).

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::json;

use super::{OrganisationKind, Register};
use crate::clock::new_id;
use crate::record::OdsCode;
use crate::store::notices::{Notice, NoticeKind, Recipient};

/// Days ahead that a reminder is given.
const AHEAD: i64 = 30;

/// Everybody who has signed, has been admitted and has not withdrawn.
fn parties(register: &Register, today: Date) -> Vec<OdsCode> {
    register
        .organisations
        .values()
        .filter(|one| {
            one.has_signed(&register.agreement, today)
                && one.is_admitted()
                && one.withdrawal.is_none()
        })
        .map(|one| one.ods.clone())
        .collect()
}

fn tell(
    out: &mut Vec<Notice>,
    told: Vec<OdsCode>,
    kind: NoticeKind,
    about: &[String],
    body: &serde_json::Value,
    now: Timestamp,
) {
    let all = told
        .into_iter()
        .map(Recipient::Organisation)
        .chain([Recipient::Group]);
    out.extend(all.map(|to| Notice {
        body: body.clone(),
        ..Notice::new(new_id().to_string(), to, kind, about.to_vec(), now)
    }));
}

/// What the parties have to hear of a change from one register to the next.
#[must_use]
pub fn of_change(old: &Register, new: &Register, today: Date, now: Timestamp) -> Vec<Notice> {
    let mut out = Vec::new();
    if old.agreement.group != new.agreement.group {
        let body = json!({"group": new.agreement.group, "before": old.agreement.group, "sign_again": false});
        tell(
            &mut out,
            parties(new, today),
            NoticeKind::GroupChanged,
            &[format!("register/{}", new.hash)],
            &body,
            now,
        );
    }
    for organisation in new.organisations.values() {
        let ods = &organisation.ods;
        let before = old.organisations.get(ods);
        let about = [format!("organisation/{ods}")];
        // The time to object runs: every party hears of it.
        let opened = |joining: Option<&super::Joining>| joining.and_then(|one| one.notified);
        let was = opened(before.and_then(|one| one.joining.as_ref()));
        let is = opened(organisation.joining.as_ref());
        if was.is_none() && is.is_some() && !organisation.is_admitted() {
            let until = organisation
                .joining
                .as_ref()
                .and_then(|joining| joining.objections_until);
            let body = json!({"objections_until": until.map(|day| day.to_string())});
            tell(
                &mut out,
                parties(new, today),
                NoticeKind::Joining,
                &about,
                &body,
                now,
            );
        }
        let was_on = before.is_some_and(super::Organisation::is_enabled);
        if organisation.kind == OrganisationKind::Practice && was_on != organisation.is_enabled() {
            let viewers = parties(new, today)
                .into_iter()
                .filter(|ods| {
                    new.organisations
                        .get(ods)
                        .is_some_and(|one| one.kind == OrganisationKind::Viewer)
                })
                .chain([ods.clone()])
                .collect();
            let body = json!({"on": organisation.is_enabled()});
            tell(&mut out, viewers, NoticeKind::Sharing, &about, &body, now);
        }
    }
    out
}

/// What falls due within a month or has fallen due: each with the id by which it is known whether it was told before.
#[must_use]
pub fn due(register: &Register, today: Date, now: Timestamp) -> Vec<(String, Vec<Notice>)> {
    let soon = today.checked_add(AHEAD.days()).unwrap_or(Date::MAX);
    let mut found = Vec::new();
    let mut remind = |key: String, told: Vec<OdsCode>, kind, day: Date| {
        if day <= soon {
            let mut notices = Vec::new();
            let body = json!({"due": day.to_string()});
            tell(
                &mut notices,
                told,
                kind,
                std::slice::from_ref(&key),
                &body,
                now,
            );
            found.push((key, notices));
        }
    };
    if let Some(day) = register.agreement.next_review() {
        remind(
            format!("review/agreement.{day}"),
            Vec::new(),
            NoticeKind::ReviewDue,
            day,
        );
    }
    for protocol in register.protocols.values() {
        let id: String = protocol
            .id
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let day = protocol.review_due;
        remind(
            format!("review/{id}.{day}"),
            vec![protocol.viewer.clone()],
            NoticeKind::ReviewDue,
            day,
        );
    }
    for organisation in register.organisations.values() {
        let takes_part = organisation.signature.is_some() && organisation.withdrawal.is_none();
        if let Some(day) = organisation.assurance_until.filter(|_| takes_part) {
            let ods = &organisation.ods;
            remind(
                format!("assurance/{ods}.{day}"),
                vec![ods.clone()],
                NoticeKind::AssuranceDue,
                day,
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{Approval, Joining, Organisation};
    use crate::sandbox::register::tests::{TODAY, sandbox_register};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn ods(code: &str) -> OdsCode {
        OdsCode(code.to_owned())
    }

    fn told(notices: &[Notice], kind: NoticeKind) -> Vec<&str> {
        notices
            .iter()
            .filter(|notice| notice.kind == kind)
            .map(|notice| notice.to.as_str())
            .collect()
    }

    // R153, R159, R005: a register that changes something for others tells them, once
    #[test]
    fn the_parties_hear_of_a_change() {
        let old = sandbox_register();
        assert!(of_change(&old, &old, TODAY, NOW).is_empty());
        let mut new = old.clone();
        new.agreement.group = "Integrated Care Board".to_owned();
        let notices = of_change(&old, &new, TODAY, NOW);
        // five practices, four viewers, the group
        assert_eq!(told(&notices, NoticeKind::GroupChanged).len(), 10);
        assert!(notices.iter().all(Notice::is_fit));

        let mut new = old.clone();
        let mut joiner =
            Organisation::new(ods("Z9N01"), "New".to_owned(), OrganisationKind::Viewer);
        joiner.joining = Some(Joining {
            applied: TODAY,
            first_approval: Some(Approval {
                by: "x".to_owned(),
                minutes: TODAY,
                reference: "y".to_owned(),
                representatives: vec!["z".to_owned()],
            }),
            notified: Some(TODAY),
            notices: std::collections::BTreeSet::new(),
            objections_until: Some(TODAY),
            objections: Vec::new(),
            final_approval: None,
        });
        new.organisations.insert(ods("Z9N01"), joiner);
        let notices = of_change(&old, &new, TODAY, NOW);
        let joining = told(&notices, NoticeKind::Joining);
        assert_eq!(joining.len(), 10);
        assert!(!joining.contains(&"Z99004") && !joining.contains(&"Z9N01"));
        assert!(of_change(&new, &new, TODAY, NOW).is_empty());

        let mut new = old.clone();
        new.organisations
            .get_mut(&ods("Z99001"))
            .unwrap()
            .enablement
            .clear();
        let notices = of_change(&old, &new, TODAY, NOW);
        let sharing = told(&notices, NoticeKind::Sharing);
        assert_eq!(
            sharing,
            ["Z9H01", "Z9O01", "Z9R01", "Z9S01", "Z99001", "group"]
        );
    }

    // R163, R168: due within a month or overdue, and known by its day
    #[test]
    fn what_falls_due_is_reminded_of() {
        let register = sandbox_register();
        assert!(due(&register, TODAY, NOW).is_empty());
        let review = register.agreement.next_review().unwrap();
        let before = review.checked_sub(30.days()).unwrap();
        let found = due(&register, before, NOW);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, format!("review/agreement.{review}"));
        assert_eq!(told(&found[0].1, NoticeKind::ReviewDue), ["group"]);
        assert!(due(&register, before.checked_sub(1.days()).unwrap(), NOW).is_empty());
        let assured = register.organisations[&ods("Z9H01")]
            .assurance_until
            .unwrap();
        let found = due(&register, assured, NOW);
        let hospital = found
            .iter()
            .find(|(key, _)| *key == format!("assurance/Z9H01.{assured}"))
            .unwrap();
        assert_eq!(
            told(&hospital.1, NoticeKind::AssuranceDue),
            ["Z9H01", "group"]
        );
        assert!(hospital.1.iter().all(Notice::is_fit));
    }
}
