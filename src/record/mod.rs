//! The GP record, supplier-neutral: what `source` gives and `mapping` takes.
//!
//! Plain structs. Invariant: no FHIR type, no I/O, no clock. Every statement keeps the source's own id, codes, dates and
//! words; nothing here has been interpreted beyond naming what kind of statement it is.

pub mod code;
pub mod date;
mod entry;
mod loss;
pub mod names;
pub mod nhs_number;

pub use code::{Coded, Coding, system};
pub use date::PartialDate;
pub use loss::{LossCount, LossTally};
pub use nhs_number::{NhsNumber, NhsNumberError};

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

/// An organisation's ODS code, upper case, as the register writes it.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct OdsCode(pub String);

impl std::fmt::Display for OdsCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two families of GP system. Which exclusions apply depends on it (S2 1.7, 1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFamily {
    /// EMIS Web: OpenHR or EMIS Open.
    Emis,
    /// TPP SystmOne: ClientIntegration.
    SystmOne,
}

/// One patient's whole record as one source answered it.
#[derive(Debug, Clone)]
pub struct GpRecord {
    /// The family of the source.
    pub family: SourceFamily,
    /// The practice whose record it is, as asked for.
    pub practice: OdsCode,
    /// Who the patient is.
    pub patient: PatientDetails,
    /// May the record be shown at all.
    pub standing: Standing,
    /// People named by entries and encounters.
    pub staff: Vec<Staff>,
    /// Organisations named by the patient, entries and encounters.
    pub organisations: Vec<Organisation>,
    /// Consultations and other contacts.
    pub encounters: Vec<Encounter>,
    /// Every statement of the record, in the order of the source.
    pub entries: Vec<Entry>,
    /// Parts that the source could not give, or that could not be read though the rest could: their sections are not whole.
    pub missing: Vec<Missing>,
    /// What the adapter had to drop or degrade.
    pub losses: Vec<Loss>,
}

/// A part of the record that is not there though it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// A consultation or contact, with nothing in it.
    Contact,
    /// A course or an issue.
    Medication,
    /// An allergy.
    Allergy,
    /// A report or an investigation.
    Report,
    /// A referral.
    Referral,
    /// An entry that may have been of any kind.
    Any,
    /// Everything but medication: it was not asked for.
    AllButMedication,
}

/// The demographics that may leave, and the few that identity checks need (R022).
#[derive(Debug, Clone, Default)]
pub struct PatientDetails {
    /// The NHS number as the source wrote it.
    pub nhs_number: Option<String>,
    /// Title, for example `Mrs`.
    pub title: Option<String>,
    /// Forenames in order.
    pub forenames: Vec<String>,
    /// Surname.
    pub surname: Option<String>,
    /// Date of birth.
    pub birth_date: PartialDate,
    /// Date of death, where recorded.
    pub death_date: Option<PartialDate>,
    /// Administrative sex.
    pub sex: Sex,
    /// Home address; a temporary patient's address is the temporary one (sources.md 3.9, 19).
    pub address: Option<Address>,
    /// Usual GP: the native id of a [`Staff`].
    pub usual_gp: Option<String>,
    /// Registered GP: the native id of a [`Staff`].
    pub registered_gp: Option<String>,
    /// Registered practice: the native id of an [`Organisation`], where the source names one.
    pub organisation: Option<String>,
}

/// Administrative sex.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Indeterminate.
    Indeterminate,
    /// Unknown or not said.
    #[default]
    Unknown,
}

/// A postal address; empty parts are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// House name or flat, street, village: in writing order.
    pub lines: Vec<String>,
    /// Town.
    pub town: Option<String>,
    /// County.
    pub county: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
}

/// What the source says about whether this record may be shown (design.md 7, "after the source").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Kind of registration.
    pub registration: Registration,
    /// Its first day (Europe/London), where the source says.
    pub since: Option<Date>,
    /// The MIG opt-out (S2 6.1.4).
    pub sharing: Sharing,
    /// The whole record is under a confidentiality policy, or the source marks the patient as sensitive.
    pub restricted: bool,
}

impl Standing {
    /// The first day of a registration that is less than `days` old: the record of the practice before may still be on its
    /// way (S2 5.1.3; R007). A day to come is no first day.
    #[must_use]
    pub fn arriving(&self, today: Date, days: u16) -> Option<Date> {
        let young =
            |since: &Date| *since <= today && today < since.saturating_add(i64::from(days).days());
        self.since.filter(young)
    }
}

/// Kind of registration at the practice that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// Regular (GMS), fully registered.
    Full,
    /// Temporary resident.
    Temporary,
    /// Another type (private, emergency, walk-in, dummy …) in the source's words.
    Other(String),
    /// Left, deducted or deceased.
    Ended,
    /// The source does not say.
    #[default]
    Unknown,
}

/// The patient's stage 1 choice as the source states it. Unknown counts as opted out (R065).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Not opted out, nothing expressly recorded (implied consent, R060). A remembered opt-out outlasts it (R008).
    Implied,
    /// The patient's express consent to share is recorded at this practice: it lifts a remembered opt-out (R064).
    Express,
    /// Opted out.
    OptedOut,
    /// The source does not say.
    #[default]
    Unknown,
}

/// A person who wrote or did something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staff {
    /// Native id that entries refer to (a user-in-role GUID, a UserName, or the display text itself).
    pub id: String,
    /// Name as one string.
    pub name: String,
    /// Title and role words, for example `General Medical Practitioner`.
    pub role: Option<String>,
    /// GMC number, seven digits, where sent.
    pub gmc: Option<String>,
}

/// An organisation that the record names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organisation {
    /// Native id.
    pub id: String,
    /// Name.
    pub name: String,
    /// ODS code, where sent.
    pub ods: Option<String>,
}

/// A consultation or other contact.
#[derive(Debug, Clone, Default)]
pub struct Encounter {
    /// Native id.
    pub id: String,
    /// When it took place.
    pub date: PartialDate,
    /// When it was entered.
    pub recorded: Option<Timestamp>,
    /// Who saw the patient: the native id of a [`Staff`].
    pub clinician: Option<String>,
    /// Native id of the [`Organisation`] where it was done.
    pub organisation: Option<String>,
    /// How: face to face, telephone …, in the source's words.
    pub method: Option<String>,
    /// Kind of place or contact as a term, for example `GP Surgery`; never narrative.
    pub location_type: Option<String>,
    /// Minutes, where recorded.
    pub duration_minutes: Option<u32>,
    /// The source finished it (EMIS `complete`).
    pub complete: bool,
    /// It only holds its entries together: nothing in it says that anybody met or spoke with the patient, so it is no contact.
    pub only_holds: bool,
    /// The source has no object for it and nobody wrote about it: it is only the bracket around its entries (SystmOne
    /// `Event` without a narrative), and goes with the last of them.
    pub implied: bool,
    /// Restrictions on the whole encounter; every entry in it inherits them.
    pub restrictions: Vec<Restriction>,
}

/// One statement of the record.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Native id, unique within this record (the adapter makes it so, and says so in a loss where it had to).
    pub id: String,
    /// Where it stood in the supplier's message, for example `healthDomain/event[OBS]`.
    pub path: String,
    /// What was said: term and codes.
    pub code: Coded,
    /// When it was true or done.
    pub date: PartialDate,
    /// When it was entered in the source (R206).
    pub recorded: Option<Timestamp>,
    /// Who was responsible: the native id of a [`Staff`].
    pub clinician: Option<String>,
    /// Who typed it, where the source says: the native id of a [`Staff`].
    pub recorder: Option<String>,
    /// Native id of the [`Organisation`] where it was done.
    pub organisation: Option<String>,
    /// Native id of the [`Encounter`] it belongs to.
    pub encounter: Option<String>,
    /// Native id of the entry that contains it (report over battery over test): restrictions and exclusion flow down.
    pub parent: Option<String>,
    /// It is (also) a problem.
    pub problem: Option<Box<Problem>>,
    /// Native ids of the problems it is linked to.
    pub linked_problems: Vec<String>,
    /// Restrictions that the source put on it.
    pub restrictions: Vec<Restriction>,
    /// The source's own class for it, for example `Biochemistry` (sources.md 3.5) or a consultation heading.
    pub category: Option<String>,
    /// First, new, review, ongoing, ended …, in the source's words.
    pub episodicity: Option<String>,
    /// Structured detail that hangs off the code, as (name, value) pairs: `Certainty: No`, `Family member: Mother`. They can
    /// turn the meaning of the code round, so every kind of entry has them.
    pub qualifiers: Vec<(Coded, Coded)>,
    /// What kind of statement, with the values of that kind.
    pub body: Body,
}

/// A problem that hangs off an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Native id of the problem, where it differs from the entry's.
    pub id: Option<String>,
    /// State.
    pub status: ProblemStatus,
    /// Significance.
    pub significance: Option<Significance>,
    /// When it ended.
    pub end: Option<PartialDate>,
    /// Expected duration in days, where sent.
    pub expected_days: Option<u32>,
    /// Native id of the problem above it, with the relation in the source's words (grouped, combined, evolved, replaced).
    pub parent: Option<(String, String)>,
}

/// State of a problem.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProblemStatus {
    /// Active.
    #[default]
    Active,
    /// Past.
    Past,
    /// The source gives no state, only an end: past once that day has come.
    UntilEnd,
    /// Health administration.
    HealthAdmin,
    /// Potential.
    Potential,
}

/// Significance of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Significance {
    /// Significant (EMIS) or major (SystmOne).
    Major,
    /// Minor.
    Minor,
}

/// What the source says must not be seen, as a fact; `labelling` turns it into labels, `release` into absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    /// An EMIS confidentiality policy; an id with no entry in the policy list, too (fail closed).
    Policy {
        /// The policy's id as sent.
        id: String,
        /// The policy list holds it.
        known: bool,
    },
    /// Marked as not to be seen: private (SystmOne), hidden or not filed yet (OpenHR).
    Private,
    /// A code whose text identifies a person (`SubscriberProtectedCodes`), never a free-standing observation.
    Identifying,
}

/// The kinds of statement, with what each kind alone has.
#[derive(Debug, Clone)]
pub enum Body {
    /// A coded statement, with or without a value: finding, disorder, procedure, measurement, result. Mapping decides which.
    Observation(Observation),
    /// A prescribed course: the authorisation.
    Medication(Box<Medication>),
    /// One issue of a course.
    Issue(Box<Issue>),
    /// An allergy, sensitivity or adverse reaction.
    Allergy(Allergy),
    /// An immunisation.
    Immunisation(Box<Immunisation>),
    /// A report: header of results.
    Report(Box<Report>),
    /// A referral, admissions by referral included.
    Referral(Box<Referral>),
    /// A letter, attachment or other document: its header only.
    Document(Document),
    /// Family history (in no tab).
    FamilyHistory,
    /// An alert or reminder.
    Alert(Alert),
    /// A test that was asked for.
    TestRequest,
    /// A diary entry or recall.
    Diary,
}

/// Value and reference ranges of a coded statement.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// The value, if any.
    pub value: Option<Value>,
    /// Reference ranges as sent.
    pub ranges: Vec<Range>,
    /// The source marked it abnormal (or normal), with its words.
    pub abnormal: Option<(bool, Option<String>)>,
    /// It is a header over results, not a result (battery, profile): its members name it as parent.
    pub group: bool,
    /// Result status in the source's words (`PR` provisional, `IN` incomplete, `NA`), where sent.
    pub status: Option<String>,
    /// Readings that were taken together share a group key (EMIS Open `GroupID`, SystmOne event): blood pressure pairs.
    pub group_key: Option<String>,
}

/// A result value. Numbers stay text: what was sent is what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Quantity(Quantity),
    /// Words: a result value, not free text (design.md 4).
    Text(String),
    /// A coded value.
    Coded(Coded),
}

/// A number with comparator and unit as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quantity {
    /// `<`, `<=`, `>=`, `>`.
    pub comparator: Option<Comparator>,
    /// Decimal digits as sent, a valid FHIR decimal.
    pub value: String,
    /// Unit as sent.
    pub unit: Option<String>,
}

/// How a number bounds the true value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparator {
    /// The FHIR code, which is the sign itself.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

/// A reference range: numbers, words, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// Lower bound; its comparator is kept because R4 cannot hold it in the number.
    pub low: Option<Quantity>,
    /// Upper bound.
    pub high: Option<Quantity>,
    /// The range in words, or what it is a range of (`Normal`, `Therapeutic`).
    pub text: Option<String>,
}

/// A prescribed course.
#[derive(Debug, Clone, Default)]
pub struct Medication {
    /// Acute, repeat, repeat dispensing or automatic.
    pub course: Course,
    /// State as derived once, here, from what the source sent.
    pub status: CourseStatus,
    /// Dosage words.
    pub dosage: Option<String>,
    /// Quantity per issue, in words as sent (`28 tablet`).
    pub quantity_text: Option<String>,
    /// Quantity as a number with unit where the source had it in parts.
    pub quantity: Option<Quantity>,
    /// Days that one issue lasts.
    pub issue_days: Option<u32>,
    /// Start, where it differs from the entry's date.
    pub start: Option<PartialDate>,
    /// End: expiry or last day of supply.
    pub end: Option<PartialDate>,
    /// Why and when it was stopped: a short reason, never free text.
    pub stopped: Option<(Option<PartialDate>, Option<Coded>)>,
    /// Review date.
    pub review: Option<PartialDate>,
    /// Last issued.
    pub last_issue: Option<PartialDate>,
    /// Issues so far.
    pub issues_made: Option<u32>,
    /// Issues authorised.
    pub issues_authorised: Option<u32>,
    /// Privately prescribed.
    pub private: bool,
    /// Prescribed by someone other than this practice (hospital, dentist, over the counter).
    pub elsewhere: bool,
    /// The course is itself the one issue of it (SystmOne acute): mapping makes plan and order of it.
    pub is_own_issue: bool,
}

/// Kind of course.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Course {
    /// Once.
    Acute,
    /// Repeat.
    Repeat,
    /// Repeat dispensing.
    RepeatDispensing,
    /// Automatic.
    Automatic,
    /// Not said.
    #[default]
    Unknown,
}

/// State of a course.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CourseStatus {
    /// Current.
    Active,
    /// Ran its course.
    Completed,
    /// Stopped before its end.
    Stopped,
    /// Authorised, never issued.
    NeverIssued,
    /// The source does not say.
    #[default]
    Unknown,
}

/// One issue.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    /// Native id of the course; issues without one exist in live data (sources.md 3.9, 6).
    pub course: Option<String>,
    /// Dosage words.
    pub dosage: Option<String>,
    /// Quantity in words as sent.
    pub quantity_text: Option<String>,
    /// Quantity as a number with unit.
    pub quantity: Option<Quantity>,
    /// Days supplied.
    pub days: Option<u32>,
    /// Printed, handwritten, electronic, hospital …, in the source's words.
    pub method: Option<String>,
    /// Cancelled.
    pub cancelled: bool,
    /// Privately prescribed.
    pub private: bool,
}

/// An allergy or sensitivity.
#[derive(Debug, Clone, Default)]
pub struct Allergy {
    /// To a drug, as far as the source says.
    pub to_drug: Option<bool>,
    /// The substance, where the source has it apart from the entry's code.
    pub substance: Option<Coded>,
    /// When it ended.
    pub end: Option<PartialDate>,
    /// What happened, coded.
    pub reaction: Option<Coded>,
}

/// An immunisation.
#[derive(Debug, Clone, Default)]
pub struct Immunisation {
    /// Vaccine product, where known apart from the procedure code.
    pub product: Option<Coded>,
    /// Dose or part (`1`, `Booster`).
    pub part: Option<String>,
    /// Batch number.
    pub batch: Option<String>,
    /// Expiry date of the batch.
    pub expiry: Option<PartialDate>,
    /// How much was given, where it is a number.
    pub dose: Option<Quantity>,
    /// Site on the body.
    pub site: Option<Coded>,
    /// Maker.
    pub manufacturer: Option<String>,
    /// Declined, contraindicated or otherwise not given.
    pub not_given: bool,
}

/// A report header.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Kind: pathology, radiology, discharge, out of hours …, in the source's words.
    pub kind: Option<String>,
    /// When issued by the laboratory.
    pub issued: Option<PartialDate>,
    /// When the specimen was taken.
    pub collected: Option<PartialDate>,
    /// Laboratory's own number.
    pub lab_id: Option<String>,
    /// Overall verdict as a coded or fixed term (`Normal`, `Abnormal`); never comment text.
    pub verdict: Option<String>,
    /// Specimens.
    pub specimens: Vec<Specimen>,
}

/// A specimen of a report.
#[derive(Debug, Clone, Default)]
pub struct Specimen {
    /// Native id.
    pub id: String,
    /// What it is.
    pub kind: Coded,
    /// When taken.
    pub collected: Option<PartialDate>,
    /// When received.
    pub received: Option<PartialDate>,
    /// The laboratory's own number of it.
    pub lab_id: Option<String>,
    /// Native ids of the batteries and tests that were made from it.
    pub members: Vec<String>,
}

/// A referral.
#[derive(Debug, Clone, Default)]
pub struct Referral {
    /// Specialty.
    pub speciality: Option<Coded>,
    /// Kind asked for (`ADM` admission, `INV` investigation …), in the source's words.
    pub request: Option<String>,
    /// It asks for an admission (or is one).
    pub admission: bool,
    /// Routine, soon, urgent, two-week wait …, in the source's words.
    pub urgency: Option<String>,
    /// In or out.
    pub inbound: Option<bool>,
    /// Letter, telephone, e-referral …, in the source's words.
    pub mode: Option<String>,
    /// Unique booking reference number.
    pub ubrn: Option<String>,
    /// Native id of the organisation referred to.
    pub to: Option<String>,
    /// Native id of the person referred to: a [`Staff`].
    pub to_person: Option<String>,
    /// Native id of the organisation referred from.
    pub from: Option<String>,
    /// Status in the source's words.
    pub status: Option<String>,
}

/// A document's header.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// It is a discharge document: it stands for an admission (design.md 4).
    pub discharge: bool,
    /// In or out.
    pub inbound: Option<bool>,
}

/// An alert or reminder.
#[derive(Debug, Clone, Default)]
pub struct Alert {
    /// When it lapses.
    pub expires: Option<PartialDate>,
    /// Severity in the source's words.
    pub severity: Option<String>,
}

/// Something that was dropped or degraded, never silently (design.md 3). Holds no clinical text.
/// Its words are shared: a long record has tens of thousands, at few places.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Loss {
    /// Where it stood in the supplier's message, for example `healthDomain/event[OBS]/associatedText`.
    #[serde(serialize_with = "loss::word")]
    pub path: Arc<str>,
    /// Native id of the entry, where it had one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "loss::word_if_any"
    )]
    pub native_id: Option<Arc<str>>,
    /// The entry's code, where it had one.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "loss::word_if_any"
    )]
    pub code: Option<Arc<str>>,
    /// Why, as a stable word: `free-text`, `no-tab`, `unparsed-date`, `unknown-element` …
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    // R007
    #[test]
    fn a_record_is_in_transit_for_so_many_days() {
        let today = date(2026, 11, 22);
        for (since, days, arriving) in [
            (Some(today), 28, true),
            (Some(date(2026, 10, 26)), 28, true),
            (Some(date(2026, 10, 25)), 28, false),
            (Some(date(2026, 11, 23)), 28, false),
            (Some(today), 1, true),
            (Some(today), 0, false),
            (Some(date(2026, 11, 23)), 0, false),
            (None, 28, false),
        ] {
            let standing = Standing {
                since,
                ..Standing::default()
            };
            let expected = since.filter(|_| arriving);
            assert_eq!(standing.arriving(today, days), expected, "{since:?} {days}");
        }
    }
}
