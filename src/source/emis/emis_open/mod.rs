//! EMIS Open `MedicalRecord` (EOM 3.8) to the record (sources.md 3.3 and 3.8).

mod admin;
mod consultation;
mod event;
mod item;
mod medication;
mod pathology;

use std::collections::HashMap;

use crate::record::{Body, GpRecord, Missing, OdsCode, PartialDate};
use crate::source::SourceError;
use crate::source::emis::draft::{Draft, SMALL};
use crate::source::emis::losses::Spot;
use crate::source::xml::{Element, Pull, Start};

/// Reads the record whose root's start tag was just read.
///
/// # Errors
/// Not acceptable XML; not a whole record; an error message instead of a record.
pub(super) fn read(
    pull: &mut Pull<'_>,
    root: &Start,
    practice: &OdsCode,
) -> Result<GpRecord, SourceError> {
    let mut reader = Reader::default();
    while let Some(start) = pull.child_of(root.depth)? {
        let name = start.name.clone();
        match LISTS.iter().find(|(list, _)| *list == name) {
            Some((list, item)) => {
                while let Some(start) = pull.child_of(start.depth)? {
                    // Attachments' content may be larger than any item: it is passed over, as it never leaves.
                    match pull.item_without(start, &["AttachmentData"])? {
                        Ok(element) if element.name == *item => reader.list_item(list, &element),
                        Ok(element) => reader.put_aside(list, &element, "unknown-element"),
                        Err(_) => reader.too_large(list, item),
                    }
                    let places = reader.location_types.len() * SMALL;
                    pull.keep(reader.draft.weight() + places, reader.draft.becomes())?;
                }
            }
            None => {
                let element = pull.element(start)?;
                reader.part(&element)?;
                pull.keep(reader.draft.weight(), reader.draft.becomes())?;
            }
        }
    }
    if reader.draft.patient.nhs_number.is_none() {
        return Err(SourceError::Mismatch("it names no patient"));
    }
    Ok(reader.finish(practice))
}

/// The lists of the message and what they list.
const LISTS: &[(&str, &str)] = &[
    ("EventList", "Event"),
    ("ConsultationList", "Consultation"),
    ("InvestigationList", "Investigation"),
    ("ReferralList", "Referral"),
    ("AllergyList", "Allergy"),
    ("MedicationList", "Medication"),
    ("IssueList", "Issue"),
    ("AttachmentList", "Attachment"),
    ("DiaryList", "Diary"),
    ("AlertList", "Alert"),
    ("EDIPathologyReportList", "PathologyReport"),
    ("TestRequestHeaderList", "TestRequestHeader"),
    ("NoteList", "Note"),
    ("AppointmentList", "Appointment"),
    ("PeopleList", "Person"),
    ("LocationList", "Location"),
    ("LocationTypeList", "LocationType"),
    ("PolicyList", "PolicyType"),
];

/// Where an item stands: its list, and the consultation that holds it.
#[derive(Debug, Clone, Copy, Default)]
struct Place<'a> {
    list: &'a str,
    encounter: Option<&'a str>,
    heading: Option<&'a str>,
    parent: Option<&'a str>,
}

#[derive(Default)]
struct Reader {
    draft: Draft,
    /// The message's own date.
    created: PartialDate,
    /// What is said of the registration, in two places.
    registration: admin::Said,
    /// Encounter and the name of its location type.
    place_types: Vec<(String, String)>,
    location_types: HashMap<String, String>,
    /// Course and the letter of its state.
    states: Vec<(usize, Option<String>)>,
    reports: pathology::Reports,
}

impl Reader {
    fn list_item(&mut self, list: &'static str, element: &Element) {
        let place = Place {
            list,
            ..Place::default()
        };
        match list {
            "ConsultationList" => self.consultation(element),
            "InvestigationList" => self.investigation(element, place),
            "MedicationList" => self.medication(element, place),
            "IssueList" => self.issue(element, place),
            "EDIPathologyReportList" => self.pathology_report(element),
            "TestRequestHeaderList" => self.test_requests(element, place),
            "NoteList" => self.put_aside(list, element, "free-text"),
            "AppointmentList" => self.put_aside(list, element, "administrative"),
            "PeopleList" => self.person(element),
            "LocationList" => self.location(element),
            "LocationTypeList" => self.location_type(element),
            "PolicyList" => self.policy(element),
            _ => self.coded_item(element, place),
        }
    }

    fn part(&mut self, element: &Element) -> Result<(), SourceError> {
        match element.name.as_str() {
            "Registration" if self.draft.patient.nhs_number.is_some() => {
                return Err(SourceError::Mismatch("two records in one"));
            }
            "Registration" => self.registration(element),
            "RegistrationStatus" => self.registration_status(element),
            "Originator" => self.originator(element),
            "MessageInformation" => return self.message(element),
            "RegistrationChangeHistory" | "RecipientID" => {
                self.put_aside("MedicalRecord", element, "administrative");
            }
            "MiscellaneousData" => self.put_aside("MedicalRecord", element, "free-text"),
            _ => self.put_aside("MedicalRecord", element, "unknown-element"),
        }
        Ok(())
    }

    /// An item over the caps: the sections that it may have stood in are not whole.
    fn too_large(&mut self, list: &str, item: &str) {
        self.draft
            .losses
            .add(&Spot::new(list, None), item, "too-large");
        self.draft.missing.push(match list {
            "MedicationList" | "IssueList" => Missing::Medication,
            "AllergyList" => Missing::Allergy,
            "ReferralList" => Missing::Referral,
            "InvestigationList" | "EDIPathologyReportList" => Missing::Report,
            // In no tab, or names of people and places.
            "DiaryList"
            | "NoteList"
            | "AppointmentList"
            | "TestRequestHeaderList"
            | "AttachmentList"
            | "PeopleList"
            | "LocationList"
            | "LocationTypeList"
            | "PolicyList" => return,
            _ => Missing::Any,
        });
    }

    fn put_aside(&mut self, path: &str, element: &Element, reason: &'static str) {
        let spot = Spot::new(path, item::id(element).as_deref());
        self.draft.losses.whole(&spot, element, reason);
    }

    fn finish(mut self, practice: &OdsCode) -> GpRecord {
        self.draft.standing.registration = self.registration.decide();
        let mut kinds: HashMap<String, String> = HashMap::new();
        for (encounter, key) in std::mem::take(&mut self.place_types) {
            match self.location_types.get(&key) {
                Some(words) => {
                    kinds.insert(encounter, words.clone());
                }
                None => {
                    let spot = Spot::new("ConsultationList/Consultation", Some(&encounter));
                    self.draft
                        .losses
                        .add(&spot, "LocationTypeID", "dangling-link");
                }
            }
        }
        for encounter in &mut self.draft.encounters {
            encounter.location_type = kinds.get(&encounter.id).cloned();
        }
        for (at, letter) in std::mem::take(&mut self.states) {
            if let Some(entry) = self.draft.entries.get_mut(at)
                && let Body::Medication(course) = &mut entry.body
            {
                medication::decide(course, letter.as_deref(), &self.created);
            }
        }
        self.file_reports();
        self.draft.finish(practice)
    }
}
