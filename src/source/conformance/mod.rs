//! The rules of `docs/adapter-spec.md`, asked of every adapter.
//!
//! An adapter gives a [`Fixture`]: how its messages look when they tell a [`Story`]. [`conformance!`] makes one test of each
//! rule of it, over a real socket. A third source is one folder with one fixture.

mod rules;
mod server;
mod story;

pub use rules::*;
pub use server::Transport;
pub use story::{Hidden, Item, Kind, Share, Stands, Story};

use crate::source::{SourceAdapter, SourceLimits, SourceRefusal};

/// What an adapter gives to be held to the rules.
pub trait Fixture: Send + Sync {
    /// How it is asked.
    fn transport(&self) -> Transport;

    /// The adapter towards a server at this address (`127.0.0.1:port`).
    fn adapter(&self, address: &str, limits: SourceLimits) -> Box<dyn SourceAdapter>;

    /// The id of a question, from its body.
    fn id_of(&self, question: &str) -> Option<String>;

    /// An answer that tells this story and echoes this id. It holds [`HOOK`] once, between two elements of an entry, and
    /// [`TEXT`] in every field that is free text.
    fn answer(&self, story: &Story, id: Option<&str>) -> String;

    /// Every way in which the source says no, and what that means; `None`: a fault.
    fn refusals(&self, id: &str) -> Vec<(String, Option<SourceRefusal>)>;

    /// System and code as the record keeps those of an item that was written with this code.
    fn coding(&self, code: &str) -> (String, String);

    /// The question has a place for clinician and viewing organisation.
    fn names_who_asks(&self) -> bool {
        true
    }

    /// The format marks what was deleted.
    fn marks_deletion(&self) -> bool {
        true
    }

    /// The format has policies by id, so that one may be named and not explained.
    fn has_policies(&self) -> bool {
        true
    }

    /// The format says how precise a date is.
    fn has_partial_dates(&self) -> bool {
        true
    }
}

/// Where the suite puts hostile markup into an answer.
pub const HOOK: &str = "<!--hook-->";

/// What stands in every free-text field of an answer.
pub const TEXT: &str = "xqzfreetextxqz";

/// One test of every rule for one fixture.
macro_rules! conformance {
    ($fixture:expr) => {
        $crate::source::conformance::conformance!($fixture;
            rule_01_deadline_from_first_byte_to_last
            rule_01_size_is_capped_while_it_arrives
            rule_01_no_redirect
            rule_02_asks_once
            rule_03_says_who_asks
            rule_04_number_in_the_body_alone
            rule_05_the_answer_belongs_to_the_question
            rule_06_refusals_are_no_errors_and_no_records
            rule_06_cut_short_is_an_error
            rule_06_an_empty_record_is_a_record
            rule_07_what_is_not_said_is_unknown
            rule_08_errors_have_a_position
            rule_09_bytes_are_hostile
            rule_11_restrictions_stay
            rule_11_what_was_deleted_is_not_there
            rule_12_codes_stay_as_they_were_sent
            rule_13_dates_numbers_and_units_stay
            rule_14_free_text_stays_out
            rule_15_ids_are_unique_and_stay
            rule_16_a_link_to_nothing_is_a_loss
            rule_17_what_is_not_read_is_counted
            rule_20_no_bytes_panic
            rule_22_one_part_does_not_blank_the_others
        );
    };
    ($fixture:expr; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::source::conformance::$rule(&$fixture).await;
            }
        )*
    };
}
pub(crate) use conformance;
