//! Reads a journal, complete or cut short, with at most one interval in memory.
//!
//! Opening it reads everything once, so that damage is known before a report is built. A file may end at any byte:
//! its content is then a prefix of the run's intervals.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use serde::Deserialize;

use super::agreement::Agreement;
use super::scan::{self, Fault, JournalPart, Known, Raw};
use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, JournalError, JournalWarning, RUN_FILE, RunHeader, SCHEMA,
};
use crate::plan::{MetricId, Metrics};
use crate::record::{
    Interval, LoadChange, LoadStarts, LostUsers, SearchEnd, SearchLevel, StopReason,
};
use crate::units::Micros;

/// The maximum number of events kept; a run of hours has some hundreds.
const MAX_EVENTS: usize = 50_000;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    /// `run.json`.
    pub header: RunHeader,
    /// All events except intervals, in the order written; at most 50,000.
    pub events: Vec<Event>,
    /// Missing or inconsistent parts.
    pub warnings: Vec<JournalWarning>,
    dir: PathBuf,
    known: Known,
    interval_count: u64,
    ending: Ending,
}

/// The end of a run according to its journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ending {
    /// The time of the end, or of the last interval if the end is missing.
    pub at: Micros,
    /// The reason for an early stop; `None` if the run was not stopped.
    pub stop: Option<StopReason>,
    /// Users that panicked.
    pub panics: u64,
    /// Requests still in flight when the grace period ended, or a second signal came.
    pub interrupted: u64,
    /// Users that left early.
    pub lost: LostUsers,
    /// The changes made while the load ran, and marks in its time.
    pub changes: Vec<LoadChange>,
    /// The starts of each load, if there are several.
    pub loads: Vec<LoadStarts>,
    /// The rates that a search for the capacity has tried.
    pub levels: Vec<SearchLevel>,
    /// The result of the search.
    pub capacity: Option<SearchEnd>,
    /// True if the journal has its end and every interval before it.
    pub is_complete: bool,
    /// The unreadable part, if the journal was damaged and not only cut short.
    pub damage: Option<String>,
}

impl Journal {
    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the journal in a directory and reads it once.
    ///
    /// # Errors
    /// The header is missing or cannot be read, or another file is missing. A file that is cut short or damaged is no
    /// error: the intervals before the damage are available, and [`Journal::warnings`] describes it.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        for name in [RUN_FILE, HISTOGRAMS_FILE, EVENTS_FILE] {
            let path = dir.join(name);
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return Err(JournalError::NotAFile(path));
            }
        }
        let mut header = read_header(dir)?;
        let known = Known {
            series: header.series.len(),
            metrics: number_metrics(&mut header),
        };
        let found = scan::start(dir)?;
        let mut journal = Self {
            header,
            events: Vec::new(),
            warnings: Vec::new(),
            dir: dir.to_owned(),
            known,
            interval_count: 0,
            ending: Ending::default(),
        };
        let mut agreement = Agreement::default();
        let mut left_out = 0;
        let mut is_whole = true;
        for found in found {
            match found {
                // After an unreadable interval, later ones are not a prefix of the run.
                JournalPart::Interval(_) if !is_whole => {}
                JournalPart::Interval(raw) => {
                    if let Err(fault) = journal.count_interval(raw, &mut agreement) {
                        is_whole = false;
                        journal.warnings.push(fault.into_warning(dir)?);
                    }
                }
                JournalPart::Event(event) => {
                    journal.ending.note(&event);
                    if journal.events.len() < MAX_EVENTS {
                        journal.events.push(event);
                    } else {
                        left_out += 1;
                    }
                }
                JournalPart::Fault(fault) => {
                    // Only the first unreadable interval is reported.
                    let warning = fault.into_warning(dir)?;
                    is_whole = false;
                    journal.warnings.push(warning);
                }
            }
        }
        journal.ending.is_complete &= is_whole;
        journal.ending.damage = journal.warnings.iter().find_map(|warning| {
            let is_damage = matches!(
                warning,
                JournalWarning::Corrupt { .. } | JournalWarning::SeriesCorrupt { .. }
            );
            is_damage.then(|| warning.to_string())
        });
        journal.warnings.extend(agreement.into_warning());
        if journal.ending.changes.iter().any(LoadChange::is_of_load) {
            journal.header.changed_by_hand();
        }
        if left_out > 0 {
            let warning = JournalWarning::EventsLeftOut { events: left_out };
            journal.warnings.push(warning);
        }
        Ok(journal)
    }

    /// Counts the interval if all its histograms are present, and compares them with its counts.
    fn count_interval(&mut self, raw: Raw, agreement: &mut Agreement) -> Result<(), Fault> {
        let interval = raw.unpack(self.interval_count, &self.known)?;
        agreement.check(&interval, &self.header.series);
        self.ending.at = interval.end;
        self.interval_count += 1;
        Ok(())
    }

    /// The intervals in order, read from the files on demand.
    ///
    /// [`Journal::open`] has already read them all, so they end early only if the files have changed since.
    pub fn intervals(&self) -> Intervals {
        Intervals {
            ahead: unpack_ahead(&self.dir, self.known.clone()).ok(),
            left: self.interval_count,
        }
    }

    /// The number of intervals.
    pub const fn interval_count(&self) -> u64 {
        self.interval_count
    }

    /// The end of the run.
    pub const fn ending(&self) -> &Ending {
        &self.ending
    }
}

impl Ending {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Stop { reason, .. } => match (&self.stop, reason) {
                // The first reason is the cause, but a second signal means that the grace period was cut short.
                (None, _) | (Some(StopReason::Signal), StopReason::SecondSignal) => {
                    self.stop = Some(reason.clone());
                }
                (Some(_), _) => {}
            },
            Event::End {
                at,
                panics,
                interrupted,
                lost,
            } => {
                self.at = *at;
                self.panics = *panics;
                self.interrupted = *interrupted;
                self.lost = lost.clone();
                self.is_complete = true;
            }
            Event::Change(change) => self.changes.push(change.clone()),
            Event::Loads { loads } => self.loads.clone_from(loads),
            Event::Level(level) => self.levels.push(level.clone()),
            Event::Capacity(capacity) => self.capacity = Some(capacity.clone()),
            Event::Interval(_)
            | Event::Failure(_)
            | Event::Slow { .. }
            | Event::Log(_)
            | Event::Threshold { .. }
            | Event::Warning { .. } => {}
        }
    }
}

/// The intervals of a journal; see [`Journal::intervals`].
pub struct Intervals {
    ahead: Option<Receiver<Interval>>,
    left: u64,
}

impl Iterator for Intervals {
    type Item = Interval;

    fn next(&mut self) -> Option<Interval> {
        self.left = self.left.checked_sub(1)?;
        self.ahead.as_ref()?.recv().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}

/// Unpacks intervals on a separate thread, as long as there is a receiver and no error.
fn unpack_ahead(dir: &Path, known: Known) -> Result<Receiver<Interval>, JournalError> {
    let found = scan::start(dir)?;
    let (sender, receiver) = sync_channel(scan::AHEAD);
    let unpack = move || {
        let mut number = 0;
        for found in found {
            let interval = match found {
                JournalPart::Interval(raw) => raw.unpack(number, &known),
                JournalPart::Event(_) => continue,
                JournalPart::Fault(_) => return,
            };
            let Ok(interval) = interval else { return };
            if sender.send(interval).is_err() {
                return;
            }
            number += 1;
        }
    };
    thread::Builder::new()
        .name("intervals".to_owned())
        .spawn(unpack)
        .map_err(JournalError::io("start a thread to read", dir))?;
    Ok(receiver)
}

/// Gives the header's metrics the numbers of this version: the built-in ones first. Returns them by the numbers that they
/// had, which are those in the files. A metric that this version does not have keeps its name.
fn number_metrics(header: &mut RunHeader) -> Vec<MetricId> {
    let written = std::mem::replace(&mut header.metrics, Metrics::built_in());
    let metrics = written.iter().map(|(_, metric)| metric.clone());
    metrics
        .map(|metric| header.metrics.declare(metric))
        .collect()
}

fn read_header(dir: &Path) -> Result<RunHeader, JournalError> {
    /// The part of a header that every version has.
    #[derive(Deserialize)]
    struct HeaderVersion {
        schema: String,
        gander: String,
    }

    let path = dir.join(RUN_FILE);
    let text = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => JournalError::NoRun(dir.to_owned()),
        _ => JournalError::io("read", &path)(error),
    })?;
    let no_header = |source| JournalError::Header {
        path: path.clone(),
        source,
    };
    let HeaderVersion { schema, gander } = serde_json::from_slice(&text).map_err(no_header)?;
    if schema != SCHEMA {
        return Err(JournalError::Schema {
            path,
            found: schema,
            gander,
        });
    }
    serde_json::from_slice(&text).map_err(no_header)
}
