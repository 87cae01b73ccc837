//! Every fault over every kind of socket.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Services, between, client, emis, post, systmone};
use crate::sandbox::mock::write::sample::assert_well_formed;
use crate::sandbox::mock::{FaultKind, Source};

/// The cap of the contract; an oversize answer must be larger.
const CAP: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn http_answers_misbehave_as_told_and_then_no_more() {
    let services = Services::start().await;
    let faults = services.state.faults();
    let soap = || emis::question("Z99001", "9990000018");
    let url = format!("http://{}/", services.emis);

    faults.set(Source::Emis, FaultKind::Drop, 1);
    assert!(client().post(&url).body(soap()).send().await.is_err());

    faults.set(Source::Emis, FaultKind::Truncate, 1);
    let cut = client().post(&url).body(soap()).send().await.unwrap();
    assert!(cut.bytes().await.is_err());

    faults.set(Source::Emis, FaultKind::Garbage, 1);
    let garbage = client().post(&url).body(soap()).send().await.unwrap();
    assert!(std::str::from_utf8(&garbage.bytes().await.unwrap()).is_err());

    faults.set(Source::Emis, FaultKind::Http500, 1);
    assert_eq!(post(services.emis, soap()).await.0, 500);

    faults.set(Source::Emis, FaultKind::WrongPatient, 1);
    let (status, wrong) = post(services.emis, soap()).await;
    assert_eq!((status, between(&wrong, "OutcomeCode")), (200, Some("1")));
    assert!(!wrong.contains("9990000018") && wrong.contains("<identifierType>NHS"));

    faults.set(Source::Emis, FaultKind::Stall, 1);
    let stalled = tokio::time::timeout(Duration::from_millis(300), post(services.emis, soap()));
    assert!(stalled.await.is_err());

    faults.set(Source::Emis, FaultKind::Oversize, 1);
    let mut large = client().post(&url).body(soap()).send().await.unwrap();
    let mut heard = 0;
    while let Some(piece) = large.chunk().await.unwrap() {
        heard += piece.len();
    }
    assert!(heard > CAP);

    let (status, right) = post(services.emis, soap()).await;
    assert_eq!(status, 200);
    assert!(right.contains("<value>9990000018</value>"));
}

#[tokio::test]
async fn faults_are_of_one_service_only() {
    let services = Services::start().await;
    services
        .state
        .faults()
        .set(Source::Systmone, FaultKind::Http500, 5);
    let soap = emis::question("Z99001", "9990000018");
    assert_eq!(post(services.emis, soap).await.0, 200);
    let asked = systmone::question("Z99002", "9990000387", "u-1");
    assert_eq!(post(services.systmone, asked).await.0, 500);
    services
        .state
        .faults()
        .set(Source::Trace, FaultKind::WrongPatient, 1);
    let trace = client().get(format!("http://{}/Patient/9990000018", services.trace));
    let text = trace.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("Patient") && !text.contains("9990000018"));
    services.state.faults().set(Source::Ehr, FaultKind::Drop, 1);
    let list = client().get(format!("http://{}/worklist/Z9O01", services.ehr));
    assert!(list.send().await.is_err());
}

async fn over_tcp(services: &Services, kind: FaultKind) -> Vec<u8> {
    services.state.faults().set(Source::SystmoneTcp, kind, 1);
    let mut stream = TcpStream::connect(services.tcp).await.unwrap();
    let asked = systmone::question("Z99006", "9990005567", "u-1");
    stream.write_all(asked.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

#[tokio::test]
async fn tcp_answers_misbehave_as_told() {
    let services = Services::start().await;
    assert!(over_tcp(&services, FaultKind::Drop).await.is_empty());
    let cut = over_tcp(&services, FaultKind::Truncate).await;
    assert!(cut.len() > 1000 && !cut.ends_with(b"</ClientIntegrationResponse>"));
    let garbage = over_tcp(&services, FaultKind::Garbage).await;
    assert!(std::str::from_utf8(&garbage).is_err());
    let error = String::from_utf8(over_tcp(&services, FaultKind::Http500).await).unwrap();
    assert_eq!(between(&error, "Code"), Some("InternalError"));
    let wrong = String::from_utf8(over_tcp(&services, FaultKind::WrongPatient).await).unwrap();
    assert_well_formed(&wrong);
    assert!(between(&wrong, "NHSNumber").is_some() && !wrong.contains("9990005567"));
    assert!(over_tcp(&services, FaultKind::Oversize).await.len() > CAP);
    let stalled = tokio::time::timeout(
        Duration::from_millis(300),
        over_tcp(&services, FaultKind::Stall),
    );
    assert!(stalled.await.is_err());
}

#[tokio::test]
async fn a_slow_tcp_answer_dribbles_out_whole() {
    let services = Services::start().await;
    let since = Instant::now();
    let slow = String::from_utf8(over_tcp(&services, FaultKind::Slow).await).unwrap();
    assert!(since.elapsed() > Duration::from_secs(2));
    assert_well_formed(&slow);
    assert_eq!(between(&slow, "NHSNumber"), Some("9990005567"));
}
