//! EMIS-style SOAP.

use std::time::Duration;

use super::{Services, between, client, post};
use crate::sandbox::mock::Source;
use crate::sandbox::mock::write::sample::assert_well_formed;

/// A question as `docs/sources-wire.md` has it.
pub(super) fn question(practice: &str, number: &str) -> String {
    format!(
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:itk="urn:nhs-itk:ns:201005">
 <soap:Header>
  <wsa:MessageID>uuid:5f2c</wsa:MessageID><wsa:Action>emis:transactionim:records:req_GetPatientRecord_V1_0</wsa:Action>
  <wsa:To>http://127.0.0.1</wsa:To><wsa:From><wsa:Address>urn:nhs-uk:addressing:ods:Z9O01</wsa:Address></wsa:From>
 </soap:Header>
 <soap:Body><itk:DistributionEnvelope>
  <itk:header trackingid="5f2c" service="emis:transactionim:records:GetPatientRecord-v1-0">
   <itk:addresslist><itk:address uri="urn:nhs-uk:addressing:ods:{practice}"/></itk:addresslist>
   <itk:auditIdentity><itk:id uri="urn:openmig:user:clinician"/></itk:auditIdentity>
  </itk:header>
  <itk:payloads count="1"><itk:payload id="p1"><EWDS>
   <RequestHeader><MessageId>5f2c</MessageId></RequestHeader>
   <RequestBody><RequestMethod>
    <MethodDefinition><Name>Emis.Interop.PatientAPI.GetPatientRecord</Name><Version>1.0.0.0</Version></MethodDefinition>
    <Content><PatientAPI><NhsNumber>{number}</NhsNumber></PatientAPI></Content>
   </RequestMethod></RequestBody>
  </EWDS></itk:payload></itk:payloads>
 </itk:DistributionEnvelope></soap:Body>
</soap:Envelope>"#
    )
}

#[tokio::test]
async fn a_record_comes_as_open_hr_and_names_the_question() {
    let services = Services::start().await;
    let (status, text) = post(services.emis, question("Z99001", "9990000018")).await;
    assert_eq!(status, 200);
    assert_well_formed(&text);
    assert_eq!(between(&text, "wsa:RelatesTo"), Some("uuid:5f2c"));
    assert_eq!(between(&text, "OutcomeCode"), Some("1"));
    assert_eq!(between(&text, "ConsentToShare"), Some("implied"));
    assert!(text.contains("<openHealthRecord xmlns=\"http://www.e-mis.com/emisopen\""));
    assert_eq!(between(&text, "creationTime"), Some("2026-06-01T10:30:00"));
    assert_eq!(services.state.look_ups(Source::Emis), 1);
    assert_eq!(services.state.look_ups(Source::Trace), 0);
}

#[tokio::test]
async fn one_practice_answers_in_emis_open() {
    let services = Services::start().await;
    let (_, text) = post(services.emis, question("Z99005", "9990005192")).await;
    assert_well_formed(&text);
    assert!(text.contains("xmlns=\"http://www.e-mis.com/emisopen/MedicalRecord\""));
}

/// R061, R065: an opt-out and a state that is not known are there for the gateway to see.
#[tokio::test]
async fn outcomes_are_those_of_the_wire_page() {
    let services = Services::start().await;
    for (practice, number, outcome, consent) in [
        ("Z99001", "9990001863", "1", Some("express-dissent")),
        ("Z99001", "9990002975", "1", None),
        ("Z99001", "9990008159", "4", None),
        // nobody; somebody of another practice of this system; of another system; a practice that is not here
        ("Z99001", "9990009999", "3", None),
        ("Z99003", "9990000018", "3", None),
        ("Z99001", "9990000387", "3", None),
        ("Z99002", "9990000387", "3", None),
    ] {
        let (status, text) = post(services.emis, question(practice, number)).await;
        assert_eq!(status, 200);
        assert_eq!(between(&text, "OutcomeCode"), Some(outcome), "{number}");
        assert_eq!(between(&text, "ConsentToShare"), consent, "{number}");
        assert_eq!(
            text.contains("openHealthRecord"),
            outcome == "1",
            "{number}"
        );
    }
}

/// R062: the next answer after a change tells the new state.
#[tokio::test]
async fn a_changed_flag_is_told_at_once() {
    let services = Services::start().await;
    services.people.change("9990000751", |person| {
        person.sharing = crate::sandbox::story::Sharing::Dissent;
    });
    let (_, text) = post(services.emis, question("Z99001", "9990000751")).await;
    assert_eq!(between(&text, "ConsentToShare"), Some("express-dissent"));
}

#[tokio::test]
async fn broken_xml_cannot_be_read() {
    let services = Services::start().await;
    let (status, text) = post(services.emis, question("Z99001", "9990008892")).await;
    assert_eq!(status, 200);
    assert!(text.contains("<openHealthRecord"));
    assert!(!text.contains("</soap:Envelope>"));
    assert!(text.ends_with("</broken"));
}

#[tokio::test]
async fn what_is_no_question_is_answered_with_a_fault() {
    let services = Services::start().await;
    let good = question("Z99001", "9990000018");
    let mut bad: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"hello".to_vec(),
        b"<a/>".to_vec(),
        b"<Envelope/>".to_vec(),
        vec![0xff; 5000],
        "<a>".repeat(5000).into_bytes(),
        good.replace("GetPatientRecord</Name>", "FileRecord</Name>")
            .into_bytes(),
        good.replace("<NhsNumber>9990000018</NhsNumber>", "")
            .into_bytes(),
        good.replace("<wsa:MessageID>uuid:5f2c</wsa:MessageID>", "")
            .into_bytes(),
        good.replace("urn:nhs-uk:addressing:ods:Z99001", "Z99001")
            .into_bytes(),
        good.replace(
            "<soap:Envelope",
            "<!DOCTYPE x [<!ENTITY e \"e\">]><soap:Envelope",
        )
        .into_bytes(),
    ];
    bad.extend(
        (1..good.len())
            .step_by(97)
            .map(|upto| good.as_bytes()[..upto].to_vec()),
    );
    for body in bad {
        let (status, text) = post(services.emis, body.clone()).await;
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(status, 500, "{shown}");
        assert_well_formed(&text);
        assert_eq!(between(&text, "category"), Some("FATAL"), "{shown}");
        assert!(!text.contains("9990000018"));
    }
    let got = client()
        .get(format!("http://{}/", services.emis))
        .send()
        .await;
    assert_eq!(got.unwrap().status().as_u16(), 405);
}

#[tokio::test]
async fn the_service_stops_although_an_answer_is_held() {
    use crate::sandbox::mock::{FaultKind, MockState, People, emis};
    use std::sync::Arc;
    let now = "2026-06-01T09:30:00Z".parse().unwrap();
    let state = Arc::new(MockState::new(
        Arc::new(People::new(Vec::new())),
        Arc::new(crate::clock::FixedClock(now)),
    ));
    state.faults().set(Source::Emis, FaultKind::Stall, 1);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(emis::serve(listener, Arc::clone(&state), async {
        drop(stopped.await);
    }));
    let held = tokio::spawn(post(address, question("Z99001", "9990000018")));
    while state.look_ups(Source::Emis) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), serving).await;
    assert!(ended.unwrap().unwrap().is_ok());
    held.abort();
}
