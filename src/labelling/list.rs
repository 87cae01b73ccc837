//! The exclusion list: loaded whole and proved whole, or not at all (R049).

use std::path::Path;

use sha2::{Digest, Sha256};

use super::list_files::{Builder, ListFile, form};
use super::matcher::{Matcher, is_checkable};
use super::policy::{Category, PolicyFile, UncheckablePolicy};
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
    pub(super) category: usize,
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

#[cfg(test)]
#[path = "list_tests.rs"]
pub(crate) mod tests;
