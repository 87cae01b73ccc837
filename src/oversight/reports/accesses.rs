//! Accesses, as the trail tells of them: one per occasion that was opened, with what was shown in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::audit::reader::{AuditReader, Filter, Happening, StoredEvent};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::GatewayKind;
use crate::store::StoreError;
use crate::tabs::catalogue::TabSet;

/// Days, both included, as people in England count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

impl Period {
    /// Its first moment and the first moment after it.
    #[must_use]
    pub fn moments(self) -> (Timestamp, Timestamp) {
        let start = |day: Date| {
            day.to_zoned(london())
                .map_or(Timestamp::MAX, |start| start.timestamp())
        };
        let end = self.to.tomorrow().map_or(Timestamp::MAX, start);
        (start(self.from), end)
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        format!("{} to {}", self.from, self.to)
    }
}

/// One access: an occasion that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The occasion.
    pub occasion: String,
    /// Opened.
    pub at: Timestamp,
    /// Who looked, for which organisation.
    pub viewer: Option<OdsCode>,
    /// Whose record it is.
    pub practice: Option<OdsCode>,
    /// Username.
    pub clinician: Option<String>,
    /// Role at the time.
    pub role: Option<String>,
    /// The patient.
    pub patient: Option<PatientId>,
    /// Opened by an override.
    pub emergency: bool,
    /// Consent or override.
    pub basis: Option<String>,
    /// Tabs that were open to it.
    pub tabs: TabSet,
    /// Tabs of which something was shown.
    pub shown_tabs: TabSet,
    /// What for, v3-ActReason codes.
    pub purpose: Vec<String>,
    /// The legal gateway, where that is not direct care (R172).
    pub gateway: Option<GatewayKind>,
    /// Answers that left.
    pub answers: u64,
    /// Different resources that left.
    pub resources: usize,
}

/// Rows of one page of the trail.
const PAGE: usize = 2_000;

/// Goes through all events that pass the filter, newest first.
///
/// # Errors
/// The store failed.
pub fn each_event(
    trail: &dyn AuditReader,
    filter: &Filter,
    mut each: impl FnMut(StoredEvent),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = trail.events(filter, PAGE, after)?;
        page.events.into_iter().for_each(&mut each);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// All events that pass the filter, newest first.
///
/// # Errors
/// The store failed.
pub fn events(trail: &dyn AuditReader, filter: &Filter) -> Result<Vec<StoredEvent>, StoreError> {
    let mut all = Vec::new();
    each_event(trail, filter, |event| all.push(event))?;
    Ok(all)
}

/// The accesses among events, in the order of their opening. An occasion whose opening is not among them is none: it was
/// opened before the period.
#[must_use]
pub fn accesses(events: &[StoredEvent]) -> Vec<Access> {
    let mut found: BTreeMap<&str, Access> = BTreeMap::new();
    for event in events {
        let opened = matches!(event.happening, Happening::Occasion | Happening::Override)
            && event.failure.is_none();
        let Some(occasion) = event.occasion.as_deref().filter(|_| opened) else {
            continue;
        };
        let access = Access {
            occasion: occasion.to_owned(),
            at: event.at,
            viewer: event.viewer.clone(),
            practice: event.practice.clone(),
            clinician: event.clinician.clone(),
            role: event.role.clone(),
            patient: event.patient.clone(),
            emergency: event.happening == Happening::Override,
            basis: event.basis.clone(),
            tabs: event.tabs,
            shown_tabs: TabSet::NONE,
            purpose: event.purpose.clone(),
            gateway: event.also().gateway,
            answers: 0,
            resources: 0,
        };
        // A further token inside the window is no further access: the first opening counts.
        found
            .entry(occasion)
            .and_modify(|known| {
                if access.at < known.at {
                    *known = access.clone();
                }
            })
            .or_insert(access);
    }
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        if !is_shown(event) {
            continue;
        }
        let Some(access) = event
            .occasion
            .as_deref()
            .and_then(|occasion| found.get_mut(occasion))
        else {
            continue;
        };
        access.answers += 1;
        for tab in event.tabs.iter() {
            access.shown_tabs.insert(tab);
        }
        if let Some(occasion) = event.occasion.as_deref() {
            seen.entry(occasion)
                .or_default()
                .extend(event.disclosed.iter().map(String::as_str));
        }
    }
    for (occasion, ids) in seen {
        if let Some(access) = found.get_mut(occasion) {
            access.resources = ids.len();
        }
    }
    let mut accesses: Vec<Access> = found.into_values().collect();
    accesses.sort_by(|a, b| (a.at, &a.occasion).cmp(&(b.at, &b.occasion)));
    accesses
}

/// Something of a record left for a viewer: not a practice that read its own trail.
#[must_use]
pub fn is_shown(event: &StoredEvent) -> bool {
    event.happening == Happening::Disclosure
        && event.failure.is_none()
        && event.occasion.is_some()
        && event.patient.is_some()
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::tabs::catalogue::Tab;

    /// An event of this happening at this minute of a day.
    pub(crate) fn event(happening: Happening, occasion: &str, at: &str) -> StoredEvent {
        StoredEvent {
            seq: 1,
            id: uuid::Uuid::nil(),
            at: at.parse().unwrap(),
            happening,
            failure: None,
            request_id: "request".to_owned(),
            address: None,
            client: Some("sandbox-backend".to_owned()),
            clinician: Some("hospital-doctor".to_owned()),
            role: Some("consultant".to_owned()),
            assurance: None,
            viewer: Some(OdsCode("Z9H01".to_owned())),
            practice: Some(OdsCode("Z99001".to_owned())),
            patient: Some(crate::store::contract::patient()),
            occasion: Some(occasion.to_owned()),
            purpose: vec!["TREAT".to_owned()],
            basis: Some("consent:c".to_owned()),
            tabs: TabSet::ALL,
            decision: None,
            policy: None,
            exclusions: None,
            token: None,
            interaction: None,
            kind: None,
            query: None,
            version: None,
            disclosed: Vec::new(),
            binds: Vec::new(),
            unresolved: 0,
        }
    }

    // R123: one access per occasion, with what was shown in it
    #[test]
    fn an_access_is_an_occasion_that_was_opened() {
        let mut shown = event(Happening::Disclosure, "a", "2026-03-01T10:01:00Z");
        shown.disclosed = vec!["Condition/x".into(), "Condition/y".into()];
        shown.tabs = TabSet::from_iter([Tab::Problems]);
        let mut refused = event(Happening::Occasion, "c", "2026-03-01T10:00:00Z");
        refused.failure = Some("consent-missing".to_owned());
        let events = [
            shown.clone(),
            shown,
            event(Happening::Occasion, "a", "2026-03-01T10:05:00Z"),
            event(Happening::Occasion, "a", "2026-03-01T10:00:00Z"),
            event(Happening::Override, "b", "2026-03-01T09:00:00Z"),
            event(Happening::Disclosure, "earlier", "2026-03-01T09:00:00Z"),
            refused,
        ];
        let found = accesses(&events);
        let names: Vec<_> = found.iter().map(|a| a.occasion.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert!(found[0].emergency && !found[1].emergency);
        assert_eq!((found[1].answers, found[1].resources), (2, 2));
        assert_eq!(found[1].at, "2026-03-01T10:00:00Z".parse().unwrap());
        assert_eq!(found[1].shown_tabs.iter().count(), 1);
    }

    #[test]
    fn a_period_is_whole_days_in_england() {
        let period = Period {
            from: date(2026, 3, 29),
            to: date(2026, 3, 29),
        };
        let (since, until) = period.moments();
        assert_eq!(since, "2026-03-29T00:00:00Z".parse().unwrap());
        assert_eq!(until, "2026-03-29T23:00:00Z".parse().unwrap());
    }
}
