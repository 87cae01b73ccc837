//! Who did it, and where: free text with a role, a user name, a place (SystmOne pitfall 12).

use super::Clinical;
use crate::record::{Organisation, Staff};

impl Clinical {
    /// A person by user name; the same user name with other words in `DoneBy` is another person.
    pub fn staff(&mut self, user: Option<&str>, done_by: Option<&str>) -> Option<String> {
        let words = done_by.map(str::trim).filter(|text| !text.is_empty());
        let (name, role) = words.map_or((None, None), person);
        let name = name.or_else(|| user.map(ToOwned::to_owned))?;
        let mut id = user.map_or_else(|| name.clone(), ToOwned::to_owned);
        match self.staff_by_id.get(&id).and_then(|at| self.staff.get(*at)) {
            Some(known) if known.name == name || words.is_none() => return Some(id),
            Some(_) => {
                id = format!("{id}|{name}");
                if self.staff_by_id.contains_key(&id) {
                    return Some(id);
                }
            }
            None => {}
        }
        self.add_staff(Staff {
            id: id.clone(),
            name,
            role,
            gmc: None,
        });
        Some(id)
    }

    /// A person as `Metadata/User` describes them: what events said of the same user name stays.
    pub fn describe_staff(&mut self, told: Staff) {
        let at = self.staff_by_id.get(&told.id).copied();
        match at.and_then(|at| self.staff.get_mut(at)) {
            Some(known) => {
                known.gmc = told.gmc;
                known.role = known.role.take().or(told.role);
            }
            None => self.add_staff(told),
        }
    }

    fn add_staff(&mut self, staff: Staff) {
        self.staff_by_id.insert(staff.id.clone(), self.staff.len());
        self.staff.push(staff);
    }

    /// A place by its name.
    pub(super) fn organisation(&mut self, name: &str) -> String {
        if self.places.insert(name.to_owned()) {
            self.organisations.push(Organisation {
                id: name.to_owned(),
                name: name.to_owned(),
                ods: None,
            });
        }
        name.to_owned()
    }
}

/// `SURNAME, First (Role) ` to name and role.
fn person(text: &str) -> (Option<String>, Option<String>) {
    let (name, role) = match text.rsplit_once('(') {
        Some((name, rest)) => (
            name.trim(),
            rest.trim()
                .strip_suffix(')')
                .map(|role| role.trim().to_owned()),
        ),
        None => (text, None),
    };
    (
        Some(name.to_owned()).filter(|name| !name.is_empty()),
        role.filter(|role| !role.is_empty()),
    )
}
