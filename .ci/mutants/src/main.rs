//! Writes every mutant of the named folders into a copy of the source, each behind `crate::mutant::on(number)`, so that one
//! build holds them all. Says on standard output, as JSON, which there are.
//!
//! `openmig-mutants ROOT DROPPED FOLDER…`: rewrites the `.rs` files of `ROOT/FOLDER` in place. `DROPPED` is a file of
//! numbers, one a line, of mutants that do not compile: they keep their number and are left out.

mod operators;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use operators::Found;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("no root")?);
    let dropped: HashSet<usize> =
        std::fs::read_to_string(arguments.next().ok_or("no file of dropped numbers")?)?
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .collect();
    let mut files = Vec::new();
    for folder in arguments {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut mutants = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let found = operators::find(&text)?;
        let first = mutants.len();
        let (written, places) = write(&text, &found, first, &dropped);
        let name = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        let mut ends = places.into_iter();
        for (n, it) in found.iter().enumerate() {
            let place = if dropped.contains(&(first + n)) {
                None
            } else {
                ends.next()
            };
            mutants.push(serde_json::json!({
                "k": first + n,
                "file": name,
                "line": text.get(..it.start).unwrap_or_default().matches('\n').count() + 1,
                "function": it.function,
                "operator": it.operator,
                "was": text.get(it.start..it.end),
                "is": it.is,
                "written": place,
            }));
        }
        std::fs::write(&file, written)?;
    }
    println!("{}", serde_json::to_string_pretty(&mutants)?);
    Ok(())
}

/// The source files under a folder, without those that hold tests only.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, files)?;
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "fixture.rs" {
            files.push(path);
        }
    }
    Ok(())
}

/// The text with its mutants in it, and where each stands there.
fn write(
    text: &str,
    found: &[Found],
    first: usize,
    dropped: &HashSet<usize>,
) -> (String, Vec<(usize, usize)>) {
    struct Insert {
        at: usize,
        /// What ends comes before what begins; of two that begin the outer comes first, of two that end the inner.
        order: (bool, i64, i64),
        text: String,
        k: usize,
    }
    let mut inserts = Vec::new();
    for (n, it) in found.iter().enumerate() {
        if dropped.contains(&(first + n)) {
            continue;
        }
        let (start, end, order) = (it.start as i64, it.end as i64, n as i64);
        let on = format!("crate::mutant::on({})", first + n);
        let (before, after) = it.around(&on);
        inserts.push(Insert {
            at: it.start,
            order: (true, -end, order),
            text: before,
            k: n,
        });
        inserts.push(Insert {
            at: it.end,
            order: (it.start == it.end, -start, -order),
            text: after,
            k: n,
        });
    }
    inserts.sort_by(|a, b| (a.at, a.order).cmp(&(b.at, b.order)));
    let mut places = vec![None; found.len()];
    let (mut written, mut from) = (String::new(), 0);
    for insert in inserts {
        written.push_str(text.get(from..insert.at).unwrap_or_default());
        from = insert.at;
        let begin = written.len();
        written.push_str(&insert.text);
        let place = places[insert.k].get_or_insert((begin, begin));
        place.1 = written.len();
    }
    written.push_str(text.get(from..).unwrap_or_default());
    (written, places.into_iter().flatten().collect())
}
