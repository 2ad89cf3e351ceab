//! A report built from a journal on disk is the same bytes whenever it is built.

use std::path::Path;

use gander::record::LostUsers;
use gander::record::journal::{Journal, Writer};
use gander::report::{Renderer, Report, SummaryJson, renderers};

use super::fixture::{Dice, Recipe, events, header, interval, report};
use gander::units::Micros;

#[test]
fn a_report_rebuilt_from_the_journal_is_the_same_in_every_form() {
    let recipe = Recipe::SMALL;
    let dir = tempfile::tempdir().expect("a directory");
    let header = header(&recipe);
    let mut writer = Writer::create(dir.path(), &header).expect("a journal");
    let mut dice = Dice::of(&header);
    for number in 0..recipe.seconds {
        writer
            .append(&interval(&recipe, &header, number, &mut dice))
            .expect("an interval");
    }
    for event in events(&recipe) {
        writer.event(&event).expect("an event");
    }
    writer
        .finish(
            Micros(recipe.seconds * 1_000_000),
            0,
            0,
            LostUsers::default(),
        )
        .expect("the end");

    let live = report(&recipe);
    let build = || {
        let journal = Journal::open(dir.path()).expect("the journal opens");
        Report::build(&journal).expect("the report is built")
    };
    let (first, second) = (build(), build());
    for renderer in renderers() {
        let name = renderer.file_name();
        let bytes = renderer.render(&first).expect(name);
        assert!(
            bytes == renderer.render(&second).expect(name),
            "{name} differs from build to build"
        );
        assert!(
            bytes == renderer.render(&live).expect(name),
            "{name} differs from the live run's"
        );
    }
}

#[test]
fn a_journal_of_this_version_is_read_by_every_later_one() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/baseline");
    let journal = Journal::open(&golden).expect("the golden journal opens");
    assert_eq!(journal.warnings, []);
    let report = Report::build(&journal).expect("the report is built");
    let summary = SummaryJson.render(&report).expect("a summary");
    let expected = std::fs::read(golden.join("summary.json")).expect("the golden summary");
    assert_eq!(
        String::from_utf8_lossy(&summary),
        String::from_utf8_lossy(&expected)
    );
}

#[test]
fn a_journal_cut_short_still_makes_a_report_that_says_so() {
    let recipe = Recipe::SMALL;
    let dir = tempfile::tempdir().expect("a directory");
    let header = header(&recipe);
    let mut writer = Writer::create(dir.path(), &header).expect("a journal");
    let mut dice = Dice::of(&header);
    for number in 0..4 {
        writer
            .append(&interval(&recipe, &header, number, &mut dice))
            .expect("an interval");
    }
    drop(writer);
    let journal = Journal::open(dir.path()).expect("the journal opens");
    let report = Report::build(&journal).expect("the report is built");
    assert!(!report.is_complete);
    assert_eq!(report.timeline.len(), 4);
    let page = gander::report::ReportHtml.render(&report).expect("a page");
    assert!(String::from_utf8_lossy(&page).contains("journal of this run is incomplete"));
}

#[test]
fn a_journal_without_recorded_values_says_nothing_of_them() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/baseline");
    let journal = Journal::open(&golden).expect("the golden journal opens");
    let dir = tempfile::tempdir().expect("a directory");
    let mut writer = Writer::create(dir.path(), &journal.header).expect("a journal");
    for interval in journal.intervals() {
        writer.append(&interval).expect("an interval");
    }
    for (file, words) in [
        ("events.jsonl", &["values"][..]),
        ("run.json", &["values", "custom_metrics"]),
    ] {
        let text = std::fs::read_to_string(dir.path().join(file)).expect(file);
        for word in words {
            assert!(!text.contains(&format!("\"{word}\"")), "{file}: {word}");
        }
    }
}
