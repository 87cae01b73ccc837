//! `adminDomain`: the patient, people, organisations and confidentiality policies.

use std::collections::HashMap;

use crate::record::Registration;
use crate::record::date::london;
use crate::record::{Address, NhsNumber, OdsCode, Organisation, PartialDate, Sex, Staff};
use crate::source::SourceError;
use crate::source::emis::dates;
use crate::source::emis::draft::{Draft, ENTRY, SMALL, is_null, native};
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::standing::{Registered, registration};
use crate::source::emis::values::yes;
use crate::source::xml::Element;

use super::{deleted, identity, reference, restrictions, term};

/// What the domain says, until the message is read.
#[derive(Default)]
pub(super) struct Admin {
    persons: HashMap<String, Person>,
    patients: Vec<Patient>,
    users: HashMap<String, Option<String>>,
    roles: HashMap<String, Option<String>>,
    in_role: Vec<InRole>,
    /// What kind of place a location is, by id.
    pub locations: HashMap<String, String>,
    /// Local mixtures by id.
    pub mixtures: HashMap<String, String>,
    /// The patient whose record this is.
    pub patient: Option<String>,
}

#[derive(Default, Clone)]
struct Person {
    title: Option<String>,
    forenames: Vec<String>,
    surname: Option<String>,
    birth: PartialDate,
    sex: Sex,
    addresses: Vec<(String, Address)>,
}

struct Patient {
    id: String,
    nhs_numbers: Vec<String>,
    person: Option<String>,
    registered_gp: Option<String>,
    usual_gp: Option<String>,
    death: Option<PartialDate>,
    archived: bool,
    restricted: bool,
    caseload: Vec<Caseload>,
}

struct Caseload {
    organisation: Option<String>,
    recorded: Option<jiff::Timestamp>,
    kind: Option<String>,
    words: Option<String>,
    dummy: bool,
    status: Option<String>,
    left: bool,
}

struct InRole {
    id: String,
    user: Option<String>,
    role: Option<String>,
    gmc: Option<String>,
}

impl Admin {
    /// Bytes that are kept so far, words apart.
    pub fn weight(&self) -> usize {
        let small = self.users.len()
            + self.roles.len()
            + self.in_role.len()
            + self.mixtures.len()
            + self.locations.len();
        (self.persons.len() + self.patients.len()) * ENTRY + small * SMALL
    }

    /// One object of the domain.
    pub fn item(&mut self, element: &Element, draft: &mut Draft) {
        let path = format!("adminDomain/{}", element.name);
        let (id, spot) = identity(element, &path, &mut draft.losses);
        let known = [
            "person",
            "patient",
            "organisation",
            "location",
            "user",
            "role",
            "userInRole",
            "localMixture",
            "auditTrail",
            "confidentialityPolicy",
        ];
        if !known.contains(&element.name.as_str()) {
            element.settle();
            return draft.losses.add(&spot, "", "unknown-element");
        }
        if deleted(element) {
            element.settle();
            return draft.losses.add(&spot, "", "deleted");
        }
        match element.name.as_str() {
            "person" => {
                let person = person(element, &spot, &mut draft.losses);
                self.persons.insert(id, person);
            }
            "patient" => {
                let patient = patient(id, element, &spot, &mut draft.losses);
                self.patients.push(patient);
            }
            "organisation" => {
                draft.organisations.push(organisation(id, element));
                // Where it lies and what it belongs to has no part in a record.
                draft.losses.rest(&spot, element, "administrative");
            }
            "user" => {
                self.users.insert(id, reference(element, "userPerson"));
                draft.losses.rest(&spot, element, "administrative");
            }
            "role" => {
                let name = element.text_of("name").map(str::to_owned);
                let name = name.or_else(|| {
                    let category = element.child("userCategory")?;
                    term(category).map(str::to_owned)
                });
                self.roles.insert(id, name);
                draft.losses.rest(&spot, element, "administrative");
            }
            "userInRole" => {
                let gmc = element
                    .children("userIdentifier")
                    .filter(|i| i.text_of("identifierType") == Some("GP") && !deleted(i))
                    .find_map(|i| i.text_of("value"));
                self.in_role.push(InRole {
                    id,
                    user: reference(element, "user"),
                    role: reference(element, "role"),
                    gmc: gmc.map(str::to_owned),
                });
                draft.losses.rest(&spot, element, "administrative");
            }
            "location" => {
                if let Some(kind) = element.child("locationType").and_then(term) {
                    self.locations.insert(id, kind.to_owned());
                }
                draft.losses.rest(&spot, element, "administrative");
            }
            "localMixture" => {
                if let Some(name) = element.text_of("name") {
                    self.mixtures.insert(id, name.to_owned());
                }
                draft.losses.sweep(&spot, element);
            }
            "confidentialityPolicy" => {
                // Who may see what is under it is for the practice's own users; here it is only known or not.
                draft.policies.insert(id);
                draft.losses.rest(&spot, element, "administrative");
            }
            _ => draft.losses.whole(&spot, element, "administrative"),
        }
    }

    /// At the domain's end: whose record it is.
    ///
    /// # Errors
    /// There is no patient, or not the one asked for.
    pub fn choose(
        &mut self,
        draft: &mut Draft,
        asked: Option<&NhsNumber>,
        practice: &OdsCode,
        author: Option<&str>,
    ) -> Result<(), SourceError> {
        if self.patients.is_empty() {
            return Err(SourceError::Mismatch("it names no patient"));
        }
        let patients = std::mem::take(&mut self.patients);
        let wanted =
            |p: &Patient| asked.is_none_or(|n| p.nhs_numbers.iter().any(|own| own == n.as_str()));
        let mut chosen = None;
        for patient in patients {
            if chosen.is_none() && wanted(&patient) {
                chosen = Some(patient);
            } else {
                let spot = Spot::new("adminDomain/patient", Some(&patient.id));
                draft.losses.add(&spot, "", "other-patient");
            }
        }
        let Some(patient) = chosen else {
            return Err(SourceError::Mismatch("wrong patient"));
        };
        self.staff(draft);
        let caseload = current(&patient.caseload, draft, practice, author);
        let said = caseload.map_or(Registered::default(), |c| Registered {
            kind: c.kind.as_deref(),
            words: c.words.as_deref(),
            dummy: c.dummy,
            status: c.status.as_deref(),
            ended: c.left,
        });
        draft.standing.registration = registration(Registered {
            ended: said.ended || patient.archived || patient.death.is_some(),
            ..said
        });
        // A registration may have a line for each of its states: it began with the first that has not ended.
        draft.standing.since = patient
            .caseload
            .iter()
            .filter(|line| !line.left)
            .filter(|line| caseload.is_some_and(|own| own.organisation == line.organisation))
            .filter_map(|line| line.recorded)
            .min()
            .map(|at| at.to_zoned(london()).date());
        draft.standing.restricted = patient.restricted;
        let temporary = draft.standing.registration == Registration::Temporary;
        let person = patient.person.as_ref().and_then(|id| self.persons.get(id));
        let person = person.cloned().unwrap_or_default();
        let nhs_number = match asked {
            Some(asked) => Some(asked.as_str().to_owned()),
            None => patient.nhs_numbers.into_iter().next(),
        };
        let details = &mut draft.patient;
        details.organisation = caseload.and_then(|c| c.organisation.clone());
        details.nhs_number = nhs_number;
        details.title = person.title;
        details.forenames = person.forenames;
        details.surname = person.surname;
        details.birth_date = person.birth;
        details.sex = person.sex;
        for _ in person.addresses.iter().skip(1) {
            let spot = Spot::new("adminDomain/person", patient.person.as_deref());
            draft.losses.add(&spot, "address", "administrative");
        }
        details.address = address(person.addresses, temporary);
        details.death_date = patient.death;
        details.usual_gp = patient.usual_gp;
        details.registered_gp = patient.registered_gp;
        self.patient = Some(patient.id);
        Ok(())
    }

    fn staff(&mut self, draft: &mut Draft) {
        for in_role in std::mem::take(&mut self.in_role) {
            let user = in_role.user.and_then(|id| self.users.get(&id).cloned());
            let person = user.flatten().and_then(|id| self.persons.get(&id));
            let name = person.map(|p| {
                let mut parts: Vec<&str> = p.title.iter().map(String::as_str).collect();
                parts.extend(p.forenames.iter().map(String::as_str));
                parts.extend(p.surname.as_deref());
                parts.join(" ")
            });
            draft.staff.push(Staff {
                id: in_role.id,
                name: name.unwrap_or_default(),
                role: in_role
                    .role
                    .and_then(|id| self.roles.get(&id).cloned())
                    .flatten(),
                gmc: in_role.gmc,
            });
        }
    }
}

/// The registration that counts: at the practice asked for, else at the message's author, else the latest.
fn current<'a>(
    caseload: &'a [Caseload],
    draft: &Draft,
    practice: &OdsCode,
    author: Option<&str>,
) -> Option<&'a Caseload> {
    let asked: Option<&str> = draft
        .organisations
        .iter()
        .find(|o| o.ods.as_deref() == Some(practice.0.as_str()))
        .map(|o| o.id.as_str());
    for place in [asked, author].into_iter().flatten() {
        let there = caseload
            .iter()
            .filter(|c| c.organisation.as_deref() == Some(place));
        if let Some(found) = there.max_by_key(|c| c.recorded) {
            return Some(found);
        }
    }
    caseload.iter().max_by_key(|c| c.recorded)
}

fn person(element: &Element, spot: &Spot, losses: &mut Losses) -> Person {
    let birth = element.text_of("birthDate").map(dates::iso_day);
    let birth = birth.and_then(|date| losses.date(spot, "birthDate", date));
    let text = |name| element.text_of(name).map(str::to_owned);
    let person = Person {
        title: text("title"),
        forenames: split(element.text_of("forenames")),
        surname: text("surname"),
        birth: birth.unwrap_or_default(),
        sex: match element.text_of("sex") {
            Some("F") => Sex::Female,
            Some("M") => Sex::Male,
            Some("I") => Sex::Indeterminate,
            _ => Sex::Unknown,
        },
        addresses: element
            .children("address")
            .filter(|a| !deleted(a))
            .map(|a| {
                let _ = a.text_of("id");
                let kind = a.text_of("addressType").unwrap_or("H").to_owned();
                (kind, written_address(a))
            })
            .collect(),
    };
    losses.sweep(spot, element);
    person
}

/// Forenames are one string; several are separated by blanks.
pub(in crate::source::emis) fn split(text: Option<&str>) -> Vec<String> {
    let names = text.unwrap_or_default().split_whitespace();
    names.map(str::to_owned).collect()
}

fn written_address(element: &Element) -> Address {
    let text = |name| element.text_of(name).map(str::to_owned);
    Address {
        lines: ["houseNameFlat", "street", "village"]
            .into_iter()
            .filter_map(text)
            .collect(),
        town: text("town"),
        county: text("county"),
        postcode: text("postCode"),
    }
}

/// The home address; a temporary resident's is the temporary one (pitfall 19).
fn address(addresses: Vec<(String, Address)>, temporary: bool) -> Option<Address> {
    let order: &[&str] = if temporary {
        &["TMP", "H", "L"]
    } else {
        &["H", "L", "TMP"]
    };
    let rank = |kind: &str| order.iter().position(|k| *k == kind);
    addresses
        .into_iter()
        .filter_map(|(kind, address)| Some((rank(&kind)?, address)))
        .filter(|(_, address)| *address != Address::default())
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, address)| address)
}

/// `consent` is deprecated and its values are published nowhere; what counts is the answer's `ConsentToShare`. One that is
/// there and is none of the words of that one for a yes restricts the record: it may say no (fails closed).
fn agrees(consent: &Element) -> bool {
    let yes = |text: &str| matches!(text.trim(), "implied" | "express-consent");
    let blank = |text: &str| text.trim().is_empty();
    let fine = |text: &str| yes(text) || blank(text);
    consent.settle();
    deleted(consent)
        || (fine(&consent.text)
            && consent.attributes.iter().all(|a| fine(&a.value))
            && consent.children.iter().all(agrees))
}

fn patient(id: String, element: &Element, spot: &Spot, losses: &mut Losses) -> Patient {
    let nhs_numbers = element
        .children("patientIdentifier")
        .filter(|i| !deleted(i))
        .filter(|i| i.text_of("identifierType") == Some("NHS"))
        .filter_map(|i| i.text_of("value"))
        .map(|value| value.chars().filter(|c| !matches!(c, ' ' | '-')).collect())
        .collect();
    let death = element.text_of("dateOfDeath").map(dates::iso_day);
    let death = death.map(|date| losses.date(spot, "dateOfDeath", date).unwrap_or_default());
    // "dead" without a date is dead all the same.
    let dead = yes(element.text_of("dead"));
    let patient = Patient {
        nhs_numbers,
        person: reference(element, "patientPerson"),
        registered_gp: reference(element, "registeredGPUserInRole"),
        usual_gp: reference(element, "usualGPUserInRole"),
        death: death.or(dead.then_some(PartialDate::Unknown)),
        archived: yes(element.text_of("archived")),
        restricted: !restrictions(element).is_empty()
            || !element
                .children("consent")
                .fold(true, |all, it| all & agrees(it)),
        caseload: element
            .children("caseloadPatient")
            .filter(|c| !deleted(c))
            .map(|c| caseload(c, spot, losses))
            .collect(),
        id,
    };
    losses.sweep(spot, element);
    patient
}

fn caseload(element: &Element, spot: &Spot, losses: &mut Losses) -> Caseload {
    let _ = element.text_of("id");
    let kind = element.child("patientType");
    let status = element.child("patientStatus");
    let written = status.and_then(|s| s.text_of("status").or_else(|| s.own_text()));
    let caseload_status = status.and_then(|s| s.text_of("caseloadStatus"));
    Caseload {
        organisation: reference(element, "organisation"),
        recorded: losses.instant(
            spot,
            "caseloadPatient/dateRecorded",
            element.text_of("dateRecorded"),
        ),
        kind: kind.and_then(Element::own_text).map(str::to_owned),
        words: kind.and_then(|k| k.attr("originalTerm").map(str::to_owned)),
        dummy: kind.is_some_and(|k| yes(k.attr("dummy"))),
        status: written.map(str::to_owned),
        left: element.text_of("dateEnded").is_some()
            || matches!(caseload_status, Some("LEFT" | "DEAD")),
    }
}

fn organisation(id: String, element: &Element) -> Organisation {
    let code = element.text_of("nationalPracticeCode");
    Organisation {
        id,
        name: element.text_of("name").unwrap_or_default().to_owned(),
        ods: code
            .filter(|c| !is_null(c))
            .map(|c| native(c).to_ascii_uppercase()),
    }
}
