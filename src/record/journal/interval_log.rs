//! `journal.hlog`: histograms as lines of a standard interval log, in the V2 encoding with deflate.
//!
//! A line is `Tag=<series number>:<series name>:<timing>,<start>,<length>,<longest>,<histogram>`, its times in seconds
//! since the base time. The tag's name is for other tools' users; Gander reads the number and the timing.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, IntervalLogWriterError, LogEntry, Tag,
};

use super::deflate::DeflateSerializer;
use super::{JournalError, RunHeader};
use crate::plan::{Series, SeriesId};
use crate::record::{Interval, Timing};
use crate::units::Micros;

/// The longest series name in a tag, in characters.
const MAX_NAME: usize = 80;

/// Column names, as other tools write and skip them.
const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// Turns intervals into lines.
pub(super) struct Encoder {
    serializer: DeflateSerializer,
    /// By series: `<number>:<name>:`
    tags: Vec<String>,
}

impl Encoder {
    pub(super) fn new(series: &[Series]) -> Self {
        Self {
            serializer: DeflateSerializer::new(),
            tags: series
                .iter()
                .enumerate()
                .map(|(number, series)| format!("{number}:{}:", tag_name(&series.name)))
                .collect(),
        }
    }

    /// The comments that the log begins with.
    pub(super) fn preamble(&mut self, header: &RunHeader) -> Result<Vec<u8>, JournalError> {
        let mut lines = Vec::new();
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
            .begin_log_with(&mut lines, &mut self.serializer)
            .map_err(|error| JournalError::encode("the interval log's header")(&error))?;
        lines.extend_from_slice(LEGEND);
        Ok(lines)
    }

    /// Appends a line for each histogram of the interval.
    pub(super) fn encode(
        &mut self,
        interval: &Interval,
        lines: &mut Vec<u8>,
    ) -> Result<(), JournalError> {
        let failed = |error: &IntervalLogWriterError<_>| JournalError::encode("a histogram")(error);
        // Without comments and times a new log begins with its first histogram.
        let mut log = IntervalLogWriterBuilder::new()
            .begin_log_with(lines, &mut self.serializer)
            .map_err(|error| failed(&error.into()))?;
        let start = interval.start.as_duration();
        let length = interval.end.saturating_sub(interval.start).as_duration();
        let mut tag = String::new();
        for (id, series) in &interval.series {
            for timing in Timing::ALL {
                let Some(histogram) = series.histogram(timing) else {
                    continue;
                };
                tag.clear();
                match self.tags.get(id.0 as usize) {
                    Some(prefix) => tag.push_str(prefix),
                    None => write!(tag, "{}::", id.0).unwrap_or_default(),
                }
                tag.push_str(timing.name());
                log.write_histogram(histogram, start, length, Tag::new(&tag))
                    .map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
}

/// A name that a tag may hold: ASCII letters, digits and a few marks; anything else becomes `_`.
fn tag_name(name: &str) -> String {
    name.chars()
        .take(MAX_NAME)
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || "-_./{}[]()+".contains(c) => c,
            _ => '_',
        })
        .collect()
}

/// A line, read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) series: SeriesId,
    pub(super) timing: Timing,
    pub(super) start: Duration,
    pub(super) histogram: Histogram<u64>,
}

impl Entry {
    /// Whether the line can be of the interval that starts then: the log has milliseconds.
    pub(super) fn starts_at(&self, start: Micros) -> bool {
        self.start.abs_diff(start.as_duration()) <= Duration::from_millis(1)
    }
}

/// Reads a whole line, its end included; none for a comment or the legend.
pub(super) fn decode(
    line: &[u8],
    deserializer: &mut Deserializer,
) -> Result<Option<Entry>, String> {
    let entry = match IntervalLogIterator::new(line).next() {
        Some(Ok(LogEntry::Interval(entry))) => entry,
        Some(Err(_)) => return Err("not a line of an interval log".to_owned()),
        _ => return Ok(None),
    };
    let tag = entry.tag().ok_or("it has no tag")?;
    let (series, timing) =
        read_tag(&tag).ok_or_else(|| format!("its tag is \"{}\"", tag.escape_debug()))?;
    let encoded = STANDARD
        .decode(entry.encoded_histogram())
        .map_err(|error| error.to_string())?;
    let mut histogram: Histogram<u64> = deserializer
        .deserialize(&mut encoded.as_slice())
        .map_err(|error| error.to_string())?;
    if histogram.low() != 1 || histogram.sigfig() != 3 {
        return Err("its histogram does not have 3 digits from 1 µs".to_owned());
    }
    histogram.auto(true);
    Ok(Some(Entry {
        series,
        timing,
        start: entry.start_timestamp(),
        histogram,
    }))
}

fn read_tag(tag: &str) -> Option<(SeriesId, Timing)> {
    let (number, rest) = tag.split_once(':')?;
    let (_, timing) = rest.rsplit_once(':')?;
    let timing = Timing::ALL.into_iter().find(|t| t.name() == timing)?;
    Some((SeriesId(number.parse().ok()?), timing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_makes_a_tag_that_can_be_read_back() {
        for name in ["login", "a:b, c\n d", "GET /books/${id}", "ürün", "", ":"] {
            let tag = format!("7:{}:ttfb", tag_name(name));
            let tag = Tag::new(&tag).expect(name);
            assert_eq!(read_tag(&tag), Some((SeriesId(7), Timing::Ttfb)), "{name}");
        }
    }
}
