//! Where the sandbox's notices go: each organisation's and the group's as mails in a folder, webhooks where they are asked for.

use std::path::Path;

use crate::oversight::delivery::{MailOutbox, Route, RouteError, Routes};
use crate::register::Register;
use crate::store::notices::Recipient;

/// A mail address for everybody of the register; `.example` is never delivered anywhere (RFC 2606).
pub(super) fn routes(register: &Register, outbox: &Path) -> Result<Routes, RouteError> {
    let everybody = register
        .organisations
        .keys()
        .map(|ods| Recipient::Organisation(ods.clone()))
        .chain([Recipient::Group]);
    let recipients = everybody
        .map(|to| {
            let route = Route {
                mail: Some(format!("{}@notices.example", to.as_str())),
                ..Route::default()
            };
            (to, route)
        })
        .collect();
    let outbox = MailOutbox::new(outbox, "openmig@sandbox.example")?;
    Ok(Routes::new(recipients, Some(outbox)))
}
