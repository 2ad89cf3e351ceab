//! Diagnostics: each error of a scenario with its position and a hint.
//!
//! The output looks like a compiler's: the message, the position, the quoted line with the faulty part underlined, a
//! hint. Quoted text never reaches the terminal raw: control characters are replaced and long lines are shortened.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::user_info;
use crate::mask::Mask;

/// A position in the scenario's text, for the quoted line and its underline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// 1-based line; 0 for a position on the command line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// The number of underlined characters; at least 1.
    pub length: u32,
}

impl Span {
    /// True for a position in the file, false for one on the command line.
    pub const fn is_in_file(self) -> bool {
        self.line > 0
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its position, if it has one.
    pub span: Option<Span>,
    /// The message: the value found and the value expected.
    pub message: String,
    /// The remedy, such as `did you mean …?`
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Removes secrets from the message and the hint.
    pub fn hide(&mut self, mask: &Mask) {
        self.message = mask.known(&self.message);
        self.hint = self.hint.take().map(|hint| mask.known(&hint));
    }
}

/// All errors of one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file.
    pub path: PathBuf,
    /// Its text (empty if it could not be read), to quote lines from.
    pub text: String,
    /// The errors, in the order of the file.
    pub list: Vec<Diagnostic>,
}

/// The maximum number of diagnostics shown; the rest are only counted.
const SHOWN: usize = 50;

/// The maximum width of a quoted line, in terminal cells. A longer line is shortened around the position.
const LINE_WIDTH: usize = 120;

impl Diagnostics {
    /// Sorts the diagnostics in the order of the file; those without a position in the file come last.
    pub fn new(path: PathBuf, text: String, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| match diagnostic.span {
            Some(span) if span.is_in_file() => (0, span.line, span.column),
            _ => (1, 0, 0),
        });
        list.dedup();
        Self { path, text, list }
    }

    /// The same text as `Display`, with colour for a terminal.
    pub fn in_colour(&self) -> String {
        self.show(&Renderer::styled())
    }

    fn show(&self, renderer: &Renderer) -> String {
        let renderer = renderer.clone().term_width(LINE_WIDTH);
        let lines: Vec<&str> = self.text.lines().collect();
        let mut out = String::new();
        for diagnostic in self.list.iter().take(SHOWN) {
            let shown = renderer.render(&[self.group(diagnostic, &lines)]);
            let _ = writeln!(out, "{shown}\n");
        }
        if let Some(more) = self.list.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(out, "… and {more} more\n");
        }
        let count = self.list.len();
        let noun = if count == 1 { "error" } else { "errors" };
        let _ = writeln!(
            out,
            "{count} {noun} in {}",
            escape(&self.path.to_string_lossy())
        );
        out
    }

    fn group(&self, diagnostic: &Diagnostic, lines: &[&str]) -> Group<'static> {
        let title = Level::ERROR.primary_title(escape(&diagnostic.message));
        let path = escape(&self.path.to_string_lossy());
        let group = match diagnostic.span.filter(|span| span.is_in_file()) {
            None => title.element(Origin::path(path)),
            Some(span) => match lines.get(span.line as usize - 1) {
                Some(line) => title.element(quote(line, span).path(path)),
                // The text does not contain the line.
                None => title.element(
                    Origin::path(path)
                        .line(span.line as usize)
                        .char_column(span.column as usize),
                ),
            },
        };
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

/// The line with the position underlined.
fn quote(line: &str, span: Span) -> Snippet<'static, Annotation<'static>> {
    let line: String = user_info::masked(line)
        .chars()
        .map(|c| {
            if is_unescaped_control(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    let byte_of = |index: u32| {
        let mut places = line.char_indices().map(|(at, _)| at);
        places.nth(index as usize).unwrap_or(line.len())
    };
    let first = span.column.saturating_sub(1);
    let place = byte_of(first)..byte_of(first.saturating_add(span.length.max(1)));
    Snippet::source(line)
        .line_start(span.line as usize)
        .annotation(AnnotationKind::Primary.span(place))
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
            line,
            column,
            length,
        };
        let diagnostic = Diagnostic {
            span: Some(span),
            message: "found it".to_owned(),
            hint: None,
        };
        Diagnostics::new("a.yaml".into(), text.to_owned(), vec![diagnostic]).to_string()
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
        let at = |line, message: &str| Diagnostic {
            span: line,
            message: message.to_owned(),
            hint: None,
        };
        let span = |line| {
            Some(Span {
                line,
                column: 1,
                length: 1,
            })
        };
        let list = vec![at(None, "c"), at(span(9), "b"), at(span(2), "a")];
        let sorted = Diagnostics::new("a.yaml".into(), String::new(), list);
        let order: Vec<&str> = sorted.list.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
