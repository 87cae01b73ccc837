//! SMART scopes, typed: what was asked, what may be granted, what a token may do (smart.md 2.5; R111).
//!
//! Read-only: whatever is asked is cut down to reading (`r`) and searching (`s`). A granted set never holds a wildcard.

#[path = "scope_granular.rs"]
mod granular;

use std::fmt;

use self::granular::{Condition, parse_params};
use crate::fhir::Kind;
use crate::fhir::kind::KINDS;
use crate::tabs::catalogue::{Tab, TabSet};

/// What stands before the slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// `patient/`: the patient in context.
    Patient,
    /// `user/`: what the clinician may see.
    User,
    /// `system/`: what the client may see.
    System,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Patient, Self::User, Self::System]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// A resource type that a scope can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeType {
    /// A type of the clinical API.
    Kind(Kind),
    /// The consent of the occasion.
    Consent,
    /// The audit trail.
    AuditEvent,
}

impl ScopeType {
    /// The FHIR name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Consent => "Consent",
            Self::AuditEvent => "AuditEvent",
        }
    }

    /// The type with this FHIR name, if this gateway serves it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "Consent" => Some(Self::Consent),
            "AuditEvent" => Some(Self::AuditEvent),
            _ => Kind::from_name(name).map(Self::Kind),
        }
    }
}

impl From<Kind> for ScopeType {
    fn from(kind: Kind) -> Self {
        Self::Kind(kind)
    }
}

/// What a request does; `r` and `s` of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interaction {
    /// Read, vread, instance history: `r`.
    Read,
    /// Search, type history: `s`.
    Search,
}

/// How the app wrote the scope: the answer keeps it (R127 of SMART: v1 asked, v1 granted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spelling {
    V1,
    V2,
}

/// Reading and searching, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Access {
    read: bool,
    search: bool,
}

impl Access {
    fn covers(self, other: Self) -> bool {
        (self.read || !other.read) && (self.search || !other.search)
    }
}

/// One scope that names a type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    level: Level,
    kind: ScopeType,
    access: Access,
    spelling: Spelling,
    /// The parameters as they were asked, without the question mark; empty where there are none.
    params: String,
    conditions: Vec<Condition>,
}

impl Scope {
    fn allows(&self, kind: ScopeType, interaction: Interaction) -> bool {
        self.kind == kind
            && match interaction {
                Interaction::Read => self.access.read,
                Interaction::Search => self.access.search,
            }
    }

    /// Does it give all that the other does?
    fn covers(&self, other: &Self) -> bool {
        self.level == other.level
            && self.kind == other.kind
            && self.access.covers(other.access)
            && (self.conditions.is_empty() || self.params == other.params)
    }

    fn admits(&self, categories: &[(Option<&str>, &str)], codes: &[(Option<&str>, &str)]) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.admits(categories, codes))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.", self.level.name(), self.kind.name())?;
        f.write_str(
            match (self.spelling, self.access.read, self.access.search) {
                (Spelling::V1, _, _) => "read",
                (Spelling::V2, true, true) => "rs",
                (Spelling::V2, true, false) => "r",
                (Spelling::V2, false, _) => "s",
            },
        )?;
        if self.params.is_empty() {
            Ok(())
        } else {
            write!(f, "?{}", self.params)
        }
    }
}

/// Why a `scope` parameter is refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Characters that RFC 6749 section 3.3 does not allow, or too long.
    #[error("the scope parameter is not a list of scopes separated by spaces")]
    Malformed,
    /// A wildcard other than all reads of `system/` (R111).
    #[error(
        "wildcard scopes are not granted; system/*.rs asks for every read scope that is allowed"
    )]
    Wildcard,
}

/// What a client asked for. Unknown and misspelt scopes are already left out (R129 of SMART).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeRequest {
    scopes: Vec<Scope>,
    /// `system/*`, and in the app launch `patient/*` and `user/*`: all reads, as often as it was asked.
    all: Vec<(Level, Access, Spelling)>,
}

/// Longest `scope` parameter.
const MAX_LENGTH: usize = 8 * 1024;

enum Parsed {
    Scope(Scope),
    All(Level, Access, Spelling),
    Ignored,
}

impl ScopeRequest {
    /// No type of resource is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.all.is_empty()
    }

    /// Reads a `scope` parameter.
    ///
    /// # Errors
    /// Not a list of scope tokens, or a wildcard that is never granted.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        Self::read(text, &[Level::System])
    }

    /// Reads the `scope` parameter of an app launch, where a clinician stands behind it: there `patient/*.rs` and
    /// `user/*.rs` ask for all the reads that role and protocol allow, about the one patient of the token.
    ///
    /// # Errors
    /// Not a list of scope tokens, or a wildcard that is never granted.
    pub fn parse_for_user(text: &str) -> Result<Self, ScopeError> {
        Self::read(text, &[Level::Patient, Level::User, Level::System])
    }

    fn read(text: &str, wild: &[Level]) -> Result<Self, ScopeError> {
        let allowed = |b: u8| matches!(b, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.len() > MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(ScopeError::Malformed);
        }
        let mut request = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            match parse_one(token, wild)? {
                Parsed::Scope(scope) => request.scopes.push(scope),
                Parsed::All(level, access, spelling) => request.all.push((level, access, spelling)),
                Parsed::Ignored => {}
            }
        }
        Ok(request)
    }

    /// What of this may be granted: never more than was asked, never more than is allowed, wildcards listed one by one.
    #[must_use]
    pub fn grant(&self, allowance: &Allowance) -> ScopeSet {
        let mut granted: Vec<Scope> = Vec::new();
        let listed = self.all.iter().flat_map(|&(level, access, spelling)| {
            allowance.types.iter().map(move |&kind| Scope {
                level,
                kind,
                access,
                spelling,
                params: String::new(),
                conditions: Vec::new(),
            })
        });
        for scope in self.scopes.iter().cloned().chain(listed) {
            let allowed =
                allowance.types.contains(&scope.kind) && allowance.levels.contains(&scope.level);
            if allowed && !granted.contains(&scope) {
                granted.push(scope);
            }
        }
        ScopeSet(granted)
    }
}

fn parse_one(token: &str, wild: &[Level]) -> Result<Parsed, ScopeError> {
    let (path, params) = token
        .split_once('?')
        .map_or((token, None), |(path, params)| (path, Some(params)));
    let Some((level, rest)) = path.split_once('/') else {
        return Ok(Parsed::Ignored);
    };
    let (kind, suffix) = rest
        .split_once('.')
        .map_or((rest, None), |(kind, suffix)| (kind, Some(suffix)));
    if level == "*" || kind == "*" {
        return match (Level::from_name(level), suffix.map(parse_suffix), params) {
            // What asks to write too is cut down to reading only where one patient is all it could reach.
            (Some(level), Some(Suffix::Access(access, writes, spelling)), None)
                if wild.contains(&level) && kind == "*" && (!writes || level == Level::Patient) =>
            {
                Ok(Parsed::All(level, access, spelling))
            }
            (Some(_), Some(Suffix::Unknown), _) => Ok(Parsed::Ignored),
            _ => Err(ScopeError::Wildcard),
        };
    }
    let (Some(level), Some(kind), Some(suffix)) =
        (Level::from_name(level), ScopeType::from_name(kind), suffix)
    else {
        return Ok(Parsed::Ignored);
    };
    let Suffix::Access(access, _, spelling) = parse_suffix(suffix) else {
        return Ok(Parsed::Ignored);
    };
    let conditions = match (params, spelling) {
        (None, _) => Vec::new(),
        (Some(params), Spelling::V2) => match parse_params(params) {
            Some(conditions) => conditions,
            None => return Ok(Parsed::Ignored),
        },
        (Some(_), Spelling::V1) => return Ok(Parsed::Ignored),
    };
    Ok(Parsed::Scope(Scope {
        level,
        kind,
        access,
        spelling,
        params: params.unwrap_or_default().to_owned(),
        conditions,
    }))
}

enum Suffix {
    /// What of it reads; whether it asked to write too.
    Access(Access, bool, Spelling),
    /// Only writing was asked.
    WriteOnly,
    /// No such suffix, or letters out of order.
    Unknown,
}

const BOTH: Access = Access {
    read: true,
    search: true,
};

fn parse_suffix(suffix: &str) -> Suffix {
    match suffix {
        "read" => return Suffix::Access(BOTH, false, Spelling::V1),
        "*" => return Suffix::Access(BOTH, true, Spelling::V1),
        "write" => return Suffix::WriteOnly,
        _ => {}
    }
    let mut left = suffix.bytes().peekable();
    let mut took = |letter: u8| left.next_if_eq(&letter).is_some();
    let [create, read, update, delete, search] = [b'c', b'r', b'u', b'd', b's'].map(&mut took);
    if suffix.is_empty() || left.next().is_some() {
        Suffix::Unknown
    } else if read || search {
        Suffix::Access(
            Access { read, search },
            create || update || delete,
            Spelling::V2,
        )
    } else {
        Suffix::WriteOnly
    }
}

/// What client, protocol and role allow at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    levels: Vec<Level>,
    types: Vec<ScopeType>,
}

impl Allowance {
    /// A clinician who may see these tabs: the types that the tabs hold, those that they lean on, and always Patient,
    /// List and Consent.
    #[must_use]
    pub fn clinician(tabs: TabSet) -> Self {
        let held = |kind: Kind| {
            kind.is_supporting()
                || matches!(kind, Kind::Patient | Kind::List)
                || tabs.iter().any(|tab| kinds_of(tab).contains(&kind))
        };
        let mut types: Vec<ScopeType> = KINDS
            .into_iter()
            .filter(|kind| held(*kind))
            .map(ScopeType::Kind)
            .chain([ScopeType::Consent])
            .collect();
        types.sort_by_key(|kind| kind.name());
        Self {
            levels: vec![Level::Patient, Level::User, Level::System],
            types,
        }
    }

    /// Whoever asks for another use than direct care: the same, but the Patient, with name and address, only where the tab
    /// that holds it is among them (S4: no more than the task needs).
    #[must_use]
    pub fn other_use(tabs: TabSet) -> Self {
        let mut allowance = Self::clinician(tabs);
        if !tabs.contains(Tab::PatientDetails) {
            let patient = ScopeType::Kind(Kind::Patient);
            allowance.types.retain(|kind| *kind != patient);
        }
        allowance
    }

    /// A clinician who signed in here: the same types, by `patient/` and `user/` scopes.
    #[must_use]
    pub fn signed_in(tabs: TabSet) -> Self {
        Self {
            levels: vec![Level::Patient, Level::User],
            ..Self::clinician(tabs)
        }
    }

    /// A practice's audit client: its patients' audit trail and nothing else.
    #[must_use]
    pub fn audit() -> Self {
        Self {
            levels: vec![Level::System],
            types: vec![ScopeType::AuditEvent],
        }
    }

    /// The types, in alphabetical order.
    #[must_use]
    pub fn types(&self) -> &[ScopeType] {
        &self.types
    }
}

/// The resource types that a tab's sections hold (design.md 4).
#[must_use]
pub fn kinds_of(tab: Tab) -> &'static [Kind] {
    match tab {
        Tab::Summary => &[
            Kind::AllergyIntolerance,
            Kind::Condition,
            Kind::DiagnosticReport,
            Kind::MedicationRequest,
            Kind::MedicationStatement,
            Kind::Observation,
        ],
        Tab::PatientDetails => &[Kind::Patient],
        Tab::Problems | Tab::Diagnosis => &[Kind::Condition],
        Tab::Medication => &[Kind::MedicationRequest, Kind::MedicationStatement],
        Tab::RisksAndWarnings => &[Kind::AllergyIntolerance, Kind::Condition, Kind::Flag],
        Tab::Procedures => &[Kind::Immunization, Kind::Procedure],
        Tab::Investigations => &[Kind::DiagnosticReport, Kind::Observation],
        Tab::Examinations => &[Kind::Observation],
        Tab::Events => &[
            Kind::DocumentReference,
            Kind::Encounter,
            Kind::ServiceRequest,
        ],
    }
}

/// The scopes of a token. Never holds a wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(Vec<Scope>);

/// How far a token reaches into one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach<'a> {
    /// Not at all.
    Nothing,
    /// Every resource of the type.
    Everything,
    /// Those that one of these granular scopes admits.
    Granular(Vec<&'a Scope>),
}

impl Reach<'_> {
    /// May a resource with these categories and codes, each as (system, code), be shown?
    #[must_use]
    pub fn admits(
        &self,
        categories: &[(Option<&str>, &str)],
        codes: &[(Option<&str>, &str)],
    ) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Granular(scopes) => scopes.iter().any(|scope| scope.admits(categories, codes)),
        }
    }
}

impl ScopeSet {
    /// Reads back what its `Display` wrote into the store; what cannot be read grants nothing.
    #[must_use]
    pub fn parse_granted(text: &str) -> Self {
        ScopeRequest::parse(text).map_or_else(|_| Self::default(), |request| Self(request.scopes))
    }

    /// Nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What one scope of a refresh gives of these (RFC 6749 section 6); `None` where it is more than was granted. One that is
    /// less than what was granted gives itself. One that the app asked for at first gives what was granted of it: a wildcard
    /// all that it stood for, one that also asked to write its reading.
    #[must_use]
    pub fn narrowed(&self, token: &str, asked_at_first: bool) -> Option<Vec<String>> {
        let wild = [Level::Patient, Level::User, Level::System];
        match parse_one(token, &wild) {
            Ok(Parsed::Scope(scope)) => {
                let said = scope.to_string();
                let fits = asked_at_first || said == token;
                (fits && self.0.iter().any(|own| own.covers(&scope))).then(|| vec![said])
            }
            Ok(Parsed::All(level, access, spelling)) if asked_at_first => {
                let of_it: Vec<String> = self
                    .0
                    .iter()
                    .filter(|own| own.level == level && own.spelling == spelling)
                    .filter(|own| access.covers(own.access))
                    .map(ToString::to_string)
                    .collect();
                (!of_it.is_empty()).then_some(of_it)
            }
            _ => None,
        }
    }

    /// May it read this type by id? Where [`Self::reach`] is granular, only some.
    #[must_use]
    pub fn allows_read(&self, kind: impl Into<ScopeType>) -> bool {
        self.reach(kind, Interaction::Read) != Reach::Nothing
    }

    /// May it search this type? Where [`Self::reach`] is granular, it finds only some.
    #[must_use]
    pub fn allows_search(&self, kind: impl Into<ScopeType>) -> bool {
        self.reach(kind, Interaction::Search) != Reach::Nothing
    }

    /// The predicate that the query layer adds for this type: on search and read, `_include`, `$everything` and paging
    /// links alike. Several granular scopes of one type are a union.
    #[must_use]
    pub fn reach(&self, kind: impl Into<ScopeType>, interaction: Interaction) -> Reach<'_> {
        let kind = kind.into();
        let scopes: Vec<&Scope> = self
            .0
            .iter()
            .filter(|scope| scope.allows(kind, interaction))
            .collect();
        if scopes.is_empty() {
            Reach::Nothing
        } else if scopes.iter().any(|scope| scope.conditions.is_empty()) {
            Reach::Everything
        } else {
            Reach::Granular(scopes)
        }
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{scope}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "scope_tests.rs"]
mod tests;
