//! The agreement itself: versions, local rules, who governs, its reviews, and the instructions that the operator acts on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::load::Check;
use super::raw::{self, day, maybe_day};
use super::{Duty, OversightRules, Role};

/// The agreement and the words that the other files may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Its name.
    pub name: String,
    /// Versions whose signature counts.
    pub versions: Vec<String>,
    /// Version of the terms of use in force; an earlier acceptance does not count (R102, R103).
    pub terms: String,
    /// URI of the policy that occasions point to (`Consent.policy.uri`).
    pub policy: String,
    /// The group that governs the programme (S2 4.7).
    pub group: String,
    /// Groups that governed before; what was signed under them stays signed (S2 4.8, R159).
    pub former_groups: Vec<FormerGroup>,
    /// When it was issued: its first review is due a year later (S2 11.1).
    pub issued: Option<Date>,
    /// When the programme went live: who signs later joins by the procedure of S2 14 (R152).
    pub live_from: Option<Date>,
    /// When the agreement is to be reviewed, where that is sooner than it must be (R168).
    pub review_due: Option<Date>,
    /// Every role that a user may have.
    pub roles: BTreeMap<String, Role>,
    /// What the parties agreed on where the agreement leaves it open.
    pub rules: Rules,
    /// What it says about oversight.
    pub oversight: OversightRules,
    /// Reviews held (S2 11).
    pub reviews: Vec<Review>,
    /// Instructions to the operator, who acts on nothing else (S2 4.4, R167).
    pub instructions: Vec<Instruction>,
}

/// What the parties agreed on where the agreement leaves it open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Days after its last day for which a lapsed assurance is only warned of (R163); after them access stops.
    pub assurance_grace_days: u16,
    /// Kinds of evidence that every viewer shares with the others: training, policies (R162).
    pub evidence: BTreeSet<String>,
    /// A viewer whose evidence is missing or lapsed may not look; otherwise it is only shown.
    pub missing_evidence_blocks: bool,
    /// Days that the parties have to object to a new one (S2 14.2).
    pub objection_days: u16,
    /// A changed register is taken up only with an instruction that the one before did not have (R167).
    pub changes_need_instruction: bool,
    /// Days for which an answer of the national data opt-out service counts (R176).
    pub national_opt_out_days: u16,
    /// Days after a new registration for which the record of the practice before may still be on its way (R007).
    pub transfer_days: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            assurance_grace_days: 0,
            evidence: BTreeSet::new(),
            missing_evidence_blocks: false,
            objection_days: 0,
            changes_need_instruction: false,
            national_opt_out_days: 0,
            transfer_days: 28,
        }
    }
}

/// A group that governed before (R159).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FormerGroup {
    /// Its name.
    pub name: String,
    /// Its last day.
    #[serde(deserialize_with = "day")]
    pub until: Date,
    /// When all parties were notified.
    #[serde(deserialize_with = "day")]
    pub notified: Date,
    /// Where that is recorded.
    pub reference: String,
}

/// A review of the agreement with the seven questions of S2 11.2, each answered in words (R168).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// When.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// By whom.
    pub by: String,
    /// Where the minutes are.
    pub reference: String,
    /// 11.2.1: the sharing has the desired effect.
    pub desired_effect: String,
    /// 11.2.2: access controls are appropriate and effective.
    pub access_controls: String,
    /// 11.2.3: fair processing notices still explain the sharing accurately.
    pub fair_processing: String,
    /// 11.2.4: patients can access all that they are entitled to.
    pub patient_access: String,
    /// 11.2.5: all parties meet the agreed quality standards.
    pub quality_standards: String,
    /// 11.2.6: security remains adequate; breaches were investigated and acted upon.
    pub security: String,
    /// 11.2.7: the group receives the reports on access and overrides.
    pub audit_reports: String,
    /// Sooner than in two years, where the review asked for it.
    #[serde(default, deserialize_with = "maybe_day")]
    pub next: Option<Date>,
}

/// The questions of S2 11.2 in their order, as keys of a review.
pub const QUESTIONS: [&str; 7] = [
    "desired_effect",
    "access_controls",
    "fair_processing",
    "patient_access",
    "quality_standards",
    "security",
    "audit_reports",
];

impl Review {
    /// The answers, in the order of [`QUESTIONS`].
    #[must_use]
    pub fn answers(&self) -> [&str; 7] {
        [
            &self.desired_effect,
            &self.access_controls,
            &self.fair_processing,
            &self.patient_access,
            &self.quality_standards,
            &self.security,
            &self.audit_reports,
        ]
    }
}

/// What the operator was told to do (S2 4.4, R167).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// Its id.
    pub id: String,
    /// When it was given.
    #[serde(deserialize_with = "day")]
    pub date: Date,
    /// By whom.
    pub by: String,
    /// What is to be done.
    pub what: String,
    /// Where it is kept.
    pub reference: String,
}

/// An approval with dated minutes, and who spoke for the practices (S0 3a, 3b; R164, R165).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The body that approved.
    pub by: String,
    /// Date of the minutes.
    #[serde(deserialize_with = "day")]
    pub minutes: Date,
    /// Item or number.
    pub reference: String,
    /// Who represented the practices.
    pub representatives: Vec<String>,
}

impl Approval {
    /// Checks what every approval must have.
    pub(super) fn check(&self, of: &str, rule: &'static str, today: Date, check: &mut Check<'_>) {
        check.that(self.minutes <= today, rule, || {
            format!("the approval of {of} has minutes dated in the future")
        });
        check.said(
            rule,
            &[("body", &self.by), ("reference", &self.reference)],
            || format!("the approval of {of}"),
        );
        let spoken = !self.representatives.is_empty()
            && self
                .representatives
                .iter()
                .all(|name| !name.trim().is_empty());
        check.that(spoken, "R165", || {
            format!("the approval of {of} names nobody who represented the practices")
        });
    }
}

impl Agreement {
    /// The day by which the agreement has to be reviewed: a year after its issue, then two years after each review, or
    /// sooner where that was said (S2 11.1; requirements.md, open point 10). `None` where nothing is dated.
    #[must_use]
    pub fn next_review(&self) -> Option<Date> {
        let latest = self.reviews.iter().max_by_key(|review| review.date);
        let must = match latest {
            Some(review) => {
                let two_years = review.date.checked_add(2.years()).ok();
                review.next.into_iter().chain(two_years).min()
            }
            None => self
                .issued
                .and_then(|issued| issued.checked_add(1.year()).ok()),
        };
        let asked = self
            .review_due
            .filter(|due| latest.is_none_or(|review| *due > review.date));
        asked.into_iter().chain(must).min()
    }

    /// A body that governs or once governed: what it approved is an approved flow (S0 1a, R166).
    #[must_use]
    pub fn is_governing_body(&self, name: &str) -> bool {
        name == self.group || self.former_groups.iter().any(|group| group.name == name)
    }
}

pub(super) fn take_agreement(raw: raw::Agreement, today: Date, check: &mut Check<'_>) -> Agreement {
    check.that(!raw.versions.is_empty(), "R150", || {
        "the agreement has no version".to_owned()
    });
    check.that(!raw.terms.trim().is_empty(), "R103", || {
        "the agreement has no version of the terms of use".to_owned()
    });
    check.that(url::Url::parse(&raw.policy).is_ok(), "policy", || {
        "the policy is not a URI".to_owned()
    });
    check.that(!raw.group.trim().is_empty(), "R159", || {
        "no group governs the agreement".to_owned()
    });
    for (name, role) in &raw.roles {
        check.that(!role.clinical || role.duties.is_empty(), "R093", || {
            format!("the role `{name}` is clinical and has a duty of oversight: nobody reviews their own looking")
        });
        let mixed = role.duties.contains(&Duty::Govern) && role.duties.len() > 1;
        check.that(!mixed, "R156", || {
            format!("the role `{name}` governs and has a duty inside an organisation: the group is not a party")
        });
    }
    check.that(raw.roles.values().any(|role| role.clinical), "R100", || {
        "the agreement names no clinical role".to_owned()
    });
    if let Some(fault) = raw.oversight.fault() {
        check.that(false, "oversight", || fault.to_owned());
    }
    let once: BTreeSet<&String> = raw.versions.iter().collect();
    check.that(once.len() == raw.versions.len(), "unique id", || {
        "a version of the agreement is there twice".to_owned()
    });
    let (issued, live_from) = (raw.issued.map(|day| day.0), raw.live_from.map(|day| day.0));
    check.that(issued.is_none_or(|day| day <= today), "R168", || {
        "the agreement is issued in the future".to_owned()
    });
    check.that(
        live_from.is_none_or(|live| issued.is_none_or(|issued| issued <= live)),
        "R152",
        || "the programme went live before its agreement was issued".to_owned(),
    );
    for group in &raw.former_group {
        check.that(
            group.until <= today && group.notified <= today,
            "R159",
            || {
                format!(
                    "the change from `{}` to another group lies in the future",
                    group.name
                )
            },
        );
        check.said(
            "R159",
            &[("name", &group.name), ("reference", &group.reference)],
            || "a former group".to_owned(),
        );
        check.that(group.name != raw.group, "R159", || {
            format!("`{}` governs and is a former group", group.name)
        });
    }
    let mut agreement = Agreement {
        name: raw.name,
        versions: raw.versions,
        terms: raw.terms,
        policy: raw.policy,
        group: raw.group,
        former_groups: raw.former_group,
        issued,
        live_from,
        review_due: raw.review_due.map(|day| day.0),
        roles: raw.roles,
        rules: raw.rules,
        oversight: raw.oversight,
        reviews: Vec::new(),
        instructions: Vec::new(),
    };
    for entry in raw.review {
        agreement.reviews.push(take_review(entry, today, check));
    }
    agreement.reviews.sort_by_key(|review| review.date);
    let mut ids = BTreeSet::new();
    for entry in raw.instruction {
        check.at(&entry);
        let instruction = entry.into_inner();
        check.said(
            "R167",
            &[
                ("id", &instruction.id),
                ("giver", &instruction.by),
                ("content", &instruction.what),
                ("reference", &instruction.reference),
            ],
            || format!("the instruction `{}`", instruction.id),
        );
        check.that(instruction.date <= today, "R167", || {
            format!(
                "the instruction `{}` is dated in the future",
                instruction.id
            )
        });
        check.that(ids.insert(instruction.id.clone()), "unique id", || {
            format!("the instruction `{}` is there twice", instruction.id)
        });
        agreement.instructions.push(instruction);
    }
    agreement
}

fn take_review(entry: Spanned<Review>, today: Date, check: &mut Check<'_>) -> Review {
    check.at(&entry);
    let review = entry.into_inner();
    let date = review.date;
    check.that(date <= today, "R168", || {
        format!("the review of {date} lies in the future")
    });
    check.said(
        "R168",
        &[("reviewer", &review.by), ("reference", &review.reference)],
        || format!("the review of {date}"),
    );
    for (question, answer) in QUESTIONS.iter().zip(review.answers()) {
        check.that(!answer.trim().is_empty(), "R168", || {
            format!("the review of {date} does not answer `{question}` (S2 11.2)")
        });
    }
    let soon = review.next.is_none_or(|next| {
        date < next
            && date
                .checked_add(2.years())
                .is_ok_and(|latest| next <= latest)
    });
    check.that(soon, "R168", || {
        format!("the review after that of {date} is not within two years of it")
    });
    review
}
