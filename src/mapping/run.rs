//! A record that is made into resources part by part. A resource in memory takes several times the room of its JSON, so
//! whoever can use them one after the other never has them all.

use super::loss::Losses;
use super::work::Work;
use super::{Mapped, MappingContext, SectionGap, merge, missing, until_end};
use crate::fhir::PatientId;
use crate::record::{GpRecord, Loss, LossCount, OdsCode, SourceFamily, Standing};

/// A record that is ready to be mapped.
#[derive(Debug)]
pub struct Mapping<'c> {
    record: GpRecord,
    ctx: &'c MappingContext<'c>,
    losses: Losses,
}

/// The mapping of one record under way.
pub struct Run<'r> {
    work: Work<'r>,
    losses: Losses,
}

/// What there is of a mapped record beside its resources and its losses.
#[derive(Debug)]
pub struct Rest {
    /// Whose.
    pub patient: PatientId,
    /// The practice whose record it is.
    pub practice: OdsCode,
    /// The family of the source.
    pub family: SourceFamily,
    /// May it be shown at all.
    pub standing: Standing,
    /// Sections that could not be filled, and why.
    pub gaps: Vec<SectionGap>,
}

impl<'c> Mapping<'c> {
    /// Settles what has to be settled before anything can be made: duplicates of SystmOne, ends that have come. Losses are
    /// only counted.
    #[must_use]
    pub fn new(mut record: GpRecord, ctx: &'c MappingContext<'c>) -> Self {
        let losses = Losses::counted(std::mem::take(&mut record.losses));
        Self::settled(record, losses, ctx)
    }

    /// As [`Self::new`], but each loss stays by itself.
    pub(super) fn with_losses(mut record: GpRecord, ctx: &'c MappingContext<'c>) -> Self {
        let losses = Losses::Listed(std::mem::take(&mut record.losses));
        Self::settled(record, losses, ctx)
    }

    fn settled(mut record: GpRecord, mut losses: Losses, ctx: &'c MappingContext<'c>) -> Self {
        if record.family == SourceFamily::SystmOne {
            merge::same_code(&mut record.entries, &mut losses);
        }
        until_end::settle(&mut record.entries, ctx.today);
        Self {
            record,
            ctx,
            losses,
        }
    }

    /// Decides what everything becomes. The losses so far go with it.
    #[must_use]
    pub fn run(&mut self) -> Run<'_> {
        let losses = std::mem::replace(&mut self.losses, Losses::none());
        Run {
            work: Work::new(&self.record, self.ctx),
            losses,
        }
    }

    /// The family of the source.
    #[must_use]
    pub fn family(&self) -> SourceFamily {
        self.record.family
    }

    /// May the record be shown at all, as the source says.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.record.standing
    }

    /// What is left when everything has been made; the record itself goes.
    #[must_use]
    pub fn into_rest(self) -> Rest {
        Rest {
            patient: self.ctx.patient.clone(),
            practice: self.record.practice,
            family: self.record.family,
            standing: self.record.standing,
            gaps: missing::gaps(self.ctx.tables, &self.record.missing),
        }
    }
}

impl Run<'_> {
    /// How many parts the record has. The resources of all parts in turn are the mapped record: exactly one Patient, then
    /// the rest in the order of the source, and in the last part what only the others refer to.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.work.parts()
    }

    /// Makes the resources of one part, and counts what is lost. Once for each part, in turn.
    pub fn part(&mut self, n: usize) -> impl Iterator<Item = Mapped> {
        self.work.part(n, &mut self.losses)
    }

    /// Makes them once more, the same ones; nothing is counted twice.
    pub fn again(&mut self, n: usize) -> Vec<Mapped> {
        self.work.part(n, &mut Losses::none()).collect()
    }

    /// What was dropped or degraded, by adapter and mapping together: each by itself.
    pub(super) fn into_losses(self) -> Vec<Loss> {
        self.losses.into_list()
    }

    /// The same by place and reason.
    #[must_use]
    pub fn into_loss_counts(self) -> Vec<LossCount> {
        self.losses.into_counts()
    }
}
