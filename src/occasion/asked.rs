//! From what was said to what was ticked: names and words stay outside the decision.

use super::{AskedBasis, ChildView, ConsentTalk, OccasionAsk, Proxy};
use crate::access::DIRECT_CARE;
use crate::access::basis::{
    Answer, Basis, ChildFacts, ChildSays, OverrideReason, ProxyBasis, ProxyFacts, Talk, Words,
};

impl AskedBasis {
    /// What a decision looks at, where this is asked for these purposes.
    pub(super) fn facts(&self, purposes: &[String]) -> Basis {
        match self {
            Self::Gateway => Basis::Gateway,
            Self::Consent(talk) => Basis::Consent(talk.facts(purposes)),
            Self::Override { reason, text } => Basis::Override {
                reason: OverrideReason::from_code(reason),
                words: Words::weigh(text),
            },
        }
    }

    /// v3-ActReason codes: an override breaks the glass for emergency treatment. With another use it does not go together,
    /// and stays visible beside it.
    pub(super) fn purposes(&self, claimed: &[String]) -> Vec<String> {
        let glass = ["BTG", "ETREAT"].map(str::to_owned);
        let others = claimed
            .iter()
            .filter(|one| !DIRECT_CARE.contains(&one.as_str()));
        match self {
            Self::Consent(_) | Self::Gateway => claimed.to_vec(),
            Self::Override { .. } => glass.into_iter().chain(others.cloned()).collect(),
        }
    }
}

impl OccasionAsk {
    /// What the record is asked for.
    pub(super) fn purposes(&self) -> Vec<String> {
        self.basis.purposes(&self.clinician.purposes)
    }

    /// On what basis, as a decision looks at it.
    pub(super) fn facts(&self) -> Basis {
        self.basis.facts(&self.clinician.purposes)
    }
}

impl ConsentTalk {
    pub(super) fn facts(&self, purposes: &[String]) -> Talk {
        let names_it = |named: &String| matches!(purposes, [one] if one == named);
        Talk {
            to_this_use: self.purpose.as_ref().map(names_it),
            asked: self.asked,
            answer: match self.answer.as_deref() {
                Some("yes") => Answer::Yes,
                Some("no") => Answer::No,
                _ => Answer::Unclear,
            },
            told_what: self.told_what,
            told_why: self.told_why,
            told_may_decline: self.told_may_decline,
            told_meaning_of_declining: self.told_meaning_of_declining,
            voluntary: self.voluntary,
            capacity: self.capacity,
            proxy: self.proxy.as_ref().map(Proxy::facts),
            child: self.child.as_ref().map(ChildView::facts),
            changed_mind: self.changed_mind == Some(true),
        }
    }
}

impl Proxy {
    /// The basis, where it is one of S2 6.3.2.
    pub(super) fn basis(&self) -> Option<ProxyBasis> {
        match self.basis.as_str() {
            "parental-responsibility" => Some(ProxyBasis::ParentalResponsibility),
            "legal-power" => Some(ProxyBasis::LegalPower),
            _ => None,
        }
    }

    fn facts(&self) -> ProxyFacts {
        ProxyFacts {
            basis: self.basis(),
            named: says_something(&self.name),
            related: says_something(&self.relationship),
        }
    }
}

impl ChildView {
    fn facts(&self) -> ChildFacts {
        ChildFacts {
            asked: self.asked,
            view: match self.view.as_str() {
                "agrees" => Some(ChildSays::Agrees),
                "objects" => Some(ChildSays::Objects),
                "unable" => Some(ChildSays::Unable),
                _ => None,
            },
        }
    }
}

fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}
