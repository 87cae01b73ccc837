//! The kept corpus: what our own writers write, and small examples of everything else. No third party's file.

use jiff::civil::{Date, date};
use openmig::sandbox::mock::write::{Xml, emis_open, openhr, systmone};
use openmig::sandbox::population;
use openmig::sandbox::story::Person;

const TODAY: Date = date(2026, 3, 17);

/// A seed: target, file name, bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    records(&mut seeds);
    small(&mut seeds);
    files(&mut seeds);
    seeds
}

/// A few people of whom little is told, under the number that is asked for: a child, an adult, and some of everything.
fn people() -> Vec<(&'static str, Person)> {
    let mut found = Vec::new();
    let ordinary = |test: &dyn Fn(&Person) -> bool| {
        (0..400)
            .map(|index| population::person(index, 1, TODAY))
            .find(|person| test(person))
    };
    found.extend(ordinary(&|p| p.facts.len() < 18).map(|p| ("few", p)));
    found.extend(ordinary(&|p| (18..26).contains(&p.facts.len())).map(|p| ("some", p)));
    let contract = population::contract(TODAY);
    for (name, number, every) in [("full", "9990000018", 9), ("private", "9990001499", 5)] {
        if let Some(person) = contract.iter().find(|p| p.nhs_number == number) {
            let mut person = person.clone();
            let mut n = 0;
            person.facts.retain(|_| {
                n += 1;
                n % every == 0
            });
            person.contacts.truncate(4);
            found.push((name, person));
        }
    }
    for (_, person) in &mut found {
        person.nhs_number = "9990000018".to_owned();
        person.practice = "Z99001";
    }
    found
}

fn written(write: impl FnOnce(&mut Xml)) -> Vec<u8> {
    let mut xml = Xml::with_capacity(64 * 1024);
    xml.declaration();
    write(&mut xml);
    xml.into_string().into_bytes()
}

fn records(seeds: &mut Vec<Seed>) {
    let now = TODAY.at(9, 30, 0, 0);
    for (name, person) in people() {
        let open_hr = written(|xml| openhr::write(xml, &person, now));
        if name == "few" {
            seeds.push(("xml", format!("openhr-{name}"), open_hr.clone()));
        }
        seeds.push(("openhr", name.to_owned(), open_hr));
        seeds.push((
            "emis_open",
            name.to_owned(),
            written(|xml| emis_open::write(xml, &person, now)),
        ));
        seeds.push((
            "emis_envelope",
            name.to_owned(),
            written(|xml| {
                envelope(xml, |xml| {
                    xml.leaf("OutcomeCode", "1");
                    xml.leaf("ConsentToShare", "implied");
                    openhr::write(xml, &person, now);
                });
            }),
        ));
        let answer = written(|xml| {
            integration(xml, |xml| {
                systmone::write(xml, &person, systmone::OutputScheme::default());
            });
        });
        if name == "few" {
            let mut framed = vec![200];
            framed.extend_from_slice(&answer);
            seeds.push(("systmone_framing", name.to_owned(), framed));
        }
        seeds.push(("systmone", name.to_owned(), answer));
    }
    for code in ["2", "3", "4"] {
        let answer = written(|xml| envelope(xml, |xml| xml.leaf("OutcomeCode", code)));
        seeds.push(("emis_envelope", format!("outcome-{code}"), answer));
    }
    let refusal = written(|xml| {
        integration(xml, |xml| {
            xml.open("Error");
            xml.leaf("Code", "5");
            xml.close("Error");
        });
    });
    seeds.push(("systmone", "error".to_owned(), refusal));
    let tag = b"\x03<a></ClientIntegrationRespons</ClientIntegrationResponse>".to_vec();
    seeds.push(("systmone_framing", "nearly".to_owned(), tag));
}

/// SOAP and ITK around an answer (docs/sources-wire.md).
fn envelope(xml: &mut Xml, content: impl FnOnce(&mut Xml)) {
    xml.open_with(
        "soap:Envelope",
        &[
            ("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"),
            ("xmlns:wsa", "http://www.w3.org/2005/08/addressing"),
            ("xmlns:itk", "urn:nhs-itk:ns:201005"),
        ],
    );
    xml.open("soap:Header");
    xml.leaf("wsa:RelatesTo", "uuid:1");
    xml.close("soap:Header");
    let inside = [
        "soap:Body",
        "itk:DistributionEnvelope",
        "itk:payloads",
        "itk:payload",
        "EWDS",
        "ResponseBody",
        "ResponseMethod",
        "Content",
        "PatientAPI",
    ];
    inside.iter().for_each(|name| xml.open(name));
    content(xml);
    inside.iter().rev().for_each(|name| xml.close(name));
    xml.close("soap:Envelope");
}

fn integration(xml: &mut Xml, content: impl FnOnce(&mut Xml)) {
    xml.open("ClientIntegrationResponse");
    xml.leaf("RequestUID", "1");
    xml.leaf("Function", "GetPatientRecord");
    xml.open("Response");
    content(xml);
    xml.close("Response");
    xml.close("ClientIntegrationResponse");
}

const PDS: &str = r#"{"resourceType":"Patient","meta":{"security":[{"code":"U"}]},"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number",
"value":"9990000018","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
"valueCodeableConcept":{"coding":[{"code":"01"}]}}]}],"name":[{"use":"usual","family":"Oakham","given":["Ann"]}],"birthDate":"1957-03-14",
"generalPractitioner":[{"identifier":{"value":"Z99001"}}]}"#;

const OCCASION: &str = r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","treatment":"worklist","tabs":["summary"],
"consent":{"asked":true,"answer":"yes","told_what":true,"told_why":true,"told_may_decline":true,"told_meaning_of_declining":true,
"voluntary":true,"capacity":true,"proxy":{"basis":"parental-responsibility","name":"A","relationship":"mother"},
"child":{"asked":true,"view":"agrees"},"changed_mind":true}}]"#;

const OVERRIDE: &str = r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","treatment":"worklist",
"override":{"reason":"unconscious","text":"Found collapsed at home"}}]"#;

/// The claims of GP Connect's own example.
const GP_CONNECT: &str = r#"{"reason_for_request":"directcare","requested_scope":"patient/*.read","requested_record":{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]},"requesting_device":{"resourceType":"Device","model":"x","version":"1"},"requesting_organization":{"resourceType":"Organization","name":"x","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Z9H01"}]},"requesting_practitioner":{"resourceType":"Practitioner","id":"1","identifier":[{"system":"https://fhir.nhs.uk/Id/sds-role-profile-id","value":"UNK"},{"system":"urn:users","value":"x"}],"name":{"family":["x"],"given":["y"],"prefix":["Dr"]}}}"#;
const STANDALONE: &str = "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fown%3D1&state=s1&nonce=n1&scope=openid+fhirUser+launch%2Fpatient+patient%2F*.rs&aud=http%3A%2F%2F127.0.0.1%3A8080%2Ffhir%2Fr4&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const EHR_LAUNCH: &str = "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fown%3D1&state=s2&launch=h1&scope=launch+patient%2FCondition.read&resource=http%3A%2F%2F127.0.0.1%3A8080%2Ffhir%2Fr4%2F&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&prompt=login";
const AUTHORIZE_FAULTS: &str = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback%3Fown%3D1&state=%0d%0aSet-Cookie%3Aa&response_type=token&state=";
/// `{"alg":"RS384","typ":"JWT","kid":"k"}`, a payload, a signature that is none.
const JWT: &str = "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImsifQ.eyJpc3MiOiJhIiwic3ViIjoiYSIsImF1ZCI6ImIiLCJqdGkiOiJjIiwiZXhwIjoxfQ.c2ln";

/// A public key made for this file.
const JWKS: &str = r#"{"keys":[{"kty":"EC","kid":"k","alg":"ES384","crv":"P-384","x":"AA","y":"AA"},{"kty":"RSA","kid":"r","alg":"RS384","n":"AQAB","e":"AQAB"}]}"#;

fn small(seeds: &mut Vec<Seed>) {
    let mut add = |target, texts: &[&str]| {
        for (n, text) in texts.iter().enumerate() {
            seeds.push((target, format!("{n:02}"), text.as_bytes().to_vec()));
        }
    };
    add(
        "xml",
        &["<?xml version=\"1.0\"?><a b=\"c\">&lt;<d/><![CDATA[e]]></a>"],
    );
    add(
        "dates",
        &[
            "2024",
            "2024-02",
            "2024-02-29",
            "2024-02-29T23:59:59.123+01:00",
            "29/02/2024 13:45:00",
            "Feb 2024",
            "02/2024",
            "ge2024-03-31T01:30:00",
        ],
    );
    add("trace", &[PDS]);
    add("worklist", &[r#"{"registered":true}"#]);
    add("assertion", &[JWT, GP_CONNECT]);
    add("jwks", &[JWKS]);
    add(
        "scope",
        &[
            "system/*.rs",
            "system/Condition.rs?category=problem-list-item system/Observation.r patient/Patient.read",
            "system/AuditEvent.rs openid fhirUser launch",
            "openid fhirUser launch/patient offline_access patient/*.rs\npatient/*.rs openid patient/Condition.r",
        ],
    );
    add("authorize", &[STANDALONE, EHR_LAUNCH, AUTHORIZE_FAULTS]);
    add(
        "details",
        &[
            OCCASION,
            OVERRIDE,
            r#"[{"type":"https://openmig.org/occasion","occasion":"0192"}]"#,
        ],
    );
    add(
        "form",
        &["grant_type=client_credentials&scope=system%2F*.rs&client_assertion=a.b.c"],
    );
    add(
        "headers",
        &[
            "10.0.0.1, 192.0.2.7:443\napplication/fhir+json; fhirVersion=4.0, */*;q=0.1\njson\n10.0.0.0/8",
        ],
    );
    add(
        "search",
        &[
            "\u{1}code=http://snomed.info/sct|38341003,|x&_count=2&_sort=-recorded-date",
            "\u{a}date=ge2024&date=lt2025-03&category=laboratory&_include=Observation:encounter",
            "\u{7}_tag=summary&_summary=count&status:not=retired",
            "\u{0}patient=Patient/x&subject:Patient=y&identifier=a|b&_id=c,d\\,e&_lastUpdated=gt2020",
        ],
    );
}

/// Files of an operator or a clinician, each behind the byte that says which it is.
fn files(seeds: &mut Vec<Seed>) {
    let mut add = |target, n: u8, text: &str| {
        let mut bytes = vec![n];
        bytes.extend_from_slice(text.as_bytes());
        seeds.push((target, format!("{n:02}"), bytes));
    };
    for (n, text) in (0..).zip([
        include_str!("../../docs/example/register/agreement.toml"),
        include_str!("../../docs/example/register/organisations.toml"),
        include_str!("../../docs/example/register/users.toml"),
        "[[client]]\nid = \"a\"\nname = \"A\"\norganisation = \"Z9H01\"\n[client.authentication]\nmethod = \"public\"\n",
        include_str!("../../docs/example/register/protocols.toml"),
        include_str!("../../docs/example/register/terms.toml"),
    ]) {
        add("register", n, text);
    }
    // The first lines are enough of a long table.
    let head = |text: &str| -> String {
        text.lines()
            .take(30)
            .map(|line| format!("{line}\n"))
            .collect()
    };
    for (n, text) in (0..).zip([
        include_str!("../../mappings/exclusions/list.toml").to_owned(),
        include_str!("../../mappings/exclusions/policy.toml").to_owned(),
        head(include_str!("../../mappings/exclusions/appendix-a.csv")),
        head(include_str!(
            "../../mappings/exclusions/appendix-a-descendants.csv"
        )),
        include_str!("../../mappings/exclusions/additions.csv").to_owned(),
    ]) {
        add("exclusions", n, &text);
    }
    let tables = openmig::mapping::TableFiles::embedded();
    for (n, (_, text)) in (0..).zip(tables.iter()) {
        let text = if n == 0 { text.to_owned() } else { head(text) };
        add("mappings", n, &text);
    }
    let config = include_str!("../../docs/example/openmig.toml");
    seeds.push(("config", "00".to_owned(), config.as_bytes().to_vec()));
}
