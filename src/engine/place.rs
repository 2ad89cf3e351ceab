//! The part of a body that a JSON path needs: the whole body, or, for a body whose values would take much memory, only
//! the part at the path's beginning.

use std::ops::Deref;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::response::Response;
use crate::expr::value::part;
use crate::scenario::JsonPath;

/// The body size above which the memory of its values is estimated.
const LARGE: usize = 64 << 10;

/// The maximum memory of a body's values for the body to be parsed completely. Of a larger body only the part at the
/// path's beginning is parsed.
const WHOLE: u64 = 8 << 20;

/// The maximum memory of the parsed values, of a body or of a part. Two bodies are parsed at once.
pub(super) const MOST: u64 = 64 << 20;

/// A body, or the part of it at the beginning of a path, and the rest of the path.
#[derive(Debug)]
pub(super) struct JsonLocation<'r, 'a> {
    response: ResponseRef<'r, 'a>,
    pub(super) path: &'r JsonPath,
}

#[derive(Debug)]
enum ResponseRef<'r, 'a> {
    Whole(&'r Response<'a>),
    Part(Box<Response<'a>>),
}

impl<'a> Deref for JsonLocation<'_, 'a> {
    type Target = Response<'a>;

    fn deref(&self) -> &Response<'a> {
        match &self.response {
            ResponseRef::Whole(response) => response,
            ResponseRef::Part(response) => response,
        }
    }
}

impl<'a> Response<'a> {
    /// The part of the body that a path needs, or `None` if the path leads nowhere. The error is the reason why the
    /// body is not JSON, in words.
    pub(super) fn at<'p>(
        &'p self,
        path: &'p JsonPath,
    ) -> Result<Option<JsonLocation<'p, 'a>>, String> {
        let whole = JsonLocation {
            response: ResponseRef::Whole(self),
            path,
        };
        let Some((steps, rest)) = path.narrowed() else {
            return Ok(Some(whole));
        };
        if self.memory() <= WHOLE {
            return Ok(Some(whole));
        }
        let Some(text) = self.json_text() else {
            return Ok(Some(whole));
        };
        let checked = self
            .validity
            .get_or_init(|| serde_json::from_str::<IgnoredAny>(text).map(drop));
        checked.as_ref().map_err(|error| self.not_json(error))?;
        Ok(part(text, steps).map(|part| JsonLocation {
            response: ResponseRef::Part(Box::new(Response::new(
                self.status,
                self.headers,
                part.as_bytes(),
                self.service_time,
            ))),
            path: rest,
        }))
    }

    /// An upper bound of the memory of the body's values, in bytes; zero for a small body.
    pub(super) fn memory(&self) -> u64 {
        *self.memory.get_or_init(|| {
            if self.body.len() > LARGE {
                memory(self.body)
            } else {
                0
            }
        })
    }
}

/// An upper bound of the memory of a JSON text's values, from its structural characters. Up to half of a growing list's
/// or mapping's capacity may be unused; a small mapping has room for three.
fn memory(text: &[u8]) -> u64 {
    const VALUE: u64 = size_of::<Value>() as u64;
    /// A value with its name and its hash.
    const MEMBER: u64 = VALUE + size_of::<String>() as u64 + 8;
    /// The allocation of a short text.
    const TEXT: u64 = 32;
    let mut sum = VALUE;
    // One bit per open list or mapping: 1 for a mapping; the innermost is the last bit. The parser allows at most 128
    // levels.
    let mut mappings = 0_u128;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        sum += match byte {
            b'{' => {
                mappings = mappings << 1 | 1;
                4 * MEMBER
            }
            b'[' => {
                mappings <<= 1;
                4 * VALUE
            }
            b'}' | b']' => {
                mappings >>= 1;
                0
            }
            b',' if mappings & 1 == 1 => 2 * MEMBER,
            b',' => VALUE + VALUE / 2,
            b'"' => {
                let mut length = 0;
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                    length += 1;
                }
                TEXT + length
            }
            _ => 0,
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, StatusCode};

    use super::*;

    /// The values that a path finds in a body, or the reason why it finds nothing.
    fn found(path: &str, body: &str) -> Result<Vec<String>, String> {
        let path = JsonPath::parse(path).expect(path);
        let headers = HeaderMap::new();
        let time = Duration::ZERO;
        let response = Response::new(StatusCode::OK, &headers, body.as_bytes(), time);
        let Some(place) = response.at(&path)? else {
            return Ok(Vec::new());
        };
        let nodes = place.path.query(place.json()?).expect("few visits");
        Ok(nodes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn of_a_large_body_only_the_part_is_read_that_a_path_leads_to() {
        let many = |count: usize| vec![r#"{"a":1}"#; count].join(",");
        let body = |count: usize| {
            format!(
                r#"{{"last": 0, "many": [{}], "it's": {{"b c": [1, {{"x": [true, "a\"]}}"]}}]}}, "l\u0061st" : 1.50 }} "#,
                many(count)
            )
        };
        let (small, large) = (body(3), body(400_000));
        for path in [
            "$.last",
            "$['last']",
            "$[\"it's\"]['b c'][1].x",
            "$[\"it's\"]['b c'][-1].x[*]",
            "$[\"it's\"]..x",
            "$.absent",
            "$.last.absent",
            "$[0]",
            "$.many[2].a",
            "$.many[400000]",
        ] {
            let expected = found(path, &small).expect(path);
            assert_eq!(found(path, &large), Ok(expected), "{path}");
        }
        for path in ["$", "$.many", "$.many[*].a", "$..a"] {
            let told = found(path, &large).expect_err(path);
            assert!(told.contains("64 MiB"), "{told}");
            assert!(told.contains("begins with names"), "{told}");
        }
        let torn = &large[..large.len() - 9];
        let told = found("$.last", torn).expect_err("torn");
        assert!(told.starts_with("a body that is not JSON"), "{told}");
    }
}
