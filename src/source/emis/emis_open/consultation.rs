//! `Consultation`: what was recorded in it stands inside it, and nowhere else in the message.

use crate::record::Encounter;
use crate::source::emis::losses::Spot;
use crate::source::emis::values::count;
use crate::source::xml::Element;

use super::item::{Kind, assigned, deleted, own_id, reference, restrictions};
use super::{Place, Reader};

const PATH: &str = "ConsultationList/Consultation";

impl Reader {
    pub(super) fn consultation(&mut self, element: &Element) {
        let id = own_id(element, Kind::Item, PATH, &mut self.draft);
        let spot = Spot::new(PATH, Some(&id));
        if deleted(element) {
            element.settle();
            return self.draft.losses.add(&spot, "", "deleted");
        }
        let losses = &mut self.draft.losses;
        let written = element.child("OriginalAuthor");
        let recorded = written.and_then(|w| w.text_of("SystemDate"));
        let typist = written.and_then(|w| reference(w, "User", Kind::Person));
        let encounter = Encounter {
            id: id.clone(),
            date: assigned(element, &spot, losses),
            recorded: losses.instant(&spot, "OriginalAuthor/SystemDate", recorded),
            clinician: reference(element, "UserID", Kind::Person).or(typist),
            organisation: reference(element, "LocationID", Kind::Location),
            method: match element.text_of("ConsultationType") {
                Some("1") => Some("Community Assessment".to_owned()),
                Some("2") => Some("Community Intervention".to_owned()),
                _ => None,
            },
            location_type: None,
            duration_minutes: count(element.text_of("Duration")),
            complete: true,
            only_holds: false,
            implied: false,
            restrictions: restrictions(element),
        };
        if let Some(kind) = reference(element, "LocationTypeID", Kind::LocationType) {
            self.place_types.push((id.clone(), kind));
        }
        self.draft.encounters.push(encounter);
        if let Some(list) = element.child("ElementList") {
            for part in list.children("ConsultationElement") {
                self.consultation_element(part, &id);
            }
        }
        self.draft.losses.sweep(&spot, element);
    }

    fn consultation_element(&mut self, element: &Element, encounter: &str) {
        let spot = Spot::new(PATH, Some(encounter));
        if deleted(element) {
            element.settle();
            return self
                .draft
                .losses
                .add(&spot, "ElementList/ConsultationElement", "deleted");
        }
        for plumbing in [
            "DBID",
            "RefID",
            "GUID",
            "OldGUID",
            "DisplayOrder",
            "ProblemSection",
        ] {
            let _ = element.text_of(plumbing);
        }
        let header = element.child("Header");
        if let Some(header) = header {
            header.settle();
        }
        let place = Place {
            list: PATH,
            encounter: Some(encounter),
            heading: header.and_then(|h| h.text_of("Term")),
            parent: None,
        };
        for part in &element.children {
            match part.name.as_str() {
                "Event" | "Diary" | "Referral" | "Allergy" | "Attachment" => {
                    self.coded_item(part, place);
                }
                "Medication" => self.medication(part, place),
                "Investigation" => self.investigation(part, place),
                "TestRequest" => self.test_requests(part, place),
                _ => continue,
            }
            part.settle();
        }
    }
}
