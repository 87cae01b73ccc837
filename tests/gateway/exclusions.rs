//! What must not leave: listed codes, private entries, free text; and no sign that anything was there.

use openmig::sandbox::story::{Fact, Person};

/// The entries of Appendix A in a story.
pub fn listed(person: &Person) -> Vec<&Fact> {
    let rows = openmig::sandbox::population::appendix_a();
    person
        .facts
        .iter()
        .filter(|fact| rows.contains(&fact.concept))
        .collect()
}
