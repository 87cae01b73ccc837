//! Form bodies of the OAuth endpoints: `application/x-www-form-urlencoded` only, no parameter twice (A13, T1).

use bytes::Bytes;
use http::{HeaderMap, header};

use super::answer::OAuthError;
use crate::audit::Origin;

/// A POST to an OAuth endpoint, before anything of it is believed.
#[derive(Debug, Clone)]
pub struct FormRequest {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, bounded by the reader.
    pub body: Bytes,
    /// The URL had a query: parameters (and so secrets) do not belong there.
    pub has_query: bool,
    /// Request id and address.
    pub origin: Origin,
}

/// Largest form that is read, in bytes.
pub const MAX_FORM: usize = 64 * 1024;

/// Most parameters of a form: the endpoints know fewer than ten.
const MAX_PARAMETERS: usize = 50;

/// The parameters of a form; one without a value counts as left out (RFC 6749 section 3.1).
#[derive(Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body.
    ///
    /// # Errors
    /// Another media type, too large, not UTF-8, a parameter twice, or parameters in the URL.
    pub fn read(request: &FormRequest) -> Result<Self, OAuthError> {
        if request.has_query {
            return Err(OAuthError::invalid_request(
                "Parameters belong in the body, not in the URL.",
            ));
        }
        let media_type = request
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(str::trim);
        if !media_type
            .is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
        {
            return Err(OAuthError::invalid_request(
                "The body must be application/x-www-form-urlencoded.",
            ));
        }
        Self::parse(&request.body)
    }

    fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        if body.len() > MAX_FORM {
            return Err(OAuthError::invalid_request("The body is too large."));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            // The decoder puts U+FFFD where the bytes are not UTF-8.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(OAuthError::invalid_request("The body is not UTF-8."));
            }
            // Each name is compared with all before it, and nobody has been authenticated yet.
            if pairs.len() == MAX_PARAMETERS {
                return Err(OAuthError::invalid_request(
                    "There are too many parameters.",
                ));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::invalid_request("A parameter is repeated."));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }

    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("The parameter {name} is missing.")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(content_type: &'static str, body: &'static [u8]) -> FormRequest {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        FormRequest {
            headers,
            body: Bytes::from_static(body),
            has_query: false,
            origin: Origin {
                request_id: "r".to_owned(),
                address: None,
            },
        }
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn forms_are_read_and_repeats_refused() {
        let form = Form::read(&request(
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            b"scope=system%2FPatient.rs+x&empty=&a=1",
        ))
        .unwrap();
        assert_eq!(form.get("scope"), Some("system/Patient.rs x"));
        assert_eq!(form.get("empty"), None);
        assert!(form.required("empty").is_err());
        for bad in [
            request(FORM, b"a=1&a=1"),
            request(FORM, b"a=1&a="),
            request(FORM, b"a=%ff"),
            request("application/json", b"{}"),
            FormRequest {
                has_query: true,
                ..request(FORM, b"a=1")
            },
            FormRequest {
                headers: HeaderMap::new(),
                ..request(FORM, b"a=1")
            },
        ] {
            let error = Form::read(&bad).err().unwrap();
            assert_eq!(error.error, "invalid_request", "{:?}", bad.body);
        }
    }

    #[test]
    fn a_form_of_thousands_of_names_is_refused_early() {
        let many: String = (0..MAX_PARAMETERS + 1).map(|n| format!("p{n}=&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
        assert!(Form::parse(b"a=1&b=2").is_ok());
    }

    proptest! {
        // fuzz: any bytes are read or refused, and no name ever stands twice
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Form(pairs)) = Form::parse(&body) {
                for (n, (name, value)) in pairs.iter().enumerate() {
                    prop_assert!(!value.is_empty());
                    prop_assert!(pairs.iter().skip(n + 1).all(|(other, _)| other != name));
                }
            }
        }
    }
}
