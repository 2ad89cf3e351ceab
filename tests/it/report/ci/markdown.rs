//! The summary in Markdown, as a reader of GitHub Flavored Markdown shows it.

use gander::record::Standing;
use gander::report::SummaryMarkdown;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::super::fixture::{Recipe, report};
use super::{MARKUP, named, text};

/// A summary as a reader sees it: its tables by rows of cells, its other text, and its own markup.
#[derive(Debug, Default)]
struct Page {
    tables: Vec<Vec<Vec<String>>>,
    other: String,
    markup: Vec<String>,
}

/// Reads GitHub Flavored Markdown.
fn page(markdown: &str) -> Page {
    let mut page = Page::default();
    let mut in_cell = false;
    for event in Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    ) {
        match event {
            Event::Start(Tag::Table(_)) => page.tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                page.tables.last_mut().expect("a table").push(Vec::new());
            }
            Event::Start(Tag::TableCell) => {
                in_cell = true;
                let row = page.tables.last_mut().and_then(|table| table.last_mut());
                row.expect("a row").push(String::new());
            }
            Event::End(TagEnd::TableCell) => in_cell = false,
            Event::Text(words) | Event::Code(words) => {
                let cell = page.tables.last_mut().and_then(|table| table.last_mut());
                match cell.and_then(|row| row.last_mut()) {
                    Some(cell) if in_cell => cell.push_str(&words),
                    _ => page.other.push_str(&words),
                }
            }
            Event::Html(tag) | Event::InlineHtml(tag) => page.markup.push(tag.trim().to_owned()),
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::HtmlBlock) | Event::End(_) => {
            }
            foreign => panic!("{foreign:?} in:\n{markdown}"),
        }
    }
    page
}

#[test]
fn the_summary_in_markdown() {
    insta::assert_snapshot!(text(&SummaryMarkdown, &report(&Recipe::SMALL)));
}

#[test]
fn the_summary_has_a_row_for_each_threshold_and_step_and_four_figures() {
    let report = report(&Recipe::SMALL);
    let page = page(&text(&SummaryMarkdown, &report));
    let [thresholds, figures, steps] = &page.tables[..] else {
        panic!("{page:?}");
    };
    assert_eq!(thresholds.len(), 1 + report.thresholds.len());
    assert_eq!(
        thresholds[0],
        ["Verdict", "Threshold", "Observed", "Limit", "Margin"]
    );
    assert_eq!(
        thresholds[1],
        [
            "✗ Failed",
            "p99(response_time{step=\"search\"}) < 250ms",
            "416 ms",
            "< 250 ms",
            "−66 %"
        ]
    );
    assert_eq!(figures.len(), 2);
    assert_eq!(figures[1][0], "480");
    assert_eq!(figures[1][1], "60/s");
    assert_eq!(steps.len(), 1 + report.steps.len());
    assert!(
        page.other
            .starts_with("✗ Failed: baselineExit code 99: p99("),
        "{}",
        page.other
    );
    let markup = ["<details>", "<summary>Steps</summary>", "</details>"];
    assert_eq!(page.markup, markup);
}

#[test]
fn no_name_and_no_sentence_becomes_markup_of_the_summary() {
    let report = named(MARKUP);
    let markdown = text(&SummaryMarkdown, &report);
    let page = page(&markdown);
    let said = page.other.replace('\u{200b}', "");
    assert!(said.contains(&format!("Exit code 99: {MARKUP}")), "{said}");
    let [thresholds, _, steps] = &page.tables[..] else {
        panic!("{page:?}");
    };
    for rows in [thresholds, steps] {
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width), "{rows:?}");
    }
    // Names are shortened to 120 columns.
    let shown: String = MARKUP.chars().take(119).collect();
    assert!(thresholds[1][1].starts_with(&shown), "{:?}", thresholds[1]);
    assert!(said.contains(&format!("Failed: {shown}…")), "{said}");
    let own = [
        "<details>",
        "<summary>Steps</summary>",
        "</details>",
        "<code>",
        "</code>",
    ];
    for tag in &page.markup {
        assert!(own.contains(&tag.as_str()), "{tag}");
    }
    // CommonMark knows neither mentions nor bare links, so each is looked for in the text itself: a name is code, in
    // which they are nothing, and in a sentence they are broken.
    let reason = markdown.lines().nth(2).expect("the reason");
    for reference in ["@o", "#1", "#2", "!3", "$4", "~\"", "www.", "://", "$s"] {
        assert!(!reason.contains(reference), "{reference} in {reason}");
    }
    page_is_small(&markdown);
}

fn page_is_small(markdown: &str) {
    // A comment on GitHub has at most 65,536 characters.
    assert!(markdown.chars().count() < 60_000, "{}", markdown.len());
}

#[test]
fn the_summary_of_a_large_run_still_fits_a_comment() {
    let mut report = named(&"`|<".repeat(200));
    let (row, step) = (report.thresholds[0].clone(), report.steps[0].clone());
    report.thresholds = vec![row; 500];
    report.thresholds[499].standing = Standing::Fail;
    report.steps = vec![step; 500];
    let markdown = text(&SummaryMarkdown, &report);
    page_is_small(&markdown);
    let page = page(&markdown);
    assert_eq!(page.tables[0].len(), 1 + 40);
    assert_eq!(page.tables[0][1][0], "✗ Failed", "what failed comes first");
    assert_eq!(page.tables[2].len(), 1 + 20);
    assert!(page.other.contains("and 460 more thresholds in the report"));
    assert!(page.other.contains("and 480 more steps in the report"));
}
