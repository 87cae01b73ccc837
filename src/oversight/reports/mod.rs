//! Reports: pure functions over rows of the trail, cases and the register, and the service that asks for the rows on behalf of
//! somebody who may see them.

pub mod access_audit;
pub mod accesses;
pub mod complaints;
pub mod due;
pub mod extract;
pub mod flows;
pub mod gateways;
pub mod misuse;
pub mod opt_out_ages;
pub mod other_uses;
pub mod overrides;
pub mod quality;
pub mod sheet;
pub mod subject_access;
pub mod terms;
pub mod undelivered;

use std::sync::Arc;

use jiff::civil::Date;

use self::accesses::{Period, accesses, events};
use self::sheet::Sheet;
use super::cases::complaint::Complaint;
use super::cases::publication::Publication;
use super::cases::report::Owed;
use super::cases::{Around, CaseError, Cases};
use super::opt_out::may_run;
use super::{NotAllowed, information};
use crate::audit::proof::{Export, Exporter};
use crate::audit::reader::{AuditReader, Filter};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::{Duty, GatewayRefusal, OrganisationKind};
use crate::store::StoreError;
use crate::store::terms::TermsStore;
use crate::tabs::catalogue::TabSet;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Not this person, or not for this organisation.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// A use other than direct care that its legal gateway does not let through (R170 to R177).
    #[error(transparent)]
    Gateway(#[from] GatewayRefusal),
    /// The months are not whole and over.
    #[error("counts are given for whole calendar months that are over")]
    Months,
    /// The register knows no such organisation, or none of this kind.
    #[error("there is no such organisation of this kind")]
    NoOrganisation,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CaseError> for ReportError {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::NotAllowed(error) => Self::NotAllowed(error),
            CaseError::Store(error) => Self::Store(error),
            other => Self::Store(StoreError(other.to_string())),
        }
    }
}

/// The service.
#[derive(Clone)]
pub struct Reports {
    trail: Arc<dyn AuditReader>,
    exporter: Arc<dyn Exporter>,
    terms: Arc<dyn TermsStore>,
    cases: Cases,
}

/// Whose part of the trail an export is of.
#[derive(Debug, Clone, Default)]
pub struct ExportAsk {
    /// Of this patient.
    pub patient: Option<PatientId>,
    /// Of this person.
    pub clinician: Option<String>,
    /// Of these days.
    pub period: Option<Period>,
}

impl Reports {
    /// On these stores.
    #[must_use]
    pub fn new(
        trail: Arc<dyn AuditReader>,
        exporter: Arc<dyn Exporter>,
        terms: Arc<dyn TermsStore>,
        cases: Cases,
    ) -> Self {
        Self {
            trail,
            exporter,
            terms,
            cases,
        }
    }

    /// The caller's own organisation, if it is of this kind and the person has one of these duties for it.
    fn own<'a>(
        around: Around<'a>,
        asked: Option<&'a OdsCode>,
        kind: OrganisationKind,
        duties: &[Duty],
    ) -> Result<&'a OdsCode, ReportError> {
        let ods = asked.or(around.organisation).ok_or(NotAllowed)?;
        // The IG office that a practice appointed acts for it (S0 2; R066, R182).
        let by_office = duties.contains(&Duty::RunPractice)
            && may_run(around.register, around.actor, ods, today(around)).is_ok();
        let own = duties
            .iter()
            .any(|duty| around.actor.must(*duty, ods).is_ok());
        if !own && !by_office {
            return Err(NotAllowed.into());
        }
        around
            .register
            .organisations
            .get(ods)
            .filter(|organisation| organisation.kind == kind)
            .map(|_| ods)
            .ok_or(ReportError::NoOrganisation)
    }

    /// The caller's own practice, for its own people and its data protection officer; with the part of the trail that is theirs.
    fn practice<'a>(
        around: Around<'a>,
        asked: Option<&'a OdsCode>,
    ) -> Result<(&'a OdsCode, Filter), ReportError> {
        let duties = [Duty::RunPractice, Duty::OverseePractice];
        let practice = Self::own(around, asked, OrganisationKind::Practice, &duties)?;
        let filter = Filter {
            practice: Some(practice.clone()),
            ..Filter::default()
        };
        Ok((practice, filter))
    }

    /// The caller's own viewer, for its privacy officer; with the part of the trail that is theirs.
    fn viewer<'a>(
        around: Around<'a>,
        asked: Option<&'a OdsCode>,
    ) -> Result<(&'a OdsCode, Filter), ReportError> {
        let duties = [Duty::ReviewAccess];
        let viewer = Self::own(around, asked, OrganisationKind::Viewer, &duties)?;
        let filter = Filter {
            viewer: Some(viewer.clone()),
            ..Filter::default()
        };
        Ok((viewer, filter))
    }

    /// The access audit of a viewer with its sample (R123); the second value is the sample, by occasion.
    ///
    /// # Errors
    /// Not its privacy officer; the store failed.
    pub fn access_audit(
        &self,
        around: Around<'_>,
        viewer: Option<&OdsCode>,
        period: Period,
        seed: u64,
        size: usize,
    ) -> Result<(Sheet, Vec<String>, usize), ReportError> {
        let (viewer, filter) = Self::viewer(around, viewer)?;
        let accesses = accesses(&self.in_period(filter, period)?);
        let sample = access_audit::sample(&accesses, seed, size)
            .into_iter()
            .map(|access| access.occasion.clone())
            .collect();
        let sheet = access_audit::report(viewer, period, seed, size, &accesses);
        Ok((sheet, sample, accesses.len()))
    }

    /// Overrides of a viewer in a period, as the trail has them (R095): the occasions, oldest first.
    ///
    /// # Errors
    /// Not its privacy officer; the store failed.
    pub fn overrides(
        &self,
        around: Around<'_>,
        viewer: Option<&OdsCode>,
        period: Period,
    ) -> Result<Vec<String>, ReportError> {
        let (_, filter) = Self::viewer(around, viewer)?;
        Ok(accesses(&self.in_period(filter, period)?)
            .into_iter()
            .filter(|access| access.emergency)
            .map(|access| access.occasion)
            .collect())
    }

    /// Signs of misuse: a viewer's own people, or a practice's own patients (R110, R193).
    ///
    /// # Errors
    /// Nobody of theirs; the store failed.
    pub fn misuse(
        &self,
        around: Around<'_>,
        organisation: Option<&OdsCode>,
        period: Period,
    ) -> Result<Sheet, ReportError> {
        let (own, filter) =
            Self::viewer(around, organisation).or_else(|_| Self::practice(around, organisation))?;
        let events = self.in_period(filter, period)?;
        let accesses = accesses(&events);
        Ok(misuse::report(
            own,
            period,
            &around.register.agreement.oversight,
            &events,
            &accesses,
        ))
    }

    /// What of a practice's records was shown for other uses than direct care (R172).
    ///
    /// # Errors
    /// Nobody of the practice's; the store failed.
    pub fn other_uses(
        &self,
        around: Around<'_>,
        practice: Option<&OdsCode>,
        period: Period,
    ) -> Result<Sheet, ReportError> {
        let (practice, filter) = Self::practice(around, practice)?;
        let accesses = accesses(&self.in_period(filter, period)?);
        Ok(other_uses::report(practice, period, &accesses))
    }

    /// Reports due or missing: all for the group, an organisation's own otherwise (R124).
    ///
    /// # Errors
    /// The store failed.
    pub fn due(&self, around: Around<'_>) -> Result<Sheet, ReportError> {
        let today = today(around);
        let mut owing = due::due(around.register, &self.cases.whole::<Owed>()?, today);
        if around.actor.must_govern().is_err() {
            owing.retain(|one| around.actor.organisations().contains(&one.organisation));
        }
        Ok(due::report(&owing, today))
    }

    /// What was shared of a patient (R122, R182): for the practice whose trail it is.
    ///
    /// # Errors
    /// Nobody of the practice's; the store failed.
    pub fn subject_access(
        &self,
        around: Around<'_>,
        practice: Option<&OdsCode>,
        patient: &PatientId,
    ) -> Result<Sheet, ReportError> {
        let (practice, mut filter) = Self::practice(around, practice)?;
        filter.patient = Some(patient.clone());
        let events = events(&*self.trail, &filter)?;
        Ok(subject_access::report(
            around.register,
            practice,
            patient,
            &events,
        ))
    }

    /// Approved flows of a practice on a day (R166): its own people and the group.
    ///
    /// # Errors
    /// Neither; no such practice.
    pub fn flows(
        &self,
        around: Around<'_>,
        practice: Option<&OdsCode>,
        day: Date,
    ) -> Result<Sheet, ReportError> {
        let ods = practice.or(around.organisation).ok_or(NotAllowed)?;
        let duties = [Duty::RunPractice, Duty::OverseePractice, Duty::Govern];
        if !duties
            .iter()
            .any(|duty| around.actor.must(*duty, ods).is_ok())
        {
            return Err(NotAllowed.into());
        }
        let practice = flows::practice(around.register, ods).ok_or(ReportError::NoOrganisation)?;
        Ok(flows::report(around.register, practice, day))
    }

    /// The anonymised summary of complaints (R184): an organisation's own, or all for the group.
    ///
    /// # Errors
    /// The store failed.
    pub fn complaints(&self, around: Around<'_>, period: Period) -> Result<Sheet, ReportError> {
        let of = match around.actor.must_govern() {
            Ok(()) => None,
            Err(error) => Some(around.organisation.ok_or(error)?),
        };
        Ok(complaints::report(
            &self.cases.whole::<Complaint>()?,
            period,
            of,
        ))
    }

    /// Counts through an anonymised flow (R174): for the receiver's privacy officer, and for the group. `tabs` are those that are
    /// asked for; the second value says on what basis, for the audit row.
    ///
    /// # Errors
    /// Neither of these people, or the gateway does not let it through; the store failed.
    pub fn extract(
        &self,
        around: Around<'_>,
        protocol: &str,
        purpose: &str,
        tabs: TabSet,
        months: (Date, Date),
    ) -> Result<(Sheet, String), ReportError> {
        let flow = around.register.protocols.get(protocol);
        let flow = match flow {
            Some(flow) => {
                around
                    .actor
                    .must_govern()
                    .or_else(|_| around.actor.must(Duty::ReviewAccess, &flow.viewer))?;
                flow
            }
            None => return Err(GatewayRefusal::None.into()),
        };
        let today = today(around);
        let kind = extract::decide(flow, purpose, tabs, today)?;
        let period = extract::whole_months(months.0, months.1, today).ok_or(ReportError::Months)?;
        let accesses = accesses(&self.in_period(Filter::default(), period)?);
        let rules = &around.register.agreement.oversight;
        let kind = serde_json::to_value(kind).unwrap_or_default();
        let basis = format!("gateway:{}", kind.as_str().unwrap_or_default());
        Ok((extract::report(flow, tabs, period, rules, &accesses), basis))
    }

    /// Legal gateways of flows that are not for direct care (R172): anybody of oversight.
    #[must_use]
    pub fn gateways(&self, around: Around<'_>) -> Sheet {
        gateways::report(around.register, today(around))
    }

    /// Who has accepted the terms of use and who has yet to (R103): everybody for the group, a viewer's own people for its privacy
    /// officer.
    ///
    /// # Errors
    /// Neither of these; the store failed.
    pub fn terms(
        &self,
        around: Around<'_>,
        viewer: Option<&OdsCode>,
    ) -> Result<Sheet, ReportError> {
        let only = match around.actor.must_govern() {
            Ok(()) => viewer,
            Err(_) => Some(Self::own(
                around,
                viewer,
                OrganisationKind::Viewer,
                &[Duty::ReviewAccess],
            )?),
        };
        Ok(terms::report(
            around.register,
            &self.terms.acceptances()?,
            only,
            today(around),
        ))
    }

    /// Who has published the patients' information, and whose is stale (R181).
    ///
    /// # Errors
    /// The store failed.
    pub fn information(&self, around: Around<'_>) -> Result<Sheet, ReportError> {
        let only = match around.actor.must_govern() {
            Ok(()) => None,
            Err(error) => Some(around.organisation.ok_or(error)?),
        };
        Ok(information::report(
            around.register,
            &self.cases.whole::<Publication>()?,
            only,
            today(around),
        ))
    }

    /// Part of the trail with proofs that verify without the store (R130): a practice's own patients, a viewer's own people.
    ///
    /// # Errors
    /// Neither; the store failed.
    pub fn export(
        &self,
        around: Around<'_>,
        organisation: Option<&OdsCode>,
        ask: &ExportAsk,
    ) -> Result<Export, ReportError> {
        let (own, mut filter) =
            Self::practice(around, organisation).or_else(|_| Self::viewer(around, organisation))?;
        filter.patient = ask.patient.clone();
        filter.clinician = ask.clinician.clone();
        let mut about = format!("the trail of {own}");
        if let Some(patient) = &ask.patient {
            about.push_str(&format!(", patient {patient}"));
        }
        if let Some(clinician) = &ask.clinician {
            about.push_str(&format!(", person {clinician}"));
        }
        if let Some(period) = ask.period {
            let (since, until) = period.moments();
            filter.since = Some(since);
            filter.until = Some(until);
            about.push_str(&format!(", {}", period.words()));
        }
        Ok(self.exporter.export(&filter, &about, around.now)?)
    }

    fn in_period(
        &self,
        filter: Filter,
        period: Period,
    ) -> Result<Vec<crate::audit::reader::StoredEvent>, StoreError> {
        let (since, until) = period.moments();
        let filter = Filter {
            since: Some(since),
            until: Some(until),
            ..filter
        };
        events(&*self.trail, &filter)
    }
}

/// Today, in England.
fn today(around: Around<'_>) -> Date {
    around.now.to_zoned(london()).date()
}
