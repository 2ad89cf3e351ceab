//! Parses YAML into the tree of a scenario file.
//!
//! Only this module names the YAML crate, and it uses only the event parser. A tree with positions lets the later
//! checks report every error in one pass; deserialising would stop at the first. Anchors, aliases and merge keys are
//! resolved here within limits, so that a small file cannot expand into a large one.

mod syntax;

use std::collections::{HashMap, HashSet};

use serde_yaml::granit_parser::{self as granit, Event, Parser, ScalarStyle};

use super::tree::{Content, Entry, Node, Notation, Scalar};
use super::{Diagnostic, FileId, Span};
use crate::units::ByteSize;

/// The maximum number of values of a file after aliases are expanded.
const MAX_NODES: usize = 50_000;
/// The maximum size of their text, in bytes.
const MAX_TEXT: usize = 4 << 20;
/// The maximum nesting depth of lists and mappings.
const MAX_DEPTH: usize = 48;

/// The key that merges another mapping into its own.
const MERGE: &str = "<<";

/// Parses the text of a file into its tree; `None` after a syntax error. Duplicate keys, tags and similar errors are
/// reported, and the rest of the tree is still returned.
pub(crate) fn parse(text: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut options = granit::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        disallow_directives: true,
    };
    options.set_emit_comments(false);
    let mut builder = Builder {
        text,
        file,
        problems,
        stack: Vec::new(),
        anchors: HashMap::new(),
        size: NodeCost::default(),
        root: None,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let result = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(syntax::fault(&error, text, file)),
        };
        if let Err(diagnostic) = result {
            builder.problems.push(diagnostic);
            return None;
        }
    }
    builder.root
}

/// The size of a value, which is added again for each alias that copies it.
#[derive(Debug, Clone, Copy, Default)]
struct NodeCost {
    nodes: usize,
    text: usize,
    depth: usize,
}

/// A list or mapping that is not closed yet.
struct OpenNode {
    span: Span,
    anchor: usize,
    before: NodeCost,
    depth: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The key whose value comes next; its name is `None` if the key was not a name.
        key: Option<(Option<String>, Span)>,
        /// The first position of each key.
        first: HashMap<String, Span>,
    },
}

struct Builder<'t> {
    text: &'t str,
    file: FileId,
    problems: &'t mut Vec<Diagnostic>,
    stack: Vec<OpenNode>,
    anchors: HashMap<usize, (Node, NodeCost)>,
    size: NodeCost,
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
                        "a scenario file contains one document, but a second one starts here",
                    )
                    .with_hint("put each scenario into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place);
                let node = Node {
                    value: Content::Scalar(self.scalar(text.into_owned(), style, place)),
                    span,
                };
                let size = NodeCost {
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
                    first: HashMap::new(),
                };
                self.open(span, anchor, children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return Err(fatal(
                        span,
                        "this alias refers to a value that contains the alias",
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
            NodeCost {
                nodes: 1,
                ..NodeCost::default()
            },
            span,
        )?;
        self.stack.push(OpenNode {
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
            Children::List(items) => Content::List(items),
            Children::Map { entries, .. } => Content::Map(self.merge(entries)),
        };
        let node = Node {
            value,
            span: open.span,
        };
        let size = NodeCost {
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

    /// Adds to the size of the file; fails if it exceeds the limits.
    fn grow(&mut self, by: NodeCost, span: Span) -> Result<(), Diagnostic> {
        self.size.nodes += by.nodes;
        self.size.text += by.text;
        if let Some(parent) = self.stack.last_mut() {
            parent.depth = parent.depth.max(by.depth);
        }
        if self.size.nodes > MAX_NODES || self.size.text > MAX_TEXT {
            return Err(fatal(
                span,
                format!("with its aliases expanded, this file has more than {MAX_NODES} values or {} of text", ByteSize(MAX_TEXT as u64)),
            )
            .with_hint("rows of test input belong in a file under `data:`"));
        }
        if self.stack.len() + by.depth > MAX_DEPTH {
            return Err(fatal(span, too_deep()));
        }
        Ok(())
    }

    fn keep(&mut self, anchor: usize, node: &Node, size: NodeCost) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
    }

    /// Adds a finished value to the open list or mapping, or makes it the root.
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
                first,
            } => match key.take() {
                Some((None, _)) => {}
                Some((Some(name), key_span)) => {
                    let before = *first.entry(name.clone()).or_insert(key_span);
                    if before == key_span || name == MERGE {
                        entries.push(Entry {
                            key: name,
                            key_span,
                            value: node,
                        });
                    } else {
                        self.problems.push(
                            fatal(key_span, format!("`{name}` is given twice"))
                                .with_related(before, "first given here")
                                .with_hint("keep one of the two"),
                        );
                    }
                }
                None => {
                    let name = match node.value {
                        Content::Scalar(scalar) => Some(scalar.text),
                        Content::List(_) | Content::Map(_) => {
                            self.problems.push(
                                fatal(node.span, "a key must be a name, not a list or a mapping")
                                    .with_hint("put quotes around a text that starts with `{` or `[`; write \
                                        \"${name}\" to insert a value"),
                            );
                            None
                        }
                    };
                    *key = Some((name, node.span));
                }
            },
        }
    }

    /// Replaces `<<: *anchor` by the entries of the mapping it names. The mapping's own keys win.
    fn merge(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        if entries.iter().all(|entry| entry.key != MERGE) {
            return entries;
        }
        let (merged, mut own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.key == MERGE);
        let mut known: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
        for entry in merged {
            let sources = match entry.value.value {
                Content::List(items) => items,
                value => vec![Node {
                    value,
                    span: entry.value.span,
                }],
            };
            for source in sources {
                let Content::Map(inherited) = source.value else {
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
                fatal(span, "YAML tags are not supported in a scenario")
                    .with_hint("remove the tag"),
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

    /// The first line of the span, at least one character long.
    fn span(&self, place: granit::Span) -> Span {
        let source = place.slice(self.text).unwrap_or_default();
        let first = source.lines().next().unwrap_or_default().trim_end();
        Span {
            file: self.file,
            line: place.start.line().max(1) as u32,
            column: place.start.col() as u32 + 1,
            length: (first.chars().count() as u32).max(1),
        }
    }
}

fn text_length(node: &Node) -> usize {
    match &node.value {
        Content::Scalar(scalar) => scalar.text.len(),
        Content::List(_) | Content::Map(_) => 0,
    }
}

fn too_deep() -> String {
    format!("lists and mappings nest deeper than {MAX_DEPTH} levels here")
}

fn fatal(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Some(span), message)
}
