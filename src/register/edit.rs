//! Changes that `openmig clients` makes to the register's files: one entry more, or another key in one, and everything else
//! stays character for character as people wrote it.

use toml::Spanned;

use super::{RegisterFiles, raw};

/// Why a file is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read.
    #[error("clients.toml cannot be read")]
    Unreadable,
    /// No such client.
    #[error("clients.toml has no client of this id")]
    Unknown,
    /// The value to be replaced does not stand in the entry once, as it is.
    #[error(
        "the entry does not hold its key or secret in a form that can be replaced; change it by hand"
    )]
    Form,
}

/// Appends an entry to a file's text.
#[must_use]
pub fn appended(text: &str, entry: &str) -> String {
    let text = text.trim_end();
    let gap = if text.is_empty() { "" } else { "\n\n" };
    format!("{text}{gap}{}\n", entry.trim())
}

/// Replaces a value in the entry of one client.
///
/// # Errors
/// See [`EditError`].
pub fn replaced(
    files: &RegisterFiles,
    client: &str,
    old: &str,
    new: &str,
) -> Result<RegisterFiles, EditError> {
    let text = &files.clients;
    let entries: raw::Clients = toml::from_str(text).map_err(|_| EditError::Unreadable)?;
    let place = entries
        .client
        .iter()
        .position(|entry| entry.get_ref().id == client)
        .ok_or(EditError::Unknown)?;
    let start_of = |entry: &Spanned<raw::Client>| entry.span().start;
    let start = entries.client.get(place).map_or(0, start_of);
    let end = entries.client.get(place + 1).map_or(text.len(), start_of);
    let (Some(before), Some(entry), Some(after)) =
        (text.get(..start), text.get(start..end), text.get(end..))
    else {
        return Err(EditError::Form);
    };
    if old.is_empty() || entry.matches(old).count() != 1 {
        return Err(EditError::Form);
    }
    Ok(RegisterFiles {
        clients: format!("{before}{}{after}", entry.replacen(old, new, 1)),
        ..files.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours\n[[client]]\nid = \"a\" # first\nauthentication = { secret_sha256 = \"old\" }\n\n\
                        [[client]]\nid = \"b\"\n# keep this: old\nauthentication = { secret_sha256 = \"old\" }\n";

    fn files(clients: &str) -> RegisterFiles {
        RegisterFiles {
            clients: clients.to_owned(),
            ..RegisterFiles::default()
        }
    }

    #[test]
    fn only_the_one_entry_changes() {
        let changed = replaced(&files(TEXT), "a", "\"old\"", "\"new\"").unwrap();
        assert_eq!(changed.clients, TEXT.replacen("\"old\"", "\"new\"", 1));
        let changed = replaced(&files(TEXT), "b", "\"old\"", "\"new\"")
            .unwrap()
            .clients;
        assert!(
            changed.ends_with("# keep this: old\nauthentication = { secret_sha256 = \"new\" }\n")
        );
        assert!(changed.contains("# first\nauthentication = { secret_sha256 = \"old\" }"));
        for (client, old, error) in [
            ("c", "old", EditError::Unknown),
            ("b", "old", EditError::Form),
            ("a", "other", EditError::Form),
            ("a", "", EditError::Form),
        ] {
            assert_eq!(replaced(&files(TEXT), client, old, "x").err(), Some(error));
        }
        assert_eq!(
            replaced(&files("["), "a", "x", "y").err(),
            Some(EditError::Unreadable)
        );
    }

    #[test]
    fn an_entry_is_added_at_the_end() {
        assert_eq!(appended("", "[[client]]"), "[[client]]\n");
        assert_eq!(appended("# a\n", "[[client]]\n"), "# a\n\n[[client]]\n");
    }
}
