//! Reads the register files and validates them as a whole: every fault is reported, none is repaired.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::agreement::take_agreement;
use super::{Register, User, raw};
use crate::record::OdsCode;
use crate::text::hex;

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
/// File of the terms of use, which may be missing: then nobody can accept them here (R103).
pub const TERMS: &str = "terms.toml";

/// The texts of the files.
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
    /// Text of [`TERMS`], where there is one.
    pub terms: Option<String>,
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
    /// Reads the files of `dir` and validates them as of `today` (Europe/London).
    ///
    /// # Errors
    /// Every fault that was found; a register with a fault is never in force.
    pub fn load(dir: &Path, today: Date) -> Result<Self, RegisterErrors> {
        Self::read(&RegisterFiles::of_folder(dir)?, today)
    }

    /// Reads and validates the texts of the files as of `today`.
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
        let terms = match &files.terms {
            None => Some(None),
            Some(text) => parse::<raw::TermsOfUse>(TERMS, text, &mut errors).map(Some),
        };
        let (
            Some(agreement),
            Some(organisations),
            Some(users),
            Some(clients),
            Some(protocols),
            Some(terms),
        ) = (agreement, organisations, users, clients, protocols, terms)
        else {
            return Err(RegisterErrors(errors));
        };

        let mut register = Self {
            agreement: take_agreement(
                agreement,
                today,
                &mut Check::new(AGREEMENT, &files.agreement, &mut errors),
            ),
            hash: files.hash(),
            ..Self::default()
        };
        let mut check = Check::new(ORGANISATIONS, &files.organisations, &mut errors);
        let mut lines = Vec::new();
        for entry in organisations.organisation {
            lines.push((entry.get_ref().ods.clone(), entry.span().start));
            register.take_organisation(entry, today, &mut check);
        }
        for (ods, start) in lines {
            check.at_offset(start);
            register.check_relations(&OdsCode(ods), today, &mut check);
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
            register.take_protocol(entry, today, &mut check);
        }
        let mut check = Check::new(ORGANISATIONS, &files.organisations, &mut errors);
        register.check_declines(&mut check);
        if let (Some(terms), Some(text)) = (terms, &files.terms) {
            register.take_terms(terms, &mut Check::new(TERMS, text, &mut errors));
        }
        // Two rules may find the same fault; it is told once.
        let mut told = BTreeSet::new();
        errors.retain(|error| told.insert((error.file, error.line, error.message.clone())));
        if errors.is_empty() {
            Ok(register)
        } else {
            Err(RegisterErrors(errors))
        }
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
        let usable = |hash: &String| {
            hash.starts_with("$argon2id$")
                && argon2::password_hash::phc::PasswordHash::new(hash)
                    .is_ok_and(|it| it.hash.is_some())
        };
        check.that(raw.password.as_ref().is_none_or(usable), "password", || {
            format!("the password of `{name}` is not an argon2id hash (PHC form)")
        });
        for (provider, identity) in &raw.identities {
            let taken = self.users.values().find(|other| {
                other.identities.get(provider) == Some(identity) && other.username != name
            });
            check.that(!identity.is_empty() && taken.is_none(), "R101", || {
                format!("the identity of `{name}` at `{provider}` is empty, or somebody else's too")
            });
        }
        for (profile, ods) in &raw.role_profiles {
            let taken = self
                .users
                .values()
                .any(|other| other.role_profiles.contains_key(profile));
            check.that(organisations.contains(ods) && !taken, "R101", || {
                format!(
                    "the role profile `{profile}` of `{name}` is somebody else's too, or for {ods}, which `{name}` does not act for"
                )
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
                password: raw.password,
                identities: raw.identities,
                role_profiles: raw.role_profiles,
            },
        );
    }

    /// A practice can only decline a flow that there is (R165).
    fn check_declines(&self, check: &mut Check<'_>) {
        for practice in self.organisations.values() {
            for decline in &practice.declines {
                check.that(
                    self.protocols.contains_key(&decline.protocol),
                    "R165",
                    || {
                        format!(
                            "{} declines the unknown protocol `{}`",
                            practice.ods, decline.protocol
                        )
                    },
                );
            }
        }
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
    /// Reads the files of a folder, whatever they say.
    ///
    /// # Errors
    /// Every file that cannot be read.
    pub fn of_folder(dir: &Path) -> Result<Self, RegisterErrors> {
        let mut errors = Vec::new();
        let why = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound if !dir.is_dir() => {
                format!("there is no folder {}", dir.display())
            }
            std::io::ErrorKind::NotFound => "is not in the folder".to_owned(),
            _ => error.to_string(),
        };
        let terms = match std::fs::read_to_string(dir.join(TERMS)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                errors.push(RegisterError {
                    file: TERMS,
                    line: None,
                    rule: "readable file",
                    message: error.to_string(),
                });
                None
            }
        };
        let mut read = |file: &'static str| match std::fs::read_to_string(dir.join(file)) {
            Ok(text) => text,
            Err(error) => {
                errors.push(RegisterError {
                    file,
                    line: None,
                    rule: "every file has to be there",
                    message: why(error),
                });
                String::new()
            }
        };
        let files = Self {
            agreement: read(AGREEMENT),
            organisations: read(ORGANISATIONS),
            users: read(USERS),
            clients: read(CLIENTS),
            protocols: read(PROTOCOLS),
            terms,
        };
        if errors.is_empty() {
            Ok(files)
        } else {
            Err(RegisterErrors(errors))
        }
    }

    /// Names, lengths and texts of the files: for each its name, a zero byte, the length as eight bytes big-endian, the text.
    /// A file that is not there is not in it, so a register from before there was one keeps its hash.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let terms = self.terms.iter().map(|text| (TERMS, text));
        for (name, text) in [
            (AGREEMENT, &self.agreement),
            (ORGANISATIONS, &self.organisations),
            (USERS, &self.users),
            (CLIENTS, &self.clients),
            (PROTOCOLS, &self.protocols),
        ]
        .into_iter()
        .chain(terms)
        {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// The reverse of [`Self::canonical`]; `None` where it is not of that form.
    #[must_use]
    pub fn from_canonical(bytes: &[u8]) -> Option<Self> {
        let mut files = Self::default();
        let mut rest = bytes;
        let mut take = |name: &str| {
            let after = rest.strip_prefix(name.as_bytes())?.strip_prefix(&[0])?;
            let (length, after) = after.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            let (own, after) = after.split_at_checked(length)?;
            rest = after;
            String::from_utf8(own.to_vec()).ok()
        };
        for (name, text) in [
            (AGREEMENT, &mut files.agreement),
            (ORGANISATIONS, &mut files.organisations),
            (USERS, &mut files.users),
            (CLIENTS, &mut files.clients),
            (PROTOCOLS, &mut files.protocols),
        ] {
            *text = take(name)?;
        }
        files.terms = take(TERMS);
        rest.is_empty().then_some(files)
    }

    /// SHA-256 over [`Self::canonical`], hex.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.canonical()))
    }
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
        self.at_offset(entry.span().start);
    }

    /// What follows is about the file, not about a line of it.
    pub(super) fn whole_file(&mut self) {
        self.line = None;
    }

    fn at_offset(&mut self, start: usize) {
        self.line = Some(line_of(self.text, start));
    }

    /// Texts that must say something.
    pub(super) fn said(
        &mut self,
        rule: &'static str,
        texts: &[(&str, &str)],
        of: impl Fn() -> String,
    ) {
        for (what, text) in texts {
            self.that(!text.trim().is_empty(), rule, || {
                format!("{} has no {what}", of())
            });
        }
    }

    pub(super) fn ods(&mut self, ods: &OdsCode) {
        let well_formed = (3..=10).contains(&ods.0.len())
            && ods
                .0
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        self.that(well_formed, "ODS code", || {
            format!("`{ods}` is not an ODS code: 3 to 10 capital letters and digits")
        });
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
