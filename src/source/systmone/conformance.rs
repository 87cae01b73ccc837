//! ClientIntegration over HTTP and over TCP, held to the rules of every adapter (`docs/adapter-spec.md`).

use std::sync::Arc;

use super::SystmOneAdapter;
use crate::clock::SystemClock;
use crate::record::system;
use crate::source::conformance::{
    Fixture, HOOK, Hidden, Item, Kind, Share, Stands, Story, TEXT, Transport, conformance,
};
use crate::source::http::SourceHttp;
use crate::source::{SourceAdapter, SourceLimits, SourceRefusal};

struct SystmOne(Transport);

const TCP: Transport = Transport::Tcp("</ClientIntegrationRequest>");

impl Fixture for SystmOne {
    fn transport(&self) -> Transport {
        self.0
    }

    fn adapter(&self, address: &str, limits: SourceLimits) -> Box<dyn SourceAdapter> {
        let http = SourceHttp::new(Arc::new(SystemClock)).unwrap();
        let scheme = match self.0 {
            Transport::Http => "http",
            Transport::Tcp(_) => "tcp",
        };
        let endpoint = format!("{scheme}://{address}");
        Box::new(SystmOneAdapter::new(
            &endpoint,
            "key".to_owned(),
            limits,
            http,
        ))
    }

    fn id_of(&self, question: &str) -> Option<String> {
        let (_, rest) = question.split_once("<RequestUID>")?;
        Some(rest.split_once('<')?.0.to_owned())
    }

    fn answer(&self, story: &Story, id: Option<&str>) -> String {
        frame(id, &response(story))
    }

    fn refusals(&self, id: &str) -> Vec<(String, Option<SourceRefusal>)> {
        let error = |code: &str| {
            let inner = format!(
                "<Error><Code>{code}</Code><ErrorMessage>9990000018</ErrorMessage></Error>"
            );
            frame(Some(id), &inner)
        };
        vec![
            (error("SharingOutDissent"), Some(SourceRefusal::Dissent)),
            (
                error("SharingOutNotRecorded"),
                Some(SourceRefusal::SharingNotRecorded),
            ),
            (error("NoSuchPatient"), Some(SourceRefusal::NoSuchPatient)),
            (
                error("NoSharingAgreement"),
                Some(SourceRefusal::AccessDenied),
            ),
            (error("InternalError"), None),
        ]
    }

    fn coding(&self, code: &str) -> (String, String) {
        (system::CTV3.to_owned(), code.to_owned())
    }

    fn names_who_asks(&self) -> bool {
        false
    }

    fn marks_deletion(&self) -> bool {
        false
    }

    fn has_policies(&self) -> bool {
        false
    }

    fn has_partial_dates(&self) -> bool {
        false
    }
}

fn frame(id: Option<&str>, inner: &str) -> String {
    let uid = id.map_or(String::new(), |id| format!("<RequestUID>{id}</RequestUID>"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ClientIntegrationResponse><DeviceID>d</DeviceID>{uid}<Function>GetPatientRecord\
         </Function><Response>{inner}</Response></ClientIntegrationResponse>"
    )
}

/// Every item in an event of its own; the hidden contact is every event.
fn response(story: &Story) -> String {
    let share = match story.share {
        Share::Implied => "<RecordSharing><SharingOut>Implied</SharingOut></RecordSharing>",
        Share::Dissent => "<RecordSharing><SharingOut>Dissent</SharingOut></RecordSharing>",
        Share::NotSaid => "",
        Share::Strange => "<RecordSharing><SharingOut>Perhaps</SharingOut></RecordSharing>",
    };
    let stands = match story.stands {
        Stands::Full => "<RegistrationType>GMS</RegistrationType>",
        Stands::Temporary => "<RegistrationType>Temporary Resident</RegistrationType>",
        Stands::Left => {
            "<CareEndDate>2020-01-01</CareEndDate><RegistrationType>GMS</RegistrationType>"
        }
        Stands::NotSaid => "",
    };
    let mark = |hidden: Hidden| match hidden {
        Hidden::No => "",
        _ => " Private=\"true\"",
    };
    let mut events = String::new();
    for (n, item) in story.items.iter().enumerate() {
        let body = match item.kind {
            Kind::Finding => String::new(),
            Kind::Allergy => "<IsAllergy/>".to_owned(),
            Kind::Value(sign, number, unit) => format!(
                "<Value>{}{number}</Value><Units>{unit}</Units>",
                sign.replace('<', "&lt;")
            ),
        };
        let uid = if item.nameless {
            String::new()
        } else {
            format!(" EventUID=\"{}\"", item.key)
        };
        let linked = if item.linked {
            "<LinkedProblemUID>nowhere</LinkedProblemUID>"
        } else {
            ""
        };
        let strange = if story.strange {
            format!("<Strange>{TEXT}</Strange>")
        } else {
            String::new()
        };
        let hook = if n == 0 { HOOK } else { "" };
        events.push_str(&format!(
            "<Event DateTime=\"{}T10:15:00\" Method=\"Telephone\"{uid}{}><Narrative><Line>{TEXT}</Line></Narrative>{hook}\
             <ClinicalCode{}><Code Scheme=\"CTV3\" Code=\"{}\" Term=\"{}\"/><FreeText>{}</FreeText>{body}{linked}{strange}\
             </ClinicalCode></Event>",
            item.date,
            mark(story.contact),
            mark(item.hidden),
            item.code.unwrap_or(""),
            item.term,
            item.text(),
        ));
    }
    format!(
        "<Identity><NHSNumber>{}</NHSNumber></Identity>{share}<Demographics><FirstName>Rose</FirstName><Surname>Tebbutt</Surname>\
         <DateOfBirth>1957-03-14</DateOfBirth><Sex>F</Sex>{stands}</Demographics><Clinical>{events}</Clinical>",
        story.nhs_number,
    )
}

/// An item's free text is there to be found.
#[test]
fn the_fixture_holds_free_text() {
    assert!(response(&Story::of(vec![Item::default()])).contains(TEXT));
}

mod http_conforms {
    use super::*;
    conformance!(SystmOne(Transport::Http));
}

mod tcp_conforms {
    use super::*;
    conformance!(SystmOne(TCP));
}
