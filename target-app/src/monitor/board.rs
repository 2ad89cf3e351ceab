//! The latest sample and the documents made from it: levels, trends, alerts, routes.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::level::{AREAS, Level};
use super::rules::{Alert, AlertEvent};
use super::sample::{RouteUse, Sample};
use super::trend::Trend;
use crate::settings::{
    CacheMode, Compression, Indexes, Loading, RateLimit, Settings, Stampede, WriteStrategy,
};

/// Maximum routes in a live message, the busiest ones.
const LIVE_ROUTES: usize = 12;

/// The latest sample with its assessment.
pub(super) struct Board {
    pub(super) sample: Sample,
    pub(super) levels: Vec<AreaLevel>,
    pub(super) alerts: Vec<Alert>,
    pub(super) events: Arc<[AlertEvent]>,
    /// The routes used in the last minute.
    pub(super) routes: Vec<RouteUse>,
}

/// The level and the trend of one area.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AreaLevel {
    area: &'static str,
    level: Level,
    value: f64,
    unit: &'static str,
    /// The last value that is still excellent, good, fair, poor.
    bounds: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    trend: Option<Trend>,
}

/// The switches that explain most of the measured values.
#[derive(Serialize)]
struct KeySwitches {
    cache: CacheMode,
    strategy: WriteStrategy,
    stampede: Stampede,
    pool_size: u32,
    indexes: Indexes,
    loading: Loading,
    compression: Compression,
    rate_limit: RateLimit,
    edge: bool,
}

#[derive(Serialize)]
struct StatusView<'a> {
    sample: &'a Sample,
    /// The worst of the levels.
    overall: Option<Level>,
    levels: &'a [AreaLevel],
    alerts: &'a [Alert],
    /// The routes used in the last minute, the busiest first.
    routes: &'a [RouteUse],
    switches: KeySwitches,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'a [AlertEvent]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Value>,
}

impl AreaLevel {
    /// The areas that `sample` has values for.
    pub(super) fn all(sample: &Sample, trends: [Option<Trend>; AREAS.len()]) -> Vec<Self> {
        let areas = AREAS.iter().zip(trends);
        areas
            .filter_map(|(area, trend)| {
                let value = (area.measure)(sample)?;
                Some(Self {
                    area: area.name,
                    level: Level::of(value, &area.bounds).max(area.least_level(sample)),
                    value,
                    unit: area.unit,
                    bounds: area.bounds,
                    trend,
                })
            })
            .collect()
    }
}

impl KeySwitches {
    fn of(settings: &Settings) -> Self {
        Self {
            cache: settings.cache.mode,
            strategy: settings.cache.strategy,
            stampede: settings.cache.stampede,
            pool_size: settings.pool.size,
            indexes: settings.db.indexes,
            loading: settings.db.loading,
            compression: settings.compression,
            rate_limit: settings.admission.rate,
            edge: settings.edge.enabled,
        }
    }
}

impl Board {
    fn view(&self, settings: &Settings) -> StatusView<'_> {
        StatusView {
            sample: &self.sample,
            overall: self.levels.iter().map(|area| area.level).max(),
            levels: &self.levels,
            alerts: &self.alerts,
            routes: &self.routes,
            switches: KeySwitches::of(settings),
            events: None,
            history: None,
        }
    }

    /// The live message, sent each second.
    pub(super) fn live(&self, settings: &Settings) -> Option<String> {
        let mut view = self.view(settings);
        view.routes = &view.routes[..view.routes.len().min(LIVE_ROUTES)];
        serde_json::to_string(&view).ok()
    }

    /// Like the live message, plus every route, past alerts and, on request, the history.
    pub(super) fn performance(
        &self,
        settings: &Settings,
        history: Option<Value>,
    ) -> serde_json::Result<Vec<u8>> {
        let mut view = self.view(settings);
        view.events = Some(&self.events);
        view.history = history;
        serde_json::to_vec(&view)
    }
}

/// Extracts the content of a section from a window.
type SectionReader = fn(&Sample) -> Option<Value>;

/// Every area since the start and over the last interval, by section; areas without metrics have no section.
pub(super) fn sections(since_start: &Sample, last: Option<&Sample>) -> Value {
    let parts: [(&str, SectionReader); 9] = [
        ("cache", |s| present(s.cache.as_ref())),
        ("database", |s| {
            let statements = present(s.database.as_ref());
            (statements.is_some() || !s.pools.is_empty())
                .then(|| json!({ "statements": statements, "pools": s.pools }))
        }),
        ("performance", |s| serde_json::to_value(&s.requests).ok()),
        ("admission", |s| present(s.admission.as_ref())),
        ("breakers", |s| {
            (!s.breakers.is_empty()).then(|| json!(s.breakers))
        }),
        ("sessions", |s| Some(json!({ "active": s.sessions? }))),
        ("tasks", |s| present(s.tasks.as_ref())),
        ("edge", |s| present(s.edge.as_ref())),
        ("process", |s| present(s.process.as_ref())),
    ];
    let mut sections = Map::new();
    for (name, part) in parts {
        if let Some(total) = part(since_start) {
            let mut section = Map::from_iter([("since_start".to_owned(), total)]);
            if let Some(last) = last.and_then(part) {
                section.insert("last_interval".to_owned(), last);
            }
            sections.insert(name.to_owned(), section.into());
        }
    }
    Value::Object(sections)
}

fn present(area: Option<&impl Serialize>) -> Option<Value> {
    area.and_then(|area| serde_json::to_value(area).ok())
}
