//! What is wrong with a scenario, where, and what to do about it.
//!
//! Shown the way a compiler shows it: the message, the place, the line quoted with what is meant underlined, a hint.
//! Quoted text never reaches the terminal raw: control characters are escaped and long lines trimmed.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use console::{Style, measure_text_width};

use super::user_info;
use crate::mask::Mask;

/// A place in the scenario's text: bytes from `start` to `end`, for the quoted line and its caret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// 1-based line; 0 when the place is not in the file but on the command line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// How many characters are underlined; at least 1.
    pub length: u32,
}

impl Span {
    /// Whether this is a place in the file, and not on the command line.
    pub const fn is_in_file(self) -> bool {
        self.line > 0
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, if it can be pinned to a place.
    pub span: Option<Span>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do: `did you mean …?`
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Takes secrets out of what is said.
    pub fn hide(&mut self, mask: &Mask) {
        self.message = mask.known(&self.message);
        self.hint = self.hint.take().map(|hint| mask.known(&hint));
    }
}

/// Everything that is wrong with one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file.
    pub path: PathBuf,
    /// Its text (empty if it could not be read), to quote lines from.
    pub text: String,
    /// In the order of the file.
    pub list: Vec<Diagnostic>,
}

/// The most diagnostics that are shown at once; the rest are counted.
const SHOWN: usize = 50;

/// The widest a quoted line may be, in terminal cells.
const LINE_WIDTH: usize = 110;

/// How many cells are kept to the left of what is meant when a line is trimmed.
const LEFT_CONTEXT: usize = 40;

impl Diagnostics {
    /// Puts the diagnostics into the order of the file; what has no place in it comes last.
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
        self.show(&Palette::colour())
    }

    fn show(&self, palette: &Palette) -> String {
        let mut out = String::new();
        let lines: Vec<&str> = self.text.lines().collect();
        for diagnostic in self.list.iter().take(SHOWN) {
            self.show_one(diagnostic, &lines, palette, &mut out);
            out.push('\n');
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

    fn show_one(
        &self,
        diagnostic: &Diagnostic,
        lines: &[&str],
        palette: &Palette,
        out: &mut String,
    ) {
        let message = escape(&diagnostic.message);
        let _ = writeln!(
            out,
            "{}{}",
            palette.error.apply_to("error"),
            palette.strong.apply_to(format!(": {message}"))
        );
        let path = escape(&self.path.to_string_lossy());
        let span = diagnostic.span.filter(|span| span.is_in_file());
        let gutter = span.map_or(1, |span| span.line.to_string().len());
        let pad = " ".repeat(gutter);
        if let Some(span) = span {
            let _ = writeln!(
                out,
                "{pad}{} {path}:{}:{}",
                palette.frame.apply_to("-->"),
                span.line,
                span.column
            );
            if let Some(line) = lines.get(span.line as usize - 1) {
                let (quoted, before, width) = quote(&user_info::masked(line), span);
                let bar = palette.frame.apply_to("|");
                let _ = writeln!(out, "{pad} {bar}");
                let number = palette.frame.apply_to(span.line);
                let _ = writeln!(out, "{number} {bar} {quoted}");
                let carets = palette.error.apply_to("^".repeat(width));
                let _ = writeln!(out, "{pad} {bar} {}{carets}", " ".repeat(before));
            }
        } else {
            let _ = writeln!(out, "{pad}{} {path}", palette.frame.apply_to("-->"));
        }
        if let Some(hint) = &diagnostic.hint {
            let mark = palette.frame.apply_to("=");
            let _ = writeln!(
                out,
                "{pad} {mark} {}",
                palette.strong.apply_to("help: ").to_string() + &escape(hint)
            );
        }
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(&Palette::plain()))
    }
}

/// The styles of a diagnostic's parts.
struct Palette {
    error: Style,
    strong: Style,
    frame: Style,
}

impl Palette {
    fn plain() -> Self {
        let none = Style::new().force_styling(false);
        Self {
            error: none.clone(),
            strong: none.clone(),
            frame: none,
        }
    }

    fn colour() -> Self {
        let style = Style::new().force_styling(true);
        Self {
            error: style.clone().red().bold(),
            strong: style.clone().bold(),
            frame: style.blue().bold(),
        }
    }
}

/// The line as it may be shown, the cells before the underlined part, and the cells underlined.
fn quote(line: &str, span: Span) -> (String, usize, usize) {
    let first = span.column.saturating_sub(1) as usize;
    let last = first + span.length.max(1) as usize;
    let mut cells: Vec<(String, usize)> = Vec::new();
    // A line can be a megabyte long; nothing far right of the place is looked at.
    for character in line.chars().take(first + LINE_WIDTH) {
        let shown = escape_char(character);
        let width = measure_text_width(&shown);
        cells.push((shown, width));
    }
    let start = if width_of(&cells) > LINE_WIDTH {
        left_edge(&cells, first)
    } else {
        0
    };
    let mut shown = String::new();
    let mut used = 0;
    if start > 0 {
        shown.push('…');
        used = 1;
    }
    let (mut before, mut underlined) = (used, 0);
    for (index, (text, width)) in cells.iter().enumerate().skip(start) {
        if used + width >= LINE_WIDTH {
            shown.push('…');
            break;
        }
        shown.push_str(text);
        used += width;
        if index < first {
            before += width;
        } else if index < last {
            underlined += width;
        }
    }
    (shown.trim_end().to_owned(), before, underlined.max(1))
}

fn width_of(cells: &[(String, usize)]) -> usize {
    cells.iter().map(|(_, width)| width).sum()
}

/// The first character kept, so that [`LEFT_CONTEXT`] cells stand before `first`.
fn left_edge(cells: &[(String, usize)], first: usize) -> usize {
    let mut room = LEFT_CONTEXT;
    let mut start = first.min(cells.len());
    while start > 0 && cells[start - 1].1 <= room {
        room -= cells[start - 1].1;
        start -= 1;
    }
    start
}

/// The text with every character that could steer a terminal replaced by its escape.
pub(crate) fn escape(text: &str) -> String {
    text.chars().map(escape_char).collect()
}

fn escape_char(character: char) -> String {
    // Besides control characters: bidirectional overrides and the byte-order mark, which reorder or hide text.
    let steers = character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if steers {
        character.escape_default().to_string()
    } else {
        character.to_string()
    }
}

#[cfg(test)]
mod tests {
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
        assert!(text.contains("1 | 名\\t: x\n  |       ^\n"), "{text}");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_shown_raw() {
        let text = shown("a: \u{1b}[2J\u{202e}\u{7}x", 1, 4, 1);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
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
