//! Reads both files of a journal in parallel, interval by interval, on a separate thread, so that a long journal uses
//! two cores.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::lines::{Lines, corrupt};
use super::members::Members;
use super::pack::{self, BySeries, values};
use super::{EVENTS_FILE, Event, IntervalCounts, JournalError, JournalWarning};
use crate::plan::MetricId;
use crate::record::Interval;

/// The number of intervals that may be read ahead.
pub(super) const AHEAD: usize = 8;

/// The reason why reading stopped before the end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operating system could not read the file.
    Io(&'static str, io::Error),
    /// The file is cut short or damaged.
    Damage(JournalWarning),
}

impl Fault {
    /// Damage is a warning; only an I/O error is an error.
    pub(super) fn into_warning(self, dir: &Path) -> Result<JournalWarning, JournalError> {
        match self {
            Self::Io(file, error) => Err(JournalError::io("read", &dir.join(file))(error)),
            Self::Damage(warning) => Ok(warning),
        }
    }
}

/// A part of a journal, in the order written.
pub(super) enum JournalPart {
    /// An event.
    Event(Event),
    /// An interval.
    Interval(Raw),
    /// Damage; later parts are still useful, except for intervals if an interval is damaged.
    Fault(Fault),
}

/// The series and metrics of a header.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The number of series.
    pub(super) series: usize,
    /// The metrics by the numbers that the header gives them.
    pub(super) metrics: Vec<MetricId>,
}

/// An interval with its packed series.
pub(super) struct Raw {
    pub(super) counts: Box<IntervalCounts>,
    /// Its line in the file of events.
    line: u64,
    /// Its packed series; empty if it has none.
    packed: Vec<u8>,
    /// The packed histograms of its values; empty if it has none.
    values: Vec<u8>,
}

/// Reads a journal ahead on a separate thread, as long as there is a receiver.
pub(super) fn start(dir: &Path) -> Result<Receiver<JournalPart>, JournalError> {
    let scan = Scan {
        events: Lines::open(dir, EVENTS_FILE)?,
        series: Members::open(dir)?,
    };
    let (sender, receiver) = sync_channel(AHEAD);
    thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || scan.run(&sender))
        .map_err(JournalError::io("start a thread to read", dir))?;
    Ok(receiver)
}

/// The two files, each with a read position.
struct Scan {
    events: Lines,
    series: Members,
}

impl Scan {
    fn run(mut self, sender: &SyncSender<JournalPart>) {
        let mut is_whole = true;
        let mut intervals = 0;
        loop {
            let found = match self.next_event() {
                Ok(None) => break,
                // After an unreadable interval, later ones are not a prefix of the run; other events are still
                // useful.
                Ok(Some(Event::Interval(_))) if !is_whole => continue,
                Ok(Some(Event::Interval(counts))) => match self.with_series(counts) {
                    Ok(raw) => {
                        intervals += 1;
                        JournalPart::Interval(raw)
                    }
                    Err(fault) => {
                        is_whole = false;
                        JournalPart::Fault(fault)
                    }
                },
                Ok(Some(event)) => JournalPart::Event(event),
                Err(fault) => {
                    let _ = sender.send(JournalPart::Fault(fault));
                    return;
                }
            };
            if sender.send(found).is_err() {
                return;
            }
        }
        // Series without their interval were written when the run was cut short, and are harmless.
        while is_whole {
            match self.series.next(intervals) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(fault) => {
                    is_whole = false;
                    let _ = sender.send(JournalPart::Fault(fault));
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        let Some(line) = self.events.next()? else {
            return Ok(None);
        };
        // Most lines are intervals, and their text is not needed once their kind is known.
        let event = if line.starts_with(br#"{"event":"interval","#) {
            serde_json::from_slice(line).map(Event::Interval)
        } else {
            serde_json::from_slice(line)
        };
        match event {
            Ok(event) => Ok(Some(event)),
            Err(error) => Err(self.events.corrupt(error.to_string())),
        }
    }

    /// Takes the series, if present.
    fn with_series(&mut self, counts: Box<IntervalCounts>) -> Result<Raw, Fault> {
        let packed = self.member(counts.series > 0, counts.number)?;
        let has_trends = counts.values.values().any(|counts| counts.is_trend);
        let values = self.member(has_trends, counts.number)?;
        Ok(Raw {
            counts,
            line: self.events.number(),
            packed,
            values,
        })
    }

    /// The next member; empty if the interval has none.
    fn member(&mut self, is_there: bool, interval: u64) -> Result<Vec<u8>, Fault> {
        if !is_there {
            return Ok(Vec::new());
        }
        match self.series.next(interval) {
            Ok(Some(member)) => Ok(member.to_vec()),
            Ok(None) | Err(Fault::Damage(JournalWarning::Torn { .. })) => {
                Err(Fault::Damage(JournalWarning::SeriesMissing { interval }))
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Raw {
    /// The interval. It must have this number, and only series and metrics of the header.
    pub(super) fn unpack(self, number: u64, known: &Known) -> Result<Interval, Fault> {
        let counts = *self.counts;
        let of_counts = |reason: String| Err(corrupt(EVENTS_FILE, self.line, reason));
        if counts.number != number {
            let found = counts.number;
            return of_counts(format!("interval {found} where {number} was expected"));
        }
        if counts.end < counts.start {
            return of_counts("the interval ends before it starts".to_owned());
        }
        let mut interval = Interval {
            number,
            start: counts.start,
            end: counts.end,
            is_warm_up: counts.is_warm_up,
            load: counts.load,
            series: BySeries::new(),
            checks: counts.checks,
            values: BTreeMap::new(),
            health: counts.health,
            target: counts.target,
            monitored: counts.monitored,
        };
        let corrupt_series = |reason| {
            let interval = number;
            Fault::Damage(JournalWarning::SeriesCorrupt { interval, reason })
        };
        interval.values =
            values::unpack(&self.values, number, counts.values).map_err(corrupt_series)?;
        if !self.packed.is_empty() {
            let found = unpack_series(&self.packed, number, counts.series, known);
            interval.series = found.map_err(corrupt_series)?;
        }
        Ok(interval)
    }
}

/// The series of this interval; their number must match, and the header must contain them.
fn unpack_series(
    packed: &[u8],
    number: u64,
    expected: u32,
    known: &Known,
) -> Result<BySeries, String> {
    let (found, series) = pack::unpack(packed, &known.metrics)?;
    if found != number {
        return Err(format!("they are those of interval {found}"));
    }
    if series.len() != expected as usize {
        let found = series.len();
        return Err(format!("there are {found} where {expected} were expected"));
    }
    if let Some(id) = series.keys().find(|id| id.0 as usize >= known.series) {
        return Err(format!("series {} is not in the header", id.0));
    }
    Ok(series)
}
