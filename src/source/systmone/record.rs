//! A whole `ClientIntegrationResponse`: who, whether it may be shared, and every event.

use std::collections::HashSet;

use super::event::Clinical;
use crate::record::{
    Address, GpRecord, Loss, Missing, OdsCode, PartialDate, PatientDetails, Registration, Sex,
    Sharing, SourceFamily, Staff, Standing,
};
use crate::source::xml::{Element, Pull, Start};
use crate::source::{SourceError, SourceRefusal};

/// The name of the root element.
pub const ROOT: &str = "ClientIntegrationResponse";

/// One answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// `RequestUID` as echoed.
    pub request_uid: Option<String>,
    /// The record, a refusal, or an error code that is neither.
    pub said: Said,
}

/// What an answer says.
#[derive(Debug)]
pub enum Said {
    /// A record.
    Record(Box<GpRecord>),
    /// A refusal.
    Refused(SourceRefusal),
    /// Another error, by its code.
    Fault(String),
}

/// Reads one answer.
///
/// # Errors
/// Not well-formed, not a `ClientIntegrationResponse`, or without `Response`.
pub fn read(bytes: &[u8], practice: &OdsCode) -> Result<Answer, SourceError> {
    let mut pull = Pull::new(bytes)?;
    let Some(root) = pull.child_of(0)? else {
        return Err(SourceError::Mismatch("an empty message"));
    };
    if root.name != ROOT {
        return Err(SourceError::Mismatch(
            "the root element is not ClientIntegrationResponse",
        ));
    }
    let (mut request_uid, mut function, mut said) = (None, None, None);
    while let Some(start) = pull.child_of(root.depth)? {
        match start.name.as_str() {
            "RequestUID" => {
                let echoed = pull.element(start)?.own_text().map(ToOwned::to_owned);
                if request_uid.is_some() && request_uid != echoed {
                    return Err(SourceError::Mismatch("it answers two questions"));
                }
                request_uid = echoed;
            }
            "Function" => function = pull.element(start)?.own_text().map(ToOwned::to_owned),
            "Response" => {
                let read = response(&mut pull, &start, practice)?;
                if said.replace(read).is_some() {
                    return Err(SourceError::Mismatch("two answers in one"));
                }
            }
            _ => {}
        }
    }
    pull.finish()?;
    if function
        .as_deref()
        .is_some_and(|name| name != "GetPatientRecord")
    {
        return Err(SourceError::Mismatch("an answer to another function"));
    }
    let said = said.ok_or(SourceError::Mismatch("an answer without Response"))?;
    Ok(Answer { request_uid, said })
}

fn response(
    pull: &mut Pull<'_>,
    response: &Start,
    practice: &OdsCode,
) -> Result<Said, SourceError> {
    let mut clinical = Clinical::default();
    let mut patient = PatientDetails::default();
    let mut standing = Standing::default();
    let mut usual_gp = None;
    let mut error = None;
    let mut seen: HashSet<String> = HashSet::new();
    while let Some(start) = pull.child_of(response.depth)? {
        // Two of any of these would be two answers mixed into one.
        if !seen.insert(start.name.clone()) {
            return Err(SourceError::Mismatch("two answers in one"));
        }
        match start.name.as_str() {
            "Identity" => {
                let identity = pull.element(start)?;
                patient.nhs_number = identity
                    .text_of("NHSNumber")
                    .map(|number| number.replace(' ', ""));
                leftovers(&identity, "Response/Identity", &mut clinical.losses);
            }
            "Demographics" => {
                let details = pull.element(start)?;
                demographics(&details, &mut patient, &mut standing, &mut clinical.losses);
                usual_gp = details.text_of("UsualGPUserName").map(ToOwned::to_owned);
                leftovers(&details, "Response/Demographics", &mut clinical.losses);
            }
            "RecordSharing" => {
                let sharing = pull.element(start)?;
                standing.sharing = match sharing.text_of("SharingOut") {
                    Some("Implied") => Sharing::Implied,
                    Some("Consent") => Sharing::Express,
                    Some("Dissent") => Sharing::OptedOut,
                    _ => Sharing::Unknown,
                };
                leftovers(&sharing, "Response/RecordSharing", &mut clinical.losses);
            }
            "Error" => {
                let element = pull.element(start)?;
                let code = element.text_of("Code").or_else(|| element.own_text());
                error = Some(code.unwrap_or("unnamed").to_owned());
            }
            "Clinical" => {
                while let Some(child) = pull.child_of(start.depth)? {
                    if child.name != "Event" {
                        let path = format!("Response/Clinical/{}", child.name);
                        lose(&mut clinical.losses, &path, "unknown-element");
                        continue;
                    }
                    match pull.item_without(child, &["Narrative"])? {
                        Ok(event) => clinical.event(&event),
                        Err(_) => {
                            lose(&mut clinical.losses, "Response/Clinical/Event", "too-large");
                            clinical.missing.push(Missing::Any);
                        }
                    }
                    pull.keep(clinical.weight(), clinical.becomes())?;
                }
            }
            "NonClinical" => {
                while let Some(child) = pull.child_of(start.depth)? {
                    if child.name == "Visit" {
                        clinical.visit(&pull.element(child)?);
                        continue;
                    }
                    // Tasks are the practice's own; an appointment that was kept has its event.
                    let path = format!("Response/NonClinical/{}", child.name);
                    lose(&mut clinical.losses, &path, "administrative");
                }
            }
            "Metadata" => {
                while let Some(child) = pull.child_of(start.depth)? {
                    let element = pull.element(child)?;
                    metadata(&element, &mut clinical);
                    pull.keep(clinical.weight(), clinical.becomes())?;
                }
            }
            "RecordState" => {
                lose(
                    &mut clinical.losses,
                    "Response/RecordState",
                    "administrative",
                );
            }
            name => {
                let path = format!("Response/{name}");
                lose(&mut clinical.losses, &path, "unknown-element");
            }
        }
    }
    if let Some(code) = error {
        return Ok(refusal(&code));
    }
    clinical.resolve_links();
    clinical.entries.shrink_to_fit();
    clinical.encounters.shrink_to_fit();
    patient.usual_gp = usual_gp.and_then(|user| clinical.staff(Some(&user), None));
    Ok(Said::Record(Box::new(GpRecord {
        family: SourceFamily::SystmOne,
        practice: practice.clone(),
        patient,
        standing,
        staff: clinical.staff,
        organisations: clinical.organisations,
        encounters: clinical.encounters,
        entries: clinical.entries,
        missing: clinical.missing,
        losses: clinical.losses,
    })))
}

fn refusal(code: &str) -> Said {
    match code {
        "SharingOutDissent" => Said::Refused(SourceRefusal::Dissent),
        "SharingOutNotRecorded" => Said::Refused(SourceRefusal::SharingNotRecorded),
        "NoSuchPatient" => Said::Refused(SourceRefusal::NoSuchPatient),
        "NoSharingAgreement" => Said::Refused(SourceRefusal::AccessDenied),
        // The code came from outside: only its harmless characters go on.
        other => Said::Fault(
            other
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(40)
                .collect(),
        ),
    }
}

fn demographics(
    details: &Element,
    patient: &mut PatientDetails,
    standing: &mut Standing,
    losses: &mut Vec<Loss>,
) {
    let text = |name: &str| details.text_of(name).map(ToOwned::to_owned);
    patient.title = text("Title");
    patient.forenames = ["FirstName", "MiddleNames"]
        .iter()
        .filter_map(|name| details.text_of(name))
        .flat_map(str::split_whitespace)
        .map(ToOwned::to_owned)
        .collect();
    patient.surname = text("Surname");
    let mut day = |name: &str| -> Option<PartialDate> {
        let read = details.text_of(name)?.parse().ok().map(PartialDate::Day);
        if read.is_none() {
            lose(
                losses,
                &format!("Response/Demographics/{name}"),
                "unparsed-date",
            );
        }
        read
    };
    patient.birth_date = day("DateOfBirth").unwrap_or_default();
    standing.since = day("CareStartDate").and_then(|since| since.earliest());
    // Dead on a day that cannot be read is dead all the same.
    let died = details.text_of("DateOfDeath").is_some();
    patient.death_date = died.then(|| day("DateOfDeath").unwrap_or_default());
    patient.sex = match details.text_of("Sex") {
        Some("F") => Sex::Female,
        Some("M") => Sex::Male,
        Some("I") => Sex::Indeterminate,
        None => Sex::Unknown,
        Some(_) => {
            lose(losses, "Response/Demographics/Sex", "unknown-word");
            Sex::Unknown
        }
    };
    patient.address = details.child("Address").map(|address| {
        let part = |name: &str| address.text_of(name).map(ToOwned::to_owned);
        let house = [part("HouseNumber"), part("Road")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ");
        Address {
            lines: [part("HouseName"), Some(house), part("Locality")]
                .into_iter()
                .flatten()
                .filter(|line| !line.is_empty())
                .collect(),
            town: part("Town"),
            county: part("County"),
            postcode: part("Postcode"),
        }
    });
    let ended = details.text_of("CareEndDate").is_some();
    standing.registration = match details.text_of("RegistrationType") {
        _ if ended || patient.death_date.is_some() => Registration::Ended,
        Some("GMS" | "Applied") => Registration::Full,
        Some(kind) if kind.starts_with("Temporary") => Registration::Temporary,
        Some(kind) => Registration::Other(kind.to_owned()),
        None => Registration::Unknown,
    };
}

/// `Metadata/User` gives names to user names; `Site` is only where letters go.
fn metadata(user: &Element, clinical: &mut Clinical) {
    let id = user.text_of("UserName").filter(|_| user.name == "User");
    if let Some(id) = id {
        let name: Vec<&str> = ["Title", "FirstName", "MiddleNames", "Surname"]
            .iter()
            .filter_map(|part| user.text_of(part))
            .collect();
        let kind = user.text_of("NationalIDType");
        let gmc = (kind == Some("GMC")).then(|| user.text_of("NationalID"));
        clinical.describe_staff(Staff {
            id: id.to_owned(),
            name: name.join(" "),
            role: user.text_of("Role").map(ToOwned::to_owned),
            gmc: gmc.flatten().map(ToOwned::to_owned),
        });
    }
    let path = format!("Response/Metadata/{}", user.name);
    leftovers(user, &path, &mut clinical.losses);
}

/// What is beside the fields that are read is the practice's own business.
fn leftovers(element: &Element, path: &str, losses: &mut Vec<Loss>) {
    element.unread(&mut |left| lose(losses, &format!("{path}/{left}"), "administrative"));
}

fn lose(losses: &mut Vec<Loss>, path: &str, reason: &'static str) {
    losses.push(Loss {
        path: path.into(),
        native_id: None,
        code: None,
        reason,
    });
}
