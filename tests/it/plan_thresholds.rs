//! Thresholds are resolved against the plan, and those that no run can judge are refused before the run.

use gander::plan::{CheckId, SeriesId};

use crate::plan::{compile, plan, scenario};

const CLOSED: &str = "{ users: 2, for: 1m }";
const OPEN: &str = "{ rate: 10/s, for: 10s, max_users: 5 }";

const FLOWS: &str = "flows:
- name: browse
  steps:
  - get: /list
    name: list documents
    tags: { area: catalogue }
    check: [ { status: 200 } ]
  - get: /read
    name: read document
    tags: { area: catalogue, tier: hot }
- name: buy
  steps:
  - repeat: 3
    steps:
    - post: /orders
      name: order
      tags: { area: shop }
      check: [ { status: 201 } ]
";

const STAGED: &str = "{ stages: [ { name: before, users: 2, for: 20s }, { users: 9, for: 5s }, { name: after, \
     users: 2, for: 20s } ] }";

fn selected(expression: &str) -> (Vec<u32>, Vec<u32>) {
    let plan = plan(CLOSED, &format!("{FLOWS}thresholds: [ '{expression}' ]\n"));
    let rule = &plan.thresholds[0];
    (
        rule.series.iter().map(|SeriesId(id)| *id).collect(),
        rule.checks.iter().map(|CheckId(id)| *id).collect(),
    )
}

#[test]
fn selectors_become_series_and_checks() {
    // 0 and 1 are the flows' iterations; 2, 3 and 4 the steps.
    for (expression, series, checks) in [
        ("p95(response_time) < 1s", vec![], vec![]),
        (r#"p95(response_time{step="order"}) < 1s"#, vec![4], vec![]),
        (
            r#"p95(response_time{flow="browse"}) < 1s"#,
            vec![2, 3],
            vec![],
        ),
        (
            r#"p95(response_time{area="catalogue",step!="list documents"}) < 1s"#,
            vec![3],
            vec![],
        ),
        (
            r#"ratio(failed{step=~".*document.*"}) < 1%"#,
            vec![2, 3],
            vec![],
        ),
        (r#"rate(requests{tier!~"hot"}) > 1/s"#, vec![2, 4], vec![]),
        (r#"p95(iteration_time{flow="buy"}) < 9s"#, vec![1], vec![]),
        (r#"ratio(checks{step="order"}) > 99%"#, vec![], vec![1]),
        (
            r#"ratio(checks{check="status is 200"}) > 99%"#,
            vec![],
            vec![0],
        ),
    ] {
        assert_eq!(selected(expression), (series, checks), "{expression}");
    }
}

/// The selected parts of the run, in seconds; the last stage has no end.
fn during(load: &str, expression: &str) -> Vec<(u64, Option<u64>)> {
    let plan = plan(
        load,
        &format!("{FLOWS}warm_up: 2s\nthresholds: [ '{expression}' ]\n"),
    );
    let seconds = |time: gander::units::Micros| time.0 / 1_000_000;
    plan.thresholds[0]
        .during
        .iter()
        .map(|period| (seconds(period.from), period.to.map(seconds)))
        .collect()
}

#[test]
fn stages_become_parts_of_the_run() {
    for (expression, periods) in [
        (
            r#"p95(response_time{stage="before"}) < 1s"#,
            vec![(0, Some(20))],
        ),
        (
            r#"p95(response_time){stage="2"} < 1s"#,
            vec![(20, Some(25))],
        ),
        (
            r#"p95(response_time{stage="after"}) < 1s"#,
            vec![(25, None)],
        ),
        (
            r#"max(target.rss{stage!="2"}) < 1GB"#,
            vec![(0, Some(20)), (25, None)],
        ),
        (
            r#"max(active_users{stage=~"before|2"}) < 9"#,
            vec![(0, Some(20)), (20, Some(25))],
        ),
        (
            r#"count(iterations{stage="after", flow="buy"}) > 0"#,
            vec![(25, None)],
        ),
        ("p95(response_time) < 1s", vec![]),
    ] {
        assert_eq!(during(STAGED, expression), periods, "{expression}");
    }
    assert_eq!(during(CLOSED, r#"p95(ttfb{stage="1"}) < 1s"#), [(0, None)]);
}

#[test]
fn a_limit_of_another_selection_is_resolved_too() {
    let expression = r#"p95(response_time{stage="after", step="order"}) < 1.5 * p95(response_time{stage="before"})"#;
    let plan = plan(STAGED, &format!("{FLOWS}thresholds: [ '{expression}' ]\n"));
    let rule = &plan.thresholds[0];
    assert_eq!(rule.series, [SeriesId(4)]);
    let gander::plan::threshold::Limit::Times { factor, of } = &rule.limit else {
        panic!("{:?}", rule.limit)
    };
    assert!((factor - 1.5).abs() < 1e-12);
    assert_eq!((of.series.len(), of.during.len()), (0, 1));
    let text = serde_json::to_string(rule).expect("JSON");
    let read: gander::plan::Threshold = serde_json::from_str(&text).expect("a threshold");
    assert_eq!(&read, rule);
}

/// The one diagnostic of a scenario with this threshold: what it underlines, its message and its hint.
fn refused(load: &str, threshold: &str) -> (String, String, String) {
    let text = format!(
        "name: t\nkind: custom\ntarget: bundled\nload: {load}\n{FLOWS}thresholds:\n  - {threshold}\n"
    );
    let diagnostics = compile(&scenario(&text), "http://127.0.0.1:1", 1).expect_err(threshold);
    assert_eq!(diagnostics.list.len(), 1, "{diagnostics}");
    let diagnostic = &diagnostics.list[0];
    let span = diagnostic.span.expect("thresholds have a place");
    let line = text
        .lines()
        .nth(span.line as usize - 1)
        .expect("a line of the file");
    let underlined = line
        .chars()
        .skip(span.column as usize - 1)
        .take(span.length as usize)
        .collect();
    (
        underlined,
        diagnostic.message.clone(),
        diagnostic.hint.clone().unwrap_or_default(),
    )
}

/// Load, threshold, the underlined text, a part of the message, and a part of the hint.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    (CLOSED, "ratio(started) > 99%", "started", "can never be judged", "rate"),
    (CLOSED, "count(unstarted) < 1", "unstarted", "can never be judged", "rate"),
    (CLOSED, "p99(start_lag) < 5ms", "start_lag", "can never be judged", "pacing"),
    (OPEN, "p95(tls) < 50ms", "tls", "no request of this scenario uses TLS", ""),
    (CLOSED, r#"'p95(response_time{step="ordr"}) < 1s'"#, "ordr", "no step matches `ordr`", "did you mean `order`?"),
    (CLOSED, r#"'p95(response_time{aera="shop"}) < 1s'"#, "aera", "not by `aera`", "did you mean `area`?"),
    (CLOSED, r#"'p95(response_time{tier="cold"}) < 1s'"#, "cold", "no tag `tier` matches", "there is `hot`"),
    (CLOSED, r#"'p95(iteration_time{step="order"}) < 1s'"#, "step", "can be selected by flow, not by `step`", ""),
    (CLOSED, r#"'max(active_users{flow="buy"}) < 9'"#, "flow", "by stage, not by `flow`", ""),
    (CLOSED, r#"'p95(response_time{status="503"}) < 1s'"#, "status", "cannot be selected by status", "count(requests"),
    (CLOSED, r#"'count(requests{status="5xx"}) < 1'"#, "5xx", "no status matches `5xx`", "5.."),
    (STAGED, r#"'p95(response_time{stage="afer"}) < 1s'"#, "afer", "no stage matches `afer`", "did you mean `after`?"),
    (STAGED, r#"'p95(response_time{stage="4"}) < 1s'"#, "4", "no stage matches `4`", "`before`, `2`, `after`"),
    (STAGED, r#"'p95(response_time{stage="after",stage="2"}) < 1s'"#, "after", "no measured time", "another stage"),
    (STAGED, r#"'p95(ttfb{stage="2"}) < 2 * p95(ttfb{stage="bfore"})'"#, "bfore", "no stage matches", "`before`?"),
    ("{ iterations: 5, users: 1 }", r#"'p95(ttfb{stage="1"}) < 1s'"#, "stage", "this load has no stages", "stages"),
    (STAGED, r#"{ expect: 'p95(ttfb{stage="2"}) < 1s', window: { rolling: 10s } }"#, r#"p95(ttfb{stage="2"}) < 1s"#, "only 5s", ""),
    (STAGED, r#"{ expect: 'p95(ttfb{stage!="2"}) < 1s', window: { rolling: 10s } }"#, r#"p95(ttfb{stage!="2"}) < 1s"#, "consecutive", ""),
    (CLOSED, r#"'count(requests{flow="buy",tier="hot"}) > 1'"#, r#"flow="buy",tier="hot""#, "all of these", ""),
    (CLOSED, "{ expect: ratio(failed) < 1%, window: { rolling: 2m } }", "ratio(failed) < 1%", "only 1m", ""),
    (CLOSED, "{ expect: ratio(failed) < 1%, abort: { after: 1m } }", "ratio(failed) < 1%", "never comes", ""),
    (OPEN, "{ expect: ratio(failed) < 1%, min_samples: 301 }", "ratio(failed) < 1%", "at most 300 samples", ""),
    (OPEN, r#"{ expect: 'count(requests{flow="browse"}) > 1', min_samples: 201 }"#,
        r#"count(requests{flow="browse"}) > 1"#, "at most 200 samples", ""),
];

#[test]
fn the_health_of_a_target_that_gander_does_not_start_is_refused() {
    let text = format!(
        "name: t\nkind: custom\ntarget: http://127.0.0.1:1\nload: {CLOSED}\n{FLOWS}thresholds: [ slope(target.rss) < 5MB/h ]\n"
    );
    let diagnostics =
        compile(&scenario(&text), "http://127.0.0.1:1", 1).expect_err("nothing reads it");
    let shown = diagnostics.to_string();
    assert!(
        shown.contains("`target.rss` can never be judged"),
        "{shown}"
    );
    assert!(
        shown.contains("use `target: bundled` or a command"),
        "{shown}"
    );
}

#[test]
fn what_can_never_be_judged_is_refused_where_it_stands() {
    for &(load, threshold, underlined, message, hint) in REFUSED {
        let found = refused(load, threshold);
        assert_eq!(found.0, underlined, "{threshold}: {}", found.1);
        assert!(found.1.contains(message), "{threshold}: {}", found.1);
        assert!(
            found.2.contains(hint) && found.2.is_empty() == hint.is_empty(),
            "{threshold}: {}",
            found.2
        );
    }
}

#[test]
fn every_wrong_threshold_is_told_at_once() {
    let text = format!(
        "name: t\nkind: custom\ntarget: bundled\nload: {CLOSED}\n{FLOWS}thresholds: [ p99(start_lag) < 1s, \
         ratio(failed) < 1%, count(unstarted) < 1 ]\n"
    );
    let diagnostics =
        compile(&scenario(&text), "http://127.0.0.1:1", 1).expect_err("two are wrong");
    assert_eq!(diagnostics.list.len(), 2, "{diagnostics}");
}

#[test]
fn checks_need_a_check() {
    let flows =
        "flows: [ { name: f, steps: [ { get: /a } ] } ]\nthresholds: [ 'ratio(checks) > 99%' ]\n";
    let text = format!("name: t\nkind: custom\ntarget: bundled\nload: {CLOSED}\n{flows}");
    let diagnostics = compile(&scenario(&text), "http://127.0.0.1:1", 1).expect_err("no checks");
    assert!(
        diagnostics
            .to_string()
            .contains("the scenario has no checks"),
        "{diagnostics}"
    );
}

#[test]
fn steps_that_share_a_series_must_share_their_tags() {
    let text = "name: t\nkind: custom\ntarget: bundled\nload: { users: 1, for: 1s }\nflows:\n- name: f\n  steps:\n\
                \x20 - { get: /a, name: x, tags: { k: a } }\n  - { get: /b, name: x, tags: { k: b } }\n";
    let diagnostics =
        compile(&scenario(text), "http://127.0.0.1:1", 1).expect_err("the tags differ");
    assert!(
        diagnostics.to_string().contains("different tags"),
        "{diagnostics}"
    );
    assert_eq!(diagnostics.list[0].span.map(|span| span.line), Some(9));
}
