//! What happened to a synthetic person, told once, in no supplier's format.
//!
//! `population` tells stories in these words; the mock writers turn them into OpenHR, EMIS Open or ClientIntegration
//! XML. Nothing here is shared with the adapters.

use jiff::civil::{Date, DateTime};

/// A synthetic person with everything that the mock services say of them.
#[derive(Debug, Clone)]
pub struct Person {
    /// NHS number, of the 999 range.
    pub nhs_number: String,
    /// Title.
    pub title: &'static str,
    /// Given names.
    pub given: Vec<String>,
    /// Surname.
    pub family: String,
    /// `F` or `M`.
    pub sex: char,
    /// Born.
    pub birth_date: Date,
    /// House and street, village, town, county, postcode.
    pub address: [String; 5],
    /// ODS code of the practice whose system holds the record.
    pub practice: &'static str,
    /// Kind of registration there.
    pub registration: Registration,
    /// Registered there since.
    pub registered: Date,
    /// What the source says of sharing.
    pub sharing: Sharing,
    /// What the trace service says.
    pub trace: Trace,
    /// How the source behaves when asked for this record.
    pub behaviour: Behaviour,
    /// On the worklists of the viewers.
    pub registered_for_treatment: bool,
    /// What is special, for the contract.
    pub about: &'static str,
    /// Contacts, oldest first.
    pub contacts: Vec<Contact>,
    /// Facts, oldest first within each kind.
    pub facts: Vec<Fact>,
}

/// Kind of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Regular.
    Full,
    /// Temporary resident.
    Temporary,
}

/// The source's sharing state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nothing recorded against it: implied consent.
    Implied,
    /// Expressly opted out.
    Dissent,
    /// The system cannot say.
    NotRecorded,
}

/// The trace service's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Number present and verified (`01`); otherwise present but not traced (`02`).
    pub verified: bool,
    /// Marked sensitive.
    pub sensitive: bool,
    /// Died.
    pub deceased: Option<Date>,
    /// Other names and date of birth than the source has (family, given, born).
    pub differs: Option<(String, String, Date)>,
}

/// How the source behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers.
    Answers,
    /// Refuses: record restricted.
    Restricted,
    /// Never answers in time.
    TimesOut,
    /// Answers broken XML.
    BrokenXml,
}

/// A contact with the practice.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Key that facts name.
    pub key: u32,
    /// When.
    pub at: DateTime,
    /// Index into [`STAFF`].
    pub staff: usize,
    /// How.
    pub method: Method,
    /// What was typed: free text, which must never leave.
    pub narrative: Option<String>,
    /// The whole contact is confidential (EMIS policy) or private (SystmOne).
    pub private: bool,
}

/// How a contact took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// In the surgery.
    FaceToFace,
    /// By telephone.
    Telephone,
    /// At home.
    HomeVisit,
}

/// A date as precise as it was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A moment.
    At(DateTime),
    /// A day.
    Day(Date),
    /// A month.
    Month(i16, i8),
    /// A year.
    Year(i16),
    /// Not known.
    Unknown,
}

/// One clinical concept in the terminologies that systems use; every code from the shared tables, none invented.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concept {
    /// Term.
    pub term: String,
    /// Read v2, five characters padded with dots.
    pub read_v2: Option<String>,
    /// CTV3.
    pub ctv3: Option<String>,
    /// SNOMED CT concept id (dm+d id for medicines).
    pub snomed: Option<String>,
    /// A local code of the supplier that maps to nothing.
    pub local: Option<String>,
}

/// One fact.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Key, unique within the person.
    pub key: u32,
    /// Contact it was recorded in.
    pub contact: Option<u32>,
    /// When it was true.
    pub when: When,
    /// When it was entered.
    pub entered: DateTime,
    /// Index into [`STAFF`].
    pub staff: usize,
    /// What.
    pub concept: Concept,
    /// Free text attached to it, which must never leave.
    pub text: Option<String>,
    /// Confidential (EMIS policy) or private (SystmOne).
    pub private: bool,
    /// It is (also) a problem.
    pub problem: Option<Problem>,
    /// This episode of it is over, though it is no problem (EMIS episodicity `END`).
    pub ended: bool,
    /// Keys of the problems that it is linked to.
    pub for_problems: Vec<u32>,
    /// Key of the fact that contains it (report, battery).
    pub within: Option<u32>,
    /// Kind with its values.
    pub kind: Kind,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Still active.
    pub active: bool,
    /// Significant or major.
    pub major: bool,
    /// Ended.
    pub ended: Option<When>,
}

/// Kinds of fact.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A finding, disorder, symptom, life-style or administrative entry.
    Finding,
    /// An operation or procedure.
    Procedure,
    /// A measurement or result; blood pressures are two measurements with the same `together`.
    Measurement {
        /// `<`, `<=`, `>`, `>=`.
        comparator: Option<&'static str>,
        /// Decimal.
        value: String,
        /// Unit as the laboratory writes it.
        unit: &'static str,
        /// Reference range.
        range: Option<(String, String)>,
        /// Readings taken together share a key.
        together: Option<u32>,
    },
    /// A result in words.
    TextResult(String),
    /// A report that contains results (`within` points here); class is one of the groups of S2 5.2.1.8.
    Report {
        /// What kind.
        class: Class,
        /// Specimen in words, where one was taken.
        specimen: Option<&'static str>,
    },
    /// A battery inside a report.
    Battery,
    /// A prescribed course.
    Course {
        /// Repeat, otherwise acute.
        repeat: bool,
        /// Dosage.
        dosage: String,
        /// Amount per issue.
        quantity: u32,
        /// Unit of the amount, for example `tablet`.
        unit: &'static str,
        /// Days per issue.
        days: u32,
        /// Still current.
        current: bool,
        /// Ended or stopped on.
        end: Option<Date>,
        /// Stopped before its time.
        stopped: bool,
        /// Issues authorised (repeats).
        max_issues: Option<u32>,
        /// Review due (repeats).
        review: Option<Date>,
    },
    /// One issue of the course with this key.
    Issue {
        /// The course.
        course: u32,
    },
    /// An allergy or adverse reaction.
    Allergy {
        /// To a drug.
        drug: bool,
        /// The drug, where the source names it apart.
        substance: Option<Concept>,
    },
    /// A contraindication or risk entry that is no allergy.
    Contraindication,
    /// An immunisation.
    Immunisation {
        /// Dose or part.
        part: Option<&'static str>,
        /// Batch.
        batch: Option<String>,
    },
    /// A referral.
    Referral {
        /// Specialty in words.
        speciality: &'static str,
        /// It is for admission.
        admission: bool,
        /// `R` routine, `U` urgent, `S` soon, `W` two-week wait.
        urgency: char,
    },
    /// A letter; a discharge letter stands for an admission.
    Letter {
        /// Discharge.
        discharge: bool,
    },
    /// Family history.
    FamilyHistory,
    /// A reminder or alert.
    Alert,
}

/// Classes of investigation (S2 5.2.1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant is the class of S2 5.2.1.8 of that name"
)]
pub enum Class {
    Biochemistry,
    Ecg,
    Haematology,
    Imaging,
    Microbiology,
    Cytology,
    Physiology,
    Urinalysis,
    Other,
}

/// Synthetic staff: name, role, GMC number where a doctor.
pub const STAFF: [(&str, &str, Option<&str>); 5] = [
    (
        "Dr Amara Whitfield",
        "General Medical Practitioner",
        Some("9900001"),
    ),
    (
        "Dr Colin Peverell",
        "General Medical Practitioner",
        Some("9900002"),
    ),
    ("Nurse Bridget Oakham", "Practice Nurse", None),
    (
        "Dr Sunita Rearsby",
        "General Medical Practitioner",
        Some("9900003"),
    ),
    ("Gareth Loddington", "Healthcare Assistant", None),
];
