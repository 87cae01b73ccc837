//! Numbers for the resources of one record, so that the many references between them take little room.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fhir::Kind;

/// A resource by its type and the number of its id. It tells nothing outside the record that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) id: u32,
}

/// The numbers given so far.
#[derive(Debug, Default)]
pub(super) struct Keys {
    ids: HashMap<Arc<str>, u32>,
}

impl Keys {
    /// The number of an id; a new one where it has none yet.
    pub(super) fn id(&mut self, id: &str) -> u32 {
        match self.ids.get(id) {
            Some(number) => *number,
            None => self.add(Arc::from(id)),
        }
    }

    /// The one copy of an id, with its number.
    pub(super) fn shared(&mut self, id: &str) -> (Arc<str>, u32) {
        if let Some((text, number)) = self.ids.get_key_value(id) {
            return (Arc::clone(text), *number);
        }
        let text: Arc<str> = Arc::from(id);
        let number = self.add(Arc::clone(&text));
        (text, number)
    }

    fn add(&mut self, id: Arc<str>) -> u32 {
        // More than four thousand million ids do not fit into any answer.
        let number = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        self.ids.insert(id, number);
        number
    }

    /// The resource that a literal reference (`Kind/id`) names; `None` where that is none that this gateway could serve.
    pub(super) fn of(&mut self, reference: &str) -> Option<Key> {
        let (kind, id) = split(reference)?;
        Some(Key {
            kind,
            id: self.id(id),
        })
    }

    /// As [`Self::of`], for what has a number already.
    pub(super) fn find(&self, reference: &str) -> Option<Key> {
        let (kind, id) = split(reference)?;
        self.find_id(kind, id)
    }

    /// The key of a resource that has one.
    pub(super) fn find_id(&self, kind: Kind, id: &str) -> Option<Key> {
        let id = *self.ids.get(id)?;
        Some(Key { kind, id })
    }
}

fn split(reference: &str) -> Option<(Kind, &str)> {
    let (kind, id) = reference.split_once('/')?;
    Some((Kind::from_name(kind)?, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_ids_own() {
        let mut keys = Keys::default();
        let a = keys.of("Observation/a");
        assert_eq!(keys.of("Observation/a"), a);
        assert_ne!(keys.of("Condition/a"), a);
        assert_ne!(keys.of("Observation/b"), a);
        assert_eq!(keys.find("Observation/a"), a);
        assert_eq!(keys.find("Observation/c"), None);
        assert_eq!(keys.shared("a").1, keys.id("a"));
        for foreign in ["#inside", "https://else.where/Observation/a", "Basic/a"] {
            assert_eq!(keys.of(foreign), None, "{foreign}");
        }
    }
}
