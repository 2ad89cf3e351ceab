//! A YAML file of switches, parsed with line numbers for error messages.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_yaml::{DuplicateKeyPolicy, NonFiniteFloatPolicy, Spanned, UserMessageFormatter};

/// A parsed file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct File {
    /// Nested like the body of `PATCH /admin/config`; `null` if the file is empty.
    pub(super) document: Value,
    /// The line of each group and switch, by path.
    pub(super) lines: HashMap<String, u64>,
}

/// A value with the line of each key.
enum FileNode {
    Plain(Value),
    Mapping(Vec<(Spanned<String>, FileNode)>),
}

impl File {
    /// Parses `text`; an error contains line, column and cause.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let options = serde_yaml::options! {
            // Only `true` and `false` are booleans: `off` is the name of a mode.
            strict_booleans: true,
            duplicate_keys: DuplicateKeyPolicy::Error,
            // So that error messages show the original text; JSON has no such number.
            non_finite_float_policy: NonFiniteFloatPolicy::AsString,
            with_snippet: false,
        };
        let node: FileNode = serde_yaml::from_str_with_options(text, options)
            .map_err(|error| error.render_with_formatter(&UserMessageFormatter))?;
        let mut lines = HashMap::new();
        let document = node.into_value("", &mut lines);
        Ok(Self { document, lines })
    }
}

impl FileNode {
    fn into_value(self, path: &str, lines: &mut HashMap<String, u64>) -> Value {
        let entries = match self {
            Self::Plain(value) => return value,
            Self::Mapping(entries) => entries,
        };
        let mut values = Map::new();
        for (key, node) in entries {
            let path = match path {
                "" => key.value.clone(),
                group => format!("{group}.{}", key.value),
            };
            let value = node.into_value(&path, lines);
            lines.insert(path, key.referenced.line());
            values.insert(key.value, value);
        }
        Value::Object(values)
    }
}

impl<'de> Deserialize<'de> for FileNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FileNodeVisitor)
    }
}

struct FileNodeVisitor;

impl<'de> Visitor<'de> for FileNodeVisitor {
    type Value = FileNode;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("settings")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<FileNode, E> {
        Ok(FileNode::Plain(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<FileNode, E> {
        Ok(FileNode::Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<FileNode, E> {
        Ok(FileNode::Plain(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<FileNode, E> {
        self.visit_string(value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<FileNode, E> {
        self.visit_string(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<FileNode, E> {
        Ok(FileNode::Plain(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<FileNode, E> {
        Ok(FileNode::Plain(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<FileNode, E> {
        Ok(FileNode::Plain(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FileNode, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(FileNode::Plain(Value::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<FileNode, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(FileNode::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_with_the_lines_of_their_names() {
        let text = "# first\ncache:\n  mode: off\n\n  ttl: 5m\ncompression: br\npool: { size: 7,\n        auto: true }\n";
        let file = File::read(text).expect("YAML");
        assert_eq!(
            file.document,
            json!({
                "cache": { "mode": "off", "ttl": "5m" },
                "compression": "br",
                "pool": { "size": 7, "auto": true }
            })
        );
        for (path, line) in [
            ("cache", 2),
            ("cache.mode", 3),
            ("cache.ttl", 5),
            ("compression", 6),
            ("pool.size", 7),
            ("pool.auto", 8),
        ] {
            assert_eq!(file.lines.get(path), Some(&line), "{path}");
        }
        assert_eq!(File::read("# nothing\n").expect("YAML"), File::default());
    }
}
