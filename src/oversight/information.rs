//! What patients are told (S2 3.4 to 3.6; R175, R180, R181): generated from the register, so that it lists who takes part today,
//! and versioned by what it says of organisations and uses, so that a printed one can be known to be out of date.

use jiff::civil::Date;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cases::File;
use super::cases::publication::Publication;
use super::reports::sheet::{Sheet, Table, page};
use crate::record::OdsCode;
use crate::register::{
    ComplaintsFirst, GatewayKind, Organisation, OrganisationKind, Protocol, Register,
};
use crate::text::{escape, hex};

/// One organisation that may look, with what for.
struct Viewer<'a> {
    organisation: &'a Organisation,
    flows: Vec<&'a Protocol>,
}

/// Everything that the page says of the register.
struct Facts<'a> {
    practices: Vec<&'a Organisation>,
    viewers: Vec<Viewer<'a>>,
    /// Uses other than direct care (R175).
    other_uses: Vec<&'a Protocol>,
}

fn facts(register: &Register, today: Date) -> Facts<'_> {
    let takes_part = |organisation: &&Organisation| {
        organisation.has_signed(&register.agreement, today)
            && organisation.is_admitted()
            && organisation.withdrawal.is_none()
    };
    let of = |kind| {
        register
            .organisations
            .values()
            .filter(takes_part)
            .filter(move |organisation| organisation.kind == kind)
    };
    let in_force = |protocol: &&Protocol| protocol.is_in_force(today);
    Facts {
        practices: of(OrganisationKind::Practice)
            .filter(|practice| practice.is_enabled())
            .collect(),
        viewers: of(OrganisationKind::Viewer)
            .map(|organisation| Viewer {
                organisation,
                flows: register
                    .protocols
                    .values()
                    .filter(in_force)
                    .filter(|flow| flow.viewer == organisation.ods && flow.gateway.is_none())
                    .collect(),
            })
            .filter(|viewer| !viewer.flows.is_empty())
            .collect(),
        other_uses: register
            .protocols
            .values()
            .filter(in_force)
            .filter(|flow| {
                flow.gateway
                    .as_ref()
                    .is_some_and(|gateway| gateway.refusal(today).is_none())
            })
            .collect(),
    }
}

/// The version of what patients are told: it changes with every organisation that may look and every use, and with nothing
/// else, so that a practice need not print anew because a telephone number changed.
#[must_use]
pub fn version(register: &Register, today: Date) -> String {
    let facts = facts(register, today);
    let viewers: Vec<Value> = facts
        .viewers
        .iter()
        .map(|viewer| {
            let flows: Vec<_> = viewer
                .flows
                .iter()
                .map(|flow| json!([flow.id, flow.purposes, flow.why]))
                .collect();
            json!([viewer.organisation.ods, viewer.organisation.name, flows])
        })
        .collect();
    let uses: Vec<Value> = facts
        .other_uses
        .iter()
        .map(|flow| json!([flow.id, flow.viewer, flow.purposes, flow.why]))
        .collect();
    let digest = Sha256::digest(json!([viewers, uses]).to_string().as_bytes());
    hex(digest.get(..6).unwrap_or_default())
}

/// The public page; for one practice with its own contacts, or for everybody.
#[must_use]
pub fn html(register: &Register, practice: Option<&Organisation>, today: Date) -> String {
    let facts = facts(register, today);
    let version = version(register, today);
    let list = |items: Vec<String>| {
        let items: String = items
            .into_iter()
            .map(|item| format!("<li>{item}</li>\n"))
            .collect();
        format!("<ul>\n{items}</ul>\n")
    };
    // What this practice has declined is no use of its patients' records (R165).
    let agreed = |flow: &Protocol| practice.is_none_or(|practice| !practice.declines(&flow.id));
    let viewers = list(
        facts
            .viewers
            .iter()
            .filter(|viewer| viewer.flows.iter().any(|flow| agreed(flow)))
            .map(|viewer| {
                let flows = viewer.flows.iter().filter(|flow| agreed(flow));
                let why: Vec<String> = flows.map(|flow| escape(&flow.why)).collect();
                let sites: Vec<String> = viewer
                    .organisation
                    .sites
                    .values()
                    .map(|site| escape(site))
                    .collect();
                let sites = if sites.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", sites.join(", "))
                };
                format!(
                    "<strong>{}</strong>{sites}{}: {}",
                    escape(&viewer.organisation.name),
                    if viewer.organisation.is_stopped() {
                        ", suspended: may not look at present"
                    } else {
                        ""
                    },
                    why.join("; ")
                )
            })
            .collect(),
    );
    let uses = if !facts.other_uses.iter().any(|flow| agreed(flow)) {
        "<p>Your record is used through this service for your own care only, and for nothing else.</p>\n".to_owned()
    } else {
        let uses = facts
            .other_uses
            .iter()
            .filter(|flow| agreed(flow))
            .filter_map(|flow| {
                let gateway = flow.gateway.as_ref()?;
                let receiver = register
                    .organisations
                    .get(&flow.viewer)
                    .map_or(flow.viewer.0.as_str(), |viewer| viewer.name.as_str());
                Some(format!(
                    "{}: {} On what basis: {}, until {}. {}",
                    escape(receiver),
                    escape(&flow.why),
                    escape(gateway.kind.words()),
                    gateway.until,
                    whether_asked(gateway.kind)
                ))
            })
            .collect();
        format!(
            "<p>Besides your own care, these uses are agreed and in force. Where it says \u{201c}anonymised\u{201d}, your practice's \
             data processor makes numbers of it, in which nobody can be known, and nothing else leaves. Who has opted out of \
             sharing is in none of the uses that name patients.</p>\n{}",
            list(uses)
        )
    };
    let contact = practice.map_or_else(
        || "<p>Ask at your practice.</p>\n".to_owned(),
        |practice| {
            let people: Vec<String> = practice
                .contacts
                .iter()
                .map(|(office, contact)| {
                    let office = match office.as_str() {
                        "dpo" => "data protection officer".to_owned(),
                        other => other.replace('-', " "),
                    };
                    format!("{}: {}", escape(&office), escape(&contact.words()))
                })
                .collect();
            let name = escape(&practice.name);
            if people.is_empty() {
                format!("<p>Ask at {name}.</p>\n")
            } else {
                format!("<p>Ask at {name}:</p>\n{}", list(people))
            }
        },
    );
    let practices = list(
        facts
            .practices
            .iter()
            .map(|practice| escape(&practice.name))
            .collect(),
    );
    let body = format!(
        "<h1>Your GP record, where you are treated</h1>\n\
         <p>Version {version}. Agreement: {agreement}. Governed by: {group}.</p>\n\
         <h2>Why it is shared</h2>\n\
         <p>When you are treated somewhere else than at your practice, the clinician in front of you can look at parts of your GP record \
         as it is at that moment, so that they know your problems, medicines, allergies and test results. They look; nothing is copied \
         into another record, and it cannot be changed from there.</p>\n\
         <h2>Who may look</h2>\n{viewers}\
         <h2>Practices that share</h2>\n{practices}\
         <h2>Your choice</h2>\n\
         <p>You need not take part. Tell your practice that you want to opt out; it is done within 48 hours, you can change your mind as \
         often as you like, and it makes no difference to how you are treated.</p>\n\
         <h2>You are asked each time</h2>\n\
         <p>Even if you take part, nobody may look to treat you without asking you first, each time, and you may say no. Only when you cannot be asked, \
         because you are unconscious or your life is in danger, may a clinician look without it; each time this happens it is \
         reported and reviewed by somebody else.</p>\n\
         <h2>What is never shown</h2>\n\
         <p>Very sensitive entries are left out, whoever looks: <a href=\"/exclusions\">the list of what is never shown</a>. Where your \
         practice uses SystmOne, you can ask it to mark any entry as private; such an entry is never shown. What your practice or \
         the doctor wrote in free text is never shown.</p>\n\
         <h2>Other uses</h2>\n{uses}\
         <h2>See who has looked, and what is held about you</h2>\n\
         <p>Your practice can give you a list of everybody who looked at your record through this service, when, where and why. It can \
         also give you a copy of your record, with everything in it.</p>\n\
         <h2>If you are not content</h2>\n\
         <p>{complain}</p>\n\
         <h2>Whom to ask</h2>\n{contact}",
        complain = match register.agreement.oversight.complaints_first {
            ComplaintsFirst::Practice =>
                "Complain to your practice first; you can also turn to NHS England, or to the organisation that looked.",
            ComplaintsFirst::Receiver =>
                "Complain to your practice or to the organisation that looked: whichever you turn to deals with it. You can also turn to \
                 NHS England.",
        },
        agreement = escape(&register.agreement.name),
        group = escape(&register.agreement.group),
    );
    page("Your GP record, where you are treated", &body)
}

/// Is the patient asked before this use, and what can they do?
fn whether_asked(kind: GatewayKind) -> &'static str {
    match kind {
        GatewayKind::ExplicitConsent => "You are asked, and may say no.",
        GatewayKind::Anonymised => "You are not asked: nobody can be known from it.",
        GatewayKind::Section251 => "You are not asked; a national data opt-out stops it.",
        GatewayKind::LegalRequirement | GatewayKind::PublicInterest | GatewayKind::CopiNotice => {
            "You are not asked."
        }
    }
}

/// The newest publication of an organisation.
fn latest<'a>(
    publications: &'a [File<Publication>],
    ods: &OdsCode,
) -> Option<&'a File<Publication>> {
    publications
        .iter()
        .filter(|file| file.case.practice == *ods)
        .max_by_key(|file| file.case.at)
}

/// Who has published what, and whose is stale: the register has gained an organisation or a use since (R181).
#[must_use]
pub fn report(
    register: &Register,
    publications: &[File<Publication>],
    only: Option<&OdsCode>,
    today: Date,
) -> Sheet {
    let current = version(register, today);
    let publishes = |organisation: &&Organisation| {
        matches!(
            organisation.kind,
            OrganisationKind::Practice | OrganisationKind::Viewer
        ) && organisation.has_signed(&register.agreement, today)
            && only.is_none_or(|only| *only == organisation.ods)
    };
    let rows = register
        .organisations
        .values()
        .filter(publishes)
        .map(|organisation| {
            let last = latest(publications, &organisation.ods);
            let standing = match last {
                None => "never published",
                Some(file) if file.case.version == current => "up to date",
                Some(_) => "stale",
            };
            vec![
                organisation.ods.0.as_str().into(),
                organisation.name.as_str().into(),
                json!(last.map(|file| file.case.version.as_str())),
                json!(last.map(|file| file.case.at.to_string())),
                json!(last.map(|file| &file.case.places)),
                standing.into(),
            ]
        })
        .collect();
    Sheet::new("patient-information", "Information for patients")
        .fact("version", "Version in force", current)
        .fact("page", "Page", "/patient-information")
        .table(Table {
            key: "publications",
            title: "Who has published it".to_owned(),
            columns: &[
                ("organisation", "Organisation"),
                ("name", "Name"),
                ("version", "Version published"),
                ("at", "When"),
                ("places", "Where"),
                ("standing", "Standing"),
            ],
            rows,
        })
}

/// Those whose published information is stale now.
#[must_use]
pub fn stale(register: &Register, publications: &[File<Publication>], today: Date) -> Vec<OdsCode> {
    let current = version(register, today);
    register
        .organisations
        .keys()
        .filter(|ods| latest(publications, ods).is_some_and(|file| file.case.version != current))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::Decline;
    use crate::sandbox::register::tests::{TODAY, sandbox_register};

    fn published(ods: &str, version: String) -> File<Publication> {
        File {
            id: "p".to_owned(),
            case: Publication {
                practice: OdsCode(ods.to_owned()),
                version,
                at: jiff::Timestamp::UNIX_EPOCH,
                places: [crate::oversight::cases::publication::Place::Website].into(),
            },
            history: Vec::new(),
        }
    }

    // R180: every item of S2 3.6, and today's signatories
    #[test]
    fn the_page_says_all_that_patients_must_be_told() {
        let mut register = sandbox_register();
        let z99001 = OdsCode("Z99001".into());
        // R175: where other uses are agreed, the page names each and does not say that there is none.
        let with_uses = html(&register, register.organisations.get(&z99001), TODAY);
        assert!(with_uses.contains("Besides your own care"));
        assert!(with_uses.contains("To keep the regional disease register."));
        assert!(!with_uses.contains("for your own care only"));
        // Nobody reads that they are always asked where they are not; who is suspended is said to be.
        assert!(with_uses.contains("nobody may look to treat you without asking you first"));
        assert!(with_uses.contains("You are asked, and may say no."));
        assert!(with_uses.contains("You are not asked; a national data opt-out stops it."));
        assert!(with_uses.contains("suspended: may not look at present"));
        assert!(with_uses.contains("data protection officer: Robin Ashworth"));
        // R165: what the practice has declined is not told as a use of its patients' records.
        let mut declining = register.organisations[&z99001].clone();
        declining.declines.push(Decline {
            protocol: "disease-register-1".to_owned(),
            date: TODAY,
            by: "Morgan Tate".to_owned(),
        });
        let declined = html(&register, Some(&declining), TODAY);
        assert!(!declined.contains("regional disease register"));
        // R184: as the agreement says.
        register.agreement.oversight.complaints_first = ComplaintsFirst::Receiver;
        let receiver = html(&register, None, TODAY);
        assert!(receiver.contains("whichever you turn to deals with it"));
        register.agreement.oversight.complaints_first = ComplaintsFirst::Practice;
        register.protocols.retain(|_, flow| flow.gateway.is_none());
        let practice = &register.organisations[&z99001];
        let html = html(&register, Some(practice), TODAY);
        for must in [
            "Why it is shared",
            "Sandbox University Hospitals",
            "Sandbox Out of Hours",
            "Fosse Way Surgery",
            "opt out",
            "asking you first, each time",
            "marked",
            "as private",
            "href=\"/exclusions\"",
            "everybody who looked",
            "Complain to your practice first",
            "for your own care only",
        ] {
            assert!(html.replace("mark any", "marked").contains(must), "{must}");
        }
        // Never signed, not enabled, no party.
        for not in [
            "Melton Brook",
            "Charnwood House",
            "Commissioning",
            "<script",
        ] {
            assert!(!html.contains(not), "{not}");
        }
    }

    // R181: a new organisation or use makes what was published stale; anything else does not
    #[test]
    fn a_new_organisation_or_use_makes_notices_stale() {
        let mut register = sandbox_register();
        let before = version(&register, TODAY);
        let files = [
            published("Z99001", before.clone()),
            published("Z99002", "000000000000".into()),
        ];
        assert_eq!(stale(&register, &files, TODAY), [OdsCode("Z99002".into())]);
        register.agreement.group = "Another group".to_owned();
        register
            .organisations
            .get_mut(&OdsCode("Z99001".into()))
            .unwrap()
            .address = Some("1 High Street".into());
        assert_eq!(version(&register, TODAY), before);
        let mut new = register.organisations[&OdsCode("Z9O01".into())].clone();
        new.ods = OdsCode("Z9N01".into());
        new.name = "New Service".into();
        register.organisations.insert(new.ods.clone(), new);
        assert_eq!(version(&register, TODAY), before, "it has no flow yet");
        let mut flow = register.protocols["out-of-hours-1"].clone();
        flow.id = "new-1".into();
        flow.viewer = OdsCode("Z9N01".into());
        register.protocols.insert(flow.id.clone(), flow);
        assert_ne!(version(&register, TODAY), before);
        assert_eq!(stale(&register, &files, TODAY).len(), 2);
        let json = report(&register, &files, Some(&OdsCode("Z99001".into())), TODAY).json();
        assert_eq!(json["publications"][0]["standing"], "stale");
        assert!(html(&register, None, TODAY).contains("New Service"));
        let mut used = sandbox_register();
        used.protocols.get_mut("out-of-hours-1").unwrap().why = "Something new".into();
        assert_ne!(version(&used, TODAY), before);
    }
}
