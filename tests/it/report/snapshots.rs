//! Each renderer from one fixed report. The page is held by its text, so that a change of style is no change of content.

use std::path::Path;

use gander::report::{Colour, JunitXml, Renderer, ReportHtml, SummaryJson, TimelineCsv, console};
use gander::verdict::Conclusion;

use super::fixture::{Recipe, report};

fn rendered(renderer: &dyn Renderer, recipe: &Recipe) -> String {
    let bytes = renderer
        .render(&report(recipe))
        .expect("the report renders");
    String::from_utf8(bytes).expect("reports are UTF-8")
}

#[test]
fn summary_json() {
    insta::assert_snapshot!(rendered(&SummaryJson, &Recipe::SMALL));
}

#[test]
fn a_measurement_that_is_not_valid_proves_no_threshold() {
    let page = |conclusion| {
        let mut report = report(&Recipe::SMALL);
        report.verdict.conclusion = conclusion;
        let bytes = ReportHtml.render(&report).expect("the report renders");
        String::from_utf8(bytes).expect("reports are UTF-8")
    };
    let (valid, invalid) = (page(Conclusion::Fail), page(Conclusion::Invalid));
    assert!(valid.contains("</span>Holds<") && !valid.contains("Not proven"));
    assert!(invalid.contains("</span>Not proven<") && !invalid.contains("</span>Holds<"));
}

#[test]
fn junit_xml() {
    insta::assert_snapshot!(rendered(&JunitXml, &Recipe::SMALL));
}

#[test]
fn junit_xml_of_a_run_without_data() {
    insta::assert_snapshot!(rendered(&JunitXml, &Recipe::EMPTY));
}

#[test]
fn timeline_csv() {
    insta::assert_snapshot!(rendered(&TimelineCsv, &Recipe::SMALL));
}

#[test]
fn console_summary() {
    let report = report(&Recipe::SMALL);
    let place = Path::new("reports/20261120T110000Z-baseline-1a2b");
    insta::assert_snapshot!(console::summary(&report, Some(place), 100, Colour::Off));
}

#[test]
fn console_summary_of_a_closed_run_in_a_narrow_terminal() {
    insta::assert_snapshot!(console::summary(
        &report(&Recipe::SHORT),
        None,
        64,
        Colour::Off
    ));
}

#[test]
fn report_html_as_text() {
    insta::assert_snapshot!(text_of(&rendered(&ReportHtml, &Recipe::SMALL)));
}

#[test]
fn report_html_of_an_empty_run_as_text() {
    insta::assert_snapshot!(text_of(&rendered(&ReportHtml, &Recipe::EMPTY)));
}

#[test]
fn the_summary_fits_its_columns_and_has_colour_only_when_asked() {
    for recipe in [Recipe::BASELINE, Recipe::SHORT, Recipe::EMPTY] {
        let report = report(&recipe);
        for width in [20, 60, 80, 100, 300] {
            let plain = console::summary(&report, None, width, Colour::Off);
            let widest = plain.lines().map(|line| line.chars().count()).max();
            assert!(
                widest <= Some(width.clamp(60, 100)),
                "{width}: {widest:?}\n{plain}"
            );
            assert!(!plain.contains('\u{1b}'));
            let coloured = console::summary(&report, None, width, Colour::On);
            assert!(coloured.contains('\u{1b}'));
            assert_eq!(::console::strip_ansi_codes(&coloured), plain);
        }
    }
}

/// The words of a page, a line an element with text, without styles, charts' drawings and embedded JSON.
fn text_of(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let text = rest[..at].trim();
        if !text.is_empty() {
            out.push_str(text);
            out.push('\n');
        }
        rest = &rest[at..];
        let end = ["style", "svg", "script"]
            .into_iter()
            .find(|tag| rest[1..].starts_with(tag))
            .map_or(">".to_owned(), |tag| format!("</{tag}>"));
        let after = rest
            .find(&end)
            .map_or(rest.len(), |found| found + end.len());
        rest = &rest[after..];
    }
    out
}
