//! What the register checks of an organisation before it is taken up: its signature, its joining, its state, its sites.

use jiff::ToSpan;
use jiff::civil::Date;
use toml::Spanned;

use super::load::Check;
use super::organisation::{
    Joining, Office, Organisation, OrganisationKind, PracticeSource, Signature,
};
use super::{Register, raw};
use crate::record::{OdsCode, SourceFamily};

impl Register {
    /// The organisation whose site or service this is (S2 Appendix B, R158).
    #[must_use]
    pub fn site(&self, code: &OdsCode) -> Option<&OdsCode> {
        let has = |organisation: &&Organisation| organisation.sites.contains_key(code);
        self.organisations
            .values()
            .find(has)
            .map(|organisation| &organisation.ods)
    }

    pub(super) fn take_organisation(
        &mut self,
        entry: Spanned<raw::Organisation>,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.at(&entry);
        let raw = entry.into_inner();
        let ods = OdsCode(raw.ods);
        check.ods(&ods);
        check.that(!raw.name.trim().is_empty(), "name", || {
            format!("{ods} has no name")
        });
        let practice = raw.kind == OrganisationKind::Practice;
        for signature in raw.signature.iter().chain(&raw.former_signatures) {
            self.check_signature(&ods, raw.kind, signature, today, check);
        }
        check.that(
            practice || raw.source.is_none(),
            "practice and source",
            || format!("{ods} is no practice, so it has no source"),
        );
        check.that(
            !practice || raw.source.is_some(),
            "practice and source",
            || format!("the practice {ods} has no source"),
        );
        check.that(!raw.applies_exclusion_list || practice, "R044", || {
            format!("{ods} is no practice, so it has no exclusion switch")
        });
        check.that(!raw.demands_authenticated || practice, "R101", || {
            format!("{ods} is no practice, so nobody looks at its records")
        });
        if let Some(source) = &raw.source {
            check.that(is_endpoint(&source.endpoint), "source endpoint", || {
                format!("the endpoint of {ods} is neither http(s)://… nor tcp://host:port")
            });
            let can = source.family == SourceFamily::SystmOne;
            check.that(!source.narrows || can, "R034", || {
                format!("the source of {ods} is said to narrow, but only SystmOne's format can")
            });
        }
        check.that(
            raw.relationship.is_none() || raw.kind == OrganisationKind::Viewer,
            "R105",
            || format!("{ods} is no viewer, so none of its people looks at a record"),
        );
        check.that(
            raw.qualified_roles.is_empty() || raw.kind == OrganisationKind::Viewer,
            "R107",
            || format!("{ods} is no viewer, so none of its roles is qualified to look"),
        );
        for role in &raw.qualified_roles {
            let clinical = self
                .agreement
                .roles
                .get(role)
                .is_some_and(|role| role.clinical);
            check.that(clinical, "R100", || {
                format!("{ods} names the role `{role}`, which is no clinical role of the agreement")
            });
        }
        let fresh = !self.organisations.contains_key(&ods);
        check.that(fresh, "unique id", || format!("{ods} is there twice"));
        let organisation = Organisation {
            address: raw.address,
            parent: raw.parent,
            sites: raw.sites,
            signature: raw.signature,
            former_signatures: raw.former_signatures,
            joining: raw.joining,
            suspension: raw.suspended,
            withdrawal: raw.withdrawn,
            assurance_until: raw.assurance_until.map(|day| day.0),
            assurance: raw.assurance,
            contacts: raw.contacts,
            ig_office: raw.ig_office,
            evidence: raw.evidence,
            source: raw.source.map(|source| PracticeSource {
                family: source.family,
                endpoint: source.endpoint,
                narrows: source.narrows,
            }),
            enablement: raw.enablement,
            declines: raw.declines,
            applies_exclusion_list: raw.applies_exclusion_list,
            demands_authenticated: raw.demands_authenticated,
            relationship: raw.relationship.unwrap_or_default(),
            qualified_roles: raw.qualified_roles.into_iter().collect(),
            ..Organisation::new(ods.clone(), raw.name, raw.kind)
        };
        check_state(&organisation, today, check);
        self.check_sharing(&organisation, today, check);
        self.organisations.insert(ods, organisation);
    }

    fn check_signature(
        &self,
        ods: &OdsCode,
        kind: OrganisationKind,
        signature: &Signature,
        today: Date,
        check: &mut Check<'_>,
    ) {
        check.that(signature.date <= today, "R150", || {
            format!("the signature of {ods} is dated in the future")
        });
        check.that(
            self.agreement.versions.contains(&signature.agreement),
            "R150",
            || {
                format!(
                    "{ods} signed version `{}`, which is none of the agreement's",
                    signature.agreement
                )
            },
        );
        check.said(
            "R150",
            &[
                ("name", &signature.name),
                ("title", &signature.title),
                ("organisation", &signature.organisation),
                ("address", &signature.address),
            ],
            || format!("the signature of {ods}"),
        );
        let needs_advice = matches!(
            signature.office,
            Office::ChiefExecutive | Office::SeniorInformationRiskOwner
        );
        let advised = signature
            .advised_by
            .as_ref()
            .is_some_and(|name| !name.trim().is_empty());
        check.that(!needs_advice || advised, "R150", || {
            format!("the signature of {ods} was given on the Caldicott Guardian's advice: `advised_by` is missing (S1)")
        });
        check.that(kind != OrganisationKind::Commissioner, "R107", || {
            format!(
                "{ods} is a commissioner: neither controller nor processor, so it does not sign"
            )
        });
    }

    /// A practice's switches, what it declines, and who may be asked about it.
    fn check_sharing(&self, organisation: &Organisation, today: Date, check: &mut Check<'_>) {
        let ods = &organisation.ods;
        let practice = organisation.kind == OrganisationKind::Practice;
        check.that(
            organisation.enablement.is_empty() || practice,
            "R005",
            || format!("{ods} is no practice, so it cannot be enabled"),
        );
        let mut before = Date::MIN;
        for switch in &organisation.enablement {
            check.that(switch.date <= today, "R005", || {
                format!("{ods} is switched on or off in the future")
            });
            check.that(before <= switch.date, "R005", || {
                format!("the switches of {ods} are not in the order of their dates")
            });
            before = switch.date;
            check.said(
                "R005",
                &[("actor", &switch.by), ("way", &switch.how)],
                || format!("the switch of {ods} of {}", switch.date),
            );
        }
        if organisation.is_enabled() {
            check.that(organisation.signature.is_some(), "R004", || {
                format!("{ods} is enabled but has not signed")
            });
            check.that(organisation.is_admitted(), "R152", || {
                format!("{ods} is enabled but has not been admitted")
            });
            check.that(organisation.contacts.contains_key("dpo"), "R183", || {
                format!("{ods} shares records but names no data protection officer")
            });
        }
        check.that(organisation.declines.is_empty() || practice, "R165", || {
            format!("{ods} is no practice, so it declines nothing")
        });
        for decline in &organisation.declines {
            check.that(
                decline.date <= today && !decline.by.trim().is_empty(),
                "R165",
                || {
                    format!(
                        "{ods} declines `{}` without a person or in the future",
                        decline.protocol
                    )
                },
            );
        }
        // Who signs after the programme went live joins by the procedure; no new signature of the others is needed.
        let late = organisation
            .signature
            .iter()
            .chain(&organisation.former_signatures)
            .map(|signature| signature.date)
            .min()
            .zip(self.agreement.live_from)
            .is_some_and(|(signed, live)| signed > live);
        check.that(!late || organisation.joining.is_some(), "R152", || {
            format!("{ods} signed after the programme went live, and how it joined is not recorded")
        });
    }

    /// What can be said of an organisation only when all of them are known.
    pub(super) fn check_relations(&self, ods: &OdsCode, today: Date, check: &mut Check<'_>) {
        let Some(organisation) = self.organisations.get(ods) else {
            return;
        };
        if let Some(parent) = &organisation.parent {
            check.that(parent != ods, "R158", || format!("{ods} is its own parent"));
            self.known(parent, check, || ods.to_string());
        }
        for (site, name) in &organisation.sites {
            check.ods(site);
            check.that(!name.trim().is_empty(), "R158", || {
                format!("the site {site} of {ods} has no name")
            });
            let elsewhere = self.organisations.contains_key(site)
                || self
                    .organisations
                    .values()
                    .any(|other| other.ods != *ods && other.sites.contains_key(site));
            check.that(!elsewhere, "R158", || {
                format!("the site {site} of {ods} is an organisation too, or another's site")
            });
        }
        if let Some(appointment) = &organisation.ig_office {
            let office = self.organisations.get(&appointment.office);
            let fits = organisation.kind == OrganisationKind::Practice
                && office.is_some_and(|office| office.kind == OrganisationKind::IgOffice);
            check.that(fits && appointment.since <= today, "R066", || {
                format!(
                    "{ods} appoints {}: only a practice appoints, only an IG office is appointed, not in the future",
                    appointment.office
                )
            });
        }
        if let Some(joining) = &organisation.joining {
            self.check_joining(organisation, joining, today, check);
        }
    }

    fn check_joining(
        &self,
        organisation: &Organisation,
        joining: &Joining,
        today: Date,
        check: &mut Check<'_>,
    ) {
        let ods = &organisation.ods;
        check.that(joining.applied <= today, "R152", || {
            format!("{ods} applies to join in the future")
        });
        if let Some(first) = &joining.first_approval {
            first.check(&format!("{ods} by the practices"), "R152", today, check);
            check.that(joining.applied <= first.minutes, "R152", || {
                format!("{ods} was approved before it applied")
            });
        }
        let window = joining.notified.zip(joining.objections_until);
        if let Some((notified, until)) = window {
            let days = i64::from(self.agreement.rules.objection_days).days();
            let long = notified.checked_add(days).is_ok_and(|least| least <= until);
            check.that(long && notified <= today, "R153", || {
                format!("the time to object to {ods} is shorter than the agreement's, or begins in the future")
            });
        }
        for objection in &joining.objections {
            self.known(&objection.by, check, || format!("the objection to {ods}"));
            check.that(
                objection.resolved.is_some() == objection.resolution.is_some(),
                "R153",
                || {
                    format!(
                        "the objection of {} to {ods} needs both how and when it was resolved",
                        objection.by
                    )
                },
            );
        }
        let Some(last) = &joining.final_approval else {
            return;
        };
        last.check(&format!("{ods} by the group"), "R153", today, check);
        check.that(joining.first_approval.is_some(), "R152", || {
            format!("{ods} has the final approval without that of the practices")
        });
        check.that(
            window.is_some_and(|(_, until)| until < last.minutes),
            "R153",
            || format!("{ods} was approved before the time to object was over, or without one"),
        );
        check.that(
            joining
                .objections
                .iter()
                .all(|objection| objection.resolved.is_some_and(|day| day <= last.minutes)),
            "R153",
            || format!("{ods} was approved though an objection was not resolved"),
        );
        let told = joining.notified.unwrap_or(last.minutes);
        for other in self.organisations.values() {
            let party = other.ods != *ods
                && other.has_signed(&self.agreement, told)
                && other.is_admitted()
                && other.withdrawal.is_none();
            check.that(
                !party || joining.notices.contains(&other.ods),
                "R153",
                || format!("{} was not notified that {ods} wants to join", other.ods),
            );
        }
    }
}

/// Suspension, withdrawal, assurance, contacts, evidence.
fn check_state(organisation: &Organisation, today: Date, check: &mut Check<'_>) {
    let ods = &organisation.ods;
    for (stop, rule) in [
        (&organisation.suspension, "R156"),
        (&organisation.withdrawal, "R154"),
    ] {
        if let Some(stop) = stop {
            check.that(stop.since <= today, rule, || {
                format!("{ods} is stopped in the future")
            });
            check.said(
                rule,
                &[("actor", &stop.by), ("reason", &stop.reason)],
                || format!("the stop of {ods}"),
            );
        }
    }
    if let Some(assurance) = &organisation.assurance {
        let dates = assurance.submitted <= today
            && assurance.statement.is_none_or(|day| day <= today)
            && organisation
                .assurance_until
                .is_none_or(|until| assurance.submitted <= until);
        check.that(dates, "R163", || {
            format!("the assurance of {ods} was submitted in the future or after its own end")
        });
    }
    for (office, contact) in &organisation.contacts {
        check.that(
            !contact.name.trim().is_empty() && contact.email.contains('@'),
            "contact",
            || format!("the contact `{office}` of {ods} needs a name and an e-mail address"),
        );
    }
    for evidence in &organisation.evidence {
        check.said(
            "R162",
            &[("kind", &evidence.kind), ("reference", &evidence.reference)],
            || format!("an evidence of {ods}"),
        );
        check.that(evidence.date <= today, "R162", || {
            format!(
                "the evidence `{}` of {ods} is dated in the future",
                evidence.kind
            )
        });
    }
}

fn is_endpoint(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| match url.scheme() {
        "http" | "https" => url.has_host(),
        "tcp" => url.has_host() && url.port().is_some(),
        _ => false,
    })
}
