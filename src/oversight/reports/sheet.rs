//! A report as data, and its three shapes: JSON, CSV, a printable page. One stylesheet, no script, everything escaped.

use crate::text::escape;
use serde_json::{Map, Value, json};

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// What it is, as a name without spaces: `access-audit`.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// Facts above the tables: key, words, value.
    pub facts: Vec<(&'static str, &'static str, Value)>,
    /// Sentences for the reader.
    pub notes: Vec<String>,
    /// The tables.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Key in JSON.
    pub key: &'static str,
    /// Heading.
    pub title: String,
    /// Columns: key and heading.
    pub columns: &'static [(&'static str, &'static str)],
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// A report with a title and nothing else yet.
    #[must_use]
    pub fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self {
            name,
            title: title.into(),
            facts: Vec::new(),
            notes: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// With a fact.
    #[must_use]
    pub fn fact(mut self, key: &'static str, words: &'static str, value: impl Into<Value>) -> Self {
        self.facts.push((key, words, value.into()));
        self
    }

    /// With a sentence.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// With a table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// As JSON: facts as members, each table as a list of objects under its key.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut out = Map::new();
        out.insert("report".to_owned(), self.name.into());
        out.insert("title".to_owned(), self.title.as_str().into());
        for (key, _, value) in &self.facts {
            out.insert((*key).to_owned(), value.clone());
        }
        out.insert("notes".to_owned(), json!(self.notes));
        for table in &self.tables {
            let rows: Vec<Value> = table
                .rows
                .iter()
                .map(|row| {
                    let members = table
                        .columns
                        .iter()
                        .zip(row)
                        .map(|((key, _), value)| ((*key).to_owned(), value.clone()));
                    Value::Object(members.collect())
                })
                .collect();
            out.insert(table.key.to_owned(), rows.into());
        }
        Value::Object(out)
    }

    /// As CSV (RFC 4180): the first table; where there are more, each after an empty line and its heading.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::new();
        for (n, table) in self.tables.iter().enumerate() {
            if self.tables.len() > 1 {
                if n > 0 {
                    out.push_str("\r\n");
                }
                line(&mut out, [table.title.clone()].into_iter());
            }
            line(
                &mut out,
                table.columns.iter().map(|(key, _)| (*key).to_owned()),
            );
            for row in &table.rows {
                line(&mut out, row.iter().map(words));
            }
        }
        out
    }

    /// As a page to print.
    #[must_use]
    pub fn html(&self) -> String {
        let mut body = format!("<h1>{}</h1>\n", escape(&self.title));
        if !self.facts.is_empty() {
            body.push_str("<dl>\n");
            for (_, label, value) in &self.facts {
                body.push_str(&format!(
                    "<dt>{}</dt><dd>{}</dd>\n",
                    escape(label),
                    escape(&words(value))
                ));
            }
            body.push_str("</dl>\n");
        }
        for note in &self.notes {
            body.push_str(&format!("<p>{}</p>\n", escape(note)));
        }
        for table in &self.tables {
            body.push_str(&format!("<h2>{}</h2>\n", escape(&table.title)));
            if table.rows.is_empty() {
                body.push_str("<p>None.</p>\n");
                continue;
            }
            body.push_str("<table>\n<thead><tr>");
            for (_, heading) in table.columns {
                body.push_str(&format!("<th scope=\"col\">{}</th>", escape(heading)));
            }
            body.push_str("</tr></thead>\n<tbody>\n");
            for row in &table.rows {
                body.push_str("<tr>");
                for value in row {
                    body.push_str(&format!("<td>{}</td>", escape(&words(value))));
                }
                body.push_str("</tr>\n");
            }
            body.push_str("</tbody></table>\n");
        }
        page(&self.title, &body)
    }
}

/// A whole page around a body that is escaped already.
#[must_use]
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

const STYLE: &str = "body{font:16px/1.5 Arial,sans-serif;color:#212b32;margin:0}main{max-width:64rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}\
dt{font-weight:bold}dd{margin:0}table{border-collapse:collapse;width:100%;font-size:.9rem}\
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #aeb7bd;overflow-wrap:anywhere}\
@media print{main{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}";

/// A value in words: lists joined, nothing for `null`.
fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| format!("{key}: {}", words(value)))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(',');
        }
        // A spreadsheet would take it for a formula.
        let formula =
            cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let cell = if formula { format!("'{cell}") } else { cell };
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet::new("example", "An <example>")
            .fact("period", "Period", "2026")
            .note("Counts & words")
            .table(Table {
                key: "rows",
                title: "Rows".to_owned(),
                columns: &[("who", "Who"), ("count", "How often")],
                rows: vec![
                    vec!["a \"b\", c".into(), 3.into()],
                    vec!["=HYPERLINK(1)".into(), Value::Null],
                    vec![json!(["x", "y"]), (-2).into()],
                ],
            })
    }

    #[test]
    fn one_report_has_three_shapes() {
        let json = sheet().json();
        assert_eq!(json["rows"][0], json!({"who": "a \"b\", c", "count": 3}));
        assert_eq!(json["period"], "2026");
        assert_eq!(
            sheet().csv(),
            "who,count\r\n\"a \"\"b\"\", c\",3\r\n'=HYPERLINK(1),\r\n\"x, y\",-2\r\n"
        );
        let html = sheet().html();
        assert!(
            html.contains("<h1>An &lt;example&gt;</h1>") && html.contains("Counts &amp; words")
        );
        assert!(html.contains("<td>a &quot;b&quot;, c</td><td>3</td>"));
        assert!(!html.contains("<script") && !html.contains("http"));
    }
}
