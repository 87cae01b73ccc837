//! The viewing organisation's own list of patients registered for treatment (R104).

use jiff::civil::Date;

use crate::record::names::same_name;
use crate::record::{NhsNumber, OdsCode};
use crate::source::http::SharedHttp;
use crate::source::{BoxFuture, SourceError, SourceLimits};

/// What a worklist says of one patient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnWorklist {
    /// Registered for treatment there now.
    pub registered: bool,
    /// Another patient of the same list has the same name.
    pub same_name: bool,
    /// The clinician asked about has a part in the treatment (R105); `None`: the list does not say.
    pub linked: Option<bool>,
}

/// Something that knows who is registered for treatment where.
pub trait Worklist: Send + Sync {
    /// Is this patient registered for treatment at this organisation now, and has this clinician (username of the register) a
    /// part in it?
    ///
    /// # Errors
    /// The organisation's system did not answer: unknown, so the caller must refuse.
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
        clinician: &'a str,
    ) -> BoxFuture<'a, Result<OnWorklist, SourceError>>;
}

/// Somebody on a viewer's own worklist, as that viewer knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub nhs_number: NhsNumber,
    /// Name, where the list has one.
    pub name: Option<String>,
    /// Date of birth (ISO 8601), where the list has one.
    pub birth_date: Option<Date>,
    /// Another patient of the same list has the same name (R110): whoever picks one has to look twice.
    pub same_name: bool,
    /// The clinician who asked for this one person has a part in the treatment (R105); `None`: the list does not say.
    pub linked: Option<bool>,
}

/// Something that can show a viewer its own worklist: for the pages on which a clinician picks a patient.
pub trait Directory: Send + Sync {
    /// The first [`LISTED`] of those who are registered for treatment at this organisation now.
    ///
    /// # Errors
    /// The organisation's system did not answer.
    fn list<'a>(&'a self, viewer: &'a OdsCode) -> BoxFuture<'a, Result<Vec<Listed>, SourceError>>;

    /// This person, if registered for treatment there now, as this clinician (username of the register) finds them.
    ///
    /// # Errors
    /// The organisation's system did not answer.
    fn find<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
        clinician: &'a str,
    ) -> BoxFuture<'a, Result<Option<Listed>, SourceError>>;
}

/// The worklist of a viewer's own system over HTTP (docs/sources-wire.md).
pub struct HttpWorklist {
    base: String,
    limits: SourceLimits,
    http: SharedHttp,
}

#[derive(serde::Deserialize)]
struct Answer {
    registered: bool,
    name: Option<String>,
    birth_date: Option<String>,
    #[serde(default)]
    same_name: bool,
    linked: Option<bool>,
}

#[derive(serde::Deserialize)]
struct Line {
    nhs_number: String,
    name: Option<String>,
    birth_date: Option<String>,
}

/// People of a worklist that are asked for; anybody else is found by number.
pub const LISTED: usize = 100;

fn listed(nhs_number: NhsNumber, name: Option<String>, birth_date: Option<&str>) -> Listed {
    Listed {
        nhs_number,
        name: name.filter(|name| !name.trim().is_empty()),
        birth_date: birth_date.and_then(|date| date.parse().ok()),
        same_name: false,
        linked: None,
    }
}

/// Marks everybody of a list who has the name of somebody else on it.
fn mark_same_names(all: &mut [Listed]) {
    let has = |a: &Listed, b: &Listed| {
        a.nhs_number != b.nhs_number
            && matches!((&a.name, &b.name), (Some(a), Some(b)) if same_name(a, b))
    };
    let marked: Vec<bool> = all
        .iter()
        .map(|one| all.iter().any(|other| has(one, other)))
        .collect();
    for (one, same_name) in all.iter_mut().zip(marked) {
        one.same_name = same_name;
    }
}

impl HttpWorklist {
    /// `base` is the URL in front of `/worklist/…`.
    #[must_use]
    pub fn new(base: &str, limits: SourceLimits, http: SharedHttp) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            limits,
            http,
        }
    }
}

impl HttpWorklist {
    async fn ask(
        &self,
        viewer: &OdsCode,
        nhs_number: &NhsNumber,
        clinician: &str,
    ) -> Result<Answer, SourceError> {
        let url = format!("{}/worklist/{viewer}/find", self.base);
        // The number goes in the body, so that it is in no log of any server between.
        let body = serde_json::json!({"nhs_number": nhs_number.as_str(), "clinician": clinician})
            .to_string();
        let headers = [("content-type", "application/json")];
        let about = Some(self.http.gates().about(nhs_number));
        let answer = self
            .http
            .post(&url, &headers, body.into_bytes(), about, &self.limits)
            .await?
            .ok()?;
        answer_of(&answer)
    }
}

impl Worklist for HttpWorklist {
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
        clinician: &'a str,
    ) -> BoxFuture<'a, Result<OnWorklist, SourceError>> {
        Box::pin(async move {
            let answer = self.ask(viewer, nhs_number, clinician).await?;
            Ok(OnWorklist {
                registered: answer.registered,
                same_name: answer.same_name,
                linked: answer.linked,
            })
        })
    }
}

impl Directory for HttpWorklist {
    fn list<'a>(&'a self, viewer: &'a OdsCode) -> BoxFuture<'a, Result<Vec<Listed>, SourceError>> {
        Box::pin(async move {
            let url = format!("{}/worklist/{viewer}?offset=0&limit={LISTED}", self.base);
            let answer = self.http.get(&url, &[], None, &self.limits).await?.ok()?;
            let lines: Vec<Line> = serde_json::from_slice(&answer)
                .map_err(|_| SourceError::Mismatch("the worklist is not readable"))?;
            // Somebody without a usable number cannot be asked about; the others still can.
            let mut all: Vec<Listed> = lines
                .into_iter()
                .filter_map(|line| {
                    let number = NhsNumber::parse(&line.nhs_number).ok()?;
                    Some(listed(number, line.name, line.birth_date.as_deref()))
                })
                .collect();
            mark_same_names(&mut all);
            Ok(all)
        })
    }

    fn find<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
        clinician: &'a str,
    ) -> BoxFuture<'a, Result<Option<Listed>, SourceError>> {
        Box::pin(async move {
            let answer = self.ask(viewer, nhs_number, clinician).await?;
            Ok(answer.registered.then(|| Listed {
                same_name: answer.same_name,
                linked: answer.linked,
                ..listed(
                    nhs_number.clone(),
                    answer.name,
                    answer.birth_date.as_deref(),
                )
            }))
        })
    }
}

/// Reads the worklist's answer.
///
/// # Errors
/// It does not say yes or no.
pub fn read(answer: &[u8]) -> Result<bool, SourceError> {
    answer_of(answer).map(|answer| answer.registered)
}

fn answer_of(answer: &[u8]) -> Result<Answer, SourceError> {
    serde_json::from_slice(answer)
        .map_err(|_| SourceError::Mismatch("the worklist's answer is not readable"))
}
