//! The original beside what came out: what all kinds have in common.

use serde_json::Value;

use super::r4::{self, Mapped};
use super::stu3::{self, Record, extension, id, list, text};
use super::tables;
use super::tally::Tally;
use super::write_event as event;

/// One comparison of one record.
pub struct Pair<'a> {
    /// The original.
    pub stu3: &'a Record,
    /// What came out.
    pub r4: &'a Mapped,
    /// The count.
    pub tally: &'a mut Tally,
}

/// One original beside one resource.
#[derive(Clone, Copy)]
pub struct Two<'a> {
    /// The type under which it is counted.
    pub kind: &'a str,
    /// Where, for messages.
    pub at: &'a str,
}

impl Pair<'_> {
    /// Where something stands, for messages.
    pub fn at(&self, resource: &Value) -> String {
        let name = self.stu3.name.get(..10).unwrap_or_default();
        format!("{name} {}/{}", stu3::kind(resource), id(resource))
    }

    /// Two dates, each with its precision.
    pub fn date(&mut self, two: Two<'_>, item: &str, expected: Option<&str>, found: Option<&str>) {
        let Two { kind, at } = two;
        if let (Some(moment), Some(day)) = (expected, found)
            && event::is_midnight(moment)
            && moment.get(..10) == Some(day)
        {
            let rule = "a day that GP Connect pads to midnight";
            return self.tally.by_rule(kind, item, rule, at);
        }
        self.tally.same(kind, item, expected, found, at);
    }

    /// Two moments of entry.
    pub fn recorded(&mut self, two: Two<'_>, expected: Option<&str>, found: Option<&str>) {
        let Two { kind, at } = two;
        let instant = |one: Option<&str>| one.and_then(|one| one.parse::<jiff::Timestamp>().ok());
        if expected != found && expected.is_some() && instant(expected) == instant(found) {
            let rule = "the same moment, its fraction of a second spelled otherwise";
            return self.tally.by_rule(kind, "recorded", rule, at);
        }
        self.tally.same(kind, "recorded", expected, found, at);
    }

    /// A status or another code that STU3 and R4 may spell differently.
    pub fn status(
        &mut self,
        two: Two<'_>,
        item: &str,
        expected: Option<&str>,
        found: Option<&str>,
    ) {
        let Two { kind, at } = two;
        let element = format!("{kind}.{item}");
        let by_table = expected.and_then(|code| tables::r4(&element, code));
        if let (Some(from), Some(to)) = (expected, by_table)
            && found == Some(to)
        {
            let rule = format!("{element}: {from} is {to}");
            return self.tally.by_rule(kind, item, &rule, at);
        }
        self.tally.same(kind, item, expected, found, at);
    }

    /// Two coded statements: every coding with its display, the one picked, and the term that is shown.
    pub fn concept(&mut self, two: Two<'_>, expected: Option<&Value>, found: Option<&Value>) {
        let Two { kind, at } = two;
        let nothing = Value::Null;
        let expected = expected.unwrap_or(&nothing);
        let found = found.unwrap_or(&nothing);
        let mut theirs: Vec<&Value> = list(found, "/coding").iter().collect();
        for coding in list(expected, "/coding") {
            let system = text(coding, "/system").unwrap_or_default();
            let code = text(coding, "/code").unwrap_or_default();
            let (system, own, rule) = respelled(system, code);
            let place = theirs.iter().position(|one| {
                text(one, "/system") == Some(system) && text(one, "/code") == Some(own)
            });
            let Some(place) = place else {
                let at = format!("{at}: {system} {code} is not in {found}");
                self.tally.differ(kind, "coding", &at);
                continue;
            };
            let one = theirs.remove(place);
            match rule {
                Some(rule) => self.tally.by_rule(kind, "coding", rule, at),
                None => self.tally.agree(kind, "coding"),
            }
            let display = (text(coding, "/display"), text(one, "/display"));
            self.tally.same(kind, "display", display.0, display.1, at);
            if coding.pointer("/userSelected") == Some(&Value::Bool(true)) {
                let picked = one.pointer("/userSelected").map(Value::to_string);
                self.tally
                    .same(kind, "picked", Some("true"), picked.as_deref(), at);
            }
        }
        for one in theirs {
            let system = text(one, "/system").unwrap_or_default();
            let code = text(one, "/code").unwrap_or_default();
            if system == "http://loinc.org" || VITAL_SIGNS.contains(&code) {
                self.tally
                    .left_out("a code that the vital signs profiles add", at);
            } else {
                let at = format!("{at}: {system} {code} was not there");
                self.tally.differ(kind, "coding", &at);
            }
        }
        let term = (stu3::term(expected), text(found, "/text"));
        if kind == "Observation.component" && term.0 != term.1 && term.1.is_some() {
            let rule = "a half of a blood pressure has the words that UK Core fixes";
            return self.tally.by_rule(kind, "term", rule, at);
        }
        self.tally.same(kind, "term", term.0, term.1, at);
    }

    /// What every entry has: code, date, moment of entry, who, consultation.
    pub fn common(&mut self, two: Two<'_>, original: &Value, made: &Value) {
        let Two { kind, at } = two;
        self.concept(two, event::concept(self.stu3, original), r4::concept(made));
        let date = made
            .get("occurrenceString")
            .map_or_else(|| r4::date(made), |_| None);
        self.date(two, "date", event::date(original), date);
        self.recorded(two, event::recorded(original), r4::recorded(made));
        let who = event::clinician(original).map(|id| self.name(id));
        let found = r4::clinician(made);
        self.tally
            .same(kind, "clinician", who.as_deref(), found, at);
        self.encounter(two, original, made);
    }

    /// The consultation that an entry belongs to.
    pub fn encounter(&mut self, two: Two<'_>, original: &Value, made: &Value) {
        let Two { kind, at } = two;
        let expected = event::encounter(original).map(stu3::id_of);
        let found = made.get("encounter").or_else(|| made.get("context"));
        let found = found.map(|one| self.r4.behind(one)).unwrap_or_default();
        let expected = expected.map(str::to_lowercase);
        self.tally.same(
            kind,
            "consultation",
            expected.as_deref(),
            found.first().map(String::as_str),
            at,
        );
    }

    /// The name of a person, as one string.
    pub fn name(&self, practitioner: &str) -> String {
        let found = self.stu3.find(&format!("Practitioner/{practitioner}"));
        let name = found.map(|one| list(one, "/name")).unwrap_or_default();
        let Some(name) = name.first() else {
            return practitioner.to_owned();
        };
        let all = list(name, "/prefix")
            .iter()
            .chain(list(name, "/given"))
            .filter_map(Value::as_str);
        all.chain(text(name, "/family"))
            .collect::<Vec<&str>>()
            .join(" ")
    }

    /// Value with comparator and unit, or words.
    pub fn value(&mut self, two: Two<'_>, original: &Value, made: &Value) {
        let Two { kind, at } = two;
        let number = |one: &Value| stu3::number(one, "/valueQuantity/value");
        let (expected, found) = (number(original), number(made));
        self.tally
            .same(kind, "value", expected.as_deref(), found.as_deref(), at);
        for (item, pointer) in [
            ("comparator", "/valueQuantity/comparator"),
            ("value in words", "/valueString"),
        ] {
            let (expected, found) = (text(original, pointer), text(made, pointer));
            self.tally.same(kind, item, expected, found, at);
        }
        let unit = |one| text(one, "/valueQuantity/unit");
        let (expected, found) = (unit(original), unit(made));
        if found == Some("millimeter of mercury") && matches!(expected, Some("mm[Hg]" | "mmHg")) {
            let rule = "the unit's words that the blood pressure profile fixes";
            self.tally.by_rule(kind, "unit", rule, at);
        } else {
            self.tally.same(kind, "unit", expected, found, at);
        }
    }

    /// The problems that a resource is linked to, as native ids in order.
    pub fn problems(&self, made: &Value) -> Vec<String> {
        let mut all: Vec<String> = r4::problems(made)
            .into_iter()
            .flat_map(|one| self.r4.behind(one))
            .collect();
        all.sort();
        all.dedup();
        all
    }

    /// A practitioner's name behind an extension-free reference of the original.
    pub fn extension_code<'v>(&self, original: &'v Value, name: &str) -> Option<&'v str> {
        let one = extension(original, name)?;
        text(one, "/valueCode").or_else(|| text(one, "/valueCodeableConcept/coding/0/code"))
    }
}

/// SNOMED CT codes of the vital signs profiles that stand beside the source's own.
const VITAL_SIGNS: [&str; 3] = ["75367002", "72313002", "1091811000000102"];

/// A coding as the gateway spells it, and the rule where that is not how EMIS spells it in GP Connect.
fn respelled<'a>(system: &'a str, code: &'a str) -> (&'a str, &'a str, Option<&'static str>) {
    if system == "http://read.info/readv2" && code.len() == 7 {
        let rule = "a Read v2 code without the number of its synonym, whose term is kept";
        return (system, code.get(..5).unwrap_or(code), Some(rule));
    }
    if system == "http://snomed.info/sct"
        && code
            .get(code.len().saturating_sub(10)..)
            .is_some_and(|end| end.starts_with("1000006"))
    {
        let rule = "an id in EMIS's namespace, which is not SNOMED CT's UK edition";
        return ("urn:oid:2.16.840.1.113883.2.1.6.3", code, Some(rule));
    }
    (system, code, None)
}
