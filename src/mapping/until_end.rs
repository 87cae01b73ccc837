//! Problems whose source gives no state, only an end (SystmOne): the day decides, and only mapping knows the day.

use jiff::civil::Date;

use crate::record::{Entry, PartialDate, ProblemStatus};

/// Past once the end has come, its own day included; before that active. An end that is not known has come: the source says
/// that there is one.
pub fn settle(entries: &mut [Entry], today: Date) {
    let problems = entries.iter_mut().filter_map(|e| e.problem.as_mut());
    for problem in problems.filter(|p| p.status == ProblemStatus::UntilEnd) {
        let ahead = problem
            .end
            .as_ref()
            .and_then(PartialDate::earliest)
            .is_some_and(|end| end > today);
        problem.status = if ahead {
            ProblemStatus::Active
        } else {
            ProblemStatus::Past
        };
    }
}
