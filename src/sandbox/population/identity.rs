//! Names, addresses and NHS numbers of people who do not exist.

use jiff::civil::Date;

use super::random::Random;
use crate::sandbox::story::{Behaviour, Person, Registration, Sharing, Trace};

const FAMILY: [&str; 48] = [
    "Adcock",
    "Ahmed",
    "Allsop",
    "Barsby",
    "Begum",
    "Bhatt",
    "Bonser",
    "Chauhan",
    "Clayton",
    "Cufflin",
    "Dakin",
    "Desai",
    "Exton",
    "Farmer",
    "Gamble",
    "Gill",
    "Goddard",
    "Hallam",
    "Hussain",
    "Ingram",
    "Jarvis",
    "Kaur",
    "Kirk",
    "Lakhani",
    "Lovett",
    "Mee",
    "Mistry",
    "Neal",
    "Nowak",
    "Okafor",
    "Orton",
    "Patel",
    "Peberdy",
    "Pick",
    "Quincey",
    "Rudkin",
    "Sharpe",
    "Sibson",
    "Singh",
    "Tebbutt",
    "Toone",
    "Underwood",
    "Vann",
    "Vaghela",
    "Weston",
    "Wójcik",
    "Yates",
    "O'Dell",
];
const WOMEN: [&str; 24] = [
    "Aisha", "Alice", "Amrit", "Anjali", "Beatrice", "Chidinma", "Dorothy", "Edith", "Farida",
    "Grace", "Hannah", "Irena", "Jyoti", "Kathleen", "Leanne", "Margaret", "Nisha", "Olive",
    "Pauline", "Rukhsana", "Sheila", "Teresa", "Vera", "Zofia",
];
const MEN: [&str; 24] = [
    "Alan", "Baljit", "Callum", "Derek", "Edwin", "Faisal", "George", "Harish", "Imran", "Jakub",
    "Kelechi", "Leonard", "Mahesh", "Neville", "Oliver", "Piotr", "Ravi", "Stanley", "Tariq",
    "Umesh", "Victor", "Walter", "Yusuf", "Zachary",
];
const STREETS: [&str; 20] = [
    "Abbey Close",
    "Bede Street",
    "Brook Lane",
    "Church Walk",
    "Coplow Crescent",
    "Denton Rise",
    "Fosse Row",
    "Gartree Drive",
    "Harebell Way",
    "Ironstone Road",
    "Kiln Yard",
    "Limekiln Lane",
    "Main Street",
    "Navigation Wharf",
    "Orchard View",
    "Pinfold Gate",
    "Quorn Terrace",
    "Stoneygate Mews",
    "Toll Bar Close",
    "Welland Avenue",
];
const PLACES: [(&str, &str, &str); 10] = [
    ("Belgrave", "Leicester", "Leicestershire"),
    ("Oadby", "Leicester", "Leicestershire"),
    ("Wigston Magna", "Wigston", "Leicestershire"),
    ("Sileby", "Loughborough", "Leicestershire"),
    ("Asfordby", "Melton Mowbray", "Leicestershire"),
    ("Great Bowden", "Market Harborough", "Leicestershire"),
    ("Whissendine", "Oakham", "Rutland"),
    ("Empingham", "Oakham", "Rutland"),
    ("Lyddington", "Uppingham", "Rutland"),
    ("Ketton", "Stamford", "Rutland"),
];

/// An address that no letter reaches: the postcode area `ZZ99` is not issued.
pub fn address(random: &mut Random) -> [String; 5] {
    let place = usize::try_from(random.between(0, 9)).unwrap_or(0);
    let (village, town, county) =
        PLACES
            .get(place)
            .copied()
            .unwrap_or(("Oadby", "Leicester", "Leicestershire"));
    let street = random.word(&STREETS);
    let letters = "ABDEFGHJLNPQRSTUWXYZ";
    let mut letter = || {
        let n = usize::try_from(random.between(0, 19)).unwrap_or(0);
        letters.chars().nth(n).unwrap_or('A')
    };
    let (one, two) = (letter(), letter());
    let postcode = format!("ZZ99 {}{one}{two}", random.between(1, 9));
    [
        format!("{} {street}", random.between(1, 140)),
        village.to_owned(),
        town.to_owned(),
        county.to_owned(),
        postcode,
    ]
}

/// An invented given name.
pub fn given(random: &mut Random, sex: char) -> String {
    random
        .word(if sex == 'F' { &WOMEN } else { &MEN })
        .to_owned()
}

/// An invented surname.
pub fn family(random: &mut Random) -> String {
    random.word(&FAMILY).to_owned()
}

/// A title that fits.
#[must_use]
pub fn title(sex: char, age: i16, random: &mut Random) -> &'static str {
    match (sex, age) {
        ('F', 0..16) => "Miss",
        ('F', _) => random.word(&["Mrs", "Mrs", "Ms", "Miss"]),
        (_, 0..16) => "Master",
        _ => "Mr",
    }
}

/// How many ordinary people there are numbers for.
pub const ORDINARY: u64 = 98_000 * 9;

/// The NHS number of ordinary person `index`: valid, of the 999 range that is never issued, different for every index
/// below [`ORDINARY`], and never one of the contract (which stay below 999 002 000 0).
#[must_use]
pub fn nhs_number(index: u64) -> String {
    // Of ten numbers that differ in the ninth digit at least nine have a check digit: take the n-th of them.
    let index = index % ORDINARY;
    let (ten, n) = (99_902_000 + index / 9, index % 9);
    let nth = usize::try_from(n).unwrap_or(0);
    (0..10)
        .map(|last| ten * 10 + last)
        .filter_map(|nine| check_digit(nine).map(|check| format!("{nine}{check}")))
        .nth(nth)
        .unwrap_or_default()
}

/// The other way round: whose number this is.
#[must_use]
pub fn index_of(number: &str) -> Option<u64> {
    let nine: u64 = number.get(..9)?.parse().ok()?;
    let ten = (nine / 10).checked_sub(99_902_000)?;
    let before = (0..nine % 10)
        .filter(|last| check_digit(nine / 10 * 10 + last).is_some())
        .count();
    let n = u64::try_from(before).ok().filter(|&n| n < 9)?;
    let index = ten * 9 + n;
    (index < ORDINARY && nhs_number(index) == number).then_some(index)
}

/// The Modulus 11 check digit of nine digits; none where it would be ten.
fn check_digit(nine: u64) -> Option<u64> {
    let mut rest = nine;
    let mut sum = 0;
    for weight in 2..=10 {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

/// A person with nothing special and nothing recorded yet.
#[must_use]
pub fn plain(nhs_number: String, sex: char, birth_date: Date, practice: &'static str) -> Person {
    Person {
        nhs_number,
        title: "",
        given: Vec::new(),
        family: String::new(),
        sex,
        birth_date,
        address: Default::default(),
        practice,
        registration: Registration::Full,
        registered: birth_date,
        sharing: Sharing::Implied,
        trace: Trace {
            verified: true,
            sensitive: false,
            deceased: None,
            differs: None,
        },
        behaviour: Behaviour::Answers,
        registered_for_treatment: true,
        about: "",
        contacts: Vec::new(),
        facts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::record::NhsNumber;

    // R002
    #[test]
    fn numbers_are_valid_unique_and_apart_from_the_contract() {
        let all: HashSet<String> = (0..50_000).map(nhs_number).collect();
        assert_eq!(all.len(), 50_000);
        for number in &all {
            assert!(NhsNumber::parse(number).is_ok(), "{number}");
            assert!(number.starts_with("999") && number.as_str() > "9990200000");
        }
        assert!((0..50_000).all(|index| index_of(&nhs_number(index)) == Some(index)));
        assert_eq!(index_of("9990000018"), None);
        assert_eq!(index_of("99902"), None);
        assert_eq!(index_of("not a number"), None);
        assert!(NhsNumber::parse(&nhs_number(ORDINARY - 1)).is_ok());
        assert!(nhs_number(ORDINARY - 1).starts_with("999"));
    }
}
