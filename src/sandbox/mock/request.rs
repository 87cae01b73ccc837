//! Reads the small XML messages that the mock services are asked with.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// Elements deeper than this are not read.
const MAX_DEPTH: usize = 64;

/// A well-formed message, flattened.
#[derive(Debug, Default)]
pub struct Message {
    elements: Vec<Element>,
}

#[derive(Debug, Default)]
struct Element {
    /// Local names from the root to here, joined with `/`.
    path: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Message {
    /// Text of the first element whose path ends with these local names, blanks trimmed; `None` where absent or empty.
    pub fn text(&self, tail: &str) -> Option<&str> {
        self.find(tail)
            .map(|element| element.text.trim())
            .find(|text| !text.is_empty())
    }

    /// Is there an element, empty or not, whose path ends so?
    pub fn has(&self, tail: &str) -> bool {
        self.find(tail).next().is_some()
    }

    /// The attribute of the first element whose path ends so.
    pub fn attribute(&self, tail: &str, name: &str) -> Option<&str> {
        self.find(tail)
            .flat_map(|element| &element.attributes)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Local name of the root.
    pub fn root(&self) -> &str {
        self.elements.first().map_or("", |root| root.path.as_str())
    }

    fn find<'a, 'b>(&'a self, tail: &'b str) -> impl Iterator<Item = &'a Element> + use<'a, 'b> {
        self.elements.iter().filter(move |element| {
            element
                .path
                .strip_suffix(tail)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    }
}

/// How far bytes have come towards one message.
#[derive(Debug)]
pub enum Progress {
    /// The root element is not closed yet.
    Part,
    /// A message, and the number of bytes that it took.
    Whole(Message, usize),
    /// It cannot become a message.
    Broken,
}

/// Reads one message from the start of `bytes`, up to the end tag of its root.
pub fn read(bytes: &[u8]) -> Progress {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may have been cut at the end of what has arrived.
        Err(error) if error.error_len().is_none() => {
            let upto = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(upto).unwrap_or_default()
        }
        Err(_) => return Progress::Broken,
    };
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if !start.is_empty() && !start.starts_with('<') {
        return Progress::Broken;
    }
    let skipped = text.len() - start.len();
    let mut reader = Reader::from_str(start);
    let mut message = Message::default();
    let mut open: Vec<usize> = Vec::new();
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(quick_xml::Error::Syntax(_)) => return Progress::Part,
            Err(_) => return unfinished(&reader, start),
        };
        match event {
            Event::Start(tag) | Event::Empty(tag) if open.len() >= MAX_DEPTH => {
                drop(tag);
                return Progress::Broken;
            }
            Event::Start(tag) => {
                let Some(element) = element(&message, open.last(), &tag) else {
                    return Progress::Broken;
                };
                open.push(message.elements.len());
                message.elements.push(element);
            }
            Event::Empty(tag) => {
                let Some(element) = element(&message, open.last(), &tag) else {
                    return Progress::Broken;
                };
                message.elements.push(element);
                if open.is_empty() {
                    return Progress::Whole(message, skipped + position(&reader));
                }
            }
            Event::End(_) => {
                open.pop();
                if open.is_empty() {
                    return Progress::Whole(message, skipped + position(&reader));
                }
            }
            Event::Text(text) => add(&mut message, open.last(), &text.xml10_content()),
            Event::CData(text) => add(&mut message, open.last(), &text.xml10_content()),
            Event::GeneralRef(name) => {
                let known = match name.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    _ => quick_xml::escape::resolve_predefined_entity(&name.xml10_content())
                        .map(str::to_owned),
                };
                let Some(known) = known else {
                    return Progress::Broken;
                };
                add(&mut message, open.last(), &known);
            }
            Event::DocType(_) => return Progress::Broken,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return Progress::Part,
        }
    }
}

/// A reference that breaks off at the end of the bytes may still become one; anything else is broken.
fn unfinished(reader: &Reader<&[u8]>, text: &str) -> Progress {
    let from = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
    match text.get(from..) {
        Some(rest) if rest.starts_with('&') && !rest.contains(['<', ' ', ';']) => Progress::Part,
        _ => Progress::Broken,
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn element(
    message: &Message,
    parent: Option<&usize>,
    tag: &quick_xml::events::BytesStart<'_>,
) -> Option<Element> {
    let name = tag.local_name();
    let name: &str = name.as_ref();
    let path = match parent.and_then(|place| message.elements.get(*place)) {
        Some(parent) => format!("{}/{name}", parent.path),
        None => name.to_owned(),
    };
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let name = attribute.key.local_name();
        let name: &str = name.as_ref();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        attributes.push((name.to_owned(), value.into_owned()));
    }
    Some(Element {
        path,
        attributes,
        text: String::new(),
    })
}

fn add(message: &mut Message, place: Option<&usize>, text: &str) {
    if let Some(element) = place.and_then(|place| message.elements.get_mut(*place)) {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "<?xml version=\"1.0\"?>\n<a:A xmlns:a=\"x\"><B c=\"1&amp;2\">t&#233;xt &amp; m&lt;</B><C/></a:A>";

    #[test]
    fn a_message_is_read_up_to_its_last_end_tag() {
        let two = format!("{ONE}<next>");
        let Progress::Whole(message, length) = read(two.as_bytes()) else {
            panic!("not whole");
        };
        assert_eq!(length, ONE.len());
        assert_eq!(message.root(), "A");
        assert_eq!(message.text("A/B"), Some("t\u{e9}xt & m<"));
        assert_eq!(message.text("C"), None);
        assert_eq!(message.attribute("B", "c"), Some("1&2"));
    }

    #[test]
    fn every_part_of_a_message_is_a_part() {
        for upto in 0..ONE.len() {
            assert!(
                matches!(read(&ONE.as_bytes()[..upto]), Progress::Part),
                "{upto}"
            );
        }
    }

    #[test]
    fn what_cannot_become_a_message_is_broken() {
        for bad in [
            &b"hello"[..],
            b"\xff\xfe<",
            b"<a></b>",
            b"<a>&nope;</a>",
            b"<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
        ] {
            assert!(matches!(read(bad), Progress::Broken), "{bad:?}");
        }
        assert!(matches!(
            read("<a>".repeat(1000).as_bytes()),
            Progress::Broken
        ));
    }
}
