//! Golden files, and the rules that hold for every record.

pub(super) mod build;
mod fixtures;
mod golden;
mod rules;
mod silence;
mod states;
mod whole;

use super::{Mapped, MappedRecord, MappingContext, Tables, map};
use crate::fhir::{IdKey, to_json};
use crate::record::{GpRecord, NhsNumber};

fn mapped(record: GpRecord) -> MappedRecord {
    let tables = Tables::load().unwrap();
    let ids = IdKey::new([7; 32]);
    let nhs_number = NhsNumber::parse("9990000018").unwrap();
    let ctx = MappingContext {
        tables: &tables,
        patient: ids.patient(&nhs_number),
        ids: &ids,
        nhs_number: &nhs_number,
        today: build::TODAY,
        practice_name: "Testley Surgery",
    };
    map(record, &ctx)
}

fn json(one: &Mapped) -> String {
    String::from_utf8(to_json(&one.resource).unwrap()).unwrap()
}
