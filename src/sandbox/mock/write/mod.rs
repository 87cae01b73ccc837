//! From a person's story to a supplier's XML: three writers, one string buffer each.
//!
//! Nothing here reads a clock or random numbers: the same person and moment give the same bytes.

pub mod emis_open;
mod ids;
mod index;
pub mod openhr;
mod practice;
pub mod systmone;
mod terms;
mod xml;

#[cfg(test)]
mod people;
#[cfg(test)]
pub(super) mod sample;

pub use xml::Xml;

/// The same message cut in the middle and ended wrongly: XML that cannot be read.
pub(super) fn broken(mut whole: String) -> String {
    let mut middle = whole.len() / 2;
    while !whole.is_char_boundary(middle) {
        middle -= 1;
    }
    whole.truncate(middle);
    whole.push_str("</broken");
    whole
}
