//! A journal's histograms as a standard interval log, in the V2 encoding, for other tools.
//!
//! A line is `Tag=<series number>:<series name>:<metric>,<start>,<length>,<longest>,<histogram>`, its times in seconds
//! since the base time.

use std::io::{self, Write};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use super::encoding::Serializer;
use super::{Journal, RunHeader};
use crate::plan::{Metrics, Series};
use crate::record::Interval;

/// The longest series name in a tag, in characters.
const MAX_NAME: usize = 80;

/// Column names, as other tools write and skip them.
const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

impl Journal {
    /// Writes the histograms as an interval log that any `HdrHistogram` tool reads.
    ///
    /// # Errors
    /// It could not be written, or the journal's files have changed since it was opened.
    pub fn write_interval_log(&self, log: &mut dyn Write) -> io::Result<()> {
        write_preamble(&self.header, log)?;
        let mut lines = LogWriter::of(&self.header.series, &self.header.metrics);
        let mut found = 0;
        for interval in self.intervals() {
            lines.write(&interval, log)?;
            found += 1;
        }
        if found != self.interval_count() {
            return Err(io::Error::other(
                "the journal has changed while it was read",
            ));
        }
        Ok(())
    }
}

/// The comments at the beginning of the log.
fn write_preamble(header: &RunHeader, log: &mut dyn Write) -> io::Result<()> {
    let mut comments = Vec::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[Gander {}, {}]", header.gander, header.run_id))
        .add_comment("[Values are microseconds; tags are series number:name:timing]");
    if let Ok(start) = chrono::DateTime::parse_from_rfc3339(&header.started_at) {
        let start = SystemTime::from(start);
        builder.with_start_time(start).with_base_time(start);
    }
    builder
        .begin_log_with(&mut comments, &mut V2Serializer::new())
        .map_err(|error| io::Error::other(error.to_string()))?;
    log.write_all(&comments)?;
    log.write_all(LEGEND)
}

/// Converts intervals to lines.
struct LogWriter {
    serializer: Serializer,
    /// By series: `<number>:<name>:`
    tags: Vec<String>,
    /// By metric.
    names: Vec<String>,
    /// Buffers for reuse.
    packed: Vec<u8>,
    text: String,
}

impl LogWriter {
    fn of(series: &[Series], metrics: &Metrics) -> Self {
        let tag =
            |(number, series): (usize, &Series)| format!("{number}:{}:", tag_name(&series.name));
        Self {
            serializer: Serializer::new(),
            packed: Vec::new(),
            text: String::new(),
            tags: series.iter().enumerate().map(tag).collect(),
            names: metrics
                .iter()
                .map(|(_, metric)| tag_name(&metric.name))
                .collect(),
        }
    }

    /// Writes a line for each histogram of the interval.
    fn write(&mut self, interval: &Interval, log: &mut dyn Write) -> io::Result<()> {
        let start = interval.start.as_secs_f64();
        let length = interval.end.saturating_sub(interval.start).as_secs_f64();
        for (id, series) in &interval.series {
            let tag = self.tags.get(id.0 as usize).map_or("", String::as_str);
            for (metric, bins) in &series.histograms {
                let name = self.names.get(metric.0 as usize).map_or("", String::as_str);
                self.serializer
                    .serialize(bins, &mut self.packed)
                    .map_err(io::Error::other)?;
                self.text.clear();
                STANDARD.encode_string(&self.packed, &mut self.text);
                // The longest recorded time, in µs as other tools write it without a divisor.
                let longest = bins.max() as f64;
                let text = &self.text;
                writeln!(
                    log,
                    "Tag={tag}{name},{start:.3},{length:.3},{longest:.3},{text}"
                )?;
            }
        }
        Ok(())
    }
}

/// A valid name for a tag: ASCII letters, digits and a few symbols; other characters become `_`.
fn tag_name(name: &str) -> String {
    name.chars()
        .take(MAX_NAME)
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "-_./{}[]()+".contains(c) => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::Tag;

    use super::*;

    #[test]
    fn any_name_makes_a_tag() {
        for name in ["login", "a:b, c\n d", "GET /books/${id}", "ürün", "", ":"] {
            let tag = format!("7:{}:ttfb", tag_name(name));
            assert!(Tag::new(&tag).is_some(), "{name}");
            assert_eq!(tag.matches(':').count(), 2, "{name}");
        }
    }
}
