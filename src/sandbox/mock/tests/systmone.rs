//! SystmOne-style, over HTTP and over TCP.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Services, between, post};
use crate::sandbox::mock::Source;
use crate::sandbox::mock::write::sample::assert_well_formed;

const END: &[u8] = b"</ClientIntegrationResponse>";

/// A question as `docs/sources-wire.md` has it.
pub(super) fn question(practice: &str, number: &str, uid: &str) -> String {
    format!(
        "<ClientIntegrationRequest>\n <APIKey>k</APIKey><DeviceID>d1</DeviceID><DeviceVersion>1.0</DeviceVersion><RequestUID>{uid}</RequestUID>\n \
         <Function>GetPatientRecord</Function><FunctionVersion>1.0</FunctionVersion>\n \
         <OutputScheme><Drugs>Dmd</Drugs><Codes>CTV3</Codes></OutputScheme>\n \
         <FunctionParameters><Identity><NhsNumber>{number}</NhsNumber></Identity><Organisation>{practice}</Organisation></FunctionParameters>\n\
         </ClientIntegrationRequest>"
    )
}

/// Reads one answer up to the end tag of its root.
pub(super) async fn answer(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(END) {
        if stream.read_buf(&mut heard).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(heard).unwrap()
}

async fn over_tcp(to: SocketAddr, question: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(question).await.unwrap();
    answer(&mut stream).await
}

#[tokio::test]
async fn a_record_comes_over_http_and_echoes_the_question() {
    let services = Services::start().await;
    let (status, text) = post(services.systmone, question("Z99002", "9990000387", "u-1")).await;
    assert_eq!(status, 200);
    assert_well_formed(&text);
    assert_eq!(between(&text, "RequestUID"), Some("u-1"));
    assert_eq!(between(&text, "DeviceID"), Some("d1"));
    assert_eq!(between(&text, "Function"), Some("GetPatientRecord"));
    assert_eq!(between(&text, "NHSNumber"), Some("9990000387"));
    assert!(text.contains("Scheme=\"CTV3\"") && text.contains("Scheme=\"Dmd\""));
    let other = question("Z99002", "9990000387", "u-2")
        .replace("CTV3", "Snomed")
        .replace("Dmd", "Multilex");
    let (_, text) = post(services.systmone, other).await;
    assert!(text.contains("Scheme=\"Snomed\"") && text.contains("Scheme=\"Multilex\""));
    assert_eq!(services.state.look_ups(Source::Systmone), 2);
    assert_eq!(services.state.look_ups(Source::SystmoneTcp), 0);
}

#[tokio::test]
async fn one_connection_carries_question_after_question() {
    let services = Services::start().await;
    let mut stream = TcpStream::connect(services.tcp).await.unwrap();
    for uid in ["u-1", "u-2", "u-3"] {
        let asked = question("Z99006", "9990005567", uid);
        stream.write_all(asked.as_bytes()).await.unwrap();
        let text = answer(&mut stream).await;
        assert_well_formed(&text);
        assert_eq!(between(&text, "RequestUID"), Some(uid));
        assert_eq!(between(&text, "NHSNumber"), Some("9990005567"));
    }
    assert_eq!(services.state.look_ups(Source::SystmoneTcp), 3);
}

#[tokio::test]
async fn a_question_may_dribble_in() {
    let services = Services::start().await;
    let mut stream = TcpStream::connect(services.tcp).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let asked = question("Z99006", "9990005567", "u-\u{e9}");
    for piece in asked.as_bytes().chunks(3) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let text = answer(&mut stream).await;
    assert_eq!(between(&text, "RequestUID"), Some("u-\u{e9}"));
}

/// R061: dissent is refused at the source.
#[tokio::test]
async fn refusals_are_error_replies_with_the_codes_of_the_wire_page() {
    let services = Services::start().await;
    for (practice, number, code) in [
        ("Z99002", "9990002231", "SharingOutDissent"),
        ("Z99002", "9990009999", "NoSuchPatient"),
        ("Z99006", "9990000387", "NoSuchPatient"),
        ("Z99001", "9990000018", "NoSharingAgreement"),
    ] {
        let asked = question(practice, number, "u-1");
        let (status, over_http) = post(services.systmone, asked.clone()).await;
        let bare = over_tcp(services.tcp, asked.as_bytes()).await;
        assert_eq!(status, 200);
        for text in [over_http, bare] {
            assert_well_formed(&text);
            assert_eq!(between(&text, "Code"), Some(code), "{number}");
            assert_eq!(between(&text, "RequestUID"), Some("u-1"));
            assert!(!text.contains("Demographics") && !text.contains(number));
        }
    }
}

#[tokio::test]
async fn what_is_no_question_is_answered_with_an_error() {
    let services = Services::start().await;
    let good = question("Z99002", "9990000387", "u-1");
    for bad in [
        &b"hello"[..],
        b"<a></b>",
        b"<a/>",
        b"\xff\xfe\xfd",
        good.replace("GetPatientRecord", "ExitClient").as_bytes(),
        good.replace("<NhsNumber>9990000387</NhsNumber>", "")
            .as_bytes(),
        good.replace("<Organisation>Z99002</Organisation>", "")
            .as_bytes(),
        "<a>".repeat(500).as_bytes(),
    ] {
        let (status, over_http) = post(services.systmone, bad.to_vec()).await;
        assert!(status == 200 || status == 400);
        let bare = over_tcp(services.tcp, bad).await;
        for text in [over_http, bare] {
            assert_well_formed(&text);
            assert!(between(&text, "Code").is_some());
        }
    }
    // One that is cut short is not answered, and what comes after it is.
    let mut stream = TcpStream::connect(services.tcp).await.unwrap();
    stream.write_all(&good.as_bytes()[..100]).await.unwrap();
    drop(stream);
    assert!(
        over_tcp(services.tcp, good.as_bytes())
            .await
            .contains("Demographics")
    );
}

#[tokio::test]
async fn a_question_without_end_is_refused() {
    let services = Services::start().await;
    let mut stream = TcpStream::connect(services.tcp).await.unwrap();
    let endless = format!("<a>{}", "x".repeat(400 * 1024));
    // The other side may close before all is sent.
    let _ = stream.write_all(endless.as_bytes()).await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    assert!(services.state.look_ups(Source::SystmoneTcp) == 1);
}

#[tokio::test]
async fn somebody_is_never_answered_in_time() {
    let services = Services::start().await;
    let asked = question("Z99002", "9990008523", "u-1");
    let waited = tokio::time::timeout(
        Duration::from_millis(300),
        post(services.systmone, asked.clone()),
    );
    assert!(waited.await.is_err());
    let waited = tokio::time::timeout(
        Duration::from_millis(300),
        over_tcp(services.tcp, asked.as_bytes()),
    );
    assert!(waited.await.is_err());
}
