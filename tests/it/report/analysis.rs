//! The analysis in every output: of a run with slow seconds and of one without.

use gander::report::analysis::{Topic, analyse};
use gander::report::{
    Colour, JSON_SCHEMA, Renderer, ReportHtml, SummaryJson, SummaryMarkdown, console,
};
use serde_json::Value;

use super::fixture::{Recipe, report};
use crate::json_schema::JsonSchema;

const HEALTHY: Recipe = Recipe {
    has_bump: false,
    ..Recipe::BASELINE
};

fn rendered(renderer: &dyn Renderer, recipe: &Recipe) -> String {
    let bytes = renderer
        .render(&report(recipe))
        .expect("the report renders");
    String::from_utf8(bytes).expect("reports are UTF-8")
}

#[test]
fn slow_seconds_are_told_with_what_moved_in_every_output() {
    let report = report(&Recipe::BASELINE);
    let found = analyse(&report);
    let first = &found[0];
    assert_eq!(first.topic, Topic::SlowSeconds);
    // Seconds 120 to 150 of 300 are slow; the first 15 are the warm-up.
    assert!(
        first.text.contains("in 30 s of 4m45s (2:00 – 2:30)"),
        "{}",
        first.text
    );
    let causes = found.iter().filter(|found| found.topic.is_cause());
    let causes: Vec<Topic> = causes.map(|found| found.topic).collect();
    assert_eq!(causes, [Topic::Failures]);

    let page = rendered(&ReportHtml, &Recipe::BASELINE);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("id=\"analysis\"") < at("id=\"thresholds\""));
    assert!(page.contains(&first.text));
    assert!(rendered(&SummaryMarkdown, &Recipe::BASELINE).contains("30 s of 4m45s"));
    let text = console::summary(&report, None, 100, Colour::Off);
    assert!(
        text.contains("Analysis") && text.contains("30 s of 4m45s"),
        "{text}"
    );

    let summary = rendered(&SummaryJson, &Recipe::BASELINE);
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(
        JsonSchema::parse(JSON_SCHEMA).strict().fault(&summary),
        None
    );
    let failures = summary["analysis"]
        .as_array()
        .and_then(|all| all.iter().find(|finding| finding["topic"] == "failures"))
        .expect("the finding");
    assert_eq!(failures["is_cause"], true);
    assert_eq!(failures["correlation"]["n"], 285);
}

#[test]
fn a_healthy_run_says_that_nothing_stood_out() {
    let found = analyse(&report(&HEALTHY));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].topic, Topic::Nothing);
    assert!(rendered(&ReportHtml, &HEALTHY).contains("Nothing stood out"));
    let text = console::summary(&report(&HEALTHY), None, 100, Colour::Off);
    assert!(!text.contains("Analysis"), "{text}");
    // Ten seconds are too few to say anything.
    assert!(!rendered(&ReportHtml, &Recipe::SMALL).contains("id=\"analysis\""));
}

#[test]
fn the_knee_is_drawn_only_where_the_load_varied() {
    assert!(rendered(&ReportHtml, &Recipe::BASELINE).contains("id=\"knee"));
    assert!(!rendered(&ReportHtml, &Recipe::SMALL).contains("id=\"knee"));
}
