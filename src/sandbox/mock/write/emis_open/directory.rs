//! What stands behind the clinical lists: registration status, people, locations, originator, policies.

use jiff::civil::DateTime;

use super::super::practice::{all_staff, practice};
use super::super::xml::Xml;
use super::{POLICIES, Thing, Writer, address, day, identity, reference};
use crate::sandbox::story::Registration;

/// Places of the three location types, in the order of [`super::location_type`], then that of the practice itself.
const LOCATION_TYPES: [&str; 3] = [
    "GP Surgery",
    "Telephone call to a patient",
    "Patient's home",
];

pub(super) fn write(xml: &mut Xml, writer: &Writer<'_>, now: DateTime) {
    registration_status(xml, writer);
    people(xml, writer);
    xml.open("LocationList");
    let here = practice(writer.index.person.practice);
    xml.open("Location");
    identity(xml, writer, Thing::Practice);
    xml.leaf("FileStatus", "0");
    xml.leaf("LocationName", here.name);
    xml.leaf("NationalCode", writer.index.person.practice);
    xml.open("LocationTypeID");
    identity(xml, writer, Thing::LocationType(0));
    xml.leaf("FileStatus", "3");
    xml.close("LocationTypeID");
    address(
        xml,
        writer,
        Thing::PracticeAddress,
        [here.street, "", here.town, here.county, here.postcode],
    );
    xml.close("Location");
    xml.close("LocationList");
    xml.open("LocationTypeList");
    for (key, words) in (0_u32..).zip(LOCATION_TYPES) {
        xml.open("LocationType");
        identity(xml, writer, Thing::LocationType(key));
        xml.leaf("FileStatus", "3");
        xml.leaf("Description", words);
        xml.close("LocationType");
    }
    xml.close("LocationTypeList");
    xml.open("Originator");
    xml.open("System");
    xml.leaf("Name", "EMIS Web (synthetic)");
    xml.close("System");
    reference(xml, writer, "Organisation", Thing::Practice);
    xml.close("Originator");
    xml.open("MessageInformation");
    xml.leaf("DateCreated", &day(now.date()));
    xml.leaf("TimeCreated", &now.strftime("%H:%M:%S").to_string());
    xml.close("MessageInformation");
    policies(xml, writer);
}

fn registration_status(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    let registered = day(person.registered);
    // 6 record received, 9 short stay, 11 death; 4 regular, 5 temporary resident
    let (status, kind) = match person.registration {
        _ if person.trace.deceased.is_some() => ("11", "4"),
        Registration::Full => ("6", "4"),
        Registration::Temporary => ("9", "5"),
    };
    xml.open("RegistrationStatus");
    xml.open("CurrentStatus");
    identity(xml, writer, Thing::Patient);
    xml.leaf("FileStatus", "0");
    xml.open("Code");
    xml.leaf("Value", status);
    xml.close("Code");
    xml.leaf("StatusDate", &registered);
    xml.open("PatientType");
    xml.leaf("Value", kind);
    xml.close("PatientType");
    if kind == "4" && status == "6" {
        xml.leaf("PracticeRegistered", "1");
        xml.leaf("HARegistered", "1");
    }
    xml.close("CurrentStatus");
    xml.close("RegistrationStatus");
}

fn people(xml: &mut Xml, writer: &Writer<'_>) {
    xml.open("PeopleList");
    for staff in all_staff() {
        xml.open("Person");
        identity(xml, writer, Thing::Staff(staff.key()));
        xml.leaf("FileStatus", "0");
        xml.leaf("Mnemonic", &staff.login());
        xml.leaf("PCSUser", "1");
        xml.leaf("ActiveEMISUser", "Y");
        xml.leaf("Title", staff.title);
        xml.leaf("FirstNames", staff.given);
        xml.leaf("LastName", staff.family);
        xml.open("Category");
        identity(xml, writer, Thing::Category(staff.key()));
        xml.leaf("Description", staff.role);
        xml.close("Category");
        xml.some("GmcCode", staff.gmc);
        xml.leaf("ContractStart", "01/04/2004");
        xml.leaf("ContractualRelationship", "E");
        xml.close("Person");
    }
    xml.close("PeopleList");
}

fn policies(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    let private = person.facts.iter().any(|fact| fact.private)
        || person.contacts.iter().any(|contact| contact.private);
    if !private {
        return;
    }
    xml.open("PolicyList");
    for (number, words) in POLICIES {
        xml.open("PolicyType");
        xml.leaf("DBID", &number.to_string());
        // The schema spells this one otherwise.
        xml.leaf("RefId", &number.to_string());
        xml.leaf("GUID", &writer.guid(Thing::Policy(number)));
        xml.leaf("Term", words);
        xml.leaf("FileStatus", "0");
        xml.close("PolicyType");
    }
    xml.close("PolicyList");
}
