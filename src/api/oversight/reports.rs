//! Reports over HTTP: `GET reports/<name>` with `from`, `to`, `on`, `organisation` and `format=json|csv|html`; what names a
//! patient is a POST.

use http::{Method, StatusCode};
use jiff::civil::Date;
use jiff::{ToSpan, Zoned};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{About, Content, Problem, Reply};
use super::call::Call;
use super::cases::name_patients;
use super::{OversightApi, only};
use crate::fhir::PatientId;
use crate::oversight::cases::report::{Owed, ReportKind, ReportStep};
use crate::oversight::evidence::EvidenceError;
use crate::oversight::reports::accesses::Period;
use crate::oversight::reports::sheet::Sheet;
use crate::oversight::reports::{
    ExportAsk, ReportError, opt_out_ages, overrides, quality, undelivered,
};
use crate::record::OdsCode;
use crate::record::date::london;
use crate::register::Duty;
use crate::store::notices::{NoticeFilter, Recipient};
use crate::tabs::catalogue::{Tab, TabSet};

/// Notices of one report.
const UNDELIVERED: usize = 1000;
/// Accesses of a sample, where nothing is said, and at most.
const SAMPLE: usize = 20;
const LARGEST_SAMPLE: usize = 500;

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NotAllowed(_) => Self::not_allowed(),
            ReportError::NoOrganisation => {
                Self::bad_request("There is no such organisation of this kind.")
            }
            ReportError::Gateway(refusal) => {
                Self::new(StatusCode::FORBIDDEN, refusal.code(), refusal.to_string())
            }
            ReportError::Months => Self::bad_request(error.to_string()),
            ReportError::Store(error) => error.into(),
        }
    }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::NotAllowed(_) => Self::not_allowed(),
            EvidenceError::Head(error) => error.into(),
            EvidenceError::Store(error) => error.into(),
        }
    }
}

/// How the caller wants it.
#[derive(Clone, Copy)]
enum Format {
    Json,
    Csv,
    Html,
}

impl Format {
    fn show(self, sheet: &Sheet) -> Content {
        match self {
            Self::Json => Content::Json(sheet.json()),
            Self::Csv => Content::Csv(sheet.csv(), sheet.name),
            Self::Html => Content::Html(sheet.html()),
        }
    }
}

impl OversightApi {
    pub(super) async fn reports(&self, call: &mut Call, name: &str) -> Result<Reply, Problem> {
        match (call.method.clone(), name) {
            (Method::POST, "access-audit" | "overrides" | "complaints") => {
                self.begin_report(call, name).await
            }
            (Method::POST, "subject-access") => self.subject_access(call),
            (Method::POST, "export") => self.export(call).await,
            (_, "subject-access" | "export") => Err(Problem::method("POST")),
            (_, "opt-outs") => {
                only(call, &Method::GET)?;
                self.opt_out_ages(call)
            }
            (_, "quality") => {
                only(call, &Method::GET)?;
                self.quality(call)
            }
            (_, "undelivered") => {
                only(call, &Method::GET)?;
                self.undelivered(call)
            }
            (_, "evidence") => {
                only(call, &Method::GET)?;
                self.evidence_pack(call).await
            }
            (_, "overrides") => {
                only(call, &Method::GET)?;
                self.override_report(call)
            }
            _ => {
                only(call, &Method::GET)?;
                self.read_report(call, name)
            }
        }
    }

    fn read_report(&self, call: &mut Call, name: &str) -> Result<Reply, Problem> {
        let format = format(call)?;
        let organisation = organisation(call)?;
        let own = organisation.as_ref();
        let mut gateway = None;
        let sheet = match name {
            "extract" => {
                let missing =
                    |name: &str| Problem::bad_request(format!("The parameter {name} is missing."));
                let protocol = call.take("protocol")?.ok_or_else(|| missing("protocol"))?;
                let purpose = call.take("purpose")?.ok_or_else(|| missing("purpose"))?;
                let from = day(call, "from")?.ok_or_else(|| missing("from"))?;
                let to = day(call, "to")?.ok_or_else(|| missing("to"))?;
                let tabs = call.take("tabs")?.ok_or_else(|| missing("tabs"))?;
                let tabs: TabSet = tabs
                    .split(',')
                    .map(Tab::from_code)
                    .collect::<Option<TabSet>>()
                    .ok_or_else(|| {
                        Problem::bad_request("The parameter tabs names an unknown tab.")
                    })?;
                call.no_more()?;
                let (sheet, basis) =
                    self.reports
                        .extract(call.around(), &protocol, &purpose, tabs, (from, to))?;
                gateway = Some((purpose, basis));
                sheet
            }
            "access-audit" => {
                let period = period(call)?;
                let seed = number(call, "seed")?;
                let size = number(call, "size")?.map_or(SAMPLE, |size| {
                    usize::try_from(size)
                        .unwrap_or(LARGEST_SAMPLE)
                        .min(LARGEST_SAMPLE)
                });
                call.no_more()?;
                let seed = seed.map_or_else(fresh_seed, Ok)?;
                self.reports
                    .access_audit(call.around(), own, period, seed, size)?
                    .0
            }
            "misuse" => {
                let period = period(call)?;
                call.no_more()?;
                self.reports.misuse(call.around(), own, period)?
            }
            "other-uses" => {
                let period = period(call)?;
                call.no_more()?;
                self.reports.other_uses(call.around(), own, period)?
            }
            "complaints" => {
                let period = period(call)?;
                call.no_more()?;
                self.reports.complaints(call.around(), period)?
            }
            "flows" => {
                let day = day(call, "on")?.unwrap_or_else(|| now(call).date());
                call.no_more()?;
                self.reports.flows(call.around(), own, day)?
            }
            "due" => {
                call.no_more()?;
                self.reports.due(call.around())?
            }
            "gateways" => {
                call.no_more()?;
                self.reports.gateways(call.around())
            }
            "terms" => {
                call.no_more()?;
                self.reports.terms(call.around(), own)?
            }
            "patient-information" => {
                call.no_more()?;
                self.reports.information(call.around())?
            }
            _ => return Err(Problem::not_found()),
        };
        let mut reply = Reply::json(Value::Null).about(About {
            practice: organisation.filter(|_| gateway.is_none()),
            gateway,
            ..About::default()
        });
        reply.content = format.show(&sheet);
        Ok(reply)
    }

    /// The override report (R095): a viewer's own, or all for the group.
    fn override_report(&self, call: &mut Call) -> Result<Reply, Problem> {
        let format = format(call)?;
        let viewer = organisation(call)?.or_else(|| call.overseer.person.organisation.clone());
        let period = period(call)?;
        let (since, until) = period.moments();
        call.no_more()?;
        let report = self
            .override_reviews
            .report(call.actor(), viewer.as_ref(), since, until)?;
        let mut reply = Reply::json(Value::Null);
        reply.content = match format {
            Format::Json => Content::Json(json!(report)),
            other => other.show(&overrides::report(&report, period)),
        };
        Ok(reply)
    }

    /// What of a practice's records could not be taken over as it was coded, by reason and place (R204).
    fn quality(&self, call: &mut Call) -> Result<Reply, Problem> {
        let format = format(call)?;
        let practice = organisation(call)?
            .or_else(|| call.overseer.person.organisation.clone())
            .ok_or_else(Problem::not_allowed)?;
        call.no_more()?;
        call.actor()
            .must(Duty::RunPractice, &practice)
            .or_else(|_| call.actor().must(Duty::OverseePractice, &practice))?;
        let sheet = quality::report(&practice, &self.losses.losses(&practice, None)?);
        let mut reply = Reply::json(Value::Null).about(About {
            practice: Some(practice),
            ..About::default()
        });
        reply.content = format.show(&sheet);
        Ok(reply)
    }

    /// How long requests to opt out or in wait (R062): counts and ages, no patient.
    fn opt_out_ages(&self, call: &mut Call) -> Result<Reply, Problem> {
        let format = format(call)?;
        let practice = organisation(call)?
            .or_else(|| call.overseer.person.organisation.clone())
            .ok_or_else(Problem::not_allowed)?;
        call.no_more()?;
        let open = self.opt_outs.list(call.actor(), &practice, true)?;
        let sheet = opt_out_ages::report(&practice, &open);
        let mut reply = Reply::json(Value::Null).about(About {
            practice: Some(practice),
            ..About::default()
        });
        reply.content = format.show(&sheet);
        Ok(reply)
    }

    /// Begins a report that is owed to the group, with the sample as the gateway drew it.
    async fn begin_report(&self, call: &mut Call, name: &str) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ask {
            from: Date,
            to: Date,
            seed: Option<u64>,
            size: Option<usize>,
        }
        call.no_more()?;
        let ask: Ask = call.json()?;
        let period = Period {
            from: ask.from,
            to: ask.to,
        };
        if ask.from > ask.to {
            return Err(Problem::bad_request("The period ends before it begins."));
        }
        let step = match name {
            "access-audit" => {
                let seed = ask.seed.map_or_else(fresh_seed, Ok)?;
                let size = ask.size.unwrap_or(SAMPLE).min(LARGEST_SAMPLE);
                let (_, sample, accesses) =
                    self.reports
                        .access_audit(call.around(), None, period, seed, size)?;
                ReportStep::Begin {
                    report: ReportKind::AccessAudit,
                    from: ask.from,
                    to: ask.to,
                    accesses,
                    seed: Some(seed),
                    sample,
                }
            }
            "overrides" => {
                // Every one of them is judged (S2 7.3.6), not a sample.
                let sample = self.reports.overrides(call.around(), None, period)?;
                ReportStep::Begin {
                    report: ReportKind::Overrides,
                    from: ask.from,
                    to: ask.to,
                    accesses: sample.len(),
                    seed: None,
                    sample,
                }
            }
            _ => ReportStep::Begin {
                report: ReportKind::Complaints,
                from: ask.from,
                to: ask.to,
                accesses: 0,
                seed: None,
                sample: Vec::new(),
            },
        };
        let file = self
            .cases
            .take::<Owed>(None, step, call.around(), &|about| call.entry(about))
            .await?;
        Ok(Reply::json(json!(file))
            .status(StatusCode::CREATED)
            .written())
    }

    fn subject_access(&self, call: &mut Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ask {
            patient: PatientId,
            organisation: Option<OdsCode>,
            format: Option<String>,
        }
        call.no_more()?;
        let ask: Ask = self.body_with_patient(call)?;
        let format = match ask.format.as_deref() {
            None | Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some("html") => Format::Html,
            Some(_) => return Err(Problem::bad_request("The format is json, csv or html.")),
        };
        let around = call.around();
        let sheet = self
            .reports
            .subject_access(around, ask.organisation.as_ref(), &ask.patient)?;
        let mut reply = Reply::json(Value::Null).about(About {
            patient: Some(ask.patient),
            practice: ask.organisation.or_else(|| around.organisation.cloned()),
            ..About::default()
        });
        reply.content = format.show(&sheet);
        Ok(reply)
    }

    async fn export(&self, call: &mut Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ask {
            patient: Option<PatientId>,
            clinician: Option<String>,
            from: Option<Date>,
            to: Option<Date>,
            organisation: Option<OdsCode>,
        }
        call.no_more()?;
        let ask: Ask = self.body_with_patient(call)?;
        let period = match (ask.from, ask.to) {
            (None, None) => None,
            (Some(from), Some(to)) if from <= to => Some(Period { from, to }),
            _ => {
                return Err(Problem::bad_request(
                    "A period has a first day (from) and a last day (to).",
                ));
            }
        };
        let mut export = self.reports.export(
            call.around(),
            ask.organisation.as_ref(),
            &ExportAsk {
                patient: ask.patient.clone(),
                clinician: ask.clinician,
                period,
            },
        )?;
        let head = export.head.parse().map_err(|_| Problem::not_found())?;
        export.signed_head = Some(self.heads.sign_this(&head).await?.jws);
        Ok(Reply::json(json!(export)).about(About {
            patient: ask.patient,
            ..About::default()
        }))
    }

    /// Notices that could not be delivered (R092): everybody's for the group, one's own otherwise.
    fn undelivered(&self, call: &mut Call) -> Result<Reply, Problem> {
        let format = format(call)?;
        call.no_more()?;
        let to = match (
            call.actor().must_govern(),
            &call.overseer.person.organisation,
        ) {
            (Ok(()), _) => None,
            (Err(_), Some(ods)) => Some(vec![Recipient::Organisation(ods.clone())]),
            (Err(error), None) => return Err(ReportError::from(error).into()),
        };
        let filter = NoticeFilter {
            to,
            failing_only: true,
            ..NoticeFilter::default()
        };
        let found = self.notices.notices(&filter, UNDELIVERED)?;
        let about = About {
            ids: found
                .iter()
                .map(|row| format!("Notice/{}", row.notice.id))
                .collect(),
            ..About::default()
        };
        let mut reply = Reply::json(Value::Null).about(about);
        reply.content = format.show(&undelivered::report(&found, call.now));
        Ok(reply)
    }

    /// The evidence pack of a period (R144): JSON alone, because what is signed is signed as it stands.
    async fn evidence_pack(&self, call: &mut Call) -> Result<Reply, Problem> {
        let period = period(call)?;
        match call.take("format")?.as_deref() {
            None | Some("json") => {}
            Some(_) => return Err(Problem::bad_request("The evidence pack is JSON.")),
        }
        call.no_more()?;
        let holds = self
            .register
            .holds(call.now)
            .map_err(|_| Problem::audit_unavailable())?;
        let pack = self
            .evidence
            .pack(
                call.actor(),
                &call.register,
                &holds,
                period,
                &self.heads,
                call.now,
            )
            .await?;
        Ok(Reply::json(pack))
    }

    fn body_with_patient<T: serde::de::DeserializeOwned>(&self, call: &Call) -> Result<T, Problem> {
        let mut body: Map<String, Value> = call.json()?;
        name_patients(&mut body, &self.ids)?;
        serde_json::from_value(Value::Object(body)).map_err(|_| {
            Problem::bad_request(
                "A member of the body is missing, unknown or cannot have this value.",
            )
        })
    }
}

fn format(call: &mut Call) -> Result<Format, Problem> {
    match call.take("format")?.as_deref() {
        None | Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        Some("html") => Ok(Format::Html),
        Some(_) => Err(Problem::bad_request(
            "The parameter format is json, csv or html.",
        )),
    }
}

fn now(call: &Call) -> Zoned {
    call.now.to_zoned(london())
}

fn fresh_seed() -> Result<u64, Problem> {
    crate::clock::random_bytes::<8>()
        // A number that every JSON reader takes as it is written.
        .map(|bytes| u64::from_be_bytes(bytes) >> 12)
        .map_err(|_| Problem::unavailable("no-random-bytes", "There are no random bytes."))
}

fn organisation(call: &mut Call) -> Result<Option<OdsCode>, Problem> {
    let Some(text) = call.take("organisation")? else {
        return Ok(None);
    };
    let ods = OdsCode(text);
    if call.register.organisations.contains_key(&ods) {
        Ok(Some(ods))
    } else {
        Err(Problem::bad_request(
            "The parameter organisation names nobody of the register.",
        ))
    }
}

fn day(call: &mut Call, name: &'static str) -> Result<Option<Date>, Problem> {
    call.take(name)?
        .map(|text| {
            text.parse().map_err(|_| {
                Problem::bad_request(format!("The parameter {name} is a day as 2026-01-31."))
            })
        })
        .transpose()
}

fn number(call: &mut Call, name: &'static str) -> Result<Option<u64>, Problem> {
    call.take(name)?
        .map(|text| {
            text.parse()
                .map_err(|_| Problem::bad_request(format!("The parameter {name} is a number.")))
        })
        .transpose()
}

/// `from` and `to`; without them the year that ends today.
fn period(call: &mut Call) -> Result<Period, Problem> {
    let to = day(call, "to")?.unwrap_or_else(|| now(call).date());
    let from = match day(call, "from")? {
        Some(from) => from,
        None => to
            .checked_sub(1.year())
            .and_then(|day| day.tomorrow())
            .unwrap_or(to),
    };
    if from > to {
        return Err(Problem::bad_request("The period ends before it begins."));
    }
    Ok(Period { from, to })
}
