//! The pages of a site, rendered from an index.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gander::report::site::{MOST_IN_TREND, SITE_JSON_SCHEMA, Site, SiteError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Normal, index, p95s, run};
use crate::json_schema::JsonSchema;
use crate::report::PAYLOADS;

fn site(runs: &[Value]) -> Site {
    Site::parse(&index(runs)).expect("an index")
}

fn files(runs: &[Value]) -> BTreeMap<String, String> {
    let files = site(runs).files().expect("pages");
    files
        .into_iter()
        .map(|file| (file.path, String::from_utf8(file.bytes).expect("UTF-8")))
        .collect()
}

/// True if the name of a file ends with this.
fn is_kind(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Twenty runs of 10 ms and `after` that are a tenth slower.
fn slower(after: usize) -> Vec<Value> {
    let mut noise = Normal::seeded(8);
    let values = [
        p95s(&mut noise, 20, 10_000.0, 0.015),
        p95s(&mut noise, after, 11_000.0, 0.015),
    ];
    let values = values.concat().into_iter().enumerate();
    values
        .map(|(number, p95)| run("checkout", number, p95))
        .collect()
}

#[test]
fn the_index_is_as_its_schema_says_and_is_read_back() {
    let runs = slower(5);
    let schema = JsonSchema::parse(SITE_JSON_SCHEMA).strict();
    let text = site(&runs).to_text().expect("a text");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(schema.fault(&written), None);
    assert_eq!(written["runs"].as_array().expect("runs"), &runs);
    assert_eq!(text.lines().count(), runs.len() + 6, "one line a run");
    let mut spoilt = written.clone();
    spoilt["runs"][0]["verdict"] = "maybe".into();
    assert!(schema.fault(&spoilt).is_some());
}

#[test]
fn what_a_later_minor_version_added_stays() {
    let mut runs = slower(1);
    runs[0]["invented later"] = json!({ "a": [1, 2] });
    let text = index(&runs)
        .replacen("gander.site/1", "gander.site/1.3", 1)
        .replacen("\"runs\":", "\"also later\": true, \"runs\":", 1);
    let again = Site::parse(&text)
        .expect("an index")
        .to_text()
        .expect("a text");
    let (before, after): (Value, Value) = (
        serde_json::from_str(&text).expect("JSON"),
        serde_json::from_str(&again).expect("JSON"),
    );
    assert_eq!(before, after);
}

#[test]
fn an_index_that_would_be_misunderstood_is_refused() {
    let runs = slower(1);
    let other = index(&runs).replacen("gander.site/1", "gander.site/2", 1);
    let error = Site::parse(&other).expect_err("another schema");
    assert!(matches!(error, SiteError::Schema { .. }), "{error}");
    assert!(error.to_string().contains("newer Gander"), "{error}");
    for (place, value) in [("run_id", "../../etc"), ("run_id", ".git"), ("run_id", "")] {
        let mut runs = runs.clone();
        runs[1][place] = value.into();
        assert!(
            matches!(Site::parse(&index(&runs)), Err(SiteError::RunId(_))),
            "{value}"
        );
    }
    let twice = [runs.clone(), runs].concat();
    assert!(matches!(
        Site::parse(&index(&twice)),
        Err(SiteError::Twice(_))
    ));
    assert!(matches!(Site::parse("{}"), Err(SiteError::Malformed(_))));
}

#[test]
fn a_change_is_told_with_its_size_and_its_run() {
    let runs = slower(5);
    let site = site(&runs);
    let trends = site.trends();
    let (scenario, trends) = &trends[0];
    assert_eq!((*scenario, trends.len()), ("checkout", 1));
    let changes = trends[0].latest_changes();
    let of_p95 = changes
        .iter()
        .find(|change| change.figure == "p95(response_time)");
    let of_p95 = of_p95.expect("a change");
    assert!(
        of_p95.is_worse && of_p95.change.starts_with('+'),
        "{of_p95:?}"
    );
    assert_eq!(of_p95.run_id, runs[20]["run_id"].as_str().expect("an id"));

    let files = files(&runs);
    let page = &files["scenarios/checkout.html"];
    let told = format!("{} (worse) from {} on", of_p95.change, of_p95.since);
    assert!(page.contains(&told), "{told}");
    assert!(
        page.contains("the level of 20 runs before was")
            && page.contains("that of 5 runs since is")
    );
    let home = &files["index.html"];
    assert!(home.contains(&format!("{} (worse)", of_p95.change)));
    assert!(files["feed.xml"].contains("changed by"));
}

#[test]
fn without_a_change_the_page_says_how_large_one_would_have_to_be() {
    let page = &files(&slower(0))["scenarios/checkout.html"];
    assert!(page.contains("No change found in 20 runs under the newest conditions; the next 3 runs would show one of ±"));
    assert!(!page.contains("(worse)") && !page.contains("(better)"));
    let few = &files(&slower(0)[..2])["scenarios/checkout.html"];
    assert!(
        few.contains("a change is looked for from 6 runs on"),
        "{few}"
    );
}

/// The numbers of `x,y` pairs in the line with the class of a trend.
fn line_lengths(page: &str, id: &str) -> Vec<usize> {
    let (_, rest) = page
        .split_once(&format!("aria-labelledby=\"{id}-title"))
        .expect("the chart");
    let chart = rest.split("</svg>").next().expect("its end");
    let lines = chart.split("<polyline").skip(1).filter(|line| {
        let tag = line.split("/>").next().unwrap_or_default();
        tag.contains("s-one")
    });
    lines
        .map(|line| {
            let points = line.split("points=\"").nth(1).expect("points");
            let points = points.split('"').next().expect("an end");
            points.split_whitespace().count()
        })
        .collect()
}

#[test]
fn runs_under_other_conditions_are_not_joined_and_hide_no_step() {
    let mut runs = slower(10);
    for run in &mut runs[20..] {
        run["conditions"]["machine"] = "Intel Xeon, 2 cores, linux x86_64".into();
    }
    let site = site(&runs);
    let trend = &site.trends()[0].1[0];
    // A slower machine is no slower target.
    assert_eq!(trend.latest_changes(), []);
    assert_eq!(trend.breaks.len(), 1);
    assert_eq!(trend.breaks[0].0, 20);
    let page = &files(&runs)["scenarios/checkout.html"];
    assert_eq!(line_lengths(page, "trend-1-p95"), [20, 10]);
    assert!(
        page.contains("machine: Intel Xeon, 2 cores"),
        "the break is not explained"
    );

    // Two machines that alternate are two lines, and new only once.
    let mut runs = slower(10);
    for run in runs.iter_mut().step_by(2) {
        run["conditions"]["machine"] = "Intel Xeon, 2 cores, linux x86_64".into();
    }
    let page = &files(&runs)["scenarios/checkout.html"];
    assert_eq!(line_lengths(page, "trend-1-p95"), [15, 15]);
    assert_eq!(page.matches("machine: AMD").count(), 1);
}

#[test]
fn each_condition_breaks_the_line() {
    for condition in ["gander", "target", "workload", "changes", "machine"] {
        let mut runs = slower(0);
        for run in &mut runs[8..] {
            run["conditions"][condition] = "another".into();
        }
        let page = &files(&runs)["scenarios/checkout.html"];
        assert_eq!(line_lengths(page, "trend-1-p95"), [8, 12], "{condition}");
    }
}

#[test]
fn runs_that_are_no_measurement_are_listed_and_in_no_trend() {
    let mut runs = slower(0);
    runs[3]["verdict"] = "invalid".into();
    runs[3]["reason"] = "the generator used all of its CPU".into();
    runs[3]["figures"]["p95(response_time)"]["value"] = 90_000.0.into();
    runs[9]["verdict"] = "interrupted".into();
    runs[9]["is_whole"] = false.into();
    runs[11]["requests"] = 0.into();
    let parsed = site(&runs);
    assert_eq!(parsed.trends()[0].1[0].runs.len(), 17);
    let page = &files(&runs)["scenarios/checkout.html"];
    assert_eq!(line_lengths(page, "trend-1-p95"), [17]);
    for number in [3, 9, 11] {
        let id = runs[number]["run_id"].as_str().expect("an id");
        // Once in the list of runs, and nowhere else.
        assert_eq!(
            page.matches(&format!("runs/{id}/report.html")).count(),
            1,
            "{number}"
        );
    }
    for words in [
        "in no trend: the generator was the limit",
        "in no trend: it did not end as planned",
        "it measured no request",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn runs_of_other_branches_have_trends_of_their_own() {
    let mut runs = slower(10);
    for run in &mut runs[20..] {
        run["label"] = "feature/slow".into();
    }
    runs[0]
        .as_object_mut()
        .expect("a run")
        .shift_remove("label");
    runs[1]["environment"] = "staging".into();
    let site = site(&runs);
    let lengths: Vec<usize> = site.trends()[0]
        .1
        .iter()
        .map(|trend| trend.runs.len())
        .collect();
    assert_eq!(lengths.iter().sum::<usize>(), 30);
    assert_eq!(lengths.len(), 4);
    let files = files(&runs);
    for badge in [
        "checkout.svg",
        "checkout.main.svg",
        "checkout.staging.main.svg",
        "checkout.main-p95.svg",
    ] {
        assert!(
            files.contains_key(&format!("badges/{badge}")),
            "{badge}: {:?}",
            files.keys()
        );
    }
}

#[test]
fn a_badge_of_a_name_that_ends_in_p95_is_a_file_of_its_own() {
    let runs: Vec<Value> = [
        ("trend", "main"),
        ("trend-p95", "main"),
        ("trend", "main-p95"),
    ]
    .iter()
    .enumerate()
    .map(|(number, (scenario, label))| {
        let mut run = run(scenario, number, 10_000.0);
        run["label"] = (*label).into();
        run
    })
    .collect();
    let paths: Vec<String> = site(&runs)
        .files()
        .expect("pages")
        .into_iter()
        .map(|file| file.path)
        .collect();
    let mut once = paths.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), paths.len(), "{paths:?}");
    let badges = paths.iter().filter(|path| path.starts_with("badges/"));
    assert_eq!(badges.count(), 10);
    for path in ["badges/trend-p95.svg", "badges/trend.main-p95.svg"] {
        assert!(once.iter().any(|known| known == path), "{path}: {once:?}");
    }
}

#[test]
fn a_change_before_the_newest_conditions_is_still_the_last_change() {
    let mut runs = slower(6);
    runs[25]["conditions"]["changes"] = "load.users = 3".into();
    let site = site(&runs);
    let changes = site.trends()[0].1[0].latest_changes();
    let change = changes
        .iter()
        .find(|change| change.figure == "p95(response_time)");
    let change = change.expect("a change");
    assert!(change.is_worse && change.is_elsewhere, "{change:?}");
    assert_eq!(change.run_id, runs[20]["run_id"].as_str().expect("an id"));
    let home = &files(&runs)["index.html"];
    assert!(!home.contains("none found"));
    let told = format!(
        "since {}, under other conditions than the newest run",
        change.since
    );
    assert!(home.contains(&told), "{told}");

    // Under the newest conditions it is told without that.
    runs[25]["conditions"]["changes"] = "".into();
    let home = &files(&runs)["index.html"];
    assert!(home.contains("(worse)") && !home.contains("other conditions than"));
}

#[test]
fn the_index_counts_runs_that_are_in_no_trend() {
    let mut runs = slower(0)[..2].to_vec();
    for run in &mut runs {
        run["verdict"] = "interrupted".into();
    }
    let home = &files(&runs)["index.html"];
    assert!(home.contains("<td class=\"n\">2</td><td class=\"changes\">"));
}

#[test]
fn runs_of_one_day_differ_in_words_and_on_the_axis() {
    let mut runs = slower(0)[..8].to_vec();
    for (number, run) in runs.iter_mut().enumerate() {
        run["started_at"] = format!("2026-11-29T12:{:02}:{number:02}.000Z", number / 2).into();
    }
    runs[7]["figures"]["p95(response_time)"]["value"] = 12_345.0.into();
    let page = &files(&runs)["scenarios/checkout.html"];
    // Nothing but the axis leaves the year out.
    let has_times = |page: &str| page.replace("2026-11-29 ", "").contains("11-29 12:0");
    assert!(has_times(page), "the axis has no times");
    for number in 0..8 {
        let start = format!(">2026-11-29 12:{:02}:{number:02}</a>", number / 2);
        assert!(page.contains(&start), "{start}");
    }
    assert!(page.contains("newest value 12.3 ms"));
    // Of many days the axis has days.
    runs[0]["started_at"] = "2026-11-20T12:00:00.000Z".into();
    let page = &files(&runs)["scenarios/checkout.html"];
    assert!(!has_times(page), "the axis has times");
    assert!(page.replace("2026-11-29 ", "").contains("2026-11-29"));
}

#[test]
fn runs_without_a_trend_are_counted_in_words() {
    for (left_out, words) in [
        (0, "<p>3 runs.</p>"),
        (
            1,
            "<p>3 runs, 1 of them in no trend, because it is no measurement of the target.</p>",
        ),
        (
            2,
            "<p>3 runs, 2 of them in no trend, because they are no measurements of the target.</p>",
        ),
    ] {
        let mut runs = slower(0)[..3].to_vec();
        for run in &mut runs[..left_out] {
            run["verdict"] = "invalid".into();
        }
        let page = &files(&runs)["scenarios/checkout.html"];
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a_long_history_is_cut_and_the_page_says_so() {
    let mut noise = Normal::seeded(2);
    let values = p95s(&mut noise, MOST_IN_TREND + 30, 10_000.0, 0.015);
    let runs: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(number, p95)| run("checkout", number, *p95))
        .collect();
    let page = &files(&runs)["scenarios/checkout.html"];
    assert!(page.contains("The newest 200 of 230 runs in these trends"));
    assert_eq!(line_lengths(page, "trend-1-p95"), [MOST_IN_TREND]);
    // The list has all.
    assert_eq!(page.matches("<tr data-verdict=").count(), 230);
}

#[test]
fn names_stay_text_and_pages_never_overwrite_each_other() {
    let mut runs = slower(3);
    let all = PAYLOADS.concat();
    for (number, run) in runs.iter_mut().enumerate() {
        run["scenario"] = PAYLOADS[number % PAYLOADS.len()].into();
        run["label"] = all.clone().into();
        run["environment"] = all.clone().into();
        run["commit"] = all.clone().into();
        run["reason"] = all.clone().into();
        run["verdict"] = "fail".into();
        for condition in ["gander", "target", "workload", "changes", "machine"] {
            run["conditions"][condition] = format!("{all}{number}").into();
        }
    }
    let files = files(&runs);
    let scenarios = files.keys().filter(|path| path.starts_with("scenarios/"));
    assert_eq!(scenarios.count(), PAYLOADS.len());
    for (path, text) in &files {
        assert!(
            path.chars()
                .all(|c| c.is_ascii_alphanumeric() || "/.-_".contains(c)),
            "{path}"
        );
        for foreign in [
            "<img",
            "<iframe",
            "<b>",
            "<svg onload",
            "onerror=\"",
            "1337&lt;b",
        ] {
            assert!(!text.contains(foreign), "{path}: {foreign}");
        }
        if is_kind(path, "html") {
            assert_eq!(text.matches("<script").count(), 1, "{path}");
        } else {
            assert!(!text.contains("<script"), "{path}");
        }
    }
}

#[test]
fn pages_load_nothing_and_run_only_their_own_script() {
    for (path, page) in files(&slower(5))
        .iter()
        .filter(|(path, _)| is_kind(path, "html"))
    {
        for fetched in ["src=\"", "url(", "@import", "href=\"http"] {
            assert!(!page.contains(fetched), "{path}: {fetched}");
        }
        let (_, script) = page.split_once("<script>").expect("a script");
        let script = script.split("</script>").next().expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(
            page.contains(&format!("script-src 'sha256-{hash}'; base-uri")),
            "{path}"
        );
        assert!(
            !page.contains(" style=\""),
            "{path}: a strict policy forbids it"
        );
    }
}

#[test]
fn the_feed_and_the_badges_are_valid() {
    const ATOM: &str = "http://www.w3.org/2005/Atom";
    let files = files(&slower(5));
    let feed = roxmltree::Document::parse(&files["feed.xml"]).expect("XML");
    let root = feed.root_element();
    assert_eq!(root.tag_name().namespace(), Some(ATOM));
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|child| child.has_tag_name((ATOM, name)))
            .and_then(|child| child.text().map(str::to_owned))
    };
    // RFC 4287, 4.1.1 and 4.1.2: what a feed and an entry must have.
    let is_time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).is_ok();
    assert!(
        root.children()
            .any(|node| node.has_tag_name((ATOM, "author")))
    );
    let entries = root
        .children()
        .filter(|node| node.has_tag_name((ATOM, "entry")));
    let mut ids = Vec::new();
    for node in std::iter::once(root).chain(entries) {
        ids.push(child(node, "id").expect("an id"));
        assert!(child(node, "title").is_some_and(|title| !title.is_empty()));
        assert!(child(node, "updated").is_some_and(|updated| is_time(&updated)));
        assert!(
            node.children()
                .any(|node| node.has_tag_name((ATOM, "link")))
        );
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((count, ids.len()), (26, 26));
    for (path, text) in files.iter().filter(|(path, _)| is_kind(path, "svg")) {
        let badge = roxmltree::Document::parse(text).expect("XML");
        let title = badge
            .descendants()
            .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")));
        let title = title.and_then(|node| node.text()).expect("a title");
        if path.ends_with("-p95.svg") {
            assert!(
                title.starts_with("checkout p95: 1") && title.ends_with(" ms"),
                "{title}"
            );
        } else {
            assert_eq!(title, "checkout: ✓ passed");
        }
    }
}

#[test]
fn a_chart_links_each_run_and_the_table_has_its_number() {
    let runs = slower(5);
    let page = &files(&runs)["scenarios/checkout.html"];
    let id = runs[7]["run_id"].as_str().expect("an id");
    let links = page
        .matches(&format!("href=\"../runs/{id}/report.html\""))
        .count();
    // In each of four charts and its table, and in the list.
    assert_eq!(links, 9);
    assert_eq!(page.matches("role=\"img\"").count(), 4);
}
