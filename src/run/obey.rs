//! Obeys requests from another process: changes of the load, marks, a stop.

use super::session::{Phase, Session};
use crate::control::{self, Reply, Request, Status};
use crate::engine::LevelChange;
use crate::plan::schedule::Model;
use crate::plan::{LoadProfile, Schedule};
use crate::record::journal::Event;
use crate::record::{LoadChange, LoadChangeKind, Standing, StopReason, Timing};
use crate::scenario::MAX_RATE;
use crate::units::{show_count, show_rate};

/// More changes of one run would fill its journal.
const MOST_CHANGES: usize = 1_000;
/// A longer mark cannot be read in a chart.
const LONGEST_TAG: usize = 100;

impl Session<'_> {
    /// Does what a request asks for; the reply is the state after it, or why it was refused.
    pub(super) fn obey(&mut self, request: Request, phase: &mut Phase) -> anyhow::Result<Reply> {
        let change = match self.change_of(request, *phase) {
            Ok(Asked::Nothing) => return Ok(Ok(self.status(*phase))),
            Ok(Asked::Stop) => {
                let now = self.running.clock().now();
                *phase = self.drain(StopReason::Control, now)?;
                return Ok(Ok(self.status(*phase)));
            }
            Ok(Asked::Change(change)) => change,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (loads, level, change) = change;
        let mut at = self.running.clock().now();
        if let Some(level) = level {
            for load in loads {
                at = self.running.change(load, level);
            }
        }
        self.changes += 1;
        self.sinks
            .event(&Event::Change(LoadChange { at, ..change }))?;
        Ok(Ok(self.status(*phase)))
    }

    /// What a request asks for, or why it cannot be done.
    fn change_of(&self, request: Request, phase: Phase) -> Result<Asked, String> {
        if request == Request::Status {
            return Ok(Asked::Nothing);
        }
        let is_stop = request == Request::Stop;
        if phase != Phase::Loading && !matches!(request, Request::Tag { .. }) {
            return Err("the load is over: requests in flight are ending".to_owned());
        }
        if self.changes >= MOST_CHANGES && !is_stop {
            return Err(format!("a run takes at most {MOST_CHANGES} changes"));
        }
        let is_of_load = !matches!(request, Request::Tag { .. } | Request::Stop);
        if self.search.is_some() && is_of_load {
            return Err("the search for the capacity sets the rate itself".to_owned());
        }
        let loads = &self.plan.workload.loads;
        let everyone = || (0..loads.len()).collect();
        let changed = |loads: Vec<usize>, level, flow, kind| {
            let at = crate::units::Micros::ZERO;
            Ok(Asked::Change((loads, level, LoadChange { at, flow, kind })))
        };
        match request {
            Request::Status => Ok(Asked::Nothing),
            Request::Stop => Ok(Asked::Stop),
            Request::Pause if self.is_paused() => Err("the load is paused already".to_owned()),
            Request::Pause => changed(
                everyone(),
                Some(LevelChange::Pause),
                None,
                LoadChangeKind::Pause,
            ),
            Request::Resume if !self.is_paused() => Err("the load is not paused".to_owned()),
            Request::Resume => changed(
                everyone(),
                Some(LevelChange::Resume),
                None,
                LoadChangeKind::Resume,
            ),
            Request::Users { users, flow } => {
                let (index, load) = self.load_of(flow.as_deref())?;
                check_users(load, users)?;
                let level = LevelChange::Set(f64::from(users));
                let kind = LoadChangeKind::Users { users };
                changed(vec![index], Some(level), flow, kind)
            }
            Request::Rate { per_second, flow } => {
                let (index, load) = self.load_of(flow.as_deref())?;
                check_rate(load, per_second)?;
                let level = LevelChange::Set(per_second);
                let kind = LoadChangeKind::Rate { per_second };
                changed(vec![index], Some(level), flow, kind)
            }
            Request::Tag { text } => {
                let text: String = text.chars().filter(|c| !c.is_control()).collect();
                let text = self.plan.secrets.mask.text(text.trim());
                if text.is_empty() || text.chars().count() > LONGEST_TAG {
                    return Err(format!("a mark has 1 to {LONGEST_TAG} characters"));
                }
                changed(Vec::new(), None, None, LoadChangeKind::Tag { text })
            }
        }
    }

    /// The load of a flow; without a flow the shared one, or the only one.
    fn load_of(&self, flow: Option<&str>) -> Result<(usize, &LoadProfile), String> {
        let loads = &self.plan.workload.loads;
        let names = loads.iter().filter_map(|load| load.name.as_deref());
        let known: Vec<&str> = names.collect();
        let flows = &self.plan.workload.flows;
        let is_flow = |name: &str| flows.iter().any(|flow| flow.name == name);
        if let Some(flow) = flow.filter(|flow| is_flow(flow) && !known.contains(flow)) {
            return Err(format!(
                "the flow `{flow}` shares the load of the scenario: leave --flow out"
            ));
        }
        let found = match flow {
            Some(flow) => loads
                .iter()
                .position(|load| load.name.as_deref() == Some(flow)),
            None if loads.len() == 1 => Some(0),
            None => loads.iter().position(|load| load.name.is_none()),
        };
        match found {
            Some(index) => Ok((index, &loads[index])),
            None if known.is_empty() => {
                Err("no flow has a load of its own: leave --flow out".to_owned())
            }
            None => Err(format!(
                "name the flow whose load to change with --flow: {}",
                known.join(", ")
            )),
        }
    }

    fn is_paused(&self) -> bool {
        self.running.is_paused(0)
    }

    fn status(&self, phase: Phase) -> Status {
        let at = self.running.clock().now();
        let requests = self.totals.counts(crate::plan::Subject::Requests);
        let times = self.totals.timing(Timing::ResponseTime, &[]);
        let last = &self.last;
        let thresholds = self.plan.thresholds.iter().zip(self.judge.standings());
        Status {
            run_id: self.plan.workload.run_id.clone(),
            scenario: self.plan.name.clone(),
            phase: match phase {
                Phase::Loading if self.is_paused() => control::Phase::Paused,
                Phase::Loading => control::Phase::Running,
                Phase::Draining { .. } | Phase::Cut { .. } => control::Phase::Ending,
            },
            at,
            planned: self.plan.workload.loads.duration().map(Into::into),
            users: last.active_users,
            offered: last.offered,
            started: last.started,
            in_flight: self.recorder.in_flight().into(),
            requests: requests.ended,
            failed: requests.failed,
            p95: (!times.is_empty()).then(|| times.value_at_quantile(0.95)),
            thresholds: thresholds
                .map(|(threshold, judged)| {
                    let expression = self.plan.secrets.mask.text(&threshold.expression);
                    let holds = match judged.standing {
                        Standing::Pass => Some(true),
                        Standing::Fail => Some(false),
                        Standing::NoData | Standing::Inconclusive => None,
                    };
                    (expression, holds)
                })
                .collect(),
        }
    }
}

/// What a request asks for.
enum Asked {
    Nothing,
    Stop,
    /// The loads, the change of their level, and its entry in the journal.
    Change((Vec<usize>, Option<LevelChange>, LoadChange)),
}

fn check_users(load: &LoadProfile, users: u32) -> Result<(), String> {
    if load.schedule.model() == Model::Open {
        return Err("this load is by rate: set its rate with `gander ctl rate 200/s`".to_owned());
    }
    let most = load.users.len() as u64;
    if u64::from(users) > most {
        let hint = match load.schedule {
            Schedule::Iterations { .. } => "",
            Schedule::Users(_) | Schedule::Arrivals { .. } => {
                "; a larger number needs `max_users` in the scenario"
            }
        };
        return Err(format!("this load has {} users{hint}", show_count(most)));
    }
    Ok(())
}

fn check_rate(load: &LoadProfile, per_second: f64) -> Result<(), String> {
    if load.schedule.model() == Model::Closed {
        return Err(
            "this load is by users: set their number with `gander ctl users 20`".to_owned(),
        );
    }
    if !(0.0..=MAX_RATE).contains(&per_second) {
        return Err(format!("a rate is at most {}", show_rate(MAX_RATE)));
    }
    Ok(())
}
