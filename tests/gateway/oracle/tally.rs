//! Counting what agrees, what agrees only by a written rule, what differs and what has no place, and holding all of it to
//! a file that a reader can check.

use std::collections::BTreeMap;

/// The count of one item.
#[derive(Default, Clone, Copy)]
pub struct Figure {
    /// How often both say the same.
    pub agree: usize,
    /// How often it was compared.
    pub total: usize,
}

/// What a comparison found.
#[derive(Default)]
pub struct Tally {
    figures: BTreeMap<(String, String), Figure>,
    /// By list of the file (`rule`, `difference`, `left_out`) and class: where, in words.
    classes: BTreeMap<(&'static str, String), Vec<String>>,
    /// What became what.
    pub became: BTreeMap<String, usize>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    rule: Vec<Row>,
    #[serde(default)]
    difference: Vec<Row>,
    #[serde(default)]
    left_out: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    class: String,
    count: usize,
    why: String,
}

impl Tally {
    fn figure(&mut self, kind: &str, item: &str) -> &mut Figure {
        let key = (kind.to_owned(), item.to_owned());
        self.figures.entry(key).or_default()
    }

    /// The two say the same.
    pub fn agree(&mut self, kind: &str, item: &str) {
        let figure = self.figure(kind, item);
        figure.agree += 1;
        figure.total += 1;
    }

    /// The two say the same once a written rule is applied.
    pub fn by_rule(&mut self, kind: &str, item: &str, rule: &str, at: &str) {
        self.agree(kind, item);
        self.note("rule", rule, at);
    }

    /// The two differ.
    pub fn differ(&mut self, kind: &str, item: &str, at: &str) {
        self.figure(kind, item).total += 1;
        self.note("difference", &format!("{kind}.{item}"), at);
    }

    /// Something that the agreement or a format has no place for: not compared, but counted.
    pub fn left_out(&mut self, class: &str, at: &str) {
        self.note("left_out", class, at);
    }

    fn note(&mut self, list: &'static str, class: &str, at: &str) {
        let places = self.classes.entry((list, class.to_owned())).or_default();
        places.push(at.to_owned());
    }

    /// Compares two texts; nothing on both sides is nothing to compare.
    pub fn same(
        &mut self,
        kind: &str,
        item: &str,
        expected: Option<&str>,
        found: Option<&str>,
        at: &str,
    ) {
        if expected.is_none() && found.is_none() {
            return;
        }
        if expected == found {
            self.agree(kind, item);
        } else {
            let at = format!("{at}: {expected:?} became {found:?}");
            self.differ(kind, item, &at);
        }
    }

    /// Everything that was compared.
    pub fn whole(&self) -> Figure {
        let mut whole = Figure::default();
        for figure in self.figures.values() {
            whole.agree += figure.agree;
            whole.total += figure.total;
        }
        whole
    }

    /// The figures by resource type, then by item where something differs.
    pub fn print(&self, what: &str) {
        let mut kinds: BTreeMap<&str, Figure> = BTreeMap::new();
        for ((kind, _), figure) in &self.figures {
            let sum = kinds.entry(kind).or_default();
            sum.agree += figure.agree;
            sum.total += figure.total;
        }
        println!("{what}: items that agree");
        let percent = |f: Figure| 100.0 * f.agree as f64 / f.total.max(1) as f64;
        for (kind, figure) in kinds {
            let (agree, total) = (figure.agree, figure.total);
            println!(
                "  {kind:24} {agree:6} of {total:6}  {:6.2} %",
                percent(figure)
            );
        }
        let whole = self.whole();
        let (agree, total) = (whole.agree, whole.total);
        println!(
            "  {:24} {agree:6} of {total:6}  {:6.2} %",
            "all",
            percent(whole)
        );
        for ((list, class), places) in &self.classes {
            println!("  {list:10} {:5}  {class}", places.len());
        }
        for (what, count) in &self.became {
            println!("  became     {count:5}  {what}");
        }
    }

    /// Holds what was found to the file: every class with its count, nothing more and nothing less.
    pub fn hold_to(&self, file: &str, text: &str) {
        let expected: Expected = match toml::from_str(text) {
            Ok(expected) => expected,
            Err(error) => panic!("{file}: {error}"),
        };
        let mut rows: BTreeMap<(&str, &str), &Row> = BTreeMap::new();
        for (list, all) in [
            ("rule", &expected.rule),
            ("difference", &expected.difference),
            ("left_out", &expected.left_out),
        ] {
            for row in all {
                assert!(row.why.len() > 20, "{file}: {} has no reason", row.class);
                let before = rows.insert((list, &row.class), row);
                assert!(before.is_none(), "{file}: {} twice", row.class);
            }
        }
        let mut wrong = Vec::new();
        for ((list, class), places) in &self.classes {
            let known = rows.remove(&(*list, class.as_str())).map(|row| row.count);
            if known != Some(places.len()) {
                let some: Vec<&str> = places.iter().take(4).map(String::as_str).collect();
                wrong.push(format!(
                    "{list} \"{class}\": {} times, {file} says {known:?}; for example\n    {}",
                    places.len(),
                    some.join("\n    ")
                ));
            }
        }
        for (list, class) in rows.keys() {
            wrong.push(format!(
                "{list} \"{class}\": {file} has it, it no longer occurs"
            ));
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}
