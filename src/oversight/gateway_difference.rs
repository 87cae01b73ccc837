//! What a change of a flow's legal gateway does, in words (S3; R167, R171 to R173): who may be looked up on what basis is not a
//! matter of tabs alone.

use super::difference::{Change, Effect};
use crate::register::LegalGateway;

/// What changes for this flow, given its gateway of before and after; `None`: direct care.
#[must_use]
pub fn changes(
    id: &str,
    before: Option<&LegalGateway>,
    after: Option<&LegalGateway>,
) -> Vec<Change> {
    let mut said = Vec::new();
    let mut say = |effect, text| said.push(Change { effect, text });
    let (before, after) = match (before, after) {
        (None, None) => return said,
        (None, Some(after)) => {
            say(
                Effect::Allows,
                format!(
                    "`{id}` is for another use than direct care, by {}, until {}{}",
                    after.kind.words(),
                    after.until,
                    everybody(after)
                ),
            );
            return said;
        }
        (Some(_), None) => {
            let text = format!("`{id}` has no legal gateway any more: it is for direct care alone");
            say(Effect::Records, text);
            return said;
        }
        (Some(before), Some(after)) => (before, after),
    };
    if before.kind != after.kind {
        say(
            Effect::Records,
            format!(
                "`{id}` is lawful by {} instead of {}",
                after.kind.words(),
                before.kind.words()
            ),
        );
        if after.kind.asks_nobody() && !before.kind.asks_nobody() {
            let text = format!("`{id}` shows records without asking the patient");
            say(Effect::Allows, text);
        }
        if before.kind.asks_nobody() && !after.kind.asks_nobody() {
            let text = format!("`{id}` shows no record without the patient's consent to this use");
            say(Effect::Stops, text);
        }
    }
    match (before.treatment, after.treatment) {
        (true, false) => say(
            Effect::Allows,
            format!("`{id}` is not limited to patients registered for treatment with the receiver"),
        ),
        (false, true) => say(
            Effect::Stops,
            format!("`{id}` is limited to patients registered for treatment with the receiver"),
        ),
        _ => {}
    }
    let days = |gateway: &LegalGateway| (gateway.from, gateway.until, gateway.review_due);
    if days(before) != days(after) {
        let more = after.from < before.from
            || after.until > before.until
            || after.review_due > before.review_due;
        let less = after.from > before.from
            || after.until < before.until
            || after.review_due < before.review_due;
        let review = after
            .review_due
            .map_or_else(String::new, |due| format!(", its review is due {due}"));
        say(
            super::difference::direction(more, less),
            format!(
                "the legal gateway of `{id}` is in force from {} until {}{review}",
                after.from, after.until
            ),
        );
    }
    if evidence(before) != evidence(after) {
        let text =
            format!("the evidence, rationale or task of the legal gateway of `{id}` is another");
        say(Effect::Records, text);
    }
    said
}

fn everybody(gateway: &LegalGateway) -> &'static str {
    if gateway.treatment {
        ""
    } else {
        ", not limited to patients registered for treatment with the receiver"
    }
}

/// The gateway without what is told apart.
fn evidence(gateway: &LegalGateway) -> LegalGateway {
    LegalGateway {
        treatment: true,
        from: gateway.approved,
        until: gateway.approved,
        review_due: None,
        ..gateway.clone()
    }
}
