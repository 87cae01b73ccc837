//! Consent or override: is the conversation complete, is the reason a reason (R070 to R080, R090, R091)?
//!
//! The facts here are what was ticked, never what was said: a proxy's name or a reason's words stay outside.

use serde::{Deserialize, Serialize};

use super::facts::{AgeBand, Fact};
pub use super::words::Words;
use crate::register::GatewayKind;

/// Shortest reason of an override, in characters after trimming.
pub const SHORTEST_REASON: usize = 15;

/// Why a record may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The consent conversation.
    Consent(Talk),
    /// An emergency override.
    Override {
        /// The reason's code; `None` = none of the agreement's.
        reason: Option<OverrideReason>,
        /// The reason in words.
        words: Words,
    },
    /// The legal gateway of a flow that is not for direct care, where that needs no consent (S3; R171).
    Gateway,
}

/// The reasons of S2 6.5.1 (requirements.md, open point 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverrideReason {
    /// Unconscious.
    Unconscious,
    /// Otherwise unable to give informed consent in an emergency.
    UnableToConsent,
    /// Life-threatening emergency.
    LifeThreatening,
}

/// Every reason.
pub const OVERRIDE_REASONS: [OverrideReason; 3] = [
    OverrideReason::Unconscious,
    OverrideReason::UnableToConsent,
    OverrideReason::LifeThreatening,
];

impl OverrideReason {
    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unconscious => "unconscious",
            Self::UnableToConsent => "unable-to-consent",
            Self::LifeThreatening => "life-threatening",
        }
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        OVERRIDE_REASONS
            .into_iter()
            .find(|reason| reason.code() == code)
    }
}

/// The items of the conversation, as they were ticked (S2 6.2.1, 6.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Talk {
    /// A direct question was asked.
    pub asked: Option<bool>,
    /// The answer.
    pub answer: Answer,
    /// Told what will be viewed.
    pub told_what: Option<bool>,
    /// Told why.
    pub told_why: Option<bool>,
    /// Told that they may decline.
    pub told_may_decline: Option<bool>,
    /// Told what declining means.
    pub told_meaning_of_declining: Option<bool>,
    /// Voluntary.
    pub voluntary: Option<bool>,
    /// Has capacity.
    pub capacity: Option<bool>,
    /// Someone else answers.
    pub proxy: Option<ProxyFacts>,
    /// The child's own view.
    pub child: Option<ChildFacts>,
    /// The patient changed their mind after a refusal.
    pub changed_mind: bool,
    /// The conversation named what the record is for: this very purpose (`true`) or another one. `None`: it named none, so
    /// it was about treatment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_this_use: Option<bool>,
}

impl Talk {
    /// A conversation about care in which nothing is missing: to try out what a decision looks at beside it.
    pub const WHOLE: Self = Self {
        asked: Some(true),
        answer: Answer::Yes,
        told_what: Some(true),
        told_why: Some(true),
        told_may_decline: Some(true),
        told_meaning_of_declining: Some(true),
        voluntary: Some(true),
        capacity: Some(true),
        proxy: None,
        child: None,
        changed_mind: false,
        to_this_use: None,
    };
}

/// The answer to the direct question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// None, or not a clear one.
    #[default]
    Unclear,
}

/// Who answers, without saying who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyFacts {
    /// On what basis; `None` = none of S2 6.3.2.
    pub basis: Option<ProxyBasis>,
    /// A name is given.
    pub named: bool,
    /// A relationship is given.
    pub related: bool,
}

/// Why someone may answer for the patient (S2 6.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyBasis {
    /// Parental responsibility: under 16 only.
    ParentalResponsibility,
    /// Another legal power, such as a power of attorney for health and welfare.
    LegalPower,
}

/// The child's own part (S2 6.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildFacts {
    /// Asked or involved.
    pub asked: bool,
    /// What the child said; `None` = none of the known answers.
    pub view: Option<ChildSays>,
}

/// What the child said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChildSays {
    /// Agrees.
    Agrees,
    /// Objects.
    Objects,
    /// Too young or otherwise not able to decide.
    Unable,
}

/// What is missing or wrong in consent or override. All of these people can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each has its code and its words in mappings/errors.toml"
)]
pub enum Fault {
    ConsentMissing,
    NotAsked,
    AnswerUnclear,
    AnswerNo,
    NotToldWhat,
    NotToldWhy,
    NotToldMayDecline,
    NotToldMeaningOfDeclining,
    NotVoluntary,
    CapacityNotRecorded,
    NoCapacity,
    ProxyBasis,
    ProxyName,
    ProxyRelationship,
    ProxyParentalOfAdult,
    ChildViewMissing,
    ChildNotAsked,
    ChildViewUnclear,
    ChildObjects,
    ChildNeedsProxy,
    OverrideReason,
    OverrideTextMissing,
    OverrideTextShort,
    OverrideTextEmpty,
    NotToThisUse,
}

/// Every fault.
pub const FAULTS: [Fault; 25] = [
    Fault::ConsentMissing,
    Fault::NotAsked,
    Fault::AnswerUnclear,
    Fault::AnswerNo,
    Fault::NotToldWhat,
    Fault::NotToldWhy,
    Fault::NotToldMayDecline,
    Fault::NotToldMeaningOfDeclining,
    Fault::NotVoluntary,
    Fault::CapacityNotRecorded,
    Fault::NoCapacity,
    Fault::ProxyBasis,
    Fault::ProxyName,
    Fault::ProxyRelationship,
    Fault::ProxyParentalOfAdult,
    Fault::ChildViewMissing,
    Fault::ChildNotAsked,
    Fault::ChildViewUnclear,
    Fault::ChildObjects,
    Fault::ChildNeedsProxy,
    Fault::OverrideReason,
    Fault::OverrideTextMissing,
    Fault::OverrideTextShort,
    Fault::OverrideTextEmpty,
    Fault::NotToThisUse,
];

impl Fault {
    /// Its code in the error catalogue.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::ConsentMissing => "consent-missing",
            Self::NotAsked => "consent-not-asked",
            Self::AnswerUnclear => "consent-answer-unclear",
            Self::AnswerNo => "consent-declined",
            Self::NotToldWhat => "consent-not-told-what",
            Self::NotToldWhy => "consent-not-told-why",
            Self::NotToldMayDecline => "consent-not-told-may-decline",
            Self::NotToldMeaningOfDeclining => "consent-not-told-meaning-of-declining",
            Self::NotVoluntary => "consent-not-voluntary",
            Self::CapacityNotRecorded => "consent-capacity-not-recorded",
            Self::NoCapacity => "consent-no-capacity",
            Self::ProxyBasis => "proxy-basis",
            Self::ProxyName => "proxy-name",
            Self::ProxyRelationship => "proxy-relationship",
            Self::ProxyParentalOfAdult => "proxy-parental-over-16",
            Self::ChildViewMissing => "child-view-missing",
            Self::ChildNotAsked => "child-not-asked",
            Self::ChildViewUnclear => "child-view-unclear",
            Self::ChildObjects => "child-objects",
            Self::ChildNeedsProxy => "child-needs-proxy",
            Self::OverrideReason => "override-reason",
            Self::OverrideTextMissing => "override-text-missing",
            Self::OverrideTextShort => "override-text-short",
            Self::OverrideTextEmpty => "override-text-empty",
            Self::NotToThisUse => "no-consent-to-this-use",
        }
    }

    /// What to tell the person.
    #[must_use]
    pub fn description(self) -> &'static str {
        super::catalogue::description(self.code())
    }
}

impl Basis {
    /// The first thing that is missing or wrong, as far as it can be told before the patient's age is known.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Consent(talk) => talk.fault(),
            Self::Override { reason: None, .. } => Some(Fault::OverrideReason),
            Self::Override { words, .. } => match words {
                Words::Fair => None,
                Words::Blank => Some(Fault::OverrideTextMissing),
                Words::Short => Some(Fault::OverrideTextShort),
                Words::Empty => Some(Fault::OverrideTextEmpty),
            },
            // For direct care there is no other way than consent or an emergency.
            Self::Gateway => Some(Fault::ConsentMissing),
        }
    }

    /// The same for a purpose other than direct care, whose flow has a gateway of this kind (S3). Nothing but the patient's
    /// consent to this very use makes up for what S3 calls explicit consent, and an emergency is none of its conditions.
    #[must_use]
    pub fn fault_for_gateway(&self, kind: GatewayKind) -> Option<Fault> {
        match self {
            Self::Consent(talk) => talk
                .fault()
                .or_else(|| (talk.to_this_use != Some(true)).then_some(Fault::NotToThisUse)),
            Self::Gateway if kind != GatewayKind::ExplicitConsent => None,
            Self::Gateway | Self::Override { .. } => Some(Fault::NotToThisUse),
        }
    }

    /// What the patient's age makes of it (R075, R076). An override asks nobody, so age does not matter.
    ///
    /// # Errors
    /// The age is not known, so it cannot be said: nobody can mend that here, it is a matter of the patient.
    pub fn fault_at_age(&self, age: Fact<AgeBand>) -> Result<Option<Fault>, AgeUnknown> {
        let Self::Consent(talk) = self else {
            return Ok(None);
        };
        match age {
            Fact::Known(AgeBand::Adult) => Ok(talk.fault_of_adult()),
            Fact::Known(AgeBand::Child) => Ok(talk.fault_of_child()),
            Fact::NotAsked | Fact::Unknown => Err(AgeUnknown),
        }
    }

    /// A clear "no": a refusal that stands (S2 6.2.3).
    #[must_use]
    pub fn declines(&self) -> bool {
        matches!(self, Self::Consent(talk) if talk.answer == Answer::No)
    }

    /// A clear "yes" of a patient who had refused before and changed their mind.
    #[must_use]
    pub fn changes_mind(&self) -> bool {
        matches!(self, Self::Consent(talk) if talk.changed_mind && talk.answer == Answer::Yes)
    }
}

/// The trace service gives no date of birth that settles whether the patient is under 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeUnknown;

impl Talk {
    fn fault(&self) -> Option<Fault> {
        if *self == Self::default() {
            return Some(Fault::ConsentMissing);
        }
        // A "no" needs no more conversation, and stands whatever else was ticked.
        if self.answer == Answer::No {
            return Some(Fault::AnswerNo);
        }
        let told = [
            (self.asked, Fault::NotAsked),
            (self.told_what, Fault::NotToldWhat),
            (self.told_why, Fault::NotToldWhy),
            (self.told_may_decline, Fault::NotToldMayDecline),
            (
                self.told_meaning_of_declining,
                Fault::NotToldMeaningOfDeclining,
            ),
            (self.voluntary, Fault::NotVoluntary),
        ];
        if let Some((_, fault)) = told.into_iter().find(|(item, _)| *item != Some(true)) {
            return Some(fault);
        }
        if self.answer != Answer::Yes {
            return Some(Fault::AnswerUnclear);
        }
        if self.to_this_use == Some(false) {
            return Some(Fault::NotToThisUse);
        }
        if let Some(fault) = self.proxy.and_then(ProxyFacts::fault) {
            return Some(fault);
        }
        let legal_power = self
            .proxy
            .is_some_and(|proxy| proxy.basis == Some(ProxyBasis::LegalPower));
        match self.capacity {
            None => Some(Fault::CapacityNotRecorded),
            Some(false) if !legal_power => Some(Fault::NoCapacity),
            Some(_) => None,
        }
    }

    fn fault_of_adult(&self) -> Option<Fault> {
        let parental = self
            .proxy
            .is_some_and(|proxy| proxy.basis == Some(ProxyBasis::ParentalResponsibility));
        parental.then_some(Fault::ProxyParentalOfAdult)
    }

    fn fault_of_child(&self) -> Option<Fault> {
        let Some(child) = self.child else {
            return Some(Fault::ChildViewMissing);
        };
        match (child.view, child.asked) {
            (None, _) => Some(Fault::ChildViewUnclear),
            (Some(ChildSays::Objects), _) => Some(Fault::ChildObjects),
            // Too young to be asked is a record too (R076); a child who agrees must have been asked.
            (Some(ChildSays::Agrees), false) => Some(Fault::ChildNotAsked),
            (Some(ChildSays::Unable), _) if self.proxy.is_none() => Some(Fault::ChildNeedsProxy),
            (Some(_), _) => None,
        }
    }
}

impl ProxyFacts {
    fn fault(self) -> Option<Fault> {
        if self.basis.is_none() {
            Some(Fault::ProxyBasis)
        } else if !self.named {
            Some(Fault::ProxyName)
        } else if !self.related {
            Some(Fault::ProxyRelationship)
        } else {
            None
        }
    }
}
