//! Words to the terminal. A reader that has gone away (a closed pipe) is not an error.

use std::io::Write;

use crate::report::Colour;
use crate::scenario::Diagnostics;

/// Writes to stdout.
pub(super) fn say(text: &str) {
    write_all(&mut std::io::stdout().lock(), text);
}

/// Writes to stderr.
pub(super) fn complain(text: &str) {
    write_all(&mut std::io::stderr().lock(), text);
}

fn write_all(out: &mut impl Write, text: &str) {
    // There is nobody to tell that the terminal is gone.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
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
