//! `Letter` and `Attachment`: headers of documents; a letter out may be a referral.

use super::{Base, Clinical};
use crate::record::{Body, Coded, Document, Referral};
use crate::source::systmone::code::coded;
use crate::source::xml::Element;

/// Names and addresses that a letter carries, and the number of its document.
const LETTERHEAD: [&str; 6] = [
    "RecipientName",
    "RecipientAddress",
    "SenderName",
    "SenderAddress",
    "DocumentUid",
    "DocumentUID",
];

impl Clinical {
    pub(super) fn letter(&mut self, child: &Element, base: &Base) {
        let kind = child.text_of("Type").unwrap_or_default().to_owned();
        let mut code = coded(child);
        if code.text.is_none() && !kind.is_empty() {
            code.text = Some(kind.clone());
        }
        let inbound = match child.text_of("Direction") {
            Some("Incoming") => Some(true),
            Some("Outgoing") => Some(false),
            _ => None,
        };
        let to = child
            .text_of("RecipientOrganisation")
            .map(|name| self.organisation(name));
        let from = child
            .text_of("SenderOrganisation")
            .map(|name| self.organisation(name));
        let date = self.day(child, "DateSentReceived", "Letter", base);
        let number = document_number(child);
        for name in LETTERHEAD {
            self.put_by(child, name, "Letter", "administrative", base);
        }
        let words = kind.to_lowercase();
        let is_referral =
            inbound != Some(true) && (base.linked_referral.is_some() || words.contains("referral"));
        let body = if is_referral {
            Body::Referral(Box::new(Referral {
                speciality: child.text_of("Speciality").map(Coded::term),
                admission: words.contains("admission"),
                urgency: child.text_of("Urgency").map(ToOwned::to_owned),
                inbound,
                mode: Some("Letter".to_owned()),
                to,
                from,
                ..Referral::default()
            }))
        } else {
            if to.is_some() || from.is_some() {
                // A document's header has neither sender nor addressee (R031: only that there is one).
                self.lose("Letter/Organisation", Some(&base.uid), "no-place");
            }
            Body::Document(Document {
                discharge: words.contains("discharge"),
                inbound,
            })
        };
        let detail = [
            number.as_deref(),
            child.text_of("Type"),
            child.text_of("DateSentReceived"),
        ];
        let mut entry = self.entry(base, child, "Letter", code, &detail, body);
        entry.category = Some(kind).filter(|kind| !kind.is_empty());
        if let Some(date) = date {
            entry.date = date;
        }
        self.push(entry);
    }

    pub(super) fn attachment(&mut self, child: &Element, base: &Base) {
        for name in ["FileName", "Comments", "URL"] {
            self.words(child, name, "Attachment", base);
        }
        let number = document_number(child);
        for name in ["FileSize", "DocumentUID", "DocumentUid"] {
            self.put_by(child, name, "Attachment", "administrative", base);
        }
        let body = Body::Document(Document {
            discharge: false,
            inbound: None,
        });
        let code = coded(child);
        let entry = self.entry(base, child, "Attachment", code, &[number.as_deref()], body);
        self.push(entry);
    }
}

fn document_number(child: &Element) -> Option<String> {
    let number = child.text_of("DocumentUid");
    let number = number.or_else(|| child.text_of("DocumentUID"));
    number.map(ToOwned::to_owned)
}
