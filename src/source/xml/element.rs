//! The small tree of one item.

use std::cell::Cell;

use sha2::{Digest, Sha256};

use super::{Attribute, Start, find_attribute};
use crate::text::hex;

/// One element with all that is in it.
///
/// It remembers what was asked for: [`Element::unread`] names the rest, so that an adapter can count what it left behind.
/// Helpers that hand out a child mark it as read; the child's own children are marked when they are asked for.
#[derive(Debug, Clone)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Attributes but namespace declarations and `xsi:` ones.
    pub attributes: Vec<Attribute>,
    /// The text directly in it, entities resolved; empty where it is only blanks.
    pub text: String,
    /// Child elements in order.
    pub children: Vec<Element>,
    /// Where its start tag begins, in bytes of the message.
    pub position: u64,
    /// Its content was not kept (see `Pull::element_without`).
    pub passed_over: bool,
    read: Cell<bool>,
}

impl From<Start> for Element {
    fn from(start: Start) -> Self {
        Self {
            name: start.name,
            attributes: start.attributes,
            text: String::new(),
            children: Vec::new(),
            position: start.position,
            passed_over: false,
            read: Cell::new(false),
        }
    }
}

impl Element {
    /// The first child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Element> {
        let found = self.children.iter().find(|c| c.name == name)?;
        found.read.set(true);
        Some(found)
    }

    /// The children of this name, in order.
    pub fn children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children
            .iter()
            .filter(move |c| c.name == name)
            .inspect(|c| c.read.set(true))
    }

    /// The first child of this name that fits. Those before it that do not fit count as read too; those behind it do not.
    #[must_use]
    pub fn which(&self, name: &str, fits: impl Fn(&Element) -> bool) -> Option<&Element> {
        let mut all = self.children.iter().filter(|c| c.name == name);
        all.find(|c| {
            c.read.set(true);
            fits(c)
        })
    }

    /// A short digest of what it says, but for elements of these names: for ids of things that the source gives none.
    #[must_use]
    pub fn digest(&self, without: &[&str]) -> String {
        let mut hash = Sha256::new();
        self.feed(without, &mut hash);
        hex(hash.finalize().get(..10).unwrap_or_default())
    }

    fn feed(&self, without: &[&str], hash: &mut Sha256) {
        if without.contains(&self.name.as_str()) {
            return;
        }
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        add(&self.name);
        for attribute in &self.attributes {
            add(&attribute.name);
            add(&attribute.value);
        }
        add(self.text.trim());
        for child in &self.children {
            child.feed(without, hash);
        }
        hash.update([0xff]);
    }

    /// Every child, in order, all marked as read.
    pub fn all(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().inspect(|c| c.read.set(true))
    }

    /// A descendant, step by step by first children: `at(&["value", "numeric"])`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |here, name| here.child(name))
    }

    /// Its own text, trimmed; `None` where there is none.
    #[must_use]
    pub fn own_text(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|t| !t.is_empty())
    }

    /// The text of the first child of this name, trimmed; an empty element is absent.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)?.own_text()
    }

    /// An attribute's value, trimmed; an empty one is absent.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&str> {
        find_attribute(&self.attributes, name)
    }

    /// It says nothing: no text, no attribute, no child that says anything.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        !self.passed_over
            && self.own_text().is_none()
            && self.attributes.iter().all(|a| a.value.trim().is_empty())
            && self.children.iter().all(Self::is_blank)
    }

    /// Marks it and all that is in it as read: dealt with, or counted as lost as a whole.
    pub fn settle(&self) {
        self.read.set(true);
        for attribute in &self.attributes {
            attribute.read.set(true);
        }
        for child in &self.children {
            child.settle();
        }
    }

    /// Tells of every element and attribute below this one that nobody asked for and that says something: `tell` gets the
    /// path from here (`a/b` or `a/@b`). An unread element is told once, not with its own children.
    pub fn unread(&self, tell: &mut dyn FnMut(&str)) {
        self.walk("", tell);
    }

    fn walk(&self, path: &str, tell: &mut dyn FnMut(&str)) {
        for attribute in &self.attributes {
            if !attribute.read.get() && !attribute.value.trim().is_empty() {
                tell(&format!("{path}@{}", attribute.name));
            }
        }
        for child in &self.children {
            if child.read.get() {
                child.walk(&format!("{path}{}/", child.name), tell);
            } else if !child.is_blank() {
                tell(&format!("{path}{}", child.name));
            }
        }
    }
}
