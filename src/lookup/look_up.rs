//! One look-up at a time for each record, held for a short while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moka::future::Cache;

use super::{FindAsk, Finder, Found, SourceIdentity};
use crate::audit::{AuditEntry, AuditLog, What};
use crate::clock::{SharedClock, new_id};
use crate::fhir::{IdKey, PatientId};
use crate::labelling::{ExclusionList, ExclusionsHandle, PracticeRules};
use crate::mapping::{Mapping, MappingContext, Tables};
use crate::record::date::london;
use crate::record::{
    GpRecord, LossCount, Missing, NhsNumber, OdsCode, Registration, Sharing, SourceFamily, Standing,
};
use crate::register::{PracticeSource, RegisterHandle};
use crate::release::{Held, HeldAsk, release};
use crate::source::emis::EmisAdapter;
use crate::source::http::SharedHttp;
use crate::source::systmone::SystmOneAdapter;
use crate::source::trace::{TraceAnswer, Tracer};
use crate::source::{
    BoxFuture, Parts, RecordAsk, SourceAdapter, SourceError, SourceLimits, SourceRefusal,
    SourceReply,
};
use crate::store::losses::LossStore;
use crate::tabs::catalogue::{Tab, TabSet};
use crate::tabs::lists::TabWording;
use crate::telemetry::{Metrics, SourceOutcome};

/// What the look-up stands on.
pub struct LookUpParts {
    /// The trace service.
    pub tracer: Arc<dyn Tracer>,
    /// Which practice has which source.
    pub register: RegisterHandle,
    /// The client towards sources.
    pub http: SharedHttp,
    /// Deadline and cap of a source.
    pub limits: SourceLimits,
    /// Key towards SystmOne units.
    pub systmone_key: String,
    /// Mapping tables.
    pub tables: Arc<Tables>,
    /// Titles and notices of the Lists.
    pub wording: TabWording,
    /// The exclusion list in force.
    pub exclusions: ExclusionsHandle,
    /// Where users read it.
    pub exclusions_url: String,
    /// Address of the API.
    pub base: String,
    /// Key of the ids.
    pub ids: IdKey,
    /// The trail.
    pub audit: Arc<dyn AuditLog>,
    /// Where loss reports are kept.
    pub losses: Arc<dyn LossStore>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: SharedClock,
    /// How long a record is held; zero = not.
    pub hold: Duration,
}

/// What one look-up brought.
#[derive(Debug)]
pub struct LookedUp {
    /// What the source says of whether it may be shown; `None` where it refused.
    pub standing: Option<Standing>,
    /// The source's refusal.
    pub refusal: Option<SourceRefusal>,
    /// Who the source says it is, for the cross-check.
    pub identity: SourceIdentity,
    /// The record, where nothing that the source says speaks against holding it.
    pub held: Option<Arc<Held>>,
    /// When the source answered.
    pub retrieved_at: Timestamp,
}

impl LookedUp {
    /// What the source says about whether the record may be shown.
    #[must_use]
    pub fn found(&self) -> Found {
        Found {
            standing: self.standing.clone(),
            refusal: self.refusal,
            identity: self.identity.clone(),
        }
    }
}

/// Why a look-up failed. Clonable, because all who waited for the same look-up get it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookUpError {
    /// The source did not give a usable answer.
    #[error(transparent)]
    Source(Arc<SourceError>),
    /// The practice has no source in the register.
    #[error("the practice has no source in the register")]
    NoSource,
    /// The intent could not be written, so the source was not asked.
    #[error("the audit trail cannot be written")]
    Audit,
    /// The answer could not be made into FHIR.
    #[error("the answer cannot be released: {0}")]
    Release(String),
}

/// What a record is held by. Another version of the exclusion list makes every record anew (R042); what was asked for in
/// part never answers who needs more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct HeldKey {
    patient: PatientId,
    practice: OdsCode,
    exclusions: String,
    parts: Parts,
}

/// Trace, sources and the hold.
pub struct LookUp {
    parts: LookUpParts,
    adapters: Mutex<HashMap<PracticeSource, Arc<dyn SourceAdapter>>>,
    held: Cache<HeldKey, Arc<LookedUp>>,
}

impl LookUp {
    /// Puts it together.
    #[must_use]
    pub fn new(parts: LookUpParts) -> Self {
        // With a hold of nothing, those who ask at the same moment still share one look-up.
        let held = Cache::builder()
            .max_capacity(2_000)
            .time_to_live(parts.hold)
            .build();
        Self {
            parts,
            adapters: Mutex::new(HashMap::new()),
            held,
        }
    }

    /// The record at this practice: as held, or looked up now. Concurrent asks share one look-up.
    ///
    /// # Errors
    /// See [`LookUpError`]; a failure is not held.
    pub async fn record(&self, ask: &FindAsk) -> Result<Arc<LookedUp>, LookUpError> {
        let exclusions = self.parts.exclusions.current();
        let whole = HeldKey {
            patient: ask.patient.clone(),
            practice: ask.practice.clone(),
            exclusions: exclusions.version().to_owned(),
            parts: Parts::Whole,
        };
        let parts = self.parts_for(ask);
        // What is held whole has every part of it.
        if parts != Parts::Whole
            && let Some(held) = self.held.get(&whole).await
        {
            return Ok(held);
        }
        let key = HeldKey { parts, ..whole };
        let result = self
            .held
            .try_get_with(key, async {
                self.look_up(ask, parts, &exclusions).await.map(Arc::new)
            })
            .await
            .map_err(|shared| LookUpError::clone(&shared));
        if let Err(error) = &result {
            tracing::warn!(practice.ods = %ask.practice, error = %error, "a look-up failed");
        }
        result
    }

    /// Lets go of what is held of this patient at this practice: a decision went against showing it.
    pub async fn forget(&self, patient: &PatientId, practice: &OdsCode) {
        for parts in Parts::ALL {
            let key = HeldKey {
                patient: patient.clone(),
                practice: practice.clone(),
                exclusions: self.parts.exclusions.current().version().to_owned(),
                parts,
            };
            self.held.invalidate(&key).await;
        }
    }

    /// No more than these tabs need, where the practice's source can be asked for less.
    fn parts_for(&self, ask: &FindAsk) -> Parts {
        let narrows = self
            .parts
            .register
            .current()
            .organisations
            .get(&ask.practice)
            .and_then(|practice| practice.source.as_ref())
            .is_some_and(|source| source.narrows);
        let medication: TabSet = [Tab::Medication, Tab::PatientDetails].into_iter().collect();
        if narrows && !ask.tabs.is_empty() && ask.tabs.and(medication) == ask.tabs {
            Parts::Medication
        } else {
            Parts::Whole
        }
    }

    /// How many records are held now.
    pub async fn held_count(&self) -> u64 {
        self.held.run_pending_tasks().await;
        self.held.entry_count()
    }

    async fn look_up(
        &self,
        ask: &FindAsk,
        parts: Parts,
        exclusions: &ExclusionList,
    ) -> Result<LookedUp, LookUpError> {
        let register = self.parts.register.current();
        let practice = register.organisations.get(&ask.practice);
        let source = practice
            .and_then(|practice| practice.source.as_ref())
            .ok_or(LookUpError::NoSource)?;
        let asked_at = self.parts.clock.now();
        let message_id = new_id().to_string();
        self.intend(ask, asked_at, &message_id, &register.hash, exclusions)
            .await?;
        let record_ask = RecordAsk {
            nhs_number: ask.nhs_number.clone(),
            practice: ask.practice.clone(),
            requester: ask.viewer.clone(),
            clinician: ask.clinician.clone(),
            message_id,
            asked_at,
            parts,
        };
        let adapter = self.adapter(source);
        let start = Instant::now();
        let reply = adapter.fetch(&record_ask).await;
        self.parts
            .metrics
            .source(source.family, SourceOutcome::from(&reply), start.elapsed());
        let reply = reply.map_err(|error| LookUpError::Source(Arc::new(error)))?;
        let retrieved_at = self.parts.clock.now();
        let mut record = match reply {
            SourceReply::Refused(refusal) => {
                return Ok(LookedUp {
                    standing: None,
                    refusal: Some(refusal),
                    identity: SourceIdentity::default(),
                    held: None,
                    retrieved_at,
                });
            }
            SourceReply::Record(record) => *record,
        };
        if parts == Parts::Medication {
            // Nobody who sees these sections gets this answer; if somebody did, they would not look empty.
            record.missing.push(Missing::AllButMedication);
        }
        let identity = identity(&record);
        let standing = record.standing.clone();
        let rules = PracticeRules {
            apply_list: practice.is_some_and(|p| p.applies_exclusion_list),
        };
        let name = practice
            .map(|practice| practice.name.clone())
            .unwrap_or_default();
        let made = if may_be_held(&standing) {
            let practice = (name.as_str(), register.agreement.rules.transfer_days);
            Some(self.make(record, ask, practice, (exclusions, rules), retrieved_at)?)
        } else {
            None
        };
        let held = match made {
            Some((held, losses)) => {
                self.parts.metrics.losses(source.family, &losses);
                // Written together: one commit for both. A part's report would stand in for that of the whole.
                let keep = async {
                    match parts {
                        Parts::Whole => {
                            let (practice, patient) = (ask.practice.clone(), ask.patient.clone());
                            self.parts
                                .losses
                                .keep_losses(practice, patient, retrieved_at, losses)
                                .await
                        }
                        Parts::Medication => Ok(()),
                    }
                };
                let (registered, kept) = tokio::join!(
                    self.parts
                        .audit
                        .register_version(held.version(), held.patient(), held.ids()),
                    keep,
                );
                registered.map_err(|_| LookUpError::Audit)?;
                if let Err(error) = kept {
                    // The report is for the practice; a clinician does not wait for it.
                    tracing::warn!(%error, "a loss report could not be kept");
                }
                Some(Arc::new(held))
            }
            None => None,
        };
        Ok(LookedUp {
            standing: Some(standing),
            refusal: None,
            identity,
            held,
            retrieved_at,
        })
    }

    /// Record to held: map, label, withhold, list. Pure but for the sizes it logs. `transfer_days`: for how long the record of
    /// the practice before may be on its way.
    fn make(
        &self,
        record: GpRecord,
        ask: &FindAsk,
        (practice_name, transfer_days): (&str, u16),
        (exclusions, rules): (&ExclusionList, PracticeRules),
        retrieved_at: Timestamp,
    ) -> Result<(Held, Vec<LossCount>), LookUpError> {
        let refused = |error: &dyn std::fmt::Display| LookUpError::Release(error.to_string());
        let today = retrieved_at.to_zoned(london()).date();
        let arriving = record.standing.arriving(today, transfer_days);
        let context = MappingContext {
            tables: &self.parts.tables,
            ids: &self.parts.ids,
            patient: ask.patient.clone(),
            nhs_number: &ask.nhs_number,
            today,
            practice_name,
        };
        let mapping = Mapping::new(record, &context);
        let released = release(mapping, exclusions, rules).map_err(|e| refused(&e))?;
        // What has no national code is told beside what was lost: R051, R204.
        let losses = [released.losses(), &released.report().unmapped].concat();
        let held = HeldAsk {
            retrieved_at,
            wording: &self.parts.wording,
            practice_name: Some(practice_name),
            arriving,
            exclusions_url: &self.parts.exclusions_url,
            base: &self.parts.base,
        };
        let held = Held::build(released, &held).map_err(|e| refused(&e))?;
        Ok((held, losses))
    }

    async fn intend(
        &self,
        ask: &FindAsk,
        at: Timestamp,
        message_id: &str,
        policy: &str,
        exclusions: &ExclusionList,
    ) -> Result<(), LookUpError> {
        // Of those who ask at the same moment, the first one's request; the others have their own disclosures.
        let mut entry = AuditEntry::new(at, What::Intent, ask.origin.clone());
        // By this the practice's system finds the question in its own trail.
        entry.decision = Some(serde_json::json!({"message": message_id}).to_string());
        entry.clinician = Some(ask.clinician.clone());
        entry.assurance = Some(ask.assurance.clone());
        entry.viewer = Some(ask.viewer.clone());
        entry.practice = Some(ask.practice.clone());
        entry.patient = Some(ask.patient.clone());
        entry.policy = Some(policy.to_owned());
        entry.exclusions = Some(exclusions.version().to_owned());
        self.parts.audit.write(entry).await.map_err(|error| {
            tracing::error!(error = %error, "an intent could not be written, so the source was not asked");
            LookUpError::Audit
        })
    }

    fn adapter(&self, source: &PracticeSource) -> Arc<dyn SourceAdapter> {
        let mut adapters = self.adapters.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || adapter(source, &self.parts);
        Arc::clone(adapters.entry(source.clone()).or_insert_with(make))
    }
}

impl Finder for LookUp {
    fn trace<'a>(
        &'a self,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<TraceAnswer, SourceError>> {
        self.parts.tracer.trace(nhs_number)
    }

    fn find<'a>(&'a self, ask: FindAsk) -> BoxFuture<'a, Result<Found, SourceError>> {
        Box::pin(async move {
            match self.record(&ask).await {
                Ok(looked_up) => Ok(looked_up.found()),
                // The cause is logged where it happened; here only that there is no usable answer matters.
                Err(error) => Err(SourceError::Unreachable(error.to_string())),
            }
        })
    }
}

fn adapter(source: &PracticeSource, parts: &LookUpParts) -> Arc<dyn SourceAdapter> {
    match source.family {
        SourceFamily::Emis => Arc::new(EmisAdapter::new(
            source.endpoint.clone(),
            parts.limits,
            Arc::clone(&parts.http),
        )),
        SourceFamily::SystmOne => Arc::new(SystmOneAdapter::new(
            &source.endpoint,
            parts.systmone_key.clone(),
            parts.limits,
            Arc::clone(&parts.http),
        )),
    }
}

/// Whatever the source's own words forbid to show is not even held; the decision is made elsewhere, on the standing.
fn may_be_held(standing: &Standing) -> bool {
    standing.registration == Registration::Full
        && !standing.restricted
        && matches!(standing.sharing, Sharing::Implied | Sharing::Express)
}

fn identity(record: &GpRecord) -> SourceIdentity {
    SourceIdentity {
        family: record.patient.surname.clone(),
        given: record.patient.forenames.first().cloned(),
        birth_date: record.patient.birth_date.to_fhir(),
    }
}
