//! Where a JSON path looks: the whole body, or of one that would take much memory only the part that it leads to.

use std::ops::Deref;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::response::Response;
use crate::expr::value::part;
use crate::scenario::JsonPath;

/// From which size on it is looked at how much memory a body would take.
const LARGE: usize = 64 << 10;

/// What the values of a body may take for all of them to be read: more are read only as far as a path leads.
const WHOLE: u64 = 8 << 20;

/// The most that the values of a body, or of a part of it, may take. Two bodies are read at once.
pub(super) const MOST: u64 = 64 << 20;

/// The part of a body that a path leads to, and the path from there on.
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
    /// Where a path looks, none if it leads nowhere; or why the body is not JSON, in words.
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

    /// How much memory the values of the body take at most, in bytes; nothing worth to be counted for a small one.
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

/// How much memory the values of a JSON text take at most, by the marks between them. Of a list or a mapping that grows up
/// to half may be spare; a small mapping has room for three.
fn memory(text: &[u8]) -> u64 {
    const VALUE: u64 = size_of::<Value>() as u64;
    /// A value under a name, and its hash.
    const MEMBER: u64 = VALUE + size_of::<String>() as u64 + 8;
    /// What the allocator takes for a short text.
    const TEXT: u64 = 32;
    let mut sum = VALUE;
    // Of each list or mapping that is open, whether it is a mapping, the innermost in the last bit; no more than 128 are read.
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

    /// What a path finds in a body, or why it finds nothing.
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
            assert!(told.contains("64.0 MiB"), "{told}");
            assert!(told.contains("narrower path"), "{told}");
        }
        let torn = &large[..large.len() - 9];
        let told = found("$.last", torn).expect_err("torn");
        assert!(told.starts_with("a body that is not JSON"), "{told}");
    }
}
