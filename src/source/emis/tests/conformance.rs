//! EMIS's two formats, held to the rules of every adapter (`docs/adapter-spec.md`).

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::record::system;
use crate::source::conformance::{
    Fixture, HOOK, Hidden, Item, Kind, Share, Stands, Story, TEXT, Transport, conformance,
};
use crate::source::emis::EmisAdapter;
use crate::source::http::SourceHttp;
use crate::source::{SourceAdapter, SourceLimits, SourceRefusal};

const POLICY: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const NO_POLICY: &str = "aaaaaaaa-0000-4000-8000-000000000009";
const NOWHERE: &str = "eeeeeeee-0000-4000-8000-000000000000";

/// One of the two payloads.
struct Emis(fn(&Story) -> String);

impl Fixture for Emis {
    fn transport(&self) -> Transport {
        Transport::Http
    }

    fn adapter(&self, address: &str, limits: SourceLimits) -> Box<dyn SourceAdapter> {
        let http = SourceHttp::new(Arc::new(SystemClock)).unwrap();
        Box::new(EmisAdapter::new(format!("http://{address}/"), limits, http))
    }

    fn id_of(&self, question: &str) -> Option<String> {
        let (_, rest) = question.split_once("<wsa:MessageID>uuid:")?;
        Some(rest.split_once('<')?.0.to_owned())
    }

    fn answer(&self, story: &Story, id: Option<&str>) -> String {
        let share = match story.share {
            Share::Implied => "<ConsentToShare>implied</ConsentToShare>",
            Share::Dissent => "<ConsentToShare>express-dissent</ConsentToShare>",
            Share::NotSaid => "",
            Share::Strange => "<ConsentToShare>perhaps</ConsentToShare>",
        };
        soap(
            id,
            &format!("<OutcomeCode>1</OutcomeCode>{share}{}", (self.0)(story)),
        )
    }

    fn refusals(&self, id: &str) -> Vec<(String, Option<SourceRefusal>)> {
        let outcome = |code: &str, more: &str| {
            soap(
                Some(id),
                &format!("<OutcomeCode>{code}</OutcomeCode>{more}"),
            )
        };
        let fault = "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>9990000018</faultstring></soap:Fault>";
        let dissent = "<ConsentToShare>express-dissent</ConsentToShare>";
        vec![
            (outcome("2", ""), Some(SourceRefusal::AccessDenied)),
            (outcome(" 3 ", ""), Some(SourceRefusal::NoSuchPatient)),
            (outcome("4", ""), Some(SourceRefusal::Restricted)),
            (outcome("1", dissent), Some(SourceRefusal::Dissent)),
            (outcome("7", ""), None),
            (soap(Some(id), fault), None),
        ]
    }

    fn coding(&self, code: &str) -> (String, String) {
        (system::READ_V2.to_owned(), code.to_owned())
    }
}

fn soap(id: Option<&str>, inner: &str) -> String {
    let relates = id.map_or(String::new(), |id| {
        format!("<wsa:RelatesTo>uuid:{id}</wsa:RelatesTo>")
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:wsa=\"http://www.w3.org/2005/08/addressing\"><soap:Header>{relates}</soap:Header><soap:Body>{inner}</soap:Body>\
         </soap:Envelope>"
    )
}

fn once(n: usize) -> &'static str {
    if n == 0 { HOOK } else { "" }
}

fn openhr(story: &Story) -> String {
    let stands = |kind: &str, status: &str| {
        format!(
            "<caseloadPatient><organisation>bbbbbbbb-0000-4000-8000-000000000001</organisation><dateRecorded>2015-01-01T00:00:00\
             </dateRecorded><patientStatus><status>{status}</status></patientStatus><patientType>{kind}</patientType></caseloadPatient>"
        )
    };
    let stands = match story.stands {
        Stands::Full => stands("REG", "8"),
        Stands::Temporary => stands("TMP", "9"),
        Stands::Left => stands("REG", "24"),
        Stands::NotSaid => String::new(),
    };
    let policy = |hidden: Hidden| match hidden {
        Hidden::No => String::new(),
        Hidden::Yes => format!("<confidentialityPolicy>{POLICY}</confidentialityPolicy>"),
        Hidden::Unexplained => {
            format!("<confidentialityPolicy>{NO_POLICY}</confidentialityPolicy>")
        }
    };
    let contact = "cccccccc-0000-4000-8000-000000000001";
    let mut events = String::new();
    let mut components = String::new();
    let mut problems = String::new();
    for (n, item) in story.items.iter().enumerate() {
        let (kind, body) = match item.kind {
            Kind::Finding => ("OBS", String::new()),
            Kind::Allergy => ("ALL", String::new()),
            Kind::Value(sign, number, unit) => (
                "VAL",
                format!(
                    "<observation><value><numeric><operator>{}</operator><value>{number}</value><units>{unit}</units></numeric>\
                     </value></observation>",
                    sign.replace('<', "&lt;")
                ),
            ),
        };
        let id = if item.nameless {
            String::new()
        } else {
            components.push_str(&format!(
                "<component><event>{}</event></component>",
                item.key
            ));
            format!("<id>{}</id>", item.key)
        };
        if item.linked {
            problems.push_str(&format!(
                "<problem><id>{NOWHERE}</id><eventLink><id>{}</id></eventLink></problem>",
                item.key
            ));
        }
        let code = item.code.map_or(String::new(), |code| {
            format!(
                "<code codeSystem=\"2.16.840.1.113883.2.1.6.2\" code=\"{code}\" displayName=\"{}\"/>",
                item.term
            )
        });
        let deleted = if item.deleted {
            " updateMode=\"delete\""
        } else {
            ""
        };
        let part = if item.year_only { "Y" } else { "YMD" };
        let strange = strange(story);
        events.push_str(&format!(
            "<event{deleted}>{id}<patient>p</patient><eventType>{kind}</eventType>{}<effectiveTime datepart=\"{part}\" \
             value=\"{}T00:00:00\"/>{code}<displayTerm>{}</displayTerm><associatedText associatedTextType=\"POST\"><value>{}\
             </value></associatedText>{}{body}{strange}</event>",
            once(n),
            item.date,
            item.term,
            item.text(),
            policy(item.hidden),
        ));
    }
    format!(
        "<openHealthRecord xmlns=\"http://www.e-mis.com/emisopen\"><adminDomain><person><id>q</id><birthDate>1957-03-14</birthDate>\
         <surname>Tebbutt</surname></person><patient><id>p</id><patientIdentifier><identifierType>NHS</identifierType><value>{}\
         </value></patientIdentifier><patientPerson>q</patientPerson>{stands}</patient><confidentialityPolicy><id>{POLICY}</id>\
         <name>{TEXT}</name></confidentialityPolicy></adminDomain><healthDomain><encounter><id>{contact}</id><patient>p</patient>\
         <effectiveTime datepart=\"YMD\" value=\"2024-05-01T00:00:00\"/>{}{components}</encounter>{events}{problems}</healthDomain>\
         </openHealthRecord>",
        story.nhs_number,
        policy(story.contact),
    )
}

fn strange(story: &Story) -> String {
    if story.strange {
        format!("<Strange>{TEXT}</Strange>")
    } else {
        String::new()
    }
}

fn emis_open(story: &Story) -> String {
    let stands = |kind: &str, status: &str| {
        format!(
            "<RegistrationStatus><CurrentStatus><Code><Value>{status}</Value></Code><PatientType><Value>{kind}</Value></PatientType>\
             </CurrentStatus></RegistrationStatus>"
        )
    };
    let stands = match story.stands {
        Stands::Full => stands("4", "8"),
        Stands::Temporary => stands("5", "9"),
        Stands::Left => stands("4", "24"),
        Stands::NotSaid => String::new(),
    };
    let policy = |hidden: Hidden| match hidden {
        Hidden::No => "-1",
        Hidden::Yes => "7",
        Hidden::Unexplained => "99",
    };
    let day = |date: &str| {
        let parts: Vec<&str> = date.split('-').rev().collect();
        parts.join("/")
    };
    let mut events = String::new();
    for (n, item) in story.items.iter().enumerate() {
        let (name, body) = match item.kind {
            Kind::Finding => ("Event", "<EventType>1</EventType>".to_owned()),
            Kind::Allergy => ("Allergy", String::new()),
            Kind::Value(sign, number, unit) => (
                "Event",
                format!(
                    "<NumericValue><Operator>{}</Operator><Value>{number}</Value><Units>{unit}</Units></NumericValue>\
                     <EventType>5</EventType>",
                    sign.replace('<', "&lt;")
                ),
            ),
        };
        let id = if item.nameless {
            String::new()
        } else {
            format!("<GUID>{{{}}}</GUID>", item.key.to_uppercase())
        };
        let code = item.code.map_or(String::new(), |code| {
            format!(
                "<Code><Value>{code}</Value><Scheme>READ2</Scheme><Term>{}</Term></Code>",
                item.term
            )
        });
        let links = if item.linked {
            format!(
                "<ProblemLinkList><Link><Target><GUID>{{{NOWHERE}}}</GUID></Target></Link></ProblemLinkList>"
            )
        } else {
            String::new()
        };
        let status = if item.deleted { "2" } else { "0" };
        let part = if item.year_only { "2" } else { "0" };
        let strange = strange(story);
        events.push_str(&format!(
            "<ConsultationElement>{}<{name}>{id}<FileStatus>{status}</FileStatus><AssignedDate>{}</AssignedDate><DatePart>{part}\
             </DatePart><DisplayTerm>{}</DisplayTerm><DescriptiveText>{}</DescriptiveText><PolicyID>{}</PolicyID>{code}{links}{body}\
             {strange}</{name}></ConsultationElement>",
            once(n),
            day(item.date),
            item.term,
            item.text(),
            policy(item.hidden),
        ));
    }
    // What is too large for an item stands in a list of its own, or the whole consultation were too large.
    let (inside, outside) = if story.items.iter().any(|item| item.words > 1_000_000) {
        let bare = events
            .replace("<ConsultationElement>", "")
            .replace("</ConsultationElement>", "");
        (String::new(), format!("<EventList>{bare}</EventList>"))
    } else {
        (events, String::new())
    };
    format!(
        "<MedicalRecord xmlns=\"http://www.e-mis.com/emisopen/MedicalRecord\"><Registration><DateOfBirth>14/03/1957</DateOfBirth>\
         <FamilyName>Tebbutt</FamilyName><NhsNumber>{}</NhsNumber><PolicyId>-1</PolicyId></Registration>{outside}<ConsultationList>\
         <Consultation><GUID>{{CCCCCCCC-0000-4000-8000-000000000001}}</GUID><AssignedDate>01/05/2024</AssignedDate><DatePart>0</DatePart>\
         <ExternalConsultant>{TEXT}</ExternalConsultant><PolicyID>{}</PolicyID><ElementList>{inside}</ElementList></Consultation>\
         </ConsultationList>{stands}<PolicyList><PolicyType><RefID>7</RefID></PolicyType></PolicyList></MedicalRecord>",
        story.nhs_number,
        policy(story.contact),
    )
}

/// An item's free text is there to be found.
#[test]
fn the_fixtures_hold_free_text() {
    let story = Story::of(vec![Item::default()]);
    for write in [openhr, emis_open] {
        assert!(write(&story).contains(TEXT));
    }
}

mod openhr_conforms {
    use super::*;
    conformance!(Emis(openhr));
}

mod emis_open_conforms {
    use super::*;
    conformance!(Emis(emis_open));
}
