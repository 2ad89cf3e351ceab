//! The outline of a run, for a terminal: the load as a chart, the expected requests, how long the data lasts, whether
//! this machine can carry the load. It sends nothing.

mod chart;
mod estimate;
mod sections;
mod text;

use std::fmt;
use std::iter;

use estimate::{ASSUMED_RESPONSE, Estimate};
use text::{cut, rough, rounded, show_delay};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::schedule::Model;
use super::{LoadProfile, MeasuredRequest, Plan, PlannedFlow, Schedule};
use crate::scenario::program::visit;
use crate::scenario::{Action, Step};
use crate::units::{show_count, show_duration, show_percent, show_rate};

/// The outline of a run; shown with [`Display`](fmt::Display), at most 100 columns wide.
#[derive(Debug, Clone)]
pub struct Outline<'p> {
    plan: &'p Plan,
    estimate: Estimate,
    open_files: Option<u64>,
    local_ports: Option<u32>,
    target: Option<String>,
    charset: Charset,
}

/// The characters to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Blocks, lines and arrows.
    Unicode,
    /// ASCII only, except in names.
    Ascii,
}

impl<'p> Outline<'p> {
    /// The outline of a plan on a machine with these limits: open files of a process, and local ports for connections
    /// to one address; `None` if there is no limit or it is unknown.
    pub fn of(plan: &'p Plan, open_files: Option<u64>, local_ports: Option<u32>) -> Self {
        Self {
            plan,
            estimate: Estimate::of(&plan.workload),
            open_files,
            local_ports,
            target: None,
            charset: Charset::Unicode,
        }
    }

    /// Adds a description of the target.
    #[must_use]
    pub fn loading(mut self, target: String) -> Self {
        self.target = Some(target);
        self
    }

    /// Sets the characters to draw with.
    #[must_use]
    pub const fn drawn_with(mut self, charset: Charset) -> Self {
        self.charset = charset;
        self
    }

    /// A text in the allowed characters, without control characters.
    fn plain(&self, text: &str) -> String {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        match self.charset {
            Charset::Unicode => clean,
            Charset::Ascii => clean
                .replace('→', "->")
                .replace('×', "x")
                .replace(['·', '–'], "-"),
        }
    }

    /// An expected number: exact if the schedule determines it, else with three digits.
    fn count(&self, value: f64) -> String {
        if self.estimate.is_exact {
            show_count(value.round() as u64)
        } else {
            rounded(value)
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let workload = &plan.workload;
        let has_both = workload
            .loads
            .iter()
            .any(|load| load.schedule.model() == Model::Closed);
        let model = match workload.loads.model() {
            Model::Open if has_both => "open and closed model: each load has its own",
            Model::Closed => {
                "closed model: a user starts its next iteration when the previous one has ended"
            }
            Model::Open => "open model: starts follow the schedule, whatever the target does",
        };
        writeln!(f, "{}", cut(&plan.name, 100))?;
        if let Some(target) = &self.target {
            self.row(f, "target", target)?;
        }
        let load = match workload.loads.stage_marks().len() {
            stages @ 3.. => {
                let lasts = show_duration(self.estimate.duration);
                format!(
                    "{stages} stages over {lasts}, at most {} users",
                    show_count(workload.loads.peak_users().into())
                )
            }
            _ => workload.loads.to_string(),
        };
        self.row(f, "load", &load)?;
        self.row(f, "", model)?;
        if !workload.warm_up.is_zero() {
            self.row(
                f,
                "warm-up",
                &format!(
                    "the first {}, run but not counted",
                    show_duration(workload.warm_up)
                ),
            )?;
        }
        if let Some(think) = plan.think_time {
            let place = match workload.loads.model() {
                Model::Open if has_both => "between steps; in closed loads also between iterations",
                Model::Closed => "between steps and between iterations",
                Model::Open => "between steps",
            };
            self.row(f, "think time", &format!("{} {place}", show_delay(think)))?;
        }
        let pacings = workload.flows.iter().map(|flow| flow.pacing);
        if let Some(pacing) = only(pacings).flatten() {
            let pacing = show_delay(pacing);
            self.row(
                f,
                "pacing",
                &format!("a user starts at most one iteration in {pacing}"),
            )?;
        }
        if !plan.secrets.named.is_empty() {
            self.row(f, "secrets", &self.secrets())?;
        }
        self.row(f, "seed", &plan.workload.seed.to_string())?;
        if workload.segment.count > 1 {
            let (index, count) = (workload.segment.index + 1, workload.segment.count);
            self.row(f, "segment", &format!("{index} of {count}"))?;
        }
        writeln!(f)
    }

    /// A line with a label and its text, wrapped to the width.
    fn row(&self, f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
        const TEXT: usize = 84;
        let options = Options::new(TEXT)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(false);
        let labels = iter::once(label).chain(iter::repeat(""));
        for (label, line) in labels.zip(textwrap::wrap(&self.plain(text), options)) {
            writeln!(f, "  {label:<11} {line}")?;
        }
        Ok(())
    }

    fn chart(&self, f: &mut fmt::Formatter<'_>, load: &LoadProfile) -> fmt::Result {
        if load.is_searched {
            return Ok(());
        }
        let (curve, unit, heading) = match &load.schedule {
            Schedule::Users(curve) => (curve, "", "users"),
            Schedule::Arrivals { curve, .. } => (curve, "/s", "starts per second"),
            Schedule::Iterations { .. } => return Ok(()),
        };
        let heading = titled(load, heading);
        writeln!(f, "  {}", cut(&heading, 98))?;
        chart::draw(f, curve, unit, self.plan.workload.warm_up, self.charset)?;
        writeln!(f)?;
        if load.stages.len() < 2 {
            return Ok(());
        }
        writeln!(
            f,
            "  {:>5} {:>10} {:>10}   level",
            "stage", "begins", "lasts"
        )?;
        for (index, mark) in load.stages.iter().enumerate() {
            let begins = show_duration(mark.start.as_duration());
            let lasts = show_duration(mark.end.saturating_sub(mark.start).as_duration());
            let level = self.plain(&mark.levels());
            let name = mark
                .name
                .as_deref()
                .map_or_else(String::new, |name| format!("   {}", cut(name, 40)));
            writeln!(
                f,
                "  {:>5} {begins:>10} {lasts:>10}   {level}{unit}{name}",
                index + 1
            )?;
        }
        writeln!(f)
    }

    fn volume(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, estimate, .. } = self;
        let workload = &plan.workload;
        if let Some(search) = &plan.search {
            self.row(f, "search", &search.to_string())?;
            let most = search.most.map_or_else(String::new, |most| {
                format!("the highest rate is {}; ", show_rate(most))
            });
            let narrow = format!(
                "{most}then rates in between until they are {} apart; the result is held for {}",
                show_percent(search.precision),
                show_duration(search.confirm)
            );
            self.row(f, "", &narrow)?;
            let end = format!(
                "each rate is judged for itself; it ends when the capacity is found, at the latest after {}",
                show_duration(search.max_duration)
            );
            self.row(f, "", &end)?;
            for rule in &search.rules {
                self.row(f, "until", &rule.expression)?;
            }
            return writeln!(f);
        }
        let about = if estimate.is_exact { "" } else { "about " };
        let iterations = self.count(estimate.iterations);
        let is_sure = estimate.is_exact
            && workload.flows.len() == 1
            && !workload
                .flows
                .iter()
                .any(|flow| has_condition(flow) || reacts(flow));
        let about_requests = if is_sure { "" } else { "about " };
        let requests = if is_sure {
            show_count(estimate.requests().round() as u64)
        } else {
            rounded(estimate.requests())
        };
        let per_second = estimate.requests() / estimate.duration.as_secs_f64().max(1e-6);
        let text = format!(
            "{about}{iterations} iterations, {about_requests}{requests} requests ({}/s on average)",
            rounded(per_second)
        );
        self.row(f, "expected", &text)?;
        if workload.loads.duration().is_none() {
            self.row(
                f,
                "",
                &format!("it ends after about {}", rough(estimate.duration)),
            )?;
        }
        if let Some(assumptions) = self.assumptions() {
            self.row(f, "", &assumptions)?;
        }
        for (load, seconds) in workload.loads.iter().zip(&estimate.iteration_seconds) {
            self.busy_users(f, load, *seconds)?;
        }
        writeln!(f)
    }

    /// Open model: reports whether there are enough users.
    fn busy_users(
        &self,
        f: &mut fmt::Formatter<'_>,
        load: &LoadProfile,
        iteration_seconds: f64,
    ) -> fmt::Result {
        let Schedule::Arrivals {
            curve, max_users, ..
        } = &load.schedule
        else {
            return Ok(());
        };
        // Little's law: busy users = starts per second × seconds per iteration.
        let needed = (curve.peak() * iteration_seconds).ceil();
        let verdict = if needed > f64::from(*max_users) {
            "too few: starts would be late"
        } else {
            "enough"
        };
        let text = format!(
            "at its peak about {} users are busy if every response takes {}; max_users is {max_users}, {verdict}",
            show_count(needed as u64),
            show_duration(ASSUMED_RESPONSE)
        );
        self.row(f, "users", &titled(load, &text))
    }

    /// The assumptions of the expected figures; `None` if the plan alone determines them.
    fn assumptions(&self) -> Option<String> {
        let mut assumed = Vec::new();
        let is_closed = |load: &LoadProfile| load.schedule.model() == Model::Closed;
        if self.plan.workload.loads.iter().any(is_closed) {
            assumed.push(format!(
                "every response takes {}",
                show_duration(ASSUMED_RESPONSE)
            ));
        }
        if self.plan.workload.flows.len() > 1 {
            assumed.push("flows are picked exactly by weight".to_owned());
        }
        if self.plan.workload.flows.iter().any(has_condition) {
            assumed.push("every `if` holds".to_owned());
        }
        if self.plan.workload.flows.iter().any(reacts) {
            assumed.push("no request fails".to_owned());
        }
        (!assumed.is_empty()).then(|| format!("if {}", assumed.join(", and ")))
    }
}

impl fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        for load in self.plan.workload.loads.iter() {
            self.chart(f, load)?;
        }
        self.volume(f)?;
        self.flows(f)?;
        self.feeds(f)?;
        self.machine(f)?;
        self.thresholds(f)
    }
}

/// The value that all have; `None` if they differ.
fn only<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// A text about a load, with the load's name if it has one.
fn titled(load: &LoadProfile, text: &str) -> String {
    match &load.name {
        Some(name) => format!("{name}: {text}"),
        None => text.to_owned(),
    }
}

fn has_condition(flow: &PlannedFlow) -> bool {
    has_step(flow, |step| step.condition.is_some())
}

/// True if steps run only because a request failed.
fn reacts(flow: &PlannedFlow) -> bool {
    has_step(flow, |step| {
        matches!(step.action, Action::Retry(_) | Action::Reacting(_))
    })
}

fn has_step(flow: &PlannedFlow, is: impl Fn(&Step<MeasuredRequest>) -> bool) -> bool {
    let blocks = flow.blocks().into_iter();
    let mut steps = blocks.flat_map(|block| visit(block));
    steps.any(|visit| is(visit.step))
}
