//! Choosing the patient, on the viewer's own worklist.

use http::StatusCode;
use jiff::civil::Date;

use super::Pages;
use super::consent_form::Problem;
use super::journey::Journey;
use super::reply::Reply;
use super::steps::Sent;
use crate::audit::Origin;
use crate::occasion::{Asker, OccasionRefusal, Standing};
use crate::record::NhsNumber;
use crate::store::authorization::SealedPatient;

/// Longest text of a control that stands there again, in characters.
const MAX_TYPED: usize = 40;

impl Pages {
    pub(super) async fn pick(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
        let asker = match self.may_pick(journey, origin).await {
            Ok(asker) => asker,
            Err(reply) => return reply,
        };
        let wanted = sent.get("patient");
        match self.parts.care.worklist(&asker).await {
            Err(_) => self.unavailable(Some(journey)),
            Ok(listed) => match listed.iter().find(|person| person.id.as_str() == wanted) {
                Some(person) => self.picked(journey, &person.listed.nhs_number).await,
                None => self.nobody(journey, &asker, ("", "")).await,
            },
        }
    }

    /// By NHS number and date of birth, on the viewer's own worklist alone: nothing is looked up before consent.
    pub(super) async fn find(&self, journey: &Journey, sent: &Sent, origin: &Origin) -> Reply {
        let asker = match self.may_pick(journey, origin).await {
            Ok(asker) => asker,
            Err(reply) => return reply,
        };
        let kept = |name| -> String { sent.get(name).chars().take(MAX_TYPED).collect() };
        let (typed_number, typed_born) = (kept("nhs_number"), kept("date_of_birth"));
        let typed = (typed_number.as_str(), typed_born.as_str());
        let digits: String = sent
            .get("nhs_number")
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let number = NhsNumber::parse(&digits);
        let born = date_of_birth(sent.get("date_of_birth"));
        let mut errors = Vec::new();
        if let Err(error) = &number {
            errors.push(Problem::new(
                "nhs_number",
                format!("Check the NHS number: {error}"),
            ));
        }
        if born.is_none() {
            let text = "Enter the date of birth, for example 14/03/1957";
            errors.push(Problem::new("date_of_birth", text));
        }
        let (Ok(number), Some(born)) = (number, born) else {
            return self
                .picker(journey, &asker, StatusCode::BAD_REQUEST, errors, typed)
                .await;
        };
        match self.parts.care.registered(&asker, &number).await {
            // Who is named in whose treatment is told to nobody who does not know the patient.
            Ok(person) if person.listed.birth_date == Some(born) => {
                match self.parts.care.related(&asker, &person).await {
                    Ok(()) => self.picked(journey, &number).await,
                    Err(refusal) => self.not_registered(journey, &asker, refusal, typed).await,
                }
            }
            Ok(_) => self.nobody(journey, &asker, typed).await,
            Err(OccasionRefusal::Unavailable) => self.unavailable(Some(journey)),
            Err(refusal) => self.not_registered(journey, &asker, refusal, typed).await,
        }
    }

    /// Who may pick: somebody signed in, whom the EHR has given no patient. Whoever may not look, or has to accept the terms
    /// first, sees nobody's name but why, or the journey's page.
    async fn may_pick(&self, journey: &Journey, origin: &Origin) -> Result<Asker, Reply> {
        let page = || Reply::see(self.address(&journey.row.id));
        let asker = self
            .asker(journey, origin)
            .filter(|_| journey.asked.launch.is_none() && !journey.scopes.identity_only())
            .ok_or_else(page)?;
        match self.parts.care.may_look(&asker).await {
            Ok(Standing::MayLook(_)) => Ok(asker),
            Ok(Standing::TermsFirst { .. }) => Err(page()),
            Err(refusal) => Err(self.refused(journey, refusal, false)),
        }
    }

    async fn picked(&self, journey: &Journey, number: &NhsNumber) -> Reply {
        let mut journey = journey.clone();
        let care = &self.parts.care;
        let Ok(sealed_nhs) = care.seal(&journey.row.id, number) else {
            return self.unavailable(Some(&journey));
        };
        journey.row.patient = Some(SealedPatient {
            patient: care.id(number),
            sealed_nhs,
        });
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }

    async fn nobody(&self, journey: &Journey, asker: &Asker, typed: (&str, &str)) -> Reply {
        let refusal = self.parts.care.not_registered(asker, None).await;
        self.not_registered(journey, asker, refusal, typed).await
    }

    async fn not_registered(
        &self,
        journey: &Journey,
        asker: &Asker,
        refusal: OccasionRefusal,
        typed: (&str, &str),
    ) -> Reply {
        match refusal {
            OccasionRefusal::Mendable {
                reason: "not-registered-for-treatment" | "no-relationship",
                description,
            } => {
                let errors = vec![Problem::new("nhs_number", description)];
                self.picker(journey, asker, StatusCode::FORBIDDEN, errors, typed)
                    .await
            }
            refusal => self.refused(journey, refusal, false),
        }
    }

    pub(super) async fn repick(&self, journey: &Journey) -> Reply {
        let mut journey = journey.clone();
        if journey.asked.launch.is_none() {
            journey.row.patient = None;
        }
        let browser = journey.row.browser;
        self.save(&journey, browser).await
    }
}

/// A day as people write it: `1957-03-14`, `14/03/1957`, `14 3 1957`, `14-03-1957`.
fn date_of_birth(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text
        .trim()
        .split(['-', '/', '.', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let [first, month, last] = parts.as_slice() else {
        return None;
    };
    let (year, day) = if first.len() == 4 {
        (first, last)
    } else {
        (last, first)
    };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        for text in [
            "1957-03-14",
            "14/03/1957",
            " 14 3 1957 ",
            "14.3.1957",
            "14-03-1957",
        ] {
            assert_eq!(date_of_birth(text), Date::new(1957, 3, 14).ok(), "{text}");
        }
        for text in [
            "",
            "1957",
            "14/03/57",
            "32/01/1957",
            "14/13/1957",
            "x/y/1957",
        ] {
            assert_eq!(date_of_birth(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text in "\\PC{0,20}") {
            let _ = date_of_birth(&text);
        }
    }
}
