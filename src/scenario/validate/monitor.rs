//! `monitor:`, the sources of the target's own metrics.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::compiler::Compiler;
use super::http;
use super::pattern::json_path;
use crate::expr::selector::Query;
use crate::expr::threshold::{CustomName, Metric};
use crate::format::tables::monitor as table;
use crate::format::{Fields, Problems};
use crate::scenario::{KeptKind, KeptMetric, KeptSelector, MonitorSource, SourceFormat, SourceUrl};
use crate::source::{self, Content, Entry, FileId, Node, brief, user_info};
use crate::units::show_duration;

/// The shortest time between two scrapes: intervals last a second.
const SHORTEST: Duration = Duration::from_secs(1);

/// Reads `monitor:`.
pub(super) fn sources(node: &Node, compiler: &mut Compiler<'_>) -> Vec<MonitorSource> {
    let Content::List(items) = &node.value else {
        compiler.problems.expected(
            "a list of sources, such as `[ { prometheus: /metrics, keep: { queue: queue_depth } } ]`",
            node,
        );
        return Vec::new();
    };
    let mut names = BTreeSet::new();
    let sources = items.iter().map(|item| source(item, &mut names, compiler));
    sources.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// The sources of a scenario that has none of its own and loads Folio.
pub(super) fn of_folio(compiler: &mut Compiler<'_>) -> Vec<MonitorSource> {
    const LIST: &str = include_str!("folio.yaml");
    let mut faults = Vec::new();
    let list = source::parse(LIST, FileId::default(), &mut faults);
    list.map_or_else(Vec::new, |list| sources(&list, compiler))
}

/// The kept metrics as thresholds know them.
pub(super) fn threshold_names(sources: &[MonitorSource]) -> Vec<CustomName> {
    let kept = sources.iter().flat_map(|source| source.format.metrics());
    kept.map(|kept| (format!("target.{}", kept.name), kept.kind.metric()))
        .collect()
}

fn source(
    node: &Node,
    names: &mut BTreeSet<String>,
    compiler: &mut Compiler<'_>,
) -> Option<MonitorSource> {
    let problems = &mut *compiler.problems;
    let fields = problems.fields(node, &table::TABLE)?;
    let every = every(&fields, problems);
    let keep = problems.require(&fields, &table::KEEP);
    let from = match fields.chosen(&table::SOURCE).as_slice() {
        [one] => Some(*one),
        [] if fields.has_slip => None,
        found => {
            let message = if found.is_empty() {
                "this source of metrics has no address"
            } else {
                "a source of metrics has one address"
            };
            let hint =
                "give it `prometheus: /metrics`, or `json:` with the address of a JSON document";
            problems.report_with(node.span, message, hint);
            None
        }
    };
    let url = from.and_then(|entry| address(entry, problems));
    let is_json = from.is_some_and(|entry| entry.key == table::JSON.key);
    let format = keep.and_then(|keep| {
        if is_json {
            let kept = kept(keep, names, problems, |node, problems| {
                json_path(node, problems).map(|path| (path, KeptKind::Value))
            });
            kept.map(SourceFormat::Json)
        } else {
            kept(keep, names, problems, query).map(SourceFormat::Prometheus)
        }
    });
    let headers = fields
        .get(&table::HEADERS)
        .map_or_else(Vec::new, |node| http::headers(node, compiler));
    Some(MonitorSource {
        url: url?,
        every: every?,
        headers,
        format: format?,
        span: node.span,
    })
}

fn every(fields: &Fields<'_>, problems: &mut Problems) -> Option<Duration> {
    let every: Duration = problems.value(fields, &table::EVERY)?;
    if every >= SHORTEST {
        return Some(every);
    }
    let node = fields.get(&table::EVERY)?;
    problems.report(
        node.span,
        format!(
            "`every` must be at least {}, found {}",
            show_duration(SHORTEST),
            show_duration(every)
        ),
    );
    None
}

fn address(entry: &Entry, problems: &mut Problems) -> Option<SourceUrl> {
    const WHAT: &str =
        "a path on the target such as /metrics, or a URL such as http://127.0.0.1:9100/metrics";
    let node = &entry.value;
    let text = problems.scalar(node, WHAT)?.text.trim();
    if text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic()) && !text.contains('#') {
        return Some(SourceUrl::Path(text.to_owned()));
    }
    if !text.contains("://") {
        problems.expected(WHAT, node);
        return None;
    }
    let complaint = match Url::parse(text) {
        Err(error) => {
            let shown = user_info::masked(text);
            format!("`{}` is not a URL: {error}", brief(&shown))
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            "the address of a source starts with http:// or https://".to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "the address of a source may not contain credentials: give them under `headers:`"
                .to_owned()
        }
        Ok(url) if url.fragment().is_some() => {
            "the address of a source may not contain `#`".to_owned()
        }
        Ok(url) => return Some(SourceUrl::Absolute(url)),
    };
    problems.report(node.span, complaint);
    None
}

/// Reads `keep:`, metrics by the names that they get.
fn kept<T>(
    node: &Node,
    names: &mut BTreeSet<String>,
    problems: &mut Problems,
    read: impl Fn(&Node, &mut Problems) -> Option<(T, KeptKind)>,
) -> Option<Vec<KeptSelector<T>>> {
    let what = "a mapping of names to metrics, such as `keep: { queue: job_queue_depth }`";
    let entries = problems.entries(node, what)?;
    if entries.is_empty() {
        problems.report(node.span, "`keep` names no metric: expected at least one");
        return None;
    }
    let mut kept = Vec::new();
    let mut is_whole = true;
    for entry in entries {
        let has_name = check_name(entry, names, problems);
        let Some((selector, kind)) = read(&entry.value, problems).filter(|_| has_name) else {
            is_whole = false;
            continue;
        };
        let written = problems.scalar(&entry.value, "a metric")?;
        kept.push(KeptSelector {
            metric: KeptMetric {
                name: entry.key.clone(),
                selector: written.text.trim().to_owned(),
                kind,
            },
            selector,
        });
    }
    is_whole.then_some(kept)
}

fn check_name(entry: &Entry, names: &mut BTreeSet<String>, problems: &mut Problems) -> bool {
    let (name, span) = (&*entry.key, entry.key_span);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 64;
    if !is_name {
        let message = "a kept metric needs a name of up to 64 letters, digits and `_`, that starts with a letter";
        problems.report(span, message);
        return false;
    }
    if Metric::is_built_in(&format!("target.{name}")) {
        let message = format!("`target.{name}` is already the name of a built-in metric");
        problems.report_with(span, message, "choose another name");
        return false;
    }
    if !names.insert(name.to_owned()) {
        let message = format!("`{name}` is kept twice: each metric has a name of its own");
        problems.report_with(span, message, "choose another name");
        return false;
    }
    true
}

fn query(node: &Node, problems: &mut Problems) -> Option<(Query, KeptKind)> {
    const WHAT: &str = "a selector such as `job_queue_depth` or `rate(requests_total)`";
    let scalar = problems.scalar(node, WHAT)?;
    let text = scalar.text.trim();
    if text.is_empty() {
        problems.expected(WHAT, node);
        return None;
    }
    let spaces = scalar.text.chars().take_while(|c| c.is_whitespace());
    let start = scalar.place(node.span, spaces.count(), 1);
    match Query::parse(text) {
        Ok(query) => {
            let kind = KeptKind::of(&query);
            Some((query, kind))
        }
        Err(error) => {
            problems.add([error.in_file(text, node.span, start)]);
            None
        }
    }
}
