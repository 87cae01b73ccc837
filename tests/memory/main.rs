//! Bad input costs little memory: what hostile answers make the gateway hold, counted by the allocator (design.md 11).
//!
//! A binary of its own, because it counts every byte that is allocated: nothing else may run beside it.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use openmig::clock::SystemClock;
use openmig::fhir::IdKey;
use openmig::labelling::{ExclusionList, PracticeRules};
use openmig::mapping::{Mapping, MappingContext, Tables};
use openmig::record::{GpRecord, NhsNumber, OdsCode};
use openmig::release::{Held, HeldAsk, release};
use openmig::sandbox::mock::write::{Xml, openhr, systmone as systmone_writer};
use openmig::sandbox::population;
use openmig::source::emis::{self, EmisAdapter};
use openmig::source::http::SourceHttp;
use openmig::source::systmone::{self, SystmOneAdapter};
use openmig::source::{RecordAsk, SourceAdapter, SourceError, SourceLimits};
use openmig::tabs::TabWording;
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// At most so much above idle, whatever a source answers: while the answer is read, the answer included, and while what it
/// became is mapped, labelled, encoded and laid out to be held.
const MOST: usize = 64_000_000;
/// The cap of an answer.
const CAP: usize = 32 * 1024 * 1024;

/// Bytes above idle that `work` reaches at its worst.
fn above_idle<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let idle = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = work();
    (HEAP.peak_usage().saturating_sub(idle), result)
}

fn practice() -> OdsCode {
    OdsCode("Z99001".to_owned())
}

/// A message: a beginning, as many pieces as `many` bytes hold, an end.
fn filled(begin: &str, piece: impl Fn(usize) -> String, end: &str, many: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(many);
    out.extend_from_slice(begin.as_bytes());
    for n in 0.. {
        let piece = piece(n);
        if out.len() + piece.len() + end.len() > many {
            break;
        }
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(end.as_bytes());
    out
}

/// Small pieces: a few millions of bytes of them are far over every cap, and quickly read.
fn message(begin: &str, piece: impl Fn(usize) -> String, end: &str) -> Vec<u8> {
    filled(begin, piece, end, 4_000_000)
}

/// Large pieces, to the last byte.
fn whole(begin: &str, piece: impl Fn(usize) -> String, end: &str) -> Vec<u8> {
    filled(begin, piece, end, CAP)
}

const OPENHR: &str = "<openHealthRecord><adminDomain><patient><id>p</id><patientIdentifier><identifierType>NHS</identifierType>\
                      <value>9990000018</value></patientIdentifier></patient></adminDomain><healthDomain>";
const OPENHR_END: &str = "</healthDomain></openHealthRecord>";
const OPEN: &str = "<MedicalRecord><Registration><NhsNumber>9990000018</NhsNumber></Registration>";
const TPP: &str = "<ClientIntegrationResponse><Response><Identity><NHSNumber>9990000018</NHSNumber></Identity><Clinical>";
const TPP_END: &str = "</Clinical></Response></ClientIntegrationResponse>";

type Read = fn(&[u8]) -> Result<GpRecord, SourceError>;

fn read_emis(bytes: &[u8]) -> Result<GpRecord, SourceError> {
    emis::read(bytes, &practice())
}

fn read_systmone(bytes: &[u8]) -> Result<GpRecord, SourceError> {
    systmone::read(bytes, &practice())
}

/// What is loaded once: it is idle, not anybody's input.
struct Loaded {
    tables: Tables,
    list: ExclusionList,
    ids: IdKey,
    wording: TabWording,
}

impl Loaded {
    fn new() -> Self {
        let tables = Tables::load().unwrap();
        Self {
            list: ExclusionList::load_embedded().unwrap(),
            ids: IdKey::new([0; 32]),
            wording: TabWording::from_tables(&tables),
            tables,
        }
    }

    /// A record on the way from the adapter to the hold, as a look-up takes it.
    fn held(&self, record: GpRecord) -> Held {
        let number = NhsNumber::parse("9990007047").unwrap();
        let context = MappingContext {
            tables: &self.tables,
            ids: &self.ids,
            patient: self.ids.patient(&number),
            nhs_number: &number,
            today: jiff::civil::date(2026, 3, 17),
            practice_name: "The practice",
        };
        let rules = PracticeRules { apply_list: true };
        let released = release(Mapping::new(record, &context), &self.list, rules).unwrap();
        let ask = HeldAsk {
            retrieved_at: jiff::Timestamp::UNIX_EPOCH,
            wording: &self.wording,
            practice_name: Some("The practice"),
            arriving: None,
            exclusions_url: "http://127.0.0.1:8080/exclusions",
            base: "http://127.0.0.1:8080/fhir/r4",
        };
        Held::build(released, &ask).unwrap()
    }
}

/// What a message costs at its worst: while it is read, itself included, and while what it became is made ready to hold.
struct Cost {
    reading: usize,
    making: usize,
    /// Entries read and resources held, or why there are none.
    result: Result<(usize, usize), SourceError>,
}

impl Cost {
    fn of(bytes: &[u8], read: Read, loaded: &Loaded) -> Self {
        let idle = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let record = read(bytes);
        let reading = HEAP.peak_usage().saturating_sub(idle) + bytes.len();
        HEAP.reset_peak_usage();
        let result = record.map(|record| (record.entries.len(), loaded.held(record).len()));
        Self {
            reading,
            making: HEAP.peak_usage().saturating_sub(idle),
            result,
        }
    }

    fn most(&self) -> usize {
        self.reading.max(self.making)
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to read, {} to make: ", self.reading, self.making)?;
        match &self.result {
            Ok((entries, held)) => write!(f, "{entries} entries, {held} resources"),
            Err(error) => error.fmt(f),
        }
    }
}

/// Its name, who reads it, and how it is made.
type Hostile = (&'static str, Read, fn() -> Vec<u8>);

/// What a hostile answer may look like. What may be kept of a message is less the larger it is, so small pieces need no more
/// bytes than it takes to reach the bound.
fn hostile() -> Vec<Hostile> {
    vec![
        ("OpenHR: smallest events", read_emis, || {
            message(OPENHR, |_| "<event/>".to_owned(), OPENHR_END)
        }),
        ("OpenHR: small coded events", read_emis, || {
            let event =
                |n| format!("<event><id>{n}</id><code codeSystem='READ2' code='H33..'/></event>");
            message(OPENHR, event, OPENHR_END)
        }),
        ("OpenHR: smallest problems", read_emis, || {
            message(
                OPENHR,
                |n| format!("<problem><id>{n}</id></problem>"),
                OPENHR_END,
            )
        }),
        ("OpenHR: links of one problem", read_emis, || {
            let links: String = "<eventLink><id>1</id></eventLink>".repeat(5_000);
            message(
                OPENHR,
                |n| format!("<problem><id>{n}</id>{links}</problem>"),
                OPENHR_END,
            )
        }),
        ("OpenHR: long terms", read_emis, || {
            let term = "x".repeat(60_000);
            let event = |n| {
                format!(
                    "<event><id>{n}</id><code codeSystem='READ2' code='H33..' displayName='{term}'/></event>"
                )
            };
            whole(OPENHR, event, OPENHR_END)
        }),
        ("OpenHR: one event of very many elements", read_emis, || {
            message(
                &format!("{OPENHR}<event><id>1</id>"),
                |_| "<x/>".to_owned(),
                &format!("</event>{OPENHR_END}"),
            )
        }),
        ("OpenHR: elements full of attributes", read_emis, || {
            let attributes: String = (0..64).map(|n| format!(" a{n}=''")).collect();
            message(
                &format!("{OPENHR}<event><id>1</id>"),
                |_| format!("<x{attributes}/>"),
                &format!("</event>{OPENHR_END}"),
            )
        }),
        ("OpenHR: strange elements, each a loss", read_emis, || {
            message(
                OPENHR,
                |n| format!("<event><id>{n}</id>{}</event>", "<y>1</y>".repeat(2_000)),
                OPENHR_END,
            )
        }),
        ("OpenHR: people", read_emis, || {
            message(
                "<openHealthRecord><adminDomain>",
                |n| format!("<userInRole><id>{n}</id></userInRole>"),
                "</adminDomain></openHealthRecord>",
            )
        }),
        ("OpenHR: one endless text", read_emis, || {
            whole(
                &format!("{OPENHR}<event><id>1</id><displayTerm>"),
                |_| "x".repeat(1000),
                &format!("</displayTerm></event>{OPENHR_END}"),
            )
        }),
        ("OpenHR: one endless tag", read_emis, || {
            whole(
                &format!("{OPENHR}<event a='"),
                |_| "x".repeat(1000),
                &format!("'/>{OPENHR_END}"),
            )
        }),
        ("OpenHR: nested without end", read_emis, || {
            message(OPENHR, |_| "<x>".to_owned(), "")
        }),
        ("EMIS Open: smallest events", read_emis, || {
            message(
                &format!("{OPEN}<EventList>"),
                |_| "<Event/>".to_owned(),
                "</EventList></MedicalRecord>",
            )
        }),
        ("EMIS Open: smallest issues", read_emis, || {
            message(
                &format!("{OPEN}<IssueList>"),
                |n| format!("<Issue><RefID>{n}</RefID></Issue>"),
                "</IssueList></MedicalRecord>",
            )
        }),
        (
            "EMIS Open: a consultation of very many elements",
            read_emis,
            || {
                message(
                    &format!("{OPEN}<ConsultationList><Consultation><ElementList>"),
                    |_| "<ConsultationElement><Event/></ConsultationElement>".to_owned(),
                    "</ElementList></Consultation></ConsultationList></MedicalRecord>",
                )
            },
        ),
        ("SystmOne: smallest events", read_systmone, || {
            message(
                TPP,
                |_| "<Event><ClinicalCode/></Event>".to_owned(),
                TPP_END,
            )
        }),
        ("SystmOne: events of many codes", read_systmone, || {
            let codes: String = (0..1_900)
                .map(|n| format!("<ClinicalCode><Code Code='{n}'/></ClinicalCode>"))
                .collect();
            message(
                TPP,
                |n| format!("<Event EventUID='{n}'>{codes}</Event>"),
                TPP_END,
            )
        }),
        ("SystmOne: equal codes", read_systmone, || {
            message(
                TPP,
                |n| {
                    format!(
                        "<Event EventUID='{n}'>{}</Event>",
                        "<ClinicalCode/>".repeat(1_900)
                    )
                },
                TPP_END,
            )
        }),
        ("SystmOne: links of a whole event", read_systmone, || {
            let links = "<LinkedProblemUID>1</LinkedProblemUID>".repeat(100);
            let codes = "<ClinicalCode/>".repeat(1_800);
            message(
                TPP,
                |n| format!("<Event EventUID='{n}'>{links}{codes}</Event>"),
                TPP_END,
            )
        }),
        ("OpenHR: very many of one id", read_emis, || {
            let event = |n| format!("<event><id>1</id><displayTerm>{n}</displayTerm></event>");
            message(OPENHR, event, OPENHR_END)
        }),
        (
            "OpenHR: very many consultations of one id",
            read_emis,
            || {
                message(
                    OPENHR,
                    |_| "<encounter><id>1</id></encounter>".to_owned(),
                    OPENHR_END,
                )
            },
        ),
        ("SystmOne: narrative", read_systmone, || {
            whole(
                TPP,
                |_| {
                    format!(
                        "<Event><Narrative><Line>{}</Line></Narrative></Event>",
                        "x".repeat(900_000)
                    )
                },
                TPP_END,
            )
        }),
        ("SystmOne: empty events", read_systmone, || {
            message(
                TPP,
                |n| format!("<Event EventUID='{n}' Method='x'/>"),
                TPP_END,
            )
        }),
        ("SystmOne: users", read_systmone, || {
            message(
                "<ClientIntegrationResponse><Response><Metadata>",
                |n| format!("<User><UserName>{n}</UserName></User>"),
                "</Metadata></Response></ClientIntegrationResponse>",
            )
        }),
    ]
}

// design.md 11, issue 4: a hostile answer makes the gateway hold a bounded amount above idle, the answer included, and so
// does the longest record of the sandbox, which comes through whole
#[test]
fn memory_is_bounded() {
    let loaded = Loaded::new();
    let people = population::contract(jiff::civil::date(2026, 3, 17));
    let ordinary = openhr_of(&people, "9990000018");
    let _ = Cost::of(&ordinary, read_emis, &loaded);

    let mut worst = 0;
    for (format, long, read, least) in [
        (
            "OpenHR",
            openhr_of(&people, "9990007047"),
            read_emis as Read,
            10_000,
        ),
        (
            "SystmOne",
            systmone_of(&people, "9990007047"),
            read_systmone,
            9_000,
        ),
    ] {
        let cost = Cost::of(&long, read, &loaded);
        println!("10,000 entries in {format}: {} bytes, {cost}", long.len());
        assert!(
            cost.result
                .as_ref()
                .is_ok_and(|(entries, _)| *entries >= least)
        );
        assert!(cost.most() <= MOST, "{format}: {cost}");
        worst = worst.max(cost.most());
    }
    for (what, read, write) in hostile() {
        let bytes = write();
        let cost = Cost::of(&bytes, read, &loaded);
        println!("{what}: {} bytes, {cost}", bytes.len());
        assert!(cost.most() <= MOST, "{what}: {cost}");
        worst = worst.max(cost.most());
    }
    println!("at most {worst}");
    population_is_flat();

    // 500 MB on the wire
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    for http in [true, false] {
        let (peak, result) = above_idle(|| runtime.block_on(flood(http)));
        println!(
            "500 MB by {}: {peak} above idle",
            if http { "HTTP" } else { "TCP" }
        );
        assert!(matches!(result, SourceError::TooLarge(CAP)), "{result}");
        assert!(peak <= MOST, "{peak} bytes above idle");
    }
}

// Issue 4: ordinary people are made when they are asked for and not kept, however many there are
fn population_is_flat() {
    let made = |from: u64, to: u64| {
        above_idle(|| {
            for n in from..to {
                let person = population::person(n, 1, jiff::civil::date(2026, 3, 17));
                if n % 10 == 0 {
                    let mut xml = Xml::with_capacity(1 << 16);
                    openhr::write(
                        &mut xml,
                        &person,
                        jiff::civil::date(2026, 3, 17).at(9, 0, 0, 0),
                    );
                }
            }
        })
        .0
    };
    let few = made(0, 100);
    let start = std::time::Instant::now();
    let many = made(100, 4_000);
    let took = start.elapsed();
    println!("100 people: {few} above idle; 3,900 more: {many}, in {took:?} as built for tests");
    assert!(many <= 4_000_000, "{many} bytes above idle");
    let kept = HEAP.current_usage();
    made(4_000, 4_500);
    let more = HEAP.current_usage().saturating_sub(kept);
    assert!(more <= 100_000, "{more} bytes are kept of 500 people");
}

fn openhr_of(people: &[openmig::sandbox::story::Person], number: &str) -> Vec<u8> {
    let person = people.iter().find(|one| one.nhs_number == number).unwrap();
    let mut xml = Xml::with_capacity(1 << 20);
    openhr::write(
        &mut xml,
        person,
        jiff::civil::date(2026, 3, 17).at(9, 0, 0, 0),
    );
    xml.into_string().into_bytes()
}

fn systmone_of(people: &[openmig::sandbox::story::Person], number: &str) -> Vec<u8> {
    let person = people.iter().find(|one| one.nhs_number == number).unwrap();
    let mut xml = Xml::with_capacity(1 << 20);
    xml.open("ClientIntegrationResponse");
    xml.open("Response");
    systmone_writer::write(&mut xml, person, systmone_writer::OutputScheme::default());
    xml.close("Response");
    xml.close("ClientIntegrationResponse");
    xml.into_string().into_bytes()
}

/// Asks a source that answers with 500 MB.
async fn flood(http: bool) -> SourceError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let Ok((mut stream, _)) = listener.accept().await else {
            return;
        };
        let mut question = [0_u8; 16 * 1024];
        let _ = stream.read(&mut question).await;
        if http {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(head).await;
        }
        let piece = [b'x'; 64 * 1024];
        for _ in 0..500_000_000 / piece.len() {
            if stream.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let client = SourceHttp::new(Arc::new(SystemClock)).unwrap();
    let limits = SourceLimits {
        deadline: Duration::from_secs(60),
        ..SourceLimits::default()
    };
    let adapter: Box<dyn SourceAdapter> = if http {
        Box::new(EmisAdapter::new(
            format!("http://{address}/"),
            limits,
            client,
        ))
    } else {
        let endpoint = format!("tcp://{address}");
        Box::new(SystmOneAdapter::new(
            &endpoint,
            "key".to_owned(),
            limits,
            client,
        ))
    };
    let ask = RecordAsk {
        nhs_number: NhsNumber::parse("9990000018").unwrap(),
        practice: practice(),
        requester: practice(),
        clinician: "dr.lookup".to_owned(),
        message_id: "1".to_owned(),
        asked_at: jiff::Timestamp::UNIX_EPOCH,
        parts: openmig::source::Parts::Whole,
    };
    adapter.fetch(&ask).await.unwrap_err()
}
