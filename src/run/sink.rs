//! Sinks receive the events of a run as they happen. To add one, implement [`Sink`] and add it where the run is wired;
//! one that sends to another system or writes to a file of the user belongs into `export`.

use std::io;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::Signals;

use crate::record::journal::{self, Event, RunHeader};
use crate::record::{Interval, LostUsers, StopReason, Totals};
use crate::report::Colour;
use crate::report::live::{Live, LiveState};
use crate::units::{Micros, show_duration};
use crate::verdict::Judged;

/// The usual cause of a failed journal write.
const DISK: &str = "cannot write the journal: check that the disk is not full";

/// A wait for outputs that is shorter than this is not told.
const BRIEF: Duration = Duration::from_millis(500);

/// Receives the events of a run. An error ends the run, so a sink must ignore failures that do no harm.
pub trait Sink {
    /// The load starts, at the time in this header.
    fn begin(&mut self, _: &RunHeader) -> anyhow::Result<()> {
        Ok(())
    }

    /// An interval has ended.
    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()>;

    /// An event occurred.
    fn event(&mut self, _: &Event) -> anyhow::Result<()> {
        Ok(())
    }

    /// A message for a person who watches the run.
    fn note(&mut self, _: &str) {}

    /// No interval follows. An output with a queue sends the rest on its own thread; empty if there is nothing to wait
    /// for.
    fn close(&mut self, _: &End) -> Vec<Closing> {
        Vec::new()
    }

    /// What outputs besides the journal have delivered, once they were waited for.
    fn delivered(&self) -> Vec<Delivered> {
        Vec::new()
    }

    /// The run has ended; no event follows.
    fn end(&mut self, _: &End) -> anyhow::Result<()> {
        Ok(())
    }
}

/// A closed interval, and the state of the run after it.
#[derive(Debug)]
pub struct Second<'a> {
    /// The interval's counts and times.
    pub interval: &'a Interval,
    /// Totals of the run, including this interval.
    pub totals: &'a Totals,
    /// The state of each threshold, in the order of the plan.
    pub standings: &'a [Judged],
    /// True if it is the last interval of the load.
    pub is_last: bool,
}

/// Facts known when a run has ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct End {
    /// When the load ended, on the run's clock.
    pub at: Micros,
    /// Users that panicked.
    pub panics: u64,
    /// Requests that were cut off in flight.
    pub interrupted: u64,
    /// Users that left early.
    pub lost: LostUsers,
}

/// An output that sends what is left.
#[derive(Debug)]
pub struct Closing {
    /// Ends when everything was sent.
    pub done: oneshot::Receiver<()>,
    /// The longest wait for it.
    pub within: Duration,
}

/// The result of an output besides the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// One sentence: what was sent, what was lost, and what to do.
    pub words: String,
    /// True if nothing was lost.
    pub is_whole: bool,
}

/// All sinks of a run; each receives the events in order.
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

    /// Waits until every output has sent what is left, or its bound has passed, or a signal comes. What was lost becomes
    /// a warning of the journal.
    pub(super) async fn deliver(&mut self, end: &End, signals: &mut Signals) -> anyhow::Result<()> {
        let begin = Instant::now();
        let sinks = self.0.iter_mut();
        let closing: Vec<_> = sinks.flat_map(|sink| sink.close(end)).collect();
        if !closing.is_empty() {
            let mut all = pin!(async {
                for Closing { done, within } in closing {
                    // A thread that has ended early, and one that is too slow, say so in what they delivered.
                    let _ = timeout_at(begin + within, done).await;
                }
            });
            if timeout(BRIEF, all.as_mut()).await.is_err() {
                self.note("the load is over; outputs get what is left (a signal ends the wait)");
                tokio::select! {
                    () = all => {}
                    () = signals.next() => {}
                }
            }
        }
        let delivered: Vec<_> = self.0.iter().flat_map(|sink| sink.delivered()).collect();
        for Delivered { words, is_whole } in delivered {
            if is_whole {
                self.note(&words);
            } else {
                let (at, text) = (end.at, words);
                self.event(&Event::Warning { at, text })?;
            }
        }
        Ok(())
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

/// The live view as a sink. It ignores a closed terminal, so that the run continues.
pub struct LiveView {
    live: Live<io::Stderr>,
    header: RunHeader,
    grace: Duration,
}

impl LiveView {
    /// A live view on standard error, or none if `is_quiet`. `grace` is the time for requests in flight after a stop.
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
        if let Event::Change(change) = event {
            self.note(&change.to_string());
        }
        if let Event::Level(level) = event {
            self.note(&level.to_string());
        }
        if let Event::Capacity(end) = event {
            self.note(&end.result.to_string());
        }
        let Event::Stop { at, reason } = event else {
            return Ok(());
        };
        // Before the load nothing is in flight.
        if *at == Micros::ZERO {
            return Ok(());
        }
        let why = match reason {
            StopReason::Signal => "stopped; a second signal cuts off requests in flight",
            StopReason::Control => "stopped by `gander ctl stop`",
            StopReason::Threshold { .. } => "a threshold with `abort` failed",
            StopReason::TargetGone { .. } => "the target is no longer reachable",
            StopReason::Panic { .. } => "a user panicked",
            StopReason::StepFailed { .. } => "a step failed, and `on_error` is `abort`",
            StopReason::ByScenario { .. } => "a step `stop: run` ends the run",
            // No request is in flight, or none ever was.
            StopReason::SecondSignal | StopReason::SetupFailed { .. } => return Ok(()),
        };
        let grace = show_duration(self.grace);
        self.note(&format!("{why}: requests in flight have {grace} to finish"));
        Ok(())
    }

    fn note(&mut self, words: &str) {
        self.live.note(words).ok();
    }
}
