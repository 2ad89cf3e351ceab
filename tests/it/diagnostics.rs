//! Diagnostics of a scenario that consists of several files.

use gander::source::{Diagnostic, Diagnostics, FileId, Sources, Span};

const MAIN: &str = "name: shop\nflows:\n- use: browse\n- use: buy\n";
const SHARED: &str = "# Flows of several scenarios.\nbuy:\n  weight: 2\n  weihgt: 3\n";

/// The scenario file and a file that it includes, whose number is returned.
fn sources() -> (Sources, FileId) {
    let mut sources = Sources::of("shop.yaml", MAIN);
    let shared = sources.add("shared/flows.yaml", SHARED);
    (sources, shared)
}

const fn span(file: FileId, line: u32, column: u32, length: u32) -> Span {
    Span {
        file,
        line,
        column,
        length,
    }
}

#[test]
fn a_diagnostic_quotes_the_file_that_it_is_about() {
    let (sources, shared) = sources();
    let wrong = Diagnostic::new(Some(span(shared, 4, 3, 6)), "a flow has no `weihgt`")
        .with_hint("did you mean `weight`?");
    insta::assert_snapshot!(Diagnostics::new(sources, vec![wrong]));
}

#[test]
fn a_diagnostic_points_into_two_files() {
    let (sources, shared) = sources();
    let main = FileId::default();
    let wrong = Diagnostic::new(Some(span(main, 4, 3, 8)), "this flow never runs")
        .with_related(span(shared, 3, 3, 9), "its weight is set here")
        .with_related(span(main, 3, 3, 11), "this flow runs instead");
    insta::assert_snapshot!(Diagnostics::new(sources, vec![wrong]));
}

#[test]
fn diagnostics_come_file_by_file_and_those_of_no_place_last() {
    let (sources, shared) = sources();
    let main = FileId::default();
    let list = vec![
        Diagnostic::new(None, "the fourth"),
        Diagnostic::new(Some(span(shared, 2, 1, 3)), "the third"),
        Diagnostic::new(Some(span(main, 4, 3, 3)), "the second"),
        Diagnostic::new(Some(span(main, 1, 1, 4)), "the first"),
    ];
    let diagnostics = Diagnostics::new(sources, list);
    let order: Vec<&str> = diagnostics.list.iter().map(|d| &*d.message).collect();
    assert_eq!(
        order,
        ["the first", "the second", "the third", "the fourth"]
    );
    let shown = diagnostics.to_string();
    assert!(
        shown.ends_with("4 errors in shop.yaml, shared/flows.yaml\n"),
        "{shown}"
    );
}
