//! Files that an operator or a clinician writes: the first byte says which of them, the rest is its text.

use std::fmt::Write as _;

use jiff::civil::date;
use openmig::config::Config;
use openmig::labelling::{EMBEDDED, ExclusionList, ListError};
use openmig::mapping::{TableFiles, Tables};
use openmig::register::{Register, RegisterFiles};
use sha2::{Digest as _, Sha256};

/// Which of `n` files, and its text.
fn chosen(bytes: &[u8], n: usize) -> Option<(usize, String)> {
    let (first, rest) = bytes.split_first()?;
    let text = std::str::from_utf8(rest).ok()?.to_owned();
    Some((usize::from(*first) % n, text))
}

/// One file of the register, among sound ones.
pub fn register(bytes: &[u8]) {
    let Some((file, text)) = chosen(bytes, 6) else {
        return;
    };
    let mut files = RegisterFiles {
        agreement: include_str!("../../docs/example/register/agreement.toml").to_owned(),
        organisations: include_str!("../../docs/example/register/organisations.toml").to_owned(),
        users: include_str!("../../docs/example/register/users.toml").to_owned(),
        clients: String::new(),
        protocols: include_str!("../../docs/example/register/protocols.toml").to_owned(),
        terms: Some(include_str!("../../docs/example/register/terms.toml").to_owned()),
    };
    let place = match file {
        0 => &mut files.agreement,
        1 => &mut files.organisations,
        2 => &mut files.users,
        3 => &mut files.clients,
        4 => &mut files.protocols,
        _ => files.terms.get_or_insert_default(),
    };
    *place = text;
    if let Err(errors) = Register::read(&files, date(2026, 3, 17)) {
        assert!(!errors.0.is_empty(), "refused without a reason");
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// One file of the exclusion list; the head declares its checksum and number of lines, so that its content is looked at.
pub fn exclusions(bytes: &[u8]) {
    let Some((file, text)) = chosen(bytes, EMBEDDED.len()) else {
        return;
    };
    let (name, old) = EMBEDDED[file];
    let rows = |text: &str| {
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        reader.records().count()
    };
    let mut head = EMBEDDED[0].1.replace(&sha256(old), &sha256(&text));
    let declared = format!("file = \"{name}\"\ncount = {}", rows(old));
    head = head.replace(
        &declared,
        &format!("file = \"{name}\"\ncount = {}", rows(&text)),
    );
    let read = |wanted: &str| -> Result<String, ListError> {
        if wanted == name {
            return Ok(text.clone());
        }
        if wanted == "list.toml" {
            return Ok(head.clone());
        }
        let found = EMBEDDED.iter().find(|(known, _)| *known == wanted);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| ListError::Missing {
                file: wanted.to_owned(),
                why: "not there".to_owned(),
            })
    };
    if let Ok(list) = ExclusionList::from_files(&read) {
        let _ = list.matches([("http://snomed.info/sct", "165816005")]);
        assert!(!list.rows().is_empty(), "a list without lines is no list");
    }
}

/// One mapping table, among sound ones.
pub fn mappings(bytes: &[u8]) {
    let files = TableFiles::embedded();
    let names: Vec<&str> = files.iter().map(|(name, _)| name).collect();
    let Some((file, text)) = chosen(bytes, names.len()) else {
        return;
    };
    let Some(files) = files.with(names[file], text) else {
        return;
    };
    match Tables::read(&files) {
        Ok(tables) => assert_eq!(tables.coverage().sections.len(), 30),
        Err(error) => assert!(!error.0.is_empty(), "refused without a reason"),
    }
}

/// The configuration.
pub fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = toml::from_str::<Config>(text);
    }
}
