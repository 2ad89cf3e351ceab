//! Goes through the two files of a journal side by side, line by line, on a thread of its own: what a line means is found
//! out by whoever takes it from there, so that a long journal is read by two cores.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::bufread::MultiGzDecoder;

use super::encoding::Deserializer;
use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, IntervalCounts, JournalError, JournalWarning,
    PLAIN_HISTOGRAMS_FILE, interval_log,
};
use crate::plan::SeriesId;
use crate::record::{Interval, SeriesInterval, Timing};

/// The longest line that is read, in bytes; the longest that is written is some 300 KiB.
const MAX_LINE: u64 = 16 << 20;

/// How many intervals may be read ahead.
const AHEAD: usize = 4;

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
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(dir: &Path, file: &'static str) -> Result<Self, JournalError> {
        let path = dir.join(file);
        let plain = BufReader::new(File::open(&path).map_err(JournalError::io("open", &path))?);
        let reader: Box<dyn BufRead + Send> = if file == HISTOGRAMS_FILE {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            file,
            reader,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The log of histograms: compressed, or plain, as earlier versions wrote it.
    fn of_histograms(dir: &Path) -> Result<Self, JournalError> {
        let is_plain =
            !dir.join(HISTOGRAMS_FILE).exists() && dir.join(PLAIN_HISTOGRAMS_FILE).exists();
        Self::open(
            dir,
            if is_plain {
                PLAIN_HISTOGRAMS_FILE
            } else {
                HISTOGRAMS_FILE
            },
        )
    }

    /// The next line, its end included; none at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.line.clear();
        self.number += 1;
        let read = Read::take(&mut self.reader, MAX_LINE).read_until(b'\n', &mut self.line);
        let bytes = self.line.len() as u64;
        let torn = Fault::Damage(JournalWarning::Torn {
            file: self.file,
            bytes,
        });
        match (
            read.map_err(|error| (error.kind(), error)),
            self.line.last(),
        ) {
            // What was compressed ends too early, or is not what was written.
            (Err((io::ErrorKind::UnexpectedEof, _)), _) => Err(torn),
            (Err((io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, error)), _) => {
                Err(self.corrupt(error.to_string()))
            }
            (Err((_, error)), _) => Err(Fault::Io(self.file, error)),
            (Ok(_), None) => Ok(None),
            (Ok(_), Some(b'\n')) => Ok(Some(&self.line)),
            (Ok(_), Some(_)) if bytes == MAX_LINE => {
                Err(self.corrupt("it is longer than any that is written"))
            }
            (Ok(_), Some(_)) => Err(torn),
        }
    }

    /// The damage that the last line is.
    fn corrupt(&self, reason: impl Into<String>) -> Fault {
        corrupt(self.file, self.number, reason)
    }
}

fn corrupt(file: &'static str, line: u64, reason: impl Into<String>) -> Fault {
    Fault::Damage(JournalWarning::Corrupt {
        file,
        line,
        reason: reason.into(),
    })
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
    /// The whole lines of its histograms.
    lines: Vec<u8>,
    /// Of each line, its number in the file and where it ends in `lines`.
    ends: Vec<(u64, usize)>,
    /// The file they are from, and the line of the counts in the other.
    file: &'static str,
    line: u64,
}

/// Reads a journal ahead, on a thread of its own, for as long as somebody listens.
pub(super) fn start(dir: &Path) -> Result<Receiver<Found>, JournalError> {
    let scan = Scan {
        events: Lines::open(dir, EVENTS_FILE)?,
        histograms: Lines::of_histograms(dir)?,
    };
    let (sender, receiver) = sync_channel(AHEAD);
    thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || scan.run(&sender))
        .map_err(JournalError::io("start a thread to read", dir))?;
    Ok(receiver)
}

/// The two files, each read up to some line.
struct Scan {
    events: Lines,
    histograms: Lines,
}

impl Scan {
    fn run(mut self, sender: &SyncSender<Found>) {
        let mut is_whole = true;
        loop {
            let found = match self.next_event() {
                Ok(None) => break,
                // After an interval that cannot be read, later ones are no prefix; other events still tell something.
                Ok(Some(Event::Interval(_))) if !is_whole => continue,
                Ok(Some(Event::Interval(counts))) => match self.with_lines(counts) {
                    Ok(raw) => Found::Interval(raw),
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
        // The end of what was compressed lies behind the last line.
        while is_whole {
            match self.histograms.next() {
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

    /// Takes as many histograms as the counts say.
    fn with_lines(&mut self, counts: IntervalCounts) -> Result<Raw, Fault> {
        let missing = |interval| Fault::Damage(JournalWarning::HistogramsMissing { interval });
        let mut raw = Raw {
            file: self.histograms.file,
            line: self.events.number,
            lines: Vec::new(),
            ends: Vec::new(),
            counts,
        };
        while raw.ends.len() < raw.counts.histograms as usize {
            let line = match self.histograms.next() {
                Ok(Some(line)) => line,
                Ok(None) | Err(Fault::Damage(JournalWarning::Torn { .. })) => {
                    return Err(missing(raw.counts.number));
                }
                Err(fault) => return Err(fault),
            };
            if !interval_log::is_remark(line) {
                raw.lines.extend_from_slice(line);
                raw.ends.push((self.histograms.number, raw.lines.len()));
            }
        }
        Ok(raw)
    }
}

/// Makes intervals of what was found.
pub(super) struct Decoder {
    deserializer: Deserializer,
    space: Vec<u8>,
    /// How many series the run has.
    series: usize,
}

impl Decoder {
    pub(super) fn new(series: usize) -> Self {
        Self {
            deserializer: Deserializer::new(),
            space: Vec::new(),
            series,
        }
    }

    /// The interval. It must have this number, and its series must be the header's.
    pub(super) fn interval(&mut self, raw: Raw, number: u64) -> Result<Interval, Fault> {
        let counts = &raw.counts;
        let of_counts = |reason: String| Err(corrupt(EVENTS_FILE, raw.line, reason));
        if counts.number != number {
            let found = counts.number;
            return of_counts(format!("interval {found} where {number} was expected"));
        }
        if counts.end < counts.start {
            return of_counts("the interval ends before it starts".to_owned());
        }
        let is_unknown = |id: &&SeriesId| id.0 as usize >= self.series;
        if let Some(id) = counts.series.keys().find(is_unknown) {
            return of_counts(format!("series {} is not in the header", id.0));
        }
        let mut histograms: BTreeMap<SeriesId, [Option<_>; Timing::ALL.len()]> = BTreeMap::new();
        let (mut begin, mut last) = (0, None);
        for &(line, end) in &raw.ends {
            let of_line = |reason: String| corrupt(raw.file, line, reason);
            let text = &raw.lines[begin..end];
            begin = end;
            let entry = interval_log::decode(text, &mut self.deserializer, &mut self.space)
                .map_err(of_line)?;
            let place = Some((entry.series, entry.timing));
            let is_in_order = last < place;
            last = place;
            if !is_in_order
                || !counts.series.contains_key(&entry.series)
                || !entry.starts_at(counts.start)
            {
                return Err(of_line(format!(
                    "it does not belong here in interval {number}"
                )));
            }
            histograms.entry(entry.series).or_default()[entry.timing as usize] = Some(entry.bins);
        }
        let counts = raw.counts;
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
}
