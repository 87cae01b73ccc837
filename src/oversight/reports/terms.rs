//! Who has accepted which terms of use and when, by the register or on the page (S2 7.3.3; R102, R103), and who has yet to.

use serde_json::{Value, json};

use super::sheet::{Sheet, Table};
use crate::record::OdsCode;
use crate::register::{Register, User};
use crate::store::terms::AcceptanceRow;
use crate::text::{hex, instant};

/// The report over everybody who may look, or those of one organisation. `stored` is what the store has of everybody.
#[must_use]
pub fn report(
    register: &Register,
    stored: &[AcceptanceRow],
    only: Option<&OdsCode>,
    today: jiff::civil::Date,
) -> Sheet {
    let own = |user: &&User| only.is_none_or(|ods| user.organisations.contains(ods));
    let looks = |user: &&User| {
        let role = register.agreement.roles.get(&user.role);
        !user.revoked && role.is_some_and(|role| role.clinical)
    };
    let people: Vec<Vec<Value>> = register
        .users
        .values()
        .filter(own)
        .filter(looks)
        .map(|user| {
            let of: Vec<&str> = user
                .organisations
                .iter()
                .map(|ods| ods.0.as_str())
                .collect();
            let last = stored.iter().find(|row| row.username == user.username);
            vec![
                user.username.as_str().into(),
                user.name.as_str().into(),
                json!(of),
                standing(register, user, stored, today).into(),
                json!(user.terms_accepted.as_ref().map(|(version, _)| version)),
                json!(user.terms_accepted.as_ref().map(|(_, day)| day.to_string())),
                json!(last.map(|row| &row.version)),
                json!(last.map(|row| instant(row.at))),
            ]
        })
        .collect();
    // Who is gone from the register has accepted what they accepted: the group still sees it.
    let acceptances: Vec<Vec<Value>> = stored
        .iter()
        .filter(|row| only.is_none_or(|ods| row.organisation == *ods))
        .map(|row| {
            let in_force = register
                .terms
                .as_ref()
                .is_some_and(|terms| terms.is_accepted_by(row));
            vec![
                row.username.as_str().into(),
                row.version.as_str().into(),
                instant(row.at).into(),
                row.organisation.0.as_str().into(),
                row.client.as_str().into(),
                hex(&row.text_sha256).into(),
                in_force.into(),
            ]
        })
        .collect();
    let digest = register.terms.as_ref().map(|terms| hex(&terms.digest()));
    Sheet::new("terms", "Terms of use")
        .fact("version", "Version in force", register.agreement.terms.as_str())
        .fact("text", "SHA-256 of its text", json!(digest))
        .note(if register.terms.is_some() {
            "Who has not accepted the version in force is refused, and is shown it at the next sign-in on the pages."
        } else {
            "The register has no terms.toml: the terms cannot be shown, and only an acceptance in the register counts."
        })
        .table(Table {
            key: "people",
            title: "Who may look".to_owned(),
            columns: &[
                ("username", "Username"),
                ("name", "Name"),
                ("organisations", "Organisations"),
                ("standing", "Standing"),
                ("register_version", "Version in the register"),
                ("register_date", "Accepted on"),
                ("page_version", "Version on the page"),
                ("page_at", "Accepted at"),
            ],
            rows: people,
        })
        .table(Table {
            key: "acceptances",
            title: "Accepted on the page".to_owned(),
            columns: &[
                ("username", "Username"),
                ("version", "Version"),
                ("at", "When"),
                ("organisation", "For"),
                ("client", "On the way to"),
                ("sha256", "SHA-256 of the text"),
                ("in_force", "In force"),
            ],
            rows: acceptances,
        })
}

/// How it stands with one person.
fn standing(
    register: &Register,
    user: &User,
    stored: &[AcceptanceRow],
    today: jiff::civil::Date,
) -> &'static str {
    let in_force = Some(&register.agreement.terms);
    let accepted = |stored| register.accepted_terms(user, stored, today);
    let own = |row: &&AcceptanceRow| row.username == user.username;
    if accepted(&[]).as_ref() == in_force {
        "accepted, by the register"
    } else if accepted(stored).as_ref() == in_force {
        "accepted, on the page"
    } else if stored
        .iter()
        .filter(own)
        .any(|row| Some(&row.version) == in_force)
    {
        "due: the text has changed under this version"
    } else if user.terms_accepted.is_some() || stored.iter().any(|row| own(&row)) {
        "due: another version was accepted"
    } else {
        "due: never accepted"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::register::tests::{TODAY, sandbox_register};

    // R102, R103: whoever has yet to accept is named, by both ways of accepting
    #[test]
    fn who_has_not_accepted_is_told_from_register_and_store() {
        let mut register = sandbox_register();
        let digest = register.terms.as_ref().unwrap().digest();
        let mut forget = |name: &str, version: Option<&str>| {
            register.users.get_mut(name).unwrap().terms_accepted =
                version.map(|version| (version.to_owned(), TODAY));
        };
        forget("hospital-doctor", None);
        forget("hospital-nurse", Some("0"));
        forget("clinician", None);
        forget("untrained", None);
        let row = |username: &str, text_sha256, ods: &str| AcceptanceRow {
            username: username.to_owned(),
            version: "1".to_owned(),
            text_sha256,
            at: jiff::Timestamp::UNIX_EPOCH,
            client: "app".to_owned(),
            organisation: OdsCode(ods.to_owned()),
        };
        let stored = [
            row("clinician", [1; 32], "Z9O01"),
            row("gone", digest, "Z9H01"),
            row("hospital-doctor", digest, "Z9H01"),
        ];
        let all = report(&register, &stored, None, TODAY).json();
        let people = all["people"].as_array().unwrap();
        let standing = |name: &str| {
            let one = people.iter().find(|one| one["username"] == name).unwrap();
            one["standing"].as_str().unwrap().to_owned()
        };
        for (name, expected) in [
            ("walkin-doctor", "accepted, by the register"),
            ("hospital-doctor", "accepted, on the page"),
            ("hospital-nurse", "due: another version was accepted"),
            ("clinician", "due: the text has changed under this version"),
            ("untrained", "due: never accepted"),
        ] {
            assert_eq!(standing(name), expected, "{name}");
        }
        // Nobody but those who look has anything to accept.
        assert!(!people.iter().any(|one| one["username"] == "receptionist"));
        let accepted = all["acceptances"].as_array().unwrap();
        assert_eq!(accepted.len(), 3);
        assert_eq!(accepted[2]["sha256"], hex(&digest));
        assert_eq!(
            (&accepted[0]["in_force"], &accepted[2]["in_force"]),
            (&json!(false), &json!(true))
        );
        // A viewer's own people only.
        let own = OdsCode("Z9H01".to_owned());
        let own = report(&register, &stored, Some(&own), TODAY).json();
        assert_eq!(own["acceptances"].as_array().unwrap().len(), 2);
        assert!(
            !own["people"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["username"] == "clinician")
        );
    }
}
