//! The milliseconds after the last full second: their events are reported, and no line falls to zero.

use gander::plan::SeriesId;
use gander::record::Timing;
use gander::record::journal::Ending;
use gander::report::Report;
use gander::report::model::Draft;
use gander::units::Micros;

use super::fixture::{Dice, Recipe, header, interval};

/// The report of a run of five seconds, with or without a rest after them.
fn report(tail: Option<Micros>) -> Report {
    let recipe = Recipe::SHORT;
    let header = header(&recipe);
    let mut dice = Dice::of(&header);
    let mut draft = Draft::new(&header, recipe.seconds + u64::from(tail.is_some()));
    for number in 0..recipe.seconds {
        draft.absorb(&interval(&recipe, &header, number, &mut dice));
    }
    if let Some(length) = tail {
        let mut made = interval(&recipe, &header, recipe.seconds, &mut dice);
        made.end = made.start + length;
        made.load.active_users = 0;
        made.health.cpu = 0.99;
        made.load.started = 0;
        made.load.offered = 0;
        made.series.retain(|id, _| *id == SeriesId(0));
        for part in made.series.values_mut() {
            part.histograms.clear();
            let times = part.histograms.entry(Timing::ResponseTime.into());
            times.or_default().record(Micros(70_000_000));
            part.counts.ended = 1;
            part.counts.failed = 0;
        }
        draft.absorb(&made);
    }
    draft.finish(&[], &Ending::default(), &[])
}

#[test]
fn the_cpu_of_a_fragment_of_a_second_is_no_peak() {
    let peak = |tail| report(tail).generator.peak.cpu;
    assert!((peak(Some(Micros(20_000))) - peak(None)).abs() < 1e-9);
    assert!((peak(Some(Micros(600_000))) - 0.99).abs() < 1e-9);
}

#[test]
fn a_tail_of_milliseconds_is_shown_with_the_second_before() {
    let (without, with) = (report(None), report(Some(Micros(4_000))));
    assert_eq!(with.timeline.len(), without.timeline.len());
    let (before, last) = (
        without.timeline.last().expect("a point"),
        with.timeline.last().expect("a point"),
    );
    assert_eq!(last.end, before.end + Micros(4_000));
    assert_eq!(last.active_users, before.active_users);
    assert_eq!(last.requests, before.requests + 1);
    let longest = |report: &Report| {
        let point = report.timeline.last().and_then(|point| point.response);
        point.expect("a spread").max
    };
    assert!(longest(&with) >= Micros(70_000_000) && longest(&without) < Micros(70_000_000));
    assert_eq!(with.heatmap.columns.len(), without.heatmap.columns.len());

    // The rows of the table show the same, for the run and for the step.
    assert_eq!(with.rows.rows.len(), without.rows.rows.len());
    for (with, without) in with.rows.rows.iter().zip(&without.rows.rows) {
        let is_touched =
            with.start == before.start && with.series.is_none_or(|id| id == SeriesId(0));
        assert_eq!(with.ended, without.ended + u64::from(is_touched));
        let (with_max, without_max) = (
            with.response.map(|spread| spread.max),
            without.response.map(|spread| spread.max),
        );
        assert_eq!(with_max != without_max, is_touched);
        assert_eq!(
            with.load.map(|load| load.active_users),
            without.load.map(|load| load.active_users)
        );
    }
    // Counts of the run are exact, whatever the lines show.
    assert_eq!(with.requests.ended, without.requests.ended + 1);
    for (with, without) in with.steps.iter().zip(&without.steps) {
        assert_eq!(with.spark.len(), without.spark.len(), "{}", with.name);
        assert_ne!(with.spark.last(), Some(&None), "{}", with.name);
    }
}

#[test]
fn half_a_second_stands_for_itself() {
    let (without, with) = (report(None), report(Some(Micros(500_000))));
    assert_eq!(with.timeline.len(), without.timeline.len() + 1);
    assert_eq!(
        with.timeline.last().map(|point| point.active_users),
        Some(0)
    );
}
