//! Diagnostics: each error of a scenario with its position and a hint.
//!
//! The output looks like a compiler's: the message, the position, the quoted line with the faulty part underlined, a
//! hint. Quoted text never reaches the terminal raw: control characters are replaced and long lines are shortened.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{FileId, SourceFile, Sources, user_info};
use crate::mask::Mask;

/// A position in a file, for the quoted line and its underline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// 1-based line; 0 for a position on the command line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// The number of underlined characters; at least 1.
    pub length: u32,
}

impl Span {
    /// A position in no file.
    pub const NOWHERE: Self = Self {
        file: FileId::SCENARIO,
        line: 0,
        column: 0,
        length: 0,
    };

    /// True for a position in a file, false for one on the command line.
    pub const fn is_in_file(self) -> bool {
        self.line > 0
    }

    /// Its start: the file, the line and the column.
    pub const fn start(self) -> (FileId, u32, u32) {
        (self.file, self.line, self.column)
    }

    /// A part of the same line; it starts `offset` characters after the start of this position.
    #[must_use]
    pub const fn part(self, offset: usize, length: usize) -> Self {
        Self {
            column: self.column + offset as u32,
            length: length as u32,
            ..self
        }
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its position, if it has one.
    pub span: Option<Span>,
    /// The message: the value found and the value expected.
    pub message: String,
    /// Further positions that belong to it.
    pub related: Vec<Related>,
    /// The remedy, such as `did you mean …?`
    pub hint: Option<String>,
}

/// A further position of a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The position.
    pub span: Span,
    /// The text beside it.
    pub label: String,
}

impl Diagnostic {
    /// An error without a hint.
    pub fn new(span: Option<Span>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            related: Vec::new(),
            hint: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a further position.
    #[must_use]
    pub fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        let label = label.into();
        self.related.push(Related { span, label });
        self
    }

    /// Removes secrets from the message, the labels and the hint.
    pub fn hide(&mut self, mask: &Mask) {
        self.message = mask.known(&self.message);
        self.hint = self.hint.take().map(|hint| mask.known(&hint));
        for related in &mut self.related {
            related.label = mask.known(&related.label);
        }
    }
}

/// All errors of a scenario; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The files, to quote lines from.
    pub sources: Sources,
    /// The errors, in the order of the files.
    pub list: Vec<Diagnostic>,
}

/// The maximum number of diagnostics shown; the rest are only counted.
const SHOWN: usize = 50;

/// The maximum width of a quoted line, in terminal cells. A longer line is shortened around the position.
const LINE_WIDTH: usize = 120;

impl Diagnostics {
    /// Sorts the diagnostics in the order of the files; those without a position in a file come last.
    pub fn new(sources: Sources, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| {
            let span = diagnostic.span.filter(|span| span.is_in_file());
            (span.is_none(), span.map(Span::start))
        });
        list.dedup();
        Self { sources, list }
    }

    /// The same text as `Display`, with colour for a terminal.
    pub fn in_colour(&self) -> String {
        self.show(&Renderer::styled())
    }

    fn show(&self, renderer: &Renderer) -> String {
        let renderer = renderer.clone().term_width(LINE_WIDTH);
        let mut out = String::new();
        for diagnostic in self.list.iter().take(SHOWN) {
            let shown = renderer.render(&[self.group(diagnostic)]);
            let _ = writeln!(out, "{shown}\n");
        }
        if let Some(more) = self.list.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(out, "… and {more} more\n");
        }
        let count = self.list.len();
        let noun = if count == 1 { "error" } else { "errors" };
        let files: Vec<String> = self.files().into_iter().map(shown_path).collect();
        let _ = writeln!(out, "{count} {noun} in {}", files.join(", "));
        out
    }

    /// The files that have errors; one without a position belongs to the scenario file.
    fn files(&self) -> Vec<&SourceFile> {
        let ids = self.list.iter().map(|diagnostic| {
            let span = diagnostic.span.filter(|span| span.is_in_file());
            span.unwrap_or_default().file
        });
        let ids: BTreeSet<FileId> = ids.collect();
        ids.into_iter()
            .filter_map(|id| self.sources.get(id))
            .collect()
    }

    fn group(&self, diagnostic: &Diagnostic) -> Group<'static> {
        let title = Level::ERROR.primary_title(escape(&diagnostic.message));
        let mut places = Vec::new();
        if let Some(span) = diagnostic.span.filter(|span| span.is_in_file()) {
            places.push(Place { span, label: None });
        }
        places.extend(diagnostic.related.iter().map(|related| Place {
            span: related.span,
            label: Some(&related.label),
        }));
        let mut group = Group::with_title(title);
        if places.is_empty() {
            group = group.element(Origin::path(escape(&self.sources.path().to_string_lossy())));
        }
        while let Some(Place { span, .. }) = places.first() {
            let file = span.file;
            let (here, elsewhere) = places
                .into_iter()
                .partition(|place| place.span.file == file);
            places = elsewhere;
            group = match self.sources.get(file) {
                Some(file) => quote(group, file, &here),
                None => group,
            };
        }
        match &diagnostic.hint {
            Some(hint) => group.element(Level::HELP.message(escape(hint))),
            None => group,
        }
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(&Renderer::plain()))
    }
}

fn shown_path(file: &SourceFile) -> String {
    escape(&file.path.to_string_lossy())
}

/// A position to underline; that of the diagnostic itself has no label.
struct Place<'d> {
    span: Span,
    label: Option<&'d str>,
}

/// Adds the lines of a file with the positions underlined; the renderer leaves out lines far from all of them.
fn quote(group: Group<'static>, file: &SourceFile, places: &[Place<'_>]) -> Group<'static> {
    let path = shown_path(file);
    let lines: Vec<&str> = file.text.lines().collect();
    let numbers = || places.iter().map(|place| place.span.line as usize);
    let (first, last) = (numbers().min().unwrap_or(1), numbers().max().unwrap_or(1));
    let Some(quoted) = lines.get(first - 1..last) else {
        // The line is not in the text.
        return places.iter().fold(group, |group, place| {
            let origin = Origin::path(path.clone());
            let origin = origin.line(place.span.line as usize);
            group.element(origin.char_column(place.span.column as usize))
        });
    };
    let quoted: Vec<String> = quoted.iter().map(|line| shown_line(line)).collect();
    let annotations = places.iter().map(|place| {
        let line = place.span.line as usize - first;
        let before: usize = quoted[..line].iter().map(|line| line.len() + 1).sum();
        let range = underlined(&quoted[line], place.span);
        let range = before + range.start..before + range.end;
        match place.label {
            None => AnnotationKind::Primary.span(range),
            Some(label) => AnnotationKind::Context.span(range).label(escape(label)),
        }
    });
    let annotations: Vec<Annotation<'static>> = annotations.collect();
    let snippet = Snippet::source(quoted.join("\n")).line_start(first);
    group.element(snippet.path(path).annotations(annotations))
}

/// A line without credentials and without control characters.
fn shown_line(line: &str) -> String {
    user_info::masked(line)
        .chars()
        .map(|c| {
            if is_unescaped_control(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// The underlined bytes of a line.
fn underlined(line: &str, span: Span) -> Range<usize> {
    let byte_of = |index: u32| {
        let mut places = line.char_indices().map(|(at, _)| at);
        places.nth(index as usize).unwrap_or(line.len())
    };
    let first = span.column.saturating_sub(1);
    byte_of(first)..byte_of(first.saturating_add(span.length.max(1)))
}

/// True for a control character that the renderer does not replace; it draws pictures only for the ASCII ones.
fn is_unescaped_control(character: char) -> bool {
    is_control(character) && !character.is_ascii_control()
}

/// The text with every control character escaped.
pub(crate) fn escape(text: &str) -> String {
    text.chars().map(escape_char).collect()
}

/// True for control characters, and for bidirectional overrides and the byte-order mark, which reorder or hide text.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape_char(character: char) -> String {
    if is_control(character) {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::*;

    fn shown(text: &str, line: u32, column: u32, length: u32) -> String {
        let span = Span {
            file: FileId::default(),
            line,
            column,
            length,
        };
        let diagnostic = Diagnostic::new(Some(span), "found it");
        Diagnostics::new(Sources::of("a.yaml", text), vec![diagnostic]).to_string()
    }

    #[test]
    fn the_caret_stands_under_what_is_meant() {
        assert_eq!(
            shown("one\nload: { user: 20 }\n", 2, 9, 4),
            "error: found it\n --> a.yaml:2:9\n  |\n2 | load: { user: 20 }\n  |         ^^^^\n\n1 error in a.yaml\n"
        );
    }

    #[test]
    fn wide_and_escaped_characters_keep_the_caret_aligned() {
        let text = shown("名\t: x", 1, 5, 1);
        assert!(text.contains("1 | 名    : x\n  |         ^\n"), "{text}");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_shown_raw() {
        let text = shown("a: \u{1b}[2J\u{9b}2J\u{202e}\u{feff}\u{7}x", 1, 4, 1);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains(['\u{202e}', '\u{feff}']), "{text:?}");
    }

    #[test]
    fn a_long_line_is_trimmed_around_the_place() {
        let line = format!("{}HERE{}", "a".repeat(5_000), "b".repeat(5_000));
        let text = shown(&line, 1, 5_001, 4);
        assert!(text.lines().all(|l| measure_text_width(l) < 140), "{text}");
        let (quoted, caret) = (text.lines().nth(3), text.lines().nth(4));
        let at = quoted.and_then(|l| l.find("HERE").map(|i| l[..i].chars().count()));
        assert_eq!(at, caret.and_then(|l| l.find('^')), "{text}");
    }

    #[test]
    fn a_place_outside_the_text_is_named_without_a_quote() {
        let text = shown("one\n", 900, 70_000, 3);
        assert!(text.contains("a.yaml:900:70000"), "{text}");
    }

    #[test]
    fn diagnostics_come_in_the_order_of_the_file() {
        let span = |line| {
            Some(Span {
                line,
                column: 1,
                length: 1,
                ..Span::default()
            })
        };
        let list = [(None, "c"), (span(9), "b"), (span(2), "a")];
        let list = list.map(|(span, message)| Diagnostic::new(span, message));
        let sorted = Diagnostics::new(Sources::of("a.yaml", ""), list.into());
        let order: Vec<&str> = sorted.list.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
