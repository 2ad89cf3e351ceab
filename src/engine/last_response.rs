//! The last response of an iteration, for `response.status` and the other names of it: only the parts that the plan says
//! are read.

use std::time::Duration;

use http::Uri;

use super::response::Response;
use crate::expr::{PartSet, ResponsePart};
use crate::scenario::Value;
use crate::units::Micros;

/// The parts of a response that an expression may read.
#[derive(Debug, Default)]
pub(super) struct LastResponse {
    status: Option<Value>,
    /// A mapping.
    headers: Option<Value>,
    body: Option<Value>,
    json: Option<Result<Value, String>>,
    time: Option<Value>,
    url: Option<Value>,
    size: Option<Value>,
}

impl LastResponse {
    /// The parts in `kept` of a response from `page`.
    pub(super) fn of(response: &Response<'_>, page: &Uri, kept: PartSet) -> Self {
        let keep = |part: ResponsePart, value: &dyn Fn() -> Value| kept.has(&part).then(value);
        Self {
            status: keep(ResponsePart::Status, &|| {
                i64::from(response.status.as_u16()).into()
            }),
            headers: keep(ResponsePart::Headers, &|| headers(response)),
            body: keep(ResponsePart::Body, &|| response.text().into()),
            json: kept.has(&ResponsePart::Json).then(|| response.to_value()),
            time: keep(ResponsePart::Time, &|| milliseconds(response.service_time)),
            url: keep(ResponsePart::Url, &|| page.to_string().into()),
            size: keep(ResponsePart::Size, &|| (response.body.len() as u64).into()),
        }
    }

    /// A part, or the reason why there is none.
    pub(super) fn part(&self, part: &ResponsePart) -> Result<&Value, String> {
        let kept = match part {
            ResponsePart::Status => &self.status,
            ResponsePart::Headers => &self.headers,
            ResponsePart::Body => &self.body,
            ResponsePart::Time => &self.time,
            ResponsePart::Url => &self.url,
            ResponsePart::Size => &self.size,
            ResponsePart::Json => {
                let json = self.json.as_ref().ok_or_else(not_kept)?;
                return json.as_ref().map_err(Clone::clone);
            }
            ResponsePart::Header(name) => {
                let headers = self.headers.as_ref().ok_or_else(not_kept)?;
                return headers.part(&Value::from(&**name));
            }
        };
        kept.as_ref().ok_or_else(not_kept)
    }
}

fn not_kept() -> String {
    debug_assert!(false, "the plan knows every part that is read");
    "it was not kept".to_owned()
}

fn headers(response: &Response<'_>) -> Value {
    let members = response.headers.keys().map(|name| {
        let values: Vec<_> = response.header(name).collect();
        (name.as_str().to_owned(), Value::Text(values.join(", ")))
    });
    Value::Map(members.collect())
}

/// With three decimals.
fn milliseconds(length: Duration) -> Value {
    let micros = Micros::from(length).0;
    let text = format!("{}.{:03}", micros / 1_000, micros % 1_000);
    Value::from_json(&text).unwrap_or(Value::Null)
}
