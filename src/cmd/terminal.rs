//! Output to the terminal. A closed pipe or terminal is not an error.

use std::io::{self, Write};

use anyhow::Context;

use crate::mask::Mask;
use crate::report::Colour;
use crate::scenario::Diagnostics;

use super::CommandError;

/// EIO: the error of a write to a closed terminal.
const TERMINAL_GONE: i32 = 5;

/// Writes to stdout, which may be a file on a full disk.
pub(super) fn say(text: &str) -> Result<(), CommandError> {
    write_all(&mut io::stdout().lock(), text)
        .context("cannot write to standard output: redirect it to another file")
        .map_err(CommandError::Argument)
}

/// Writes to stderr.
pub(super) fn complain(text: &str) {
    // There is no other place to report that stderr cannot be written to.
    write_all(&mut io::stderr().lock(), text).ok();
}

fn write_all(out: &mut impl Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error)
            if error.kind() == io::ErrorKind::BrokenPipe
                || error.raw_os_error() == Some(TERMINAL_GONE) =>
        {
            Ok(())
        }
        written => written,
    }
}

/// The text of an error, without user-info and queries of URLs.
pub(super) fn without_secrets(words: &str) -> String {
    Mask::default().urls(words)
}

/// All diagnostics of a scenario, coloured if stderr supports colours.
pub(super) fn diagnosis(diagnostics: &Diagnostics) -> String {
    match colour_on_stderr() {
        Colour::On => diagnostics.in_colour(),
        Colour::Off => diagnostics.to_string(),
    }
}

/// True if stdout supports colours: it is a terminal and colours are not disabled.
pub(super) fn colour_on_stdout() -> Colour {
    wanted(console::colors_enabled())
}

/// True if stderr supports colours.
pub(super) fn colour_on_stderr() -> Colour {
    wanted(console::colors_enabled_stderr())
}

const fn wanted(is_wanted: bool) -> Colour {
    if is_wanted { Colour::On } else { Colour::Off }
}

/// Width of the terminal on stdout in columns, at most 100.
pub(super) fn width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns).clamp(40, 100))
}
