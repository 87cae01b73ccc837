//! The smallest XML writer that will do: one buffer, escaping, no indentation.

use std::borrow::Cow;

/// XML under construction. Names are the caller's constants; text and attribute values are escaped here.
#[derive(Debug, Default)]
pub struct Xml {
    out: String,
}

impl Xml {
    /// An empty document with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: String::with_capacity(bytes),
        }
    }

    /// The XML declaration.
    pub fn declaration(&mut self) {
        self.out
            .push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }

    /// A start tag.
    pub fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    /// A start tag with attributes.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.head(name, attributes);
        self.out.push('>');
    }

    /// An end tag.
    pub fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element of text; empty text gives an empty element.
    pub fn leaf(&mut self, name: &str, text: &str) {
        self.leaf_with(name, &[], text);
    }

    /// An element of text with attributes.
    pub fn leaf_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        if text.is_empty() {
            self.empty(name, attributes);
            return;
        }
        self.open_with(name, attributes);
        self.text(text);
        self.close(name);
    }

    /// An element of text where there is one, otherwise nothing.
    pub fn some(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An empty element.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.head(name, attributes);
        self.out.push_str("/>");
    }

    /// Text inside the open element.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.out, text);
    }

    /// What has been written.
    #[must_use]
    pub fn into_string(self) -> String {
        self.out
    }

    fn head(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escape(&mut self.out, value);
            self.out.push('"');
        }
    }
}

/// Escapes what XML needs escaped and leaves out characters that XML 1.0 cannot carry.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(character),
        }
    }
}

/// At most `limit` characters, for fields that the schema limits.
pub fn at_most(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().count() <= limit {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut xml = Xml::with_capacity(64);
        xml.open_with("a", &[("b", "1 < 2 & \"3\"")]);
        xml.leaf("c", "x\u{0}<y>\r\n&");
        xml.leaf("d", "");
        xml.some("e", None);
        xml.close("a");
        assert_eq!(
            xml.into_string(),
            "<a b=\"1 &lt; 2 &amp; &quot;3&quot;\"><c>x&lt;y&gt;&#13;\n&amp;</c><d/></a>"
        );
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(at_most("\u{e9}\u{e9}\u{e9}", 2), "\u{e9}\u{e9}".to_owned());
        assert_eq!(at_most("ab", 2), "ab".to_owned());
    }
}
