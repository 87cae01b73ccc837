//! Another exclusion list, while the gateway runs and when it starts.

use http::Method;
use openmig::sandbox::run::{SandboxOptions, start};
use serde_json::Value;

use super::support::{Ask, TestGateway, timing, until, wait};

fn in_force(gateway: &TestGateway) -> Value {
    gateway
        .send(Method::GET, "/exclusions.json", &[], "")
        .expect(200)
        .json()
}

// R041, R042, R048, R049
#[test]
fn another_list_changes_what_leaves_without_rebuild() {
    let gateway = TestGateway::start("reload", timing());
    let list = gateway.data.join("exclusions/list.toml");
    let first = in_force(&gateway);
    let sti = |list: &Value| {
        let categories = list["categories"].as_array().unwrap();
        categories
            .iter()
            .find(|one| one["code"] == "sti")
            .unwrap()
            .clone()
    };
    assert_eq!(sti(&first)["withheld"], true);
    assert!(
        sti(&first)["legal_basis"]
            .as_str()
            .unwrap()
            .contains("Directions 2000")
    );
    assert_eq!(sti(&first)["rows"].as_array().unwrap().len(), 25);
    let token = gateway.token(&Ask::consent("9990000751"));
    let conditions = || {
        let path = format!("Condition?patient={}&_count=200", token.patient);
        gateway.get(&token, &path).expect(200).resources().len()
    };
    let before = conditions();

    let text = std::fs::read_to_string(&list).unwrap();
    let (head, tail) = text.split_once("code = \"sti\"").unwrap();
    let tail = tail.replacen("withhold = true", "withhold = false", 1);
    let other = format!("{head}code = \"sti\"{tail}").replace("2015.06-1", "2015.06-1-tested");
    std::fs::write(&list, &other).unwrap();
    until(|| in_force(&gateway)["version"] != first["version"]);
    let second = in_force(&gateway);
    assert!(
        second["version"]
            .as_str()
            .unwrap()
            .starts_with("2015.06-1-tested+")
    );
    assert_eq!(sti(&second)["withheld"], false);
    assert!(conditions() > before, "a record that was held is made anew");
    let applied: String = gateway
        .database()
        .query_row(
            "SELECT exclusions FROM audit_event WHERE what = 'disclosure' ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(second["version"], applied.as_str());

    // A damaged list: what was in force stays, the group is told, and a start is refused.
    std::fs::write(&list, other.replace("count = 66", "count = 65")).unwrap();
    let told = || {
        gateway.number(
            "SELECT count(*) FROM notice WHERE kind = 'exclusions-refused'",
            &[],
        )
    };
    until(|| told() > 0);
    assert_eq!(told(), 1);
    assert_eq!(in_force(&gateway)["version"], second["version"]);
    let again = SandboxOptions {
        limits: None,
        port: 0,
        data: gateway.data.clone(),
        fresh: false,
        patients: 0,
        seed: 1,
        timing: Some(timing()),
        providers: Vec::new(),
    };
    let refused = wait(start(&again))
        .err()
        .expect("it started without its list");
    assert!(refused.to_string().contains("exclusion list"), "{refused}");
}
