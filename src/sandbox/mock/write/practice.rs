//! Fictional practices and staff, in the parts that the suppliers' formats want.

use crate::sandbox::story::{Person, STAFF};

/// Name and address of a practice (`sandbox.md`; addresses are made up).
pub struct Practice {
    /// Name.
    pub name: &'static str,
    /// Street.
    pub street: &'static str,
    /// Town.
    pub town: &'static str,
    /// County.
    pub county: &'static str,
    /// Postcode of a range that is not in use.
    pub postcode: &'static str,
}

/// The practice with this ODS code.
pub fn practice(ods: &str) -> Practice {
    let (name, street, town, county) = match ods {
        "Z99001" => (
            "Fosse Way Surgery",
            "1 Fosse Way",
            "Syston",
            "Leicestershire",
        ),
        "Z99002" => (
            "Rutland Water Medical Centre",
            "2 Reservoir Road",
            "Oakham",
            "Rutland",
        ),
        "Z99003" => (
            "Charnwood House Surgery",
            "3 Forest Road",
            "Loughborough",
            "Leicestershire",
        ),
        "Z99004" => (
            "Melton Brook Practice",
            "4 Brook Lane",
            "Melton Mowbray",
            "Leicestershire",
        ),
        "Z99005" => (
            "Wigston Lane Surgery",
            "5 Wigston Lane",
            "Wigston",
            "Leicestershire",
        ),
        "Z99006" => (
            "Oadby Park Surgery",
            "6 Park Street",
            "Oadby",
            "Leicestershire",
        ),
        _ => ("Surgery", "", "", ""),
    };
    Practice {
        name,
        street,
        town,
        county,
        postcode: "ZZ99 3VZ",
    }
}

/// A member of staff, the name in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff {
    /// Place in [`STAFF`].
    pub place: usize,
    /// Title, empty where none.
    pub title: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Surname.
    pub family: &'static str,
    /// Role.
    pub role: &'static str,
    /// GMC number of a doctor.
    pub gmc: Option<&'static str>,
}

impl Staff {
    /// `u32` key for ids.
    pub fn key(self) -> u32 {
        u32::try_from(self.place).unwrap_or(u32::MAX)
    }

    /// `awhitfield0001`.
    pub fn login(self) -> String {
        let first = self.given.chars().take(1).collect::<String>();
        format!("{first}{}{:04}", self.family, self.place + 1).to_lowercase()
    }
}

/// The member of staff at this place of [`STAFF`]; the first where there is none.
pub fn staff(place: usize) -> Staff {
    let place = if place < STAFF.len() { place } else { 0 };
    let (name, role, gmc) = STAFF.get(place).copied().unwrap_or_default();
    let (title, rest) = match name.split_once(' ') {
        Some((title @ ("Dr" | "Nurse"), rest)) => (title, rest),
        _ => ("", name),
    };
    let (given, family) = rest.split_once(' ').unwrap_or(("", rest));
    Staff {
        place,
        title,
        given,
        family,
        role,
        gmc,
    }
}

/// Everybody.
pub fn all_staff() -> impl Iterator<Item = Staff> {
    (0..STAFF.len()).map(staff)
}

/// The patient's usual GP: one of the doctors, the same every time.
pub fn usual_gp(person: &Person) -> Staff {
    let doctors: Vec<Staff> = all_staff().filter(|one| one.gmc.is_some()).collect();
    let turn = person
        .nhs_number
        .bytes()
        .map(usize::from)
        .sum::<usize>()
        .checked_rem(doctors.len())
        .unwrap_or_default();
    doctors.get(turn).copied().unwrap_or_else(|| staff(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_names_come_apart() {
        let doctor = staff(0);
        assert_eq!(
            (doctor.title, doctor.given, doctor.family),
            ("Dr", "Amara", "Whitfield")
        );
        assert_eq!(doctor.login(), "awhitfield0001");
        let assistant = staff(4);
        assert_eq!(
            (assistant.title, assistant.given, assistant.family),
            ("", "Gareth", "Loddington")
        );
        assert_eq!(staff(99), staff(0));
    }
}
