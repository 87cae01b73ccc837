//! Which page a journey is at, and what stands on it.

use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;

use super::consent_form::{
    self, ConsentForm, Problem, is_about_the_conversation, is_about_the_form,
};
use super::journey::Journey;
use super::reply::Reply;
use super::{Pages, views};
use crate::access::catalogue;
use crate::audit::Origin;
use crate::occasion::{Asker, OccasionRefusal, Pickable, Standing};
use crate::smart::answer::NO_RECORD;
use crate::smart::grants::OVERRIDE_LIFETIME;
use crate::tabs::catalogue::{Tab, TabSet};

impl Pages {
    /// The page that a journey is at.
    pub(super) async fn show(&self, journey: &Journey, origin: &Origin) -> Reply {
        let reply = self.page(journey, origin).await;
        reply.leading_to(&journey.asked.back.origin())
    }

    async fn page(&self, journey: &Journey, origin: &Origin) -> Reply {
        let Some(username) = &journey.row.username else {
            return self.sign_in_page(journey, StatusCode::OK, "", Vec::new());
        };
        if journey.scopes.identity_only() {
            return self.render(
                StatusCode::OK,
                &views::Identity {
                    frame: self.frame(journey),
                    app: self.app(journey),
                },
            );
        }
        let Some(asker) = self.asker(journey, origin) else {
            return self.organisation_page(journey, username, Vec::new(), StatusCode::OK);
        };
        let tabs = match self.parts.care.may_look(&asker).await {
            Ok(Standing::MayLook(tabs)) => tabs,
            Ok(Standing::TermsFirst { tabs, protocol }) => {
                return self.terms_page(journey, &asker, (tabs, &protocol), None);
            }
            Err(refusal) => return self.refused(journey, refusal, false),
        };
        match &journey.row.patient {
            None => {
                self.picker(journey, &asker, StatusCode::OK, Vec::new(), ("", ""))
                    .await
            }
            Some(_) => match self.patient(journey, &asker).await {
                Ok(person) => {
                    let form = ConsentForm::default();
                    self.consent_page(journey, &asker, person, tabs, form, None)
                }
                Err(refusal) => self.refused(journey, refusal, journey.asked.launch.is_none()),
            },
        }
    }

    pub(super) fn sign_in_page(
        &self,
        journey: &Journey,
        status: StatusCode,
        username: &str,
        errors: Vec<Problem>,
    ) -> Reply {
        self.render(
            status,
            &views::SignIn {
                frame: self.frame(journey),
                errors,
                app: self.app(journey),
                username: username.to_owned(),
                providers: self
                    .parts
                    .providers
                    .offered()
                    .map(|provider| (provider.id.clone(), provider.name.clone()))
                    .collect(),
            },
        )
    }

    pub(super) fn organisation_page(
        &self,
        journey: &Journey,
        username: &str,
        errors: Vec<Problem>,
        status: StatusCode,
    ) -> Reply {
        let viewers = self.parts.care.viewers(username, &journey.asked.client);
        if viewers.is_empty() {
            let reason = "clinician-not-known";
            let refusal = OccasionRefusal::Mendable {
                reason,
                description: catalogue::description(reason).to_owned(),
            };
            return self.refused(journey, refusal, false);
        }
        self.render(
            status,
            &views::ChooseOrganisation {
                frame: self.frame(journey),
                errors,
                organisations: viewers
                    .into_iter()
                    .map(|ods| (ods.0.clone(), self.organisation(&ods)))
                    .collect(),
            },
        )
    }

    pub(super) async fn picker(
        &self,
        journey: &Journey,
        asker: &Asker,
        status: StatusCode,
        errors: Vec<Problem>,
        (number, born): (&str, &str),
    ) -> Reply {
        let listed = match self.parts.care.worklist(asker).await {
            Ok(listed) => listed,
            Err(_) => return self.unavailable(Some(journey)),
        };
        self.render(
            status,
            &views::Picker {
                frame: self.frame(journey),
                errors,
                organisation: self.organisation(&asker.clinician.organisation),
                people: listed.iter().map(person).collect(),
                number: number.to_owned(),
                born: born.to_owned(),
            },
        )
    }

    /// The journey's patient, still registered for treatment, with whom the clinician has to do.
    pub(super) async fn patient(
        &self,
        journey: &Journey,
        asker: &Asker,
    ) -> Result<Pickable, OccasionRefusal> {
        let sealed = journey.row.patient.as_ref();
        let number = sealed
            .and_then(|sealed| {
                let id = &journey.row.id;
                self.parts.care.unseal(id, &sealed.sealed_nhs).ok()
            })
            .ok_or(OccasionRefusal::Unavailable)?;
        let patient = self.parts.care.registered(asker, &number).await?;
        self.parts.care.related(asker, &patient).await?;
        Ok(patient)
    }

    /// The conversation. `refused` is what an earlier try was refused for.
    pub(super) fn consent_page(
        &self,
        journey: &Journey,
        asker: &Asker,
        patient: Pickable,
        tabs: TabSet,
        form: ConsentForm,
        refused: Option<(&str, &str)>,
    ) -> Reply {
        let refused_at = match self.parts.care.refused_since(&asker.clinician, &patient.id) {
            Ok(at) => at.map(time_of_day),
            Err(_) => return self.unavailable(Some(journey)),
        };
        let judged = refused.is_some_and(|(reason, _)| is_about_the_conversation(reason));
        let errors = refused.map_or_else(Vec::new, |(reason, text)| form.problems(reason, text));
        let child = patient
            .listed
            .birth_date
            .is_some_and(|born| is_child(born, self.parts.clock.now()));
        // Somebody of 16 or more answers for themselves, unless somebody else has legal power.
        let proxy_bases = consent_form::PROXY_BASES
            .into_iter()
            .filter(|(basis, _)| child || *basis == "legal-power")
            .collect();
        let status = if errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        let user = self.user(&asker.clinician.username);
        let page = views::Consent {
            frame: self.frame(journey),
            app: self.app(journey),
            person: person(&patient),
            child,
            can_repick: journey.asked.launch.is_none(),
            clinician: user.map_or_else(|| asker.clinician.username.clone(), |user| user.name),
            organisation: self.organisation(&asker.clinician.organisation),
            contents: contents(tabs),
            minutes: self.parts.occasion_minutes,
            override_minutes: OVERRIDE_LIFETIME.as_mins(),
            refreshes: refreshes(journey),
            told: form.told(judged),
            answered: form.answered(judged),
            refused_at,
            must_claim: patient.must_claim(),
            child_views: &consent_form::CHILD_VIEWS,
            proxy_bases,
            reasons: &consent_form::REASONS,
            errors,
            form,
        };
        self.render(status, &page)
    }

    /// Why not, in words, with what people can do about it.
    pub(super) fn refused(
        &self,
        journey: &Journey,
        refusal: OccasionRefusal,
        can_repick: bool,
    ) -> Reply {
        let (title, description, action) = match refusal {
            OccasionRefusal::Unavailable => return self.unavailable(Some(journey)),
            OccasionRefusal::NoRecordAvailable => (
                "No record is available",
                NO_RECORD.to_owned(),
                catalogue::entry(catalogue::NO_RECORD).map(|entry| entry.action.clone()),
            ),
            OccasionRefusal::Mendable {
                reason,
                description,
            } => (
                if is_about_the_form(reason) {
                    "The record cannot be opened"
                } else {
                    "You cannot view this record"
                },
                description,
                catalogue::entry(reason).map(|entry| entry.action.clone()),
            ),
        };
        self.render(
            StatusCode::FORBIDDEN,
            &views::Refused {
                frame: self.frame(journey),
                title: title.to_owned(),
                description,
                action: action.unwrap_or_default(),
                again: false,
                can_repick,
                can_leave: true,
            },
        )
    }
}

/// Is a refresh token asked for?
pub(super) fn refreshes(journey: &Journey) -> bool {
    journey.scopes.has("offline_access") || journey.scopes.has("online_access")
}

/// Under 16 (R075), by the viewer's own worklist: only for what the page shows. Occasions decide by the trace.
fn is_child(born: Date, now: Timestamp) -> bool {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    born.checked_add(jiff::Span::new().years(16))
        .is_ok_and(|sixteen| today < sixteen)
}

fn time_of_day(at: Timestamp) -> String {
    jiff::tz::TimeZone::get("Europe/London")
        .unwrap_or(jiff::tz::TimeZone::UTC)
        .to_datetime(at)
        .strftime("%H:%M")
        .to_string()
}

fn person(patient: &Pickable) -> views::Person {
    let number = patient.listed.nhs_number.as_str();
    let part = |from, to| number.get(from..to).unwrap_or_default();
    views::Person {
        id: patient.id.to_string(),
        name: patient
            .listed
            .name
            .clone()
            .unwrap_or_else(|| "(no name on the worklist)".to_owned()),
        born: patient.listed.birth_date.map_or_else(
            || "not known".to_owned(),
            |date| date.strftime("%-d %B %Y").to_string(),
        ),
        number: format!("{} {} {}", part(0, 3), part(3, 6), part(6, 10)),
        same_name: patient.listed.same_name,
    }
}

/// What would be viewed, in the words that a patient is told (R073).
fn contents(tabs: TabSet) -> String {
    let said: Vec<&str> = tabs
        .iter()
        .map(|tab| match tab {
            Tab::Summary => "a summary",
            Tab::PatientDetails => "your name, address and GP",
            Tab::Problems => "problems",
            Tab::Diagnosis => "diagnoses",
            Tab::Medication => "medicines",
            Tab::RisksAndWarnings => "allergies and warnings",
            Tab::Procedures => "operations and vaccinations",
            Tab::Investigations => "tests and their results",
            Tab::Examinations => "blood pressures",
            Tab::Events => "visits, hospital stays and referrals",
        })
        .collect();
    match said.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    // R073: what will be viewed is said in plain words
    #[test]
    fn the_tabs_are_said_in_words() {
        let three = [Tab::Summary, Tab::Medication, Tab::RisksAndWarnings];
        assert_eq!(
            contents(three.into_iter().collect()),
            "a summary, medicines and allergies and warnings"
        );
        assert_eq!(contents(TabSet::NONE), "");
        assert!(
            contents(TabSet::ALL)
                .ends_with("blood pressures and visits, hospital stays and referrals")
        );
    }

    // R075
    #[test]
    fn a_child_is_one_until_the_sixteenth_birthday() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let born = date(2010, 11, 22);
        assert!(is_child(born, at("2026-11-21T23:00:00Z")));
        assert!(!is_child(born, at("2026-11-22T08:00:00Z")));
        // Nobody is born twice: 29 February comes of age on the last day of February.
        assert!(!is_child(date(2008, 2, 29), at("2024-02-29T08:00:00Z")));
    }
}
