//! Goes through the two files of a journal side by side, line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use hdrhistogram::serialization::Deserializer;

use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, IntervalCounts, JournalError, JournalWarning, RunHeader,
    interval_log,
};
use crate::plan::SeriesId;
use crate::record::{Interval, SeriesInterval, Timing};

/// The longest line that is read, in bytes; the longest that is written is some 300 KiB.
const MAX_LINE: u64 = 16 << 20;

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

/// The whole lines of a file.
struct Lines {
    file: &'static str,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(dir: &Path, file: &'static str) -> Result<Self, JournalError> {
        let path = dir.join(file);
        let reader = BufReader::new(File::open(&path).map_err(JournalError::io("open", &path))?);
        Ok(Self {
            file,
            reader,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line, its end included; none at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.line.clear();
        self.number += 1;
        let bytes = Read::take(&mut self.reader, MAX_LINE)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Fault::Io(self.file, error))? as u64;
        match self.line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.line)),
            Some(_) if bytes == MAX_LINE => {
                Err(self.corrupt("it is longer than any that is written"))
            }
            Some(_) => Err(Fault::Damage(JournalWarning::Torn {
                file: self.file,
                bytes,
            })),
        }
    }

    /// The damage that the last line is.
    fn corrupt(&self, reason: impl Into<String>) -> Fault {
        Fault::Damage(JournalWarning::Corrupt {
            file: self.file,
            line: self.number,
            reason: reason.into(),
        })
    }
}

/// The two files, each read up to some line.
pub(super) struct Scan {
    events: Lines,
    histograms: Lines,
    deserializer: Deserializer,
}

impl Scan {
    pub(super) fn open(dir: &Path) -> Result<Self, JournalError> {
        Ok(Self {
            events: Lines::open(dir, EVENTS_FILE)?,
            histograms: Lines::open(dir, HISTOGRAMS_FILE)?,
            deserializer: Deserializer::new(),
        })
    }

    pub(super) fn next_event(&mut self) -> Result<Option<Event>, Fault> {
        let Some(line) = self.events.next()? else {
            return Ok(None);
        };
        match serde_json::from_slice(line) {
            Ok(event) => Ok(Some(event)),
            Err(error) => Err(self.events.corrupt(error.to_string())),
        }
    }

    /// Reads the interval whose counts are the last event.
    pub(super) fn read_interval(
        &mut self,
        counts: IntervalCounts,
        number: u64,
        header: &RunHeader,
    ) -> Result<Interval, Fault> {
        let mut histograms: BTreeMap<SeriesId, [Option<_>; Timing::ALL.len()]> = BTreeMap::new();
        self.read_histograms(&counts, number, header, |entry| {
            let of_series = histograms.entry(entry.series).or_default();
            of_series[entry.timing as usize] = Some(entry.histogram);
        })?;
        let with_histograms = |(id, counts)| {
            let histograms = histograms.remove(&id).unwrap_or_default();
            (id, SeriesInterval { counts, histograms })
        };
        Ok(Interval {
            number,
            start: counts.start,
            end: counts.end,
            is_warm_up: counts.is_warm_up,
            load: counts.load,
            series: counts.series.into_iter().map(with_histograms).collect(),
            checks: counts.checks,
            health: counts.health,
            target: counts.target,
        })
    }

    /// Reads the histograms of the interval whose counts are the last event, one after another. The interval must have
    /// this number, and its series must be the header's.
    pub(super) fn read_histograms(
        &mut self,
        counts: &IntervalCounts,
        number: u64,
        header: &RunHeader,
        mut each: impl FnMut(interval_log::Entry),
    ) -> Result<(), Fault> {
        if counts.number != number {
            let reason = format!("interval {} where {number} was expected", counts.number);
            return Err(self.events.corrupt(reason));
        }
        if counts.end < counts.start {
            return Err(self.events.corrupt("the interval ends before it starts"));
        }
        let is_unknown = |id: &&SeriesId| id.0 as usize >= header.series.len();
        if let Some(id) = counts.series.keys().find(is_unknown) {
            let reason = format!("series {} is not in the header", id.0);
            return Err(self.events.corrupt(reason));
        }
        let mut last = None;
        for _ in 0..counts.histograms {
            let entry = self.next_histogram(number)?;
            let place = Some((entry.series, entry.timing));
            let is_in_order = last < place;
            last = place;
            if !is_in_order
                || !counts.series.contains_key(&entry.series)
                || !entry.starts_at(counts.start)
            {
                let reason = format!("it does not belong here in interval {number}");
                return Err(self.histograms.corrupt(reason));
            }
            each(entry);
        }
        Ok(())
    }

    fn next_histogram(&mut self, interval: u64) -> Result<interval_log::Entry, Fault> {
        let missing = || Fault::Damage(JournalWarning::HistogramsMissing { interval });
        loop {
            let line = match self.histograms.next() {
                Ok(Some(line)) => line,
                Ok(None) | Err(Fault::Damage(JournalWarning::Torn { .. })) => return Err(missing()),
                Err(fault) => return Err(fault),
            };
            match interval_log::decode(line, &mut self.deserializer) {
                Ok(Some(entry)) => return Ok(entry),
                Ok(None) => {}
                Err(reason) => return Err(self.histograms.corrupt(reason)),
            }
        }
    }
}
