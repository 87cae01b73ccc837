//! Free text never leaves (R032), through the running gateway: a source answers with a mark in every element and attribute
//! that is not of those whose text may leave (`tests/golden/what-leaves.txt`). The mark is in no answer, no log line, no row
//! of the trail and no metric; nor where the message cannot be read or is another patient's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use openmig::record::{GpRecord, NhsNumber, OdsCode, SourceFamily};
use openmig::sandbox::run::id_key;
use reqwest::Method;

use super::crawl::crawl;
use super::free_text::{FILE, MARK, messages, place, read, typed, walk};
use super::support::{Ask, TestGateway, logs, timing, wait};

/// Whom the messages are about, each with the practice that has the record.
const PEOPLE: [(&str, &str); 2] = [("9990000018", "Z99001"), ("9990000387", "Z99002")];

/// The people of the fixtures under the names and dates of birth that the trace service has for their numbers.
const TRACED: [(&str, &str); 4] = [
    (">EXAMPLE<", ">Tebbutt<"),
    (">Ada Mary<", ">Margaret Rose<"),
    ("1952-03-04", "1957-03-14"),
    ("04/03/1952", "14/03/1957"),
];

/// What the source says next; `ID` stands for the id of the question.
type Says = Arc<Mutex<String>>;

/// Answers every question with what it is told to say.
fn source(says: &Says) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let says = Arc::clone(says);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut heard = Vec::new();
            let mut piece = [0_u8; 16 * 1024];
            let id = loop {
                let Ok(count @ 1..) = stream.read(&mut piece) else {
                    break None;
                };
                heard.extend_from_slice(&piece[..count]);
                if let Some(id) = id_of(&String::from_utf8_lossy(&heard)) {
                    break Some(id);
                }
            };
            let says = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let body = says.replace("ID-OF-THE-QUESTION", &id.unwrap_or_default());
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _gone = stream.write_all(head.as_bytes());
            let _gone = stream.write_all(body.as_bytes());
        }
    });
    format!("http://{address}/")
}

/// The id of a question that has come to its end.
fn id_of(question: &str) -> Option<String> {
    let whole = ["</ClientIntegrationRequest>", "Envelope>\n", ":Envelope>"];
    if !whole.iter().any(|end| question.contains(end)) {
        return None;
    }
    let ends = [("<RequestUID>", "</"), ("uuid:", "<")];
    ends.iter().find_map(|(from, to)| {
        let (_, behind) = question.split_once(from)?;
        Some(behind.split_once(to)?.0.to_owned())
    })
}

/// The message as an answer to a question.
fn answer(format: &str, message: &str) -> String {
    let body = message.split_once("?>").map_or(message, |(_, body)| body);
    match format {
        "SystmOne" => body.replacen(
            "<ClientIntegrationResponse>",
            "<ClientIntegrationResponse><RequestUID>ID-OF-THE-QUESTION</RequestUID>",
            1,
        ),
        _ => format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><RelatesTo>uuid:ID-OF-THE-QUESTION\
             </RelatesTo></s:Header><s:Body><OutcomeCode>1</OutcomeCode><ConsentToShare>implied</ConsentToShare>{body}</s:Body></s:Envelope>"
        ),
    }
}

/// Who it is and whether it may be shown: a mark that changes this hides the record, and shows nothing.
fn same_person(a: &GpRecord, b: &GpRecord) -> bool {
    let who = |it: &GpRecord| {
        let patient = &it.patient;
        let names = (patient.surname.clone(), patient.forenames.clone());
        (
            names,
            patient.nhs_number.clone(),
            patient.birth_date.clone(),
        )
    };
    who(a) == who(b) && a.standing == b.standing
}

// R032, S2 5.3.1: FHIR, errors, logs, audit rows and metrics
#[test]
fn nothing_that_was_typed_is_in_an_answer_a_log_a_row_or_a_metric() {
    let gateway = TestGateway::start("free-text", timing());
    let says: Says = Arc::default();
    let endpoint = source(&says);
    let may_leave: BTreeSet<String> = std::fs::read_to_string(FILE)
        .unwrap()
        .lines()
        .map(|line| line.trim_end_matches(" (in a loss)").to_owned())
        .collect();
    let serve = |format: &str, text: String| {
        *says.lock().unwrap() = text;
        let mut register = (*gateway.sandbox.register.current()).clone();
        for (number, practice) in PEOPLE {
            let practice = OdsCode(practice.to_owned());
            let source = register.organisations.get_mut(&practice).unwrap();
            let source = source.source.as_mut().unwrap();
            source.endpoint.clone_from(&endpoint);
            source.family = match format {
                "SystmOne" => SourceFamily::SystmOne,
                _ => SourceFamily::Emis,
            };
            // What was held of the message before must not answer for this one.
            let patient = id_key().patient(&NhsNumber::parse(number).unwrap());
            wait(gateway.sandbox.gateway.look_up.forget(&patient, &practice));
        }
        gateway.sandbox.register.replace(register);
    };
    // A story of the sandbox has few kinds of free text, the other message of its format all of them.
    let mut tried: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (format, message) in messages() {
        let message = TRACED
            .iter()
            .fold(message, |message, (from, to)| message.replace(from, to));
        let Ok(plain) = read(format, &message) else {
            panic!("{format}");
        };
        let mut places = BTreeSet::new();
        walk(&message, &mut |path, _| {
            places.insert(path.to_owned());
            None
        });
        // Where a mark would make another record of it (an id, a date of birth), it is tried alone in `free_text`.
        places.retain(|path| {
            let marked = walk(&message, &mut |at, _| (at == path).then(|| MARK.to_owned()));
            // The term of a code may leave; of an investigation with one result it does only where a mark elsewhere parts the two.
            !path.ends_with("/DisplayTerm")
                && !may_leave.contains(&place(format, path))
                && read(format, &marked).is_ok_and(|it| same_person(&it, &plain))
        });
        let marked = walk(&message, &mut |path, _| {
            places.contains(path).then(|| MARK.to_owned())
        });
        assert!(places.len() > 20 && typed(format, &places) > 0, "{format}");
        tried
            .entry(format)
            .or_default()
            .extend(places.iter().cloned());
        let whole = read(format, &marked).unwrap();
        assert!(same_person(&whole, &plain), "{format}");

        serve(format, answer(format, &marked));
        let number = plain.patient.nhs_number.as_deref().unwrap();
        let token = gateway.token(&Ask::consent(number));
        let crawled = crawl(&gateway, &token, true);
        assert!(crawled.resources.len() > 5, "{format}");
        for (path, answer) in crawled.answers {
            assert!(
                !answer.text().to_lowercase().contains(MARK),
                "{format} {path}"
            );
            assert!(
                !format!("{:?}", answer.headers).contains(MARK),
                "{format} {path}"
            );
        }

        // The same, cut short in the middle and ended wrongly.
        let middle = (0..=marked.len() / 2)
            .rev()
            .find_map(|at| marked.get(..at))
            .unwrap_or_default();
        serve(format, answer(format, middle));
        let reply = gateway.ask(&Ask::consent(number));
        assert!(reply.status >= 400, "{format}: {}", reply.status);
        assert!(!reply.text().to_lowercase().contains(MARK), "{format}");
    }
    assert_eq!(tried.len(), 3);
    for (format, places) in &tried {
        assert!(typed(format, places) > 8, "{format}");
    }

    assert!(!logs().to_lowercase().contains(MARK), "a log line");
    let metrics = gateway.send(Method::GET, "/metrics", &[], "");
    assert!(!metrics.text().to_lowercase().contains(MARK), "a metric");
    let file = gateway.file();
    let mut rows = 0;
    for path in [file.clone(), file.with_extension("sqlite-wal")] {
        let bytes = std::fs::read(path).unwrap_or_default().to_ascii_lowercase();
        rows += bytes.len();
        let found = bytes.windows(MARK.len()).any(|it| it == MARK.as_bytes());
        assert!(!found, "a row of the trail, a loss report or another table");
    }
    assert!(rows > 0);
}
