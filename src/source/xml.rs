//! Hardened XML reading: no DTD, no external entities, depth, size and attribute caps, positions in errors.
//!
//! [`Pull`] streams from start tag to start tag over bytes that are already bounded; [`Element`] is the small tree of one
//! item (an event, an encounter), read under its own caps, so that a large message never becomes one tree. What a message
//! makes its reader keep is bounded too ([`Pull::keep`]): many small items must not become much memory.
//! Names are local names: prefixes and namespace declarations are ignored, as every supplier spells them differently.

mod element;

pub use element::Element;

use std::cell::Cell;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

/// Why bytes are not acceptable XML, with the position in bytes from the start.
#[derive(Debug, thiserror::Error)]
#[error("{what} at byte {position}")]
pub struct XmlError {
    /// What is wrong; never quotes the content.
    pub what: String,
    /// Where.
    pub position: u64,
}

/// Bytes of ids, dates and short words that every item has, and a reader's own estimate knows of.
const SHORT: usize = 1_200;

/// Bytes of a resource when it has been made: what the record has of it, its JSON, and what it is found by.
const RESOURCE: usize = 2_900;
/// The same of a contact, which has few fields.
const CONTACT: usize = 2_000;

/// What a record may become, as far as it has been read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Becomes {
    /// Resources, contacts apart.
    pub resources: usize,
    /// Contacts.
    pub contacts: usize,
}

/// The caps of one message.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Elements inside one another.
    pub depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of all attributes of one element, and of one name.
    pub attribute_bytes: usize,
    /// Bytes of text directly in one element.
    pub text_bytes: usize,
    /// Elements and attributes of one [`Element`] tree.
    pub item_nodes: usize,
    /// Bytes of text and attributes of one [`Element`] tree.
    pub item_bytes: usize,
    /// Bytes of the message and of all that is kept of it.
    pub kept_bytes: usize,
    /// Bytes of all that is made of it, when the message itself is gone.
    pub made_bytes: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            depth: 64,
            attributes: 64,
            attribute_bytes: 64 * 1024,
            text_bytes: 1024 * 1024,
            item_nodes: 12_000,
            item_bytes: 2 * 1024 * 1024,
            kept_bytes: 62_000_000,
            made_bytes: 58_000_000,
        }
    }
}

/// A start tag.
#[derive(Debug, Clone)]
pub struct Start {
    /// Local name.
    pub name: String,
    /// Attributes but namespace declarations and `xsi:` ones, by local name.
    pub attributes: Vec<Attribute>,
    /// Its depth; the root has depth 1.
    pub depth: usize,
    /// Where the tag begins, in bytes.
    pub position: u64,
}

impl Start {
    /// An attribute's value, trimmed; an empty one is absent.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        find_attribute(&self.attributes, name)
    }
}

/// One attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Local name.
    pub name: String,
    /// Value, entities resolved.
    pub value: String,
    read: Cell<bool>,
}

/// Streams the start tags of one message.
///
/// ```
/// # use openmig::source::xml::Pull;
/// let mut pull = Pull::new(b"<list><item n='1'>a</item><other/><item>b</item></list>")?;
/// let mut items = Vec::new();
/// if let Some(list) = pull.child_of(0)? {
///     while let Some(start) = pull.child_of(list.depth)? {
///         if start.name == "item" {
///             items.push(pull.element(start)?); // what is not read is skipped
///         }
///     }
/// }
/// pull.finish()?;
/// assert_eq!(items.len(), 2);
/// # Ok::<(), openmig::source::xml::XmlError>(())
/// ```
pub struct Pull<'a> {
    reader: Reader<&'a [u8]>,
    caps: Caps,
    /// Elements open now.
    depth: usize,
    /// Bytes of a byte order mark that the reader does not see.
    offset: u64,
    root_seen: bool,
    anything_seen: bool,
    /// Bytes of the message, and of the words of items that were read.
    held: usize,
    /// Bytes of the message alone.
    message: usize,
}

/// An item that was read, or one that is over the caps of an item and was passed over.
enum Item {
    Whole(Element),
    Over(XmlError),
}

/// One step through the message.
enum Step {
    Open(Start),
    /// The element of this depth has closed.
    Close(usize),
    Text(String),
    /// A text over the cap, of which no copy is made.
    TooLong,
    End,
}

impl<'a> Pull<'a> {
    /// Takes the bytes of one message, with the default caps.
    ///
    /// # Errors
    /// Not UTF-8, or with control characters that XML forbids.
    pub fn new(bytes: &'a [u8]) -> Result<Self, XmlError> {
        Self::with_caps(bytes, Caps::default())
    }

    /// Takes the bytes of one message.
    ///
    /// # Errors
    /// As [`Pull::new`].
    pub fn with_caps(bytes: &'a [u8], caps: Caps) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(bytes).map_err(|e| XmlError {
            what: "not UTF-8".to_owned(),
            position: e.valid_up_to() as u64,
        })?;
        let control = |b: &u8| *b < b' ' && !matches!(*b, b'\t' | b'\n' | b'\r');
        let first = bytes.iter().position(control);
        if let Some(at) = first.or_else(|| text.find(['\u{fffe}', '\u{ffff}'])) {
            return Err(XmlError {
                what: "a control character".to_owned(),
                position: at as u64,
            });
        }
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(body);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        Ok(Self {
            reader,
            caps,
            depth: 0,
            offset: (text.len() - body.len()) as u64,
            root_seen: false,
            anything_seen: false,
            held: bytes.len(),
            message: bytes.len(),
        })
    }

    /// How many elements are open: the depth of the start tag read last, less what has closed since.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The next start tag in document order, at whatever depth; `None` at the end of the message.
    ///
    /// # Errors
    /// Not well-formed, or over a cap.
    pub fn next_start(&mut self) -> Result<Option<Start>, XmlError> {
        loop {
            match self.step(false)? {
                Step::Open(start) => return Ok(Some(start)),
                Step::End => return Ok(None),
                Step::Close(_) | Step::Text(_) | Step::TooLong => {}
            }
        }
    }

    /// The next child element of the open element of this depth (0: the root itself), passing over whatever of the last
    /// child was not read. `None` when the parent has closed.
    ///
    /// # Errors
    /// Not well-formed, or over a cap.
    pub fn child_of(&mut self, depth: usize) -> Result<Option<Start>, XmlError> {
        if self.depth < depth {
            return Ok(None);
        }
        loop {
            match self.step(false)? {
                Step::Open(start) if start.depth == depth + 1 => return Ok(Some(start)),
                Step::Close(closed) if closed <= depth => return Ok(None),
                Step::End => return Ok(None),
                Step::Open(_) | Step::Close(_) | Step::Text(_) | Step::TooLong => {}
            }
        }
    }

    /// Reads the element whose start tag was just given, whole.
    ///
    /// # Errors
    /// Not well-formed, or over a cap.
    pub fn element(&mut self, start: Start) -> Result<Element, XmlError> {
        self.element_without(start, &[])
    }

    /// Reads the element whose start tag was just given, but passes over the content of descendants with one of these
    /// names: they are there, marked [`Element::passed_over`], and their size does not count.
    ///
    /// # Errors
    /// Not well-formed, or over a cap.
    pub fn element_without(&mut self, start: Start, names: &[&str]) -> Result<Element, XmlError> {
        match self.read_item(start, names)? {
            Item::Whole(element) => Ok(element),
            Item::Over(error) => Err(error),
        }
    }

    /// As [`Pull::element_without`], but an item that is over the caps of an item is passed over to its end and given as
    /// `Err`: the rest of the message can be read all the same, and one part does not blank the others.
    ///
    /// # Errors
    /// Not well-formed, or over a cap of the message.
    pub fn item_without(
        &mut self,
        start: Start,
        names: &[&str],
    ) -> Result<Result<Element, XmlError>, XmlError> {
        Ok(match self.read_item(start, names)? {
            Item::Whole(element) => Ok(element),
            Item::Over(error) => Err(error),
        })
    }

    /// Says how many bytes the reader keeps by now of what it has read, its own estimate, words apart, and what that may
    /// become.
    ///
    /// # Errors
    /// With the message itself and the words of its items, or when it has been made, that is over the cap.
    pub fn keep(&mut self, bytes: usize, becomes: Becomes) -> Result<(), XmlError> {
        let words = self.held - self.message;
        let made = becomes.resources * RESOURCE + becomes.contacts * CONTACT;
        if self.held.saturating_add(bytes) > self.caps.kept_bytes
            || words.saturating_add(made) > self.caps.made_bytes
        {
            return Err(self.error("a record over the size cap"));
        }
        Ok(())
    }

    fn read_item(&mut self, start: Start, names: &[&str]) -> Result<Item, XmlError> {
        let mut nodes = 1_usize + start.attributes.len();
        let mut bytes = start.size();
        let top = start.depth;
        let mut open = vec![Element::from(start)];
        if self.depth != top {
            return Err(self.error("an element that has closed already"));
        }
        loop {
            let passing = open.last().is_some_and(|e| e.passed_over);
            match self.step(!passing)? {
                Step::Open(start) if passing => {
                    let depth = start.depth;
                    self.leave(depth)?;
                }
                Step::Open(start) => {
                    nodes += 1 + start.attributes.len();
                    bytes = bytes.saturating_add(start.size());
                    let mut element = Element::from(start);
                    element.passed_over = names.contains(&element.name.as_str());
                    open.push(element);
                }
                Step::Text(text) => {
                    bytes = bytes.saturating_add(text.len());
                    if let Some(element) = open.last_mut() {
                        if element.text.len() + text.len() > self.caps.text_bytes {
                            return self.pass_over(top, "a text over the size cap");
                        }
                        element.text.push_str(&text);
                    }
                }
                Step::TooLong => return self.pass_over(top, "a text over the size cap"),
                Step::Close(_) => {
                    let Some(mut done) = open.pop() else {
                        return Err(self.error("an end tag too many"));
                    };
                    if done.text.trim().is_empty() {
                        done.text = String::new();
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => {
                            // Its words may be kept twice: as what was said, and as the term of its code. Ids and the like
                            // are in the reader's own estimate.
                            let words = bytes.saturating_mul(2).saturating_sub(SHORT);
                            self.held = self.held.saturating_add(words);
                            return Ok(Item::Whole(done));
                        }
                    }
                }
                Step::End => return Err(self.error("the end inside an element")),
            }
            if nodes > self.caps.item_nodes {
                return self.pass_over(top, "an item with too many elements");
            }
            if bytes > self.caps.item_bytes {
                return self.pass_over(top, "an item over the size cap");
            }
        }
    }

    /// Goes on to the end of an item that is over a cap.
    fn pass_over(&mut self, top: usize, what: &str) -> Result<Item, XmlError> {
        let error = self.error(what);
        if self.depth >= top {
            self.leave(top)?;
        }
        Ok(Item::Over(error))
    }

    /// Reads on to the end of the message: what follows must be well-formed too.
    ///
    /// # Errors
    /// It is not, or the message is cut short.
    pub fn finish(&mut self) -> Result<(), XmlError> {
        while !matches!(self.step(false)?, Step::End) {}
        Ok(())
    }

    /// Passes over the rest of the open element of this depth.
    fn leave(&mut self, depth: usize) -> Result<(), XmlError> {
        loop {
            match self.step(false)? {
                Step::Close(closed) if closed <= depth => return Ok(()),
                Step::End => return Ok(()),
                Step::Open(_) | Step::Close(_) | Step::Text(_) | Step::TooLong => {}
            }
        }
    }

    /// One step; texts are only made where `wanted`, but are checked always.
    fn step(&mut self, wanted: bool) -> Result<Step, XmlError> {
        loop {
            let position = self.reader.buffer_position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(e) => {
                    return Err(self.error_at(reading_error(&e), self.reader.error_position()));
                }
            };
            let first = !std::mem::replace(&mut self.anything_seen, true);
            match event {
                Event::Start(tag) | Event::Empty(tag) => return self.open(&tag, position),
                Event::End(_) => {
                    let closed = self.depth;
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Step::Close(closed));
                }
                Event::Text(text) => {
                    if self.depth == 0 {
                        if !text.trim().is_empty() {
                            return Err(self.error_at("text outside the root element", position));
                        }
                    } else if wanted && text.len() > self.caps.text_bytes {
                        return Ok(Step::TooLong);
                    } else if wanted {
                        return Ok(Step::Text(text.xml10_content().into_owned()));
                    }
                }
                Event::CData(data) => {
                    if self.depth == 0 {
                        return Err(self.error_at("text outside the root element", position));
                    }
                    if wanted && data.len() > self.caps.text_bytes {
                        return Ok(Step::TooLong);
                    }
                    if wanted {
                        return Ok(Step::Text(data.xml10_content().into_owned()));
                    }
                }
                Event::GeneralRef(reference) => {
                    if self.depth == 0 {
                        return Err(self.error_at("text outside the root element", position));
                    }
                    let text = self.resolve(&reference, position)?;
                    if wanted {
                        return Ok(Step::Text(text));
                    }
                }
                Event::Decl(declaration) => self.declaration(&declaration, first, position)?,
                Event::DocType(_) => {
                    return Err(self.error_at("a document type declaration", position));
                }
                Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => {
                    if self.depth > 0 {
                        return Err(self.error_at("the end inside an element", position));
                    }
                    if !self.root_seen {
                        return Err(self.error_at("no root element", position));
                    }
                    return Ok(Step::End);
                }
            }
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>, position: u64) -> Result<Step, XmlError> {
        if self.depth == 0 && std::mem::replace(&mut self.root_seen, true) {
            return Err(self.error_at("a second root element", position));
        }
        if self.depth >= self.caps.depth {
            return Err(self.error_at("elements nested too deeply", position));
        }
        let name = self.local(tag.name().as_ref(), position)?;
        let raw = tag.attributes_raw();
        if raw.len() > self.caps.attribute_bytes || name.len() > self.caps.attribute_bytes {
            return Err(self.error_at("attributes over the size cap", position));
        }
        let mut attributes = Vec::new();
        for (count, attribute) in tag.attributes().enumerate() {
            if count >= self.caps.attributes {
                return Err(self.error_at("too many attributes", position));
            }
            let attribute =
                attribute.map_err(|_| self.error_at("an attribute badly written", position))?;
            let full: &str = attribute.key.as_ref();
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                .map_err(|_| self.error_at("an entity that is not known", position))?;
            if value.contains(forbidden) {
                return Err(self.error_at("a control character", position));
            }
            if full == "xmlns" || full.starts_with("xmlns:") || full.starts_with("xsi:") {
                continue;
            }
            attributes.push(Attribute {
                name: self.local(full, position)?,
                value: value.into_owned(),
                read: Cell::new(false),
            });
        }
        self.depth += 1;
        Ok(Step::Open(Start {
            name,
            attributes,
            depth: self.depth,
            position: position + self.offset,
        }))
    }

    /// The part of a name behind its prefix.
    fn local(&self, name: &str, position: u64) -> Result<String, XmlError> {
        let plain = |c: char| c.is_alphanumeric() || "_-.:·".contains(c);
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        if local.is_empty() || !name.chars().all(plain) {
            return Err(self.error_at("a name that is none", position));
        }
        Ok(local.to_owned())
    }

    /// One of the five entities, or a character by its number; nothing else exists without a DTD.
    fn resolve(&self, reference: &BytesRef<'_>, position: u64) -> Result<String, XmlError> {
        let unknown = || self.error_at("an entity that is not known", position);
        if let Some(c) = reference.resolve_char_ref().map_err(|_| unknown())? {
            if forbidden(c) {
                return Err(self.error_at("a control character", position));
            }
            return Ok(c.to_string());
        }
        resolve_predefined_entity(reference)
            .map(str::to_owned)
            .ok_or_else(unknown)
    }

    fn declaration(
        &self,
        declaration: &BytesDecl<'_>,
        first: bool,
        position: u64,
    ) -> Result<(), XmlError> {
        if !first {
            return Err(self.error_at("an XML declaration that is not at the start", position));
        }
        match declaration.version() {
            Ok(version) if version == "1.0" => {}
            _ => return Err(self.error_at("an XML version other than 1.0", position)),
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => Ok(()),
            Some(_) => Err(self.error_at("an encoding other than UTF-8", position)),
        }
    }

    fn error(&self, what: &str) -> XmlError {
        self.error_at(what, self.reader.buffer_position())
    }

    fn error_at(&self, what: &str, position: u64) -> XmlError {
        XmlError {
            what: what.to_owned(),
            position: position + self.offset,
        }
    }
}

/// Characters that XML 1.0 does not allow (production 2).
fn forbidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The library's errors quote names from the message; ours don't.
fn reading_error(error: &quick_xml::Error) -> &'static str {
    match error {
        quick_xml::Error::Syntax(_) => "markup that does not end",
        quick_xml::Error::IllFormed(_) => "tags that do not match",
        quick_xml::Error::InvalidAttr(_) => "an attribute badly written",
        quick_xml::Error::Encoding(_) => "not UTF-8",
        quick_xml::Error::Escape(_) => "an entity that is not known",
        _ => "not well-formed",
    }
}

impl Start {
    fn size(&self) -> usize {
        self.attributes
            .iter()
            .map(|a| a.name.len() + a.value.len())
            .sum()
    }
}

fn find_attribute<'e>(attributes: &'e [Attribute], name: &str) -> Option<&'e str> {
    let found = attributes.iter().find(|a| a.name == name)?;
    found.read.set(true);
    Some(found.value.trim()).filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests;
