//! A whole `ClientIntegrationResponse`: who, whether it may be shared, and every event.

use super::event::Clinical;
use crate::record::{
    Address, GpRecord, Loss, OdsCode, PartialDate, PatientDetails, Registration, Sex, Sharing,
    SourceFamily, Staff, Standing,
};
use crate::source::xml::{Element, Pull, Start, XmlError};
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
            "RequestUID" => request_uid = pull.element(start)?.own_text().map(ToOwned::to_owned),
            "Function" => function = pull.element(start)?.own_text().map(ToOwned::to_owned),
            "Response" => said = Some(response(&mut pull, &start, practice)?),
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

fn response(pull: &mut Pull<'_>, response: &Start, practice: &OdsCode) -> Result<Said, XmlError> {
    let mut clinical = Clinical::default();
    let mut patient = PatientDetails::default();
    let mut standing = Standing::default();
    let mut usual_gp = None;
    let mut error = None;
    while let Some(start) = pull.child_of(response.depth)? {
        match start.name.as_str() {
            "Identity" => {
                let identity = pull.element(start)?;
                patient.nhs_number = identity
                    .text_of("NHSNumber")
                    .map(|number| number.replace(' ', ""));
            }
            "Demographics" => {
                let details = pull.element(start)?;
                demographics(&details, &mut patient, &mut standing, &mut clinical.losses);
                usual_gp = details.text_of("UsualGPUserName").map(ToOwned::to_owned);
                leftovers(
                    &details,
                    "Response/Demographics",
                    "administrative",
                    &mut clinical.losses,
                );
            }
            "RecordSharing" => {
                standing.sharing = match pull.element(start)?.text_of("SharingOut") {
                    Some("Implied") => Sharing::Implied,
                    Some("Consent") => Sharing::Express,
                    Some("Dissent") => Sharing::OptedOut,
                    _ => Sharing::Unknown,
                };
            }
            "Error" => {
                let element = pull.element(start)?;
                error = Some(
                    element
                        .text_of("Code")
                        .or_else(|| element.own_text())
                        .unwrap_or("unnamed")
                        .to_owned(),
                );
            }
            "Clinical" => {
                while let Some(child) = pull.child_of(start.depth)? {
                    if child.name == "Event" {
                        clinical.event(&pull.element_without(child, &["Narrative"])?);
                    } else {
                        lose(
                            &mut clinical.losses,
                            &format!("Response/Clinical/{}", child.name),
                            "unknown-element",
                        );
                    }
                }
            }
            "NonClinical" => {
                while let Some(child) = pull.child_of(start.depth)? {
                    lose(
                        &mut clinical.losses,
                        &format!("Response/NonClinical/{}", child.name),
                        "administrative",
                    );
                }
            }
            "Metadata" => metadata(&pull.element(start)?, &mut clinical),
            "RecordState" => {}
            name => lose(
                &mut clinical.losses,
                &format!("Response/{name}"),
                "unknown-element",
            ),
        }
    }
    if let Some(code) = error {
        return Ok(match code.as_str() {
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
        });
    }
    clinical.resolve_links();
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
        losses: clinical.losses,
    })))
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
    patient.death_date = day("DateOfDeath");
    patient.sex = match details.text_of("Sex") {
        Some("F") => Sex::Female,
        Some("M") => Sex::Male,
        Some("I") => Sex::Indeterminate,
        _ => Sex::Unknown,
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
    let _ = details.text_of("CareStartDate");
    standing.registration = match details.text_of("RegistrationType") {
        _ if ended || patient.death_date.is_some() => Registration::Ended,
        Some("GMS" | "Applied") => Registration::Full,
        Some(kind) if kind.starts_with("Temporary") => Registration::Temporary,
        Some(kind) => Registration::Other(kind.to_owned()),
        None => Registration::Unknown,
    };
}

/// `Metadata/User` gives names to user names; `Site` is only where letters go.
fn metadata(metadata: &Element, clinical: &mut Clinical) {
    for user in metadata.children("User") {
        let Some(id) = user.text_of("UserName") else {
            continue;
        };
        let name: Vec<&str> = ["Title", "FirstName", "Surname"]
            .iter()
            .filter_map(|part| user.text_of(part))
            .collect();
        let gmc = user
            .text_of("NationalID")
            .filter(|_| user.text_of("NationalIDType") == Some("GMC"));
        let role = user.text_of("Role").map(ToOwned::to_owned);
        match clinical.staff.iter_mut().find(|known| known.id == id) {
            Some(known) => {
                known.gmc = gmc.map(ToOwned::to_owned);
                known.role = known.role.take().or(role);
            }
            None => clinical.staff.push(Staff {
                id: id.to_owned(),
                name: name.join(" "),
                role,
                gmc: gmc.map(ToOwned::to_owned),
            }),
        }
    }
}

fn leftovers(element: &Element, path: &str, reason: &str, losses: &mut Vec<Loss>) {
    element.unread(&mut |left| lose(losses, &format!("{path}/{left}"), reason));
}

fn lose(losses: &mut Vec<Loss>, path: &str, reason: &str) {
    losses.push(Loss {
        path: path.to_owned(),
        native_id: None,
        code: None,
        reason: reason.to_owned(),
    });
}
