//! Reading a GP Connect record (FHIR STU3) as plain JSON: where things stand in it, and no more.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;

/// A record as EMIS Web sent it.
pub struct Record {
    /// File name without its end, for messages.
    pub name: String,
    /// The day of the export, from the file's name.
    pub today: jiff::civil::Date,
    /// Every resource that has an id, in the order of the Bundle.
    pub resources: Vec<Value>,
    by_reference: HashMap<String, usize>,
    headings: HashMap<String, String>,
}

/// The text at a JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The members of an array at a JSON pointer; none where it is not there.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The extension whose URL ends so.
pub fn extension<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    list(value, "/extension")
        .iter()
        .find(|one| text(one, "/url").is_some_and(|url| url.ends_with(name)))
}

/// All extensions whose URL ends so.
pub fn extensions<'a>(value: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    list(value, "/extension")
        .iter()
        .filter(move |one| text(one, "/url").is_some_and(|url| url.ends_with(name)))
}

/// A number as the record wrote it.
pub fn number(value: &Value, pointer: &str) -> Option<String> {
    let value = value.pointer(pointer)?;
    value.is_number().then(|| value.to_string())
}

/// The id behind `Type/id`.
pub fn id_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The resource's own id.
pub fn id(resource: &Value) -> &str {
    text(resource, "/id").unwrap_or_default()
}

/// The resource's type.
pub fn kind(resource: &Value) -> &str {
    text(resource, "/resourceType").unwrap_or_default()
}

/// A laboratory's or clinician's comment, which EMIS sends as an Observation of its own: free text.
pub fn is_comment(resource: &Value) -> bool {
    kind(resource) == "Observation" && id(resource).ends_with("-COMM")
}

/// The term that the clinician saw: EMIS writes it where it differs from the code's own.
pub fn term(concept: &Value) -> Option<&str> {
    let picked = || {
        let codings = list(concept, "/coding");
        let picked = codings
            .iter()
            .find(|one| one.pointer("/userSelected") == Some(&Value::Bool(true)));
        let one = picked.or(codings.first())?;
        let synonym = extension(one, "coding-sctdescid").and_then(|e| {
            list(e, "/extension")
                .iter()
                .find(|part| text(part, "/url") == Some("descriptionDisplay"))
        });
        synonym
            .and_then(|part| text(part, "/valueString"))
            .or_else(|| text(one, "/display"))
    };
    text(concept, "/text").or_else(picked)
}

/// Codings with the one that the clinician picked first.
pub fn codings(concept: &Value) -> Vec<&Value> {
    let mut codings: Vec<&Value> = list(concept, "/coding").iter().collect();
    codings.sort_by_key(|one| one.pointer("/userSelected") != Some(&Value::Bool(true)));
    codings
}

impl Record {
    /// What a reference points at.
    pub fn find(&self, reference: &str) -> Option<&Value> {
        self.resources.get(*self.by_reference.get(reference)?)
    }

    /// Every resource of a type.
    pub fn of<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a Value> {
        self.resources.iter().filter(move |r| kind(r) == wanted)
    }

    /// The consultation heading that a resource stands under.
    pub fn heading(&self, reference: &str) -> Option<&str> {
        self.headings.get(reference).map(String::as_str)
    }

    /// The code of a medication.
    pub fn medicine(&self, request: &Value) -> Option<&Value> {
        let reference = text(request, "/medicationReference/reference")?;
        self.find(reference)?.pointer("/code")
    }

    fn new(name: String, bundle: Value) -> Option<Self> {
        let day = name.rsplit('_').next()?;
        let today = jiff::civil::Date::strptime("%Y%m%d", day).ok()?;
        let resources: Vec<Value> = list(&bundle, "/entry")
            .iter()
            .filter_map(|entry| entry.get("resource"))
            .filter(|resource| !id(resource).is_empty())
            .cloned()
            .collect();
        let by_reference = resources
            .iter()
            .enumerate()
            .map(|(at, one)| (format!("{}/{}", kind(one), id(one)), at))
            .collect();
        let headings = resources
            .iter()
            .filter(|one| text(one, "/code/coding/0/code") == Some("24781000000107"))
            .flat_map(|one| {
                let title = text(one, "/title").unwrap_or_default();
                list(one, "/entry")
                    .iter()
                    .filter_map(|entry| text(entry, "/item/reference"))
                    .map(|item| (item.to_owned(), title.to_owned()))
            })
            .collect();
        Some(Self {
            name,
            today,
            resources,
            by_reference,
            headings,
        })
    }
}

/// The records of the samples' folder; none where it is not there, which is said.
#[expect(
    clippy::disallowed_methods,
    reason = "tests find the sample files by the environment"
)]
pub fn samples() -> Vec<Record> {
    let shared = std::env::var("OPENMIG_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/samples/emis/gpconnect-stu3");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    let records: Vec<Record> = paths
        .iter()
        .filter_map(|path| {
            let name = path.file_stem()?.to_string_lossy().into_owned();
            let bytes = std::fs::read(path).ok()?;
            Record::new(name, serde_json::from_slice(&bytes).ok()?)
        })
        .collect();
    assert_eq!(records.len(), paths.len(), "a sample cannot be read");
    if records.is_empty() {
        eprintln!("not run: the GP Connect samples are not there; set OPENMIG_SHARED");
    }
    records
}
