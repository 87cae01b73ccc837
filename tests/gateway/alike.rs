//! Two worlds that differ only in what must not be known: whatever a caller asks, in whatever order, both say the same.

use std::collections::BTreeMap;

use openmig::fhir::PatientId;
use openmig::record::OdsCode;
use openmig::sandbox::mock::Population as _;
use openmig::sandbox::population::{MARKER, appendix_a};
use openmig::sandbox::story::{Behaviour, Fact, Kind, Person, Registration, Sharing};
use reqwest::Method;

use super::support::{Answer, Ask, FORM, TestGateway, Token, encode, stories, wait};

/// A small generator: the same questions in the same order in both worlds.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.roll(words.len())]
    }
}

/// A question: method, path, headers, body.
type Question = (Method, String, Vec<(&'static str, String)>, String);

/// Questions that a curious or clumsy client may ask: of everything there is, of ids that were there once, and wrong ones.
fn questions(seed: u64, patient: &str, ids: &[String], gone: &[String]) -> Vec<Question> {
    let mut dice = Dice(seed);
    let kinds = openmig::fhir::kind::KINDS;
    let mut out: Vec<Question> = Vec::new();
    for _ in 0..70 {
        let kind = kinds[dice.roll(kinds.len())].name();
        let get = |path: String| (Method::GET, path, Vec::new(), String::new());
        out.push(match dice.roll(9) {
            0 => get(ids[dice.roll(ids.len())].clone()),
            1 => get(gone[dice.roll(gone.len())].clone()),
            2 => get(format!("{kind}/{patient}-nothing-of-the-kind")),
            3 => {
                let id = &ids[dice.roll(ids.len())];
                let mut ask = get(id.clone());
                ask.2.push((
                    "if-none-match",
                    dice.of(&["*", "W/\"0\"", "\"\""]).to_owned(),
                ));
                ask
            }
            4 => {
                let bare = gone[dice.roll(gone.len())]
                    .split_once('/')
                    .unwrap()
                    .1
                    .to_owned();
                get(format!("{kind}?patient={patient}&_id={bare}"))
            }
            5 => {
                let form = encode(&[
                    ("patient", patient),
                    ("_count", dice.of(&["1", "7", "1000"])),
                    ("_sort", dice.of(&["-date", "date", "nothing"])),
                ]);
                let headers = vec![("content-type", FORM.to_owned())];
                (Method::POST, format!("{kind}/_search"), headers, form)
            }
            6 => {
                let more = dice.of(&[
                    "&_tag=problems",
                    "&_tag=events",
                    "&category=laboratory",
                    "&code=43C3.",
                    "&code=A788.",
                    "&date=ge2015",
                    "&_summary=count",
                    "&code:in=x",
                    "&_page=AAAA",
                    "&encounter=Encounter/x",
                ]);
                get(format!("{kind}?patient={patient}{more}"))
            }
            7 => get(format!(
                "{kind}?patient={patient}&_include={kind}:{}",
                dice.of(&["encounter", "subject", "result", "performer", "item"])
            )),
            _ => get(format!(
                "{kind}?patient={patient}&_count={}",
                dice.of(&["0", "3", "50"])
            )),
        });
    }
    out
}

/// All of an answer but what belongs to the moment: request id, `Date`, and when the record was retrieved.
fn said(path: &str, answer: &Answer) -> (u16, BTreeMap<String, String>, String) {
    let mut own = vec!["x-request-id", "date", "last-modified"];
    // A List says when it was retrieved, and its tag is that of what it says.
    if path.starts_with("List/") {
        own.push("etag");
    }
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    (
        answer.status,
        headers,
        super::exclusions::without_moments(answer.text()),
    )
}

fn forget(gateway: &TestGateway, token: &Token) {
    let patient = PatientId::owner_of(&token.patient).unwrap();
    for practice in ["Z99001", "Z99002", "Z99005", "Z99006"] {
        let practice = OdsCode(practice.to_owned());
        wait(gateway.sandbox.gateway.look_up.forget(&patient, &practice));
    }
}

/// `Kind/id` of all that this person's record shows.
fn shown(gateway: &TestGateway, number: &str) -> (Token, Vec<String>) {
    let token = gateway.token(&Ask::consent(number));
    forget(gateway, &token);
    let crawl = super::crawl::crawl(gateway, &token, false);
    (token, crawl.resources.keys().cloned().collect())
}

type Said = Vec<(String, (u16, BTreeMap<String, String>, String))>;

fn ask_all(gateway: &TestGateway, number: &str, questions: &[Question]) -> Said {
    let token = gateway.token(&Ask::consent(number));
    forget(gateway, &token);
    let bearer = format!("Bearer {}", token.access);
    questions
        .iter()
        .map(|(method, path, headers, body)| {
            let mut all = vec![("authorization", bearer.as_str())];
            all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = gateway.send(method.clone(), path, &all, body);
            (format!("{method} {path} {body}"), said(path, &answer))
        })
        .collect()
}

/// Tells a story in three ways: as it is, with some of its entries turned into ones that are withheld, and without those.
/// The first tells which ids there are; the other two must be the same to whoever asks.
fn withheld_is_as_never_there(
    number: &str,
    seed: u64,
    turns: impl Fn(&Fact) -> bool,
    turn: impl Fn(&mut Fact),
) {
    let gateway = stories();
    let people = &gateway.sandbox.people;
    let before = people.by_nhs_number(number).unwrap();
    let keys: Vec<u32> = before
        .facts
        .iter()
        .filter(|it| turns(it))
        .map(|it| it.key)
        .collect();
    // Only what stands for itself: nothing hangs on it that would go with it or move.
    let hangs = |key: &u32| {
        before.facts.iter().any(|it| {
            it.within == Some(*key) || matches!(it.kind, Kind::Issue { course } if course == *key)
        })
    };
    let keys: Vec<u32> = keys.into_iter().filter(|key| !hangs(key)).collect();
    assert!(keys.len() > 3, "{number}: too little to withhold");
    let (_, there) = shown(&gateway, number);
    people.change(number, |person| {
        person.facts.retain(|fact| !keys.contains(&fact.key));
    });
    let (token, left) = shown(&gateway, number);
    let gone: Vec<String> = there
        .iter()
        .filter(|id| !left.contains(id))
        .cloned()
        .collect();
    assert!(!gone.is_empty());
    let mut said = Vec::new();
    for seed in [seed, seed + 1] {
        let questions = questions(seed, &token.patient, &left, &gone);
        let without = ask_all(&gateway, number, &questions);
        people.change(number, |person| {
            person.facts.clone_from(&before.facts);
            for fact in person
                .facts
                .iter_mut()
                .filter(|fact| keys.contains(&fact.key))
            {
                turn(fact);
            }
        });
        let with = ask_all(&gateway, number, &questions);
        people.change(number, |person| {
            person.facts.retain(|fact| !keys.contains(&fact.key));
        });
        said.push((with, without));
    }
    people.change(number, |person| person.facts.clone_from(&before.facts));
    forget(&gateway, &token);
    for (with, without) in said {
        assert_eq!(with.len(), without.len());
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with, without, "{number}");
        }
        assert!(with.iter().any(|(_, (status, ..))| *status == 404));
        assert!(!with.iter().any(|(_, (.., body))| body.contains(MARKER)));
    }
}

// R040, R047, R050: a listed code in place of a harmless one, against no entry at all
#[test]
fn excluded_codes_are_as_never_there() {
    let listed = appendix_a()
        .into_iter()
        .find(|row| row.read_v2.is_some() && row.snomed.is_some())
        .unwrap();
    withheld_is_as_never_there(
        "9990000018",
        7,
        |fact| matches!(fact.kind, Kind::Finding | Kind::Procedure),
        |fact| fact.concept = listed.clone(),
    );
}

// R042, R043: confidential at the source, against no entry at all
#[test]
fn confidential_entries_are_as_never_there() {
    withheld_is_as_never_there(
        "9990000018",
        11,
        |fact| matches!(fact.kind, Kind::Finding | Kind::Procedure),
        |fact| fact.private = true,
    );
}

/// A story, and what makes the patient of it one who cannot be seen.
type World = (&'static str, fn(&mut Person));

// R005, R008, R062: opted out, restricted, sensitive, dead, or only a guest there: to a caller it is all one
#[test]
fn whoever_cannot_be_seen_cannot_be_told_apart() {
    let gateway = stories();
    let people = &gateway.sandbox.people;
    let number = "9990000018";
    let before = people.by_nhs_number(number).unwrap();
    let worlds: [World; 5] = [
        ("opted out", |it| it.sharing = Sharing::Dissent),
        ("cannot say", |it| it.sharing = Sharing::NotRecorded),
        ("restricted", |it| it.behaviour = Behaviour::Restricted),
        ("sensitive", |it| it.trace.sensitive = true),
        ("guest", |it| it.registration = Registration::Temporary),
    ];
    let asks = |seed| {
        let mut dice = Dice(seed);
        let mut out = Vec::new();
        for _ in 0..6 {
            let ask = match dice.roll(4) {
                0 => Ask::emergency(number),
                1 => Ask::consent(number).tabs(&["medication"]),
                2 => Ask::consent(number).scope("system/Condition.rs"),
                _ => Ask::consent(number),
            };
            out.push(ask);
        }
        out
    };
    let token = gateway.token(&Ask::consent(number));
    let mut said_of = Vec::new();
    for (name, change) in worlds {
        people.change(number, |person| {
            *person = (*before).clone();
            change(person);
        });
        forget(&gateway, &token);
        let answers: Vec<_> = asks(3)
            .iter()
            .map(|ask| said("token", &gateway.ask(ask)))
            .collect();
        said_of.push((name, answers));
    }
    people.change(number, |person| *person = (*before).clone());
    forget(&gateway, &token);
    let (first, expected) = &said_of[0];
    assert!(expected.iter().all(|(status, ..)| *status == 400));
    for (name, answers) in &said_of {
        assert_eq!(answers, expected, "{name} and {first}");
    }
}
