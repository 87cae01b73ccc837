//! The pages, as askama fills them: every value is escaped, no page has a script.

use askama::Template;

use super::consent_form::{ConsentForm, Item, Problem};

/// What every page has.
pub struct Frame {
    /// Address of the style sheet.
    pub css: String,
    /// Who is signed in, for where.
    pub who: Option<String>,
    /// Address of the journey.
    pub action: String,
    /// Token of its forms.
    pub form_token: String,
}

/// Sign in.
#[derive(Template)]
#[template(path = "authorize/sign_in.html")]
pub struct SignIn {
    pub frame: Frame,
    pub errors: Vec<Problem>,
    pub app: String,
    pub username: String,
    /// Id and name of each provider at which one can sign in.
    pub providers: Vec<(String, String)>,
}

/// On the way to a provider.
#[derive(Template)]
#[template(path = "authorize/provider.html")]
pub struct GoToProvider {
    pub frame: Frame,
    pub provider: String,
    pub address: String,
}

/// For which organisation?
#[derive(Template)]
#[template(path = "authorize/organisation.html")]
pub struct ChooseOrganisation {
    pub frame: Frame,
    pub errors: Vec<Problem>,
    pub organisations: Vec<(String, String)>,
}

/// One headed part of the terms of use.
pub struct TermsPart {
    /// What it is about, as the register's file has it; empty where it is something more.
    pub about: &'static str,
    pub heading: String,
    pub statements: Vec<String>,
}

/// The terms of use, to be accepted.
#[derive(Template)]
#[template(path = "authorize/terms.html")]
pub struct Terms {
    pub frame: Frame,
    pub errors: Vec<Problem>,
    pub version: String,
    /// What was accepted before, and that this is something else.
    pub before: Option<String>,
    pub parts: Vec<TermsPart>,
    /// SHA-256 of the text, which the form brings back.
    pub digest: String,
    pub role: String,
    pub organisation: String,
    /// What that role opens there.
    pub tabs: String,
    /// What other roles open there.
    pub others: Vec<(String, String)>,
    pub minutes: i64,
    pub override_minutes: i64,
}

impl Terms {
    fn problem(&self, field: &str) -> Option<&str> {
        problem(&self.errors, field)
    }
}

/// A patient as the viewer's own worklist has them.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub name: String,
    pub born: String,
    pub number: String,
    /// Somebody else on the worklist has the same name.
    pub same_name: bool,
}

/// Choose a patient.
#[derive(Template)]
#[template(path = "authorize/picker.html")]
pub struct Picker {
    pub frame: Frame,
    pub errors: Vec<Problem>,
    pub organisation: String,
    pub people: Vec<Person>,
    /// What was typed, so that nobody types it twice.
    pub number: String,
    pub born: String,
}

impl Picker {
    fn problem(&self, field: &str) -> Option<&str> {
        problem(&self.errors, field)
    }
}

/// What is said beside a control.
fn problem<'a>(errors: &'a [Problem], field: &str) -> Option<&'a str> {
    let error = errors.iter().find(|error| error.field == field)?;
    Some(&error.text)
}

/// The conversation.
#[derive(Template)]
#[template(path = "authorize/consent.html")]
pub struct Consent {
    pub frame: Frame,
    pub errors: Vec<Problem>,
    pub app: String,
    pub person: Person,
    pub child: bool,
    pub can_repick: bool,
    pub clinician: String,
    pub organisation: String,
    pub contents: String,
    pub minutes: i64,
    pub override_minutes: i64,
    pub refreshes: bool,
    pub told: Vec<Item>,
    pub answered: Vec<Item>,
    pub refused_at: Option<String>,
    /// The clinician has to say that they care for the patient (R105).
    pub must_claim: bool,
    pub form: ConsentForm,
    pub child_views: &'static [(&'static str, &'static str)],
    pub proxy_bases: Vec<(&'static str, &'static str)>,
    pub reasons: &'static [(&'static str, &'static str)],
}

impl Consent {
    fn problem(&self, field: &str) -> Option<&str> {
        problem(&self.errors, field)
    }

    /// Is something wrong in the part of the page whose controls begin so? Then it is open.
    fn is_about(&self, prefix: &str) -> bool {
        let mut errors = self.errors.iter();
        errors.any(|error| error.field.starts_with(prefix))
    }

    /// Is an item missing that was asked for?
    fn unsaid(&self, items: &[Item]) -> bool {
        items.iter().any(|item| item.wrong)
    }
}

/// Only who signed in.
#[derive(Template)]
#[template(path = "authorize/identity.html")]
pub struct Identity {
    pub frame: Frame,
    pub app: String,
}

/// Why not.
#[derive(Template)]
#[template(path = "authorize/refused.html")]
pub struct Refused {
    pub frame: Frame,
    pub title: String,
    pub description: String,
    pub action: String,
    /// Trying again may help.
    pub again: bool,
    pub can_repick: bool,
    /// The app can be told.
    pub can_leave: bool,
}
