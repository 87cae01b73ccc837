//! What `docs/ARCHITECTURE.md` says that each part must never do, held by its imports.

use std::path::Path;

/// Every source file of the library as (path below `src`, text).
pub fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    gather(&root, &root, &mut found);
    assert!(found.len() > 100);
    found
}

pub fn gather(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Paths that code names: `use` declarations with their braces written out, and paths in the middle of code. Comments
/// and what stands below `#[cfg(test)]` do not count.
fn named(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .collect::<Vec<_>>()
        .join(" ");
    let mut paths = Vec::new();
    let mut rest = code.as_str();
    while let Some(start) = rest
        .find("crate::")
        .into_iter()
        .chain(rest.find("fhirbolt"))
        .min()
    {
        rest = &rest[start..];
        let end = path_end(rest);
        written_out("", &rest[..end], &mut paths);
        rest = &rest[end.max(1)..];
    }
    paths
}

/// Where a path, with its group in braces, ends.
fn path_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with("::") || depth > 0 => depth += 1,
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            c if depth > 0 || c.is_alphanumeric() || c == '_' || c == ':' => {}
            _ => return at,
        }
    }
    text.len()
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn written_out(before: &str, path: &str, paths: &mut Vec<String>) {
    let path = path.trim();
    let Some((head, group)) = path.split_once('{') else {
        if !path.is_empty() {
            paths.push(
                format!("{before}{path}")
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let before = format!("{before}{}", head.trim());
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                written_out(&before, &group[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    written_out(&before, &group[start..], paths);
}

/// Files of a part must name nothing of these, but what is excepted.
fn forbids(part: &str, forbidden: &[&str], excepted: &[&str]) {
    let mut files = 0;
    for (file, text) in sources() {
        if !file.starts_with(part) || file.contains("test") {
            continue;
        }
        files += 1;
        for path in named(&text) {
            let bad = forbidden.iter().any(|it| path.starts_with(it));
            let fine = excepted.iter().any(|it| path.starts_with(it));
            assert!(!bad || fine, "src/{file} names {path}");
        }
    }
    assert!(files > 0, "there is no src/{part}");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = "use crate::a::{self, b::{C, d as e}};\nuse super::x; // crate::comment\nlet y = crate::f::g(1);\n\
                pub use fhirbolt::Z;\n#[cfg(test)]\nmod tests { use crate::source::X; }";
    assert_eq!(
        named(text),
        [
            "crate::a::self",
            "crate::a::b::C",
            "crate::a::b::d as e",
            "crate::f::g",
            "fhirbolt::Z"
        ]
    );
}

// design.md 2: `record` holds no FHIR type and does no I/O
#[test]
fn a_record_is_plain() {
    forbids("record/", &["crate::"], &["crate::record"]);
    for (file, text) in sources()
        .iter()
        .filter(|(file, _)| file.starts_with("record/"))
    {
        for io in [
            "std::fs",
            "std::net",
            "tokio::",
            "reqwest::",
            "std::env",
            "clock::",
        ] {
            assert!(!text.contains(io), "src/{file} names {io}");
        }
    }
}

// design.md 2: `source` builds no FHIR and decides nothing
#[test]
fn a_source_builds_no_fhir() {
    forbids(
        "source/",
        &[
            "crate::fhir",
            "crate::mapping",
            "crate::labelling",
            "crate::release",
            "crate::tabs",
            "crate::api",
            "crate::access",
            "crate::occasion",
            "crate::register",
            "crate::smart",
            "crate::store",
            "crate::sandbox",
            "crate::lookup",
            "crate::audit",
            "crate::gateway",
            "crate::cli",
            "crate::config",
        ],
        // The names of identifier systems, which the trace service speaks too.
        &["crate::fhir::uri"],
    );
}

// design.md 2: `mapping` is pure
#[test]
fn mapping_reads_no_clock_network_or_configuration() {
    forbids(
        "mapping/",
        &[
            "crate::clock",
            "crate::config",
            "crate::source",
            "crate::store",
            "crate::register",
            "crate::access",
            "crate::labelling",
            "crate::release",
            "crate::api",
            "crate::audit",
            "crate::lookup",
            "crate::smart",
        ],
        &[],
    );
}

// design.md 2: `access` does no I/O and reads no clock
#[test]
fn decisions_are_pure() {
    forbids(
        "access/",
        &[
            "crate::clock",
            "crate::source::http",
            "crate::source::emis",
            "crate::source::systmone",
            "crate::store",
            "crate::lookup",
            "crate::api",
            "crate::release",
            "crate::mapping",
            "crate::labelling",
            "crate::smart",
        ],
        &[],
    );
    for (file, text) in sources()
        .iter()
        .filter(|(file, _)| file.starts_with("access/") && !file.contains("test"))
    {
        for io in ["std::fs", "std::env", "tokio::", "reqwest::", "async "] {
            assert!(!text.contains(io), "src/{file} names {io}");
        }
    }
}

// design.md 2: `smart` looks at no clinical data
#[test]
fn smart_sees_nothing_clinical() {
    forbids(
        "smart/",
        &[
            "crate::mapping",
            "crate::release",
            "crate::labelling",
            "crate::lookup",
            "crate::record",
            "crate::source",
            "crate::fhir::model",
            "crate::fhir::Resource",
            "crate::fhir::build",
            "crate::api",
        ],
        // Names of organisations and numbers, and the boxed future that traits share.
        &[
            "crate::record::OdsCode",
            "crate::record::NhsNumber",
            "crate::source::BoxFuture",
        ],
    );
}

// design.md 2: the mock systems and the adapters share no type, so that they cannot share a misreading
#[test]
fn mocks_and_adapters_share_nothing() {
    for part in ["sandbox/mock", "sandbox/population", "sandbox/story"] {
        forbids(
            part,
            &[
                "crate::source",
                "crate::record",
                "crate::mapping",
                "crate::fhir::model",
                "crate::fhir::build",
            ],
            &[],
        );
    }
    forbids("source/", &["crate::sandbox"], &[]);
}

// design.md 2: `api` never asks a source itself, and stores only through the stages
#[test]
fn the_api_asks_no_source() {
    forbids(
        "api/",
        &[
            "crate::source",
            "crate::mapping",
            "crate::sandbox",
            "crate::store::sqlite",
        ],
        &[],
    );
}

// design.md 2: SQL stays in the store
#[test]
fn only_the_store_speaks_sql() {
    for (file, text) in sources() {
        if !file.starts_with("store/") {
            assert!(!text.contains("rusqlite"), "src/{file} names rusqlite");
        }
    }
}

// ARCHITECTURE.md: one crate names fhirbolt
#[test]
fn only_the_codec_names_fhirbolt() {
    for (file, text) in sources() {
        if !file.starts_with("fhir-codec/") {
            let found = named(&text)
                .into_iter()
                .find(|path| path.starts_with("fhirbolt"));
            assert_eq!(found, None, "src/{file}");
        }
    }
}
