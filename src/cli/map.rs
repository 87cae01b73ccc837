//! `openmig map`: one supplier message at hand to a `collection` Bundle, labels set, nothing withheld (no access rules
//! apply to a file at hand); every dropped or degraded field to stderr.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::clock::{Clock, SystemClock};
use crate::fhir::{IdKey, to_json};
use crate::labelling::{ExclusionList, PracticeRules, label};
use crate::mapping::{MappingContext, Tables, map};
use crate::record::date::london;
use crate::record::{GpRecord, NhsNumber, OdsCode};
use crate::source::{SourceError, SourceLimits, emis, systmone};

/// Exit 0 when the file was read, 2 with the position when it was not.
pub fn run(source: &str, file: &Path) -> ExitCode {
    let bytes = match read_file(file) {
        Ok(bytes) => bytes,
        Err(error) => return super::fail(&format!("{}: {error}", file.display()), 2),
    };
    let practice = OdsCode("FILE".to_owned());
    let read: fn(&[u8], &OdsCode) -> Result<GpRecord, SourceError> = match source {
        "emis" => emis::read,
        "systmone" => systmone::read,
        _ => return super::fail(&"--source is emis or systmone", 2),
    };
    let record = match read(&bytes, &practice) {
        Ok(record) => record,
        Err(error) => return super::fail(&format!("{}: {error}", file.display()), 2),
    };
    match print(record) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error, 1),
    }
}

/// The bytes of a file, within the cap of an answer.
fn read_file(file: &Path) -> std::io::Result<Vec<u8>> {
    let max = SourceLimits::default().max_bytes;
    let mut bytes = Vec::new();
    let most = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file)?
        .take(most)
        .read_to_end(&mut bytes)?;
    if bytes.len() > max {
        let error = SourceError::TooLarge(max);
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, error));
    }
    Ok(bytes)
}

fn print(record: GpRecord) -> Result<(), Box<dyn std::error::Error>> {
    let tables = Tables::load()?;
    let list = ExclusionList::load_embedded()?;
    // Ids of a file at hand need to be stable, not secret.
    let ids = IdKey::new([0; 32]);
    // A file may hold a number that is none; the Bundle then says what the file says, under an id of its own.
    let number = record
        .patient
        .nhs_number
        .as_deref()
        .and_then(|number| NhsNumber::parse(number).ok());
    let number = match number {
        Some(number) => number,
        None => NhsNumber::parse("9990000018")?,
    };
    let context = MappingContext {
        tables: &tables,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today: SystemClock.now().to_zoned(london()).date(),
        practice_name: "the practice of this file",
    };
    let labelled = label(
        map(record, &context),
        &list,
        PracticeRules { apply_list: false },
    )?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    out.write_all(br#"{"resourceType":"Bundle","type":"collection","entry":["#)?;
    for (n, resource) in labelled.resources().iter().enumerate() {
        let mapped = resource.mapped();
        if n > 0 {
            out.write_all(b",")?;
        }
        write!(
            out,
            r#"{{"fullUrl":"https://openmig.org/fhir/{}/{}","resource":"#,
            mapped.kind.name(),
            mapped.id
        )?;
        out.write_all(&to_json(&mapped.resource)?)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"]}\n")?;
    out.flush()?;
    let mut err = std::io::BufWriter::new(std::io::stderr().lock());
    for loss in labelled.losses() {
        serde_json::to_writer(&mut err, loss)?;
        err.write_all(b"\n")?;
    }
    err.flush()?;
    Ok(())
}
