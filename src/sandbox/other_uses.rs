//! Other uses than direct care in the sandbox (S3): the flows of a research unit, and what the national service says of people.

use jiff::Timestamp;
use jiff::civil::Date;

use super::story::Person;
use crate::fhir::IdKey;
use crate::oversight::national::{self, Checked, NationalError};
use crate::record::NhsNumber;
use crate::store::sqlite::SqliteStore;

/// Flows for other uses than direct care: one for each kind of legal gateway (S3), one of them over.
pub(super) fn protocols(on: impl Fn(i32) -> Date) -> String {
    let (from, until) = (on(-300), on(300));
    let (day, review) = (on(-310), on(240));
    let past = on(-30);
    let mut out = String::from(
        "\n# Other uses than direct care: refused by default, each lawful by one legal gateway with its evidence and dates (NHSX letter of 29\n\
         # September 2021). The research unit treats nobody, so most say that its patients are on no worklist of its.\n",
    );
    for (id, purpose, until, tabs, words, gateway) in [
        (
            "asthma-study-1",
            "HRESCH",
            until,
            r#""problems", "medication""#,
            ("To learn how asthma is treated.", "Find how asthma reviews and inhalers go together", "explicit consent to this use"),
            "kind = \"explicit-consent\"\nconsent_form = \"Study form 3, version 2\"\nwithdrawal = \"By telephone or at any clinic\"\ntreatment = false".to_owned(),
        ),
        (
            "disease-register-1",
            "PUBHLTH",
            until,
            r#""diagnosis", "investigations""#,
            ("To keep the regional disease register.", "Register each confirmed case once", "section 251 of the NHS Act 2006"),
            format!("kind = \"section-251\"\ncag_reference = \"26/CAG/0001\"\napproved_on = {day}\nreview_due = {review}\ntreatment = false"),
        ),
        (
            "planning-counts-1",
            "HOPERAT",
            until,
            r#""problems""#,
            ("To plan services.", "Count how often records are used", "nobody can be known from what leaves"),
            "kind = \"anonymised\"\nprocessor = \"The gateway's operator\"\nmethod = \"Counts, small ones suppressed, others rounded\"".to_owned(),
        ),
        (
            "court-order-1",
            "HLEGAL",
            until,
            r#""events""#,
            ("To answer an order of the court.", "Say which contacts there were", "legal requirement"),
            format!("kind = \"legal-requirement\"\ninstrument = \"Order 12\"\nissued_by = \"The sandbox court\"\nissued_on = {day}\ntreatment = false"),
        ),
        // Only of the unit's own patients, of whom there are none: nothing is ever shown through it.
        (
            "service-review-1",
            "HQUALIMP",
            until,
            r#""procedures""#,
            ("To review a service that failed.", "Find what was done", "overriding public interest"),
            format!("kind = \"public-interest\"\nassessment = \"Assessment 7\"\ncaldicott_guardian = \"Pat Example\"\nassessed_on = {day}"),
        ),
        (
            "trial-1",
            "CLINTRCH",
            past,
            r#""medication""#,
            ("To recruit for a trial in the pandemic.", "Find who takes which medicine", "COPI notice, which is over"),
            format!("kind = \"copi-notice\"\nnotice = \"Notice under regulation 3(4)\"\nissued_on = {day}\ntreatment = false"),
        ),
    ] {
        let (why, task, confidentiality) = words;
        out.push_str(&format!(
            r#"
[[protocol]]
id = "{id}"
viewer = "Z9R01"
purposes = ["{purpose}"]
valid_from = {from}
valid_until = {until}
why = "{why}"
how = "One patient at a time, by one named researcher of the unit; nothing is kept but the study's own findings."
approval = {{ by = "Sandbox Oversight Group", minutes = {day}, reference = "item 6", representatives = ["Dr Farah Quill, LMC", "Robin Ashworth, DPO of the practices"] }}
law = {{ article_6 = "6(1)(e)", article_9 = "9(2)(j)", confidentiality = "{confidentiality}" }}
review_due = {review}
[protocol.tabs]
research-clinician = [{tabs}]
[protocol.gateway]
{gateway}
rationale = "Nothing less answers the question."
approved_by = "Sandbox Oversight Group"
approved = {day}
from = {from}
until = {until}
task = "{task}"
minimum = "These tabs and no others."
"#
        ));
    }
    out
}

/// Who has a national data opt-out in the sandbox; everybody else of the contract has none (R176).
const NATIONAL_OPT_OUT: &str = "9990000387";

/// What the national service would have answered today about the people of the contract.
pub(super) async fn clear_nationally(
    store: &SqliteStore,
    ids: &IdKey,
    people: &[Person],
    now: Timestamp,
) -> Result<(), NationalError> {
    let numbers = |people: &mut dyn Iterator<Item = &Person>| -> Vec<NhsNumber> {
        people
            .filter_map(|person| NhsNumber::parse(&person.nhs_number).ok())
            .collect()
    };
    let asked = numbers(&mut people.iter());
    let clear = numbers(
        &mut people
            .iter()
            .filter(|person| person.nhs_number != NATIONAL_OPT_OUT),
    );
    let mut entry = national::row(now, asked.len(), clear.len());
    entry.client = Some("sandbox".to_owned());
    let checked = Checked {
        asked,
        clear,
        at: now,
    };
    national::take_up(store, ids, checked, now, entry).await?;
    Ok(())
}
