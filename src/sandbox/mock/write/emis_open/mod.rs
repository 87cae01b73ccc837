//! A person's story as EMIS Open 3.8 (`MedicalRecord`), with the field order of the real sample and the public schema.

mod directory;
mod item;
mod prescribing;

use jiff::civil::{Date, DateTime};

use super::ids::{Ids, Of};
use super::index::{Index, padded};
use super::practice::usual_gp;
use super::xml::Xml;
use crate::sandbox::story::{Contact, Fact, Kind, Method, Person, Registration, When};

/// Namespace of the payload.
pub const NAMESPACE: &str = "http://www.e-mis.com/emisopen/MedicalRecord";

/// Policies of confidential items; an item without one says `-1`.
const POLICIES: [(u64, &str); 2] = [
    (7001, "Confidential to the author"),
    (7002, "Confidential to clinicians here"),
];

/// Writes the whole record, as the system has it at the local time `now`.
pub fn write(xml: &mut Xml, person: &Person, now: DateTime) {
    let writer = Writer {
        index: Index::new(person),
        ids: Ids::new(person.practice, &person.nhs_number),
    };
    let patient = writer.number(Thing::Patient);
    xml.open_with(
        "MedicalRecord",
        &[("PatientID", &patient.to_string()), ("xmlns", NAMESPACE)],
    );
    registration(xml, &writer);
    let loose = |fact: &&Fact| writer.contact(fact).is_none();
    let all = || person.facts.iter();
    list(xml, "EventList", all().filter(loose), |xml, fact| {
        if is_event(fact) && !writer.is_result(fact) {
            item::event(xml, &writer, fact);
        }
    });
    xml.open("ConsultationList");
    for contact in &person.contacts {
        consultation(xml, &writer, contact);
    }
    xml.close("ConsultationList");
    list(
        xml,
        "InvestigationList",
        all().filter(loose),
        |xml, fact| {
            if is_investigation(fact) {
                item::investigation(xml, &writer, fact);
            }
        },
    );
    list(xml, "ReferralList", all().filter(loose), |xml, fact| {
        if matches!(fact.kind, Kind::Referral { .. }) {
            item::referral(xml, &writer, fact);
        }
    });
    list(xml, "AllergyList", all().filter(loose), |xml, fact| {
        if matches!(fact.kind, Kind::Allergy { .. }) {
            item::allergy(xml, &writer, fact);
        }
    });
    list(xml, "MedicationList", all().filter(loose), |xml, fact| {
        if matches!(fact.kind, Kind::Course { .. }) {
            prescribing::medication(xml, &writer, fact);
        }
    });
    list(xml, "IssueList", all(), |xml, fact| {
        if let Kind::Issue { course } = fact.kind {
            prescribing::issue(xml, &writer, fact, course);
        }
    });
    list(xml, "AttachmentList", all().filter(loose), |xml, fact| {
        if matches!(fact.kind, Kind::Letter { .. }) {
            item::attachment(xml, &writer, fact);
        }
    });
    list(xml, "AlertList", all().filter(loose), |xml, fact| {
        if matches!(fact.kind, Kind::Alert) {
            item::alert(xml, &writer, fact);
        }
    });
    directory::write(xml, &writer, now);
    xml.close("MedicalRecord");
}

fn list<'p>(
    xml: &mut Xml,
    name: &str,
    facts: impl Iterator<Item = &'p Fact>,
    mut each: impl FnMut(&mut Xml, &'p Fact),
) {
    xml.open(name);
    for fact in facts {
        each(xml, fact);
    }
    xml.close(name);
}

/// Everything that has a number of the database.
#[derive(Debug, Clone, Copy)]
enum Thing {
    Patient,
    Address,
    Practice,
    PracticeAddress,
    LocationType(u32),
    Staff(u32),
    Category(u32),
    Policy(u64),
    Contact(u32),
    Narrative(u32),
    Fact(u32),
}

/// What all parts of one record need.
struct Writer<'p> {
    index: Index<'p>,
    ids: Ids,
}

impl<'p> Writer<'p> {
    /// The number of a thing in the database: kinds are far apart, so that none meet.
    fn number(&self, thing: Thing) -> u64 {
        const APART: u64 = 10_000_000_000;
        match thing {
            Thing::Practice => 5,
            Thing::PracticeAddress => 6,
            Thing::LocationType(key) => 10 + u64::from(key),
            Thing::Staff(key) => 100 + u64::from(key),
            Thing::Category(key) => 200 + u64::from(key),
            Thing::Policy(key) => key,
            Thing::Patient | Thing::Address => {
                let number = self.index.person.nhs_number.get(3..9).unwrap_or("1");
                let own: u64 = number.parse().unwrap_or(1);
                match thing {
                    Thing::Patient => 10_000 + own,
                    _ => 2_000_000 + own,
                }
            }
            Thing::Contact(key) => APART + u64::from(key),
            Thing::Narrative(key) => 2 * APART + u64::from(key),
            Thing::Fact(key) => 3 * APART + u64::from(key),
        }
    }

    fn guid(&self, thing: Thing) -> String {
        let (of, key) = match thing {
            Thing::Patient => (Of::Patient, 0),
            Thing::Address => (Of::Address, 0),
            Thing::Practice => (Of::Practice, 0),
            Thing::PracticeAddress => (Of::Practice, 2),
            Thing::LocationType(key) => (Of::LocationType, key),
            Thing::Staff(key) => (Of::UserInRole, key),
            Thing::Category(key) => (Of::Role, key),
            Thing::Policy(key) => (Of::Policy, u32::try_from(key).unwrap_or_default()),
            Thing::Contact(key) => (Of::Contact, key),
            Thing::Narrative(key) => (Of::Narrative, key),
            Thing::Fact(key) => (Of::Fact, key),
        };
        format!("{{{}}}", self.ids.guid(of, key).to_uppercase())
    }

    /// The contact in which this fact stands: for parts of a report, that of the report.
    fn contact(&self, fact: &Fact) -> Option<&'p Contact> {
        self.index.contact_of(self.index.outermost(fact))
    }

    /// Is this a result that stands in the investigation of its battery or report?
    fn is_result(&self, fact: &Fact) -> bool {
        fact.within
            .and_then(|key| self.index.fact(key))
            .is_some_and(is_investigation)
    }

    fn policy(&self, private: bool, key: u32) -> String {
        let [(silent, _), (shown, _)] = POLICIES;
        match (private, key.is_multiple_of(2)) {
            (false, _) => "-1".to_owned(),
            (true, true) => silent.to_string(),
            (true, false) => shown.to_string(),
        }
    }
}

fn is_event(fact: &Fact) -> bool {
    matches!(
        fact.kind,
        Kind::Finding
            | Kind::Procedure
            | Kind::Measurement { .. }
            | Kind::TextResult(_)
            | Kind::Contraindication
            | Kind::Immunisation { .. }
            | Kind::FamilyHistory
    )
}

fn is_investigation(fact: &Fact) -> bool {
    matches!(fact.kind, Kind::Report { .. } | Kind::Battery)
}

/// `DBID`, `RefID`, `GUID`.
fn identity(xml: &mut Xml, writer: &Writer<'_>, thing: Thing) {
    let number = writer.number(thing).to_string();
    xml.leaf("DBID", &number);
    xml.leaf("RefID", &number);
    xml.leaf("GUID", &writer.guid(thing));
}

/// A reference to something, as an element of its identity.
fn reference(xml: &mut Xml, writer: &Writer<'_>, name: &str, thing: Thing) {
    xml.open(name);
    identity(xml, writer, thing);
    xml.close(name);
}

fn staff(place: usize) -> Thing {
    Thing::Staff(super::practice::staff(place).key())
}

fn author(xml: &mut Xml, writer: &Writer<'_>, place: usize, entered: DateTime) {
    xml.open("OriginalAuthor");
    reference(xml, writer, "User", staff(place));
    xml.leaf("SystemDate", &stamp(entered));
    xml.close("OriginalAuthor");
}

/// `dd/MM/yyyy`.
fn day(date: Date) -> String {
    date.strftime("%d/%m/%Y").to_string()
}

/// `dd/MM/yyyy HH:mm:ss`; at midnight the day alone, as the real sample has it.
fn stamp(at: DateTime) -> String {
    if at.time() == jiff::civil::Time::midnight() {
        day(at.date())
    } else {
        at.strftime("%d/%m/%Y %H:%M:%S").to_string()
    }
}

/// `AssignedDate`, `DatePart`, `AssignedTime`.
fn assigned(xml: &mut Xml, when: When) {
    let part = match when {
        When::Day(_) => "0",
        When::Month(..) => "1",
        When::Year(_) => "2",
        When::Unknown => "3",
        When::At(_) => "4",
    };
    let at = padded(when);
    if let Some(at) = at {
        xml.leaf("AssignedDate", &day(at.date()));
    }
    xml.leaf("DatePart", part);
    if let Some(at) = at {
        xml.leaf("AssignedTime", &at.strftime("%H:%M:%S").to_string());
    }
}

fn registration(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    xml.open("Registration");
    identity(xml, writer, Thing::Patient);
    xml.leaf("FileStatus", "0");
    xml.leaf("DateOfBirth", &day(person.birth_date));
    xml.leaf("Sex", if person.sex == 'M' { "M" } else { "F" });
    xml.leaf("FamilyName", &person.family);
    xml.some("CallingName", person.given.first().map(String::as_str));
    xml.leaf("FirstNames", &person.given.join(" "));
    xml.leaf("Title", person.title);
    xml.leaf("NhsNumber", &person.nhs_number);
    let [street, village, town, county, postcode] = &person.address;
    address(
        xml,
        writer,
        Thing::Address,
        [street, village, town, county, postcode],
    );
    let gp = staff(usual_gp(person).place);
    if person.registration == Registration::Full {
        reference(xml, writer, "RegisteredGpID", gp);
    }
    reference(xml, writer, "UsualGpID", gp);
    if let Some(died) = person.trace.deceased {
        xml.leaf("DateOfDeath", &day(died));
        xml.leaf("Dead", "1");
    }
    if person.registration == Registration::Temporary {
        xml.leaf("DateAdded", &day(person.registered));
    }
    xml.leaf("PolicyId", "-1");
    xml.close("Registration");
}

fn address(xml: &mut Xml, writer: &Writer<'_>, thing: Thing, parts: [&str; 5]) {
    xml.open("Address");
    identity(xml, writer, thing);
    xml.leaf("HouseNameFlat", "");
    for (name, part) in ["Street", "Village", "Town", "County", "PostCode"]
        .into_iter()
        .zip(parts)
    {
        xml.leaf(name, part);
    }
    xml.close("Address");
}

fn location_type(method: Method) -> u32 {
    match method {
        Method::FaceToFace => 0,
        Method::Telephone => 1,
        Method::HomeVisit => 2,
    }
}

fn consultation(xml: &mut Xml, writer: &Writer<'_>, contact: &Contact) {
    xml.open("Consultation");
    identity(xml, writer, Thing::Contact(contact.key));
    xml.leaf("FileStatus", "0");
    xml.leaf("AssignedDate", &day(contact.at.date()));
    xml.leaf("DatePart", "4");
    reference(xml, writer, "UserID", staff(contact.staff));
    if contact.method == Method::FaceToFace {
        xml.open("LocationID");
        identity(xml, writer, Thing::Practice);
        xml.leaf("FileStatus", "0");
        xml.close("LocationID");
    }
    xml.open("LocationTypeID");
    identity(
        xml,
        writer,
        Thing::LocationType(location_type(contact.method)),
    );
    xml.leaf("FileStatus", "3");
    xml.close("LocationTypeID");
    xml.leaf("Duration", "10");
    xml.leaf("TravelTime", "0");
    xml.leaf("PolicyID", &writer.policy(contact.private, contact.key));
    author(xml, writer, contact.staff, contact.at);
    xml.open("ElementList");
    let mut order = 0_u32;
    if contact.narrative.is_some() {
        element(xml, &mut order, "History", |xml| {
            item::narrative(xml, writer, contact);
        });
    }
    for fact in writer.index.standing_in(contact.key) {
        match &fact.kind {
            Kind::Issue { .. } => {}
            _ if writer.is_result(fact) && !is_investigation(fact) => {}
            Kind::Course { .. } => element(xml, &mut order, "Medication", |xml| {
                prescribing::medication(xml, writer, fact);
            }),
            Kind::Referral { .. } => element(xml, &mut order, "Referral", |xml| {
                item::referral(xml, writer, fact);
            }),
            Kind::Allergy { .. } => element(xml, &mut order, "Allergy", |xml| {
                item::allergy(xml, writer, fact);
            }),
            Kind::Letter { .. } => element(xml, &mut order, "Document", |xml| {
                item::attachment(xml, writer, fact);
            }),
            Kind::Report { .. } | Kind::Battery => element(xml, &mut order, "Result", |xml| {
                item::investigation(xml, writer, fact);
            }),
            Kind::Measurement { .. } => element(xml, &mut order, "Examination", |xml| {
                item::event(xml, writer, fact);
            }),
            Kind::FamilyHistory => element(xml, &mut order, "Family History", |xml| {
                item::event(xml, writer, fact);
            }),
            _ if fact.problem.is_some() => element(xml, &mut order, "Problem", |xml| {
                item::event(xml, writer, fact);
            }),
            _ => element(xml, &mut order, "Additional", |xml| {
                item::event(xml, writer, fact);
            }),
        }
    }
    xml.close("ElementList");
    xml.close("Consultation");
}

fn element(xml: &mut Xml, order: &mut u32, header: &str, item: impl FnOnce(&mut Xml)) {
    xml.open("ConsultationElement");
    xml.leaf("FileStatus", "0");
    xml.leaf("DisplayOrder", &order.to_string());
    xml.leaf("ProblemSection", "0");
    xml.open("Header");
    xml.leaf("Term", header);
    xml.close("Header");
    item(xml);
    xml.close("ConsultationElement");
    *order += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::mock::write::sample::{NOW, assert_well_formed, everything, keep, nobody};

    fn written(person: &Person) -> String {
        let mut xml = Xml::with_capacity(1 << 20);
        write(&mut xml, person, NOW);
        xml.into_string()
    }

    fn guid(person: &Person, key: u32) -> String {
        let ids = Ids::new(person.practice, &person.nhs_number);
        format!(
            "<GUID>{{{}}}</GUID>",
            ids.guid(Of::Fact, key).to_uppercase()
        )
    }

    #[test]
    fn every_fact_is_one_item() {
        let person = everything("9990005192", "Z99005");
        let text = written(&person);
        keep("eom.xml", &text);
        assert_well_formed(&text);
        for fact in &person.facts {
            let item = format!("{}<FileStatus>0</FileStatus>", guid(&person, fact.key));
            assert_eq!(text.matches(&item).count(), 1, "{}", fact.key);
        }
        assert_eq!(text.matches("<Consultation>").count(), 3);
        assert_eq!(text.matches("<Problem>").count(), 2);
        assert_eq!(text.matches("<Investigation>").count(), 4);
        assert_eq!(text.matches("<Medication>").count(), 3);
        assert_eq!(text.matches("<Issue>").count(), 3);
        assert_eq!(text.matches("<OldGUID>").count(), 3);
    }

    #[test]
    fn items_without_a_policy_say_so_and_the_others_name_one_of_the_list() {
        let person = everything("9990005192", "Z99005");
        let text = written(&person);
        let private = person.facts.iter().filter(|fact| fact.private).count() + 1;
        let named: usize = POLICIES
            .iter()
            .map(|(number, _)| {
                assert!(text.contains(&format!("<RefId>{number}</RefId>")));
                text.matches(&format!("<PolicyID>{number}</PolicyID>"))
                    .count()
            })
            .sum();
        assert_eq!(named, private);
        let open = written(&nobody("9990005192", "Z99005"));
        assert!(!open.contains("PolicyList"));
        assert!(open.contains("<PolicyId>-1</PolicyId>"));
    }

    #[test]
    fn dates_and_codes_are_written_as_the_real_sample_has_them() {
        let person = everything("9990005192", "Z99005");
        let text = written(&person);
        for part in [
            "<AssignedDate>01/05/2024</AssignedDate><DatePart>0</DatePart><AssignedTime>00:00:00</AssignedTime>",
            "<AssignedDate>01/01/1999</AssignedDate><DatePart>2</DatePart>",
            "<AssignedDate>01/04/2003</AssignedDate><DatePart>1</DatePart>",
            "<AssignedDate>02/06/2024</AssignedDate><DatePart>4</DatePart><AssignedTime>11:05:00</AssignedTime>",
            "<FileStatus>0</FileStatus><DatePart>3</DatePart>",
            "<EndDate>01/03/2020</EndDate><EndDatePart>1</EndDatePart>",
            "<Code><Value>H33..</Value><Scheme>READ2</Scheme><Term>Asthma</Term><MapCode>195967001</MapCode><MapScheme>SNOMED</MapScheme></Code><TermID><Value>H33</Value>",
            "<Operator>&lt;=</Operator><Value>2.1</Value><Units>mmol/L</Units>",
            "<GroupID>3</GroupID>",
            "<TextValue>No growth</TextValue>",
        ] {
            assert!(text.contains(part), "{part}");
        }
    }

    #[test]
    fn lists_stand_in_the_order_of_the_real_sample() {
        let text = written(&everything("9990005192", "Z99005"));
        let mut from = 0;
        for name in [
            "Registration",
            "EventList",
            "ConsultationList",
            "InvestigationList",
            "ReferralList",
            "AllergyList",
            "MedicationList",
            "IssueList",
            "AttachmentList",
            "AlertList",
            "RegistrationStatus",
            "PeopleList",
            "LocationList",
            "LocationTypeList",
            "Originator",
            "MessageInformation",
            "PolicyList",
        ] {
            // Investigations have event lists of their own: the top-level lists are found by searching onwards.
            let at = text[from..].find(&format!("<{name}>"));
            from += at.unwrap_or_else(|| panic!("{name}"));
        }
    }
}
