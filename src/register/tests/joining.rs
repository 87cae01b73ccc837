//! How a new organisation joins (S2 14).

use super::super::*;
use crate::sandbox::register::tests::{TODAY, sandbox_files};

/// A viewer that asks to join, at the stage that `more` says.
fn joiner(more: &str) -> RegisterFiles {
    let mut files = sandbox_files();
    files.organisations.push_str(&format!(
        r#"
[[organisation]]
ods = "Z9N01"
name = "New Ambulance Service"
kind = "viewer"
signature = {{ agreement = "1.0", name = "Jo Example", title = "Medical Director", office = "executive", organisation = "New Ambulance Service", address = "2 Example Street, Leicester", date = 2026-10-20 }}
qualified_roles = ["gp"]
{more}
"#
    ));
    files
}

const FIRST: &str = r#"first_approval = { by = "Practices' data controller group", minutes = 2026-09-01, reference = "item 2", representatives = ["Dr Quill"] }"#;
const LAST: &str = r#"final_approval = { by = "Sandbox Oversight Group", minutes = 2026-10-15, reference = "item 5", representatives = ["Dr Quill"] }"#;
const TOLD: &str = r#"notified = 2026-09-03
objections_until = 2026-10-10
notices = ["Z99001", "Z99002", "Z99003", "Z99005", "Z99006", "Z9H01", "Z9O01", "Z9R01", "Z9S01"]"#;

fn joining(lines: &[&str]) -> String {
    format!(
        "[organisation.joining]\napplied = 2026-08-01\n{}",
        lines.join("\n")
    )
}

// R152, R153: both approvals, every party told, the window over, no objection left
#[test]
fn a_new_organisation_is_admitted_by_the_whole_procedure_and_by_nothing_less() {
    let new = OdsCode("Z9N01".to_owned());
    let whole = Register::read(&joiner(&joining(&[TOLD, FIRST, LAST])), TODAY).unwrap();
    assert!(whole.organisations[&new].is_admitted());
    assert!(whole.organisations[&new].has_signed(&whole.agreement, TODAY));
    // On the way: valid, and not admitted.
    for lines in [vec![], vec![FIRST], vec![TOLD, FIRST]] {
        let on_the_way = Register::read(&joiner(&joining(&lines)), TODAY).unwrap();
        assert!(!on_the_way.organisations[&new].is_admitted(), "{lines:?}");
    }
    let unresolved =
        r#"objections = [{ by = "Z99002", date = 2026-09-20, reason = "Which staff?" }]"#;
    let resolved = r#"objections = [{ by = "Z99002", date = 2026-09-20, reason = "Which staff?", resolved = 2026-10-01, resolution = "Paramedics only." }]"#;
    assert!(Register::read(&joiner(&joining(&[TOLD, resolved, FIRST, LAST])), TODAY).is_ok());
    let short = TOLD.replace("2026-10-10", "2026-09-20");
    let late = TOLD.replace("2026-10-10", "2026-10-15");
    let one_less = TOLD.replace(r#""Z99002", "#, "");
    for (what, lines, rule) in [
        ("no procedure at all", None, "R152"),
        ("no first approval", Some(vec![TOLD, LAST]), "R152"),
        ("nobody told", Some(vec![FIRST, LAST]), "R153"),
        ("one not told", Some(vec![&one_less, FIRST, LAST]), "R153"),
        ("window too short", Some(vec![&short, FIRST, LAST]), "R153"),
        (
            "approved within the window",
            Some(vec![&late, FIRST, LAST]),
            "R153",
        ),
        (
            "an objection stands",
            Some(vec![TOLD, unresolved, FIRST, LAST]),
            "R153",
        ),
    ] {
        let more = lines.map(|lines| joining(&lines)).unwrap_or_default();
        let errors = Register::read(&joiner(&more), TODAY).expect_err(what).0;
        assert!(
            errors.iter().any(|error| error.rule == rule),
            "{what}: {errors:#?}"
        );
        assert!(
            errors
                .iter()
                .all(|error| error.file == ORGANISATIONS && error.line.is_some())
        );
    }
}

/// Approved by the practices, everybody told; the group's approval is still to come.
pub(super) fn on_the_way() -> Register {
    Register::read(&joiner(&joining(&[TOLD, FIRST])), TODAY).unwrap()
}
