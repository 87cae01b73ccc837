//! What our resources name of ours is in `profiles/`, under that address and with those codes: nothing points into the void.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

/// Addresses of definitions below our canonical base, as the source and the mapping tables write them.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    files(&root.join("src"), ".rs", &mut sources);
    files(&root.join("mappings"), ".toml", &mut sources);
    let mut found = BTreeSet::new();
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        for kind in [
            "CodeSystem",
            "Questionnaire",
            "ValueSet",
            "StructureDefinition",
        ] {
            for start in ["https://openmig.org/fhir", "{OPENMIG}"] {
                for part in text.split(&format!("{start}/{kind}/")).skip(1) {
                    let id: String = part
                        .chars()
                        .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
                        .collect();
                    if !id.is_empty() {
                        found.insert(format!("{kind}/{id}"));
                    }
                }
            }
        }
    }
    found
}

fn profile(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let text = std::fs::read_to_string(root.join(format!("{}.json", name.replace('/', "-"))))
        .unwrap_or_else(|_| panic!("profiles/ has no {name}"));
    serde_json::from_str(&text).unwrap()
}

// R142, F: what a resource names can be looked up
#[test]
fn every_definition_of_ours_that_is_named_is_there() {
    let named = named();
    assert!(named.contains("Questionnaire/opt-out-review"), "{named:?}");
    assert!(named.contains("CodeSystem/opt-out-review"), "{named:?}");
    assert!(named.len() > 8, "{named:?}");
    for name in &named {
        let url = format!("https://openmig.org/fhir/{name}");
        assert_eq!(profile(name)["url"], url.as_str());
    }
}

// R142: every answer that a Questionnaire offers is a code of the CodeSystem that it names
#[test]
fn every_answer_is_a_code_of_its_system() {
    for name in ["opt-out-review", "consent-conversation"] {
        let questions = profile(&format!("Questionnaire/{name}"));
        let codes = profile(&format!("CodeSystem/{name}"));
        let codes: BTreeSet<&str> = codes["concept"]
            .as_array()
            .unwrap()
            .iter()
            .map(|concept| concept["code"].as_str().unwrap())
            .collect();
        let mut todo: Vec<&Value> = questions["item"].as_array().unwrap().iter().collect();
        let mut offered = BTreeSet::new();
        while let Some(item) = todo.pop() {
            todo.extend(item["item"].as_array().into_iter().flatten());
            for option in item["answerOption"].as_array().into_iter().flatten() {
                let coding = &option["valueCoding"];
                let system = coding["system"].as_str().unwrap();
                let of = system
                    .strip_prefix("https://openmig.org/fhir/CodeSystem/")
                    .unwrap();
                let code = coding["code"].as_str().unwrap();
                if of == name {
                    offered.insert(code);
                } else {
                    let other = profile(&format!("CodeSystem/{of}"));
                    let known = other["concept"].as_array().unwrap();
                    assert!(known.iter().any(|one| one["code"] == code), "{of} {code}");
                }
            }
        }
        assert_eq!(offered, codes, "{name}");
    }
}
