//! Formats of text: each turns the header, every interval and the end of a run into lines.

use std::io::{self, Write};

use super::csv_rows::CsvRows;
use super::influx::InfluxLines;
use super::json_lines::JsonLines;
use crate::record::journal::Journal;
use crate::record::{Interval, RunHeader};
use crate::units::Micros;

/// A format of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// One JSON object a line, `--jsonl`.
    JsonLines,
    /// The columns of `timeline.csv`, `--csv`.
    Csv,
    /// The line protocol of `InfluxDB`, `--influx`.
    Influx,
}

/// Writes the lines of one run.
pub trait Formatter: Send {
    /// The lines before the first interval.
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// The lines of an interval.
    fn interval(&mut self, interval: &Interval, out: &mut dyn Write) -> io::Result<()>;

    /// The lines after the last interval of a run that ended in order.
    fn end(&mut self, end: &Ended, out: &mut dyn Write) -> io::Result<()>;
}

/// The facts about the end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// The time on the run's clock.
    pub at: Micros,
    /// Requests that were cut off in flight.
    pub interrupted: u64,
    /// Users that panicked.
    pub panics: u64,
}

impl TextFormat {
    /// The option that asks for it.
    pub const fn option(self) -> &'static str {
        match self {
            Self::JsonLines => "--jsonl",
            Self::Csv => "--csv",
            Self::Influx => "--influx",
        }
    }

    /// The formatter for a run.
    pub fn formatter(self, header: &RunHeader) -> Box<dyn Formatter> {
        match self {
            Self::JsonLines => Box::new(JsonLines::of(header)),
            Self::Csv => Box::new(CsvRows::of(header)),
            Self::Influx => Box::new(InfluxLines::of(header)),
        }
    }

    /// Writes a journal: the same text that the run itself writes.
    ///
    /// # Errors
    /// It could not be written, or the journal's files have changed since it was opened.
    pub fn write(self, journal: &Journal, out: &mut dyn Write) -> io::Result<()> {
        let mut formatter = self.formatter(&journal.header);
        formatter.begin(out)?;
        let mut found = 0;
        for interval in journal.intervals() {
            formatter.interval(&interval, out)?;
            found += 1;
        }
        if found != journal.interval_count() {
            return Err(io::Error::other(
                "the journal has changed while it was read",
            ));
        }
        let ending = journal.ending();
        if ending.is_complete {
            let (interrupted, panics) = (ending.interrupted, ending.panics);
            let at = ending.at;
            formatter.end(
                &Ended {
                    at,
                    interrupted,
                    panics,
                },
                out,
            )?;
        }
        Ok(())
    }
}
