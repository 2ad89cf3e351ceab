//! Goes through the two files of a journal side by side, interval by interval, on a thread of its own, so that a long
//! journal is read by two cores.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::lines::{Lines, corrupt};
use super::members::Members;
use super::pack;
use super::{EVENTS_FILE, Event, IntervalCounts, JournalError, JournalWarning};
use crate::plan::SeriesId;
use crate::record::{Interval, SeriesInterval};

/// How many intervals may be read ahead.
const AHEAD: usize = 16;

/// Why reading stopped before the end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The system refused to read the file.
    Io(&'static str, io::Error),
    /// The file is cut short or damaged.
    Damage(JournalWarning),
}

impl Fault {
    /// Damage is a warning; only the system's refusal is an error.
    pub(super) fn into_warning(self, dir: &Path) -> Result<JournalWarning, JournalError> {
        match self {
            Self::Io(file, error) => Err(JournalError::io("read", &dir.join(file))(error)),
            Self::Damage(warning) => Ok(warning),
        }
    }
}

/// What is found in a journal, in the order written.
pub(super) enum Found {
    /// Something that happened.
    Event(Event),
    /// An interval.
    Interval(Raw),
    /// Damage; what comes after it is still of use, but for intervals when they are what is damaged.
    Fault(Fault),
}

/// An interval with its histograms as they were written.
pub(super) struct Raw {
    pub(super) counts: IntervalCounts,
    /// The line of the counts in their file.
    line: u64,
    /// What was packed of its histograms; nothing when it has none.
    packed: Vec<u8>,
}

/// Reads a journal ahead, on a thread of its own, for as long as somebody listens.
pub(super) fn start(dir: &Path) -> Result<Receiver<Found>, JournalError> {
    let scan = Scan {
        events: Lines::open(dir, EVENTS_FILE)?,
        histograms: Members::open(dir)?,
    };
    let (sender, receiver) = sync_channel(AHEAD);
    thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || scan.run(&sender))
        .map_err(JournalError::io("start a thread to read", dir))?;
    Ok(receiver)
}

/// The two files, each read up to some interval.
struct Scan {
    events: Lines,
    histograms: Members,
}

impl Scan {
    fn run(mut self, sender: &SyncSender<Found>) {
        let mut is_whole = true;
        let mut intervals = 0;
        loop {
            let found = match self.next_event() {
                Ok(None) => break,
                // After an interval that cannot be read, later ones are no prefix; other events still tell something.
                Ok(Some(Event::Interval(_))) if !is_whole => continue,
                Ok(Some(Event::Interval(counts))) => match self.with_histograms(counts) {
                    Ok(raw) => {
                        intervals += 1;
                        Found::Interval(raw)
                    }
                    Err(fault) => {
                        is_whole = false;
                        Found::Fault(fault)
                    }
                },
                Ok(Some(event)) => Found::Event(event),
                Err(fault) => {
                    let _ = sender.send(Found::Fault(fault));
                    return;
                }
            };
            if sender.send(found).is_err() {
                return;
            }
        }
        // Histograms without counts are of an interval that was cut short, and do no harm unless they are too.
        while is_whole {
            match self.histograms.next(intervals) {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(fault) => {
                    is_whole = false;
                    let _ = sender.send(Found::Fault(fault));
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        let Some(line) = self.events.next()? else {
            return Ok(None);
        };
        // Most lines and nearly all bytes are intervals, which need not be kept until their kind is known.
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

    /// Takes the histograms, if the counts say that there are any.
    fn with_histograms(&mut self, counts: IntervalCounts) -> Result<Raw, Fault> {
        let packed = if counts.histograms == 0 {
            Vec::new()
        } else {
            match self.histograms.next(counts.number) {
                Ok(Some(member)) => member.to_vec(),
                Ok(None) | Err(Fault::Damage(JournalWarning::Torn { .. })) => {
                    let interval = counts.number;
                    return Err(Fault::Damage(JournalWarning::HistogramsMissing {
                        interval,
                    }));
                }
                Err(fault) => return Err(fault),
            }
        };
        Ok(Raw {
            counts,
            line: self.events.number(),
            packed,
        })
    }
}

impl Raw {
    /// The interval. It must have this number, and only series of so many.
    pub(super) fn unpack(self, number: u64, series: usize) -> Result<Interval, Fault> {
        let counts = self.counts;
        let of_counts = |reason: String| Err(corrupt(EVENTS_FILE, self.line, reason));
        if counts.number != number {
            let found = counts.number;
            return of_counts(format!("interval {found} where {number} was expected"));
        }
        if counts.end < counts.start {
            return of_counts("the interval ends before it starts".to_owned());
        }
        let is_unknown = |id: &&SeriesId| id.0 as usize >= series;
        if let Some(id) = counts.series.keys().find(is_unknown) {
            return of_counts(format!("series {} is not in the header", id.0));
        }
        let without = |(id, counts)| {
            let histograms = Default::default();
            (id, SeriesInterval { counts, histograms })
        };
        let mut interval = Interval {
            number,
            start: counts.start,
            end: counts.end,
            is_warm_up: counts.is_warm_up,
            load: counts.load,
            series: counts.series.into_iter().map(without).collect(),
            checks: counts.checks,
            health: counts.health,
            target: counts.target,
        };
        if !self.packed.is_empty() {
            add_histograms(
                &mut interval.series,
                &self.packed,
                number,
                counts.histograms,
            )
            .map_err(|reason| {
                let interval = number;
                Fault::Damage(JournalWarning::HistogramsCorrupt { interval, reason })
            })?;
        }
        Ok(interval)
    }
}

/// Unpacks the histograms of this interval, which must be so many and of its series.
fn add_histograms(
    series: &mut BTreeMap<SeriesId, SeriesInterval>,
    packed: &[u8],
    number: u64,
    expected: u32,
) -> Result<(), String> {
    let (found, histograms) = pack::unpack(packed)?;
    if found != number {
        return Err(format!("they are those of interval {found}"));
    }
    if histograms.len() != expected as usize {
        let found = histograms.len();
        return Err(format!("there are {found} where {expected} were expected"));
    }
    for (id, timing, bins) in histograms {
        let Some(own) = series.get_mut(&id) else {
            return Err(format!("series {} has times but no counts", id.0));
        };
        own.histograms[timing as usize] = Some(bins);
    }
    Ok(())
}
