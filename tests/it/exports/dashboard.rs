//! The dashboard for Grafana and the guide name the exported metrics and no others.

use std::collections::BTreeSet;

use gander::export::{EXPORTED, Kind};
use serde_json::Value;

const DASHBOARD: &str = include_str!("../../../docs/grafana/gander.json");
const GUIDE: &str = include_str!("../../../docs/guide/outputs.md");

/// Labels that a point can have, and those that Prometheus adds.
const LABELS: [&str; 11] = [
    "scenario",
    "flow",
    "step",
    "group",
    "phase",
    "outcome",
    "status_class",
    "check",
    "result",
    "le",
    "instance",
];

/// The names under which Prometheus keeps the metrics.
fn stored() -> BTreeSet<String> {
    let names = EXPORTED.iter().flat_map(|metric| {
        let name = metric.prometheus();
        match metric.kind {
            Kind::Histogram => vec![
                format!("{name}_bucket"),
                format!("{name}_sum"),
                format!("{name}_count"),
                name,
            ],
            Kind::Counter | Kind::Gauge => vec![name],
        }
    });
    names.collect()
}

/// Every text of a key, at any depth.
fn texts<'a>(value: &'a Value, wanted: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                if let (true, Value::String(text)) = (key == wanted, value) {
                    found.push(text);
                }
                texts(value, wanted, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, wanted, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[test]
fn every_metric_and_label_of_the_dashboard_is_exported() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let (mut queries, stored) = (Vec::new(), stored());
    texts(&dashboard, "expr", &mut queries);
    let panels = queries.len();
    texts(&dashboard, "definition", &mut queries);
    assert!(
        panels > 20 && queries.len() > panels,
        "{panels} expressions"
    );
    let mut used = BTreeSet::new();
    for query in &queries {
        for word in query
            .split(|c| !is_word(c))
            .filter(|word| word.starts_with("gander_"))
        {
            assert!(stored.contains(word), "{word} is not exported: {query}");
            used.insert(word);
        }
        let open = query.matches(['(', '{', '[']).count();
        assert_eq!(open, query.matches([')', '}', ']']).count(), "{query}");
        let selectors = query
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'));
        let selected = selectors.flat_map(|(labels, _)| labels.split(','));
        let selected = selected.filter_map(|label| label.split(['=', '!']).next());
        let grouped = query
            .split("by (")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        let grouped = grouped.flat_map(|(labels, _)| labels.split(", "));
        for label in selected.chain(grouped) {
            assert!(LABELS.contains(&label), "{label:?} is no label: {query}");
        }
    }
    let shown = |metric: &gander::export::Exported| {
        let name = metric.prometheus();
        used.iter().any(|used| used.starts_with(&name))
    };
    let hidden: Vec<_> = EXPORTED
        .iter()
        .filter(|metric| !shown(metric))
        .map(|metric| metric.stem)
        .collect();
    assert_eq!(
        hidden,
        [
            "interrupted_requests",
            "offered_iterations",
            "started_iterations",
            "unstarted_iterations"
        ],
        "metrics that no panel shows"
    );
    let mut legends = Vec::new();
    texts(&dashboard, "legendFormat", &mut legends);
    for legend in legends {
        for label in legend
            .split("{{")
            .skip(1)
            .filter_map(|rest| rest.split_once("}}"))
        {
            assert!(LABELS.contains(&label.0), "{legend}");
        }
    }
}

#[test]
fn the_guide_has_every_metric_and_no_other() {
    let stored = stored();
    for metric in &EXPORTED {
        let (name, otlp) = (metric.prometheus(), metric.otlp());
        assert!(
            GUIDE.contains(&format!("| `{name}` | `{otlp}` |")),
            "{name} {otlp}"
        );
    }
    // Measurements of InfluxDB have names of their own.
    let others = [
        "gander_load",
        "gander_requests",
        "gander_iterations",
        "gander_groups",
    ];
    for word in GUIDE
        .split(|c| !is_word(c))
        .filter(|word| word.starts_with("gander_"))
    {
        assert!(stored.contains(word) || others.contains(&word), "{word}");
    }
    for label in LABELS.iter().filter(|label| **label != "le") {
        assert!(GUIDE.contains(&format!("`{label}`")), "{label}");
    }
}
