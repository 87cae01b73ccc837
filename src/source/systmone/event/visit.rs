//! `NonClinical/Visit`: a home visit that took place is a contact (sources.md 4.7).

use super::{Clinical, is_private, private};
use crate::record::{Encounter, Loss};
use crate::source::systmone::dates::date;
use crate::source::xml::Element;

const PATH: &str = "Response/NonClinical/Visit";

impl Clinical {
    /// Reads one visit: one that is finished; what was only booked or was cancelled met nobody.
    pub fn visit(&mut self, element: &Element) {
        let uid = element.text_of("VisitUID").map(ToOwned::to_owned);
        let when = element.text_of("DateTime");
        let mut lose = |path: &str, reason: &'static str| {
            self.losses.push(Loss {
                path: format!("{PATH}{path}").into(),
                native_id: uid.as_deref().map(Into::into),
                code: None,
                reason,
            });
        };
        if element.text_of("Status") != Some("Finished") {
            element.settle();
            return lose("", "no-tab");
        }
        let at = when.and_then(date);
        if when.is_some() && at.is_none() {
            lose("/DateTime", "unparsed-date");
        }
        let hidden = is_private(element);
        let clinician = element.text_of("UserName").map(ToOwned::to_owned);
        let said = uid
            .clone()
            .unwrap_or_else(|| when.unwrap_or("undated").to_owned());
        // In what unit the duration is, the schema does not say.
        element.unread(&mut |path| {
            let reason = if path == "Comments" {
                "free-text"
            } else {
                "no-place"
            };
            lose(&format!("/{path}"), reason);
        });
        let id = self.unique(&format!("visit-{said}"), "");
        let clinician = self.staff(clinician.as_deref(), None);
        self.encounters.push(Encounter {
            id,
            date: at.unwrap_or_default(),
            clinician,
            method: Some("Home visit".to_owned()),
            complete: true,
            restrictions: private(hidden),
            ..Encounter::default()
        });
    }
}
