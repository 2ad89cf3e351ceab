//! Words to the terminal. A reader that has gone away (a closed pipe, a closed terminal) is not an error.

use std::io::{self, Write};

use anyhow::Context;

use crate::mask::Mask;
use crate::report::Colour;
use crate::scenario::Diagnostics;

use super::Failure;

/// EIO: what a write to a terminal that was closed gives.
const TERMINAL_GONE: i32 = 5;

/// Writes to stdout, which may be a file on a full disk.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    write_all(&mut io::stdout().lock(), text)
        .context("cannot write to stdout: choose another place for it")
        .map_err(Failure::Argument)
}

/// Writes to stderr.
pub(super) fn complain(text: &str) {
    // There is no other place to say that stderr cannot be written to.
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

/// Words of an error, without the user-info and the queries of URLs.
pub(super) fn without_secrets(words: &str) -> String {
    Mask::default().urls(words)
}

/// Everything that is wrong with a scenario, coloured if stderr takes colours.
pub(super) fn diagnosis(diagnostics: &Diagnostics) -> String {
    match colour_on_stderr() {
        Colour::On => diagnostics.in_colour(),
        Colour::Off => diagnostics.to_string(),
    }
}

/// Whether stdout takes colours: it is a terminal, and nobody said no.
pub(super) fn colour_on_stdout() -> Colour {
    wanted(console::colors_enabled())
}

/// Whether stderr takes colours.
pub(super) fn colour_on_stderr() -> Colour {
    wanted(console::colors_enabled_stderr())
}

const fn wanted(is_wanted: bool) -> Colour {
    if is_wanted { Colour::On } else { Colour::Off }
}

/// Columns of the terminal on stdout, at most 100.
pub(super) fn width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns).clamp(40, 100))
}
