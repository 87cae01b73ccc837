//! Reads the register files and validates them as a whole: every fault is reported, none is repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{
    Agreement, Organisation, OrganisationKind, PracticeSource, Protocol, Register, Signature, User,
    raw,
};
use crate::record::OdsCode;
use crate::tabs::catalogue::{Tab, TabSet};

/// File of the organisations and their signatures.
pub const ORGANISATIONS: &str = "organisations.toml";
/// File of the users.
pub const USERS: &str = "users.toml";
/// File of the OAuth clients.
pub const CLIENTS: &str = "clients.toml";
/// File of the protocols.
pub const PROTOCOLS: &str = "protocols.toml";
/// File of the agreement itself.
pub const AGREEMENT: &str = "agreement.toml";

/// Purposes that a protocol may have: direct care, and what an override adds (S2 2.1.4, R106, R170).
const DIRECT_CARE: [&str; 3] = ["TREAT", "ETREAT", "BTG"];

/// The texts of the five files.
#[derive(Debug, Clone, Default)]
pub struct RegisterFiles {
    /// Text of [`AGREEMENT`].
    pub agreement: String,
    /// Text of [`ORGANISATIONS`].
    pub organisations: String,
    /// Text of [`USERS`].
    pub users: String,
    /// Text of [`CLIENTS`].
    pub clients: String,
    /// Text of [`PROTOCOLS`].
    pub protocols: String,
}

/// One fault of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterError {
    /// The file.
    pub file: &'static str,
    /// The line, from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// The rule that it breaks: an R-number, or words.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {} ({})", self.message, self.rule)
    }
}

/// Every fault of the register, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the register is not valid:{}", .0.iter().map(|error| format!("\n  {error}")).collect::<String>())]
pub struct RegisterErrors(pub Vec<RegisterError>);

impl Register {
    /// Reads the five files of `dir` and validates them as of `today` (Europe/London).
    ///
    /// # Errors
    /// Every fault that was found; a register with a fault is never in force.
    pub fn load(dir: &Path, today: Date) -> Result<Self, RegisterErrors> {
        let mut errors = Vec::new();
        let mut read = |file: &'static str| match std::fs::read_to_string(dir.join(file)) {
            Ok(text) => text,
            Err(error) => {
                errors.push(RegisterError {
                    file,
                    line: None,
                    rule: "file is there",
                    message: error.to_string(),
                });
                String::new()
            }
        };
        let files = RegisterFiles {
            agreement: read(AGREEMENT),
            organisations: read(ORGANISATIONS),
            users: read(USERS),
            clients: read(CLIENTS),
            protocols: read(PROTOCOLS),
        };
        if errors.is_empty() {
            Self::read(&files, today)
        } else {
            Err(RegisterErrors(errors))
        }
    }

    /// Reads and validates the texts of the five files as of `today`.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn read(files: &RegisterFiles, today: Date) -> Result<Self, RegisterErrors> {
        let mut errors = Vec::new();
        let agreement = parse::<raw::Agreement>(AGREEMENT, &files.agreement, &mut errors);
        let organisations =
            parse::<raw::Organisations>(ORGANISATIONS, &files.organisations, &mut errors);
        let users = parse::<raw::Users>(USERS, &files.users, &mut errors);
        let clients = parse::<raw::Clients>(CLIENTS, &files.clients, &mut errors);
        let protocols = parse::<raw::Protocols>(PROTOCOLS, &files.protocols, &mut errors);
        let (Some(agreement), Some(organisations), Some(users), Some(clients), Some(protocols)) =
            (agreement, organisations, users, clients, protocols)
        else {
            return Err(RegisterErrors(errors));
        };

        let mut register = Self {
            agreement: take_agreement(agreement, &mut Check::new(AGREEMENT, "", &mut errors)),
            hash: files.hash(),
            ..Self::default()
        };
        let mut check = Check::new(ORGANISATIONS, &files.organisations, &mut errors);
        for entry in organisations.organisation {
            register.take_organisation(entry, today, &mut check);
        }
        let mut check = Check::new(USERS, &files.users, &mut errors);
        for entry in users.user {
            register.take_user(entry, today, &mut check);
        }
        let mut check = Check::new(CLIENTS, &files.clients, &mut errors);
        for entry in clients.client {
            register.take_client(entry, &mut check);
        }
        let mut check = Check::new(PROTOCOLS, &files.protocols, &mut errors);
        for entry in protocols.protocol {
            register.take_protocol(entry, &mut check);
        }
        if errors.is_empty() {
            Ok(register)
        } else {
            Err(RegisterErrors(errors))
        }
    }

    fn take_organisation(
        &mut self,
        entry: Spanned<raw::Organisation>,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.at(&entry);
        let raw = entry.into_inner();
        let ods = OdsCode(raw.ods);
        let well_formed = (3..=10).contains(&ods.0.len())
            && ods
                .0
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        check.that(well_formed, "ODS code", || {
            format!("`{ods}` is not an ODS code: 3 to 10 capital letters and digits")
        });
        check.that(!raw.name.trim().is_empty(), "name", || {
            format!("{ods} has no name")
        });
        let practice = raw.kind == OrganisationKind::Practice;
        if let Some(signature) = &raw.signature {
            check.that(signature.date.0 <= today, "R150", || {
                format!("the signature of {ods} is dated in the future")
            });
            check.that(
                self.agreement.versions.contains(&signature.agreement),
                "R150",
                || {
                    format!(
                        "{ods} signed version `{}`, which is none of the agreement's",
                        signature.agreement
                    )
                },
            );
            let signed_by = !signature.name.trim().is_empty() && !signature.title.trim().is_empty();
            check.that(signed_by, "R150", || {
                format!("the signature of {ods} needs name and title of the signatory")
            });
            check.that(raw.kind != OrganisationKind::Commissioner, "R107", || {
                format!(
                    "{ods} is a commissioner: neither controller nor processor, so it does not sign"
                )
            });
        }
        check.that(
            practice || raw.source.is_none(),
            "practice and source",
            || format!("{ods} is no practice, so it has no source"),
        );
        check.that(
            !practice || raw.source.is_some(),
            "practice and source",
            || format!("the practice {ods} has no source"),
        );
        check.that(!raw.enabled || practice, "R005", || {
            format!("{ods} is no practice, so it cannot be enabled")
        });
        check.that(!raw.enabled || raw.signature.is_some(), "R004", || {
            format!("{ods} is enabled but has not signed")
        });
        check.that(!raw.applies_exclusion_list || practice, "R044", || {
            format!("{ods} is no practice, so it has no exclusion switch")
        });
        if let Some(source) = &raw.source {
            check.that(is_endpoint(&source.endpoint), "source endpoint", || {
                format!("the endpoint of {ods} is neither http(s)://… nor tcp://host:port")
            });
        }
        check.that(
            raw.qualified_roles.is_empty() || raw.kind == OrganisationKind::Viewer,
            "R107",
            || format!("{ods} is no viewer, so none of its roles is qualified to look"),
        );
        for role in &raw.qualified_roles {
            let clinical = self
                .agreement
                .roles
                .get(role)
                .is_some_and(|role| role.clinical);
            check.that(clinical, "R100", || {
                format!("{ods} names the role `{role}`, which is no clinical role of the agreement")
            });
        }
        let fresh = !self.organisations.contains_key(&ods);
        check.that(fresh, "unique id", || format!("{ods} is there twice"));
        self.organisations.insert(
            ods.clone(),
            Organisation {
                ods,
                name: raw.name,
                kind: raw.kind,
                signature: raw.signature.map(|signature| Signature {
                    agreement: signature.agreement,
                    name: signature.name,
                    title: signature.title,
                    date: signature.date.0,
                }),
                suspended: raw.suspended,
                assurance_until: raw.assurance_until.map(|day| day.0),
                source: raw.source.map(|source| PracticeSource {
                    family: source.family,
                    endpoint: source.endpoint,
                }),
                enabled: raw.enabled,
                applies_exclusion_list: raw.applies_exclusion_list,
                qualified_roles: raw.qualified_roles.into_iter().collect(),
            },
        );
    }

    fn take_user(&mut self, entry: Spanned<raw::User>, today: Date, check: &mut Check<'_>) {
        check.at(&entry);
        let raw = entry.into_inner();
        let name = raw.username;
        let well_formed = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'@'));
        check.that(well_formed, "username", || {
            format!("`{name}` is not a username: 1 to 64 of A-Z a-z 0-9 - . _ @")
        });
        check.that(!raw.name.trim().is_empty(), "name", || {
            format!("`{name}` has no name")
        });
        let role = self.agreement.roles.get(&raw.role);
        check.that(role.is_some(), "R100", || {
            format!("`{name}` has the unknown role `{}`", raw.role)
        });
        check.that(
            !role.is_some_and(|role| role.clinical) || !raw.organisations.is_empty(),
            "R101",
            || format!("`{name}` has a clinical role but acts for no organisation"),
        );
        let organisations: Vec<OdsCode> = raw.organisations.into_iter().map(OdsCode).collect();
        for ods in &organisations {
            self.known(ods, check, || format!("`{name}`"));
        }
        if let Some(terms) = &raw.terms_accepted {
            check.that(terms.date.0 <= today, "R103", || {
                format!("`{name}` accepted the terms in the future")
            });
        }
        let fresh = !self.users.contains_key(&name);
        check.that(fresh, "unique id", || {
            format!("the user `{name}` is there twice")
        });
        self.users.insert(
            name.clone(),
            User {
                username: name,
                name: raw.name,
                organisations,
                role: raw.role,
                training_until: raw.training_until.map(|day| day.0),
                terms_accepted: raw
                    .terms_accepted
                    .map(|terms| (terms.version, terms.date.0)),
                revoked: raw.revoked,
            },
        );
    }

    fn take_protocol(&mut self, entry: Spanned<raw::Protocol>, check: &mut Check<'_>) {
        check.at(&entry);
        let raw = entry.into_inner();
        let id = raw.id;
        let viewer = OdsCode(raw.viewer);
        check.that(!id.trim().is_empty(), "protocol id", || {
            "a protocol has no id".to_owned()
        });
        self.known(&viewer, check, || format!("the protocol `{id}`"));
        let organisation = self.organisations.get(&viewer);
        if let Some(organisation) = organisation {
            check.that(
                organisation.kind == OrganisationKind::Viewer,
                "R107",
                || format!("the protocol `{id}` gives access to {viewer}, which is no viewer"),
            );
            check.that(organisation.signature.is_some(), "R161", || {
                format!("the protocol `{id}` is for {viewer}, which has not signed the agreement")
            });
        }
        check.that(!raw.approval.trim().is_empty(), "R164", || {
            format!("the protocol `{id}` has no approval reference")
        });
        check.that(!raw.purposes.is_empty(), "R160", || {
            format!("the protocol `{id}` has no purpose")
        });
        for purpose in &raw.purposes {
            check.that(DIRECT_CARE.contains(&purpose.as_str()), "R170", || {
                format!("the protocol `{id}` has the purpose `{purpose}`, which is not direct care")
            });
        }
        check.that(raw.valid_from.0 <= raw.valid_until.0, "R160", || {
            format!("the protocol `{id}` ends before it begins")
        });
        check.that(!raw.tabs.is_empty(), "R160", || {
            format!("the protocol `{id}` covers no role")
        });
        let mut roles = BTreeMap::new();
        for (role, codes) in raw.tabs {
            let qualified = organisation.is_none_or(|o| o.qualified_roles.contains(&role));
            check.that(qualified, "R100", || {
                format!("the protocol `{id}` covers the role `{role}`, which is not qualified at {viewer}")
            });
            check.that(!codes.is_empty(), "R160", || {
                format!("the protocol `{id}` gives the role `{role}` no tab")
            });
            let mut tabs = TabSet::NONE;
            for code in &codes {
                match Tab::from_code(code) {
                    Some(tab) => tabs.insert(tab),
                    None => check.that(false, "R020", || {
                        format!("the protocol `{id}` names the unknown tab `{code}`")
                    }),
                }
            }
            roles.insert(role, tabs);
        }
        let fresh = !self.protocols.contains_key(&id);
        check.that(fresh, "unique id", || {
            format!("the protocol `{id}` is there twice")
        });
        self.protocols.insert(
            id.clone(),
            Protocol {
                id,
                viewer,
                purposes: raw.purposes,
                roles,
                valid: (raw.valid_from.0, raw.valid_until.0),
                approval: raw.approval,
            },
        );
    }

    pub(super) fn known(&self, ods: &OdsCode, check: &mut Check<'_>, who: impl Fn() -> String) {
        check.that(
            self.organisations.contains_key(ods),
            "known organisation",
            || format!("{} names the unknown organisation {ods}", who()),
        );
    }
}

impl RegisterFiles {
    /// SHA-256 over names, lengths and texts of the files, hex.
    fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, text) in [
            (AGREEMENT, &self.agreement),
            (ORGANISATIONS, &self.organisations),
            (USERS, &self.users),
            (CLIENTS, &self.clients),
            (PROTOCOLS, &self.protocols),
        ] {
            hasher.update(name.as_bytes());
            hasher.update([0]);
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn take_agreement(raw: raw::Agreement, check: &mut Check<'_>) -> Agreement {
    check.that(!raw.versions.is_empty(), "R150", || {
        "the agreement has no version".to_owned()
    });
    check.that(!raw.terms.trim().is_empty(), "R103", || {
        "the agreement has no version of the terms of use".to_owned()
    });
    check.that(url::Url::parse(&raw.policy).is_ok(), "policy", || {
        "the policy is not a URI".to_owned()
    });
    for (name, role) in &raw.roles {
        check.that(!role.clinical || role.duties.is_empty(), "R093", || {
            format!("the role `{name}` is clinical and has a duty of oversight: nobody reviews their own looking")
        });
    }
    check.that(raw.roles.values().any(|role| role.clinical), "R100", || {
        "the agreement names no clinical role".to_owned()
    });
    let once: BTreeSet<&String> = raw.versions.iter().collect();
    check.that(once.len() == raw.versions.len(), "unique id", || {
        "a version of the agreement is there twice".to_owned()
    });
    Agreement {
        name: raw.name,
        versions: raw.versions,
        terms: raw.terms,
        policy: raw.policy,
        group: raw.group,
        review_due: raw.review_due.map(|day| day.0),
        roles: raw.roles,
    }
}

fn is_endpoint(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| match url.scheme() {
        "http" | "https" => url.has_host(),
        "tcp" => url.has_host() && url.port().is_some(),
        _ => false,
    })
}

fn parse<T: DeserializeOwned>(
    file: &'static str,
    text: &str,
    errors: &mut Vec<RegisterError>,
) -> Option<T> {
    match toml::from_str(text) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            errors.push(RegisterError {
                file,
                line: error.span().map(|span| line_of(text, span.start)),
                rule: "readable file",
                message: error.message().to_owned(),
            });
            None
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Collects the faults of one file; knows at which line the entry under the pen begins.
pub(super) struct Check<'a> {
    file: &'static str,
    text: &'a str,
    line: Option<usize>,
    errors: &'a mut Vec<RegisterError>,
}

impl<'a> Check<'a> {
    fn new(file: &'static str, text: &'a str, errors: &'a mut Vec<RegisterError>) -> Self {
        Self {
            file,
            text,
            line: None,
            errors,
        }
    }

    pub(super) fn at<T>(&mut self, entry: &Spanned<T>) {
        self.line = Some(line_of(self.text, entry.span().start));
    }

    pub(super) fn that(
        &mut self,
        holds: bool,
        rule: &'static str,
        message: impl FnOnce() -> String,
    ) {
        if !holds {
            self.errors.push(RegisterError {
                file: self.file,
                line: self.line,
                rule,
                message: message(),
            });
        }
    }
}
