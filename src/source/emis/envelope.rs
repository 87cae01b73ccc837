//! SOAP 1.1 with WS-Addressing and ITK around the record (`docs/sources-wire.md`).

use quick_xml::escape::escape;

use crate::record::{GpRecord, Sharing};
use crate::source::emis::{emis_open, openhr};
use crate::source::xml::{Element, Pull};
use crate::source::{RecordAsk, SourceError, SourceRefusal, SourceReply};

/// `SOAPAction` and `wsa:Action` of the question.
pub(super) const ACTION: &str = "emis:transactionim:records:req_GetPatientRecord_V1_0";
const SERVICE: &str = "emis:transactionim:records:GetPatientRecord-v1-0";
const METHOD: &str = "Emis.Interop.PatientAPI.GetPatientRecord";

/// The question as it goes over the wire.
pub(super) fn request(ask: &RecordAsk, endpoint: &str) -> String {
    let message = escape(ask.message_id.as_str());
    let tracking = escape(bare(&ask.message_id));
    let to = escape(endpoint);
    let viewer = escape(ask.requester.0.as_str());
    let practice = escape(ask.practice.0.as_str());
    let clinician = escape(ask.clinician.as_str());
    let number = ask.nhs_number.as_str();
    let message = if bare(&message) == message {
        format!("uuid:{message}")
    } else {
        message.into_owned()
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:itk="urn:nhs-itk:ns:201005">
<soap:Header>
<wsa:MessageID>{message}</wsa:MessageID>
<wsa:Action>{ACTION}</wsa:Action>
<wsa:To>{to}</wsa:To>
<wsa:From><wsa:Address>urn:nhs-uk:addressing:ods:{viewer}</wsa:Address></wsa:From>
<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>
</soap:Header>
<soap:Body>
<itk:DistributionEnvelope>
<itk:header trackingid="{tracking}" service="{SERVICE}">
<itk:addresslist><itk:address uri="urn:nhs-uk:addressing:ods:{practice}"/></itk:addresslist>
<itk:auditIdentity><itk:id uri="urn:openmig:user:{clinician}"/></itk:auditIdentity>
<itk:manifest count="1"><itk:manifestitem id="p1" mimetype="text/xml"/></itk:manifest>
<itk:senderAddress uri="urn:nhs-uk:addressing:ods:{viewer}"/>
<itk:handlingSpecification><itk:spec key="urn:nhs:itk:ns:201005:interaction" value="{SERVICE}"/></itk:handlingSpecification>
</itk:header>
<itk:payloads count="1"><itk:payload id="p1"><EWDS>
<RequestHeader><MessageId>{tracking}</MessageId></RequestHeader>
<RequestBody><RequestMethod>
<MethodDefinition><Name>{METHOD}</Name><Version>1.0.0.0</Version></MethodDefinition>
<Content><PatientAPI><NhsNumber>{number}</NhsNumber></PatientAPI></Content>
</RequestMethod></RequestBody>
</EWDS></itk:payload></itk:payloads>
</itk:DistributionEnvelope>
</soap:Body>
</soap:Envelope>"#
    )
}

/// A message id without its scheme.
fn bare(id: &str) -> &str {
    let id = id.trim();
    let id = id.strip_prefix("urn:").unwrap_or(id);
    id.strip_prefix("uuid:").unwrap_or(id)
}

/// Reads the answer to a question.
///
/// # Errors
/// Not acceptable XML, a fault, an answer to another question, or the record of someone else.
pub(super) fn answer(bytes: &[u8], ask: &RecordAsk) -> Result<SourceReply, SourceError> {
    let mut pull = Pull::new(bytes)?;
    let mut relates = false;
    let mut outcome: Option<String> = None;
    let mut consent: Option<String> = None;
    let mut record: Option<GpRecord> = None;
    let mut first = true;
    while let Some(start) = pull.next_start()? {
        if std::mem::take(&mut first) && start.name != "Envelope" {
            return Err(SourceError::Mismatch("it is no SOAP message"));
        }
        match start.name.as_str() {
            "RelatesTo" => {
                let relates_to = pull.element(start)?;
                let echoed = relates_to.own_text().map(bare);
                if echoed != Some(bare(&ask.message_id)) {
                    return Err(SourceError::Mismatch("it answers another question"));
                }
                relates = true;
            }
            "Fault" => return Err(fault(&pull.element(start)?)),
            "OutcomeCode" => {
                let code = pull.element(start)?;
                let code = code.own_text().unwrap_or_default().to_owned();
                if outcome
                    .replace(code.clone())
                    .is_some_and(|other| other != code)
                {
                    return Err(SourceError::Mismatch("it has two outcomes"));
                }
            }
            "ConsentToShare" => {
                let said = pull.element(start)?;
                let said = said.own_text().unwrap_or_default().to_owned();
                if consent
                    .replace(said.clone())
                    .is_some_and(|other| other != said)
                {
                    return Err(SourceError::Mismatch("it has two answers on consent"));
                }
            }
            "openHealthRecord" | "MedicalRecord" => {
                if record.is_some() {
                    return Err(SourceError::Mismatch("it holds two records"));
                }
                // With any other outcome a record has no business being there: it is not looked at.
                if outcome.as_deref().map(lenient) != Some(Some(1)) {
                    let depth = start.depth;
                    while pull.child_of(depth)?.is_some() {}
                    continue;
                }
                let open = start.name == "MedicalRecord";
                let read = if open {
                    emis_open::read(&mut pull, &start, &ask.practice)?
                } else {
                    openhr::read(&mut pull, &start, Some(&ask.nhs_number), &ask.practice)?
                };
                if read.patient.nhs_number.as_deref() != Some(ask.nhs_number.as_str()) {
                    return Err(SourceError::Mismatch("wrong patient"));
                }
                record = Some(read);
            }
            _ => {}
        }
    }
    if !relates {
        return Err(SourceError::Mismatch(
            "it does not say which question it answers",
        ));
    }
    let sharing = match consent.as_deref() {
        Some("implied") => Sharing::Implied,
        Some("express-consent") => Sharing::Express,
        Some("express-dissent") => Sharing::OptedOut,
        _ => Sharing::Unknown,
    };
    let refused = |refusal| Ok(SourceReply::Refused(refusal));
    let Some(outcome) = outcome else {
        return Err(SourceError::Mismatch("it has no outcome"));
    };
    match (lenient(&outcome), record) {
        (Some(1), Some(mut record)) => {
            record.standing.sharing = sharing;
            Ok(SourceReply::Record(Box::new(record)))
        }
        (Some(1 | 2 | 4), None) if sharing == Sharing::OptedOut => refused(SourceRefusal::Dissent),
        (Some(1), None) => Err(SourceError::Mismatch("it holds no record")),
        (Some(2), _) => refused(SourceRefusal::AccessDenied),
        (Some(3), _) => refused(SourceRefusal::NoSuchPatient),
        (Some(4), _) => refused(SourceRefusal::Restricted),
        _ => Err(SourceError::Fault("outcome not known".to_owned())),
    }
}

/// Outcomes come as numbers or as text, with blanks around them and decimals behind them (sources.md 3.1).
fn lenient(code: &str) -> Option<i32> {
    let code = code.trim();
    let code = code.strip_suffix(".0").unwrap_or(code);
    code.parse().ok()
}

/// The category of a fault. Its text may name the patient, so it is left out.
pub(super) fn fault(element: &Element) -> SourceError {
    let category = find(element, "category").or_else(|| find(element, "faultcode"));
    let word: String = category
        .unwrap_or("SOAP fault")
        .chars()
        .filter(|c| c.is_ascii_alphabetic() || matches!(c, ' ' | '-' | ':' | '_'))
        .take(32)
        .collect();
    SourceError::Fault(word)
}

fn find<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    if element.name == name {
        return element.own_text();
    }
    element.children.iter().find_map(|child| find(child, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{NhsNumber, OdsCode};

    pub(crate) fn ask() -> RecordAsk {
        RecordAsk {
            nhs_number: NhsNumber::parse("9990000018").unwrap(),
            practice: OdsCode("Z99001".to_owned()),
            requester: OdsCode("RX<1".to_owned()),
            clinician: "o'neil \"&<".to_owned(),
            message_id: "0190-abc".to_owned(),
            asked_at: jiff::Timestamp::UNIX_EPOCH,
            parts: crate::source::Parts::Whole,
        }
    }

    fn soap(relates: &str, inner: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header><w:RelatesTo \
             xmlns:w='http://www.w3.org/2005/08/addressing'>{relates}</w:RelatesTo></s:Header><s:Body>{inner}</s:Body></s:Envelope>"
        )
    }

    fn record(nhs: &str) -> String {
        format!(
            "<openHealthRecord xmlns='http://www.e-mis.com/emisopen'><adminDomain><patient><id>p</id><patientIdentifier>\
             <identifierType>NHS</identifierType><value>{nhs}</value></patientIdentifier></patient></adminDomain></openHealthRecord>"
        )
    }

    fn refusal(inner: &str) -> SourceRefusal {
        match answer(soap("uuid:0190-abc", inner).as_bytes(), &ask()) {
            Ok(SourceReply::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn error(relates: &str, inner: &str) -> String {
        answer(soap(relates, inner).as_bytes(), &ask())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_question_is_well_formed_and_escaped() {
        let text = request(&ask(), "http://127.0.0.1:8081/?a=1&b=2");
        let mut pull = Pull::new(text.as_bytes()).unwrap();
        let root = pull.child_of(0).unwrap().unwrap();
        let root = pull.element(root).unwrap();
        pull.finish().unwrap();
        let header = |name| root.child("Header").and_then(|h| h.text_of(name));
        assert_eq!(header("MessageID"), Some("uuid:0190-abc"));
        assert_eq!(header("Action"), Some(ACTION));
        assert_eq!(header("To"), Some("http://127.0.0.1:8081/?a=1&b=2"));
        let envelope = root.at(&["Body", "DistributionEnvelope"]).unwrap();
        let itk = envelope.child("header").unwrap();
        let user = itk.at(&["auditIdentity", "id"]).and_then(|e| e.attr("uri"));
        assert_eq!(user, Some("urn:openmig:user:o'neil \"&<"));
        let address = itk
            .at(&["addresslist", "address"])
            .and_then(|e| e.attr("uri"));
        assert_eq!(address, Some("urn:nhs-uk:addressing:ods:Z99001"));
        let call = envelope.at(&[
            "payloads",
            "payload",
            "EWDS",
            "RequestBody",
            "RequestMethod",
        ]);
        let call = call.unwrap();
        assert_eq!(
            call.at(&["MethodDefinition", "Name"])
                .and_then(Element::own_text),
            Some(METHOD)
        );
        assert_eq!(
            call.at(&["Content", "PatientAPI", "NhsNumber"])
                .and_then(Element::own_text),
            Some("9990000018")
        );
    }

    // sources.md 3.1: outcome codes as numbers or text.
    #[test]
    fn outcomes_refuse() {
        assert_eq!(
            refusal("<OutcomeCode>2</OutcomeCode>"),
            SourceRefusal::AccessDenied
        );
        assert_eq!(
            refusal("<OutcomeCode> 3 </OutcomeCode>"),
            SourceRefusal::NoSuchPatient
        );
        assert_eq!(
            refusal("<OutcomeCode>4.0</OutcomeCode>"),
            SourceRefusal::Restricted
        );
        let dissent = "<ConsentToShare>express-dissent</ConsentToShare>";
        assert_eq!(
            refusal(&format!("<OutcomeCode>1</OutcomeCode>{dissent}")),
            SourceRefusal::Dissent
        );
        assert_eq!(
            refusal(&format!("<OutcomeCode>2</OutcomeCode>{dissent}")),
            SourceRefusal::Dissent
        );
        // a record that comes with a refusal is not looked at
        let sneaky = format!("<OutcomeCode>4</OutcomeCode>{}", record("9990000018"));
        assert_eq!(refusal(&sneaky), SourceRefusal::Restricted);
    }

    // R061, R065: only a clear statement is one.
    #[test]
    fn consent_is_carried_into_the_standing() {
        for (said, sharing) in [
            ("<ConsentToShare>implied</ConsentToShare>", Sharing::Implied),
            (
                "<ConsentToShare> express-consent </ConsentToShare>",
                Sharing::Express,
            ),
            (
                "<ConsentToShare>express-dissent</ConsentToShare>",
                Sharing::OptedOut,
            ),
            ("<ConsentToShare>yes</ConsentToShare>", Sharing::Unknown),
            ("<ConsentToShare/>", Sharing::Unknown),
            ("", Sharing::Unknown),
        ] {
            let inner = format!(
                "<OutcomeCode>1</OutcomeCode>{said}{}",
                record("999 000 0018")
            );
            match answer(soap("urn:uuid:0190-abc", &inner).as_bytes(), &ask()) {
                Ok(SourceReply::Record(r)) => assert_eq!(r.standing.sharing, sharing, "{said}"),
                other => panic!("{other:?}"),
            }
        }
    }

    // R012 and the hostile source: every mix-up is an error, and its text names nobody.
    #[test]
    fn mixed_up_answers_are_refused() {
        let one = "<OutcomeCode>1</OutcomeCode>";
        let good = record("9990000018");
        let cases = [
            (
                error("uuid:other", &format!("{one}{good}")),
                "another question",
            ),
            (
                error("uuid:0190-abc", &format!("{one}{}", record("9990000387"))),
                "wrong patient",
            ),
            (
                error("uuid:0190-abc", &format!("{one}{good}{good}")),
                "two records",
            ),
            (
                error(
                    "uuid:0190-abc",
                    &format!("{one}<OutcomeCode>4</OutcomeCode>{good}"),
                ),
                "two outcomes",
            ),
            (error("uuid:0190-abc", one), "no record"),
            (error("uuid:0190-abc", &good), "no outcome"),
            (
                error("uuid:0190-abc", "<OutcomeCode>9</OutcomeCode>"),
                "outcome not known",
            ),
            (
                error(
                    "uuid:0190-abc",
                    "<s:Fault xmlns:s='x'><faultcode>s:Server</faultcode><faultstring>Mrs Smith 9990000018</faultstring><detail>\
                     <m:migFault xmlns:m='http://www.healthcaregateway.co.uk/mig'><m:error><m:category>FATAL</m:category>\
                     <m:text>Mrs Smith</m:text></m:error></m:migFault></detail></s:Fault>",
                ),
                "fault (FATAL)",
            ),
        ];
        for (text, expected) in cases {
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("999") && !text.contains("Smith"), "{text}");
        }
        let unrelated = format!("<Envelope><Body>{one}{good}</Body></Envelope>");
        assert!(answer(unrelated.as_bytes(), &ask()).is_err());
        assert!(answer(good.as_bytes(), &ask()).is_err());
    }
}
