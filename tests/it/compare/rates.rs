//! The promises of a comparison, held against the simulator: false alarms, coverage, power, and no favour by order.
//!
//! Every figure here is a count of seeded trials, so a test gives the same result each time.

use std::thread;

use gander::compare::{Change, Comparison, Design, Noise, Options, Profile, Row, Slot, compare};
use gander::stats::Spending;

use super::simulator::{Place, Simulator, Traffic};

const TRIALS: u32 = 2_000;

const TRAFFIC: Traffic = Traffic {
    seconds: 40,
    rate: 30,
    between_runs: 0.015,
    unrest: 0.05,
    bursts: (0.02, 0.5),
};

/// The limit for a rate of 5 % in [`TRIALS`]: exceeded with a probability of 0.1 % if the rate is exactly 5 %.
const MOST_ALARMS: u32 = 131;

/// What came of the trials on one path.
#[derive(Debug, Default)]
struct Tally {
    alarms: u32,
    covered: [u32; 2],
}

impl Tally {
    fn note(&mut self, comparison: &Comparison) {
        let gate = |name: &str| {
            let mut gates = comparison.gates.iter();
            gates.find(|row| row.figure.name == name).expect("a gate")
        };
        let gates = ["p50(response_time)", "p95(response_time)"].map(gate);
        self.alarms += u32::from(gates.iter().any(|row| row.is_worse()));
        for (covered, row) in self.covered.iter_mut().zip(gates) {
            let bounds = row.told_bounds().expect("an effect");
            *covered += u32::from(bounds.contains(0.0));
        }
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            alarms: self.alarms + other.alarms,
            covered: [0, 1].map(|index| self.covered[index] + other.covered[index]),
        }
    }

    fn assert_honest(&self, path: &str) {
        assert!(self.alarms <= MOST_ALARMS, "{path}: {self:?}");
        for covered in self.covered {
            let coverage = f64::from(covered) / f64::from(TRIALS);
            assert!((0.93..=0.97).contains(&coverage), "{path}: {self:?}");
        }
    }
}

fn sides(simulator: &mut Simulator, runs: usize) -> (Vec<Profile>, Vec<Profile>) {
    let mut side = || -> Vec<Profile> {
        (0..runs)
            .map(|_| simulator.run(TRAFFIC, Place::default()))
            .collect()
    };
    (side(), side())
}

fn abba(pairs: usize) -> Design {
    Design::Pairs {
        a_first: (0..pairs).map(|pair| pair % 2 == 0).collect(),
    }
}

#[test]
fn the_same_target_twice_seldom_regresses_and_intervals_cover_the_truth() {
    let halves = [9, 10].map(|seed| thread::spawn(move || Trials::of(TRIALS / 2, seed)));
    let [first, second] = halves.map(|half| half.join().expect("trials"));
    let all = first.and(&second);
    all.pairs.assert_honest("pairs");
    all.baseline.assert_honest("baseline");
    all.single.assert_honest("single runs");
    assert!(all.early_alarms <= MOST_ALARMS, "early stopping: {all:?}");
}

/// What came of the trials on every path.
#[derive(Debug, Default)]
struct Trials {
    pairs: Tally,
    baseline: Tally,
    single: Tally,
    early_alarms: u32,
}

impl Trials {
    /// Trials in which nothing changed.
    fn of(count: u32, seed: u64) -> Self {
        let mut simulator = Simulator::seeded(seed);
        let mut trials = Self::default();
        for _ in 0..count {
            let (a, b) = sides(&mut simulator, 6);
            let options = Options {
                design: abba(6),
                ..Options::default()
            };
            trials.pairs.note(&compare(&a, &b, &options));
            let kept = compare(&a[..5], &b[5..], &Options::default());
            trials.baseline.note(&kept);
            let calibration: Vec<Profile> = a[..5].iter().chain(&b[..5]).cloned().collect();
            let options = Options {
                noise: Noise::of(&calibration).into_iter().collect(),
                ..Options::default()
            };
            trials.single.note(&compare(&a[5..], &b[5..], &options));
            trials.early_alarms += u32::from(stops_with_a_regression(&a, &b));
        }
        trials
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            pairs: self.pairs.and(&other.pairs),
            baseline: self.baseline.and(&other.baseline),
            single: self.single.and(&other.single),
            early_alarms: self.early_alarms + other.early_alarms,
        }
    }
}

/// True if a sitting of pairs with looks on the way ends with a regression.
fn stops_with_a_regression(a: &[Profile], b: &[Profile]) -> bool {
    let looks = Spending::each_pair_of(a.len() as u32);
    (1..=a.len()).any(|pairs| {
        let Some(confidence) = looks.confidence(pairs as u32) else {
            return false;
        };
        let options = Options {
            design: abba(pairs),
            confidence,
            ..Options::default()
        };
        let comparison = compare(&a[..pairs], &b[..pairs], &options);
        comparison.gates.iter().any(Row::is_worse)
    })
}

#[test]
fn ten_percent_are_found_in_five_pairs_of_a_minute() {
    let traffic = Traffic {
        seconds: 60,
        rate: 150,
        unrest: 0.03,
        bursts: (0.01, 0.3),
        ..TRAFFIC
    };
    let trials = 100;
    let mut simulator = Simulator::seeded(10);
    let mut found = [0; 2];
    for _ in 0..trials {
        let mut side = |change| -> Vec<Profile> {
            let place = Place {
                change,
                ..Place::default()
            };
            (0..5).map(|_| simulator.run(traffic, place)).collect()
        };
        let (a, b) = (side(0.0), side(0.1));
        let options = Options {
            design: abba(5),
            ..Options::default()
        };
        let comparison = compare(&a, &b, &options);
        for (found, name) in found
            .iter_mut()
            .zip(["p50(response_time)", "p95(response_time)"])
        {
            let mut gates = comparison.gates.iter();
            let row = gates.find(|row| row.figure.name == name).expect("a gate");
            *found += u32::from(row.change == Change::Regressed);
        }
    }
    assert!(
        found.iter().all(|found| *found >= trials * 8 / 10),
        "{found:?} of {trials}"
    );
}

#[test]
fn the_arm_that_runs_first_is_not_favoured() {
    let trials = 400;
    let mut simulator = Simulator::seeded(11);
    let (mut alternating, mut fixed, mut told) = (0, 0, 0);
    for _ in 0..trials {
        // The second run of every pair is 6 % slower, whichever side it is.
        let second = Place {
            slot: 0.06,
            ..Place::default()
        };
        let mut sitting = |a_first: &[bool]| -> (Vec<Profile>, Vec<Profile>) {
            a_first
                .iter()
                .map(|is_a_first| {
                    let first = simulator.run(TRAFFIC, Place::default());
                    let second = simulator.run(TRAFFIC, second);
                    if *is_a_first {
                        (first, second)
                    } else {
                        (second, first)
                    }
                })
                .unzip()
        };
        let order = [true, false, false, true, true, false];
        let (a, b) = sitting(&order);
        let options = Options {
            design: Design::Pairs {
                a_first: order.to_vec(),
            },
            ..Options::default()
        };
        let comparison = compare(&a, &b, &options);
        alternating += u32::from(comparison.gates.iter().any(Row::is_worse));
        told += u32::from(comparison.slots.iter().any(Slot::is_noticeable));
        let always = [true; 6];
        let (a, b) = sitting(&always);
        let options = Options {
            design: Design::Pairs {
                a_first: always.to_vec(),
            },
            ..Options::default()
        };
        fixed += u32::from(compare(&a, &b, &options).gates.iter().any(Row::is_worse));
    }
    assert!(
        alternating <= trials / 20,
        "{alternating} false alarms of {trials}"
    );
    assert!(
        fixed > trials / 2,
        "a fixed order blames side B: {fixed} of {trials}"
    );
    assert!(
        told > trials / 2,
        "the slot effect is told: {told} of {trials}"
    );
}
