//! OTLP over HTTP in its JSON encoding, with exponential histograms.
//!
//! Sources: <https://opentelemetry.io/docs/specs/otlp/>,
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/>

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value as Json, json};

use super::catalogue::{Kind, Unit};
use super::families::{Family, Point, Value, families};
use super::push::Protocol;
use super::state::RunState;
use super::times::{SCALE, Times};
use crate::units::Micros;

/// Counts since the load began, not since the last push: a lost push loses no count.
const CUMULATIVE: u8 = 2;

/// Encodes states.
#[derive(Debug)]
pub(super) struct Otlp {
    /// Attributes of the resource from the environment.
    pub(super) attributes: Vec<(String, String)>,
}

impl Protocol for Otlp {
    fn option(&self) -> &'static str {
        "--otlp"
    }

    fn headers(&self) -> HeaderMap {
        let json = HeaderValue::from_static("application/json");
        HeaderMap::from_iter([(CONTENT_TYPE, json)])
    }

    fn body(&mut self, state: &RunState) -> Vec<u8> {
        let run = &state.run;
        let mut attributes: Vec<(&str, &str)> = vec![
            ("service.name", "gander"),
            ("service.version", run.version.as_str()),
            ("service.instance.id", run.run_id.as_str()),
            ("gander.scenario", run.scenario.as_str()),
            ("gander.run_id", run.run_id.as_str()),
        ];
        for (name, value) in &self.attributes {
            attributes.retain(|(known, _)| *known != name.as_str());
            attributes.push((name, value));
        }
        let all = families(state);
        let metrics: Vec<Json> = all.iter().map(|family| metric(family, state)).collect();
        let request = json!({ "resourceMetrics": [{
            "resource": { "attributes": pairs(attributes.into_iter()) },
            "scopeMetrics": [{
                "scope": { "name": "gander", "version": run.version },
                "metrics": metrics,
            }],
        }]});
        request.to_string().into_bytes()
    }

    fn refused(&self, answer: &[u8]) -> Option<String> {
        let answer: Json = serde_json::from_slice(answer).ok()?;
        let partial = answer.get("partialSuccess")?;
        let points = partial.get("rejectedDataPoints")?;
        // 64-bit numbers are texts in this encoding.
        let points = points.as_u64().or_else(|| points.as_str()?.parse().ok())?;
        let reason = partial.get("errorMessage").and_then(Json::as_str);
        (points > 0).then(|| {
            format!(
                "{points} points were rejected, {}",
                reason.unwrap_or("without a reason")
            )
        })
    }
}

fn metric(family: &Family<'_>, state: &RunState) -> Json {
    let exported = &family.metric;
    let unit = match exported.unit {
        Unit::Seconds => "s".to_owned(),
        Unit::Bytes => "By".to_owned(),
        Unit::Ratio => "1".to_owned(),
        // In braces, so that no converter adds it to the name.
        Unit::Number(word) => format!("{{{word}}}"),
    };
    let points: Vec<Json> = family
        .points
        .iter()
        .map(|point| data_point(point, state))
        .collect();
    let (kind, content) = match exported.kind {
        Kind::Counter => (
            "sum",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true }),
        ),
        Kind::Gauge => ("gauge", json!({ "dataPoints": points })),
        Kind::Histogram => (
            "exponentialHistogram",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE }),
        ),
    };
    json!({ "name": exported.otlp(), "description": exported.help, "unit": unit, kind: content })
}

fn data_point(point: &Point<'_>, state: &RunState) -> Json {
    let began = state.run.began;
    let mut json = json!({
        "attributes": pairs(point.pairs().filter(|(_, value)| !value.is_empty())),
        "startTimeUnixNano": nanos(began),
        "timeUnixNano": nanos(began + state.at),
    });
    match point.value {
        Value::Count(count) => json["asInt"] = count.to_string().into(),
        Value::Level(level) => json["asDouble"] = level.into(),
        Value::Times(times) => {
            json["count"] = times.count().to_string().into();
            json["sum"] = times.sum().into();
            json["scale"] = SCALE.into();
            json["zeroCount"] = times.zero().to_string().into();
            json["positive"] = buckets(times);
        }
    }
    json
}

/// The exponential buckets without gaps. Here the index of a bucket is that of its lower bound.
fn buckets(times: &Times) -> Json {
    let Some((first, _)) = times.exponential().next() else {
        return json!({ "offset": 0, "bucketCounts": [] });
    };
    let mut counts: Vec<String> = Vec::new();
    for (index, count) in times.exponential() {
        counts.resize((index - first) as usize, "0".to_owned());
        counts.push(count.to_string());
    }
    json!({ "offset": first - 1, "bucketCounts": counts })
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Json> {
    pairs
        .map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }))
        .collect()
}

fn nanos(at: Micros) -> String {
    (at.0 * 1_000).to_string()
}
