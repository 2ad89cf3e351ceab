//! Cache keys, their canonical text, and the key classes that expire and are invalidated together.
//!
//! Within the process a key is hashed directly; its text is built only for the second level and for operators.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Maximum bytes of a search that is written out in a key; longer searches are hashed.
const LONGEST_WORDS: usize = 64;

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CacheKey {
    /// One document by its id: `document:7`.
    Document(i64),
    /// One page of the catalogue: `documents:page:title:1:20`.
    Page {
        /// The sort order, in the API's spelling.
        sort: &'static str,
        /// Counted from one.
        page: u32,
        /// Items on a page.
        limit: u32,
    },
    /// One page of search results: `search:cache:1:20`.
    Search {
        /// The query.
        words: String,
        /// Counted from one.
        page: u32,
        /// Items on a page.
        limit: u32,
    },
    /// The total number of a kind of object: `total:documents`.
    Total(&'static str),
    /// One course: `course:3`.
    Course(i64),
    /// One page of the students of a course: `course:3:students:1:20`.
    Students {
        /// The course.
        course: i64,
        /// Counted from one.
        page: u32,
        /// Items on a page.
        limit: u32,
    },
}

/// Keys with the same time to live that can be invalidated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeyClass {
    /// Single documents.
    Documents,
    /// Pages of the catalogue.
    Pages,
    /// Searches.
    Searches,
    /// Totals.
    Totals,
    /// Courses and their students.
    Courses,
}

/// The cache that keeps a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheKind {
    /// Response bodies.
    Responses,
    /// Query results.
    Queries,
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyClasses(u8);

/// A domain object that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    /// The document with this id.
    Document(i64),
    /// The course with this id.
    Course(i64),
}

impl CacheKey {
    /// The class that the key belongs to.
    pub(crate) fn class(&self) -> KeyClass {
        match self {
            Self::Document(_) => KeyClass::Documents,
            Self::Page { .. } => KeyClass::Pages,
            Self::Search { .. } => KeyClass::Searches,
            Self::Total(_) => KeyClass::Totals,
            Self::Course(_) | Self::Students { .. } => KeyClass::Courses,
        }
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.class().prefix())?;
        match self {
            Self::Document(id) | Self::Course(id) => write!(out, "{id}"),
            Self::Page { sort, page, limit } => write!(out, "{sort}:{page}:{limit}"),
            Self::Search { words, page, limit } => {
                write!(out, "{}:{page}:{limit}", SearchText(words))
            }
            Self::Total(of) => out.write_str(of),
            Self::Students {
                course,
                page,
                limit,
            } => write!(out, "{course}:students:{page}:{limit}"),
        }
    }
}

/// The words of a search as part of a key: unchanged if short and plain, else `sha256-` and 128 bits of the digest.
struct SearchText<'a>(&'a str);

impl fmt::Display for SearchText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
        if self.0.len() <= LONGEST_WORDS && self.0.bytes().all(is_plain) {
            return out.write_str(self.0);
        }
        out.write_str("sha256-")?;
        for byte in &Sha256::digest(self.0)[..16] {
            write!(out, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl KeyClass {
    /// Every class, in the order of its bit.
    pub(crate) const ALL: [Self; 5] = [
        Self::Documents,
        Self::Pages,
        Self::Searches,
        Self::Totals,
        Self::Courses,
    ];

    /// The prefix of the texts of all its keys, and of no others.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Documents => "document:",
            Self::Pages => "documents:page:",
            Self::Searches => "search:",
            Self::Totals => "total:",
            Self::Courses => "course:",
        }
    }

    /// The cache that keeps this class.
    pub(crate) fn home(self) -> CacheKind {
        match self {
            Self::Documents | Self::Pages | Self::Searches => CacheKind::Responses,
            Self::Totals | Self::Courses => CacheKind::Queries,
        }
    }

    /// Whether it is invalidated as a whole; a document is invalidated only by its key, or with everything.
    pub(crate) fn is_swept(self) -> bool {
        self != Self::Documents
    }

    /// Whether its entries become part of other classes' entries.
    pub(crate) fn is_part(self) -> bool {
        self == Self::Totals
    }

    /// The common prefix of the keys of one object, such as `course:3` of its students, if `text` names the object
    /// completely.
    pub(crate) fn root(self, text: &str) -> Option<&str> {
        let of_thing = text.strip_prefix(Self::Courses.prefix())?;
        let end = of_thing.find(':').filter(|_| self == Self::Courses)?;
        Some(&text[..text.len() - of_thing.len() + end])
    }

    /// The class of a key's text.
    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|class| text.starts_with(class.prefix()))
    }
}

impl CacheKind {
    /// The name of the cache, in metrics and in the shared store.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Queries => "queries",
        }
    }
}

impl KeyClasses {
    /// Every class of one cache.
    pub(crate) fn of_home(home: CacheKind) -> Self {
        KeyClass::ALL
            .into_iter()
            .filter(|class| class.home() == home)
            .collect()
    }

    /// The classes that may contain a key that matches `pattern`, with the wildcards `*` and `?`.
    pub(crate) fn touched_by(pattern: &str) -> Self {
        let fixed = pattern.split(['*', '?']).next().unwrap_or_default();
        KeyClass::ALL
            .into_iter()
            .filter(|class| {
                let prefix = class.prefix();
                if fixed.len() == pattern.len() {
                    fixed.starts_with(prefix)
                } else {
                    fixed.starts_with(prefix) || prefix.starts_with(fixed)
                }
            })
            .collect()
    }

    /// The classes that `home` stores.
    pub(crate) fn at(self, home: CacheKind) -> Self {
        Self(self.0 & Self::of_home(home).0)
    }

    /// Whether `class` is one of them.
    pub(crate) fn contains(self, class: KeyClass) -> bool {
        self.0 & (1 << class as u8) != 0
    }

    /// The union of both sets.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Iterates over the classes in the set.
    pub(crate) fn iter(self) -> impl Iterator<Item = KeyClass> {
        KeyClass::ALL
            .into_iter()
            .filter(move |class| self.contains(*class))
    }

    /// The set as a number, for messages to other instances.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The set of [`KeyClasses::bits`]; unknown bits are ignored.
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits & ((1 << KeyClass::ALL.len()) - 1))
    }
}

impl FromIterator<KeyClass> for KeyClasses {
    fn from_iter<T: IntoIterator<Item = KeyClass>>(classes: T) -> Self {
        Self(
            classes
                .into_iter()
                .fold(0, |bits, class| bits | 1 << class as u8),
        )
    }
}

impl Entity {
    /// The key of the entity's own entry.
    pub(crate) fn key(self) -> CacheKey {
        match self {
            Self::Document(id) => CacheKey::Document(id),
            Self::Course(id) => CacheKey::Course(id),
        }
    }

    /// The classes of everything else that may contain it.
    pub(crate) fn shown_in(self) -> KeyClasses {
        match self {
            Self::Document(_) => [KeyClass::Pages, KeyClass::Searches, KeyClass::Totals]
                .into_iter()
                .collect(),
            Self::Course(_) => [KeyClass::Totals].into_iter().collect(),
        }
    }

    /// A pattern for the keys of objects that belong only to it.
    pub(crate) fn parts(self) -> Option<String> {
        match self {
            Self::Document(_) => None,
            Self::Course(_) => Some(format!("{}:*", self.key())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(words: &str) -> String {
        let words = words.to_owned();
        let key = CacheKey::Search {
            words,
            page: 2,
            limit: 20,
        };
        key.to_string()
    }

    #[test]
    fn keys_have_a_canonical_text_that_begins_with_the_prefix_of_their_class() {
        let page = CacheKey::Page {
            sort: "-title",
            page: 1,
            limit: 20,
        };
        let students = CacheKey::Students {
            course: 3,
            page: 1,
            limit: 20,
        };
        for (key, text) in [
            (CacheKey::Document(7), "document:7"),
            (page, "documents:page:-title:1:20"),
            (CacheKey::Total("documents"), "total:documents"),
            (CacheKey::Course(3), "course:3"),
            (students, "course:3:students:1:20"),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(KeyClass::of(text), Some(key.class()));
        }
    }

    #[test]
    fn a_search_is_written_out_if_plain_and_hashed_if_long_or_special() {
        assert_eq!(search("cache"), "search:cache:2:20");
        for odd in ["a:b", "a b", "*", "sha256-x", "ä", &"a".repeat(65)] {
            let text = search(odd);
            assert!(
                text.starts_with("search:sha256-") && text.len() == 51,
                "{text}"
            );
        }
        assert_ne!(search("a b"), search("a  b"));
    }

    #[test]
    fn touched_by_returns_the_classes_that_a_pattern_can_match() {
        let touched = |pattern| KeyClasses::touched_by(pattern).iter().collect::<Vec<_>>();
        assert_eq!(touched("*"), KeyClass::ALL);
        assert_eq!(touched("documents:page:*"), [KeyClass::Pages]);
        assert_eq!(touched("documents:page:title:*"), [KeyClass::Pages]);
        assert_eq!(touched("document*"), [KeyClass::Documents, KeyClass::Pages]);
        assert_eq!(touched("document:7"), [KeyClass::Documents]);
        assert_eq!(
            touched("doc?ment:7"),
            [KeyClass::Documents, KeyClass::Pages]
        );
        assert_eq!(touched("documents"), []);
        assert_eq!(touched("session:*"), []);
    }

    #[test]
    fn a_set_of_classes_round_trips_through_bits() {
        let classes = Entity::Document(1).shown_in();
        assert_eq!(KeyClasses::from_bits(classes.bits()), classes);
        assert_eq!(
            KeyClasses::from_bits(0xff).iter().count(),
            KeyClass::ALL.len()
        );
        let responses: Vec<_> = classes.at(CacheKind::Responses).iter().collect();
        assert_eq!(responses, [KeyClass::Pages, KeyClass::Searches]);
    }
}
