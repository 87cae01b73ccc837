//! `adminDomain`: the patient, the practice, its staff and its confidentiality policies.

use super::super::ids::Of;
use super::super::practice::{Staff, all_staff, practice, usual_gp};
use super::super::xml::{Xml, at_most};
use super::{Writer, words};
use crate::sandbox::mock::write::index::moment;
use crate::sandbox::story::{Person, Registration};

pub(super) fn write(xml: &mut Xml, writer: &Writer<'_>) {
    xml.open("adminDomain");
    person(xml, writer);
    for staff in all_staff() {
        xml.open("person");
        xml.leaf("id", &writer.ids.guid(Of::StaffPerson, staff.key()));
        xml.leaf("forenames", staff.given);
        xml.leaf("surname", staff.family);
        xml.some("title", Some(staff.title).filter(|title| !title.is_empty()));
        xml.close("person");
    }
    patient(xml, writer);
    organisation(xml, writer);
    location(xml, writer);
    for staff in all_staff() {
        user(xml, writer, staff);
    }
    for staff in all_staff() {
        xml.open("role");
        xml.leaf("id", &writer.ids.guid(Of::Role, staff.key()));
        xml.leaf("name", staff.role);
        words(xml, "userCategory", staff.role);
        xml.leaf("organisation", &writer.organisation);
        xml.leaf("confidentialityPolicy", &writer.ids.guid(Of::Policy, 0));
        xml.close("role");
    }
    for staff in all_staff() {
        user_in_role(xml, writer, staff);
    }
    policies(xml, writer);
    xml.close("adminDomain");
}

fn person(xml: &mut Xml, writer: &Writer<'_>) {
    let person: &Person = writer.index.person;
    xml.open("person");
    xml.leaf("id", &writer.ids.guid(Of::Person, 0));
    xml.leaf("birthDate", &person.birth_date.to_string());
    xml.leaf(
        "sex",
        match person.sex {
            'F' => "F",
            'M' => "M",
            _ => "U",
        },
    );
    xml.leaf("forenames", &at_most(&person.given.join(" "), 108));
    xml.some("callingName", person.given.first().map(String::as_str));
    xml.leaf("surname", &person.family);
    xml.leaf("title", person.title);
    let [street, village, town, county, postcode] = &person.address;
    let kind = match person.registration {
        Registration::Full => "H",
        Registration::Temporary => "TMP",
    };
    address(
        xml,
        &writer.ids.guid(Of::Address, 0),
        kind,
        [street, village, town, county, postcode],
    );
    xml.close("person");
}

fn address(xml: &mut Xml, id: &str, kind: &str, parts: [&str; 5]) {
    let [street, village, town, county, postcode] = parts;
    xml.open("address");
    xml.leaf("id", id);
    xml.leaf("addressType", kind);
    xml.leaf("postCode", &at_most(postcode, 8));
    xml.leaf("houseNameFlat", "");
    xml.leaf("street", &at_most(street, 35));
    xml.leaf("village", &at_most(village, 35));
    xml.leaf("town", &at_most(town, 35));
    xml.leaf("county", &at_most(county, 35));
    xml.close("address");
}

fn patient(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    let ids = &writer.ids;
    xml.open("patient");
    xml.leaf("id", &writer.patient);
    xml.open("patientIdentifier");
    xml.leaf("identifierType", "NHS");
    xml.leaf("value", &person.nhs_number);
    xml.close("patientIdentifier");
    xml.leaf("patientPerson", &ids.guid(Of::Person, 0));
    let gp = writer.staff(usual_gp(person).place);
    if person.registration == Registration::Full {
        xml.leaf("registeredGPUserInRole", gp);
    }
    xml.leaf("usualGPUserInRole", gp);
    if let Some(died) = person.trace.deceased {
        xml.leaf("dateOfDeath", &died.to_string());
        xml.leaf("dead", "true");
    }
    xml.open("caseloadPatient");
    xml.leaf("id", &ids.guid(Of::Registration, 0));
    xml.leaf("organisation", &writer.organisation);
    let registered = person.registered.at(0, 0, 0, 0);
    xml.leaf("dateRecorded", &moment(registered));
    xml.open("patientStatus");
    // 8 correctly registered, 9 short stay, 11 death
    let (status, kind, term) = match person.registration {
        _ if person.trace.deceased.is_some() => ("11", "REG", "Regular"),
        Registration::Full => ("8", "REG", "Regular"),
        Registration::Temporary => ("9", "TMP", "Temporary"),
    };
    xml.leaf("status", status);
    xml.close("patientStatus");
    xml.leaf_with(
        "patientType",
        &[("dummy", "false"), ("originalTerm", term)],
        kind,
    );
    xml.close("caseloadPatient");
    xml.close("patient");
}

fn organisation(xml: &mut Xml, writer: &Writer<'_>) {
    let ods = writer.index.person.practice;
    xml.open("organisation");
    xml.leaf("id", &writer.organisation);
    xml.leaf("name", practice(ods).name);
    words(xml, "organisationType", "General Medical Practice");
    xml.leaf("nationalPracticeCode", ods);
    xml.leaf("mainLocation", &writer.ids.guid(Of::Practice, 1));
    xml.close("organisation");
}

fn location(xml: &mut Xml, writer: &Writer<'_>) {
    let here = practice(writer.index.person.practice);
    xml.open("location");
    xml.leaf("id", &writer.ids.guid(Of::Practice, 1));
    xml.leaf("name", here.name);
    words(xml, "locationType", "GP Surgery");
    address(
        xml,
        &writer.ids.guid(Of::Practice, 2),
        "W",
        [here.street, "", here.town, here.county, here.postcode],
    );
    xml.close("location");
}

fn user(xml: &mut Xml, writer: &Writer<'_>, staff: Staff) {
    xml.open("user");
    xml.leaf("id", &writer.ids.guid(Of::User, staff.key()));
    xml.leaf("userPerson", &writer.ids.guid(Of::StaffPerson, staff.key()));
    xml.leaf("loginName", &at_most(&staff.login(), 20));
    xml.leaf("active", "true");
    xml.leaf("defaultUserInRole", writer.staff(staff.place));
    xml.close("user");
}

fn user_in_role(xml: &mut Xml, writer: &Writer<'_>, staff: Staff) {
    xml.open("userInRole");
    xml.leaf("id", writer.staff(staff.place));
    xml.leaf("user", &writer.ids.guid(Of::User, staff.key()));
    xml.leaf("role", &writer.ids.guid(Of::Role, staff.key()));
    xml.leaf("contractualRelationship", "E");
    xml.leaf("contractStart", "2004-04-01");
    xml.leaf(
        "filingConfidentialityPolicy",
        &writer.ids.guid(Of::Policy, 0),
    );
    if let Some(gmc) = staff.gmc {
        xml.open("userIdentifier");
        xml.leaf("identifierType", "GP");
        xml.leaf("value", gmc);
        xml.close("userIdentifier");
    }
    xml.leaf("consulter", "true");
    xml.close("userInRole");
}

/// The default policy, which nothing in the record names, and the two confidential ones where the story needs them.
fn policies(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    policy(
        xml,
        writer,
        &writer.ids.guid(Of::Policy, 0),
        "Practice default",
        true,
    );
    let private = person.facts.iter().any(|fact| fact.private)
        || person.contacts.iter().any(|contact| contact.private);
    if !private {
        return;
    }
    let [silent, shown] = &writer.policies;
    policy(xml, writer, silent, "Confidential to the author", false);
    policy(xml, writer, shown, "Confidential to clinicians here", true);
}

fn policy(xml: &mut Xml, writer: &Writer<'_>, id: &str, name: &str, shows: bool) {
    xml.open("confidentialityPolicy");
    xml.leaf("id", id);
    xml.leaf("name", name);
    xml.leaf("notificationType", "NO");
    xml.leaf(
        "showHiddenRecordIndicator",
        if shows { "true" } else { "false" },
    );
    xml.leaf("organisation", &writer.organisation);
    xml.leaf("restrictToOrganisation", "true");
    xml.close("confidentialityPolicy");
}
