//! Slopes, and limits that are numbers of the run, in every form of a report.

use gander::plan::threshold::{Metric, Unit};
use gander::record::Standing;
use gander::report::console;
use gander::report::{Colour, JunitXml, Renderer, ReportHtml, SummaryJson};
use gander::scenario::{Comparator, Severity};

use super::fixture::{Recipe, report};

/// A report with a slope that fails, one that is inconclusive, and a comparison without its right side.
fn with_slopes() -> gander::report::Report {
    let mut report = report(&Recipe::SMALL);
    let row = report.thresholds[0].clone();
    let mib = 1_048_576.0;
    let mut leak = row.clone();
    "slope(target.rss) < 5MiB/h".clone_into(&mut leak.expression);
    leak.metric = Metric::TargetRss;
    leak.unit = Unit::BytesPerHour;
    leak.standing = Standing::Fail;
    leak.severity = Severity::Fail;
    leak.comparator = Comparator::Less;
    leak.limit = Some(5.0 * mib);
    leak.observed = Some(20.0 * mib);
    leak.interval = Some((18.0 * mib, 22.0 * mib));
    let mut unsure = leak.clone();
    "slope(p95(response_time)) < 1%/h".clone_into(&mut unsure.expression);
    unsure.metric = Metric::ResponseTime;
    unsure.unit = Unit::ChangePerHour;
    unsure.standing = Standing::Inconclusive;
    unsure.limit = Some(0.01);
    unsure.observed = Some(0.021);
    unsure.interval = Some((-0.004, 0.046));
    unsure.detail = Some("the 95 % interval is too wide to compare with the limit".to_owned());
    let mut open = row;
    "p95(response_time{stage=\"a\"}) < p95(response_time{stage=\"b\"})"
        .clone_into(&mut open.expression);
    open.standing = Standing::NoData;
    open.limit = None;
    open.detail = Some("the right side had too few samples to compare with".to_owned());
    report.thresholds = vec![leak, unsure, open];
    report
}

fn text(renderer: &dyn Renderer) -> String {
    let bytes = renderer.render(&with_slopes()).expect("rendered");
    String::from_utf8(bytes).expect("UTF-8")
}

fn assert_says(form: &str, text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{form} does not say `{part}`:\n{text}");
    }
}

#[test]
fn every_form_shows_the_slope_its_interval_and_its_limit() {
    let console = console::summary(&with_slopes(), None, 100, Colour::Off);
    assert_says(
        "console",
        &console,
        &[
            "+20 MiB/h",
            "margin −300 %",
            "95 % interval: +18 MiB/h to +22 MiB/h",
            "+2.1 %/h",
            "95 % interval: −0.4 %/h to +4.6 %/h",
        ],
    );
    assert_says(
        "HTML",
        &text(&ReportHtml),
        &[
            "+20 MiB/h (+18 MiB/h to +22 MiB/h)",
            "+5 MiB/h",
            "allows for autocorrelation",
            "Inconclusive",
            "the 95 % interval is too wide to compare with the limit",
            "the right side had too few samples",
        ],
    );
    assert_says(
        "JUnit",
        &text(&JunitXml),
        &[
            "observed +20 MiB/h (+18 MiB/h to +22 MiB/h), expected &lt; +5 MiB/h",
            "<skipped message=\"observed +2.1 %/h (−0.4 %/h to +4.6 %/h), expected &lt; +1 %/h",
            "no result, expected &lt; –; the right side had too few samples to compare with",
        ],
    );
    let summary: serde_json::Value = serde_json::from_str(&text(&SummaryJson)).expect("JSON");
    let [leak, unsure, open] = summary["thresholds"].as_array().expect("a list").as_slice() else {
        panic!("{summary}")
    };
    assert_eq!(
        (&leak["unit"], &leak["verdict"]),
        (&"bytes_per_hour".into(), &"fail".into())
    );
    assert_eq!(
        leak["interval"],
        serde_json::json!([18_874_368.0, 23_068_672.0])
    );
    assert_eq!(
        (&unsure["unit"], &unsure["verdict"]),
        (&"change_per_hour".into(), &"inconclusive".into())
    );
    assert_eq!(
        (&open["limit"], &open["verdict"]),
        (&serde_json::Value::Null, &"no_data".into())
    );
}
