//! The terms of use (S2 7.2.4 to 7.2.9; R103): shown after sign-in and before any patient is named, to whoever has not accepted
//! the version in force; nothing goes on before the acceptance and its row in the trail are on the disk.

use http::StatusCode;

use super::consent_form::Problem;
use super::journey::Journey;
use super::reply::Reply;
use super::steps::Sent;
use super::{Pages, views};
use crate::audit::Origin;
use crate::occasion::{Asker, Standing};
use crate::register::{Register, Subject};
use crate::smart::grants::OVERRIDE_LIFETIME;
use crate::tabs::catalogue::TabSet;
use crate::text::hex;

/// Name of the box to tick; its value is the SHA-256 of the text that stood above it.
const BOX: &str = "terms";

impl Pages {
    /// The page. What the register says of the reader's role stands beside what the terms say. `wrong`: what stood against an
    /// acceptance.
    pub(super) fn terms_page(
        &self,
        journey: &Journey,
        asker: &Asker,
        (tabs, protocol): (TabSet, &str),
        wrong: Option<&str>,
    ) -> Reply {
        let register = self.parts.register.current();
        let username = &asker.clinician.username;
        let (Some(terms), Ok(before)) =
            (&register.terms, self.parts.care.accepted_before(username))
        else {
            return self.unavailable(Some(journey));
        };
        let before = before.map(|(version, day)| {
            let day = day.strftime("%-d %B %Y");
            if version == terms.version {
                format!("The text of version {version} has changed since you accepted it on {day}.")
            } else {
                format!(
                    "There is a new version, {}, since you accepted version {version} on {day}.",
                    terms.version
                )
            }
        });
        let role = register.users.get(username).map(|user| user.role.as_str());
        let status = if wrong.is_some() {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        let page = views::Terms {
            frame: self.frame(journey),
            errors: wrong
                .map(|text| Problem::new(BOX, text))
                .into_iter()
                .collect(),
            version: terms.version.clone(),
            before,
            parts: terms
                .sections
                .iter()
                .map(|section| views::TermsPart {
                    about: section.about.map_or("", Subject::code),
                    heading: section.heading.clone(),
                    statements: section.statements.clone(),
                })
                .collect(),
            digest: hex(&terms.digest()),
            role: title(&register, role.unwrap_or_default()),
            organisation: self.organisation(&asker.clinician.organisation),
            tabs: listed(tabs),
            others: others(&register, protocol, role),
            minutes: self.parts.occasion_minutes,
            override_minutes: OVERRIDE_LIFETIME.as_mins(),
        };
        self.render(status, &page)
    }

    /// The form: the text that was shown is accepted, or nothing is.
    pub(super) async fn accept_terms(
        &self,
        journey: &Journey,
        sent: &Sent,
        origin: &Origin,
    ) -> Reply {
        let asker = self
            .asker(journey, origin)
            .filter(|_| !journey.scopes.identity_only());
        let Some(asker) = asker else {
            return Reply::see(self.address(&journey.row.id));
        };
        let shown = sent.get(BOX);
        let wrong = if shown.is_empty() {
            "Read the terms of use, then tick the box to accept them"
        } else {
            match self.parts.care.accept_terms(&asker, shown).await {
                Ok(true) => return Reply::see(self.address(&journey.row.id)),
                Ok(false) => "The terms have changed since you were shown them: read them again",
                Err(refusal) => return self.refused(journey, refusal, false),
            }
        };
        match self.parts.care.may_look(&asker).await {
            Ok(Standing::MayLook(_)) => Reply::see(self.address(&journey.row.id)),
            Ok(Standing::TermsFirst { tabs, protocol }) => {
                self.terms_page(journey, &asker, (tabs, &protocol), Some(wrong))
            }
            Err(refusal) => self.refused(journey, refusal, false),
        }
    }
}

/// What a role is called.
fn title(register: &Register, role: &str) -> String {
    let known = register.agreement.roles.get(role);
    known.map_or_else(|| role.to_owned(), |role| role.title.clone())
}

/// What the other roles of a flow open, by title.
fn others(register: &Register, protocol: &str, own: Option<&str>) -> Vec<(String, String)> {
    let roles = register.protocols.get(protocol).map(|flow| &flow.roles);
    roles
        .into_iter()
        .flatten()
        .filter(|(role, _)| own != Some(role.as_str()))
        .map(|(role, tabs)| (title(register, role), listed(*tabs)))
        .collect()
}

/// Tabs in words: `all ten tabs`, or their names.
fn listed(tabs: TabSet) -> String {
    let names: Vec<String> = tabs
        .iter()
        .map(|tab| tab.code().replace('-', " "))
        .collect();
    let names = names.join(", ");
    if tabs == TabSet::ALL {
        format!("all ten tabs ({names})")
    } else {
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::register::tests::sandbox_register;

    // R103: what a role opens is said as the register has it
    #[test]
    fn roles_and_tabs_come_from_the_register() {
        let mut register = sandbox_register();
        assert_eq!(title(&register, "gp"), "General practitioner");
        let consultant = others(&register, "university-hospitals-1", Some("consultant"));
        assert_eq!(
            consultant,
            [(
                "Nurse".to_owned(),
                "summary, medication, risks and warnings".to_owned()
            )]
        );
        let flow = register
            .protocols
            .get_mut("university-hospitals-1")
            .unwrap();
        flow.roles.insert("nurse".to_owned(), TabSet::ALL);
        let nurse = &others(&register, "university-hospitals-1", Some("consultant"))[0].1;
        assert!(nurse.starts_with("all ten tabs (summary, patient details, problems"));
        assert!(others(&register, "no-such-flow", None).is_empty());
    }
}
