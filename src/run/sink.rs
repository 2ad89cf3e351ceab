//! Sinks: all that follows a run as it goes. To add one (metrics for Prometheus, a message bus), implement [`Sink`] and
//! put it beside the others where the run is wired.

use std::io;
use std::time::Duration;

use anyhow::Context;

use crate::record::journal::{self, Event, RunHeader};
use crate::record::{Interval, LostUsers, StopReason, Totals};
use crate::report::Colour;
use crate::report::live::{Live, LiveState};
use crate::units::{Micros, show_duration};
use crate::verdict::Judged;

/// The usual cause of a journal that cannot be written.
const DISK: &str = "cannot write the journal: is the disk full?";

/// Follows a run. An error ends the run; what may fail without harm is for the sink to ignore.
pub trait Sink {
    /// The load begins, at the moment that this header names.
    fn begin(&mut self, _: &RunHeader) -> anyhow::Result<()> {
        Ok(())
    }

    /// An interval is over.
    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()>;

    /// Something happened.
    fn event(&mut self, _: &Event) -> anyhow::Result<()> {
        Ok(())
    }

    /// Words for somebody who watches the run.
    fn note(&mut self, _: &str) {}

    /// The run is over; nothing follows.
    fn end(&mut self, _: &End) -> anyhow::Result<()> {
        Ok(())
    }
}

/// An interval that is over, and how the run stands after it.
#[derive(Debug)]
pub struct Second<'a> {
    /// What happened in it.
    pub interval: &'a Interval,
    /// The run so far, this interval included.
    pub totals: &'a Totals,
    /// How the thresholds stand, in the order of the plan.
    pub standings: &'a [Judged],
    /// Whether it is the last one of the load.
    pub is_last: bool,
}

/// What is known when a run is over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct End {
    /// When the load was over, on the run's clock.
    pub at: Micros,
    /// Users that panicked.
    pub panics: u64,
    /// Requests that were cut off in flight.
    pub interrupted: u64,
    /// Users that left early.
    pub lost: LostUsers,
}

/// All sinks of a run; each is told in order.
#[derive(Default)]
pub struct Sinks(Vec<Box<dyn Sink>>);

impl Sinks {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, sink: impl Sink + 'static) -> Self {
        self.0.push(Box::new(sink));
        self
    }

    pub(super) fn begin(&mut self, header: &RunHeader) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.begin(header))
    }

    pub(super) fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.interval(second))
    }

    pub(super) fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.event(event))
    }

    pub(super) fn note(&mut self, words: &str) {
        self.0.iter_mut().for_each(|sink| sink.note(words));
    }

    pub(super) fn end(&mut self, end: &End) -> anyhow::Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.end(end))
    }
}

impl Sink for journal::Writer {
    fn begin(&mut self, header: &RunHeader) -> anyhow::Result<()> {
        Self::begin(self, header).context(DISK)
    }

    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        self.append(second.interval).context(DISK)
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        Self::event(self, event).context(DISK)
    }

    fn end(&mut self, end: &End) -> anyhow::Result<()> {
        Ok(self.finish(end.at, end.panics, end.interrupted, end.lost.clone())?)
    }
}

/// The live view as a sink. A terminal that has gone away is no reason to lose the run.
pub struct LiveView {
    live: Live<io::Stderr>,
    header: RunHeader,
    grace: Duration,
}

impl LiveView {
    /// On standard error; `is_quiet` for none. `grace` is how long requests in flight have after a stop.
    pub fn on_stderr(header: &RunHeader, is_quiet: bool, colour: Colour, grace: Duration) -> Self {
        Self {
            live: Live::on_stderr(header, is_quiet, colour),
            header: header.clone(),
            grace,
        }
    }
}

impl Sink for LiveView {
    fn begin(&mut self, _: &RunHeader) -> anyhow::Result<()> {
        self.live.begin().ok();
        Ok(())
    }

    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        let state = LiveState::of(
            second.interval,
            second.totals,
            second.standings,
            &self.header,
        );
        if second.is_last {
            self.live.finish(&state).ok();
        } else {
            self.live.update(&state).ok();
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        let Event::Stop { at, reason } = event else {
            return Ok(());
        };
        // Before the load nothing is in flight.
        if *at == Micros::ZERO {
            return Ok(());
        }
        let why = match reason {
            StopReason::Signal => "stopped; a second signal cuts off what is in flight",
            StopReason::Threshold { .. } => "a threshold that aborts the run is broken",
            StopReason::TargetGone { .. } => "the target is gone",
            StopReason::Panic { .. } | StopReason::StepFailed { .. } => "a user cannot go on",
            // Nothing is in flight any more, or never was.
            StopReason::SecondSignal | StopReason::SetupFailed { .. } => return Ok(()),
        };
        let grace = show_duration(self.grace);
        self.note(&format!("{why}: requests in flight have {grace} to end"));
        Ok(())
    }

    fn note(&mut self, words: &str) {
        self.live.note(words).ok();
    }
}
