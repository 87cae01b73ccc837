//! Registration, people, locations, policies and the message's own particulars.

use crate::record::{Address, Organisation, PartialDate, Registration, Sex, Staff};
use crate::source::SourceError;
use crate::source::emis::dates;
use crate::source::emis::draft::{is_null, native};
use crate::source::emis::losses::Spot;
use crate::source::emis::openhr::split;
use crate::source::emis::standing::{Registered, registration};
use crate::source::emis::values::yes;
use crate::source::xml::Element;

use super::Reader;
use super::item::{Kind, own_id, reference, restrictions};

/// What the message says of the registration, in `Registration` and `RegistrationStatus`.
#[derive(Default)]
pub(super) struct Said {
    kind: Option<String>,
    words: Option<String>,
    status: Option<String>,
    since: PartialDate,
    deducted: Option<PartialDate>,
    dead: bool,
    archived: bool,
    not_with_practice: bool,
}

impl Said {
    /// The kind of registration. A deduction counts unless the present status is younger.
    pub fn decide(&self) -> Registration {
        let returned = match (&self.deducted, self.since.earliest()) {
            (Some(deducted), Some(since)) => deducted.latest().is_some_and(|d| d < since),
            _ => false,
        };
        registration(Registered {
            kind: self.kind.as_deref(),
            words: self.words.as_deref(),
            dummy: false,
            status: self.status.as_deref(),
            ended: self.dead
                || self.archived
                || self.not_with_practice
                || (self.deducted.is_some() && !returned),
        })
    }
}

impl Reader {
    pub(super) fn registration(&mut self, element: &Element) {
        let spot = Spot::new("Registration", None);
        let _ = super::item::id(element);
        let losses = &mut self.draft.losses;
        let mut day = |name: &str| {
            let text = element.text_of(name)?;
            losses.date(&spot, name, dates::assigned(Some(text), None, None))
        };
        let birth = day("DateOfBirth");
        let death = element
            .text_of("DateOfDeath")
            .map(|_| day("DateOfDeath").unwrap_or_default());
        let deducted = element
            .text_of("DeductedDate")
            .map(|_| day("DeductedDate").unwrap_or_default());
        let dead = yes(element.text_of("Dead"));
        let text = |name| element.text_of(name).map(str::to_owned);
        let number = element.text_of("NhsNumber");
        let patient = &mut self.draft.patient;
        patient.nhs_number =
            number.map(|n| n.chars().filter(|c| !matches!(c, ' ' | '-')).collect());
        patient.title = text("Title");
        patient.forenames = split(element.text_of("FirstNames"));
        patient.surname = text("FamilyName");
        patient.birth_date = birth.unwrap_or_default();
        patient.death_date = death.clone().or(dead.then_some(PartialDate::Unknown));
        patient.sex = match element.text_of("Sex") {
            Some("F") => Sex::Female,
            Some("M") => Sex::Male,
            Some("I") => Sex::Indeterminate,
            _ => Sex::Unknown,
        };
        // A temporary resident's address is the temporary one here; the home address stands apart (pitfall 19).
        patient.address = element.child("Address").map(address);
        patient.address = patient.address.take().filter(|a| *a != Address::default());
        patient.registered_gp = reference(element, "RegisteredGpID", Kind::Person);
        patient.usual_gp = reference(element, "UsualGpID", Kind::Person);
        self.draft.standing.restricted = !restrictions(element).is_empty();
        self.registration.dead = dead || death.is_some();
        self.registration.deducted = deducted;
        self.registration.archived = yes(element.text_of("Archived"));
        self.draft.losses.sweep(&spot, element);
    }

    pub(super) fn registration_status(&mut self, element: &Element) {
        let spot = Spot::new("RegistrationStatus", None);
        if let Some(current) = element.child("CurrentStatus") {
            let _ = super::item::id(current);
            let code = current.child("Code");
            let kind = current.child("PatientType");
            let _ = kind.and_then(|k| k.text_of("Scheme"));
            let _ = code.and_then(|c| c.text_of("Scheme").or(c.text_of("Term")));
            let since = dates::assigned(current.text_of("StatusDate"), None, None);
            let said = &mut self.registration;
            said.status = code.and_then(|c| c.text_of("Value")).map(str::to_owned);
            said.kind = kind.and_then(|k| k.text_of("Value")).map(str::to_owned);
            said.words = kind.and_then(|k| k.text_of("Term")).map(str::to_owned);
            said.since = self
                .draft
                .losses
                .date(&spot, "StatusDate", since)
                .unwrap_or_default();
            said.not_with_practice = current.text_of("PracticeRegistered") == Some("0");
        }
        self.draft.losses.sweep(&spot, element);
    }

    pub(super) fn originator(&mut self, element: &Element) {
        self.draft.patient.organisation = reference(element, "Organisation", Kind::Location);
        let spot = Spot::new("Originator", None);
        self.draft.losses.rest(&spot, element, "administrative");
    }

    /// # Errors
    /// The message is an error, or not the whole record.
    pub(super) fn message(&mut self, element: &Element) -> Result<(), SourceError> {
        if let Some(error) = element.child("MessagingError") {
            let number = error.text_of("Errornumber").unwrap_or_default();
            let digits = number.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let number = if digits && number.len() < 10 {
                number
            } else {
                ""
            };
            return Err(SourceError::Fault(format!("messaging error {number}")));
        }
        let asked = element.at(&["MessagePurpose", "Get", "MRGetType"]);
        let part = element.at(&["MessagePurpose", "Get", "DataSet"]);
        let part = part.and_then(Element::own_text).is_some_and(|t| t != "0");
        if part || asked.and_then(Element::own_text).is_some_and(|t| t != "1") {
            return Err(SourceError::Mismatch("it is not the whole record"));
        }
        let created = dates::assigned(element.text_of("DateCreated"), None, None);
        let spot = Spot::new("MessageInformation", None);
        self.created = self
            .draft
            .losses
            .date(&spot, "DateCreated", created)
            .unwrap_or_default();
        element.settle();
        Ok(())
    }

    pub(super) fn person(&mut self, element: &Element) {
        let id = own_id(element, Kind::Person, "PeopleList/Person", &mut self.draft);
        let parts = ["Title", "FirstNames", "LastName"];
        let name: Vec<&str> = parts.iter().filter_map(|p| element.text_of(p)).collect();
        let category = element
            .child("Category")
            .and_then(|c| c.text_of("Description"));
        let gmc = element.text_of("GmcCode").filter(|g| !is_null(g));
        self.draft.staff.push(Staff {
            id,
            name: name.join(" "),
            role: category.map(str::to_owned),
            gmc: gmc.map(str::to_owned),
        });
        let spot = Spot::new("PeopleList/Person", super::item::id(element).as_deref());
        self.draft.losses.rest(&spot, element, "administrative");
    }

    pub(super) fn location(&mut self, element: &Element) {
        let id = own_id(
            element,
            Kind::Location,
            "LocationList/Location",
            &mut self.draft,
        );
        let code = element.text_of("NationalCode");
        self.draft.organisations.push(Organisation {
            id,
            name: element
                .text_of("LocationName")
                .unwrap_or_default()
                .to_owned(),
            ods: code.filter(|c| !is_null(c)).map(str::to_ascii_uppercase),
        });
        let spot = Spot::new("LocationList/Location", super::item::id(element).as_deref());
        self.draft.losses.rest(&spot, element, "administrative");
    }

    pub(super) fn location_type(&mut self, element: &Element) {
        let words = element.text_of("Description").map(str::to_owned);
        let Some(words) = words else { return };
        let guid = element.text_of("GUID").filter(|g| !is_null(g)).map(native);
        let number = element.text_of("RefID").map(|n| Kind::LocationType.name(n));
        for name in [guid, number].into_iter().flatten() {
            self.location_types.insert(name, words.clone());
        }
    }

    pub(super) fn policy(&mut self, element: &Element) {
        for name in ["RefId", "RefID", "DBID", "GUID"] {
            self.draft
                .policies
                .extend(element.text_of(name).map(str::to_owned));
        }
    }
}

fn address(element: &Element) -> Address {
    let _ = super::item::id(element);
    let text = |name| element.text_of(name).map(str::to_owned);
    Address {
        lines: ["HouseNameFlat", "Street", "Village"]
            .into_iter()
            .filter_map(text)
            .collect(),
        town: text("Town"),
        county: text("County"),
        postcode: text("PostCode"),
    }
}
