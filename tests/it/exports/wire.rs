//! Reads what receivers get, strictly and without the code that wrote it: remote write 1.0 and OTLP in JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// The points of a push, or of a scrape: by name and labels.
#[derive(Debug, Default, Clone)]
pub(super) struct Points {
    pub(super) numbers: BTreeMap<(String, Labels), f64>,
    pub(super) times: BTreeMap<(String, Labels), Times>,
    /// The time of all of them, in ms since 1970; 0 if it is not told.
    pub(super) millis: i64,
}

/// A histogram.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) zero: u64,
    /// Counts by the index of the upper bound, 2^(index/32) seconds.
    pub(super) buckets: BTreeMap<i64, u64>,
}

impl Points {
    /// The sum of a counter over series with these labels.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let is_wanted = |own: &Labels| {
            labels
                .iter()
                .all(|(name, value)| own.get(*name).is_some_and(|own| own == value))
        };
        self.numbers
            .iter()
            .filter(|((own, labels), _)| own == name && is_wanted(labels))
            .map(|(_, value)| *value as u64)
            .sum()
    }

    /// The histograms of a name and a phase, merged.
    pub(super) fn merged(&self, name: &str, phase: &str) -> Times {
        let mut all = Times::default();
        for ((own, labels), times) in &self.times {
            if own == name && labels["phase"] == phase {
                all.count += times.count;
                all.sum += times.sum;
                all.zero += times.zero;
                for (index, count) in &times.buckets {
                    *all.buckets.entry(*index).or_default() += count;
                }
            }
        }
        all
    }

    fn add_number(&mut self, name: &str, labels: Labels, value: f64) {
        let before = self.numbers.insert((name.to_owned(), labels), value);
        assert_eq!(before, None, "{name} is there twice");
    }

    fn add_times(&mut self, name: &str, labels: Labels, times: Times) {
        let all: u64 = times.zero + times.buckets.values().sum::<u64>();
        assert_eq!(all, times.count, "{name}: the buckets hold all times");
        let before = self.times.insert((name.to_owned(), labels), times);
        assert_eq!(before, None, "{name} is there twice");
    }
}

impl Times {
    /// The upper bound of the bucket of a quantile, in seconds.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let rank = (quantile * self.count as f64).ceil() as u64;
        let mut seen = self.zero;
        for (index, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return (*index as f64 / 32.0).exp2();
            }
        }
        panic!("no time at {quantile}");
    }
}

/// A field of a message: its number and its content.
enum Field<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a byte");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut bytes)),
            1 => {
                let (number, rest) = bytes.split_first_chunk().expect("eight bytes");
                bytes = rest;
                Field::Double(f64::from_le_bytes(*number))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(content)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The body of a push of remote write. Source: `prompb/remote.proto` and `prompb/types.proto` of Prometheus.
pub(super) fn remote_write(body: &[u8]) -> Points {
    let body = snap::raw::Decoder::new()
        .decompress_vec(body)
        .expect("a snappy block");
    let mut points = Points::default();
    for field in fields(&body) {
        match field {
            (1, Field::Bytes(series)) => read_series(series, &mut points),
            (3, Field::Bytes(metadata)) => {
                assert!(metadata.len() > 4, "a type, a name and a text");
            }
            (number, _) => panic!("field {number} of WriteRequest"),
        }
    }
    points
}

fn read_series(series: &[u8], points: &mut Points) {
    let mut labels: Vec<(String, String)> = Vec::new();
    let (mut sample, mut histogram) = (None, None);
    for field in fields(series) {
        match field {
            (1, Field::Bytes(label)) => match fields(label)[..] {
                [(1, Field::Bytes(name)), (2, Field::Bytes(value))] => {
                    labels.push((text(name), text(value)));
                }
                _ => panic!("a label"),
            },
            (2, Field::Bytes(content)) => match fields(content)[..] {
                [(1, Field::Double(value)), (2, Field::Varint(millis))] => {
                    sample = Some((value, millis as i64));
                }
                _ => panic!("a sample"),
            },
            (4, Field::Bytes(content)) => histogram = Some(read_histogram(content)),
            (number, _) => panic!("field {number} of TimeSeries"),
        }
    }
    assert!(
        labels.is_sorted_by(|a, b| a.0 < b.0),
        "sorted, each once: {labels:?}"
    );
    let mut labels: Labels = labels.into_iter().collect();
    assert!(labels.values().all(|value| !value.is_empty()));
    assert_eq!(labels.remove("job").as_deref(), Some("gander"));
    assert!(labels.remove("instance").is_some());
    let name = labels.remove("__name__").expect("a name");
    let millis = match (sample, histogram) {
        (Some((value, millis)), None) => {
            points.add_number(&name, labels, value);
            millis
        }
        (None, Some((times, millis))) => {
            points.add_times(&name, labels, times);
            millis
        }
        _ => panic!("{name} has one value"),
    };
    assert!(
        points.millis == 0 || points.millis == millis,
        "one time for all"
    );
    points.millis = millis;
}

fn read_histogram(histogram: &[u8]) -> (Times, i64) {
    let mut times = Times::default();
    let (mut spans, mut deltas, mut millis) = (Vec::new(), Vec::new(), 0);
    for field in fields(histogram) {
        match field {
            (1, Field::Varint(count)) => times.count = count,
            (3, Field::Double(sum)) => times.sum = sum,
            (4, Field::Varint(schema)) => assert_eq!(zigzag(schema), 5),
            (5, Field::Double(threshold)) => assert!(threshold.abs() < f64::EPSILON),
            (6, Field::Varint(zero)) => times.zero = zero,
            (11, Field::Bytes(span)) => match fields(span)[..] {
                [(1, Field::Varint(offset)), (2, Field::Varint(length))] => {
                    spans.push((zigzag(offset), length));
                }
                _ => panic!("a span"),
            },
            (12, Field::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    deltas.push(zigzag(varint(&mut packed)));
                }
            }
            (15, Field::Varint(time)) => millis = time as i64,
            (number, _) => panic!("field {number} of Histogram"),
        }
    }
    let (mut index, mut count) = (0, 0);
    let mut deltas = deltas.into_iter();
    for (place, (offset, length)) in spans.into_iter().enumerate() {
        assert!(place == 0 || offset > 0, "spans neither touch nor overlap");
        index += offset;
        for _ in 0..length {
            count += deltas.next().expect("a delta for each bucket");
            times.buckets.insert(index, count as u64);
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None, "a bucket for each delta");
    (times, millis)
}

/// The body of a push of OTLP, and the attributes of its resource. Names are those that a collector makes for Prometheus.
pub(super) fn otlp(body: &[u8]) -> (Points, Labels) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let resource = &body["resourceMetrics"][0];
    let mut points = Points::default();
    let metrics = resource["scopeMetrics"][0]["metrics"].as_array();
    for metric in metrics.expect("metrics") {
        let unit = match metric["unit"].as_str().expect("a unit") {
            "s" => "_seconds",
            "By" => "_bytes",
            "1" => "_ratio",
            word => {
                assert!(word.starts_with('{'), "{word}");
                ""
            }
        };
        let name = metric["name"].as_str().expect("a name").replace('.', "_") + unit;
        let (content, total) = if metric.get("sum").is_some() {
            assert_eq!(metric["sum"]["isMonotonic"], true);
            (&metric["sum"], "_total")
        } else if metric.get("gauge").is_some() {
            (&metric["gauge"], "")
        } else {
            (&metric["exponentialHistogram"], "")
        };
        assert!(metric.get("gauge").is_some() || content["aggregationTemporality"] == 2);
        for point in content["dataPoints"].as_array().expect("points") {
            let (began, nanos) = (
                whole(&point["startTimeUnixNano"]),
                whole(&point["timeUnixNano"]),
            );
            assert!(began <= nanos);
            points.millis = (nanos / 1_000_000) as i64;
            let labels = attributes(&point["attributes"]);
            if point.get("scale").is_some() {
                points.add_times(&name, labels, exponential(point));
            } else {
                let number = point.get("asDouble").and_then(Value::as_f64);
                let number = number.unwrap_or_else(|| whole(&point["asInt"]) as f64);
                points.add_number(&format!("{name}{total}"), labels, number);
            }
        }
    }
    (points, attributes(&resource["resource"]["attributes"]))
}

fn exponential(point: &Value) -> Times {
    assert_eq!(point["scale"], 5);
    let offset = point["positive"]["offset"].as_i64().expect("an offset");
    let counts = point["positive"]["bucketCounts"]
        .as_array()
        .expect("counts");
    let counts = counts.iter().map(whole);
    Times {
        count: whole(&point["count"]),
        sum: point["sum"].as_f64().expect("a sum"),
        zero: whole(&point["zeroCount"]),
        // Here a bucket has the index of its lower bound.
        buckets: (offset + 1..)
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .collect(),
    }
}

fn attributes(list: &Value) -> Labels {
    let pairs = list.as_array().expect("attributes").iter().map(|pair| {
        let value = pair["value"]["stringValue"].as_str().expect("a text");
        (
            pair["key"].as_str().expect("a key").to_owned(),
            value.to_owned(),
        )
    });
    pairs.collect()
}

/// A 64-bit number, which is a text in this encoding.
fn whole(value: &Value) -> u64 {
    value.as_str().expect("a text").parse().expect("a number")
}
