//! The service's metrics: everything for a scraper, areas for a client, and the release of unneeded resources.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::documents::json as json_body;
use crate::error::Problem;
use crate::input::QueryFields;
use crate::metrics::{MetricFamily, MetricType};
use crate::monitor::{Freed, MOST_POINTS};
use crate::state::App;

/// The answer of `POST /api/v1/admin/gc`.
#[derive(Serialize)]
pub(super) struct ReclaimAnswer {
    freed: Vec<Freed>,
    /// Before and after, if the kernel reports it; the allocator decides when memory is returned to the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_bytes: Option<[f64; 2]>,
}

/// Every metric family: Prometheus text, or JSON if the client prefers it.
pub(super) async fn all(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut response = if prefers_json(&headers) {
        let families = app.metrics.gather();
        let families: Vec<_> = families.iter().map(family).collect();
        Json(json!({ "families": families })).into_response()
    } else {
        let text = app.metrics.render();
        let text = text.map_err(|error| Problem::internal(&error))?;
        let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Every area, since the start and over the last interval.
pub(super) async fn sections(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.monitor.sections())
}

/// Levels, trends, percentiles by route, alerts; `?points=120` adds the latest 120 samples.
pub(super) async fn performance(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let expected = "a number of samples from 0 to 600";
    let points = query.parsed("points", Some(0), expected, |points| *points <= MOST_POINTS);
    query.finish()?;
    match app.monitor.performance(points.unwrap_or_default()) {
        Some(Ok(body)) => Ok(json_body(body.into())),
        Some(Err(error)) => Err(Problem::internal(&error)),
        None => {
            let detail = "the monitor has not taken its first sample yet; try again later";
            Err(Problem::unavailable(detail, Duration::from_secs(1)))
        }
    }
}

/// Sweeps caches, pools and maps. Mount it only behind the guard of the administration.
pub(super) async fn collect(State(app): State<Arc<App>>) -> Json<ReclaimAnswer> {
    let before = resident(&app);
    let freed = app.reclaim.run().await;
    let resident_bytes = before.zip(resident(&app));
    Json(ReclaimAnswer {
        freed,
        resident_bytes: resident_bytes.map(|(before, after)| [before, after]),
    })
}

fn resident(app: &App) -> Option<f64> {
    let families = app.metrics.gather();
    let resident = families
        .iter()
        .find(|family| family.name() == "process_resident_memory_bytes")?;
    Some(resident.get_metric().first()?.get_gauge().get_value())
}

/// Whether `Accept` gives JSON a higher weight than text.
fn prefers_json(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges: Vec<_> = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(weighted)
        .collect();
    let weight = |kind: &str| {
        let named = ranges.iter().filter(|(range, _)| range == kind);
        named
            .map(|(_, weight)| *weight)
            .max_by(f64::total_cmp)
            .unwrap_or(0.0)
    };
    let json = weight("application/json");
    json.total_cmp(&0.0) == Ordering::Greater && json >= weight("text/plain")
}

/// A media range and its weight, 0 to 1.
fn weighted(range: &str) -> (String, f64) {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.strip_prefix("q="))
        .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
    (kind, weight)
}

fn family(family: &MetricFamily) -> Value {
    let kind = family.get_field_type();
    let series = family.get_metric().iter().map(|metric| {
        let labels = metric.get_label().iter();
        let labels: Map<_, _> = labels
            .map(|pair| (pair.name().to_owned(), pair.value().into()))
            .collect();
        match kind {
            MetricType::COUNTER => {
                json!({ "labels": labels, "value": metric.get_counter().get_value() })
            }
            MetricType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                let buckets = histogram.get_bucket().iter();
                let buckets = buckets.map(|bucket| {
                    json!({ "le": bucket.upper_bound(), "count": bucket.cumulative_count() })
                });
                json!({
                    "labels": labels,
                    "count": histogram.get_sample_count(),
                    "sum": histogram.get_sample_sum(),
                    "buckets": buckets.collect::<Vec<_>>(),
                })
            }
            _ => json!({ "labels": labels, "value": metric.get_gauge().get_value() }),
        }
    });
    json!({
        "name": family.name(),
        "help": family.help(),
        "type": format!("{kind:?}").to_ascii_lowercase(),
        "series": series.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_needs_at_least_the_weight_of_text() {
        for (accept, expected) in [
            ("application/json", true),
            ("text/html, Application/JSON;q=0.5", true),
            ("application/json, text/plain", true),
            ("application/json;q=0.4, text/plain;q=0.5", false),
            ("application/json;q=0", false),
            ("application/json;q=x", false),
            ("*/*", false),
            ("text/plain;version=0.0.4;q=0.3,*/*;q=0.1", false),
            ("", false),
        ] {
            let value = HeaderValue::from_static(accept);
            let headers = HeaderMap::from_iter([(header::ACCEPT, value)]);
            assert_eq!(prefers_json(&headers), expected, "{accept}");
        }
        assert!(!prefers_json(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn collecting_reports_freed_resources_and_memory() {
        let config = crate::Config {
            documents: 1,
            users: 1,
            ..crate::Config::default()
        };
        let state = crate::State::open(&config).await.expect("the state opens");
        let Json(collected) = collect(State(Arc::clone(&state.0))).await;
        let resident = collected.resident_bytes;
        assert_eq!(resident.is_some(), cfg!(target_os = "linux"));
        assert!(resident.is_none_or(|sizes| sizes.iter().all(|&bytes| bytes > 1e6)));
    }
}
