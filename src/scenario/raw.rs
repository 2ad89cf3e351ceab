//! The YAML tree of a scenario file: every key and value with its place in the text.
//!
//! Only this file names the YAML crate, and of it only the event parser: a tree with places lets the checks that follow
//! find everything that is wrong in one pass, where deserialising stops at the first. Anchors, aliases and merge keys
//! are resolved here under a budget, so that a small file cannot expand into a large one.

use std::collections::{HashMap, HashSet};

use serde_yaml::granit_parser::{self as granit, ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::diagnostic::{Diagnostic, Span};

/// The most values a file may have after aliases are expanded.
const MAX_NODES: usize = 50_000;
/// The most bytes of text in them.
const MAX_TEXT: usize = 4 << 20;
/// How deep lists and mappings may nest.
const MAX_DEPTH: usize = 48;

/// The key that merges a mapping into the one it stands in.
const MERGE: &str = "<<";

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text, a number, a flag or nothing: which of them is for the reader to say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    /// The text after unquoting and, later, after the environment's values were put in.
    pub(super) text: String,
    /// The text before the environment's values were put in, where that made a difference.
    pub(super) written: Option<String>,
    pub(super) notation: Notation,
    /// How many characters after the start of the span the text starts, when it stands there unchanged.
    pub(super) offset: Option<u32>,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// Without quotes: may be a number, a flag or nothing.
    Plain,
    /// In quotes or as a block: always a text.
    Text,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Whether nothing was written: `key:`, `null` or `~`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// The value as JSON; plain scalars are typed by the YAML 1.2 core schema.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar(scalar) => scalar.to_json(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }
}

impl Scalar {
    fn is_null(&self) -> bool {
        self.notation == Notation::Plain
            && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    fn to_json(&self) -> serde_json::Value {
        if self.notation == Notation::Text {
            return self.text.clone().into();
        }
        match self.text.as_str() {
            _ if self.is_null() => serde_json::Value::Null,
            "true" | "True" | "TRUE" => true.into(),
            "false" | "False" | "FALSE" => false.into(),
            text => number(text).unwrap_or_else(|| text.into()),
        }
    }
}

/// A number of the core schema; what JSON cannot hold (`.inf`, `0o17` beyond 64 bits) stays text.
fn number(text: &str) -> Option<serde_json::Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Into::into);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Into::into);
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = unsigned.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = unsigned.parse::<u64>() {
        return Some(whole.into());
    }
    let float: f64 = unsigned.parse().ok()?;
    serde_json::Number::from_f64(float).map(Into::into)
}

/// Parses a text into its tree, or says where it stops being YAML; duplicate keys, tags and the like are reported
/// beside a tree that is otherwise whole.
pub(super) fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut options = granit::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        disallow_directives: true,
    };
    options.set_emit_comments(false);
    let mut builder = Builder {
        text,
        problems,
        stack: Vec::new(),
        anchors: HashMap::new(),
        size: Size::default(),
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let result = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(syntax_error(&error, text)),
        };
        if let Err(diagnostic) = result {
            builder.problems.push(diagnostic);
            return None;
        }
    }
    builder.root
}

/// What a value costs when an alias copies it.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text: usize,
    depth: usize,
}

/// A list or mapping that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    before: Size,
    depth: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Span)>,
        /// The line each key was first given on.
        lines: HashMap<String, u32>,
    },
}

struct Builder<'t> {
    text: &'t str,
    problems: &'t mut Vec<Diagnostic>,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
    size: Size,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, place: granit::Span) -> Result<(), Diagnostic> {
        let span = self.span(place);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fatal(
                        span,
                        "a scenario file holds one document, and a second starts here",
                    )
                    .with_hint("put each scenario into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                let node = Node {
                    value: Value::Scalar(self.scalar(text.into_owned(), style, place)),
                    span,
                };
                let size = Size {
                    nodes: 1,
                    text: text_length(&node),
                    depth: 0,
                };
                self.grow(size, span)?;
                self.keep(anchor, &node, size);
                self.place(node);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                self.open(span, anchor, Children::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                let children = Children::Map {
                    entries: Vec::new(),
                    key: None,
                    lines: HashMap::new(),
                };
                self.open(span, anchor, children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(fatal(
                        span,
                        "this alias stands inside the very value it names",
                    ));
                };
                self.grow(size, span)?;
                self.place(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, span: Span, anchor: usize, children: Children) -> Result<(), Diagnostic> {
        let before = self.size;
        self.grow(
            Size {
                nodes: 1,
                ..Size::default()
            },
            span,
        )?;
        self.stack.push(Open {
            span,
            anchor,
            before,
            depth: 0,
            children,
        });
        Ok(())
    }

    fn close(&mut self) {
        let Some(open) = self.stack.pop() else {
            return;
        };
        let depth = open.depth + 1;
        let value = match open.children {
            Children::List(items) => Value::List(items),
            Children::Map { entries, .. } => Value::Map(self.merge(entries)),
        };
        let node = Node {
            value,
            span: open.span,
        };
        let size = Size {
            nodes: self.size.nodes - open.before.nodes,
            text: self.size.text - open.before.text,
            depth,
        };
        if let Some(parent) = self.stack.last_mut() {
            parent.depth = parent.depth.max(depth);
        }
        self.keep(open.anchor, &node, size);
        self.place(node);
    }

    /// Counts what is added, and stops where a file grows beyond all reason.
    fn grow(&mut self, by: Size, span: Span) -> Result<(), Diagnostic> {
        self.size.nodes += by.nodes;
        self.size.text += by.text;
        if let Some(parent) = self.stack.last_mut() {
            parent.depth = parent.depth.max(by.depth);
        }
        if self.size.nodes > MAX_NODES || self.size.text > MAX_TEXT {
            return Err(fatal(
                span,
                format!("with its aliases expanded, this file has more than {MAX_NODES} values or {} MiB of text", MAX_TEXT >> 20),
            )
            .with_hint("rows of test input belong into a file under `data:`"));
        }
        if self.stack.len() + by.depth > MAX_DEPTH {
            return Err(fatal(span, too_deep()));
        }
        Ok(())
    }

    fn keep(&mut self, anchor: usize, node: &Node, size: Size) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    /// Puts a finished value where it belongs: the root, a list, a key, or the value of a key.
    fn place(&mut self, node: Node) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.children {
            Children::List(items) => items.push(node),
            Children::Map {
                entries,
                key,
                lines,
            } => match key.take() {
                Some((name, key_span)) => {
                    let first = lines.insert(name.clone(), key_span.line);
                    match first.filter(|_| name != MERGE) {
                        Some(line) => self.problems.push(
                            fatal(
                                key_span,
                                format!("`{name}` is given twice: first on line {line}"),
                            )
                            .with_hint("keep one of the two"),
                        ),
                        None => entries.push(Entry {
                            key: name,
                            key_span,
                            value: node,
                        }),
                    }
                }
                None => {
                    let name = match node.value {
                        Value::Scalar(scalar) => scalar.text,
                        Value::List(_) | Value::Map(_) => {
                            self.problems.push(
                                fatal(node.span, "a key must be a name, not a list or a mapping")
                                    .with_hint("put quotes around a value that starts with `{`, `[` or `${`"),
                            );
                            String::new()
                        }
                    };
                    *key = Some((name, node.span));
                }
            },
        }
    }

    /// Replaces `<<: *anchor` by the entries of the mapping it names; keys written beside it win.
    fn merge(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        if entries.iter().all(|entry| entry.key != MERGE) {
            return entries;
        }
        let (merged, mut own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.key == MERGE);
        let mut known: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
        for entry in merged {
            let sources = match entry.value.value {
                Value::List(items) => items,
                value => vec![Node {
                    value,
                    span: entry.value.span,
                }],
            };
            for source in sources {
                let Value::Map(inherited) = source.value else {
                    self.problems.push(fatal(
                        entry.key_span,
                        "`<<` merges a mapping, such as `<<: *defaults`, or a list of them",
                    ));
                    continue;
                };
                for entry in inherited {
                    if known.insert(entry.key.clone()) {
                        own.push(entry);
                    }
                }
            }
        }
        own
    }

    fn refuse_tag(&mut self, tagged: bool, place: granit::Span) {
        if tagged {
            let span = self.span(place.tag_span().unwrap_or(place));
            self.problems.push(
                fatal(span, "a scenario has no use for YAML tags").with_hint("remove the tag"),
            );
        }
    }

    fn scalar(&self, text: String, style: ScalarStyle, place: granit::Span) -> Scalar {
        let source = place.slice(self.text).unwrap_or_default();
        let offset = match style {
            ScalarStyle::Plain => (source == text).then_some(0),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => source
                .get(1..source.len().saturating_sub(1))
                .is_some_and(|inner| inner == text)
                .then_some(1),
            ScalarStyle::Literal | ScalarStyle::Folded => None,
        };
        Scalar {
            offset: offset.filter(|_| !text.contains('\n')),
            text,
            written: None,
            notation: if style == ScalarStyle::Plain {
                Notation::Plain
            } else {
                Notation::Text
            },
        }
    }

    /// The first line of the place, at least one character long.
    fn span(&self, place: granit::Span) -> Span {
        let source = place.slice(self.text).unwrap_or_default();
        let first = source.lines().next().unwrap_or_default().trim_end();
        Span {
            line: place.start.line().max(1) as u32,
            column: place.start.col() as u32 + 1,
            length: (first.chars().count() as u32).max(1),
        }
    }
}

fn text_length(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.len(),
        Value::List(_) | Value::Map(_) => 0,
    }
}

fn too_deep() -> String {
    format!("lists and mappings nest deeper than {MAX_DEPTH} levels here")
}

fn fatal(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        span: Some(span),
        message: message.into(),
        hint: None,
    }
}

impl Diagnostic {
    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Says in the words of a scenario what the YAML parser could not read.
fn syntax_error(error: &ScanError, text: &str) -> Diagnostic {
    let marker = error.marker();
    let span = Span {
        line: marker.line().max(1) as u32,
        column: marker.col() as u32 + 1,
        length: 1,
    };
    let line = text.lines().nth(span.line as usize - 1).unwrap_or_default();
    let (message, hint) = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => (
            "a tab stands where YAML allows only spaces".to_owned(),
            Some("indent with spaces"),
        ),
        ErrorKind::UnexpectedCharacter { character: '\t' } => (
            "a tab stands where YAML allows only spaces".to_owned(),
            Some("indent with spaces"),
        ),
        ErrorKind::RecursionLimitExceeded => (too_deep(), None),
        ErrorKind::UnclosedQuotedScalar => (
            "this quoted text has no closing quote".to_owned(),
            Some("a quote inside the text is doubled in '…' and written \\\" in \"…\""),
        ),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("this `{open}` is never closed"), None)
        }
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that is not defined before it".to_owned(),
            Some("define it with `&name`, or put quotes around a text that starts with `*`"),
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "this is no escape sequence of YAML".to_owned(),
            Some(
                "write regular expressions and JSON paths in single quotes, where `\\` stands for itself",
            ),
        ),
        ErrorKind::DirectiveDisallowed => (
            "a line starts with `%`, which YAML keeps for directives".to_owned(),
            None,
        ),
        kind => (format!("this is not valid YAML: {kind}"), None),
    };
    let hint = if line.contains("${") && line.contains(['{', '[']) && hint.is_none() {
        Some("inside `{ }` and `[ ]`, put quotes around a value with `${…}`")
    } else if line.contains('\t') && hint.is_none() {
        Some("there is a tab in this line; indent with spaces")
    } else if matches!(error.kind(), ErrorKind::MappingValueNotAllowed) {
        Some("put quotes around a text that holds `: `, and check the indentation")
    } else {
        hint
    };
    Diagnostic {
        span: Some(span),
        message,
        hint: hint.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
        let mut problems = Vec::new();
        let root = parse(text, &mut problems);
        (root, problems)
    }

    fn json(text: &str) -> serde_json::Value {
        let (root, problems) = tree(text);
        assert_eq!(problems, [], "{text}");
        root.expect("a tree").to_json()
    }

    #[test]
    fn plain_scalars_are_typed_and_quoted_ones_are_text() {
        assert_eq!(
            json("[1, -2, 1.5, 0x1f, true, null, ~, '1', \"true\", 1e3, .5, 5m, 1.2.3]"),
            serde_json::json!([
                1, -2, 1.5, 31, true, null, null, "1", "true", 1000.0, 0.5, "5m", "1.2.3"
            ])
        );
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let (root, _) = tree("load:\n  users: 'a b'\n");
        let root = root.expect("a tree");
        let users = root
            .get("load")
            .and_then(|load| load.get("users"))
            .expect("users");
        assert_eq!(
            (users.span.line, users.span.column, users.span.length),
            (2, 10, 5)
        );
        assert!(matches!(&users.value, Value::Scalar(scalar) if scalar.offset == Some(1)));
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        assert_eq!(
            json("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n"),
            serde_json::json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 2}, "c": {"q": 3, "p": 1}})
        );
    }

    #[test]
    fn a_bomb_of_a_thousand_million_values_is_refused_at_once() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let alias = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{alias}]\n"));
        }
        let began = std::time::Instant::now();
        let (root, problems) = tree(&bomb);
        assert!(began.elapsed().as_millis() < 100, "{:?}", began.elapsed());
        assert!(root.is_none());
        assert!(
            problems[0].message.contains("aliases expanded"),
            "{problems:?}"
        );
    }

    #[test]
    fn long_texts_copied_by_aliases_and_deep_chains_are_refused() {
        let long = format!(
            "a: &a '{}'\nb: [{}]\n",
            "x".repeat(100_000),
            vec!["*a"; 1_000].join(",")
        );
        assert!(tree(&long).0.is_none());
        let mut chain = String::from("a0: &a0 [x]\n");
        for level in 1..100 {
            chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        let (root, problems) = tree(&chain);
        assert!(root.is_none());
        assert!(problems[0].message.contains("nest deeper"), "{problems:?}");
        assert!(tree(&"[".repeat(10_000)).0.is_none());
        assert!(tree("a: &a [*a]").0.is_none());
    }
}
