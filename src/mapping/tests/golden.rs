//! Every fixture against its golden files: each resource as JSON, and beside them what the later stages are told.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib mapping::` writes them anew; the HL7 validator then has the last word.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::fixtures::FIXTURES;
use super::{json, mapped};
use crate::mapping::MappedRecord;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/mapping")
        .join(name)
}

#[test]
fn every_fixture_becomes_its_golden_files() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, record) in FIXTURES {
        let made = files(&mapped(record()));
        let folder = folder(name);
        if update {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            for (file, text) in &made {
                std::fs::write(folder.join(file), text).unwrap();
            }
            continue;
        }
        let mut there: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(there, made.keys().cloned().collect::<Vec<_>>(), "{name}");
        for (file, text) in &made {
            let golden = std::fs::read_to_string(folder.join(file)).unwrap();
            assert_eq!(*text, golden, "{name}/{file}");
        }
    }
}

fn files(record: &MappedRecord) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut index = String::new();
    let name = |id: &str| {
        let at = record.resources.iter().position(|other| other.id == id);
        at.map_or_else(
            || id.to_owned(),
            |at| file_name(at, record.resources[at].kind.name()),
        )
    };
    for (at, one) in record.resources.iter().enumerate() {
        let file = file_name(at, one.kind.name());
        let sections: Vec<_> = one.sections.iter().map(|s| s.code()).collect();
        let codings: Vec<_> = one
            .codings
            .iter()
            .map(|(s, c)| format!("{s}|{c}"))
            .collect();
        let _ = writeln!(index, "{file}");
        let _ = writeln!(index, "  of {} on {}", one.native_id, one.date);
        let _ = writeln!(index, "  sections {}", sections.join(", "));
        let _ = writeln!(index, "  {:?}: {}", one.checkable, codings.join(" "));
        if !one.restrictions.is_empty() {
            let _ = writeln!(index, "  restrictions {:?}", one.restrictions);
        }
        if let Some(parent) = &one.parent {
            let _ = writeln!(index, "  inside {}", name(parent));
        }
        if one.bracket {
            let _ = writeln!(index, "  bracket");
        }
        if one.header != crate::mapping::Header::No {
            let _ = writeln!(index, "  header {:?}", one.header);
        }
        out.insert(file, pretty(&json(one)));
    }
    for loss in &record.losses {
        let _ = writeln!(
            index,
            "loss {} {} {}",
            loss.reason,
            loss.path,
            loss.native_id.as_deref().unwrap_or("-")
        );
    }
    out.insert("index.txt".to_owned(), index);
    out
}

fn file_name(at: usize, kind: &str) -> String {
    format!("{at:02}-{kind}.json")
}

/// Indents JSON text without reading its numbers, so that every digit stays.
fn pretty(compact: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for c in compact.chars() {
        if quoted {
            out.push(c);
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                depth += 1;
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                quoted = c == '"';
                out.push(c);
            }
        }
    }
    out.push('\n');
    out
}
