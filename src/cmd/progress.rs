//! A progress bar on the terminal, for work that takes more than two seconds.

use std::time::{Duration, Instant};

use console::Term;

/// The time before the bar appears.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two updates.
const EVERY: Duration = Duration::from_millis(100);
/// Width of the bar in columns.
const WIDTH: u64 = 30;

/// A bar on stderr, if that is a terminal; dropping it removes the bar.
pub(super) struct Progress {
    terminal: Option<Term>,
    /// The time of the next update.
    due: Instant,
    is_drawn: bool,
}

impl Progress {
    /// Starts a bar; `is_quiet` disables it.
    pub(super) fn begin(is_quiet: bool) -> Self {
        let terminal = Some(Term::stderr()).filter(|terminal| !is_quiet && terminal.is_term());
        Self {
            terminal,
            due: Instant::now() + PATIENCE,
            is_drawn: false,
        }
    }

    /// Reports that `done` of `of` intervals are finished.
    pub(super) fn at(&mut self, done: u64, of: u64) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = now + EVERY;
        self.is_drawn = true;
        // A closed terminal must not stop the report.
        let _ = terminal.clear_line();
        let _ = terminal.write_str(&bar(done, of));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(terminal) = self.terminal.as_ref().filter(|_| self.is_drawn) {
            let _ = terminal.clear_line();
        }
    }
}

fn bar(done: u64, of: u64) -> String {
    let of = of.max(1);
    let done = done.min(of);
    let full = (done * WIDTH / of) as usize;
    let rest = WIDTH as usize - full;
    let percent = done * 100 / of;
    format!(
        "building the report {}{} {percent} %",
        "█".repeat(full),
        "░".repeat(rest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_its_work_is_done() {
        for (done, of, full, percent) in [
            (0, 7_200, 0, "0 %"),
            (3_600, 7_200, 15, "50 %"),
            (7_200, 7_200, 30, "100 %"),
            (0, 0, 0, "0 %"),
        ] {
            let bar = bar(done, of);
            assert_eq!(bar.matches('█').count(), full, "{bar}");
            assert_eq!(bar.matches(['█', '░']).count(), 30, "{bar}");
            assert!(bar.ends_with(percent), "{bar}");
        }
    }
}
