//! Numbers leave digit for digit, or are counted where JSON has no room for their spelling.

use super::{openhr, parse};
use crate::record::{Body, GpRecord, Value};

/// The first entry's value as (number, words), and where a number was respelled.
fn said(record: &GpRecord) -> (Option<String>, Option<String>, Vec<String>) {
    let Body::Observation(body) = &record.entries[0].body else {
        panic!("an observation");
    };
    let (number, words) = match &body.value {
        Some(Value::Quantity(quantity)) => (Some(quantity.value.clone()), None),
        Some(Value::Text(words)) => (None, Some(words.clone())),
        other => panic!("{other:?}"),
    };
    let respelled = record
        .losses
        .iter()
        .filter(|l| l.reason == "number-respelled");
    (
        number,
        words,
        respelled.map(|l| l.path.to_string()).collect(),
    )
}

// Values exactly as sent (R028): the same number in another spelling is counted by its path; never another number.
#[test]
fn a_number_is_never_another_one() {
    for (sent, number) in [
        ("7", Some("7")),
        ("7.00", Some("7.00")),
        ("-0.50", Some("-0.50")),
        ("1e3", Some("1e3")),
        ("1E3", Some("1E3")),
        ("123456789012345678", Some("123456789012345678")),
        ("007", Some("7")),
        (".5", Some("0.5")),
        ("+5", Some("5")),
        ("5.", Some("5")),
        ("5,0", None),
        ("1234567890123456789", None),
        ("0.1234567890123456789", None),
        ("1e99", None),
        ("5 6", None),
        ("0x10", None),
    ] {
        let record = openhr(&format!(
            "<event><id>1</id><eventType>VAL</eventType><observation><value><numeric><value>{sent}</value><units>u</units>\
             </numeric></value></observation></event>"
        ));
        let other = parse(&format!(
            "<MedicalRecord><Registration><NhsNumber>9990000018</NhsNumber></Registration><EventList><Event><RefID>1</RefID><NumericValue><Value>{sent}</Value><Units>u</Units>\
             </NumericValue></Event></EventList></MedicalRecord>"
        ));
        for (record, path) in [
            (
                record,
                "healthDomain/event[VAL]/observation/value/numeric/value",
            ),
            (other, "EventList/Event/NumericValue/Value"),
        ] {
            let (read, words, respelled) = said(&record);
            assert_eq!(read.as_deref(), number, "{sent}");
            let expected = number.is_none().then(|| format!("{sent} u"));
            assert_eq!(words, expected, "{sent}");
            let counted = number.is_some_and(|number| number != sent);
            assert_eq!(respelled, vec![path; usize::from(counted)], "{sent}");
        }
    }
}

// Bounds of ranges and amounts of medicine likewise
#[test]
fn bounds_and_amounts_are_counted_too() {
    let record = openhr(
        "<event><id>1</id><eventType>VAL</eventType><observation><value><numeric><value>5</value><range><numericRange>\
         <low value='.5'/><high value='9'/></numericRange></range></numeric></value></observation></event>\
         <event><id>2</id><eventType>MED</eventType><medication><quantity>028</quantity></medication></event>",
    );
    let respelled: Vec<&str> = record
        .losses
        .iter()
        .filter(|l| l.reason == "number-respelled")
        .map(|l| &*l.path)
        .collect();
    assert_eq!(
        respelled,
        [
            "healthDomain/event[VAL]/observation/value/numeric/range/numericRange/low",
            "healthDomain/event[MED]/medication/quantity"
        ]
    );
}
