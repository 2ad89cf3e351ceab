//! The place of pushes: a URL, and headers such as credentials.

use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::mask::Mask;

/// Where pushes go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The URL of each push.
    pub(super) url: Url,
    /// Headers of the user's own.
    pub(super) headers: HeaderMap,
    /// Their values, each of which may be a secret, and the password of the URL.
    pub(super) mask: Mask,
}

/// A header or an attribute that cannot be read. Its value is not repeated, since it may be a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PairError {
    /// There is no separator.
    #[error("expected {0}, found text without `{1}`")]
    NoSeparator(&'static str, char),
    /// The name is not one of a header.
    #[error("`{0}` is not the name of a header")]
    Name(String),
    /// The value has signs that a header cannot have.
    #[error("the value of `{0}` has characters that a header cannot have")]
    Value(String),
}

impl Endpoint {
    /// A place without headers of the user's own.
    pub fn new(url: Url) -> Self {
        let password = url.password().map(|password| {
            let plain = percent_decode_str(password).decode_utf8_lossy();
            [plain.into_owned(), password.to_owned()]
        });
        Self {
            mask: Mask::of(password.into_iter().flatten()),
            url,
            headers: HeaderMap::new(),
        }
    }

    /// Adds a header; a later one of the same name replaces an earlier one.
    ///
    /// # Errors
    /// It cannot be a header.
    pub fn add(&mut self, (name, value): (&str, &str)) -> Result<(), PairError> {
        let key = HeaderName::try_from(name).map_err(|_| PairError::Name(name.to_owned()))?;
        let value_of = |text| -> Result<HeaderValue, InvalidHeaderValue> {
            let mut value = HeaderValue::from_str(text)?;
            value.set_sensitive(true);
            Ok(value)
        };
        let header = value_of(value).map_err(|_| PairError::Value(name.to_owned()))?;
        // `Bearer TOKEN`: an answer may quote the token alone.
        let token = value.rsplit(' ').next().unwrap_or(value);
        self.mask = self.mask.with([value, token]);
        self.headers.insert(key, header);
        Ok(())
    }
}

/// A header as on a command line, `NAME: VALUE`.
///
/// # Errors
/// There is no colon.
pub fn written_header(text: &str) -> Result<(&str, &str), PairError> {
    let pair = text.split_once(':');
    let pair = pair.map(|(name, value)| (name.trim(), value.trim()));
    pair.ok_or(PairError::NoSeparator("NAME: VALUE", ':'))
}

/// Pairs as in the environment of OpenTelemetry: `name=value,name=value`, values percent-encoded.
///
/// # Errors
/// A pair has no `=`.
pub fn listed_pairs(text: &str) -> Result<Vec<(String, String)>, PairError> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .ok_or(PairError::NoSeparator("NAME=VALUE,NAME=VALUE", '='))?;
            let value = percent_decode_str(value.trim()).decode_utf8_lossy();
            Ok((name.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_written_and_their_values_hidden() {
        let pair = written_header("Authorization: Bearer canary:token").expect("a header");
        assert_eq!(pair, ("Authorization", "Bearer canary:token"));
        let url = Url::parse("https://me:canary-pass@host/write").expect("a URL");
        let mut endpoint = Endpoint::new(url);
        endpoint.add(pair).expect("a header");
        let words = endpoint.mask.text("canary:token of canary-pass is wrong");
        assert_eq!(words, "[redacted] of [redacted] is wrong");
        for (text, told) in [
            ("no separator", "NAME: VALUE"),
            ("a b: c", "`a b`"),
            ("a: c\u{7}", "`a`"),
        ] {
            let added = written_header(text).and_then(|pair| endpoint.add(pair));
            let error = added.expect_err(text).to_string();
            assert!(error.contains(told) && !error.contains('\u{7}'), "{error}");
        }
    }

    #[test]
    fn pairs_of_the_environment_are_decoded() {
        let pairs = listed_pairs("api-key=a%20b, other = x=y,").expect("pairs");
        let expected = [("api-key", "a b"), ("other", "x=y")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert!(listed_pairs("no-separator").is_err());
    }
}
