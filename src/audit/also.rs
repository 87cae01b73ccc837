//! What a row says beside its columns (R034, R158, R172): the site that asked, the legal gateway, the tabs that were asked for and
//! those of which something left.
//!
//! It is the last member of the array in the column `decision`, which is in the row's leaf: so it is proven with the row, and a
//! trail from before it is read and proven as ever.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::OdsCode;
use crate::register::GatewayKind;
use crate::tabs::catalogue::TabSet;

/// What the gateway says in the trail of its own accord: `interaction` of the row.
pub const FLAG: &str = "flag";
/// `query` of such a row: clinician and patient share a family name (R110).
pub const SAME_NAME: &str = "same-name";
/// The same: nobody but the clinician says that they care for the patient (R105).
pub const CLAIMED: &str = "relationship-claimed";

/// What a row says beside its columns. Nothing of it is there: it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Also {
    /// The viewer's site or service.
    pub site: Option<OdsCode>,
    /// The legal gateway of a use that is not for direct care.
    pub gateway: Option<GatewayKind>,
    /// Tabs that were asked for by name; `None`: no tab was named. Those allowed are the column `tabs`.
    pub asked: Option<TabSet>,
    /// Tabs of which something left.
    pub returned: Option<TabSet>,
}

/// As it is written: tabs as bits, so that rows stay small.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<OdsCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<u16>,
}

impl Also {
    /// The column `decision` with this at its end.
    #[must_use]
    pub fn beside(&self, decision: Option<String>) -> Option<String> {
        if *self == Self::default() {
            return decision;
        }
        let written = Written {
            site: self.site.clone(),
            gateway: self.gateway,
            asked: self.asked.map(TabSet::bits),
            returned: self.returned.map(TabSet::bits),
        };
        let own = json!({ "also": written });
        match decision {
            None => Some(json!([own]).to_string()),
            // Only a list has an end to stand at; what is no list of decisions says all there is by itself.
            Some(text) => Some(match text.strip_suffix(']') {
                Some("[") => json!([own]).to_string(),
                Some(list) => format!("{list},{own}]"),
                None => text,
            }),
        }
    }

    /// What such a column says.
    #[must_use]
    pub fn of(decision: Option<&str>) -> Self {
        // Not every row is taken apart: most say nothing.
        let text = decision.filter(|text| text.contains("\"also\":"));
        let members: Vec<Value> = text
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let written: Written = members
            .last()
            .and_then(|last| Written::deserialize(last.get("also")?).ok())
            .unwrap_or_default();
        Self {
            site: written.site,
            gateway: written.gateway,
            asked: written.asked.map(TabSet::from_bits),
            returned: written.returned.map(TabSet::from_bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabs::catalogue::Tab;

    // R034, R158, R172: what is written beside a decision is read again, and a column without it says nothing
    #[test]
    fn what_is_beside_a_decision_is_read_again() {
        let also = Also {
            site: Some(OdsCode("Z9H01A".to_owned())),
            gateway: Some(GatewayKind::Section251),
            asked: Some([Tab::Problems].into_iter().collect()),
            returned: Some(TabSet::NONE),
        };
        for decision in [None, Some("[]"), Some(r#"[{"as":"x"}]"#)] {
            let column = also.beside(decision.map(str::to_owned)).unwrap();
            assert_eq!(Also::of(Some(&column)), also, "{column}");
            let members: Vec<Value> = serde_json::from_str(&column).unwrap();
            assert!(members.len() <= 2);
        }
        let message = r#"{"message":"m"}"#.to_owned();
        assert_eq!(also.beside(Some(message.clone())), Some(message));
        assert_eq!(Also::default().beside(None), None);
        for nothing in [
            None,
            Some("[]"),
            Some("{"),
            Some(r#"[{"as":"x"}]"#),
            Some(r#"["also":1]"#),
        ] {
            assert_eq!(Also::of(nothing), Also::default());
        }
    }
}
