//! `metrics:`, and the values that steps record into them.

use super::compiler::Compiler;
use crate::expr::threshold::{CustomName, Metric};
use crate::format::tables::metric as table;
use crate::format::words::MetricType;
use crate::format::{Field, Problems};
use crate::scenario::{CustomMetric, Recording};
use crate::source::{Content, Entry, Node, brief, did_you_mean, nearest};

/// The maximum length of a unit, in characters.
const LONGEST_UNIT: usize = 16;

/// Reads `metrics:`.
pub(super) fn metrics(node: &Node, problems: &mut Problems) -> Vec<CustomMetric> {
    let what = "a mapping of metrics to their types, such as `metrics: { basket: trend }`";
    let Some(entries) = problems.entries(node, what) else {
        return Vec::new();
    };
    let metrics = entries.iter().filter_map(|entry| metric(entry, problems));
    metrics.collect()
}

fn metric(entry: &Entry, problems: &mut Problems) -> Option<CustomMetric> {
    let has_name = check_name(entry, problems);
    let (kind, unit) = match &entry.value.value {
        Content::Scalar(_) => (problems.at(&entry.value, &table::TYPE), None),
        Content::List(_) | Content::Map(_) => {
            let fields = problems.fields(&entry.value, &table::TABLE)?;
            let kind: Option<MetricType> = problems.value(&fields, &table::TYPE);
            let unit = fields.get(&table::UNIT);
            (kind, unit.and_then(|node| unit_of(node, kind, problems)))
        }
    };
    has_name.then_some(CustomMetric {
        name: entry.key.clone(),
        kind: kind?,
        unit,
    })
}

/// The metric as thresholds know it.
pub(super) fn custom_name(metric: &CustomMetric) -> CustomName {
    let kind = match metric.kind {
        MetricType::Trend => Metric::CustomTrend,
        MetricType::Counter => Metric::CustomCounter,
        MetricType::Gauge => Metric::CustomGauge,
        MetricType::Rate => Metric::CustomRate,
    };
    (metric.name.clone(), kind)
}

fn unit_of(node: &Node, kind: Option<MetricType>, problems: &mut Problems) -> Option<String> {
    let unit = problems.fixed_name(node, "a unit")?;
    if kind == Some(MetricType::Rate) {
        let message = "a rate is a share of values, which has no unit";
        problems.report_with(node.span, message, "remove `unit`");
        return None;
    }
    if unit.chars().count() > LONGEST_UNIT {
        let message = format!("a unit may have at most {LONGEST_UNIT} characters");
        problems.report(node.span, message);
        return None;
    }
    Some(unit.to_owned())
}

fn check_name(entry: &Entry, problems: &mut Problems) -> bool {
    let (name, span) = (&*entry.key, entry.key_span);
    if !is_well_formed(name) {
        let message =
            "a metric needs a name of up to 64 letters, digits and `_`, that starts with a letter";
        problems.report(span, message);
        return false;
    }
    if Metric::is_built_in(name) {
        let message = format!("`{name}` is already the name of a built-in metric");
        problems.report_with(span, message, "choose another name");
        return false;
    }
    true
}

fn is_well_formed(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 64
}

/// Reads `record:`: values by the names of their metrics.
pub(in crate::scenario) fn recordings(
    node: &Node,
    field: &Field,
    compiler: &mut Compiler<'_>,
) -> Vec<Recording> {
    let what = format!(
        "a mapping of metrics to values, such as `record: {}`",
        field.example
    );
    let Some(entries) = compiler.problems.entries(node, &what) else {
        return Vec::new();
    };
    let recordings = entries
        .iter()
        .filter_map(|entry| recording(entry, compiler));
    recordings.collect()
}

fn recording(entry: &Entry, compiler: &mut Compiler<'_>) -> Option<Recording> {
    let metrics = compiler.metrics();
    let metric = metrics.iter().position(|known| known.name == entry.key);
    if metric.is_none() && !compiler.has_wrong_metrics() {
        let names = metrics.iter().map(|known| known.name.as_str());
        let declare = || {
            format!(
                "declare it at the top level: `metrics: {{ {}: trend }}`",
                entry.key
            )
        };
        let hint = nearest(&entry.key, names).map(did_you_mean);
        let hint = hint.or_else(|| is_well_formed(&entry.key).then(declare));
        let message = format!("there is no metric `{}`", brief(&entry.key));
        compiler
            .problems
            .report_perhaps_with(entry.key_span, message, hint);
    }
    let value = compiler.expression(&entry.value, "a value such as `total` or `${total}`");
    Some(Recording {
        metric: metric?,
        value: value?,
    })
}
