//! Remote write 1.0 of Prometheus: protobuf in a snappy block, with native histograms.
//!
//! Sources: <https://prometheus.io/docs/specs/prw/remote_write_spec/>, `prompb/types.proto` and `prompb/remote.proto` of
//! Prometheus.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::catalogue::Kind;
use super::families::{Family, Point, Value, families};
use super::protobuf::Message;
use super::push::Protocol;
use super::state::RunState;
use super::times::{SCALE, Times};

/// Encodes states.
#[derive(Debug)]
pub(super) struct RemoteWrite;

impl Protocol for RemoteWrite {
    fn option(&self) -> &'static str {
        "--prometheus-remote-write"
    }

    fn headers(&self) -> HeaderMap {
        let version = HeaderName::from_static("x-prometheus-remote-write-version");
        let headers = [
            (CONTENT_TYPE, "application/x-protobuf"),
            (CONTENT_ENCODING, "snappy"),
            (version, "0.1.0"),
        ];
        let headers = headers.into_iter();
        headers
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    fn body(&mut self, state: &RunState) -> Vec<u8> {
        let request = request(state);
        // It fails for 4 GiB and more, which a thousand series do not reach.
        let compressed = snap::raw::Encoder::new().compress_vec(&request);
        compressed.unwrap_or_default()
    }

    fn refused(&self, _: &[u8]) -> Option<String> {
        None
    }
}

/// The `WriteRequest`.
fn request(state: &RunState) -> Vec<u8> {
    let millis = (state.run.began + state.at).0 / 1_000;
    let mut request = Message::default();
    for Family { metric, points } in &families(state) {
        let name = metric.prometheus();
        for point in points {
            request.message(1, |series| {
                write_series(series, &name, point, state, millis);
            });
        }
        request.message(3, |metadata| {
            let kind = match metric.kind {
                Kind::Counter => 1,
                Kind::Gauge => 2,
                Kind::Histogram => 3,
            };
            metadata.uint(1, kind);
            metadata.text(2, &metric.prometheus());
            metadata.text(4, metric.help);
        });
    }
    request.into_bytes()
}

fn write_series(
    series: &mut Message,
    name: &str,
    point: &Point<'_>,
    state: &RunState,
    millis: u64,
) {
    let run = [
        ("__name__", name),
        ("job", "gander"),
        ("instance", state.run.run_id.as_str()),
    ];
    // Sorted by name; an empty value is the same as none.
    let mut labels: Vec<_> = point.pairs().chain(run).collect();
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort_unstable();
    for (name, value) in labels {
        series.message(1, |label| {
            label.text(1, name);
            label.text(2, value);
        });
    }
    let number = match point.value {
        Value::Count(count) => count as f64,
        Value::Level(level) => level,
        Value::Times(times) => {
            return series.message(4, |histogram| write_times(histogram, times, millis));
        }
    };
    series.message(2, |sample| {
        sample.double(1, number);
        sample.uint(2, millis);
    });
}

/// A native histogram with whole counts.
fn write_times(histogram: &mut Message, times: &Times, millis: u64) {
    histogram.uint(1, times.count());
    histogram.double(3, times.sum());
    histogram.sint(4, SCALE.into());
    // The zero bucket holds only times of exactly zero.
    histogram.double(5, 0.0);
    histogram.uint(6, times.zero());
    // Runs of neighbouring buckets: the distance from the end of the last one, and the length.
    let mut spans: Vec<(i32, u32)> = Vec::new();
    let mut next = 0;
    for (index, _) in times.exponential() {
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            _ => spans.push((index - next, 1)),
        }
        next = index + 1;
    }
    for (offset, length) in spans {
        histogram.message(11, |span| {
            span.sint(1, offset.into());
            span.uint(2, length.into());
        });
    }
    let mut before = 0;
    let deltas = times.exponential().map(|(_, count)| {
        let delta = count as i64 - before;
        before = count as i64;
        delta
    });
    histogram.packed_sints(12, deltas);
    histogram.uint(15, millis);
}
