//! Numbers leave digit for digit, or as the text that was sent.

use super::read;
use crate::record::{Body, OdsCode, Value};

// R028: `Value` is a text. What is no plain decimal in it stays that text, with its unit; nothing is respelled, and nothing
// of a number is taken for a unit.
#[test]
fn a_number_is_never_another_one() {
    for (sent, number) in [
        ("7", Some("7")),
        ("7.00", Some("7.00")),
        ("007", None),
        (".5", None),
        ("+5", None),
        ("5.", None),
        ("5,0", None),
        ("1e3", None),
        ("5 x 10^9", None),
        ("1234567890123456789", None),
    ] {
        let record = read(
            format!(
                "<ClientIntegrationResponse><Response><Clinical><Event EventUID='1'><ClinicalCode><Value>{sent}</Value>\
                 <Units>u</Units></ClinicalCode></Event></Clinical></Response></ClientIntegrationResponse>"
            )
            .as_bytes(),
            &OdsCode("Z99002".to_owned()),
        )
        .unwrap();
        let Body::Observation(body) = &record.entries[0].body else {
            panic!("an observation");
        };
        match &body.value {
            Some(Value::Quantity(quantity)) => {
                let said = (Some(quantity.value.as_str()), quantity.unit.as_deref());
                assert_eq!(said, (number, Some("u")), "{sent}");
            }
            Some(Value::Text(words)) => {
                assert_eq!((number, words), (None, &format!("{sent} u")), "{sent}");
            }
            other => panic!("{sent}: {other:?}"),
        }
        let units = record.losses.iter().filter(|l| l.path.contains("Units"));
        assert_eq!(units.count(), 0, "{sent}");
    }
}
