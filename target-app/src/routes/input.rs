//! What clients send, checked field by field: all faults of a request are told at once and by name.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::error::{FieldFault, Problem};
use crate::state::App;
use crate::store::PageOf;

/// The fields of a JSON object. Take them out one by one, then ask [`JsonFields::finish`] whether all were good.
pub(super) struct JsonFields {
    object: Map<String, Value>,
    faults: Vec<FieldFault>,
}

impl FromRequest<Arc<App>> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<App>) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !kind
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("application/json")
        {
            let detail = "the body has to be of content type application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let body =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection: BytesRejection| {
                    Problem::new(
                        rejection.status(),
                        "the body could not be read, or is larger than 64 KiB",
                    )
                })?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(object)) => Ok(Self {
                object,
                faults: Vec::new(),
            }),
            Ok(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the body is not a JSON object",
            )),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the body is not JSON: {error}"),
            )),
        }
    }
}

impl JsonFields {
    /// A string of so many characters; the empty string, with a fault noted, when there is none.
    pub(super) fn text(&mut self, field: &'static str, length: RangeInclusive<usize>) -> String {
        match self.object.remove(field) {
            Some(Value::String(text)) if length.contains(&text.chars().count()) => text,
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

    /// An integer within `range`; its start, with a fault noted, when there is none.
    pub(super) fn integer(&mut self, field: &'static str, range: RangeInclusive<i64>) -> i64 {
        let found = self.object.remove(field);
        match found.as_ref().and_then(Value::as_i64) {
            Some(number) if range.contains(&number) => number,
            _ => {
                self.fault(
                    field,
                    &format!("an integer from {} to {}", range.start(), range.end()),
                    found.as_ref(),
                );
                *range.start()
            }
        }
    }

    /// Refuses the request when a field was not as expected.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }

    fn fault(&mut self, field: &'static str, expected: &str, found: Option<&Value>) {
        // The value itself is not repeated: it may be a password.
        let found = match found {
            None => "nothing",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "another number",
            Some(Value::String(_)) => "another string",
            Some(Value::Array(_)) => "an array",
            Some(Value::Object(_)) => "an object",
        };
        self.faults.push(FieldFault {
            field,
            message: format!("expected {expected}, found {found}"),
        });
    }
}

/// The parameters of a query string, used like [`JsonFields`]. Unknown ones are ignored, the last of several counts.
pub(crate) struct QueryFields {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldFault>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Self {
                pairs,
                faults: Vec::new(),
            }),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                format!("the query cannot be read: {error}"),
            )),
        }
    }
}

impl QueryFields {
    /// The text of a parameter, if it was sent.
    pub(crate) fn raw(&self, field: &str) -> Option<&str> {
        self.pairs
            .iter()
            .rev()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that parses and satisfies `allowed`; `default` when it was not sent; `None`, with a fault noted that
    /// says `expected`, when it will not do.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        field: &'static str,
        default: Option<T>,
        expected: impl Display,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let value = match self.raw(field) {
            None => default,
            Some(text) => text.parse().ok().filter(allowed),
        };
        if value.is_none() {
            let found = self
                .raw(field)
                .map_or_else(|| "nothing".to_owned(), |text| format!("\"{text}\""));
            self.faults.push(FieldFault {
                field,
                message: format!("expected {expected}, found {found}"),
            });
        }
        value
    }

    /// The parameters `page` (from 1) and `limit` (1 to 100, else 20).
    pub(crate) fn page(&mut self) -> PageOf {
        const PAGES: RangeInclusive<u32> = 1..=1_000_000;
        const LIMITS: RangeInclusive<u32> = 1..=100;
        let page = self.parsed("page", Some(1), "an integer from 1 to 1000000", |page| {
            PAGES.contains(page)
        });
        let limit = self.parsed("limit", Some(20), "an integer from 1 to 100", |limit| {
            LIMITS.contains(limit)
        });
        PageOf {
            page: page.unwrap_or(1),
            limit: limit.unwrap_or(20),
        }
    }

    /// Refuses the request when a parameter was not as expected.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.faults))
        }
    }
}

/// The `{id}` of a path.
pub(super) struct Id(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<i64>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_: PathRejection| {
            Problem::invalid(vec![FieldFault {
                field: "id",
                message: "expected an integer".to_owned(),
            }])
        })
    }
}
