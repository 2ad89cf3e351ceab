//! Where the target's own metrics are read: addresses and headers are final.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri};
use url::Url;

use super::{Workload, vars};
use crate::scenario::{Diagnostic, KeptMetric, MonitorSource, SourceFormat, SourceUrl};

/// The sources of a plan.
#[derive(Debug, Clone, Default)]
pub struct MonitorPlan {
    /// In the order of the scenario.
    pub sources: Vec<PlannedSource>,
}

/// A source of metrics.
#[derive(Debug, Clone)]
pub struct PlannedSource {
    /// Its address.
    pub url: Url,
    /// The same, as requests need it.
    pub uri: Uri,
    /// Its address for people: without its query.
    pub shown: String,
    /// Headers of a scrape.
    pub headers: HeaderMap,
    /// The time between two scrapes.
    pub every: Duration,
    /// The form of its page, with the metrics that are kept of it.
    pub format: SourceFormat,
}

impl MonitorPlan {
    /// The metrics that are kept, in the order of the scenario.
    pub fn metrics(&self) -> Vec<KeptMetric> {
        let sources = self.sources.iter();
        let kept = sources.flat_map(|source| source.format.metrics());
        kept.cloned().collect()
    }
}

/// Resolves the sources for the workload's target.
pub(super) fn compile(
    sources: &[MonitorSource],
    workload: &Workload,
    problems: &mut Vec<Diagnostic>,
) -> MonitorPlan {
    let mut planned = Vec::new();
    for source in sources {
        match compiled(source, workload) {
            Ok(source) => planned.push(source),
            Err(message) => problems.push(Diagnostic::new(Some(source.span), message)),
        }
    }
    MonitorPlan { sources: planned }
}

fn compiled(source: &MonitorSource, workload: &Workload) -> Result<PlannedSource, String> {
    let url: Url = match &source.url {
        SourceUrl::Absolute(url) => url.clone(),
        // Like the paths of requests, joined to the path of the base URL.
        SourceUrl::Path(path) => {
            let base = workload.target.as_str().trim_end_matches('/');
            let joined = format!("{base}{path}");
            joined
                .parse()
                .map_err(|error| format!("`{joined}` is not a URL: {error}"))?
        }
    };
    let uri: Uri = url
        .as_str()
        .parse()
        .map_err(|error| format!("`{url}` cannot be requested: {error}"))?;
    let mut shown = url.clone();
    shown.set_query(None);
    let mut headers = HeaderMap::new();
    for (name, template) in &source.headers {
        let value = vars::rendered(workload, template).map_err(|missing| {
            format!("the header `{name}` has no value before the load: {missing}")
        })?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| {
            format!("the header `{name}` may not contain control characters or line breaks")
        })?;
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    Ok(PlannedSource {
        url,
        uri,
        shown: shown.to_string(),
        headers,
        every: source.every,
        format: source.format.clone(),
    })
}
