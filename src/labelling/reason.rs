//! Why an entry is restricted: for the label's basis and for the practice's report, never for the viewer.

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A code of it is on the exclusion list.
    Listed {
        /// Id of the list's line, for example `appendix-a-35`.
        row: String,
        /// The line's category.
        category: String,
        /// The category is withheld (R041: the policy can switch one off).
        withheld: bool,
    },
    /// The source put it, or what contains it, under a confidentiality policy; `known` when its policy list has that one.
    SourcePolicy {
        /// The policy list holds it.
        known: bool,
    },
    /// Marked private in the source (R043).
    Private,
    /// Its code's text identifies a person.
    Identifying,
    /// The source had already labelled it more than normally confidential.
    SourceLabel,
    /// No code that could be checked, in a section where that is not enough (R051).
    Uncheckable,
    /// The same of what contains it, and it has no code of its own that could be checked.
    ContainerUncheckable,
    /// The whole record is restricted.
    RestrictedRecord,
    /// What contains it is not in the record, so that its restrictions are unknown: fails closed.
    ContainerUnknown,
}

impl Reason {
    /// Does the entry stay behind for it?
    #[must_use]
    pub fn withholds(&self) -> bool {
        !matches!(
            self,
            Self::Listed {
                withheld: false,
                ..
            }
        )
    }

    /// Does it hold for everything in the entry too? That a name could not be checked says nothing about the contents:
    /// labelling has judged each of them.
    #[must_use]
    pub(crate) fn flows_down(&self) -> bool {
        self.withholds() && !matches!(self, Self::Uncheckable | Self::ContainerUncheckable)
    }

    /// The code of our CodeSystem of exclusion categories: the label that goes with it, and the key of the report's counts.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Listed { category, .. } => category,
            Self::SourcePolicy { .. } => "source-policy",
            Self::Private => "private",
            Self::Identifying => "identifying",
            Self::SourceLabel => "source-label",
            Self::Uncheckable | Self::ContainerUncheckable => "uncheckable",
            Self::RestrictedRecord => "restricted-record",
            Self::ContainerUnknown => "container-unknown",
        }
    }

    /// The id of the policy row that it rests on, for the label's basis (DS4P).
    #[must_use]
    pub fn basis(&self) -> &str {
        match self {
            Self::Listed { row, .. } => row,
            Self::SourcePolicy { known: false } => "source-policy-unknown",
            other => other.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R041, R043, R048, R051: each reason by its code and its basis, whether it withholds, and whether its contents go too
    #[test]
    fn each_reason_says_what_it_is_and_does() {
        let listed = |withheld| Reason::Listed {
            row: "appendix-a-7".to_owned(),
            category: "hiv".to_owned(),
            withheld,
        };
        for (reason, code, basis, withholds, flows) in [
            (listed(true), "hiv", "appendix-a-7", true, true),
            (listed(false), "hiv", "appendix-a-7", false, false),
            (
                Reason::SourcePolicy { known: true },
                "source-policy",
                "source-policy",
                true,
                true,
            ),
            (
                Reason::SourcePolicy { known: false },
                "source-policy",
                "source-policy-unknown",
                true,
                true,
            ),
            (Reason::Private, "private", "private", true, true),
            (
                Reason::Identifying,
                "identifying",
                "identifying",
                true,
                true,
            ),
            (
                Reason::SourceLabel,
                "source-label",
                "source-label",
                true,
                true,
            ),
            (
                Reason::Uncheckable,
                "uncheckable",
                "uncheckable",
                true,
                false,
            ),
            (
                Reason::ContainerUncheckable,
                "uncheckable",
                "uncheckable",
                true,
                false,
            ),
            (
                Reason::RestrictedRecord,
                "restricted-record",
                "restricted-record",
                true,
                true,
            ),
            (
                Reason::ContainerUnknown,
                "container-unknown",
                "container-unknown",
                true,
                true,
            ),
        ] {
            assert_eq!(reason.code(), code);
            assert_eq!(reason.basis(), basis);
            assert_eq!(reason.withholds(), withholds, "{reason:?}");
            assert_eq!(reason.flows_down(), flows, "{reason:?}");
        }
    }
}
