//! Words to the terminal. A reader that has gone away (a closed pipe) is not an error.

use std::io::Write;

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
    if colors_on_stderr() { diagnostics.in_colour() } else { diagnostics.to_string() }
}

/// Whether stdout takes colours: it is a terminal, and nobody said no.
pub(super) fn colors_on_stdout() -> bool {
    console::colors_enabled()
}

/// Whether stderr takes colours.
pub(super) fn colors_on_stderr() -> bool {
    console::colors_enabled_stderr()
}

/// Columns of the terminal on stdout, at most 100.
pub(super) fn width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns).clamp(40, 100))
}
