//! The mail outbox: one RFC 5322 message a file, in a folder from which the operator's own mailer takes and removes them
//! (for example `sendmail -t < file`). The gateway speaks to no mail server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use super::routes::RouteError;
use crate::store::notices::{Notice, Recipient};

/// The folder and the sender.
#[derive(Debug, Clone)]
pub struct MailOutbox {
    folder: PathBuf,
    from: String,
}

impl MailOutbox {
    /// The folder is made where there is none.
    ///
    /// # Errors
    /// The folder cannot be made, or the sender is no address.
    pub fn new(folder: &Path, from: &str) -> Result<Self, RouteError> {
        if !is_address(from) {
            return Err(RouteError::Address(from.to_owned()));
        }
        std::fs::create_dir_all(folder).map_err(|source| RouteError::File {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            from: from.to_owned(),
        })
    }

    /// Puts a message there, whole or not at all: a mailer that looks at `*.eml` never sees half of one.
    pub(super) fn put(&self, to: &str, notice: &Notice) -> Result<(), String> {
        let text = message(&self.from, to, notice);
        let part = self.folder.join(format!("{}.part", notice.id));
        let whole = self.folder.join(format!("{}.eml", notice.id));
        let written = || {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &whole)
        };
        written().map_err(|error: std::io::Error| format!("the mail folder: {}", error.kind()))
    }
}

fn message(from: &str, to: &str, notice: &Notice) -> String {
    let date = rfc2822::to_string(&notice.created_at.to_zoned(TimeZone::UTC)).unwrap_or_default();
    let recipient = match &notice.to {
        Recipient::Organisation(ods) => format!("organisation {ods}"),
        Recipient::Group => "the oversight group".to_owned(),
    };
    let mut text = String::new();
    for line in [
        &format!("From: {from}"),
        &format!("To: {to}"),
        &format!("Subject: OpenMIG: {}", notice.kind.subject()),
        &format!("Date: {date}"),
        &format!("Message-ID: <{}@openmig.invalid>", notice.id),
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        &format!("{}.", notice.kind.subject()),
        "",
        &format!("For {recipient}. Notice {}.", notice.id),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(text, "{line}\r\n");
    }
    for about in &notice.about {
        let _ = write!(text, "About {about}\r\n");
    }
    if let Some(members) = notice.body.as_object() {
        for (name, value) in members {
            let value = value.as_str().map_or_else(|| value.to_string(), one_line);
            let _ = write!(text, "{}: {value}\r\n", one_line(name));
        }
    }
    text.push_str(
        "\r\nSee it and act on it in oversight (`openmig notice list`, or your own system).\r\n",
    );
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Plain `name@host` in ASCII: nothing that could begin another header or name a second recipient.
pub(super) fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        let plain = |part: &str, marks: &[u8]| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || marks.contains(&b))
        };
        plain(name, b"._+-") && plain(host, b".-")
    })
}
