//! Applies the options that change levels and durations, once the scenario is read.

use std::time::Duration;

use super::Overrides;
use crate::expr::threshold::Metric;
use crate::format::Problems;
use crate::format::tables::load::{MAX_RATE, MAX_USERS};
use crate::scenario::program::each_block;
use crate::scenario::{Bounds, Delay, Load, LoadModel, Scenario, Shape, Step, Target, Window};
use crate::units::{Rate, show_duration, show_rate};

/// The maximum of `--time-scale`.
pub const LARGEST_TIME_SCALE: f64 = 1_000.0;
/// The timeline's resolution; a shorter window cannot be judged.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// Applies the options that change levels and durations.
pub(super) fn change_scenario(
    scenario: &mut Scenario,
    overrides: &Overrides,
    problems: &mut Problems,
) {
    if overrides.target.is_some() {
        leave_out_target_health(scenario);
    }
    if let Some(users) = overrides.users {
        if let Some(load) = main_load(scenario, "users", problems) {
            set_users(load, users, problems);
        }
        scenario.overridden.push(format!("users = {users}"));
    }
    if let Some(rate) = overrides.rate {
        if let Some(load) = main_load(scenario, "rate", problems) {
            set_rate(load, rate, problems);
        }
        scenario.overridden.push(format!("rate = {rate}"));
    }
    if let Some(factor) = overrides.time_scale {
        if factor.is_finite() && factor > 0.0 && factor <= LARGEST_TIME_SCALE {
            scale_times(scenario, factor);
            scenario.overridden.push(format!("time_scale = {factor}"));
            if overrides.scale_pauses {
                scale_pauses(scenario, factor);
                scenario.overridden.push("scale_pauses = true".to_owned());
            }
        } else {
            problems.report_nowhere(
                format!(
                    "--time-scale must be above 0 and at most {LARGEST_TIME_SCALE}, found {factor}"
                ),
                None,
            );
        }
    }
    // After the time scale, so that the load lasts exactly as long as requested.
    if let Some(duration) = overrides.duration {
        set_duration(scenario, duration, problems);
        let shown = show_duration(duration);
        scenario.overridden.push(format!("for = {shown}"));
    }
}

/// Removes thresholds on the CPU and the memory of the target if the command line names one that Gander does not start: the
/// file means the target that it names itself.
fn leave_out_target_health(scenario: &mut Scenario) {
    if !matches!(scenario.target, Target::Url(_)) {
        return;
    }
    let overridden = &mut scenario.overridden;
    scenario.thresholds.retain(|threshold| {
        let is_of_target = matches!(
            threshold.parsed.measure.metric,
            Metric::TargetCpu | Metric::TargetRss
        );
        if is_of_target {
            overridden.push(format!(
                "{} left out: Gander does not start this target",
                threshold.expression.trim()
            ));
        }
        !is_of_target
    });
}

/// The load that `--users` and `--rate` change: the shared one, or the only one.
fn main_load<'s>(
    scenario: &'s mut Scenario,
    option: &str,
    problems: &mut Problems,
) -> Option<&'s mut Load> {
    let names: Vec<String> = scenario
        .flows
        .iter()
        .map(|flow| flow.name.clone())
        .collect();
    let is_alone = scenario.load.is_some() || scenario.loads().count() == 1;
    if !is_alone {
        let hint = names
            .first()
            .map(|name| format!("set one of them: `--set flows.{name}.load.{option}=…`"));
        let message = format!("--{option} does not fit: each flow has a load of its own");
        problems.report_nowhere(message, hint);
        return None;
    }
    scenario.loads_mut().next()
}

fn set_users(load: &mut Load, users: u32, problems: &mut Problems) {
    if !(1..=MAX_USERS).contains(&users) {
        let message = format!("--users must be at least 1 and at most {MAX_USERS}, found {users}");
        problems.report_nowhere(message, None);
        return;
    }
    let peak = load.model.peak().max(1.0);
    match &mut load.model {
        LoadModel::Users { stages } => {
            let scaled = |level: f64| level * f64::from(users) / peak;
            for stage in stages {
                // A level of whole users stays one, and does not become none.
                let is_whole = matches!(stage.shape, Shape::Hold | Shape::Ramp(_));
                stage.map_levels(|level| match level {
                    level if level > 0.0 && is_whole => scaled(level).round().max(1.0),
                    level => scaled(level),
                });
            }
        }
        LoadModel::Iterations { users: current, .. } => *current = users,
        LoadModel::Arrivals { .. } | LoadModel::Search(_) => problems.report_nowhere(
            "--users does not fit this load, which is by arrival rate",
            Some(
                "use --rate, or `--set load.max_users=…` for more users to keep the rate"
                    .to_owned(),
            ),
        ),
    }
}

fn set_rate(load: &mut Load, rate: Rate, problems: &mut Problems) {
    if let LoadModel::Search(_) = load.model {
        problems.report_nowhere(
            "--rate does not fit this load, which searches for the highest rate itself",
            Some("change the rates: `--set load.rate=50/s..2000/s`".to_owned()),
        );
        return;
    }
    let peak = load.model.peak();
    let LoadModel::Arrivals { stages, .. } = &mut load.model else {
        problems.report_nowhere(
            "--rate does not fit this load, which is by users and not by arrival rate",
            Some("use --users, or write a load with `rate`".to_owned()),
        );
        return;
    };
    if rate.as_per_second() <= 0.0 || rate.as_per_second() > MAX_RATE {
        let message = format!(
            "--rate must be above 0 and at most {}, found {rate}",
            show_rate(MAX_RATE)
        );
        problems.report_nowhere(message, None);
        return;
    }
    for stage in stages {
        stage.map_levels(|level| level / peak * rate.as_per_second());
    }
}

/// Makes the loads end after this time altogether, all changed by the same factor.
fn set_duration(scenario: &mut Scenario, duration: Duration, problems: &mut Problems) {
    if duration.is_zero() {
        problems.report_nowhere("--for must be longer than 0", None);
        return;
    }
    let total = scenario
        .loads()
        .filter_map(|load| Some(load.from + load.model.duration()?));
    let total = total.max().unwrap_or_default();
    let factor = duration.as_secs_f64() / total.as_secs_f64();
    for load in scenario.loads_mut() {
        if let LoadModel::Iterations { max_duration, .. } = &mut load.model {
            *max_duration = Some(duration.saturating_sub(load.from));
        } else if let LoadModel::Search(search) = &mut load.model {
            search.max_duration = duration;
        } else {
            scale_load(load, factor);
        }
    }
}

fn scale_load(load: &mut Load, factor: f64) {
    load.from = scaled_or_zero(load.from, factor);
    for stage in load.model.stages_mut() {
        stage.map_durations(|duration| scaled(duration, factor));
    }
    if let LoadModel::Iterations { max_duration, .. } = &mut load.model {
        *max_duration = max_duration.map(|longest| scaled(longest, factor));
    }
    if let LoadModel::Search(search) = &mut load.model {
        for length in [
            &mut search.every,
            &mut search.confirm,
            &mut search.max_duration,
        ] {
            *length = scaled(*length, factor);
        }
    }
}

/// Scales the durations that shape the loads. Timeouts and time limits of checks stay, and so do the users' pauses.
fn scale_times(scenario: &mut Scenario, factor: f64) {
    scenario
        .loads_mut()
        .for_each(|load| scale_load(load, factor));
    scenario.warm_up = scaled_or_zero(scenario.warm_up, factor);
    for threshold in &mut scenario.thresholds {
        if let Window::Rolling(length) | Window::Sustained(length) = &mut threshold.window {
            *length = scaled(*length, factor).max(SHORTEST_WINDOW.min(*length));
        }
        threshold.abort_after = threshold
            .abort_after
            .map(|after| scaled_or_zero(after, factor));
    }
}

/// Scales think times and pacing.
fn scale_pauses(scenario: &mut Scenario, factor: f64) {
    let own = [&mut scenario.think_time, &mut scenario.pacing];
    for delay in own.into_iter().flatten() {
        scale_delay(delay, factor);
    }
    for flow in &mut scenario.flows {
        let own = [&mut flow.think_time, &mut flow.pacing];
        for delay in own.into_iter().flatten() {
            scale_delay(delay, factor);
        }
        for block in flow.blocks_mut() {
            scale_steps(block, factor);
        }
    }
    scale_steps(&mut scenario.setup, factor);
    scale_steps(&mut scenario.teardown, factor);
}

fn scale_steps(steps: &mut Vec<Step>, factor: f64) {
    each_block(steps, &mut |block| {
        for step in block {
            if let Some(delay) = step.action.pause_mut() {
                scale_delay(delay, factor);
            }
            for interval in step.action.intervals_mut() {
                *interval = scaled(*interval, factor);
            }
        }
    });
}

fn scale_delay(delay: &mut Delay, factor: f64) {
    let scale = |duration: &mut Duration| *duration = scaled_or_zero(*duration, factor);
    match delay {
        Delay::Constant(length) => scale(length),
        Delay::Exponential(mean, bounds) => {
            scale(mean);
            scale_bounds(bounds, factor);
        }
        Delay::Uniform(least, most) => {
            scale(least);
            scale(most);
        }
        Delay::Normal(mean, sd, bounds) => {
            scale(mean);
            scale(sd);
            scale_bounds(bounds, factor);
        }
    }
}

fn scale_bounds(bounds: &mut Bounds, factor: f64) {
    bounds.least = scaled_or_zero(bounds.least, factor);
    bounds.most = bounds.most.map(|most| scaled(most, factor));
}

fn scaled_or_zero(duration: Duration, factor: f64) -> Duration {
    let micros = (duration.as_secs_f64() * factor * 1e6).round();
    Duration::from_micros(micros as u64)
}

/// The scaled duration, at least a microsecond.
fn scaled(duration: Duration, factor: f64) -> Duration {
    scaled_or_zero(duration, factor).max(Duration::from_micros(1))
}
