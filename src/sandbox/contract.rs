//! `GET /sandbox/contract.json`: the names that app developers and tests rely on, as data.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cis2;
use super::register::{SandboxPorts, WEB_SECRET};
use super::story::Person;
use crate::fhir::IdKey;
use crate::record::NhsNumber;
use crate::register::{ClientAuthentication, OrganisationKind, Register};

/// The contract (`sandbox.md`). Members that do not apply are left out.
#[derive(Debug, Serialize)]
pub struct Contract {
    base: String,
    fhir_base: String,
    urls: Urls,
    organisations: Vec<Organisation>,
    users: Vec<User>,
    clients: Vec<Client>,
    /// OpenID providers at which users sign in, and whose id tokens are exchanged.
    providers: Vec<Provider>,
    patients: Vec<Patient>,
    /// People beyond the contract are many: they are listed on pages of their own.
    ordinary_patients: OrdinaryPatients,
}

#[derive(Debug, Serialize)]
struct OrdinaryPatients {
    total: u64,
    url: String,
}

#[derive(Debug, Serialize)]
struct Urls {
    viewer: String,
    console: String,
    docs: String,
    emis: String,
    systmone: String,
    systmone_tcp: String,
    trace: String,
    ehr: String,
}

#[derive(Debug, Serialize)]
struct Organisation {
    ods: String,
    name: String,
    kind: OrganisationKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct User {
    username: String,
    password: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    about: String,
}

#[derive(Debug, Serialize)]
struct Provider {
    id: &'static str,
    issuer: String,
    id_token_url: String,
    audiences: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Serialize)]
struct Client {
    client_id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redirect_uris: Vec<String>,
}

/// One person, as the contract and the list of people name them.
#[derive(Debug, Serialize)]
pub struct Patient {
    nhs_number: String,
    fhir_id: String,
    name: String,
    birth_date: String,
    practice: &'static str,
    about: &'static str,
}

impl Patient {
    /// What the contract says of a person; none where the number is no NHS number.
    #[must_use]
    pub fn of(person: &Person, ids: &IdKey) -> Option<Self> {
        let number = NhsNumber::parse(&person.nhs_number).ok()?;
        Some(Self {
            fhir_id: ids.patient(&number).to_string(),
            nhs_number: person.nhs_number.clone(),
            name: format!(
                "{} {} {}",
                person.title,
                person.given.join(" "),
                person.family
            ),
            birth_date: person.birth_date.to_string(),
            practice: person.practice,
            about: person.about,
        })
    }
}

/// The password of every sandbox user.
pub const PASSWORD: &str = "sandbox";

/// Format of each practice's source, in words.
const FORMATS: [(&str, &str); 6] = [
    ("Z99001", "EMIS-style (OpenHR)"),
    ("Z99002", "SystmOne-style (HTTP)"),
    ("Z99003", "EMIS-style (OpenHR)"),
    ("Z99004", "SystmOne-style (HTTP)"),
    ("Z99005", "EMIS-style (EMIS Open)"),
    ("Z99006", "SystmOne-style (TCP)"),
];

impl Contract {
    /// From the register in force and the people of the contract; beside them there are `ordinary` more.
    #[must_use]
    pub fn new(
        ports: SandboxPorts,
        register: &Register,
        ids: &IdKey,
        people: &[Person],
        ordinary: u64,
    ) -> Self {
        let base = format!("http://127.0.0.1:{}", ports.gateway);
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        Self {
            fhir_base: format!("{base}/fhir/r4"),
            urls: Urls {
                viewer: format!("{base}/viewer"),
                console: format!("{base}/console"),
                docs: format!("{base}/docs"),
                emis: at(ports.emis),
                systmone: at(ports.systmone),
                systmone_tcp: format!("tcp://127.0.0.1:{}", ports.systmone_tcp),
                trace: at(ports.trace),
                ehr: at(ports.ehr),
            },
            organisations: register
                .organisations
                .values()
                .map(|organisation| Organisation {
                    ods: organisation.ods.0.clone(),
                    name: organisation.name.clone(),
                    kind: organisation.kind,
                    source: FORMATS
                        .iter()
                        .find(|(ods, _)| *ods == organisation.ods.0)
                        .map(|(_, format)| *format),
                })
                .collect(),
            users: register
                .users
                .values()
                .map(|user| User {
                    username: user.username.clone(),
                    password: PASSWORD,
                    organisation: Some(
                        user.organisations
                            .iter()
                            .map(|ods| ods.0.as_str())
                            .collect::<Vec<_>>()
                            .join(", "),
                    )
                    .filter(|organisations| !organisations.is_empty()),
                    about: format!("{} ({})", user.name, user.role),
                })
                .collect(),
            clients: register
                .clients
                .values()
                .map(|client| Client {
                    client_id: client.id.clone(),
                    kind: match client.authentication {
                        ClientAuthentication::Public => "public",
                        ClientAuthentication::Secret(_) => "confidential-symmetric",
                        ClientAuthentication::Keys(_) | ClientAuthentication::KeysAt { .. } => {
                            "private_key_jwt"
                        }
                    },
                    organisation: client.organisation.as_ref().map(|ods| ods.0.clone()),
                    secret: (client.id == "sandbox-web").then_some(WEB_SECRET),
                    key_url: matches!(
                        client.authentication,
                        ClientAuthentication::Keys(_) | ClientAuthentication::KeysAt { .. }
                    )
                    .then(|| format!("{base}/sandbox/keys/{}.jwk.json", client.id)),
                    redirect_uris: client.redirect_uris.clone(),
                })
                .collect(),
            providers: vec![Provider {
                id: cis2::PROVIDER,
                issuer: cis2::issuer(&base),
                id_token_url: format!("{base}/sandbox/id-token"),
                audiences: cis2::AUDIENCES.into(),
            }],
            patients: people
                .iter()
                .filter_map(|person| Patient::of(person, ids))
                .collect(),
            ordinary_patients: OrdinaryPatients {
                total: ordinary,
                url: format!("{base}/sandbox/patients"),
            },
            base,
        }
    }
}
