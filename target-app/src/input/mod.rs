//! Validation of request input: all invalid fields of a request are reported together, by name.

pub(crate) mod found;
mod keys;
mod query;

use std::ops::RangeInclusive;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value};

pub(crate) use query::QueryFields;

use crate::error::{FieldFault, Problem};

/// The fields of a JSON object. Take them out one by one, then call [`JsonFields::finish`].
pub(crate) struct JsonFields {
    object: Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_kind(request.headers())?;
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection: BytesRejection| {
            let detail = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    "the request body exceeds the size limit of this route"
                }
                _ => "the request body could not be read",
            };
            Problem::new(rejection.status(), detail)
        })?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(Self {
                object,
                faults: keys::duplicates(&body),
            }),
            Ok(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the request body is not a JSON object",
            )),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the request body is not valid JSON: {error}"),
            )),
        }
    }
}

impl JsonFields {
    fn of(object: Map<String, Value>) -> Self {
        Self {
            object,
            faults: Vec::new(),
        }
    }

    /// A string with a number of characters in `length`; if invalid, reports a fault and returns the empty string.
    pub(crate) fn text(&mut self, field: &'static str, length: RangeInclusive<usize>) -> String {
        match self.object.remove(field) {
            Some(Value::String(text))
                if length.contains(&text.chars().count()) && is_storable(&text) =>
            {
                text
            }
            found => {
                let expected = format!(
                    "a string of {} to {} characters",
                    length.start(),
                    length.end()
                );
                self.fault(field, &expected, found.as_ref());
                String::new()
            }
        }
    }

    /// A string of at most `most` bytes of UTF-8; if invalid, reports a fault and returns the empty string.
    pub(crate) fn text_of_bytes(&mut self, field: &'static str, most: usize) -> String {
        match self.object.remove(field) {
            Some(Value::String(text)) if text.len() <= most && is_storable(&text) => text,
            found => {
                let expected = format!("a string of up to {most} bytes");
                self.fault(field, &expected, found.as_ref());
                String::new()
            }
        }
    }

    /// Like [`JsonFields::text`], but returns `default` if the field is missing.
    pub(crate) fn text_or(
        &mut self,
        field: &'static str,
        length: RangeInclusive<usize>,
        default: &str,
    ) -> String {
        if self.object.contains_key(field) {
            self.text(field, length)
        } else {
            default.to_owned()
        }
    }

    /// An email address, checked by its shape only: two parts around one `@`, without spaces.
    pub(crate) fn email(&mut self, field: &'static str) -> String {
        const LENGTH: RangeInclusive<usize> = 3..=254;
        let found = match self.object.remove(field) {
            Some(Value::String(text)) if LENGTH.contains(&text.len()) && is_email(&text) => {
                return text;
            }
            Some(Value::String(text)) => found::email(&text),
            found => found::value(found.as_ref()),
        };
        let expected = "an email address of 3 to 254 bytes, name@domain";
        self.fault_of(field, expected, &found);
        String::new()
    }

    /// Up to `most` words of 1 to 32 letters, digits, `-` and `_`, joined by single spaces; if invalid, reports a fault
    /// and returns the empty string.
    pub(crate) fn words(&mut self, field: &'static str, most: usize) -> String {
        let found = self.object.remove(field);
        let words: Option<Vec<&str>> = match &found {
            Some(Value::Array(items)) if items.len() <= most => items
                .iter()
                .map(|item| item.as_str().filter(|text| is_word(text)))
                .collect(),
            _ => None,
        };
        if let Some(words) = words {
            return words.join(" ");
        }
        let expected = format!("a list of up to {most} words of 1 to 32 letters, digits, - and _");
        self.fault_of(
            field,
            &expected,
            &found::words(found.as_ref(), most, is_word),
        );
        String::new()
    }

    /// A list of objects, empty if the field is missing; if invalid, reports a fault and returns an empty list.
    pub(crate) fn objects(&mut self, field: &'static str) -> Vec<Value> {
        match self.object.remove(field) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            found => {
                self.fault(field, "a list of objects", found.as_ref());
                Vec::new()
            }
        }
    }

    /// An integer within `range`; if invalid, reports a fault and returns the start of the range.
    pub(crate) fn integer(&mut self, field: &'static str, range: RangeInclusive<i64>) -> i64 {
        let found = self.object.remove(field);
        match found.as_ref().and_then(Value::as_i64) {
            Some(number) if range.contains(&number) => number,
            _ => {
                let expected = format!("an integer from {} to {}", range.start(), range.end());
                let found = match &found {
                    Some(Value::Number(number)) => number.to_string(),
                    _ => found::value(found.as_ref()),
                };
                self.fault_of(field, &expected, &found);
                *range.start()
            }
        }
    }

    /// An optional field; the caller checks its value, see [`JsonFields::refuse`].
    pub(crate) fn optional(&mut self, field: &'static str) -> Option<Value> {
        self.object.remove(field)
    }

    /// Reports that `found` is invalid as `field`.
    pub(crate) fn refuse(&mut self, field: &'static str, expected: &str, found: &Value) {
        self.fault(field, expected, Some(found));
    }

    /// All remaining fields, for a caller that checks them itself.
    pub(crate) fn into_object(self) -> Result<Map<String, Value>, Problem> {
        if self.faults.is_empty() {
            Ok(self.object)
        } else {
            Err(Problem::invalid(self.faults))
        }
    }

    /// Rejects the request if a field was invalid.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }

    /// One row of a list: the result of `read`, or its faults; a fault without a field concerns the row itself.
    pub(crate) fn row<T>(
        row: Value,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Vec<FieldFault>> {
        let Value::Object(object) = row else {
            return Err(vec![FieldFault {
                field: "".into(),
                message: format!("expected an object, found {}", found::value(Some(&row))),
            }]);
        };
        let mut fields = Self::of(object);
        let value = read(&mut fields);
        if fields.faults.is_empty() {
            Ok(value)
        } else {
            Err(fields.faults)
        }
    }

    fn fault(&mut self, field: &'static str, expected: &str, found: Option<&Value>) {
        self.fault_of(field, expected, &found::value(found));
    }

    fn fault_of(&mut self, field: &'static str, expected: &str, found: &str) {
        self.faults.push(FieldFault {
            field: field.into(),
            message: format!("expected {expected}, found {found}"),
        });
    }
}

/// Rejects a body whose headers do not declare plain JSON.
fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let is = |name, expected: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        // Parameters follow the semicolon.
        let kind = value.and_then(|value| value.split(';').next());
        kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(expected))
    };
    let detail = if !is(header::CONTENT_TYPE, "application/json") {
        "the request body must have content type application/json"
    } else if headers.contains_key(header::CONTENT_ENCODING)
        && !is(header::CONTENT_ENCODING, "identity")
    {
        "the request body must not have a content encoding"
    } else {
        return Ok(());
    };
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// `PostgreSQL` stores every character except NUL.
fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.chars().count())
        && text
            .chars()
            .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
}

fn is_email(text: &str) -> bool {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let parts = text.split_once('@');
    !text.contains(is_blank)
        && parts.is_some_and(|(name, domain)| {
            !name.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}

/// The value of the only `{…}` of a path; invalid text matches nothing.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| Self(text))
            .map_err(|_: PathRejection| Problem::not_found("resource"))
    }
}

/// The `{id}` of a path.
pub(crate) struct Id(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Ok(Path(id)) = Path::<i64>::from_request_parts(parts, state).await {
            return Ok(Self(id));
        }
        let Segment(found) = Segment::from_request_parts(parts, state).await?;
        Err(Problem::invalid(vec![FieldFault {
            field: "id".into(),
            message: format!("expected an integer, found {}", found::text(&found)),
        }]))
    }
}
