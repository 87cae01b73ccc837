//! GP record in, FHIR R4 resources and loss report out.
//!
//! Pure functions over [`crate::record`]. Invariants: reads no clock, network or configuration; never decides what is
//! sensitive; drops no field silently. Which code, status or unit becomes what stands in `mappings/`, not here.

mod admission;
mod allergy;
mod assertion;
mod blood_pressure;
mod common;
mod condition;
mod diagnostic_report;
mod document;
mod encounter;
mod flag;
mod immunization;
mod loss;
mod medication;
mod merge;
mod missing;
mod observation;
mod patient;
mod plan;
mod procedure;
mod referral;
mod run;
mod staff;
pub mod tables;
#[cfg(test)]
mod tests;
mod unplaced;
mod until_end;
mod work;

pub use observation::state_of_results;
pub use run::{Mapping, Rest, Run};
pub use tables::{TableError, TableFiles, Tables};

use crate::fhir::{IdKey, Kind, PatientId, Resource};
use crate::record::{GpRecord, Loss, NhsNumber, OdsCode, Restriction, SourceFamily, Standing};
use crate::tabs::catalogue::Section;

/// One resource with everything that the later stages must know of where it came from.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// Its type.
    pub kind: Kind,
    /// Its id, which is also in the resource.
    pub id: String,
    /// The resource. `meta.tag` holds its tabs (system [`crate::fhir::uri::TAB`]); `meta.security` is still empty.
    pub resource: Resource,
    /// The sections it stands in, hence its tabs; empty only for supporting kinds.
    pub sections: Vec<Section>,
    /// Its clinically relevant date, for ordering (newest first in every section).
    pub date: crate::record::PartialDate,
    /// Every coding of its entry, original and mapped, as (system, code): what the exclusion list looks at.
    pub codings: Vec<(String, String)>,
    /// How far its code can be checked against an exclusion list (R051).
    pub checkable: Checkable,
    /// What the source restricts, its own and all that it inherits from its encounter and the entries that contain it.
    pub restrictions: Vec<Restriction>,
    /// Native id of the entry (for the practice's loss and quality reports, never for the viewer).
    pub native_id: String,
    /// Id of the resource that contains it (report over battery over result): when that one is withheld, so is this.
    pub parent: Option<String>,
    /// It is only the bracket around others (a SystmOne event, a consultation of nothing but entries) and goes when no
    /// released resource refers to it.
    pub bracket: bool,
    /// It is a header over results.
    pub header: Header,
    /// Its state is that of its results: `release` works it out afresh, too.
    pub state_by_results: bool,
}

/// Is a resource a header over results, and where does it stand because of it?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It is none.
    #[default]
    No,
    /// It is one with a class of its own.
    Classed,
    /// It is one that stands in the classes of its results. `release` works them out afresh from those that may leave: a
    /// class must not tell of a result that is withheld (R047).
    ByResults,
    /// It is a result itself, without a class of its own, and has others inside: it stands in their class.
    Parent,
}

/// How far a code can be checked against an exclusion list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkable {
    /// It has at least one code of a national terminology (Read v2, CTV3, SNOMED CT).
    National,
    /// It has only local codes, or a term without a code: nothing can be checked.
    LocalOnly,
    /// Kinds of statement that carry no clinical code (an encounter, a patient, a practitioner).
    NoCode,
}

/// A whole mapped record.
#[derive(Debug)]
pub struct MappedRecord {
    /// Whose.
    pub patient: PatientId,
    /// The practice whose record it is.
    pub practice: OdsCode,
    /// The family of the source.
    pub family: SourceFamily,
    /// May it be shown at all.
    pub standing: Standing,
    /// Every resource: exactly one Patient, then the rest in the order of the source.
    pub resources: Vec<Mapped>,
    /// Sections that could not be filled, and why; a section that is merely empty is not here.
    pub gaps: Vec<SectionGap>,
    /// What was dropped or degraded, by adapter and mapping together; entries in no tab are counted here as `no-tab`.
    pub losses: Vec<Loss>,
}

/// A section that says something other than "nothing recorded" when it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionGap {
    /// Which.
    pub section: Section,
    /// The source failed to give it (`unavailable`), as opposed to having no such thing (`not-held`).
    pub unavailable: bool,
    /// In words, for the section's note.
    pub why: String,
}

/// What mapping needs beside the record: everything it may not find out for itself.
#[derive(Debug)]
pub struct MappingContext<'a> {
    /// The tables of `mappings/`.
    pub tables: &'a Tables,
    /// The key that ids are made with.
    pub ids: &'a IdKey,
    /// The patient's id.
    pub patient: PatientId,
    /// The traced NHS number; what the source wrote is not passed on.
    pub nhs_number: &'a NhsNumber,
    /// The day it is, for what is recent, current or expired.
    pub today: jiff::civil::Date,
    /// The practice's name, as the register has it.
    pub practice_name: &'a str,
}

/// Maps a whole record.
#[must_use]
pub fn map(record: GpRecord, ctx: &MappingContext<'_>) -> MappedRecord {
    let mut mapping = Mapping::with_losses(record, ctx);
    let mut run = mapping.run();
    let mut resources = Vec::new();
    for part in 0..run.parts() {
        resources.extend(run.part(part));
    }
    let losses = run.into_losses();
    let rest = mapping.into_rest();
    MappedRecord {
        patient: rest.patient,
        practice: rest.practice,
        family: rest.family,
        standing: rest.standing,
        resources,
        gaps: rest.gaps,
        losses,
    }
}
