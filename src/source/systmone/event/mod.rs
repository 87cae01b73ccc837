//! One `Event` of a ClientIntegration record: the bracket, and a statement for each of its children, a file for each sort.
//!
//! An event has no statement ids of its own but the problems'. Ids are made from the event's and what the child says, not
//! from its place, so that they do not move when a sibling comes or goes; from a digest of it, so that no word of it stands in
//! an identifier or in the loss report (R032).

mod clinical_code;
mod document;
mod medication;
mod people;
mod report;
mod visit;
mod warning;

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::dates::date;
use crate::record::{
    Body, Coded, Encounter, Entry, Loss, Missing, Organisation, PartialDate, Restriction, Staff,
};
use crate::source::xml::{Becomes, Element};
use crate::text::hex;

/// What has been read of the record so far.
#[derive(Debug, Default)]
pub struct Clinical {
    /// Contacts and brackets.
    pub encounters: Vec<Encounter>,
    /// Statements.
    pub entries: Vec<Entry>,
    /// People.
    pub staff: Vec<Staff>,
    /// Places.
    pub organisations: Vec<Organisation>,
    /// Parts that could not be read though the rest could.
    pub missing: Vec<Missing>,
    /// What was left behind.
    pub losses: Vec<Loss>,
    staff_by_id: HashMap<String, usize>,
    places: HashSet<String>,
    /// Links of all statements to problems.
    links: usize,
    /// How many resources the entries may become.
    resources: usize,
    /// How often an id was made: the next equal one gets a number.
    made: HashMap<String, u32>,
    /// `ProblemUID` to the id of the entry that is the problem.
    problems: HashMap<String, String>,
}

const PATH: &str = "Response/Clinical/Event";

/// Children that hold words or duties, not statements of the ten tabs, with the reason they are counted under.
const LEFT_BEHIND: [(&str, &str); 5] = [
    ("Narrative", "free-text"),
    ("CarePlan", "no-tab"),
    ("PatientPlan", "no-tab"),
    ("Activity", "no-tab"),
    ("Relationship", "no-tab"),
];

/// Children of one event: what is kept of a record is weighed after each event, so one must not outweigh all.
const MOST_CHILDREN: usize = 2_000;

/// Problems that an event may be linked to as a whole: every statement in it has all of these links.
const MOST_LINKS: usize = 16;

/// Elements of words that never leave: no id is made from them.
const WORDS: [&str; 6] = [
    "Narrative",
    "FreeText",
    "Comments",
    "Notes",
    "FileName",
    "FollowUpActions",
];

/// What every child of one event has from it.
struct Base {
    uid: String,
    date: PartialDate,
    clinician: Option<String>,
    organisation: Option<String>,
    private: bool,
    links: Vec<String>,
    linked_referral: Option<String>,
}

impl Clinical {
    /// Bytes that are kept so far, words apart.
    pub fn weight(&self) -> usize {
        let small = self.losses.len()
            + self.staff.len()
            + self.organisations.len()
            + self.made.len()
            + self.problems.len()
            + self.missing.len();
        let links: usize = self.links * 64;
        self.entries.len() * 2_900 + self.encounters.len() * 700 + small * 320 + links
    }

    /// Resources and contacts that the record may become.
    pub fn becomes(&self) -> Becomes {
        Becomes {
            resources: self.resources + self.staff.len() + self.organisations.len(),
            contacts: self.encounters.len(),
        }
    }

    /// Takes an entry.
    fn push(&mut self, entry: Entry) {
        self.resources += entry.resources();
        entry.push_to(&mut self.entries);
    }

    /// Reads one event.
    pub fn event(&mut self, event: &Element) {
        if event.children.len() > MOST_CHILDREN {
            self.lose("", event.attr("EventUID"), "too-large");
            self.missing.push(Missing::Any);
            return;
        }
        let base = self.base(event);
        for (name, reason) in LEFT_BEHIND {
            for child in event.children(name) {
                child.settle();
                self.lose(name, Some(&base.uid), reason);
            }
        }
        let first = self.entries.len();
        let report = self.reports(event, &base);
        let mut has_letter = false;
        for child in event.all() {
            let _ = is_private(child);
            match child.name.as_str() {
                "ClinicalCode" => self.clinical_code(child, &base, report.as_deref()),
                "Medication" => self.medication(child, &base),
                "RepeatMedication" => self.repeat(child, &base),
                "DrugSensitivity" => self.sensitivity(child, &base),
                "Vaccination" => self.vaccination(child, &base),
                "Recall" => self.recall(child, &base),
                "Reminder" => self.reminder(child, &base),
                "Letter" => {
                    has_letter = true;
                    self.letter(child, &base);
                }
                "Attachment" => self.attachment(child, &base),
                "Report" | "LinkedProblemUID" => {}
                name if LEFT_BEHIND.iter().any(|(left, _)| *left == name) => {}
                name => {
                    child.settle();
                    self.lose(name, Some(&base.uid), "unknown-element");
                }
            }
        }
        if base.linked_referral.is_some() && !has_letter {
            self.lose("@LinkedReferralUID", Some(&base.uid), "no-place");
        }
        self.merge_duplicates(first);
        self.bracket(event, &base, self.entries.len() > first);
        let mut unread = Vec::new();
        event.unread(&mut |path| unread.push(path.to_owned()));
        for path in unread {
            self.lose(&path, Some(&base.uid), left(&path));
        }
    }

    fn base(&mut self, event: &Element) -> Base {
        let when = event.attr("DateTime");
        let uid = match event.attr("EventUID") {
            Some(uid) => uid.to_owned(),
            None => {
                self.lose("@EventUID", None, "id-made");
                // From what it says, not from its place: taking another event away must not change it.
                format!("event-{}", event.digest(&WORDS))
            }
        };
        let uid = self.unique(&uid, "");
        let date = when.and_then(|text| self.moment(text, "@DateTime", &uid));
        let done_at = event.attr("DoneAt");
        if links(event).count() > MOST_LINKS {
            self.lose("LinkedProblemUID", Some(&uid), "too-large");
        }
        Base {
            date: date.unwrap_or_default(),
            clinician: self.staff(event.attr("UserName"), event.attr("DoneBy")),
            organisation: done_at.map(|name| self.organisation(name)),
            private: is_private(event),
            links: links(event).take(MOST_LINKS).collect(),
            linked_referral: event.attr("LinkedReferralUID").map(ToOwned::to_owned),
            uid,
        }
    }

    /// The event itself. The system makes one for everything that is filed, so an event alone says only when, who and where.
    /// It is a contact where it says how the patient was met (`Method`), or where somebody wrote a narrative around its
    /// statements, as in a consultation; else it only holds its statements together (`docs/sources-wire.md`). A contact
    /// with a narrative stands by itself; any other goes with the last of its statements, and where it has none it is nothing.
    fn bracket(&mut self, event: &Element, base: &Base, has_entries: bool) {
        let method = event.attr("Method").map(ToOwned::to_owned);
        if !has_entries && method.is_none() {
            return;
        }
        let has_narrative = event.children.iter().any(|c| c.name == "Narrative");
        self.encounters.push(Encounter {
            id: base.uid.clone(),
            date: base.date.clone(),
            recorded: None,
            clinician: base.clinician.clone(),
            organisation: base.organisation.clone(),
            location_type: None,
            duration_minutes: None,
            complete: true,
            only_holds: method.is_none() && !has_narrative,
            implied: !has_narrative,
            restrictions: private(base.private),
            method,
        });
    }

    /// Turns problem UIDs in links into entry ids. A link to a problem that this answer does not hold is dropped.
    pub fn resolve_links(&mut self) {
        let problems = std::mem::take(&mut self.problems);
        let mut lost = Vec::new();
        for entry in &mut self.entries {
            let (id, path) = (&entry.id, &entry.path);
            entry.linked_problems = std::mem::take(&mut entry.linked_problems)
                .into_iter()
                .filter_map(|uid| {
                    let found = problems.get(&uid).cloned();
                    if found.is_none() {
                        lost.push((path.clone(), id.clone()));
                    }
                    found
                })
                .filter(|problem| problem != id)
                .collect();
        }
        for (path, id) in lost {
            self.losses.push(Loss {
                path: format!("{path}/LinkedProblemUID").into(),
                native_id: Some(id.into()),
                code: None,
                reason: "link-to-nothing",
            });
        }
        self.tie_issues();
    }

    /// What every statement has. `detail` is what tells it from others of the same code in the same event.
    fn entry(
        &mut self,
        base: &Base,
        child: &Element,
        name: &str,
        code: Coded,
        detail: &[Option<&str>],
        body: Body,
    ) -> Entry {
        let hidden = is_private(child) || base.private;
        let said = code
            .codings
            .first()
            .map(|c| c.code.as_str())
            .or(code.text.as_deref())
            .unwrap_or_default();
        let detail: Vec<&str> = detail.iter().map(|part| part.unwrap_or("")).collect();
        // Private statements are numbered apart, so that taking them away renumbers nothing.
        let mark = if hidden { "/private" } else { "" };
        let id = format!("{}/{name}/{}{mark}", base.uid, digest(said, &detail));
        let id = self.unique(&id, name);
        let linked: Vec<String> = base.links.iter().cloned().chain(links(child)).collect();
        self.links += linked.len();
        Entry {
            id,
            path: format!("{PATH}/{name}"),
            code,
            date: base.date.clone(),
            recorded: None,
            clinician: base.clinician.clone(),
            recorder: None,
            organisation: base.organisation.clone(),
            encounter: Some(base.uid.clone()),
            parent: None,
            problem: None,
            linked_problems: linked,
            restrictions: private(hidden),
            category: None,
            episodicity: None,
            qualifiers: Vec::new(),
            body,
        }
    }

    /// Equal to the last field: a number tells them apart, and that is counted.
    fn unique(&mut self, id: &str, path: &str) -> String {
        let made = self.made.entry(id.to_owned()).or_insert(0);
        *made += 1;
        if *made == 1 {
            return id.to_owned();
        }
        let id = format!("{id}/{made}");
        self.lose(path, Some(&id), "duplicate-id");
        id
    }

    fn day(
        &mut self,
        element: &Element,
        name: &str,
        parent: &str,
        base: &Base,
    ) -> Option<PartialDate> {
        let text = element.text_of(name)?;
        self.moment(text, &format!("{parent}/{name}"), &base.uid)
    }

    fn moment(&mut self, text: &str, path: &str, id: &str) -> Option<PartialDate> {
        let read = date(text);
        if read.is_none() {
            self.lose(path, Some(id), "unparsed-date");
        }
        read
    }

    /// Words that never leave are counted where they stood.
    fn words(&mut self, element: &Element, name: &str, parent: &str, base: &Base) {
        self.put_by(element, name, parent, "free-text", base);
    }

    /// A part that is not read is counted, where it says anything.
    fn put_by(
        &mut self,
        element: &Element,
        name: &str,
        parent: &str,
        reason: &'static str,
        base: &Base,
    ) {
        if let Some(part) = element.child(name) {
            part.settle();
            if !part.is_blank() {
                self.lose(&format!("{parent}/{name}"), Some(&base.uid), reason);
            }
        }
    }

    fn lose(&mut self, path: &str, id: Option<&str>, reason: &'static str) {
        let path = if path.is_empty() {
            PATH.to_owned()
        } else {
            format!("{PATH}/{path}")
        };
        self.losses.push(Loss {
            path: path.into(),
            native_id: id.map(Into::into),
            code: None,
            reason,
        });
    }
}

/// Why something of an event is not read.
fn left(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap_or(path) {
        "@Software" | "@PackID" => "administrative",
        _ => "unknown-element",
    }
}

fn links(element: &Element) -> impl Iterator<Item = String> {
    element
        .children("LinkedProblemUID")
        .filter_map(Element::own_text)
        .map(ToOwned::to_owned)
}

fn private(is: bool) -> Vec<Restriction> {
    if is {
        vec![Restriction::Private]
    } else {
        Vec::new()
    }
}

/// `Private="true"`: our extension (docs/sources-wire.md). Any value but a plain no is private, none too (fail closed).
fn is_private(element: &Element) -> bool {
    let plain_no = matches!(element.attr("Private"), Some("false" | "0"));
    !plain_no && element.attributes.iter().any(|a| a.name == "Private")
}

/// Eight bytes of a digest of what a statement says, in hexadecimal.
fn digest(said: &str, detail: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&said).chain(detail) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(hash.finalize().get(..8).unwrap_or_default())
}
