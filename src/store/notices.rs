//! Notices: what an organisation or the oversight group has to be told, and how far the telling has come.
//!
//! A notice is stored in the transaction of what it tells of, so that neither exists without the other (R092). It carries ids
//! and plain words only: no clinical content, no NHS number, no name. The list itself is the channel inside the house;
//! webhook and mail go out by a task (`oversight::delivery`), at least once, and in order for each recipient as long as all goes
//! well: one that cannot be delivered holds up no later one.

use jiff::Timestamp;
use serde_json::Value;

use super::{StoreError, Stored};
use crate::audit::AuditEntry;
use crate::record::{NhsNumber, OdsCode};

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// Those of an organisation whose duty it is.
    Organisation(OdsCode),
    /// The oversight group (S2 4.7).
    Group,
}

impl Recipient {
    /// What stands for the group where otherwise an ODS code stands; no ODS code has small letters.
    pub const GROUP: &'static str = "group";

    /// As it is stored and configured: an ODS code, or `group`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Organisation(ods) => &ods.0,
            Self::Group => Self::GROUP,
        }
    }

    /// The reverse of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            Self::GROUP => Self::Group,
            ods => Self::Organisation(OdsCode(ods.to_owned())),
        }
    }
}

/// A way out of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A signed POST to the recipient's address.
    Webhook,
    /// A message in the folder from which the operator's mailer takes them.
    Mail,
}

impl Channel {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Mail];

    /// As it is stored.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.code() == code)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $code:literal $subject:literal;)+) => {
        /// What a notice is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NoticeKind { $($(#[$doc])* $name,)+ }

        impl NoticeKind {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it is stored and sent.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// In plain words: the subject of a message.
            #[must_use]
            pub fn subject(self) -> &'static str {
                match self { $(Self::$name => $subject,)+ }
            }
        }
    };
}

kinds! {
    /// An emergency override was used (R092).
    OverrideAlert "override-alert" "An emergency override was used and waits for review";
    /// The practice whose record it was is told too (R096).
    OverrideAtPractice "override-at-practice" "A record of yours was opened by an emergency override";
    /// A clinician looked whom the viewer's own system does not name in the treatment (R105).
    RelationshipClaimed "relationship-claimed" "A clinician who is not named in a patient's treatment opened the record on their own word";
    /// An override has waited too long for its review (R093).
    OverrideUnreviewed "override-unreviewed" "An emergency override has not been reviewed in time";
    /// A request to opt out or in has come (R062).
    OptOutRequest "opt-out-request" "A request to opt out of sharing, or back in, has come";
    /// Such a request has waited 48 hours (R062).
    OptOutOverdue "opt-out-overdue" "A request to opt out or in has waited 48 hours without being acted on";
    /// An organisation, or a pair of organisations, is suspended (R155, R156).
    Suspension "suspension" "Access is suspended";
    /// A suspension was lifted (R155, R156).
    SuspensionLifted "suspension-lifted" "A suspension is lifted";
    /// An organisation leaves (R154).
    Withdrawal "withdrawal" "An organisation has withdrawn from the agreement";
    /// An organisation wants to join; objections may be raised (R153).
    Joining "joining" "An organisation asks to join the agreement";
    /// A practice or viewer was switched on or off (R005).
    Sharing "sharing" "A practice has switched its sharing on or off";
    /// The governing group changes (R159).
    GroupChanged "group-changed" "The group that governs the programme changes";
    /// The programme ends (R157).
    Decommission "decommission" "The programme ends";
    /// A breach case is opened or goes on (R200).
    Breach "breach" "A breach case concerns you";
    /// A practice demands an investigation (R201).
    Investigation "investigation" "An investigation is asked for";
    /// A complaint (R184).
    Complaint "complaint" "A complaint concerns you";
    /// Published information for patients is out of date (R181).
    StaleNotice "stale-notice" "Your information for patients is out of date";
    /// A report or audit is due (R124).
    ReportDue "report-due" "A report is due";
    /// An organisation's yearly assurance lapses or has lapsed (R163).
    AssuranceDue "assurance-due" "A yearly assurance lapses";
    /// A review of the agreement is due (R168).
    ReviewDue "review-due" "A review is due";
    /// A notice to somebody was given up (R092): the group is told that they were not.
    Undelivered "undelivered" "A notice could not be delivered and is tried no more";
    /// The exclusion list in its folder was refused; the one in force stays (R049).
    ExclusionsRefused "exclusions-refused" "A changed exclusion list was refused; the one before stays in force";
}

impl NoticeKind {
    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Id; also the id under which a receiver knows that it was told before.
    pub id: String,
    /// Who is told.
    pub to: Recipient,
    /// Of what kind.
    pub kind: NoticeKind,
    /// The ids that it is about, as `<what>/<id>`: `override/…`, `opt-out/…`, `organisation/Z9H01`.
    pub about: Vec<String>,
    /// Further members for the recipient: codes, dates, plain words. No clinical content, NHS number or name.
    pub body: Value,
    /// When it came up.
    pub created_at: Timestamp,
}

impl Notice {
    /// A notice without further members.
    #[must_use]
    pub fn new(
        id: String,
        to: Recipient,
        kind: NoticeKind,
        about: Vec<String>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            to,
            kind,
            about,
            body: Value::Object(serde_json::Map::new()),
            created_at,
        }
    }

    /// It says nothing that must not leave: every `about` is an id, and no text holds what could be an NHS number. The last
    /// net under those who write notices, not their licence to be careless.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let is_id = |text: &String| {
            text.split_once('/').is_some_and(|(what, id)| {
                !what.is_empty()
                    && what.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                    && !id.is_empty()
                    && id
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            })
        };
        self.body.is_object()
            && self.about.iter().all(is_id)
            && !self.about.iter().any(|text| names_a_patient(text))
            && !value_names_a_patient(&self.body)
    }
}

fn value_names_a_patient(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => names_a_patient(&number.to_string()),
        Value::String(text) => names_a_patient(text),
        Value::Array(items) => items.iter().any(value_names_a_patient),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| names_a_patient(name) || value_names_a_patient(value)),
    }
}

/// Ten digits, alone or as 3-3-4, that pass as an NHS number. Digits of a longer run (a time) do not count, nor those of a
/// UUID, one in some thousands of which would otherwise look like one.
pub(crate) fn names_a_patient(text: &str) -> bool {
    let uuids: Vec<&str> = text
        .split(|c: char| !c.is_ascii_hexdigit() && c != '-')
        .filter(|part| part.len() == 36 && uuid::Uuid::parse_str(part).is_ok())
        .collect();
    if !uuids.is_empty() {
        let mut rest = text.to_owned();
        for uuid in uuids {
            rest = rest.replace(uuid, "_");
        }
        return names_a_patient(&rest);
    }
    text.split(|c: char| !c.is_ascii_digit() && c != ' ' && c != '-')
        .any(|run| {
            let parts: Vec<&str> = run
                .split([' ', '-'])
                .filter(|part| !part.is_empty())
                .collect();
            parts.iter().any(|part| NhsNumber::parse(part).is_ok())
                || parts.windows(3).any(|three| {
                    three.iter().map(|part| part.len()).eq([3, 3, 4])
                        && NhsNumber::parse(&three.concat()).is_ok()
                })
        })
}

/// How far one way of telling has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which way.
    pub channel: Channel,
    /// Attempts so far.
    pub attempts: u32,
    /// Tried again from then on.
    pub next_at: Timestamp,
    /// Finished since; nothing more is tried.
    pub done_at: Option<Timestamp>,
    /// It was delivered: `false` when finished means that the recipient has no address this way, or that it was given up.
    pub delivered: bool,
    /// It was tried too often, and is tried no more until somebody asks for it.
    pub given_up: bool,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A notice as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRow {
    /// Place in the order of telling.
    pub seq: u64,
    /// What is told.
    pub notice: Notice,
    /// Who took note of it, and when.
    pub acknowledged: Option<(String, Timestamp)>,
    /// Each way out of the house.
    pub deliveries: Vec<Delivery>,
}

/// Which notices are asked for; all conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// To one of these; `None` = to anybody.
    pub to: Option<Vec<Recipient>>,
    /// Of this kind.
    pub kind: Option<NoticeKind>,
    /// About this id.
    pub about: Option<String>,
    /// Nobody has taken note of it yet.
    pub open_only: bool,
    /// This one.
    pub id: Option<String>,
    /// One of its ways failed last time, or was given up.
    pub failing_only: bool,
}

/// How many deliveries fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failing {
    /// Failed last time, and are tried again.
    pub waiting: u64,
    /// Were given up.
    pub given_up: u64,
}

/// A delivery whose time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// Place in the order.
    pub seq: u64,
    /// What is told.
    pub notice: Notice,
    /// Which way.
    pub channel: Channel,
    /// Attempts so far.
    pub attempts: u32,
    /// When it came due: what a claim names, so that only one of many takes it.
    pub due_at: Timestamp,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It is with the recipient.
    Delivered,
    /// The recipient has no address this way.
    NoAddress,
    /// It failed for this reason; try again from then on.
    Again(String, Timestamp),
    /// It failed for this reason, too often: tried no more. Somebody may have to be told.
    GivenUp(String, Option<Box<Notice>>),
}

/// Keeps notices.
pub trait NoticeStore: Send + Sync {
    /// Keeps notices, all or none; those that tell of a stored happening are put by that happening's own transaction.
    fn put_notices(&self, notices: Vec<Notice>) -> Stored<'_, ()>;
    /// The newest first.
    ///
    /// # Errors
    /// The store failed.
    fn notices(&self, filter: &NoticeFilter, limit: usize) -> Result<Vec<NoticeRow>, StoreError>;
    /// Somebody takes note, with the row of the trail in the same transaction; `false`, and no row, if somebody had before or
    /// there is no such notice.
    fn acknowledge_notice<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'a, bool>;
    /// For each recipient and channel the oldest unfinished delivery whose time has come, unless somebody tries one of theirs.
    ///
    /// # Errors
    /// The store failed.
    fn due_deliveries(&self, now: Timestamp) -> Result<Vec<Due>, StoreError>;
    /// Takes a delivery, so that nobody else tries it before `until`; `false` if somebody was first.
    fn claim_delivery<'a>(&'a self, due: &'a Due, until: Timestamp) -> Stored<'a, bool>;
    /// Tries again from now on what was given up of a notice, with the row of the trail in the same transaction; `false`, and no
    /// row, if nothing of it was.
    fn retry_notice<'a>(
        &'a self,
        id: &'a str,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'a, bool>;
    /// How many deliveries fail now.
    ///
    /// # Errors
    /// The store failed.
    fn failing(&self) -> Result<Failing, StoreError>;
    /// Notes how the attempt ended.
    fn settle_delivery<'a>(
        &'a self,
        due: &'a Due,
        settled: Settled,
        at: Timestamp,
    ) -> Stored<'a, ()>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notice(about: &str, body: Value) -> Notice {
        Notice {
            about: vec![about.to_owned()],
            body,
            ..Notice::new(
                "n".to_owned(),
                Recipient::Group,
                NoticeKind::Breach,
                Vec::new(),
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    // R092, R145
    #[test]
    fn a_notice_with_an_nhs_number_or_words_instead_of_ids_is_not_fit() {
        let id = "override/019ab6a5-9990-7000-8000-999000001899";
        assert!(notice(id, json!({"organisation": "Z9H01", "hours": 48})).is_fit());
        // Ten digits of a UUID that pass the check, and the same digits beside one.
        let unlucky = "019ab6a5-1111-7000-8000-9990000018ab";
        assert!(notice(&format!("override/{unlucky}"), json!({})).is_fit());
        assert!(!notice(id, json!({"a": format!("{unlucky} 9990000018")})).is_fit());
        assert!(!notice("Jo Example", json!({})).is_fit());
        assert!(!notice("override/Jo Example", json!({})).is_fit());
        assert!(!notice("patient/9990000018", json!({})).is_fit());
        assert!(!notice(id, json!("text")).is_fit());
        for leak in [
            json!({"a": "about 9990000018."}),
            json!({"a": ["999 000 0018 12"]}),
            json!({"a": "999-000-0018"}),
            json!({"a": {"b": 9_990_000_018_u64}}),
            json!({"9990000018": true}),
        ] {
            assert!(!notice(id, leak.clone()).is_fit(), "{leak}");
        }
    }

    #[test]
    fn codes_are_distinct_and_read_back() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_code(kind.code()), Some(*kind));
        }
        for to in [
            Recipient::Group,
            Recipient::Organisation(OdsCode("Z9H01".into())),
        ] {
            assert_eq!(Recipient::parse(to.as_str()), to);
        }
    }
}
