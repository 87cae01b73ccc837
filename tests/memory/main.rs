//! Bad input costs little memory: what hostile answers make the gateway hold, counted by the allocator (design.md 11).
//!
//! A binary of its own, because it counts every byte that is allocated: nothing else may run beside it.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use openmig::clock::SystemClock;
use openmig::record::{NhsNumber, OdsCode};
use openmig::sandbox::mock::write::{Xml, openhr, systmone as systmone_writer};
use openmig::sandbox::population;
use openmig::source::emis::{self, EmisAdapter};
use openmig::source::http::SourceHttp;
use openmig::source::systmone::{self, SystmOneAdapter};
use openmig::source::{RecordAsk, SourceAdapter, SourceError, SourceLimits};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// At most so much above idle. The longest record of the sandbox, 19 MB of OpenHR with 16,000 entries, takes 73 MB: what
/// must be readable sets the bound for what is not meant to be read.
const MOST: usize = 100_000_000;
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

type Read = fn(&[u8]) -> Result<usize, SourceError>;

fn read_emis(bytes: &[u8]) -> Result<usize, SourceError> {
    emis::read(bytes, &practice()).map(|record| record.entries.len())
}

fn read_systmone(bytes: &[u8]) -> Result<usize, SourceError> {
    systmone::read(bytes, &practice()).map(|record| record.entries.len())
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

// design.md 11: a hostile answer of the largest size makes the gateway hold a bounded amount above idle, the answer included
#[test]
fn bad_input_is_bounded() {
    // What is loaded once (time zones, tables) is idle, not anybody's input.
    let person = population::contract(jiff::civil::date(2026, 3, 17));
    let _ = read_emis(&openhr_of(&person, "9990000018"));
    // The longest record of the sandbox, 10,000 entries, is read all the same, in either family's format.
    let long = openhr_of(&person, "9990007047");
    let (peak, entries) = above_idle(|| read_emis(&long).unwrap());
    println!(
        "10,000 entries in OpenHR: {} bytes, {peak} above idle",
        long.len()
    );
    assert!(entries >= 10_000 && peak <= MOST);
    let long = systmone_of(&person, "9990007047");
    let (peak, entries) = above_idle(|| read_systmone(&long).unwrap());
    println!(
        "10,000 entries in SystmOne: {} bytes, {peak} above idle",
        long.len()
    );
    assert!(entries >= 9_000 && peak <= MOST);

    let mut worst = 0;
    for (what, read, write) in hostile() {
        let (peak, (bytes, result)) = above_idle(|| {
            let bytes = write();
            let result = read(&bytes);
            (bytes.len(), result)
        });
        let result = match result {
            Ok(entries) => format!("{entries} entries"),
            Err(error) => error.to_string(),
        };
        println!("{what}: {bytes} bytes, at most {peak} above idle: {result}");
        assert!(peak <= MOST, "{what}: {peak} bytes above idle");
        worst = worst.max(peak);
    }
    println!("at most {worst}");

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
