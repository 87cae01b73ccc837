//! Codes as the source sent them.

/// A terminology, by the URI that FHIR knows it by (sources.md 3.7 and 4.6, profiles.md 3).
pub mod system {
    /// SNOMED CT, UK edition; dm+d ids are SNOMED CT ids too.
    pub const SNOMED: &str = "http://snomed.info/sct";
    /// Read version 2, five bytes.
    pub const READ_V2: &str = "http://read.info/readv2";
    /// Clinical Terms Version 3. Case matters.
    pub const CTV3: &str = "http://read.info/ctv3";
    /// Read codes of four bytes.
    pub const READ_4BYTE: &str = "urn:oid:2.16.840.1.113883.2.1.6.1";
    /// SNOMED-shaped ids in EMIS's own namespace; not in the UK edition, so kept apart.
    pub const EMIS_SNOMED: &str = "urn:oid:2.16.840.1.113883.2.1.6.3";
    /// EMIS (Egton) drug codes.
    pub const EMIS_DRUG: &str = "https://fhir.hl7.org.uk/Id/emis-drug-codes";
    /// EMIS (Egton) local codes.
    pub const EGTON: &str = "https://fhir.hl7.org.uk/Id/egton-codes";
    /// First Databank Multilex drug codes, which SystmOne uses.
    pub const MULTILEX: &str = "https://fhir.hl7.org.uk/Id/multilex-drug-codes";
    /// SystmOne local codes (CTV3-shaped, beginning with Y).
    pub const TPP_LOCAL: &str = "https://openmig.org/fhir/Id/tpp-local-codes";
    /// EMIS local codes that are not Egton codes (EMISLOCAL, EMISNQ…, EMISCODEID, EMISINTERNAL, OLTR).
    pub const EMIS_LOCAL: &str = "https://openmig.org/fhir/Id/emis-local-codes";
}

/// One code in one terminology.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coding {
    /// The terminology's URI, one of [`system`] or as the source named it.
    pub system: String,
    /// The code as the source sent it; Read v2 padded with dots to five characters.
    pub code: String,
    /// The code's own term, where the source sent one.
    pub display: Option<String>,
    /// The clinician picked this one; the others are translations.
    pub user_selected: bool,
}

/// A coded statement: the term as shown to the clinician, and every coding that came with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coded {
    /// The display term (sources.md pitfall 16: it may differ from the code's own term). Never free text.
    pub text: Option<String>,
    /// Original coding first, translations after it, in the order of the source.
    pub codings: Vec<Coding>,
}

impl Coded {
    /// A statement that has only a term.
    #[must_use]
    pub fn term(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            codings: Vec::new(),
        }
    }

    /// Neither term nor code.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.codings.is_empty()
    }

    /// The code in one terminology, if the source sent it.
    #[must_use]
    pub fn in_system(&self, system: &str) -> Option<&str> {
        self.codings
            .iter()
            .find(|c| c.system == system)
            .map(|c| c.code.as_str())
    }
}
