//! Several runs in one process, one after the other: each is told before and after it, and a signal or a run without a
//! usable result ends the sitting.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::cli::OutputArgs;
use crate::exit::Exit;
use crate::units::show_duration;

use super::execute::{Control, Destination, Prepared};
use super::output_file::Existing;
use super::outputs::{Telling, Written};
use super::{CommandError, terminal};

/// A run of the sitting.
pub(super) struct Planned<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) seed: u64,
    pub(super) folder: PathBuf,
    /// Its place in the sitting: `pair 3 of 6, arm b (cache.mode = off)`.
    pub(super) title: String,
}

/// The runs, in order, and how to run them.
pub(super) struct Sitting<'a> {
    pub(super) runs: Vec<Planned<'a>>,
    /// The folder of all their folders.
    pub(super) folder: &'a Path,
    /// The treatment of existing files.
    pub(super) existing: Existing,
    /// True if nothing is shown.
    pub(super) quiet: bool,
    /// The planned length of the load of each run, if it is known.
    pub(super) load: Option<Duration>,
}

impl Sitting<'_> {
    /// Runs them all, unless `ended` breaks the sitting off; it is called after each run with its index and exit code. The
    /// error tells which run ended the sitting; the runs before it are complete.
    pub(super) fn run(
        &self,
        control: &mut Control,
        mut ended: impl FnMut(usize, Exit) -> Result<ControlFlow<()>, CommandError>,
    ) -> Result<(), CommandError> {
        let besides = OutputArgs::default();
        let began = Instant::now();
        for (index, planned) in self.runs.iter().enumerate() {
            if control.has_signal() {
                return Err(self.early(index, CommandError::Stopped(anyhow!("stopped"))));
            }
            self.announce(index, began.elapsed());
            let destination = Destination {
                folder: Some(&planned.folder),
                existing: self.existing,
                besides: &besides,
                receivers: None,
                hides_live_view: self.quiet,
                telling: Telling::Nothing,
                figures_as: None,
            };
            let written = planned
                .prepared
                .run(planned.seed, destination, control)
                .map_err(|error| self.early(index, error))?;
            let next = ended(index, written.exit)?;
            self.tell(&format!("  {}\n", written.line));
            if let Some(error) = useless(&written) {
                return Err(self.early(index, error));
            }
            if next.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One line before a run; the live view follows it.
    fn announce(&self, index: usize, elapsed: Duration) {
        let left = self.left(index, elapsed).map_or_else(String::new, |left| {
            let left = Duration::from_secs(left.as_secs_f64().round() as u64);
            format!(" · about {} left", show_duration(left))
        });
        let title = &self.runs[index].title;
        self.tell(&format!("\n{title}{left}\n"));
    }

    /// Shows a text on standard error, unless nothing is to be shown.
    pub(super) fn tell(&self, text: &str) {
        if !self.quiet {
            terminal::complain(text);
        }
    }

    /// The time for the runs that have not ended: by the mean of those that have, before the first by the load alone.
    fn left(&self, ended: usize, elapsed: Duration) -> Option<Duration> {
        let one = match ended {
            0 => self.load?,
            _ => elapsed / ended as u32,
        };
        Some(one * (self.runs.len() - ended) as u32)
    }

    /// The error of a sitting that this run ended.
    fn early(&self, index: usize, error: CommandError) -> CommandError {
        let title = &self.runs[index].title;
        error.within(format!(
            "{title}, after {index} of {} runs, which are kept in {}",
            self.runs.len(),
            self.folder.display()
        ))
    }
}

/// The reason why nothing can follow a run with this result.
fn useless(written: &Written) -> Option<CommandError> {
    let reason = anyhow!(written.reason.clone());
    match written.exit {
        Exit::TargetUnreachable => Some(CommandError::Target(reason)),
        Exit::Stopped => Some(CommandError::Stopped(reason)),
        Exit::InvalidInput => Some(CommandError::Argument(reason)),
        Exit::Internal => Some(CommandError::Internal(reason)),
        // A run that is not valid or failed a threshold is a result; the comparison judges it.
        Exit::MeasurementInvalid
        | Exit::ThresholdFailed
        | Exit::Regressed
        | Exit::Inconclusive
        | Exit::Passed => None,
    }
}
