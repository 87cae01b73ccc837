//! A little XML writer, so that nothing of the sandbox's writers is shared.

/// Elements in a string.
#[derive(Default)]
pub struct Xml(pub String);

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Xml {
    /// An element with attributes, and what is inside it.
    pub fn with(
        &mut self,
        name: &str,
        attributes: &[(&str, Option<&str>)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.0.push_str(&format!("<{name}"));
        for (key, value) in attributes {
            if let Some(value) = value {
                self.0.push_str(&format!(" {key}=\"{}\"", escaped(value)));
            }
        }
        self.0.push('>');
        inside(self);
        self.0.push_str(&format!("</{name}>\n"));
    }

    /// An element, and what is inside it.
    pub fn of(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.with(name, &[], inside);
    }

    /// An element of text, where there is any.
    pub fn leaf(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.of(name, |xml| xml.0.push_str(&escaped(text)));
        }
    }
}
