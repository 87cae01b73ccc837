//! The mapping tables of an installation: a clinician changes and signs them, `openmig check mappings` looks at them, a gateway
//! begins with them or not at all (issue 4; design.md 5).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::replicas::config;
use crate::support::{TestGateway, timing};

/// A folder with one table, which a clinician has changed.
fn changed(gateway: &TestGateway, change: impl Fn(&str) -> String) -> std::path::PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/units.csv");
    let folder = gateway.data.join("mappings");
    std::fs::create_dir_all(&folder).unwrap();
    let text = std::fs::read_to_string(ours).unwrap();
    std::fs::write(folder.join("units.csv"), change(&text)).unwrap();
    folder
}

fn openmig() -> Command {
    Command::new(env!("CARGO_BIN_EXE_openmig"))
}

#[test]
fn an_installation_maps_by_its_own_tables() {
    let gateway = TestGateway::start("mapping-tables", timing());
    let folder = changed(&gateway, |text| format!("# Signed once more.\n{text}"));
    let checked = openmig().args(["check", "mappings"]).arg(&folder).output();
    let checked = String::from_utf8(checked.unwrap().stdout).unwrap();
    let (_, hash) = checked.trim().rsplit_once("hash ").unwrap();

    let path = config(&gateway, &format!("mappings_dir = '{}'", folder.display()));
    let mut serve = openmig();
    serve.args(["serve", "--config"]).arg(&path);
    let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    child.kill().and_then(|()| child.wait()).unwrap();
    assert!(line.starts_with("ready"), "{line}");
    let rows: i64 = gateway
        .database()
        .query_row(
            "SELECT count(*) FROM audit_event WHERE query = ?1",
            [format!("mappings {hash}")],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(rows, 1, "the trail says by which tables");
}

#[test]
fn a_bad_table_keeps_a_gateway_from_starting() {
    let gateway = TestGateway::start("bad-mapping-tables", timing());
    let folder = changed(&gateway, |text| {
        format!("{text}mmol/X,mmol/X,mmol/X,mmol/X,one more\n")
    });
    let path = config(&gateway, &format!("mappings_dir = '{}'", folder.display()));
    let mut serve = openmig();
    let said = serve
        .args(["serve", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(!said.status.success());
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert!(stderr.contains("units.csv:"), "{stderr}");
    assert!(!String::from_utf8_lossy(&said.stdout).contains("ready"));
}
