//! A seeded simulator of runs: the logarithm of a request's time has a shape of its own, a level that changes from second to
//! second and remembers itself (AR(1)), bursts, and an effect of the whole run.

use std::collections::BTreeMap;
use std::path::Path;

use gander::compare::{Profile, ProfileFold, RunFacts};
use gander::plan::schedule::Model;
use gander::plan::{Series, SeriesId, Subject, Timing};
use gander::probe::Machine;
use gander::record::journal::Writer;
use gander::record::{Bins, Counts, Interval, LoadCounts, LostUsers, RunHeader, SeriesInterval};
use gander::units::Micros;
use gander::verdict::Conclusion;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// The runs of a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// Seconds of a run.
    pub(crate) seconds: u64,
    /// Requests per second.
    pub(crate) rate: u64,
    /// The standard deviation of a run's effect, relative.
    pub(crate) between_runs: f64,
    /// The standard deviation of what a second adds to the level.
    pub(crate) unrest: f64,
    /// The share of seconds in a burst, and what a burst adds to the logarithm.
    pub(crate) bursts: (f64, f64),
}

/// What distinguishes a run from the others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// The true change of its target, relative.
    pub(crate) change: f64,
    /// What its place in the order adds, relative.
    pub(crate) slot: f64,
}

/// How much of a second's level stays in the next.
const MEMORY: f64 = 0.6;

/// The number of equally likely values of the normal distribution.
const SIZE: u32 = 4_096;

/// A stream of runs.
#[derive(Debug)]
pub(crate) struct Simulator {
    random: Pcg64Mcg,
    /// Equally likely values of a standard normal distribution.
    normal: Vec<f64>,
    header: RunHeader,
    /// Runs recorded.
    runs: u32,
}

impl Simulator {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut header = crate::journal::header();
        header.model = Model::Closed;
        header.thresholds.clear();
        header.series = vec![Series {
            name: "get".to_owned(),
            flow: "read".to_owned(),
            subject: Subject::Requests,
            tags: BTreeMap::new(),
        }];
        let normal = (0..SIZE).map(|index| {
            gander::stats::normal_quantile((f64::from(index) + 0.5) / f64::from(SIZE))
        });
        Self {
            random: Pcg64Mcg::seed_from_u64(seed),
            normal: normal.collect(),
            header,
            runs: 0,
        }
    }

    fn normal(&mut self) -> f64 {
        let index = self.random.random_range(0..self.normal.len());
        self.normal[index]
    }

    /// The profile of the next run.
    pub(crate) fn run(&mut self, traffic: Traffic, place: Place) -> Profile {
        let mut fold = ProfileFold::new(&self.header);
        for interval in self.intervals(traffic, place) {
            fold.absorb(&interval);
        }
        fold.finish(facts(traffic))
    }

    /// Writes the journal of the next run into a folder.
    pub(crate) fn record(&mut self, folder: &Path, traffic: Traffic, place: Place) {
        self.record_with(folder, traffic, place, |_| ());
    }

    /// Writes the journal of the next run into a folder, its header changed by `with`.
    pub(crate) fn record_with(
        &mut self,
        folder: &Path,
        traffic: Traffic,
        place: Place,
        with: impl FnOnce(&mut RunHeader),
    ) {
        self.runs += 1;
        let mut header = RunHeader {
            run_id: format!("20261129T12{:02}00Z-simulated-0001", self.runs),
            started_at: format!("2026-11-29T12:{:02}:00.000Z", self.runs),
            workload_hash: Some("5eed".to_owned()),
            ..self.header.clone()
        };
        with(&mut header);
        std::fs::create_dir_all(folder).expect("a folder");
        let mut journal = Writer::create(folder, &header).expect("a journal");
        for interval in self.intervals(traffic, place) {
            journal.append(&interval).expect("there is room");
        }
        let end = Micros(traffic.seconds * 1_000_000);
        let ended = journal.finish(end, 0, 0, LostUsers::default());
        ended.expect("there is room");
    }

    fn intervals(&mut self, traffic: Traffic, place: Place) -> Vec<Interval> {
        let base = 10_000.0_f64.ln()
            + place.change.ln_1p()
            + place.slot.ln_1p()
            + traffic.between_runs * self.normal();
        let mut level = traffic.unrest / (1.0 - MEMORY * MEMORY).sqrt() * self.normal();
        (0..traffic.seconds)
            .map(|second| {
                level = MEMORY * level + traffic.unrest * self.normal();
                let is_burst = self.random.random::<f64>() < traffic.bursts.0;
                let burst = if is_burst { traffic.bursts.1 } else { 0.0 };
                let mut times = Bins::default();
                for _ in 0..traffic.rate {
                    let time = (base + level + burst + 0.4 * self.normal()).exp();
                    times.record(Micros(time as u64));
                }
                interval(second, times, traffic.rate)
            })
            .collect()
    }
}

fn interval(second: u64, times: Bins, requests: u64) -> Interval {
    let series = SeriesInterval {
        counts: Counts {
            ended: requests,
            ..Counts::default()
        },
        histograms: BTreeMap::from([(Timing::ResponseTime.into(), times)]),
    };
    Interval {
        number: second,
        start: Micros(second * 1_000_000),
        end: Micros((second + 1) * 1_000_000),
        load: LoadCounts {
            offered: requests,
            started: requests,
            active_users: 10,
            ..LoadCounts::default()
        },
        series: BTreeMap::from([(SeriesId(0), series)]),
        ..Interval::default()
    }
}

/// The facts of a run that ended as planned.
pub(crate) fn facts(traffic: Traffic) -> RunFacts {
    let requests = traffic.seconds * traffic.rate;
    RunFacts {
        run_id: "20261129T120000Z-simulated-0001".to_owned(),
        scenario: "simulated".to_owned(),
        started_at: "2026-11-29T12:00:00.000Z".to_owned(),
        gander: "0.1.0".to_owned(),
        git_commit: None,
        workload_hash: Some("5eed".to_owned()),
        seed: 1,
        target: "http://127.0.0.1:8080/".to_owned(),
        changes: Vec::new(),
        machine: Machine::default(),
        model: Model::Closed,
        offered: requests,
        started: requests,
        load_s: traffic.seconds as f64,
        requests,
        failed: 0,
        verdict: Conclusion::Pass,
        reason: "all 2 thresholds hold".to_owned(),
        is_whole: true,
        generator_cpu_us: Some(8.0),
        generator_peak: 0.2,
        stolen: 0.0,
    }
}
