//! Reports stay small enough for a reader's machine, however long the run and however many its series.

use gander::report::{Renderer, ReportHtml, TimelineCsv};

use super::fixture::{Dice, Recipe, header, interval, report};
use gander::record::journal::Ending;
use gander::report::model::Draft;
use gander::units::Micros;

#[test]
fn two_hours_of_fifty_steps_are_a_page_of_at_most_one_and_a_half_megabytes() {
    // As many points as two hours have, each of them fifteen seconds in one interval: the page cannot tell.
    let recipe = Recipe {
        seconds: 480,
        steps: 50,
        per_second: 24,
        ..Recipe::BASELINE
    };
    let header = header(&recipe);
    let mut draft = Draft::new(&header, recipe.seconds);
    let mut dice = Dice::of(&header);
    for number in 0..recipe.seconds {
        let mut made = interval(&recipe, &header, number, &mut dice);
        // Other steps each time, so that all fifty are there.
        made.series = made
            .series
            .into_iter()
            .map(|(id, part)| {
                let moved = if id.0 < 50 {
                    (id.0 + number as u32 * 7) % 50
                } else {
                    id.0
                };
                (gander::plan::SeriesId(moved), part)
            })
            .collect();
        made.start = Micros(number * 15_000_000);
        made.end = Micros((number + 1) * 15_000_000);
        draft.absorb(&made);
    }
    let ending = Ending {
        at: Micros(7_200_000_000),
        is_complete: true,
        ..Ending::default()
    };
    let report = draft.finish(&[], &ending, &[]);
    assert_eq!(report.timeline.len(), 480);
    assert!(
        report
            .steps
            .iter()
            .all(|step| step.counts.ended > 0 && !step.curve.is_empty())
    );
    let page = ReportHtml.render(&report).expect("a page");
    assert!(page.len() <= 1_500_000, "{} bytes", page.len());
}

#[test]
fn a_thousand_series_are_a_page_without_a_thousand_charts() {
    let recipe = Recipe {
        seconds: 3,
        warm_up: 0,
        steps: 998,
        per_second: 2_000,
        ..Recipe::BASELINE
    };
    let page = ReportHtml.render(&report(&recipe)).expect("a page");
    let page = String::from_utf8(page).expect("UTF-8");
    assert_eq!(page.matches("<tr class=\"step\">").count(), 998);
    assert!(page.matches("<svg class=\"chart\"").count() <= 70);
    assert!(page.len() <= 3_000_000, "{} bytes", page.len());
}

#[test]
fn five_seconds_have_charts_with_a_point_each() {
    let report = report(&Recipe::SHORT);
    assert_eq!(report.timeline.len(), 5);
    let page = String::from_utf8(ReportHtml.render(&report).expect("a page")).expect("UTF-8");
    for chart in [
        "latency",
        "heatmap",
        "percentiles",
        "rates",
        "users",
        "cpu",
        "memory",
    ] {
        assert!(
            page.contains(&format!("id=\"{chart}-title\"")),
            "{chart} is missing"
        );
    }
    assert!(page.contains(
        "Closed model: response time equals service time. Users wait while the target stalls"
    ));
}

#[test]
fn a_row_a_second_and_series_adds_up_to_the_totals() {
    let report = report(&Recipe::SMALL);
    let bytes = TimelineCsv.render(&report).expect("a timeline");
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    let columns = csv.headers().expect("a head").clone();
    let column = |name: &str| {
        columns
            .iter()
            .position(|column| column == name)
            .expect("the column")
    };
    let (mut run, mut steps) = (0, 0);
    for record in csv.records() {
        let record = record.expect("a row");
        if &record[column("warm_up")] == "1" {
            continue;
        }
        let ended: u64 = record[column("ended")].parse().expect("a count");
        match &record[column("subject")] {
            "run" => run += ended,
            "requests" => steps += ended,
            _ => {}
        }
    }
    assert_eq!((run, steps), (report.requests.ended, report.requests.ended));
    assert!(run > 0);
}
