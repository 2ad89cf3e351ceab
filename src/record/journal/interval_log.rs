//! `journal.hlog.gz`: histograms as lines of a standard interval log, in the V2 encoding, compressed as gzip.
//!
//! A line is `Tag=<series number>:<series name>:<timing>,<start>,<length>,<longest>,<histogram>`, its times in seconds
//! since the base time. The tag's name is for other tools' users; Gander reads the number and the timing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use super::encoding::{Deserializer, Serializer};
use super::{JournalError, RunHeader};
use crate::plan::{Series, SeriesId};
use crate::record::bins::Bins;
use crate::record::{Interval, Timing};
use crate::units::Micros;

/// The longest series name in a tag, in characters.
const MAX_NAME: usize = 80;

/// Column names, as other tools write and skip them.
const LEGEND: &[u8] =
    b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// Turns intervals into lines.
pub(super) struct Encoder {
    serializer: Serializer,
    /// By series: `<number>:<name>:`
    tags: Vec<String>,
    /// Kept for their space.
    packed: Vec<u8>,
    line: String,
}

impl Encoder {
    pub(super) fn new(series: &[Series]) -> Self {
        Self {
            serializer: Serializer::new(),
            packed: Vec::new(),
            line: String::new(),
            tags: series
                .iter()
                .enumerate()
                .map(|(number, series)| format!("{number}:{}:", tag_name(&series.name)))
                .collect(),
        }
    }

    /// The comments that the log begins with.
    pub(super) fn preamble(header: &RunHeader) -> Result<Vec<u8>, JournalError> {
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
            .begin_log_with(&mut lines, &mut V2Serializer::new())
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
        let start = interval.start.as_secs_f64();
        let length = interval.end.saturating_sub(interval.start).as_secs_f64();
        for (id, series) in &interval.series {
            for timing in Timing::ALL {
                let Some(bins) = series.histogram(timing) else {
                    continue;
                };
                self.serializer
                    .serialize(bins, &mut self.packed)
                    .map_err(|reason| JournalError::encode("a histogram")(&reason))?;
                self.line.clear();
                let prefix = self.tags.get(id.0 as usize);
                let number = id.0;
                let _ = match prefix {
                    Some(prefix) => write!(self.line, "Tag={prefix}{}", timing.name()),
                    None => write!(self.line, "Tag={number}::{}", timing.name()),
                };
                // The longest as it is recorded: µs, as other tools write it without a divisor.
                let _ = write!(
                    self.line,
                    ",{start:.3},{length:.3},{:.3},",
                    bins.max() as f64
                );
                STANDARD.encode_string(&self.packed, &mut self.line);
                self.line.push('\n');
                lines
                    .write_all(self.line.as_bytes())
                    .map_err(|error| JournalError::encode("a histogram")(&error))?;
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
    pub(super) bins: Bins,
}

impl Entry {
    /// Whether the line can be of the interval that starts then: the log has milliseconds.
    pub(super) fn starts_at(&self, start: Micros) -> bool {
        self.start.abs_diff(start.as_duration()) <= Duration::from_millis(1)
    }
}

/// Whether a line is a comment or the legend, and no histogram.
pub(super) fn is_remark(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b'#' | b'"' | b'\n' | b'\r'))
}

/// Reads a whole line that is a histogram; `space` is kept from one to the next.
pub(super) fn decode(
    line: &[u8],
    deserializer: &mut Deserializer,
    space: &mut Vec<u8>,
) -> Result<Entry, String> {
    let foreign = || "not a line of an interval log".to_owned();
    let line = std::str::from_utf8(line).map_err(|_| foreign())?.trim_end();
    let tagged = line.strip_prefix("Tag=").ok_or("it has no tag")?;
    let mut fields = tagged.splitn(5, ',');
    let mut next = || fields.next().ok_or_else(foreign);
    let (tag, start, length, longest, histogram) = (next()?, next()?, next()?, next()?, next()?);
    let (series, timing) =
        read_tag(tag).ok_or_else(|| format!("its tag is \"{}\"", tag.escape_debug()))?;
    let number = |text: &str| text.parse::<f64>().map_err(|_| foreign());
    let start = Duration::try_from_secs_f64(number(start)?).map_err(|_| foreign())?;
    number(length).and(number(longest))?;
    space.clear();
    STANDARD
        .decode_vec(histogram, space)
        .map_err(|error| error.to_string())?;
    Ok(Entry {
        series,
        timing,
        start,
        bins: deserializer.deserialize(space)?,
    })
}

fn read_tag(tag: &str) -> Option<(SeriesId, Timing)> {
    let (number, rest) = tag.split_once(':')?;
    let (_, timing) = rest.rsplit_once(':')?;
    let timing = Timing::ALL.into_iter().find(|t| t.name() == timing)?;
    Some((SeriesId(number.parse().ok()?), timing))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::Tag;

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
