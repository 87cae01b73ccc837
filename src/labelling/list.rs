//! The exclusion list: loaded whole and proved whole, or not at all (R049).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::matcher::{Matcher, is_checkable};
use super::policy::{Category, PolicyFile, UncheckablePolicy};
use super::refset::{self, RefsetAsk};
use crate::text::hex;

/// The files of the list that the program brings with it: name and text.
pub const EMBEDDED: [(&str, &str); 5] = [
    (
        "list.toml",
        include_str!("../../mappings/exclusions/list.toml"),
    ),
    (
        "policy.toml",
        include_str!("../../mappings/exclusions/policy.toml"),
    ),
    (
        "appendix-a.csv",
        include_str!("../../mappings/exclusions/appendix-a.csv"),
    ),
    (
        "appendix-a-descendants.csv",
        include_str!("../../mappings/exclusions/appendix-a-descendants.csv"),
    ),
    (
        "additions.csv",
        include_str!("../../mappings/exclusions/additions.csv"),
    ),
];

/// The exclusion list in force.
#[derive(Debug, Clone)]
pub struct ExclusionList {
    version: String,
    source: String,
    rows: Vec<Row>,
    categories: Vec<Category>,
    uncheckable: UncheckablePolicy,
    matcher: Matcher,
}

/// One line of the list: a term of Appendix A, or a whole national reference set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `appendix-a-<n>`, or `refset-<id>`.
    pub id: String,
    /// The agreement's words; for a reference set its file.
    pub term: String,
    /// Index into [`ExclusionList::categories`].
    category: usize,
}

/// Why the list cannot be used. Nothing clinical may be served without one.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A file cannot be read.
    #[error("exclusion list: {file} cannot be read: {why}")]
    Missing {
        /// Which.
        file: String,
        /// The system's words.
        why: String,
    },
    /// A file has no data.
    #[error("exclusion list: {0} is empty")]
    Empty(String),
    /// A file is not the one that was signed.
    #[error("exclusion list: the SHA-256 of {0} is not the declared one")]
    Checksum(String),
    /// Another number of lines than declared.
    #[error("exclusion list: {file} has {found} entries, {declared} are declared")]
    Count {
        /// Which.
        file: String,
        /// As declared in `list.toml`.
        declared: usize,
        /// As found.
        found: usize,
    },
    /// A code that cannot be one, for example a SNOMED CT id with a wrong check digit: the whole list is refused.
    #[error("exclusion list: {file}, entry {entry}: {what}")]
    Code {
        /// Which file.
        file: String,
        /// The line's number or id.
        entry: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A category that `list.toml` does not define, or one defined twice or without meaning.
    #[error("exclusion list: category `{0}` is not defined once and whole")]
    Category(String),
    /// A file that is not in its form.
    #[error("exclusion list: {file}: {why}")]
    Form {
        /// Which.
        file: String,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    version: String,
    source: String,
    #[serde(rename = "signed_by")]
    _signed_by: String,
    appendix: AppendixPart,
    descendants: Part,
    additions: Part,
    release: Option<Release>,
    #[serde(default)]
    refset: Vec<RefsetPart>,
    category: Vec<Category>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    file: String,
    count: usize,
    sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendixPart {
    file: String,
    count: usize,
    snomed_ids: usize,
    sha256: String,
}

/// A national release that the operator has unpacked, by its own folder layout.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    folder: String,
    effective_time: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefsetPart {
    file: String,
    refset_id: String,
    title: Option<String>,
    category: String,
    count: usize,
    #[serde(default)]
    modules: Vec<String>,
    sha256: String,
}

impl RefsetPart {
    fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }
}

#[derive(Debug, Deserialize)]
struct AppendixLine {
    n: u32,
    term: String,
    category: String,
    read_v2: String,
    include_descendants: String,
    ctv3: String,
    snomed: String,
    confidence: String,
}

#[derive(Debug, Deserialize)]
struct DescendantLine {
    n: u32,
    read_v2: String,
    ctv3: String,
}

#[derive(Debug, Deserialize)]
struct AdditionLine {
    n: u32,
    system: String,
    code: String,
    include_descendants: String,
}

impl ExclusionList {
    /// The list that is compiled in.
    ///
    /// # Errors
    /// It is not whole; the build is broken.
    pub fn load_embedded() -> Result<Self, ListError> {
        Self::from_files(&|name| {
            EMBEDDED
                .iter()
                .find(|(file, _)| *file == name)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| ListError::Missing {
                    file: name.to_owned(),
                    why: "not compiled in".to_owned(),
                })
        })
    }

    /// The list in this directory: the same files as in `mappings/exclusions/`, and the reference sets that its
    /// `list.toml` names (R042).
    ///
    /// # Errors
    /// A file is missing, empty, damaged or not as declared: nothing may be served (R049).
    pub fn load(dir: &Path) -> Result<Self, ListError> {
        Self::from_files(&|name| {
            let missing = |why: String| ListError::Missing {
                file: name.to_owned(),
                why,
            };
            // Below this folder, or in the release's, which may lie elsewhere but is never climbed out of.
            let climbs = name.split('/').any(|part| part.starts_with('.'));
            if climbs || name.contains('\\') {
                return Err(missing(
                    "not a path below the list's or the release's folder".to_owned(),
                ));
            }
            std::fs::read_to_string(dir.join(name)).map_err(|error| missing(error.to_string()))
        })
    }

    /// Writes the compiled-in list where there is none yet, for an operator to change.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn write_embedded(dir: &Path) -> std::io::Result<()> {
        if dir.join("list.toml").exists() {
            return Ok(());
        }
        std::fs::create_dir_all(dir)?;
        for (name, text) in EMBEDDED {
            std::fs::write(dir.join(name), text)?;
        }
        Ok(())
    }

    /// The list that these files make; `read` gives the text of the file with this name.
    ///
    /// # Errors
    /// A file is missing, empty, damaged or not as declared.
    pub fn from_files(read: &dyn Fn(&str) -> Result<String, ListError>) -> Result<Self, ListError> {
        let mut whole = Sha256::new();
        let mut checked = |name: &str, sha256: Option<&str>| -> Result<String, ListError> {
            let text = read(name)?;
            if text.trim().is_empty() {
                return Err(ListError::Empty(name.to_owned()));
            }
            let digest = Sha256::digest(text.as_bytes());
            if sha256.is_some_and(|declared| !declared.eq_ignore_ascii_case(&hex(&digest))) {
                return Err(ListError::Checksum(name.to_owned()));
            }
            whole.update(digest);
            Ok(text)
        };

        let head: ListFile = form("list.toml", &checked("list.toml", None)?)?;
        let policy: PolicyFile = form("policy.toml", &checked("policy.toml", None)?)?;
        let uncheckable =
            UncheckablePolicy::from_file(&policy.uncheckable).map_err(|why| ListError::Form {
                file: "policy.toml".to_owned(),
                why,
            })?;
        let mut builder = Builder::new(head.category)?;

        let part = &head.appendix;
        let text = checked(&part.file, Some(&part.sha256))?;
        builder.appendix(&part.file, part.count, &text)?;
        if builder.matcher.snomed_ids() != part.snomed_ids {
            return Err(ListError::Count {
                file: format!("{} (SNOMED CT ids)", part.file),
                declared: part.snomed_ids,
                found: builder.matcher.snomed_ids(),
            });
        }
        let part = &head.descendants;
        let text = checked(&part.file, Some(&part.sha256))?;
        builder.descendants(&part.file, part.count, &text)?;
        let part = &head.additions;
        let text = checked(&part.file, Some(&part.sha256))?;
        builder.additions(&part.file, part.count, &text)?;
        for part in &head.refset {
            let path = match &head.release {
                Some(release) => format!("{}/{}", release.folder, part.file),
                None => part.file.clone(),
            };
            let text = checked(&path, Some(&part.sha256))?;
            builder.refset(part, head.release.as_ref(), &text)?;
        }

        let fingerprint = hex(&whole.finalize());
        Ok(Self {
            version: format!(
                "{}+{}",
                head.version,
                fingerprint.get(..12).unwrap_or(&fingerprint)
            ),
            source: head.source,
            rows: builder.rows,
            categories: builder.categories,
            uncheckable,
            matcher: builder.matcher,
        })
    }

    /// Declared version and a fingerprint of all files, category and uncheckable policy included: for the audit (R042).
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the list comes from, in words.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The lines, for the public list (R045, R046).
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The categories with legal basis and switch (R048).
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The category of a line.
    #[must_use]
    pub fn category_of(&self, row: &Row) -> Option<&Category> {
        self.categories.get(row.category)
    }

    /// What happens to what cannot be checked.
    #[must_use]
    pub fn uncheckable(&self) -> &UncheckablePolicy {
        &self.uncheckable
    }

    /// The lines that any of these codings, given as (system, code), falls under: any coding counts, original or mapped
    /// (governance.md 1.5 trap 5).
    #[must_use]
    pub fn matches<'c>(&self, codings: impl IntoIterator<Item = (&'c str, &'c str)>) -> Vec<&Row> {
        let mut found = Vec::new();
        for (system, code) in codings {
            self.matcher.rows(system, code, &mut found);
        }
        found
            .into_iter()
            .filter_map(|row| self.rows.get(row))
            .collect()
    }

    /// Has it at least one coding that can be checked against the list (R051)?
    #[must_use]
    pub fn can_check<'c>(codings: impl IntoIterator<Item = (&'c str, &'c str)>) -> bool {
        codings
            .into_iter()
            .any(|(system, code)| is_checkable(system, code))
    }
}

/// Takes the files in, one after another.
struct Builder {
    categories: Vec<Category>,
    rows: Vec<Row>,
    /// Line number of Appendix A → index into `rows`.
    lines: BTreeMap<u32, usize>,
    matcher: Matcher,
}

impl Builder {
    fn new(categories: Vec<Category>) -> Result<Self, ListError> {
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

    fn appendix(&mut self, file: &str, count: usize, text: &str) -> Result<(), ListError> {
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

    fn descendants(&mut self, file: &str, count: usize, text: &str) -> Result<(), ListError> {
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

    fn additions(&mut self, file: &str, count: usize, text: &str) -> Result<(), ListError> {
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
    fn refset(
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

fn form<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, ListError> {
    toml::from_str(text).map_err(|error| ListError::Form {
        file: file.to_owned(),
        why: error.to_string(),
    })
}

fn table<T: serde::de::DeserializeOwned>(
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
#[path = "list_tests.rs"]
pub(super) mod tests;
