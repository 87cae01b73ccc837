//! Protocols: one agreed flow each (S1 Framework 2). Two flows of one organisation do not pool.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::agreement::Approval;
use super::gateway::{LegalGateway, OTHER_PURPOSES};
use super::load::Check;
use super::organisation::OrganisationKind;
use super::{Register, raw};
use crate::record::OdsCode;
use crate::tabs::catalogue::{Tab, TabSet};

/// Purposes that a protocol may have: direct care, and what an override adds (S2 2.1.4, R106, R170).
const DIRECT_CARE: [&str; 3] = ["TREAT", "ETREAT", "BTG"];

/// One agreed flow (R160): which viewer, roles, purposes, tabs; why and how; approved by whom; lawful on what basis.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// Its id.
    pub id: String,
    /// The viewer that it is for, which asked for it.
    pub viewer: OdsCode,
    /// Purposes, v3-ActReason codes.
    pub purposes: Vec<String>,
    /// Tabs per qualified role: the data set.
    pub roles: BTreeMap<String, TabSet>,
    /// First and last day.
    pub valid: (Date, Date),
    /// Why the data is needed.
    pub why: String,
    /// How it is used.
    pub how: String,
    /// Approval with its minutes (R164, R165).
    pub approval: Approval,
    /// On what basis it is lawful (R185).
    pub law: Law,
    /// On what basis an override is, where that is another.
    pub override_law: Option<Law>,
    /// When it is to be reviewed.
    pub review_due: Date,
    /// What makes it lawful where it is not for direct care; `None`: it is for direct care and nothing else (R170).
    pub gateway: Option<LegalGateway>,
}

/// The lawful basis of a flow (S2 3.8; R185): UK GDPR, and what sets aside or satisfies the duty of confidentiality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// UK GDPR Article 6, as `6(1)(e)`.
    pub article_6: String,
    /// UK GDPR Article 9, as `9(2)(h)`.
    pub article_9: String,
    /// The common law duty of confidentiality, in words.
    pub confidentiality: String,
}

impl Protocol {
    /// The basis that holds for these purposes.
    #[must_use]
    pub fn law_for(&self, purposes: &[String]) -> &Law {
        match &self.override_law {
            Some(law) if purposes.iter().any(|purpose| purpose == "BTG") => law,
            _ => &self.law,
        }
    }

    /// It is in force on this day.
    #[must_use]
    pub fn is_in_force(&self, day: Date) -> bool {
        self.valid.0 <= day && day <= self.valid.1
    }
}

impl Register {
    pub(super) fn take_protocol(
        &mut self,
        entry: Spanned<raw::Protocol>,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.at(&entry);
        let raw = entry.into_inner();
        let id = raw.id;
        let viewer = OdsCode(raw.viewer);
        check.that(!id.trim().is_empty(), "protocol id", || {
            "a protocol has no id".to_owned()
        });
        self.known(&viewer, check, || format!("the protocol `{id}`"));
        let organisation = self.organisations.get(&viewer);
        if let Some(organisation) = organisation {
            check.that(
                organisation.kind == OrganisationKind::Viewer,
                "R107",
                || format!("the protocol `{id}` gives access to {viewer}, which is no viewer"),
            );
            check.that(organisation.signature.is_some(), "R161", || {
                format!("the protocol `{id}` is for {viewer}, which has not signed the agreement")
            });
        }
        check.said(
            "R160",
            &[
                ("purpose in words (`why`)", &raw.why),
                ("use (`how`)", &raw.how),
            ],
            || format!("the protocol `{id}`"),
        );
        raw.approval
            .check(&format!("the protocol `{id}`"), "R164", today, check);
        check.that(raw.approval.minutes <= raw.valid_from.0, "R164", || {
            format!("the protocol `{id}` begins before it was approved")
        });
        for law in [Some(&raw.law), raw.override_law.as_ref()]
            .into_iter()
            .flatten()
        {
            check_law(&id, law, check);
        }
        check.that(raw.review_due.0 > raw.valid_from.0, "R168", || {
            format!("the protocol `{id}` is to be reviewed before it begins")
        });
        check.that(!raw.purposes.is_empty(), "R160", || {
            format!("the protocol `{id}` has no purpose")
        });
        let valid = (raw.valid_from.0, raw.valid_until.0);
        if let Some(gateway) = &raw.gateway {
            gateway.check(&id, valid, today, check);
        }
        for purpose in &raw.purposes {
            let purpose = purpose.as_str();
            // Direct care and other uses do not pool in one flow.
            let fits = match raw.gateway {
                None => DIRECT_CARE.contains(&purpose),
                Some(_) => OTHER_PURPOSES.contains(&purpose),
            };
            check.that(fits, "R170", || match raw.gateway {
                None => format!("the protocol `{id}` has the purpose `{purpose}`, which is not direct care"),
                Some(_) => format!("the protocol `{id}` has a legal gateway, and the purpose `{purpose}` is none that needs one"),
            });
        }
        check.that(raw.valid_from.0 <= raw.valid_until.0, "R160", || {
            format!("the protocol `{id}` ends before it begins")
        });
        check.that(!raw.tabs.is_empty(), "R160", || {
            format!("the protocol `{id}` covers no role")
        });
        let mut roles = BTreeMap::new();
        for (role, codes) in raw.tabs {
            let qualified = organisation.is_none_or(|o| o.qualified_roles.contains(&role));
            check.that(qualified, "R100", || {
                format!("the protocol `{id}` covers the role `{role}`, which is not qualified at {viewer}")
            });
            check.that(!codes.is_empty(), "R160", || {
                format!("the protocol `{id}` gives the role `{role}` no tab")
            });
            let mut tabs = TabSet::NONE;
            for code in &codes {
                match Tab::from_code(code) {
                    Some(tab) => tabs.insert(tab),
                    None => check.that(false, "R020", || {
                        format!("the protocol `{id}` names the unknown tab `{code}`")
                    }),
                }
            }
            // A whole record is tied to no task (S4); direct care may have all of it.
            check.that(raw.gateway.is_none() || tabs != TabSet::ALL, "R177", || {
                format!("the protocol `{id}` gives the role `{role}` every tab, and what its stated task needs is less")
            });
            roles.insert(role, tabs);
        }
        let fresh = !self.protocols.contains_key(&id);
        check.that(fresh, "unique id", || {
            format!("the protocol `{id}` is there twice")
        });
        self.protocols.insert(
            id.clone(),
            Protocol {
                id,
                viewer,
                purposes: raw.purposes,
                roles,
                valid: (raw.valid_from.0, raw.valid_until.0),
                why: raw.why,
                how: raw.how,
                approval: raw.approval,
                law: raw.law,
                override_law: raw.override_law,
                review_due: raw.review_due.0,
                gateway: raw.gateway,
            },
        );
    }
}

fn check_law(id: &str, law: &Law, check: &mut Check<'_>) {
    let letter = |text: &str, head: &str| {
        text.strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(')'))
            .is_some_and(|letter| {
                letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_lowercase())
            })
    };
    check.that(letter(&law.article_6, "6(1)("), "R185", || {
        format!("the protocol `{id}` names no condition of UK GDPR Article 6 as `6(1)(e)`")
    });
    check.that(letter(&law.article_9, "9(2)("), "R185", || {
        format!("the protocol `{id}` names no condition of UK GDPR Article 9 as `9(2)(h)`")
    });
    check.that(!law.confidentiality.trim().is_empty(), "R185", || {
        format!("the protocol `{id}` says nothing of the duty of confidentiality")
    });
}
