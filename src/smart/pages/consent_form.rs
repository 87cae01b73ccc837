//! The forms of the consent page: from what was ticked to what is recorded, and back onto the page.

use crate::access::catalogue;
use crate::occasion::{AskedBasis, ChildView, ConsentTalk, Proxy};

/// Longest free text that is taken, in characters.
const MAX_TEXT: usize = 2000;

/// What was ticked and typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentForm {
    pub ticked: Vec<&'static str>,
    pub capacity: Option<bool>,
    pub child_view: String,
    pub changed_mind: bool,
    /// The clinician says that they care for the patient (R105).
    pub claimed: bool,
    pub proxy_basis: String,
    pub proxy_name: String,
    pub proxy_relationship: String,
    pub override_reason: String,
    pub override_text: String,
}

/// One item of the conversation that is a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: &'static str,
    pub text: &'static str,
    pub ticked: bool,
    pub wrong: bool,
}

/// A line of the error summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Id of the control; empty where there is none.
    pub field: &'static str,
    pub text: String,
}

impl Problem {
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self {
            field,
            text: text.into(),
        }
    }
}

/// Name, words, code of the catalogue where it is missing (R072, R073).
const TOLD: [(&str, &str, &str); 4] = [
    (
        "told_what",
        "what I want to look at",
        "consent-not-told-what",
    ),
    (
        "told_why",
        "why I want to look at it",
        "consent-not-told-why",
    ),
    (
        "told_may_decline",
        "that they may say no",
        "consent-not-told-may-decline",
    ),
    (
        "told_meaning_of_declining",
        "what it means if they say no",
        "consent-not-told-meaning-of-declining",
    ),
];
const ANSWERED: [(&str, &str, &str); 3] = [
    (
        "asked",
        "I asked directly: may I look at your GP record?",
        "consent-not-asked",
    ),
    (
        "answer",
        "The answer was a clear yes",
        "consent-answer-unclear",
    ),
    (
        "voluntary",
        "It was given freely, nobody pressed",
        "consent-not-voluntary",
    ),
];

/// Why the patient cannot be asked (R090), as the page words it.
pub const REASONS: [(&str, &str); 3] = [
    ("unconscious", "Unconscious"),
    (
        "unable-to-consent",
        "Otherwise unable to consent, and it cannot wait",
    ),
    ("life-threatening", "Life-threatening emergency"),
];
/// The child's view (R076).
pub const CHILD_VIEWS: [(&str, &str); 3] = [
    ("agrees", "The child agrees"),
    ("objects", "The child does not want it"),
    ("unable", "Too young, or not able, to decide"),
];
/// On what basis somebody else answers (R075); parental responsibility ends at 16.
pub const PROXY_BASES: [(&str, &str); 2] = [
    ("parental-responsibility", "Parental responsibility"),
    (
        "legal-power",
        "Legal power, such as a lasting power of attorney",
    ),
];

impl ConsentForm {
    /// From the pairs of a form; what is not known is left out.
    #[must_use]
    pub fn read(pairs: &[(String, String)]) -> Self {
        let text = |name: &str| -> String {
            pairs
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value.trim().chars().take(MAX_TEXT).collect())
                .unwrap_or_default()
        };
        let ticked = TOLD
            .iter()
            .chain(&ANSWERED)
            .map(|(name, ..)| *name)
            .filter(|name| text(name) == "yes")
            .collect();
        Self {
            ticked,
            capacity: match text("capacity").as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            child_view: text("child_view"),
            changed_mind: text("changed_mind") == "yes",
            claimed: text("relationship_claim") == "yes",
            proxy_basis: text("proxy_basis"),
            proxy_name: text("proxy_name"),
            proxy_relationship: text("proxy_relationship"),
            override_reason: text("override_reason"),
            override_text: text("override_text"),
        }
    }

    /// The conversation as it is recorded: an item that is not ticked was not said.
    #[must_use]
    pub fn talk(&self) -> AskedBasis {
        let said = |name: &str| self.ticked.contains(&name).then_some(true);
        AskedBasis::Consent(ConsentTalk {
            asked: said("asked"),
            answer: said("answer").map(|_| "yes".to_owned()),
            told_what: said("told_what"),
            told_why: said("told_why"),
            told_may_decline: said("told_may_decline"),
            told_meaning_of_declining: said("told_meaning_of_declining"),
            voluntary: said("voluntary"),
            capacity: self.capacity,
            proxy: self.has_proxy().then(|| Proxy {
                basis: self.proxy_basis.clone(),
                name: self.proxy_name.clone(),
                relationship: self.proxy_relationship.clone(),
            }),
            child: (!self.child_view.is_empty()).then(|| ChildView {
                asked: self.child_view != "unable",
                view: self.child_view.clone(),
            }),
            changed_mind: self.changed_mind.then_some(true),
            purpose: None,
        })
    }

    /// A "no".
    #[must_use]
    pub fn refusal() -> AskedBasis {
        AskedBasis::Consent(ConsentTalk {
            answer: Some("no".to_owned()),
            ..ConsentTalk::default()
        })
    }

    /// The emergency as it is recorded.
    #[must_use]
    pub fn emergency(&self) -> AskedBasis {
        AskedBasis::Override {
            reason: self.override_reason.clone(),
            text: self.override_text.clone(),
        }
    }

    /// Somebody else is said to answer.
    #[must_use]
    pub fn has_proxy(&self) -> bool {
        [
            &self.proxy_basis,
            &self.proxy_name,
            &self.proxy_relationship,
        ]
        .iter()
        .any(|text| !text.is_empty())
    }

    /// An emergency is described.
    #[must_use]
    pub fn has_override(&self) -> bool {
        !self.override_reason.is_empty() || !self.override_text.is_empty()
    }

    /// What the patient was told. `judged` marks what is missing.
    #[must_use]
    pub fn told(&self, judged: bool) -> Vec<Item> {
        self.items(&TOLD, judged)
    }

    /// What was asked and answered.
    #[must_use]
    pub fn answered(&self, judged: bool) -> Vec<Item> {
        self.items(&ANSWERED, judged)
    }

    fn items(&self, of: &[(&'static str, &'static str, &'static str)], judged: bool) -> Vec<Item> {
        of.iter()
            .map(|(name, text, _)| {
                let ticked = self.ticked.contains(name);
                Item {
                    name,
                    text,
                    ticked,
                    wrong: judged && !ticked,
                }
            })
            .collect()
    }

    /// The error summary for a refusal with this reason: all that is not ticked, and what else was said about the rest.
    #[must_use]
    pub fn problems(&self, reason: &str, description: &str) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Vec::new();
        if reason == NO_RELATIONSHIP {
            let text = "Say that you are treating this patient; otherwise the record stays closed";
            problems.push(Problem::new("relationship_claim", text));
        }
        if is_about_the_conversation(reason) {
            for (name, _, code) in TOLD.iter().chain(&ANSWERED) {
                if !self.ticked.contains(name) {
                    problems.push(Problem::new(name, catalogue::description(code)));
                }
            }
            if self.capacity.is_none() {
                let text = catalogue::description("consent-capacity-not-recorded");
                problems.push(Problem::new("capacity-yes", text));
            }
        }
        let field = match reason {
            "override-reason" => "override_reason",
            reason if reason.starts_with("override-") => "override_text",
            "proxy-name" => "proxy_name",
            "proxy-relationship" => "proxy_relationship",
            reason if reason.starts_with("proxy-") => "proxy_basis",
            "child-needs-proxy" => "proxy_basis",
            reason if reason.starts_with("child-") => "child_view",
            "refusal-stands" => "changed_mind",
            "consent-no-capacity" => "capacity-yes",
            _ => "",
        };
        if problems.is_empty() {
            problems.push(Problem::new(field, description));
        }
        problems
    }
}

/// The code of a refusal for want of a relationship (R105): it comes before the conversation is looked at.
const NO_RELATIONSHIP: &str = "no-relationship";

/// What is not ticked of the conversation is told with it.
#[must_use]
pub fn is_about_the_conversation(reason: &str) -> bool {
    reason.starts_with("consent-") || reason == NO_RELATIONSHIP
}

/// Can whoever fills in the form mend this refusal?
#[must_use]
pub fn is_about_the_form(reason: &str) -> bool {
    ["consent-", "override-", "proxy-", "child-"]
        .iter()
        .any(|prefix| reason.starts_with(prefix))
        || ["refusal-stands", NO_RELATIONSHIP].contains(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// Every tick, and capacity.
    fn everything() -> Vec<(&'static str, &'static str)> {
        TOLD.iter()
            .chain(&ANSWERED)
            .map(|(name, ..)| (*name, "yes"))
            .chain([("capacity", "yes")])
            .collect()
    }

    // R072 to R074: only what is ticked was said
    #[test]
    fn nothing_is_recorded_that_was_not_ticked() {
        let AskedBasis::Consent(nothing) = ConsentForm::read(&[]).talk() else {
            panic!();
        };
        assert_eq!(nothing, ConsentTalk::default());
        let all = everything();
        let AskedBasis::Consent(talk) = ConsentForm::read(&pairs(&all)).talk() else {
            panic!();
        };
        assert_eq!(talk.answer.as_deref(), Some("yes"));
        assert_eq!(talk.capacity, Some(true));
        assert_eq!(
            (talk.proxy, talk.child, talk.changed_mind),
            (None, None, None)
        );
        for (left_out, _, code) in TOLD.iter().chain(&ANSWERED) {
            let some: Vec<_> = all.iter().copied().filter(|(n, _)| n != left_out).collect();
            let form = ConsentForm::read(&pairs(&some));
            let problems = form.problems(code, "");
            assert_eq!(problems.len(), 1, "{left_out}");
            assert_eq!(problems[0].field, *left_out);
        }
    }

    // R105: all that is missing is told at once
    #[test]
    fn a_missing_claim_is_told_with_what_else_is_missing() {
        let fields = |form: &ConsentForm| -> Vec<&str> {
            let problems = form.problems(NO_RELATIONSHIP, "x");
            problems.iter().map(|it| it.field).collect()
        };
        let nothing = fields(&ConsentForm::read(&[]));
        assert_eq!(nothing.first(), Some(&"relationship_claim"));
        assert_eq!(nothing.len(), 1 + TOLD.len() + ANSWERED.len() + 1);
        let all = everything();
        let form = ConsentForm::read(&pairs(&all));
        assert_eq!(fields(&form), ["relationship_claim"]);
        let claimed = ConsentForm::read(&pairs(&[("relationship_claim", "yes")]));
        assert!(claimed.claimed && !form.claimed);
    }

    // R075, R076
    #[test]
    fn a_child_and_a_parent() {
        let form = ConsentForm::read(&pairs(&[
            ("child_view", "unable"),
            ("proxy_basis", "parental-responsibility"),
            ("proxy_name", " A Parent "),
            ("proxy_relationship", "mother"),
        ]));
        let AskedBasis::Consent(talk) = form.talk() else {
            panic!();
        };
        let proxy = talk.proxy.unwrap();
        assert_eq!(proxy.name, "A Parent");
        assert!(!talk.child.unwrap().asked);
        assert_eq!(form.problems("child-objects", "x")[0].field, "child_view");
    }
}
