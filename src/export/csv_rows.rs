//! `--csv`: one row an interval for the run, and one for each series, in the columns of `timeline.csv`.

use std::io::{self, Write};

use super::text::{Ended, Formatter};
use crate::plan::Series;
use crate::record::{Interval, RunHeader};
use crate::report::RenderError;
use crate::report::timeline_csv::{columns, interval_rows};

/// The rows of a run.
pub(super) struct CsvRows(Vec<Series>);

impl CsvRows {
    pub(super) fn of(header: &RunHeader) -> Self {
        Self(header.series.clone())
    }
}

impl Formatter for CsvRows {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&columns().map_err(failed)?)
    }

    fn interval(&mut self, interval: &Interval, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&interval_rows(interval, &self.0).map_err(failed)?)
    }

    fn end(&mut self, _: &Ended, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn failed(error: RenderError) -> io::Error {
    io::Error::other(error)
}
