//! Change points against a simulator: histories without a change show none, and a step is found within a few runs.

use gander::stats::{FEWEST_RUNS, change_points, detectable_change};

use super::Normal;

/// The spread between runs, relative: of p50, p95 and p99 on a shared machine, of rates, and of CPU times.
const SPREADS: [f64; 6] = [0.015, 0.025, 0.05, 0.01, 0.02, 0.02];

/// The smallest change of a factor that counts: 5 %.
const LEAST: f64 = 0.048_790_164;

/// The smallest change of a share that counts: half a percentage point.
const LEAST_SHARE: f64 = 0.005;

/// The figures of a site.
const FIGURES: usize = SPREADS.len() + 1;

/// The history of a figure: the logarithm of its value in each run.
fn history(noise: &mut Normal, runs: usize, spread: f64) -> Vec<f64> {
    (0..runs).map(|_| spread * noise.next()).collect()
}

/// A history is looked at after each of its runs, as a job does that publishes each run.
#[test]
fn at_most_one_in_twenty_histories_without_a_change_ever_shows_one() {
    const HISTORIES: usize = 200;
    const RUNS: usize = 40;
    let mut noise = Normal::seeded(11);
    let mut false_alarms = 0;
    for _ in 0..HISTORIES {
        let mut figures: Vec<(Vec<f64>, f64)> = SPREADS
            .iter()
            .map(|spread| (history(&mut noise, RUNS, *spread), LEAST))
            .collect();
        // One request in a thousand fails, of 20,000 a run, and in one run of ten a burst of ten in a thousand.
        let shares = (0..RUNS).map(|_| {
            let burst = if noise.next() > 1.28 { 0.01 } else { 0.0 };
            (0.001 + burst + (0.001_f64 / 20_000.0).sqrt() * noise.next()).max(0.0)
        });
        figures.push((shares.collect(), LEAST_SHARE));
        let shows = figures.iter().any(|(values, least)| {
            (2 * FEWEST_RUNS..=RUNS)
                .any(|seen| !change_points(&values[..seen], *least, FIGURES).is_empty())
        });
        false_alarms += usize::from(shows);
    }
    assert!(
        false_alarms * 20 <= HISTORIES,
        "{false_alarms} of {HISTORIES}"
    );
}

/// A neighbour on the machine makes one run of twenty slower, by up to a half.
#[test]
fn runs_that_were_disturbed_are_no_change() {
    const HISTORIES: usize = 200;
    const RUNS: usize = 60;
    let mut noise = Normal::seeded(13);
    let mut false_alarms = 0;
    for _ in 0..HISTORIES {
        let mut values = history(&mut noise, RUNS, 0.015);
        for value in &mut values {
            if noise.next() > 1.64 {
                *value += (0.2 * noise.next()).abs().min(0.4);
            }
        }
        let mut looks = 2 * FEWEST_RUNS..=RUNS;
        let shows = looks.any(|seen| !change_points(&values[..seen], LEAST, FIGURES).is_empty());
        false_alarms += usize::from(shows);
    }
    assert!(
        false_alarms * 20 <= HISTORIES,
        "{false_alarms} of {HISTORIES}"
    );
}

/// The number of further runs after which a step is found in nine of ten histories.
fn delay(spread: f64, before: usize, step: f64) -> usize {
    const HISTORIES: usize = 100;
    let mut noise = Normal::seeded(before as u64);
    let mut delays: Vec<usize> = (0..HISTORIES)
        .map(|_| {
            let mut values = history(&mut noise, before, spread);
            (1..=30)
                .find(|_| {
                    values.push(step.ln_1p() + spread * noise.next());
                    let found = change_points(&values, LEAST, FIGURES);
                    found
                        .iter()
                        .any(|point| point.at.abs_diff(before) <= 1 && point.change > 0.0)
                })
                .unwrap_or(usize::MAX)
        })
        .collect();
    delays.sort_unstable();
    delays[HISTORIES * 9 / 10 - 1]
}

#[test]
fn a_step_of_ten_percent_is_found_within_a_few_runs() {
    for (spread, before, most) in [
        (0.015, 10, 4),
        (0.015, 30, 3),
        (0.025, 20, 5),
        (0.025, 30, 5),
    ] {
        let runs = delay(spread, before, 0.1);
        assert!(
            runs <= most,
            "spread {spread}, {before} runs before: {runs}"
        );
    }
}

#[test]
fn what_is_told_to_be_detectable_is_detected() {
    const HISTORIES: usize = 200;
    let mut noise = Normal::seeded(5);
    let mut found = 0;
    for _ in 0..HISTORIES {
        let mut values = history(&mut noise, 20, 0.03);
        let size = detectable_change(&values, FEWEST_RUNS, FIGURES).expect("20 runs");
        values.extend((0..FEWEST_RUNS).map(|_| size + 0.03 * noise.next()));
        found += usize::from(!change_points(&values, LEAST, FIGURES).is_empty());
    }
    assert!(found * 100 >= HISTORIES * 72, "{found} of {HISTORIES}");
}

#[test]
fn a_step_that_was_taken_back_is_found_twice() {
    let mut noise = Normal::seeded(3);
    let mut both = 0;
    for _ in 0..100 {
        let mut values = history(&mut noise, 45, 0.015);
        for value in &mut values[20..25] {
            *value += 0.1_f64.ln_1p();
        }
        let at: Vec<usize> = change_points(&values, LEAST, FIGURES)
            .iter()
            .map(|point| point.at)
            .collect();
        both += usize::from(at == [20, 25]);
    }
    assert!(both >= 90, "{both} of 100");
}
