//! `event`: what all kinds have in common, and the kinds with few fields of their own.

use crate::record::{
    Alert, Allergy, Body, Coded, Document, Entry, Immunisation, Observation, Referral, Restriction,
};
use crate::source::emis::codes::RawCode;
use crate::source::emis::dates;
use crate::source::emis::draft::native;
use crate::source::emis::losses::{Losses, Spot};
use crate::source::emis::words;
use crate::source::xml::Element;

use super::health::{blank, effective_time};
use super::{
    Reader, coded, identity, is_kept_from_view, medication, observation, raw, reference, report,
    restrictions, term,
};

impl Reader {
    /// One entry of the record.
    pub(super) fn event(&mut self, element: &Element) {
        let kind = kind(element);
        let path = format!("healthDomain/event[{kind}]");
        let (id, spot) = identity(element, &path, &mut self.draft.losses);
        let attached = element
            .child("observation")
            .and_then(|o| reference(o, "referenceDocument"));
        self.referenced.extend(attached);
        if !self.belongs(element, &spot) {
            return;
        }
        if kind == "OH" {
            // A test order's header, for EMIS's own use; the tests in it are events of their own.
            return self.put_aside(element, "administrative");
        }
        let code = coded(element.child("code"), element.text_of("displayTerm"));
        let spot = spot.coded(&code);
        let date = effective_time(element, "effectiveTime", &spot, &mut self.draft.losses);
        let recorded = element.text_of("availabilityTimeStamp");
        let recorded = self
            .draft
            .losses
            .instant(&spot, "availabilityTimeStamp", recorded);
        let mut qualifiers = qualifiers(element.child("code"), &spot, &mut self.draft.losses);
        let body = self.body(kind, element, &id, &spot, &mut qualifiers);
        let episodicity = element
            .child("observation")
            .and_then(|o| o.text_of("episodicity"));
        let entry = Entry {
            path,
            code,
            date: date.unwrap_or_default(),
            recorded,
            clinician: reference(element, "authorisingUserInRole"),
            recorder: reference(element, "enteredByUserInRole"),
            organisation: reference(element, "organisation"),
            restrictions: all_restrictions(element),
            episodicity: episodicity.filter(|e| *e != "NONE").map(str::to_owned),
            qualifiers,
            ..blank(id, body)
        };
        self.draft.losses.sweep(&spot, element);
        self.draft.push(entry);
    }

    fn body(
        &mut self,
        kind: &str,
        element: &Element,
        id: &str,
        spot: &Spot,
        qualifiers: &mut Vec<(Coded, Coded)>,
    ) -> Body {
        let losses = &mut self.draft.losses;
        let own = |name| element.child(name);
        for name in ["medication", "medicationIssue"] {
            let amount = own(name).and_then(|it| it.text_of("quantity"));
            losses.number(spot, &format!("{name}/quantity"), amount);
        }
        match kind {
            "MED" => {
                let medication = own("medication");
                self.mixture(id, medication);
                let created = self.created.as_deref();
                let losses = &mut self.draft.losses;
                let read = medication.map(|m| medication::course(m, created, spot, losses));
                Body::Medication(Box::new(read.unwrap_or_default()))
            }
            "ISS" => {
                let issue = own("medicationIssue");
                self.mixture(id, issue);
                Body::Issue(Box::new(issue.map(medication::issue).unwrap_or_default()))
            }
            "TR" => Body::TestRequest,
            "ATT" => Body::Document(Document::default()),
            "REF" => Body::Referral(Box::new(own("referral").map(referral).unwrap_or_default())),
            "DRY" => Body::Diary,
            "ALT" => Body::Alert(
                own("alert")
                    .map(|a| alert(a, spot, losses))
                    .unwrap_or_default(),
            ),
            "ALL" => Body::Allergy(allergy(element)),
            "FH" => Body::FamilyHistory,
            "IMM" => Body::Immunisation(Box::new(immunisation(qualifiers, spot, losses))),
            "REP" => {
                let read = own("report").map(|r| report::report(r, id, spot, &mut self.draft));
                Body::Report(Box::new(read.unwrap_or_default()))
            }
            _ => Body::Observation(self.observation(kind, element, id, spot)),
        }
    }

    fn observation(&mut self, kind: &str, element: &Element, id: &str, spot: &Spot) -> Observation {
        let own = element.child("observation");
        let losses = &mut self.draft.losses;
        let mut read = own
            .map(|o| observation::observation(o, spot, losses))
            .unwrap_or_default();
        let mut members = 0;
        if let Some(whole) = own.and_then(|o| o.child("complexObservation")) {
            for child in whole.children("childLink").filter_map(Element::own_text) {
                self.draft.parts.push((id.to_owned(), native(child), 0));
                members += 1;
            }
            // The same link from the other end.
            if let Some(parent) = whole.text_of("parentLink").map(native) {
                self.groups.insert(parent.clone());
                self.draft.parts.push((parent, id.to_owned(), 0));
            }
        }
        read.group = read.value.is_none() && (kind == "INV" || members > 0);
        if read.group && !read.ranges.is_empty() {
            // Ranges on a header are nobody's (pitfall 11).
            read.ranges.clear();
            losses.add(spot, "observation/value", "header-range");
        }
        if members > 0 {
            self.groups.insert(id.to_owned());
        }
        read
    }

    fn mixture(&mut self, id: &str, element: Option<&Element>) {
        if let Some(mixture) = element.and_then(|e| reference(e, "localMixture")) {
            self.mixtures.push((id.to_owned(), mixture));
        }
    }
}

/// What restricts an event: its own marks, and those of its body.
fn all_restrictions(element: &Element) -> Vec<Restriction> {
    let mut out = restrictions(element);
    let bodies = element.children.iter().filter(|body| {
        let names = BODIES.iter().map(|(name, _)| *name);
        names.chain(["observation"]).any(|name| name == body.name)
    });
    for body in bodies {
        if is_kept_from_view(body) && !out.contains(&Restriction::Private) {
            out.push(Restriction::Private);
        }
    }
    out
}

/// Bodies that tell an event's type.
const BODIES: [(&str, &str); 8] = [
    ("medication", "MED"),
    ("medicationIssue", "ISS"),
    ("referral", "REF"),
    ("diary", "DRY"),
    ("alert", "ALT"),
    ("allergy", "ALL"),
    ("report", "REP"),
    ("orderHeader", "OH"),
];

/// The event's type; where it is not said or not known, by its body.
fn kind(element: &Element) -> &'static str {
    const KINDS: [&str; 15] = [
        "OBS", "MED", "TR", "INV", "VAL", "ISS", "ATT", "REF", "DRY", "ALT", "ALL", "FH", "IMM",
        "REP", "OH",
    ];
    let said = element.text_of("eventType");
    if let Some(known) = KINDS.iter().find(|k| said == Some(**k)) {
        return known;
    }
    let by_body = BODIES
        .iter()
        .find(|(name, _)| element.child(name).is_some());
    by_body.map_or("OBS", |(_, kind)| kind)
}

/// Qualifiers of a code as (name, value), but those of payment (`GMS`), which are counted.
fn qualifiers(code: Option<&Element>, spot: &Spot, losses: &mut Losses) -> Vec<(Coded, Coded)> {
    let Some(code) = code else { return Vec::new() };
    let all = code.children("qualifier").map(|q| {
        let name = coded(q.child("name"), None);
        let value = coded(q.child("value"), None);
        (name, value)
    });
    clinical(all, spot, losses)
}

/// Qualifiers that say something of the patient: those that say anything, but for payment.
pub(in crate::source::emis) fn clinical(
    all: impl Iterator<Item = (Coded, Coded)>,
    spot: &Spot,
    losses: &mut Losses,
) -> Vec<(Coded, Coded)> {
    let mut kept = Vec::new();
    for (name, value) in all {
        if words::plain(name.text.as_deref().unwrap_or_default()) == "gms" {
            losses.add(spot, "code/qualifier", "administrative");
        } else if !name.is_empty() || !value.is_empty() {
            kept.push((name, value));
        }
    }
    kept
}

/// Batch, expiry, site, maker, dose and "not given" arrive as qualifiers (sources.md 3.2); the others stay with the entry.
pub(in crate::source::emis) fn immunisation(
    qualifiers: &mut Vec<(Coded, Coded)>,
    spot: &Spot,
    losses: &mut Losses,
) -> Immunisation {
    let mut out = Immunisation::default();
    for (name, value) in std::mem::take(qualifiers) {
        let label = words::plain(name.text.as_deref().unwrap_or_default());
        let text = value
            .text
            .clone()
            .or_else(|| value.codings.first().map(|c| c.code.clone()));
        let has = |word: &str| label.contains(word);
        let words = words::plain(text.as_deref().unwrap_or_default());
        if words == "negation" || label == "certainty" && words == "no" {
            out.not_given = true;
        } else if has("expiry") {
            let date = dates::written(&text.unwrap_or_default());
            out.expiry = losses.date(spot, "code/qualifier", date);
        } else if has("batch") {
            out.batch = text;
        } else if has("manufacturer") || has("maker") {
            out.manufacturer = text;
        } else if has("site") {
            out.site = Some(value);
        } else if has("dose") || has("stage") || label == "part" {
            out.part = text;
        } else {
            qualifiers.push((name, value));
        }
    }
    out
}

fn referral(element: &Element) -> Referral {
    let text = |name| element.text_of(name).map(str::to_owned);
    let direction = element.text_of("direction");
    let speciality = element.child("speciality").map(|s| {
        let mut coded = coded(Some(s), None);
        let national = RawCode {
            scheme: Some("SPECIALITY"),
            code: s.attr("nationalCode"),
            display: None,
        };
        let _ = s.attr("specialityAbbreviation");
        if coded.codings.is_empty() {
            coded.codings.extend(national.coding(false));
        }
        if coded.text.is_none() {
            coded.text = term(s).map(str::to_owned);
        }
        coded
    });
    Referral {
        speciality: speciality.filter(|s| !s.is_empty()),
        request: text("requestType").filter(|r| r != "UNK"),
        admission: element.text_of("requestType") == Some("ADM"),
        urgency: text("urgency"),
        inbound: match direction {
            Some("IN") => Some(true),
            Some("OUT") => Some(false),
            _ => None,
        },
        mode: text("referralMode"),
        ubrn: text("UBRN"),
        to: reference(element, "targetOrganisation"),
        to_person: reference(element, "targetUserInRole"),
        from: reference(element, "sourceOrganisation"),
        status: None,
    }
}

fn alert(element: &Element, spot: &Spot, losses: &mut Losses) -> Alert {
    let expires = element.text_of("expires").map(dates::iso_day);
    Alert {
        expires: expires.and_then(|date| losses.date(spot, "alert/expires", date)),
        severity: None,
    }
}

/// A target drug, or an allergy code of the drug dictionary, says that it is a drug; nothing says that it is not.
fn allergy(element: &Element) -> Allergy {
    let target = element.child("allergy").and_then(|a| a.child("targetDrug"));
    let substance = target.map(|t| {
        let mut substance = coded(Some(t), None);
        if substance.text.is_none() {
            substance.text = term(t).map(str::to_owned);
        }
        substance
    });
    let dictionary = element.child("code").map(raw).and_then(|c| c.scheme);
    let by_code = dictionary.is_some_and(|s| s.starts_with("EMIS") && s.ends_with("ALLERGY"));
    Allergy {
        to_drug: (substance.is_some() || by_code).then_some(true),
        substance,
        end: None,
        reaction: None,
    }
}
