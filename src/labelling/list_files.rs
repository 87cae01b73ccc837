//! The files of an exclusion list: their forms, and how one after another is taken in.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::list::{ListError, Row};
use super::matcher::Matcher;
use super::policy::Category;
use super::refset::{self, RefsetAsk};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFile {
    pub(super) version: String,
    pub(super) source: String,
    #[serde(rename = "signed_by")]
    _signed_by: String,
    pub(super) appendix: AppendixPart,
    pub(super) descendants: Part,
    pub(super) additions: Part,
    pub(super) release: Option<Release>,
    #[serde(default)]
    pub(super) refset: Vec<RefsetPart>,
    pub(super) category: Vec<Category>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) file: String,
    pub(super) count: usize,
    pub(super) sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppendixPart {
    pub(super) file: String,
    pub(super) count: usize,
    pub(super) snomed_ids: usize,
    pub(super) sha256: String,
}

/// A national release that the operator has unpacked, by its own folder layout.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub(super) folder: String,
    effective_time: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefsetPart {
    pub(super) file: String,
    refset_id: String,
    title: Option<String>,
    category: String,
    pub(super) count: usize,
    #[serde(default)]
    modules: Vec<String>,
    pub(super) sha256: String,
}

impl RefsetPart {
    fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct AppendixLine {
    pub(super) n: u32,
    pub(super) term: String,
    pub(super) category: String,
    pub(super) read_v2: String,
    pub(super) include_descendants: String,
    pub(super) ctv3: String,
    pub(super) snomed: String,
    pub(super) confidence: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct DescendantLine {
    pub(super) n: u32,
    pub(super) read_v2: String,
    pub(super) ctv3: String,
}

#[derive(Debug, Deserialize)]
struct AdditionLine {
    n: u32,
    system: String,
    code: String,
    include_descendants: String,
}

/// Takes the files in, one after another.
pub(super) struct Builder {
    pub(super) categories: Vec<Category>,
    pub(super) rows: Vec<Row>,
    /// Line number of Appendix A → index into `rows`.
    lines: BTreeMap<u32, usize>,
    pub(super) matcher: Matcher,
}

impl Builder {
    pub(super) fn new(categories: Vec<Category>) -> Result<Self, ListError> {
        for (n, category) in categories.iter().enumerate() {
            let twice = categories
                .iter()
                .take(n)
                .any(|other| other.code == category.code);
            let hollow = category.code.is_empty()
                || category.title.is_empty()
                || category.act_codes.is_empty()
                || category.legal_basis.is_empty();
            if twice || hollow {
                return Err(ListError::Category(category.code.clone()));
            }
        }
        Ok(Self {
            categories,
            rows: Vec::new(),
            lines: BTreeMap::new(),
            matcher: Matcher::default(),
        })
    }

    fn category(&self, code: &str) -> Result<usize, ListError> {
        self.categories
            .iter()
            .position(|category| category.code == code)
            .ok_or_else(|| ListError::Category(code.to_owned()))
    }

    pub(super) fn appendix(
        &mut self,
        file: &str,
        count: usize,
        text: &str,
    ) -> Result<(), ListError> {
        let lines: Vec<AppendixLine> = table(file, count, text)?;
        for line in lines {
            let bad = |what| ListError::Code {
                file: file.to_owned(),
                entry: line.n.to_string(),
                what,
            };
            let row = self.rows.len();
            if self.lines.insert(line.n, row).is_some() {
                return Err(bad("this number stands twice"));
            }
            let descendants = yes(&line.include_descendants)
                .ok_or_else(|| bad("include_descendants is neither yes nor no"))?;
            if !matches!(line.confidence.as_str(), "verified" | "likely" | "unknown") {
                return Err(bad("confidence is not one of verified, likely, unknown"));
            }
            if !line.read_v2.is_empty() && !self.matcher.add_read(&line.read_v2, descendants, row) {
                return Err(bad("no Read v2 code"));
            }
            if !line.ctv3.is_empty() && !self.matcher.add_ctv3(&line.ctv3, row) {
                return Err(bad("no CTV3 code"));
            }
            let mut ids = line.snomed.split_whitespace().peekable();
            if line.read_v2.is_empty() && line.ctv3.is_empty() && ids.peek().is_none() {
                return Err(bad("it has no code at all"));
            }
            for id in ids {
                if !self.matcher.add_snomed(id, row) {
                    return Err(bad("no whole SNOMED CT concept id"));
                }
            }
            self.rows.push(Row {
                id: format!("appendix-a-{}", line.n),
                category: self.category(&line.category)?,
                term: line.term,
            });
        }
        Ok(())
    }

    fn line(&self, file: &str, n: u32) -> Result<usize, ListError> {
        self.lines.get(&n).copied().ok_or_else(|| ListError::Code {
            file: file.to_owned(),
            entry: n.to_string(),
            what: "no such line in the appendix",
        })
    }

    pub(super) fn descendants(
        &mut self,
        file: &str,
        count: usize,
        text: &str,
    ) -> Result<(), ListError> {
        for line in table::<DescendantLine>(file, count, text)? {
            let row = self.line(file, line.n)?;
            // The code itself, not its stem: the roots' stems cover what lies below.
            let fits = self.matcher.add_read(&line.read_v2, false, row)
                && self.matcher.add_ctv3(&line.ctv3, row);
            if !fits {
                return Err(ListError::Code {
                    file: file.to_owned(),
                    entry: line.n.to_string(),
                    what: "no Read v2 or no CTV3 code",
                });
            }
        }
        Ok(())
    }

    pub(super) fn additions(
        &mut self,
        file: &str,
        count: usize,
        text: &str,
    ) -> Result<(), ListError> {
        for line in table::<AdditionLine>(file, count, text)? {
            let row = self.line(file, line.n)?;
            let fits = match (line.system.as_str(), yes(&line.include_descendants)) {
                ("readv2", Some(descendants)) => {
                    self.matcher.add_read(&line.code, descendants, row)
                }
                ("ctv3", Some(false)) => self.matcher.add_ctv3(&line.code, row),
                ("snomed", Some(false)) => self.matcher.add_snomed(&line.code, row),
                _ => false,
            };
            if !fits {
                return Err(ListError::Code {
                    file: file.to_owned(),
                    entry: line.n.to_string(),
                    what: "no code of its system",
                });
            }
        }
        Ok(())
    }

    /// A national reference set, as its release delivers it.
    pub(super) fn refset(
        &mut self,
        part: &RefsetPart,
        release: Option<&Release>,
        text: &str,
    ) -> Result<(), ListError> {
        let category = self.category(&part.category)?;
        let ask = RefsetAsk {
            refset: &part.refset_id,
            release: release.map(|release| release.effective_time.as_str()),
            modules: &part.modules,
            // RF2 file names say what they are: `der2_Refset_SimpleUKCLFull_…`, `…Snapshot_…`.
            full: part.file_name().contains("Full_"),
        };
        let members = refset::members(text, ask).map_err(|(entry, what)| ListError::Code {
            file: part.file.clone(),
            entry,
            what,
        })?;
        if members.len() != part.count {
            return Err(ListError::Count {
                file: part.file.clone(),
                declared: part.count,
                found: members.len(),
            });
        }
        let row = self.rows.len();
        for member in members {
            if !self.matcher.add_snomed(member, row) {
                return Err(ListError::Code {
                    file: part.file.clone(),
                    entry: member.to_owned(),
                    what: "no whole SNOMED CT concept id",
                });
            }
        }
        self.rows.push(Row {
            id: format!("refset-{}", part.refset_id),
            term: part
                .title
                .clone()
                .unwrap_or_else(|| part.file_name().to_owned()),
            category,
        });
        Ok(())
    }
}

pub(super) fn form<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, ListError> {
    toml::from_str(text).map_err(|error| ListError::Form {
        file: file.to_owned(),
        why: error.to_string(),
    })
}

pub(super) fn table<T: serde::de::DeserializeOwned>(
    file: &str,
    count: usize,
    text: &str,
) -> Result<Vec<T>, ListError> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let lines: Vec<T> = reader
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| ListError::Form {
            file: file.to_owned(),
            why: error.to_string(),
        })?;
    if lines.is_empty() {
        return Err(ListError::Empty(file.to_owned()));
    }
    if lines.len() != count {
        return Err(ListError::Count {
            file: file.to_owned(),
            declared: count,
            found: lines.len(),
        });
    }
    Ok(lines)
}

fn yes(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "list_files_tests.rs"]
mod tests;
