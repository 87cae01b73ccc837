//! Small builders for the elements that every resource has.

use fhir_codec::model::types;

/// A `Coding`.
#[must_use]
pub fn coding(system: &str, code: &str, display: Option<&str>) -> types::Coding {
    types::Coding {
        system: Some(system.into()),
        code: Some(code.into()),
        display: display.map(Into::into),
        ..Default::default()
    }
}

/// A `CodeableConcept` of one coding.
#[must_use]
pub fn concept(system: &str, code: &str, display: Option<&str>) -> types::CodeableConcept {
    types::CodeableConcept {
        coding: vec![coding(system, code, display)],
        ..Default::default()
    }
}

/// A `CodeableConcept` of words alone.
#[must_use]
pub fn concept_text(text: &str) -> types::CodeableConcept {
    types::CodeableConcept {
        text: Some(text.into()),
        ..Default::default()
    }
}

/// A literal reference, `Type/id`.
#[must_use]
pub fn reference(kind: super::Kind, id: &str) -> types::Reference {
    types::Reference {
        reference: Some(format!("{}/{id}", kind.name()).into()),
        ..Default::default()
    }
}

/// A reference to what the resource contains under this id.
#[must_use]
pub fn contained(id: &str) -> types::Reference {
    types::Reference {
        reference: Some(format!("#{id}").into()),
        ..Default::default()
    }
}

/// A logical reference: type, identifier and, where it is known, the name.
#[must_use]
pub fn logical(kind: &str, system: &str, value: &str, name: Option<&str>) -> types::Reference {
    types::Reference {
        r#type: Some(kind.into()),
        identifier: Some(Box::new(types::Identifier {
            system: Some(system.into()),
            value: Some(value.into()),
            ..Default::default()
        })),
        display: name.map(Into::into),
        ..Default::default()
    }
}

/// An extension with a value.
#[must_use]
pub fn extension(url: &str, value: types::ExtensionValue) -> types::Extension {
    types::Extension {
        url: url.into(),
        value: Some(value),
        ..Default::default()
    }
}
