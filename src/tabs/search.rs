//! FHIR search over what one request may see: matches, includes and total are all computed after the filter.

use super::page::{Page, PageFault};
use super::params::{self, ParamType};
use super::query::{Criterion, DateAsk, TokenAsk, split_unescaped, unescape};
use crate::fhir::Kind;
use crate::record::NhsNumber;
use crate::release::{Bits, Param, Released};

/// Matches on a page where `_count` says nothing.
pub const DEFAULT_COUNT: usize = 100;
/// Matches on a page at most; a larger `_count` is taken as this.
pub const MAX_COUNT: usize = 1_000;
/// Comma-separated values of one parameter at most.
const MAX_VALUES: usize = 200;

/// A search as it was asked.
#[derive(Debug, Clone, Copy)]
pub struct SearchAsk<'a> {
    /// The type.
    pub kind: Kind,
    /// Names and values, decoded, in the order in which they were sent.
    pub params: &'a [(String, String)],
    /// `Prefer: handling=strict`: an unknown parameter is an error.
    pub strict: bool,
    /// Address of the API, to understand absolute references to it.
    pub base: &'a str,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The type searched for.
    pub kind: Kind,
    /// Matches of this page, as places of the held record.
    pub matches: Vec<usize>,
    /// What `_include` adds to this page, none of it a match of the page.
    pub includes: Vec<usize>,
    /// All matches, of all pages.
    pub total: usize,
    /// The next page's token, where there is one.
    pub next: Option<String>,
    /// Only the number was asked for (`_summary=count`, `_count=0`).
    pub count_only: bool,
    /// The search as understood, for the self link: without unknown parameters, and without a patient's identifiers,
    /// which belong in no address.
    pub understood: Vec<(String, String)>,
    /// Parameters that were not understood, hence ignored.
    pub ignored: Vec<String>,
    /// The patient was named, by `patient`, `subject`, or (of the type Patient) by `_id` or `identifier` (R111: a search
    /// that names nobody is the API's to refuse).
    pub names_patient: bool,
}

impl Selection {
    /// Everything on the page, for the audit.
    pub fn shown(&self) -> impl Iterator<Item = &usize> {
        self.matches.iter().chain(&self.includes)
    }
}

/// A search that cannot be answered. Texts name parameters, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// It names another patient than the token's (R112).
    #[error("the search names another patient")]
    OtherPatient,
    /// Parameters that this type does not have, and handling is strict.
    #[error("unknown search parameters: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// A modifier or chain, which are not supported: ignoring one would answer another question.
    #[error("modifiers and chained parameters are not supported: {0}")]
    Modifier(String),
    /// A value that is not of its form.
    #[error("{param}: {expected} is expected")]
    Value {
        /// The parameter.
        param: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The page token is not one of this search.
    #[error("the page token does not belong to this search")]
    Page,
    /// The record has changed since the first page: search again.
    #[error("the record has changed since the first page; search again")]
    PageExpired,
}

/// What the parameters say, before the record is looked at.
#[derive(Debug, Default)]
struct Plan {
    criteria: Vec<Criterion>,
    includes: Vec<String>,
    sort: Option<(Param, bool)>,
    count: Option<usize>,
    page: Option<String>,
    count_only: bool,
    names_patient: bool,
    understood: Vec<(String, String)>,
    ignored: Vec<String>,
}

/// Searches. A bare List search finds the ten tab Lists; a section List is found by its `code`, `_id` or `empty-reason`.
///
/// # Errors
/// See [`SearchError`].
pub fn search(released: &Released, ask: &SearchAsk<'_>) -> Result<Selection, SearchError> {
    let plan = Plan::read(released, ask)?;
    let found = plan.find(released, ask.kind);
    let total = found.count();
    let query = || plan.fingerprint(ask.kind, released, total);
    let version = released.held().version();
    let skip = match &plan.page {
        None => 0,
        Some(token) => {
            let page = Page::open(token, version, &query()).map_err(|fault| match fault {
                PageFault::Wrong => SearchError::Page,
                PageFault::Expired => SearchError::PageExpired,
            })?;
            usize::try_from(page.skip).unwrap_or(usize::MAX)
        }
    };
    let count = plan.count.unwrap_or(DEFAULT_COUNT);
    let matches: Vec<usize> = if plan.count_only {
        Vec::new()
    } else {
        plan.page_of(released, ask.kind, &found, skip, count)
    };
    let after = skip.saturating_add(matches.len());
    let next = (!matches.is_empty() && after < total)
        .then(|| u32::try_from(after).ok())
        .flatten()
        .map(|after| Page::new(version, &query(), after).token());
    let includes = plan.include(released, &matches);
    Ok(Selection {
        kind: ask.kind,
        matches,
        includes,
        total,
        next,
        count_only: plan.count_only,
        understood: plan.understood,
        ignored: plan.ignored,
        names_patient: plan.names_patient,
    })
}

impl Plan {
    fn read(released: &Released, ask: &SearchAsk<'_>) -> Result<Self, SearchError> {
        let mut plan = Self::default();
        for (name, value) in ask.params {
            if plan.parameter(released, ask, name, value)? {
                if !tells_of_patient(ask.kind, name, value) {
                    plan.understood.push((name.clone(), value.clone()));
                }
            } else if !matches!(name.as_str(), "_format" | "_pretty") {
                plan.ignored.push(shown(name));
            }
        }
        if ask.strict && !plan.ignored.is_empty() {
            return Err(SearchError::Unknown(plan.ignored));
        }
        Ok(plan)
    }

    /// Takes one parameter in; `false` where it means nothing here.
    fn parameter(
        &mut self,
        released: &Released,
        ask: &SearchAsk<'_>,
        name: &str,
        value: &str,
    ) -> Result<bool, SearchError> {
        // `subject:Patient=x` says the type that it has anyway.
        let plain = match name.strip_suffix(":Patient") {
            Some(plain @ ("subject" | "patient")) => plain,
            _ => name,
        };
        if plain.contains([':', '.']) || plain == "_has" {
            return Err(SearchError::Modifier(shown(name)));
        }
        match plain {
            "_count" => {
                let count: usize = once(&self.count, "_count")?
                    .then(|| value.parse().ok())
                    .flatten()
                    .ok_or(SearchError::Value {
                        param: "_count",
                        expected: "a number",
                    })?;
                self.count = Some(count.min(MAX_COUNT));
                self.count_only |= count == 0;
                return Ok(true);
            }
            "_page" => {
                once(&self.page, "_page")?;
                self.page = Some(value.to_owned());
                return Ok(true);
            }
            "_summary" => {
                self.count_only |= value == "count";
                return Ok(matches!(value, "count" | "false"));
            }
            "_total" => return Ok(matches!(value, "none" | "estimate" | "accurate")),
            "_sort" => {
                once(&self.sort, "_sort")?;
                let (name, descending) = match value.strip_prefix('-') {
                    Some(name) => (name, true),
                    None => (value, false),
                };
                let Some((param, ParamType::Date)) = params::by_name(ask.kind, name) else {
                    return Ok(false);
                };
                self.sort = Some((param, descending));
                return Ok(true);
            }
            "_include" => {
                let name = value
                    .strip_prefix(ask.kind.name())
                    .and_then(|rest| rest.strip_prefix(':'))
                    .map(|rest| rest.split(':').next().unwrap_or(rest));
                let known = name.filter(|name| params::includes(ask.kind).contains(name));
                self.includes.extend(known.map(str::to_owned));
                return Ok(known.is_some());
            }
            _ => {}
        }
        let Some((param, kind)) = params::by_name(ask.kind, plain) else {
            return Ok(false);
        };
        self.criterion(released, ask, param, kind, value)?;
        Ok(true)
    }

    fn criterion(
        &mut self,
        released: &Released,
        ask: &SearchAsk<'_>,
        param: Param,
        kind: ParamType,
        value: &str,
    ) -> Result<(), SearchError> {
        let wrong = |expected| SearchError::Value {
            param: param.name(),
            expected,
        };
        let values = split_unescaped(value, ',');
        if values.len() > MAX_VALUES || values.iter().any(String::is_empty) {
            return Err(wrong("a value, or up to 200 with commas between"));
        }
        let criterion = match kind {
            ParamType::Patient => {
                let own = released.held().patient().as_str();
                let fits = |value: &String| {
                    target(&unescape(value), Kind::Patient, ask.base).is_some_and(|id| id == own)
                };
                if !values.iter().all(fits) {
                    return Err(SearchError::OtherPatient);
                }
                self.names_patient = true;
                return Ok(());
            }
            ParamType::Token if param == Param::Id => {
                self.names_patient |= ask.kind == Kind::Patient;
                Criterion::Ids(values.iter().map(|value| unescape(value)).collect())
            }
            ParamType::Token => {
                self.names_patient |= ask.kind == Kind::Patient && param == Param::Identifier;
                let asks: Option<Vec<_>> =
                    values.iter().map(|value| TokenAsk::read(value)).collect();
                Criterion::Tokens(
                    param,
                    asks.ok_or_else(|| wrong("code, system|code, |code or system|"))?,
                )
            }
            ParamType::Date => {
                let now = released.held().retrieved_at().as_millisecond();
                let asks: Option<Vec<_>> = values
                    .iter()
                    .map(|value| DateAsk::read(value, now))
                    .collect();
                Criterion::Dates(
                    param,
                    asks.ok_or_else(|| {
                        wrong("a date, with or without prefix (eq ne gt lt ge le sa eb ap),")
                    })?,
                )
            }
            // Every reference parameter that is not the patient names an Encounter.
            ParamType::Reference => Criterion::References(
                param,
                values
                    .iter()
                    .filter_map(|value| target(&unescape(value), Kind::Encounter, ask.base))
                    .collect(),
            ),
        };
        self.criteria.push(criterion);
        Ok(())
    }

    /// All that match, of all pages.
    fn find(&self, released: &Released, kind: Kind) -> Bits {
        let mut found = released.of_kind(kind);
        for criterion in &self.criteria {
            found.keep(&criterion.places(released, kind));
        }
        if kind == Kind::List && !self.names_lists() {
            let sections: Vec<usize> = found
                .iter()
                .filter(|n| is_section_list(released, *n))
                .collect();
            for n in sections {
                found.remove(n);
            }
        }
        found
    }

    /// Some of what was found, in the order in which it is shown.
    fn page_of(
        &self,
        released: &Released,
        kind: Kind,
        found: &Bits,
        skip: usize,
        count: usize,
    ) -> Vec<usize> {
        match self.sort {
            None => found.iter().skip(skip).take(count).collect(),
            Some((param, descending)) => {
                let order = released.order(kind, param, descending);
                let found = order.iter().filter(|n| found.contains(**n));
                found.skip(skip).take(count).copied().collect()
            }
        }
    }

    /// A section List answers only where it is named.
    fn names_lists(&self) -> bool {
        self.criteria.iter().any(|criterion| {
            matches!(
                criterion,
                Criterion::Ids(_) | Criterion::Tokens(Param::Code | Param::EmptyReason, _)
            )
        })
    }

    fn include(&self, released: &Released, matches: &[usize]) -> Vec<usize> {
        let mut there = Bits::none(released.held().len());
        for n in matches {
            there.insert(*n);
        }
        let mut includes = Vec::new();
        for n in matches {
            for name in &self.includes {
                for target in released.linked(*n, name) {
                    if there.insert(target) {
                        includes.push(target);
                    }
                }
            }
        }
        includes
    }

    /// The query for a page token: everything that decides which matches there are and in which order.
    fn fingerprint(&self, kind: Kind, released: &Released, total: usize) -> String {
        format!(
            "{kind:?} {:?} {:?} {} {total}",
            self.criteria,
            self.sort,
            released.tabs().bits()
        )
    }
}

/// What says who the patient is belongs in no address, not even in one that we write, and not in the trail: number and date
/// of birth of the Patient, and an NHS number that somebody takes for the id of something else.
fn tells_of_patient(kind: Kind, name: &str, value: &str) -> bool {
    let of_patient = [Param::Identifier, Param::Birthdate];
    let by_id = [Param::Identifier, Param::Id];
    let named = |params: &[Param]| params.iter().any(|param| param.name() == name);
    kind == Kind::Patient && named(&of_patient)
        || named(&by_id)
            && value
                .split([',', '|', '/'])
                .any(|part| NhsNumber::parse(&part.replace([' ', '-'], "")).is_ok())
}

/// Refuses a control parameter that was given before.
fn once<T>(before: &Option<T>, param: &'static str) -> Result<bool, SearchError> {
    match before {
        None => Ok(true),
        Some(_) => Err(SearchError::Value {
            param,
            expected: "a single value",
        }),
    }
}

/// The id that a reference value names: `id`, `Kind/id`, or the same at our own address; `None` for another type or place.
fn target(value: &str, kind: Kind, base: &str) -> Option<String> {
    let relative = match value.strip_prefix(base) {
        Some(rest) => rest.strip_prefix('/')?,
        None => value,
    };
    match relative.split_once('/') {
        None => Some(relative.to_owned()),
        Some((name, id)) if name == kind.name() && !id.contains('/') => Some(id.to_owned()),
        Some(_) => None,
    }
}

fn is_section_list(released: &Released, n: usize) -> bool {
    released.entry(n).is_some_and(|entry| {
        matches!(entry.sections(), [section]
            if entry.id() == released.held().patient().list(section.code()))
    })
}

/// A parameter's name as far as it may be shown: names come from outside.
fn shown(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | ':' | '.'))
        .take(40)
        .collect()
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
