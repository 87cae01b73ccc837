//! The evidence pack (R144; S2 7.4.5, ISO 27001): in one signed file how the programme is set up, who may do what, what was
//! changed and by whom, and whether the trail that tells all this is whole. For the oversight group and the auditors whom it asks.
//!
//! It names organisations and staff, never a patient: rows of the trail are given by time, actor and deed.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Actor;
use super::NotAllowed;
use super::heads::{HeadError, TrailHeads};
use super::reports::accesses::{Period, events};
use super::reports::terms;
use super::signatories;
use crate::audit::reader::{AuditReader, Filter, Happening};
use crate::audit::signed::{self, BadHead, SignedHead};
use crate::audit::verify::{Against, TreeHead, VerifyTrail};
use crate::labelling::ExclusionsHandle;
use crate::record::date::london;
use crate::register::{
    Client, ClientAuthentication, Holds, Organisation, Protocol, Register, Signature, User,
};
use crate::smart::jwks::KeySet;
use crate::store::StoreError;
use crate::store::holds::{HoldRow, HoldStore, RegisterStore};
use crate::store::terms::TermsStore;
use crate::text::{hex, instant};

/// What a pack says it is.
pub const FORMAT: &str = "openmig-evidence/1";
/// `typ` of its signature.
pub const TYP: &str = "openmig-evidence+jwt";

/// Why there is no pack.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Not the oversight group's.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It cannot be signed.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a pack is gathered from.
#[derive(Clone)]
pub struct Evidence {
    /// The trail.
    pub trail: Arc<dyn AuditReader>,
    /// Verifies it.
    pub verifier: Arc<dyn VerifyTrail>,
    /// Every register that was in force.
    pub registers: Arc<dyn RegisterStore>,
    /// Every hold that there ever was.
    pub holds: Arc<dyn HoldStore>,
    /// Acceptances of the terms of use.
    pub terms: Arc<dyn TermsStore>,
    /// The exclusion list in force.
    pub exclusions: ExclusionsHandle,
    /// The configuration, without secrets.
    pub settings: Value,
    /// Hash of the mapping tables.
    pub mappings: String,
}

impl Evidence {
    /// The pack of a period, signed. Reads the whole trail.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub async fn pack(
        &self,
        actor: &Actor,
        register: &Register,
        standing: &Holds,
        period: Period,
        heads: &TrailHeads,
        now: Timestamp,
    ) -> Result<Value, EvidenceError> {
        actor.must_govern()?;
        // Before the trail is verified, so that this head is among what is compared.
        let head = match heads.sign().await {
            Ok(head) => Some(head),
            // An altered trail is what the pack has to tell, not a reason to give none.
            Err(HeadError::TwoHistories(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let verifier = Arc::clone(&self.verifier);
        let verified =
            tokio::task::spawn_blocking(move || verifier.verify_trail(&Against::default()))
                .await
                .map_err(|error| StoreError(error.to_string()))?;
        let verification = match &verified {
            Ok(verified) => json!({"whole": true, "words": verified.words()}),
            Err(error) => json!({"whole": false, "words": error.to_string()}),
        };
        let today = now.to_zoned(london()).date();
        let newest: Vec<Value> = heads.list(50)?.iter().map(head_line).collect();
        let keys: Vec<Value> = heads
            .keys()?
            .into_iter()
            .map(|key| json!({"first_used": instant(key.first_used), "key": key.jwk}))
            .collect();
        let registers: Vec<Value> = self
            .registers
            .registers()?
            .into_iter()
            .map(|(hash, at)| json!({"hash": hash, "first_in_force": instant(at)}))
            .collect();
        let holds: Vec<Value> = self.holds.holds(false)?.iter().map(hold).collect();
        let list = self.exclusions.current();
        let categories: Vec<Value> = list
            .categories()
            .iter()
            .map(|category| {
                json!({
                    "code": category.code, "title": category.title, "withheld": category.withhold,
                    "legal_basis": category.legal_basis,
                })
            })
            .collect();
        let agreement = &register.agreement;
        let content = json!({
            "made_at": instant(now),
            "made_by": actor.username(),
            "period": {"from": period.from, "to": period.to},
            "program": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
            "configuration": self.settings,
            "mappings": self.mappings,
            "agreement": {
                "name": agreement.name, "versions": agreement.versions, "terms": agreement.terms, "policy": agreement.policy,
                "group": agreement.group, "issued": agreement.issued, "live_from": agreement.live_from,
                "next_review": agreement.next_review(),
                "former_groups": agreement.former_groups.iter().map(|group| json!({
                    "name": group.name, "until": group.until, "notified": group.notified, "reference": group.reference,
                })).collect::<Vec<_>>(),
                "reviews": agreement.reviews.iter().map(|review| json!({
                    "date": review.date, "by": review.by, "reference": review.reference, "next": review.next,
                })).collect::<Vec<_>>(),
                "instructions": agreement.instructions.iter().map(|one| json!({
                    "id": one.id, "date": one.date, "by": one.by, "what": one.what, "reference": one.reference,
                })).collect::<Vec<_>>(),
                "roles": agreement.roles.iter().map(|(code, role)| (code.clone(), json!({
                    "title": role.title, "clinical": role.clinical, "duties": role.duties,
                }))).collect::<Map<_, _>>(),
            },
            "organisations": register.organisations.values()
                .map(|one| organisation(register, standing, today, one)).collect::<Vec<_>>(),
            "protocols": register.protocols.values().map(|one| protocol(one, today)).collect::<Vec<_>>(),
            "people": register.users.values().map(person).collect::<Vec<_>>(),
            "terms": terms::report(register, &self.terms.acceptances()?, None, today).json(),
            "clients": register.clients.values().map(client).collect::<Vec<_>>(),
            "holds": holds,
            "register": {"hash": register.hash, "history": registers},
            "exclusions": {
                "version": list.version(), "source": list.source(), "lines": list.rows().len(),
                "sha256": hex(&lines_digest(&list)), "categories": categories,
            },
            "trail": {
                "head": head.as_ref().map(head_line), "verification": verification, "signed_heads": newest, "keys": keys,
            },
            "counts": self.counts(period)?,
            "changes": self.changes(period)?,
        });
        let digest = digest(&content);
        let claims = json!({
            "sha256": digest,
            "size": head.as_ref().map(|head| head.size),
            "root": head.as_ref().map(|head| hex(&head.root)),
        });
        let signature = heads.vouch(TYP, claims).map_err(HeadError::from)?;
        Ok(json!({
            "format": FORMAT,
            "content": content,
            "sha256": digest,
            "signature": signature,
            "signed_head": head.map(|head| head.jws),
        }))
    }

    /// Rows of the period by kind, and how many of them were refusals or failures.
    fn counts(&self, period: Period) -> Result<Value, StoreError> {
        let (since, until) = period.moments();
        let mut counts = Map::new();
        for happening in Happening::ALL {
            let filter = |failed| Filter {
                happening: Some(happening),
                failed,
                since: Some(since),
                until: Some(until),
                ..Filter::default()
            };
            counts.insert(
                happening.code().to_owned(),
                json!({
                    "all": self.trail.count(&filter(None))?,
                    "refused_or_failed": self.trail.count(&filter(Some(true)))?,
                }),
            );
        }
        Ok(counts.into())
    }

    /// What was done of the period, register and lists taken up among it; not what was only looked at.
    fn changes(&self, period: Period) -> Result<Vec<Value>, StoreError> {
        let (since, until) = period.moments();
        let filter = Filter {
            happening: Some(Happening::Oversight),
            since: Some(since),
            until: Some(until),
            ..Filter::default()
        };
        let rows = events(&*self.trail, &filter)?;
        Ok(rows
            .iter()
            .filter(|row| row.interaction.as_deref() == Some("oversight-act"))
            .map(|row| {
                json!({
                    "row": row.seq, "at": instant(row.at), "who": row.clinician, "role": row.role, "through": row.client,
                    "organisation": row.viewer.as_ref().or(row.practice.as_ref()).map(|ods| &ods.0), "what": row.query,
                    "register": row.policy, "refused": row.failure,
                })
            })
            .collect())
    }
}

/// Checks a pack by itself: its content against its digest, with `keys` its signatures, and against a head that was kept where
/// it is of the same size. In words what was found.
///
/// # Errors
/// In words: the first thing that is not as it was made.
pub fn check(
    pack: &Value,
    kept: Option<TreeHead>,
    keys: Option<&KeySet>,
) -> Result<String, NotGenuine> {
    let text = |name: &str| pack.get(name).and_then(Value::as_str);
    let content = pack.get("content").ok_or(NotGenuine::Format)?;
    let found = digest(content);
    let signature = text("signature").ok_or(NotGenuine::Format)?;
    let claims = match keys {
        Some(keys) => signed::verify(signature, TYP, keys)?,
        None => signed::unverified(signature, TYP)?,
    };
    let claimed = |name: &str| claims.get(name).and_then(Value::as_str);
    if claimed("sha256") != Some(found.as_str()) || text("sha256") != Some(found.as_str()) {
        return Err(NotGenuine::Content);
    }
    let head = text("signed_head").map(SignedHead::read).transpose()?;
    if let Some(head) = &head {
        if claims.get("size").and_then(Value::as_u64) != Some(head.size)
            || claimed("root") != Some(hex(&head.root).as_str())
        {
            return Err(NotGenuine::Head);
        }
        if let Some(keys) = keys {
            head.verify(keys)?;
        }
        match kept {
            Some(kept) if kept.size == head.size && kept.root != head.root => {
                return Err(NotGenuine::Head);
            }
            Some(kept) if kept.size != head.size => return Err(NotGenuine::OtherSize(head.size)),
            _ => {}
        }
    }
    let of = |pointer: &str| {
        content
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(format!(
        "the evidence pack of {} is as it was made{}; of the trail it says: {}",
        of("/made_at"),
        if keys.is_some() {
            ", and its signature is genuine"
        } else {
            "; its signature was not checked (--keys)"
        },
        of("/trail/verification/words"),
    ))
}

/// Why a pack is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// Not a pack.
    #[error("this is no evidence pack")]
    Format,
    /// Its content is not what was signed.
    #[error("the content of the evidence pack is not what was signed")]
    Content,
    /// Its head is another than that which was signed or kept.
    #[error(
        "the tree head of the evidence pack is not the one that was signed with it or kept elsewhere"
    )]
    Head,
    /// The head kept elsewhere is of another size.
    #[error(
        "the head that was kept is of another size than the pack's ({0} rows): ask for a consistency proof between them"
    )]
    OtherSize(u64),
    /// A signature.
    #[error(transparent)]
    Signature(#[from] BadHead),
}

/// SHA-256 over the content as RFC 8785 writes it: members sorted, no white space. Our JSON has whole numbers only.
fn digest(content: &Value) -> String {
    hex(&Sha256::digest(content.to_string().as_bytes()))
}

fn lines_digest(list: &crate::labelling::ExclusionList) -> [u8; 32] {
    let mut lines = Sha256::new();
    for row in list.rows() {
        for part in [&row.id, &row.term] {
            lines.update((part.len() as u64).to_be_bytes());
            lines.update(part);
        }
    }
    lines.finalize().into()
}

fn head_line(head: &SignedHead) -> Value {
    json!({
        "size": head.size, "root": hex(&head.root), "signed_at": instant(head.signed_at), "key": head.kid,
        "signed_head": head.jws,
    })
}

fn signature(signature: &Signature) -> Value {
    json!({
        "agreement": signature.agreement, "name": signature.name, "title": signature.title, "date": signature.date,
        "advised_by": signature.advised_by, "organisation": signature.organisation, "address": signature.address,
    })
}

fn organisation(
    register: &Register,
    holds: &Holds,
    today: jiff::civil::Date,
    one: &Organisation,
) -> Value {
    let state = signatories::state(register, holds, today, &one.ods);
    json!({
        "ods": one.ods.0, "name": one.name, "kind": one.kind, "parent": one.parent.as_ref().map(|ods| &ods.0),
        "state": state.map(|state| state.words),
        "signature": one.signature.as_ref().map(signature),
        "former_signatures": one.former_signatures.iter().map(signature).collect::<Vec<_>>(),
        "assurance_until": one.assurance_until,
        "assurance": one.assurance.as_ref().map(|assurance| json!({
            "status": assurance.status, "submitted": assurance.submitted,
            "statement": assurance.statement,
        })),
        "evidence": one.evidence.iter().map(|evidence| json!({
            "kind": evidence.kind, "reference": evidence.reference, "date": evidence.date, "until": evidence.until,
        })).collect::<Vec<_>>(),
        "enablement": one.enablement.iter().map(|switch| json!({
            "on": switch.on, "date": switch.date, "by": switch.by, "how": switch.how,
        })).collect::<Vec<_>>(),
        "declines": one.declines.iter().map(|decline| json!({
            "protocol": decline.protocol, "date": decline.date, "by": decline.by,
        })).collect::<Vec<_>>(),
        "applies_exclusion_list": one.applies_exclusion_list,
        "qualified_roles": one.qualified_roles,
    })
}

fn protocol(one: &Protocol, today: jiff::civil::Date) -> Value {
    let roles: Map<String, Value> = one
        .roles
        .iter()
        .map(|(role, tabs)| {
            let tabs: Vec<&str> = tabs.iter().map(|tab| tab.code()).collect();
            (role.clone(), json!(tabs))
        })
        .collect();
    json!({
        "id": one.id, "viewer": one.viewer.0, "purposes": one.purposes, "roles": roles, "from": one.valid.0,
        "until": one.valid.1, "in_force": one.is_in_force(today), "why": one.why, "how": one.how,
        "approval": {
            "by": one.approval.by, "minutes": one.approval.minutes, "reference": one.approval.reference,
            "representatives": one.approval.representatives,
        },
        "law": one.law, "override_law": one.override_law, "review_due": one.review_due,
        "gateway": one.gateway.as_ref().map(|gateway| gateway.kind),
    })
}

fn person(one: &User) -> Value {
    json!({
        "username": one.username, "role": one.role, "organisations": one.organisations.iter().map(|ods| &ods.0).collect::<Vec<_>>(),
        "training_until": one.training_until,
        "terms_accepted": one.terms_accepted.as_ref().map(|(version, date)| json!({"version": version, "date": date})),
        "revoked": one.revoked,
    })
}

/// Never its keys.
fn client(one: &Client) -> Value {
    let authentication = match &one.authentication {
        ClientAuthentication::Keys(_) => "key set in the register",
        ClientAuthentication::KeysAt { .. } => "key set at an address",
        ClientAuthentication::Secret(_) => "secret",
        ClientAuthentication::Public => "none (public app)",
    };
    json!({
        "id": one.id, "organisation": one.organisation.as_ref().map(|ods| &ods.0), "authentication": authentication,
        "audit_of": one.audit_of.as_ref().map(|ods| &ods.0), "oversight": one.oversight, "may_introspect": one.may_introspect,
    })
}

fn hold(row: &HoldRow) -> Value {
    let (organisation, viewer, username) = row.held.parts();
    json!({
        "id": row.id, "kind": row.held.kind(), "organisation": organisation.map(|ods| &ods.0), "viewer": viewer.map(|ods| &ods.0),
        "user": username, "placed_for": row.placed_for.as_ref().map(|ods| &ods.0), "placed_by": row.placed_by,
        "reason": row.reason, "at": instant(row.at), "starts_at": instant(row.starts_at),
        "lifted": row.lift.as_ref().map(|lift| json!({
            "at": instant(lift.at), "by": lift.by, "assured_by": lift.assured_by, "assurance": lift.assurance,
            "assured_on": lift.assured_on,
        })),
    })
}
