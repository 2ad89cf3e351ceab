//! Reads what a scraper gets, by the rules of its format and of `promtool check metrics`.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{Labels, Points, Times};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Prometheus,
    OpenMetrics,
}

/// A family as declared.
struct Family {
    name: String,
    kind: String,
}

/// The points of an exposition; of histograms only count and sum.
pub(super) fn read(text: &str, format: Format) -> Points {
    let parsed = match format {
        Format::Prometheus => nom_openmetrics::parser::prometheus(text),
        Format::OpenMetrics => nom_openmetrics::parser::openmetrics(text),
    };
    parsed.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut points = Points::default();
    let mut buckets: BTreeMap<(String, Labels), Vec<(f64, u64)>> = BTreeMap::new();
    let (mut seen, mut family) = (BTreeSet::new(), None::<Family>);
    let mut help = "";
    for line in text.lines() {
        if line == "# EOF" {
            assert!(format == Format::OpenMetrics && text.ends_with("\n# EOF\n"));
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').expect("a text");
            assert!(!words.is_empty());
            assert!(seen.insert(name), "{name} is there twice");
            help = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, help, "HELP comes first");
            lint(name, kind, format);
            family = Some(Family {
                name: name.to_owned(),
                kind: kind.to_owned(),
            });
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("a unit");
            assert!(name.ends_with(&format!("_{unit}")), "{line}");
        } else {
            let family = family.as_ref().expect("a sample has a family");
            let (name, labels, value) = sample(line);
            add(
                &mut points,
                &mut buckets,
                family,
                format,
                (name, labels, value),
            );
        }
    }
    for ((name, labels), buckets) in buckets {
        assert!(
            buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "{name}: {buckets:?}"
        );
        let (last, count) = *buckets.last().expect("a bucket");
        assert!(last.is_infinite(), "{name}: the last bucket holds all");
        assert_eq!(points.times[&(name, labels)].count, count);
    }
    points
}

fn add(
    points: &mut Points,
    buckets: &mut BTreeMap<(String, Labels), Vec<(f64, u64)>>,
    family: &Family,
    format: Format,
    (name, mut labels, value): (String, Labels, f64),
) {
    let own = &family.name;
    match (family.kind.as_str(), name.strip_prefix(own.as_str())) {
        ("histogram", Some("_bucket")) => {
            let bound = labels.remove("le").expect("a bound");
            assert!(bound == "+Inf" || bound.contains('.'), "a float: {bound}");
            let bound = bound.replace("+Inf", "inf").parse().expect("a number");
            buckets
                .entry((own.clone(), labels))
                .or_default()
                .push((bound, value as u64));
        }
        ("histogram", Some("_count")) => {
            points.times.entry((own.clone(), labels)).or_default().count = value as u64;
        }
        ("histogram", Some("_sum")) => {
            let times: &mut Times = points.times.entry((own.clone(), labels)).or_default();
            times.sum = value;
        }
        ("counter", Some(suffix)) => {
            let expected = match format {
                Format::Prometheus => "",
                Format::OpenMetrics => "_total",
            };
            assert_eq!(suffix, expected, "{name}");
            let before = points.numbers.insert((name.clone(), labels), value);
            assert_eq!(before, None, "{name} is there twice");
        }
        ("gauge", Some("")) => {
            let before = points.numbers.insert((name.clone(), labels), value);
            assert_eq!(before, None, "{name} is there twice");
        }
        other => panic!("{name} in {own}: {other:?}"),
    }
}

/// The rules of `promtool check metrics` that a metric of ours could break.
fn lint(name: &str, kind: &str, format: Format) {
    assert!(name.starts_with("gander_"), "{name}");
    assert!(
        name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
        "{name}"
    );
    for unit in [
        "_ms",
        "_us",
        "_milliseconds",
        "_minutes",
        "_kilobytes",
        "_percent",
    ] {
        assert!(!name.ends_with(unit), "{name} is not in a base unit");
    }
    let is_total = name.ends_with("_total");
    match (kind, format) {
        ("counter", Format::Prometheus) => assert!(is_total, "{name}"),
        _ => assert!(!is_total, "{name}"),
    }
    for suffix in ["_count", "_sum", "_bucket"] {
        assert!(
            !name.ends_with(suffix),
            "{name} looks like a part of a histogram"
        );
    }
}

/// `name{label="value",…} number`
fn sample(line: &str) -> (String, Labels, f64) {
    let (name, rest) = line.split_once('{').expect("labels");
    let (mut labels, mut rest) = (Labels::new(), rest);
    while !rest.starts_with('}') {
        let (label, quoted) = rest.split_once("=\"").expect("a label");
        let (mut value, mut chars) = (String::new(), quoted.chars());
        loop {
            match chars.next().expect("an end") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("escape {other:?}"),
                }),
                c => value.push(c),
            }
        }
        assert!(!value.is_empty(), "{line}");
        assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
        rest = chars.as_str();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    let value = rest.strip_prefix("} ").expect("a number").parse();
    (name.to_owned(), labels, value.expect("a number"))
}
