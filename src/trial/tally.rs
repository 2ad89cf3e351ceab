//! The counts of a trial, from which its end follows.

use crate::engine::trial::event::{Happening, PartEnd, Tone};
use crate::units::show_count;

/// What a trial did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    requests: u64,
    /// Failed requests and steps, without those that the scenario reacts to.
    failures: u64,
    /// Parts that failed.
    parts: u64,
    not_run: u64,
}

impl Tally {
    pub(super) fn add(&mut self, happening: &Happening) {
        match happening {
            Happening::Begin(_) => {}
            Happening::Note(note) => match note.tone {
                Tone::Failed => self.failures += 1,
                Tone::Handled => self.failures = self.failures.saturating_sub(1),
                Tone::Plain | Tone::Skipped | Tone::Log => {}
            },
            Happening::Exchange(exchange) => {
                self.requests += 1;
                self.failures += u64::from(exchange.outcome.is_failure());
            }
            Happening::End(PartEnd { outcome, not_run }) => {
                self.parts += u64::from(outcome.is_failure());
                self.not_run += not_run.len() as u64;
            }
        }
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failures > 0 || self.parts > 0
    }

    /// The counts in words.
    pub(super) fn words(&self) -> String {
        let count = |number: u64, one: &str, many: &str| match number {
            1 => format!("1 {one}"),
            more => format!("{} {many}", show_count(more)),
        };
        let mut words = vec![count(self.requests, "request", "requests")];
        if self.failures > 0 {
            words.push(count(self.failures, "failure", "failures"));
        }
        if self.not_run > 0 {
            words.push(count(self.not_run, "step did not run", "steps did not run"));
        }
        words.join(", ")
    }
}
