//! What room an entry takes: a record may have very many.

use super::{Body, Entry};

impl Entry {
    /// Adds it to others, in no more room than it needs: its lists give back what they were given too much, and what holds
    /// it grows by a quarter, not to the double.
    pub fn push_to(self, entries: &mut Vec<Self>) {
        if entries.len() == entries.capacity() {
            entries.reserve_exact(entries.len() / 4 + 256);
        }
        entries.push(self.trimmed());
    }

    fn trimmed(mut self) -> Self {
        self.code.codings.shrink_to_fit();
        self.linked_problems.shrink_to_fit();
        self.restrictions.shrink_to_fit();
        self.qualifiers.shrink_to_fit();
        if let Body::Observation(body) = &mut self.body {
            body.ranges.shrink_to_fit();
        }
        self
    }

    /// How many resources it may become.
    #[must_use]
    pub fn resources(&self) -> usize {
        let more = match &self.body {
            Body::Medication(course) => 1 + usize::from(course.is_own_issue),
            Body::Referral(referral) => usize::from(referral.admission),
            Body::Report(report) => report.specimens.len(),
            _ => 0,
        };
        1 + more + usize::from(self.problem.is_some())
    }
}
