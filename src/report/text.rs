//! Formats sentences, times of the run and external text for every renderer. External text is cleaned once, when the
//! report is built.

use std::borrow::Cow;
use std::fmt::Write as _;

use console::Alignment;
use textwrap::{Options, WordSeparator, WordSplitter};

use super::model::ThresholdRow;
use crate::outcome::Outcome;
use crate::record::{LogLine, SlowRequest, Standing};
use crate::units::{Micros, show_count, show_duration};

/// Text on one line that is safe for terminals, CSV and XML: C0, C1 and direction controls and characters that XML
/// forbids are removed; line breaks and tabs become spaces.
pub fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => None,
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// A sentence about requests that were not sent, with a leading space; empty if all were sent.
pub fn unsent(requests: u64) -> String {
    match requests {
        0 => String::new(),
        1 => " One of them was not sent: no connection could be made, or the request could not be built."
            .to_owned(),
        more => format!(
            " {} of them were not sent: no connection could be made, or the requests could not be built.",
            show_count(more)
        ),
    }
}

/// The number of timed-out requests next to the times of the others, and their shortest time.
pub fn timed_out(count: u64, at_least: Micros) -> String {
    format!("+ {} timed out at ≥ {at_least}", show_count(count))
}

/// The end of a request: `200`, `status 503`, `timeout`.
pub(super) fn ended(request: &SlowRequest) -> String {
    match (request.outcome, request.status) {
        (Outcome::Ok, Some(status)) => status.to_string(),
        (outcome, Some(status)) => format!("{outcome} {status}"),
        (outcome, None) => outcome.to_string(),
    }
}

/// A user and its iteration: `user 3, iteration 12`.
pub(super) fn user_and_iteration(user: u64, iteration: u64) -> String {
    let (user, iteration) = (show_count(user), show_count(iteration));
    format!("user {user}, iteration {iteration}")
}

/// The other requests that were a part of a request: redirects, and attempts on closed connections.
pub(super) fn repeats(request: &SlowRequest) -> Vec<String> {
    let counted = |count: u64, one: &str, more: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{} {more}", show_count(count))),
    };
    let redirects = counted(request.redirects, "redirect", "redirects");
    let resent = (request.resent > 0).then(|| "sent again on a new connection".to_owned());
    redirects.into_iter().chain(resent).collect()
}

/// The writer of a text of the log.
pub(super) fn log_writer(line: &LogLine) -> String {
    let Some(by) = &line.by else {
        return "setup or teardown".to_owned();
    };
    format!("{}, {}", by.flow, user_and_iteration(by.user, by.iteration))
}

/// A sentence about requests that started after the end of the load.
pub fn after_load(requests: u64) -> String {
    match requests {
        1 => "1 of them started after the end of the load; rates exclude it.".to_owned(),
        more => format!(
            "{} of them started after the end of the load; rates exclude them.",
            show_count(more)
        ),
    }
}

/// What was measured for a threshold, beside what was expected.
pub fn measured(row: &ThresholdRow) -> String {
    let samples = match row.samples {
        1 => "1 sample".to_owned(),
        more => format!("{} samples", show_count(more)),
    };
    let expected = row.shown_limit();
    let mut words = match (row.standing, row.shown_observed()) {
        (Standing::NoData, _) if row.detail.is_some() => format!("no result, expected {expected}"),
        (Standing::NoData, _) => format!(
            "not enough samples ({}), expected {expected}",
            show_count(row.samples)
        ),
        (Standing::Pass | Standing::Fail | Standing::Inconclusive, None) => {
            format!("observed nothing, expected {expected}, from {samples}")
        }
        (Standing::Pass | Standing::Fail | Standing::Inconclusive, Some(value)) => {
            format!("observed {value}, expected {expected}, from {samples}")
        }
    };
    if let Some(detail) = &row.detail {
        let _ = write!(words, "; {detail}");
    }
    if let Some(at) = row.first_violation {
        let _ = write!(words, "; broken since {}", clock(at));
    }
    match row.line {
        Some(line) => {
            let _ = write!(words, "; line {line} of the scenario");
        }
        None => words.push_str("; built in"),
    }
    words
}

/// A duration, in milliseconds precision below ten seconds and in whole seconds above: `8.25s`, `5m3s`.
pub fn duration(time: Micros) -> String {
    let step = if time.0 < 10_000_000 {
        1_000
    } else {
        1_000_000
    };
    show_duration(Micros((time.0 + step / 2) / step * step).as_duration())
}

/// A time on the run's clock: `4:05`, `1:04:05`; with tenths of a second if they are not zero.
pub fn clock(time: Micros) -> String {
    let tenths = time.0 / 100_000;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    if tenth > 0 {
        let _ = write!(text, ".{tenth}");
    }
    text
}

/// Shortened to at most `width` columns; the last one is `…` if text was removed.
pub fn shorten(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Exactly `width` columns, shortened or padded at the end.
pub fn column(text: &str, width: usize) -> String {
    console::pad_str(text, width, Alignment::Left, Some("…")).into_owned()
}

/// Exactly `width` columns, shortened or padded at the beginning.
pub fn column_right(text: &str, width: usize) -> String {
    console::pad_str(text, width, Alignment::Right, Some("…")).into_owned()
}

/// The lines of a paragraph of at most `width` columns, indented by two.
pub fn paragraph(text: &str, width: usize) -> Vec<String> {
    let lines = wrap(text, width.saturating_sub(2)).into_iter();
    lines.map(|line| format!("  {line}")).collect()
}

/// Lines of at most `width` columns, broken at spaces; a longer word is cut into pieces.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let options = Options::new(width)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    lines.into_iter().map(Cow::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_keeps_no_control_character() {
        assert_eq!(
            clean("a\u{1b}[31mb\u{7}\u{9b}c\nd\te\u{202e}f\0\u{7f}"),
            "a[31mbc d ef"
        );
        assert_eq!(clean("naïve “quotes” <b>"), "naïve “quotes” <b>");
    }

    #[test]
    fn lines_are_never_wider_than_asked() {
        let words = "a short one, a_word_that_is_far_too_long_for_any_line, 漢字漢字漢字漢字 end";
        for width in [1, 2, 7, 20, 100] {
            let lines = wrap(words, width);
            let widest = lines
                .iter()
                .map(|line| console::measure_text_width(line))
                .max();
            assert!(widest <= Some(width.max(2)), "{width}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), words.replace(' ', ""));
        }
        assert_eq!(column("abcdef", 4), "abc…");
        assert_eq!(column_right("ab", 4), "  ab");
    }

    #[test]
    fn the_clock_shows_hours_only_when_there_are_some() {
        assert_eq!(clock(Micros(245_000_000)), "4:05");
        assert_eq!(clock(Micros(3_845_500_000)), "1:04:05.5");
        assert_eq!(duration(Micros(62_768_123)), "1m3s");
        assert_eq!(duration(Micros(8_250_400)), "8.25s");
    }
}
