//! The state of a run as receivers of metrics see it: counts and times since the load began, and the levels of the last
//! second. Warm-up and measured time are kept apart, so that the counts of the measured time are those of the report.

use std::sync::Arc;

use super::catalogue::times_of;
use super::labels::{self, Labels};
use super::times::Times;
use crate::plan::Series;
use crate::record::{
    Carried, CheckCounts, Counts, Interval, LoadCounts, Parted, RunHeader, SeriesInterval,
};
use crate::units::Micros;

/// The state of a run. A clone is cheap: it shares what has not changed since.
#[derive(Debug, Clone)]
pub(super) struct RunState {
    pub(super) run: Arc<Described>,
    /// Time since the load began.
    pub(super) at: Micros,
    pub(super) levels: Levels,
    carried: Carried,
    pub(super) measured: Phase,
    /// `None` without a warm-up.
    pub(super) warm_up: Option<Phase>,
}

/// The part of a run that does not change: its series with their labels.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) run_id: String,
    pub(super) scenario: String,
    pub(super) version: String,
    pub(super) began: Micros,
    pub(super) labels: Labels,
    pub(super) series: Vec<(Series, Labels)>,
    pub(super) checks: Vec<Labels>,
}

/// Sums of the warm-up, or of the measured time.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    pub(super) series: Vec<Arc<SeriesSum>>,
    pub(super) checks: Vec<CheckCounts>,
    pub(super) offered: u64,
    pub(super) started: u64,
    pub(super) unstarted: u64,
}

/// Sums of a series.
#[derive(Debug, Clone, Default)]
pub(super) struct SeriesSum {
    pub(super) counts: Counts,
    /// In the order of [`times_of`] its subject.
    pub(super) times: Vec<Times>,
}

/// Levels at the end of the last second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Levels {
    pub(super) active_users: u32,
    pub(super) in_flight: u32,
    pub(super) backlog: u64,
    /// Iterations per second.
    pub(super) offered_rate: f64,
    pub(super) achieved_rate: f64,
    pub(super) cpu: f64,
    pub(super) memory: u64,
}

impl RunState {
    /// The state before the first interval.
    pub(super) fn of(header: &RunHeader) -> Self {
        let checks = header.checks.iter().map(|check| {
            let mut labels = labels::of_run(header);
            labels.push(("flow".to_owned(), check.flow.clone()));
            labels.push(("step".to_owned(), check.step.clone()));
            labels.push(("check".to_owned(), check.name.clone()));
            labels
        });
        let series = header.series.iter();
        let empty = Phase::of(header);
        Self {
            run: Arc::new(Described {
                run_id: header.run_id.clone(),
                scenario: header.scenario.clone(),
                version: header.gander.clone(),
                began: labels::began_at(header),
                labels: labels::of_run(header),
                series: series
                    .map(|series| (series.clone(), labels::of_series(header, series)))
                    .collect(),
                checks: checks.collect(),
            }),
            at: Micros::ZERO,
            levels: Levels::default(),
            carried: Carried::default(),
            warm_up: (header.warm_up > Micros::ZERO).then(|| empty.clone()),
            measured: empty,
        }
    }

    /// Adds an interval.
    pub(super) fn absorb(&mut self, interval: &Interval) {
        self.at = interval.end;
        let Parted { own, of_warm_up } = self.carried.part(interval);
        match &mut self.warm_up {
            Some(warm_up) if interval.is_warm_up => {
                warm_up.add_load(&own);
                warm_up.absorb(interval, &self.run.series);
            }
            warm_up => {
                if let Some(warm_up) = warm_up {
                    warm_up.add_load(&of_warm_up);
                }
                self.measured.add_load(&own);
                self.measured.absorb(interval, &self.run.series);
            }
        }
        // The levels and rates of a few milliseconds mean little.
        if !interval.is_tail() {
            let (load, health) = (&interval.load, &interval.health);
            let seconds = interval.load_time().as_secs_f64();
            let per_second = |count: u64| {
                if seconds > 0.0 {
                    count as f64 / seconds
                } else {
                    0.0
                }
            };
            self.levels = Levels {
                active_users: load.active_users,
                in_flight: load.in_flight,
                backlog: load.backlog,
                offered_rate: per_second(load.offered),
                achieved_rate: per_second(load.started),
                cpu: health.cpu,
                memory: health.rss_bytes,
            };
        }
    }

    /// The load is over: no user is active.
    pub(super) fn end(&mut self) {
        self.levels = Levels {
            cpu: self.levels.cpu,
            memory: self.levels.memory,
            ..Levels::default()
        };
    }

    /// The parts of the run with the names of their `phase`.
    pub(super) fn phases(&self) -> impl Iterator<Item = (&'static str, &Phase)> {
        let warm_up = self.warm_up.as_ref().map(|phase| ("warm_up", phase));
        warm_up.into_iter().chain([("measured", &self.measured)])
    }
}

impl Phase {
    fn of(header: &RunHeader) -> Self {
        let series = header.series.iter().map(|series| {
            Arc::new(SeriesSum {
                counts: Counts::default(),
                times: vec![Times::default(); times_of(series.subject).len()],
            })
        });
        Self {
            series: series.collect(),
            checks: vec![CheckCounts::default(); header.checks.len()],
            offered: 0,
            started: 0,
            unstarted: 0,
        }
    }

    fn add_load(&mut self, load: &LoadCounts) {
        self.offered += load.offered;
        self.started += load.started;
        self.unstarted += load.unstarted;
    }

    fn absorb(&mut self, interval: &Interval, described: &[(Series, Labels)]) {
        for (id, part) in &interval.series {
            let index = id.0 as usize;
            if let (Some(sum), Some((series, _))) =
                (self.series.get_mut(index), described.get(index))
            {
                Arc::make_mut(sum).absorb(part, series);
            }
        }
        for (id, counts) in &interval.checks {
            if let Some(sum) = self.checks.get_mut(id.0 as usize) {
                *sum += *counts;
            }
        }
    }
}

impl SeriesSum {
    fn absorb(&mut self, part: &SeriesInterval, series: &Series) {
        self.counts += &part.counts;
        for (sum, (timing, _)) in self.times.iter_mut().zip(times_of(series.subject)) {
            if let Some(bins) = part.histogram(*timing) {
                sum.add(bins);
            }
        }
    }
}
