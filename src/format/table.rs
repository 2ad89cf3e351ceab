//! The parts of a table.

use super::types::Simple;
use super::words::{Word, WordSet};

/// A mapping of the format: its keys and its description.
#[derive(Debug)]
pub(crate) struct Mapping {
    /// Its name in the schema and its chapter in the reference: `flow`.
    pub(crate) name: &'static str,
    /// Its name with an article, for messages: `a flow`.
    pub(crate) what: &'static str,
    /// Its purpose.
    pub(crate) doc: &'static str,
    pub(crate) fields: &'static [Field],
    /// Its forms, if it has several, each with its own keys. Empty if any keys may be combined.
    pub(crate) forms: &'static [&'static Form],
    /// Keys that exclude each other.
    pub(crate) choices: &'static [&'static Choice],
    /// A complete mapping, as YAML.
    pub(crate) example: &'static str,
    /// Entries that complete the example of a single key, so that a test can read it.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests read single keys"))]
    pub(crate) rest: &'static str,
    /// The place of this mapping's keys, for a hint about a misplaced key; empty if there is nothing useful to tell.
    pub(crate) home: &'static str,
}

impl Mapping {
    /// An empty mapping, for functional update.
    pub(crate) const EMPTY: Self = Self {
        name: "",
        what: "",
        doc: "",
        fields: &[],
        forms: &[],
        choices: &[],
        example: "",
        rest: "",
        home: "",
    };

    /// The field with this key.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Its keys, in the order of the table.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.key).collect()
    }
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    /// The type of its value.
    pub(crate) kind: Type,
    pub(crate) presence: Presence,
    pub(crate) secrecy: Secrecy,
    /// Its effect, its default and its pitfalls, in sentences.
    pub(crate) doc: &'static str,
    /// A value, as YAML; or the entries of a complete mapping, if they begin with the key itself.
    pub(crate) example: &'static str,
    /// Its place, if [`Mapping::home`] does not describe it well.
    pub(crate) home: &'static str,
}

/// Whether a key is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// The default, as YAML.
    Default(&'static str),
}

/// Whether the value of a key may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Reports show it.
    Public,
    /// It has secret parts; every value of the environment in it may be one.
    Mixed,
    /// Every part of it may be secret.
    Secret,
}

impl Field {
    /// An optional key.
    pub(crate) const fn new(
        key: &'static str,
        kind: Type,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            key,
            kind,
            presence: Presence::Optional,
            secrecy: Secrecy::Public,
            doc,
            example,
            home: "",
        }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.presence = Presence::Required;
        self
    }

    pub(crate) const fn default(mut self, text: &'static str) -> Self {
        self.presence = Presence::Default(text);
        self
    }

    pub(crate) const fn with_secrets(mut self) -> Self {
        self.secrecy = Secrecy::Mixed;
        self
    }

    pub(crate) const fn secret(mut self) -> Self {
        self.secrecy = Secrecy::Secret;
        self
    }

    /// The default, as YAML; empty if there is none.
    pub(crate) const fn default_text(&self) -> &'static str {
        match self.presence {
            Presence::Default(text) => text,
            Presence::Required | Presence::Optional => "",
        }
    }

    pub(crate) const fn home(mut self, sentence: &'static str) -> Self {
        self.home = sentence;
        self
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    /// Any YAML value; `${…}` in its texts is expanded where the value is sent or compared.
    Any,
    /// A text, shown as written.
    Text,
    /// A named scalar type, such as a duration.
    Simple(&'static Simple),
    /// A duration above zero.
    Positive,
    Flag,
    /// A whole number from `.0` to `.1`.
    Integer(u64, u64),
    /// Exactly this word.
    Literal(&'static str),
    Words(&'static WordSet),
    /// A list with at least one item.
    List(&'static Type),
    /// An empty list.
    Nothing,
    /// A mapping whose keys are free, such as the names of headers.
    Map(&'static Type),
    Mapping(&'static Mapping),
    /// A step of any kind.
    Step,
    /// One of several.
    OneOf(&'static [Type]),
}

/// One form of a mapping that has several.
#[derive(Debug)]
pub(crate) struct Form {
    /// Its name in messages: ``a load by `rate` ``.
    pub(crate) what: &'static str,
    /// The required keys, which identify the form.
    pub(crate) needs: &'static [&'static str],
    /// The optional keys.
    pub(crate) may: &'static [&'static str],
}

impl Form {
    /// True if the form allows this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.needs.contains(&key) || self.may.contains(&key)
    }
}

/// Keys of which a mapping may have only one.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) keys: &'static [&'static str],
    /// True if one of them is required.
    pub(crate) is_required: bool,
}

/// The whole format.
#[derive(Debug)]
pub(crate) struct Format {
    /// The top level of the file.
    pub(crate) root: &'static Mapping,
    /// The kinds of step.
    pub(crate) steps: &'static [&'static Mapping],
}

impl Format {
    /// Every mapping of the format, each once; a mapping comes before the mappings nested in it.
    pub(crate) fn mappings(&self) -> Vec<&'static Mapping> {
        let mut found = Vec::new();
        self.walk(self.root, &mut found);
        found
    }

    /// True if a key with this name has a value that may be secret, in any mapping of the format.
    pub(crate) fn is_secret_key(&self, key: &str) -> bool {
        let mappings = self.mappings();
        let mut fields = mappings.iter().flat_map(|mapping| mapping.fields);
        fields.any(|field| field.key == key && field.secrecy == Secrecy::Secret)
    }

    fn walk(&self, mapping: &'static Mapping, found: &mut Vec<&'static Mapping>) {
        if found.iter().any(|known| known.name == mapping.name) {
            return;
        }
        found.push(mapping);
        for field in mapping.fields {
            self.walk_type(field.kind, found);
        }
    }

    /// Adds every mapping that a value of this type may contain.
    pub(crate) fn walk_type(&self, kind: Type, found: &mut Vec<&'static Mapping>) {
        if let Type::Mapping(mapping) = kind {
            self.walk(mapping, found);
        } else if let Type::Step = kind {
            self.steps.iter().for_each(|step| self.walk(step, found));
        }
        for part in kind.parts() {
            self.walk_type(part, found);
        }
    }
}

impl Type {
    /// The alternatives and item types of a type.
    fn parts(self) -> Vec<Self> {
        match self {
            Self::OneOf(several) => several.to_vec(),
            Self::List(inner) | Self::Map(inner) => vec![*inner],
            Self::Any
            | Self::Text
            | Self::Simple(_)
            | Self::Positive
            | Self::Flag
            | Self::Integer(..)
            | Self::Literal(_)
            | Self::Words(_)
            | Self::Nothing
            | Self::Mapping(_)
            | Self::Step => Vec::new(),
        }
    }

    /// The bounds of the whole number among the alternatives.
    pub(super) fn bounds(self) -> Option<(u64, u64)> {
        if let Self::Integer(least, most) = self {
            return Some((least, most));
        }
        self.parts().into_iter().find_map(Self::bounds)
    }

    /// True if a duration must be above zero.
    pub(super) fn is_positive(self) -> bool {
        matches!(self, Self::Positive) || self.parts().into_iter().any(Self::is_positive)
    }

    /// The words among the alternatives.
    pub(super) fn words(self) -> Option<&'static [Word]> {
        if let Self::Words(set) = self {
            return Some(set.words);
        }
        self.parts().into_iter().find_map(Self::words)
    }
}
