//! Writes a person's contacts and facts in the order in which they happened.

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Weekday};

use super::codes::concept;
use super::random::Random;
use crate::sandbox::story::{Class, Concept, Contact, Fact, Kind, Method, Problem, When};

/// Stands in every free text of every story, so that tests can prove that none leaves (R032).
pub const MARKER: &str = "ZZFREETEXT";

/// A story being written.
pub struct Diary {
    /// Day of birth: nothing is earlier.
    pub born: Date,
    /// The day that the story is anchored to: nothing is later.
    pub today: Date,
    /// For what a story leaves to chance.
    pub random: Random,
    contacts: Vec<Contact>,
    facts: Vec<Fact>,
    /// Contact that new facts belong to.
    open: Option<(u32, DateTime, usize)>,
}

/// A course to prescribe.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Key of the medicine.
    pub drug: &'a str,
    /// Dosage words.
    pub dosage: &'a str,
    /// Amount per issue.
    pub quantity: u32,
    /// Unit of the amount.
    pub unit: &'static str,
    /// Days per issue.
    pub days: u32,
    /// Key of the problem that it is for.
    pub problem: Option<u32>,
}

/// One result of a report: key, value, unit, reference range.
pub type Line<'a> = (&'a str, &'a str, &'static str, Option<(&'a str, &'a str)>);

impl Diary {
    /// An empty story.
    #[must_use]
    pub fn new(born: Date, today: Date, random: Random) -> Self {
        Self {
            born,
            today,
            random,
            contacts: Vec::new(),
            facts: Vec::new(),
            open: None,
        }
    }

    /// The day that lies `days` before today, or the Friday before where that is a weekend; never before birth or after
    /// yesterday.
    #[must_use]
    pub fn ago(&self, days: i64) -> Date {
        let day = self.today.saturating_sub(days.max(1).days());
        self.within(weekday(day))
    }

    /// The day that lies `days` after birth, or the Friday before.
    #[must_use]
    pub fn aged(&self, days: i64) -> Date {
        self.within(weekday(self.born.saturating_add(days.days())))
    }

    /// Whole years of age on this day.
    #[must_use]
    pub fn age_on(&self, day: Date) -> i16 {
        let had_birthday = (day.month(), day.day()) >= (self.born.month(), self.born.day());
        day.year() - self.born.year() - i16::from(!had_birthday)
    }

    /// Whole years of age today.
    #[must_use]
    pub fn age(&self) -> i16 {
        self.age_on(self.today)
    }

    /// The day that lies `days` after another, or the Friday before; never after yesterday.
    #[must_use]
    pub fn within_story(&self, day: Date, days: i64) -> Date {
        self.within(weekday(day.saturating_add(days.days())))
            .max(day)
    }

    fn within(&self, day: Date) -> Date {
        let yesterday = self.today.saturating_sub(1.day());
        day.min(yesterday).max(self.born)
    }

    /// Opens a contact: the facts that follow belong to it. Returns its key.
    pub fn visit(&mut self, day: Date, staff: usize, method: Method, narrative: &str) -> u32 {
        let key = u32::try_from(self.contacts.len()).unwrap_or(u32::MAX) + 1;
        let minutes = 8 * 60 + 30 + 5 * self.random.between(0, 107);
        let at = self
            .within(day)
            .at(0, 0, 0, 0)
            .saturating_add(minutes.minutes());
        self.contacts.push(Contact {
            key,
            at,
            staff,
            method,
            narrative: (!narrative.is_empty()).then(|| format!("{narrative} {MARKER}")),
            private: false,
        });
        self.open = Some((key, at, staff));
        key
    }

    /// A contact in the surgery.
    pub fn seen(&mut self, day: Date, staff: usize, narrative: &str) -> u32 {
        self.visit(day, staff, Method::FaceToFace, narrative)
    }

    /// Closes the contact: the facts that follow belong to none.
    pub fn leave(&mut self) {
        self.open = None;
    }

    /// Marks the open contact as private as a whole.
    pub fn private_contact(&mut self) {
        if let Some((key, _, _)) = self.open
            && let Some(contact) = self.contacts.iter_mut().find(|contact| contact.key == key)
        {
            contact.private = true;
        }
    }

    /// Writes a fact of this concept on this day; returns its key.
    pub fn put(&mut self, day: Date, concept: Concept, kind: Kind) -> u32 {
        let day = self.within(day);
        let key = u32::try_from(self.facts.len()).unwrap_or(u32::MAX) + 1;
        let (contact, entered, staff) = match self.open {
            // Entered in the contact, whenever it was true.
            Some((contact, at, staff)) if at.date() >= day => (Some(contact), at, staff),
            _ => (
                None,
                day.at(0, 0, 0, 0)
                    .saturating_add((12 * 60 + i64::from(key % 300)).minutes()),
                usize::try_from(key % 4).unwrap_or(0),
            ),
        };
        self.facts.push(Fact {
            key,
            contact,
            when: When::Day(day),
            entered,
            staff,
            concept,
            text: None,
            private: false,
            problem: None,
            ended: false,
            for_problems: Vec::new(),
            within: None,
            kind,
        });
        key
    }

    /// Writes a fact of the concept with this key of the table; returns its key.
    pub fn note(&mut self, day: Date, code: &str, kind: Kind) -> u32 {
        self.put(day, concept(code), kind)
    }

    /// A finding, disorder, symptom or life-style entry.
    pub fn finding(&mut self, day: Date, code: &str) -> u32 {
        self.note(day, code, Kind::Finding)
    }

    /// An operation or procedure.
    pub fn procedure(&mut self, day: Date, code: &str) -> u32 {
        self.note(day, code, Kind::Procedure)
    }

    /// A problem, active unless it ended.
    pub fn problem(&mut self, day: Date, code: &str, major: bool, ended: Option<Date>) -> u32 {
        let key = self.finding(day, code);
        let ended = ended.map(|day| When::Day(self.within(day)));
        self.edit(key, |fact| {
            fact.problem = Some(Problem {
                active: ended.is_none(),
                major,
                ended,
            });
        });
        key
    }

    /// Changes a fact that is already written.
    pub fn edit(&mut self, key: u32, change: impl FnOnce(&mut Fact)) -> u32 {
        let place = usize::try_from(key).unwrap_or(0).wrapping_sub(1);
        if let Some(fact) = self.facts.get_mut(place) {
            change(fact);
        }
        key
    }

    /// Attaches free text to a fact.
    pub fn text(&mut self, key: u32, words: &str) -> u32 {
        self.edit(key, |fact| fact.text = Some(format!("{words} {MARKER}")))
    }

    /// Links a fact to a problem.
    pub fn link(&mut self, key: u32, problem: u32) -> u32 {
        self.edit(key, |fact| fact.for_problems.push(problem))
    }

    /// Marks a fact as private.
    pub fn hide(&mut self, key: u32) {
        self.edit(key, |fact| fact.private = true);
    }

    /// Marks every issue of a private course as private.
    pub fn hide_issues(&mut self) {
        let hidden: Vec<u32> = self
            .facts
            .iter()
            .filter(|fact| fact.private && matches!(fact.kind, Kind::Course { .. }))
            .map(|fact| fact.key)
            .collect();
        for fact in &mut self.facts {
            if matches!(fact.kind, Kind::Issue { course } if hidden.contains(&course)) {
                fact.private = true;
            }
        }
    }

    /// A measurement or single result.
    pub fn measure(&mut self, day: Date, code: &str, value: &str, unit: &'static str) -> u32 {
        self.note(
            day,
            code,
            Kind::Measurement {
                comparator: None,
                value: value.to_owned(),
                unit,
                range: None,
                together: None,
            },
        )
    }

    /// A blood pressure: two measurements taken together. Returns the key of the systolic one.
    pub fn blood_pressure(&mut self, day: Date, systolic: i64, diastolic: i64) -> u32 {
        let pair = self.measure(day, "systolic", &systolic.to_string(), "mm Hg");
        let second = self.measure(day, "diastolic", &diastolic.to_string(), "mm Hg");
        for key in [pair, second] {
            self.edit(key, |fact| {
                if let Kind::Measurement { together, .. } = &mut fact.kind {
                    *together = Some(pair);
                }
            });
        }
        pair
    }

    /// A report with its results; returns the key of the report. The results' keys follow it.
    pub fn report(
        &mut self,
        day: Date,
        code: &str,
        class: Class,
        specimen: Option<&'static str>,
        lines: &[Line<'_>],
    ) -> u32 {
        let report = self.note(day, code, Kind::Report { class, specimen });
        self.lines(day, report, lines);
        report
    }

    /// A report whose results stand in a battery; returns the key of the report.
    pub fn battery(
        &mut self,
        day: Date,
        (report, battery): (&str, &str),
        class: Class,
        specimen: Option<&'static str>,
        lines: &[Line<'_>],
    ) -> u32 {
        let report = self.note(day, report, Kind::Report { class, specimen });
        let battery = self.note(day, battery, Kind::Battery);
        self.edit(battery, |fact| fact.within = Some(report));
        self.lines(day, battery, lines);
        report
    }

    fn lines(&mut self, day: Date, within: u32, lines: &[Line<'_>]) {
        for (code, value, unit, range) in lines {
            let (comparator, value) = ["<=", ">=", "<", ">"]
                .into_iter()
                .find_map(|sign| value.strip_prefix(sign).map(|rest| (Some(sign), rest)))
                .unwrap_or((None, value));
            let key = self.note(
                day,
                code,
                Kind::Measurement {
                    comparator,
                    value: value.to_owned(),
                    unit,
                    range: range.map(|(low, high)| (low.to_owned(), high.to_owned())),
                    together: None,
                },
            );
            self.edit(key, |fact| fact.within = Some(within));
        }
    }

    /// A result in words within a report.
    pub fn worded(&mut self, day: Date, report: u32, code: &str, words: &str) -> u32 {
        let key = self.note(day, code, Kind::TextResult(words.to_owned()));
        self.edit(key, |fact| fact.within = Some(report))
    }

    /// An acute course with its one issue; returns the key of the course.
    pub fn acute(&mut self, day: Date, course: Course<'_>) -> u32 {
        let day = self.within(day);
        let end = day.saturating_add(i64::from(course.days).days());
        let key = self.course(day, course, false, Some(end), false);
        self.issue(day, key, course);
        key
    }

    /// A repeat course from this day, still current unless it ended, with its latest issues; returns its key.
    pub fn repeat(&mut self, day: Date, course: Course<'_>, end: Option<(Date, bool)>) -> u32 {
        let day = self.within(day);
        let until = end.map(|(end, _)| self.within(end));
        let stopped = end.is_some_and(|(_, stopped)| stopped);
        let key = self.course(day, course, true, until, stopped);
        let last = until.unwrap_or_else(|| self.within(self.today));
        let step = i32::try_from(course.days.max(1)).unwrap_or(28);
        let issues = (last - day).get_days() / step;
        for n in (issues - 5).max(0)..=issues {
            self.issue(day.saturating_add(i64::from(n * step).days()), key, course);
        }
        key
    }

    fn course(
        &mut self,
        day: Date,
        course: Course<'_>,
        repeat: bool,
        end: Option<Date>,
        stopped: bool,
    ) -> u32 {
        let current = end.is_none_or(|end| end >= self.today);
        let review = self
            .today
            .saturating_add(self.random.between(30, 300).days());
        let key = self.note(
            day,
            course.drug,
            Kind::Course {
                repeat,
                dosage: course.dosage.to_owned(),
                quantity: course.quantity,
                unit: course.unit,
                days: course.days,
                current,
                end,
                stopped,
                max_issues: repeat.then_some(12),
                review: (repeat && current).then_some(review),
            },
        );
        if let Some(problem) = course.problem {
            self.link(key, problem);
        }
        key
    }

    fn issue(&mut self, day: Date, course: u32, what: Course<'_>) {
        self.note(day, what.drug, Kind::Issue { course });
    }

    /// An immunisation.
    pub fn vaccine(&mut self, day: Date, code: &str, part: Option<&'static str>) -> u32 {
        let batch = format!(
            "{}{:04}",
            self.random.word(&["AB", "FX", "KR", "PW", "VN"]),
            self.random.between(1, 9999)
        );
        self.note(
            day,
            code,
            Kind::Immunisation {
                part,
                batch: Some(batch),
            },
        )
    }

    /// A referral.
    pub fn referral(
        &mut self,
        day: Date,
        code: &str,
        speciality: &'static str,
        admission: bool,
        urgency: char,
    ) -> u32 {
        self.note(
            day,
            code,
            Kind::Referral {
                speciality,
                admission,
                urgency,
            },
        )
    }

    /// An allergy or adverse reaction; the drug where the source names it apart.
    pub fn allergy(&mut self, day: Date, code: &str, drug: bool, substance: Option<&str>) -> u32 {
        self.note(
            day,
            code,
            Kind::Allergy {
                drug,
                substance: substance.map(concept),
            },
        )
    }

    /// Is this concept already told?
    #[must_use]
    pub fn knows(&self, code: &str) -> bool {
        let concept = concept(code);
        self.facts.iter().any(|fact| fact.concept == concept)
    }

    /// Is there a repeat medicine?
    #[must_use]
    pub fn has_repeat(&self) -> bool {
        let repeat = |fact: &Fact| matches!(fact.kind, Kind::Course { repeat: true, .. });
        self.facts.iter().any(repeat)
    }

    /// How many facts are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Attaches free text to every second fact that has none yet.
    pub fn annotate(&mut self) {
        for fact in &mut self.facts {
            if fact.text.is_none() && fact.key % 2 == 0 {
                fact.text = Some(format!("As discussed, {MARKER} number {}.", fact.key));
            }
        }
    }

    /// The story: contacts and facts, oldest first.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Contact>, Vec<Fact>) {
        self.contacts.sort_by_key(|contact| contact.at);
        self.facts
            .sort_by_cached_key(|fact| (earliest(fact), fact.key));
        (self.contacts, self.facts)
    }
}

/// This day, or the Friday before where surgeries are closed.
#[must_use]
pub fn weekday(day: Date) -> Date {
    let past_friday = match day.weekday() {
        Weekday::Saturday => 1,
        Weekday::Sunday => 2,
        _ => 0,
    };
    day.saturating_sub(past_friday.days())
}

/// The first day that a fact can have been true.
#[must_use]
pub fn earliest(fact: &Fact) -> Date {
    let day = |year, month| Date::new(year, month, 1).ok();
    match fact.when {
        When::At(at) => Some(at.date()),
        When::Day(day) => Some(day),
        When::Month(year, month) => day(year, month),
        When::Year(year) => day(year, 1),
        When::Unknown => None,
    }
    .unwrap_or_else(|| fact.entered.date())
}
