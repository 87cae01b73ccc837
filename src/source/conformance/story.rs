//! What an answer tells, in no supplier's words.

/// One patient's record.
#[derive(Debug, Clone)]
pub struct Story {
    pub nhs_number: &'static str,
    pub share: Share,
    pub stands: Stands,
    /// The contact that all items stand in is hidden.
    pub contact: Hidden,
    pub items: Vec<Item>,
    /// An element that no schema knows stands in every item, with [`super::TEXT`] in it.
    pub strange: bool,
}

/// What the source says about sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    Implied,
    Dissent,
    NotSaid,
    /// A word that nobody knows.
    Strange,
}

/// What the source says about the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Full,
    Temporary,
    Left,
    NotSaid,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its id, where the format has ids; two items of one key are a mistake of the source.
    pub key: &'static str,
    /// It has no id.
    pub nameless: bool,
    pub kind: Kind,
    pub code: Option<&'static str>,
    pub term: &'static str,
    pub date: &'static str,
    /// The date is only meant as a year.
    pub year_only: bool,
    pub hidden: Hidden,
    pub deleted: bool,
    /// It names a problem that is not there.
    pub linked: bool,
    /// So much free text.
    pub words: usize,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Finding,
    /// Comparator, number, unit.
    Value(&'static str, &'static str, &'static str),
    Allergy,
}

/// Whether it may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    No,
    /// By a policy that the message explains, or a private mark.
    Yes,
    /// By a policy that the message names and does not explain.
    Unexplained,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            nhs_number: super::rules::NUMBER,
            share: Share::Implied,
            stands: Stands::Full,
            contact: Hidden::No,
            items: vec![Item::default()],
            strange: false,
        }
    }
}

impl Story {
    pub fn of(items: Vec<Item>) -> Self {
        Self {
            items,
            ..Self::default()
        }
    }
}

impl Default for Item {
    fn default() -> Self {
        Self {
            key: "11111111-1111-4111-8111-111111111111",
            nameless: false,
            kind: Kind::Finding,
            code: Some("H33.."),
            term: "Asthma",
            date: "2024-05-01",
            year_only: false,
            hidden: Hidden::No,
            deleted: false,
            linked: false,
            words: super::TEXT.len(),
        }
    }
}

impl Item {
    /// Its free text: the marker, as often as it fits.
    pub fn text(&self) -> String {
        super::TEXT.repeat(self.words / super::TEXT.len())
    }
}
