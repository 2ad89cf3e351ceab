//! Detects duplicate keys in JSON objects. Parsers differ in which of the two values they use, so such a body is
//! rejected.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::found;
use crate::error::FieldFault;

/// Maximum reported faults of one body.
const MOST_FAULTS: usize = 20;

/// The keys of `text`, which is JSON, that occur twice in the same object.
pub(super) fn duplicates(text: &[u8]) -> Vec<FieldFault> {
    let (mut path, mut twice) = (String::new(), Vec::new());
    let mut json = serde_json::Deserializer::from_slice(text);
    // Invalid JSON is reported by the parser of the values.
    let _ = json.deserialize_any(KeyScanner {
        path: &mut path,
        twice: &mut twice,
    });
    twice
        .into_iter()
        .map(|field| FieldFault {
            field: field.into(),
            message: found::AGAIN.to_owned(),
        })
        .collect()
}

/// A value at a path such as `insert[3].title`.
struct KeyScanner<'a> {
    path: &'a mut String,
    twice: &'a mut Vec<String>,
}

impl KeyScanner<'_> {
    /// The scanner of a nested value; the path is already that of the value.
    fn inner(&mut self) -> KeyScanner<'_> {
        KeyScanner {
            path: self.path,
            twice: self.twice,
        }
    }
}

impl<'de> DeserializeSeed<'de> for KeyScanner<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeyScanner<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        let length = self.path.len();
        while let Some(key) = map.next_key::<String>()? {
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            if !keys.insert(key) && self.twice.len() < MOST_FAULTS {
                self.twice.push(self.path.clone());
            }
            map.next_value_seed(self.inner())?;
            self.path.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let length = self.path.len();
        for place in 0_usize.. {
            // Writing to a string cannot fail.
            let _ = write!(self.path, "[{place}]");
            if items.next_element_seed(self.inner())?.is_none() {
                break;
            }
            self.path.truncate(length);
        }
        self.path.truncate(length);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_is_reported_with_its_path_at_any_depth() {
        for (text, named) in [
            (r#"{"a": 1, "b": {"a": 2}}"#, &[][..]),
            (r#"{"a": 1, "a": 1}"#, &["a"]),
            (
                r#"{"a": [{"b": 1}, {"b": 1, "\u0062": null}], "c": {}, "c": 2.5}"#,
                &["a[1].b", "c"],
            ),
        ] {
            let found: Vec<_> = duplicates(text.as_bytes())
                .into_iter()
                .map(|fault| fault.field)
                .collect();
            assert_eq!(found, named, "{text}");
        }
    }
}
