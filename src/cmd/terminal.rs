//! Output to the terminal. A closed pipe or terminal is not an error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::panic::{self, PanicHookInfo};
use std::thread;

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

/// Writes to stdout piece by piece.
pub(super) fn pour(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CommandError> {
    let mut out = BufWriter::new(io::stdout().lock());
    tolerant(write(&mut out).and_then(|()| out.flush()))
        .context("cannot write to standard output: redirect it to another file")
        .map_err(CommandError::Argument)
}

/// Writes to stderr.
pub(super) fn complain(text: &str) {
    // There is no other place to report that stderr cannot be written to.
    write_all(&mut io::stderr().lock(), text).ok();
}

fn write_all(out: &mut impl Write, text: &str) -> io::Result<()> {
    tolerant(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A closed pipe or terminal is not an error.
fn tolerant(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error)
            if error.kind() == io::ErrorKind::BrokenPipe
                || error.raw_os_error() == Some(TERMINAL_GONE) =>
        {
            Ok(())
        }
        written => written,
    }
}

/// From here on, the message of a panic is shown without these secrets: it may quote a text that contains one.
pub(super) fn hide_in_panics(mask: &Mask) {
    let mask = mask.clone();
    panic::set_hook(Box::new(move |panic| complain(&panic_text(&mask, panic))));
}

/// The message of a panic, and the backtrace if `RUST_BACKTRACE` asks for it.
fn panic_text(mask: &Mask, panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let mut text = format!("thread {name} {panic}\n");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        let _ = writeln!(text, "{trace}");
    }
    mask.text(&text)
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_message_of_a_panic_has_no_secret() {
        let mask = Mask::of(["canary-in-a-panic"]);
        let shown = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&shown);
        panic::set_hook(Box::new(move |panic| {
            let mut told = told.lock().expect("no panic holds it");
            told.push_str(&panic_text(&mask, panic));
        }));
        let ended = thread::spawn(|| panic!("cannot cut `canary-in-a-panic`")).join();
        drop(panic::take_hook());
        assert!(ended.is_err());
        let shown = shown.lock().expect("no panic holds it");
        assert!(
            shown.contains("cannot cut `[redacted]`") && shown.contains("src/cmd/terminal.rs"),
            "{shown}"
        );
    }
}
