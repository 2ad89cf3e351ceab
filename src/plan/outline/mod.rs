//! What a run would do, for a terminal: the load as a chart, how much it sends, how long its data lasts, whether this
//! machine can carry it. Nothing is sent to find out.

mod chart;
mod estimate;

use std::collections::BTreeSet;
use std::fmt;

use estimate::{ASSUMED_RESPONSE, Estimate};

use super::schedule::{Model, show_level};
use super::{Action, Flow, OTHER, Plan, Request, RequestUrl, Schedule, Step};
use crate::scenario::{Delay, Feed, Pick, Severity, Window};
use crate::units::show_duration;

/// File descriptors that the generator has open besides its connections: logs, journal, timers, the target's pipe.
const OWN_FILES: u64 = 64;

/// What a run would do; shown with [`Display`](fmt::Display), at most 100 columns wide.
#[derive(Debug, Clone)]
pub struct Outline<'p> {
    plan: &'p Plan,
    estimate: Estimate,
    open_files: Option<u64>,
    local_ports: Option<u32>,
    charset: Charset,
}

/// The characters that may be drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Blocks, lines and arrows.
    Unicode,
    /// Nothing beyond ASCII, but for names.
    Ascii,
}

impl<'p> Outline<'p> {
    /// The outline of a plan on a machine with these limits: open files of a process, and local ports for connections
    /// to one address; none where there is no limit or none is known.
    pub fn of(plan: &'p Plan, open_files: Option<u64>, local_ports: Option<u32>) -> Self {
        Self {
            plan,
            estimate: Estimate::of(plan),
            open_files,
            local_ports,
            charset: Charset::Unicode,
        }
    }

    /// The same, drawn with these characters.
    #[must_use]
    pub const fn drawn_with(mut self, charset: Charset) -> Self {
        self.charset = charset;
        self
    }

    /// Text of our own in the characters allowed.
    fn plain(&self, text: &str) -> String {
        match self.charset {
            Charset::Unicode => text.to_owned(),
            Charset::Ascii => text
                .replace('→', "->")
                .replace('×', "x")
                .replace(['·', '–'], "-"),
        }
    }

    /// A number of things expected: exact where the schedule decides it, else to three digits.
    fn count(&self, value: f64) -> String {
        if self.estimate.is_exact {
            whole(value)
        } else {
            rounded(value)
        }
    }

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let model = match plan.schedule.model() {
            Model::Closed => "closed model: a user starts again when it has ended",
            Model::Open => "open model: starts follow the schedule, whatever the target does",
        };
        writeln!(f, "{}", plan.name)?;
        let load = match plan.schedule.stage_marks().len() {
            stages @ 3.. => {
                let lasts = show_duration(self.estimate.duration);
                format!(
                    "{stages} stages over {lasts}, at most {} users",
                    whole(f64::from(plan.schedule.peak_users()))
                )
            }
            _ => plan.schedule.to_string(),
        };
        self.row(f, "load", &load)?;
        self.row(f, "", model)?;
        if !plan.warm_up.is_zero() {
            self.row(
                f,
                "warm-up",
                &format!(
                    "the first {}, run but not counted",
                    show_duration(plan.warm_up)
                ),
            )?;
        }
        if let Some(think) = plan.think_time {
            self.row(
                f,
                "think time",
                &format!("{} between steps", show_delay(think)),
            )?;
        }
        if let Some(pacing) = plan.pacing {
            let pacing = show_duration(pacing);
            self.row(
                f,
                "pacing",
                &format!("a user starts at most one iteration in {pacing}"),
            )?;
        }
        self.row(f, "seed", &plan.seed.to_string())?;
        if plan.segment.count > 1 {
            let (index, count) = (plan.segment.index + 1, plan.segment.count);
            self.row(f, "segment", &format!("{index} of {count}"))?;
        }
        writeln!(f)
    }

    /// A line of a label and its text, wrapped to the width.
    fn row(&self, f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
        const TEXT: usize = 84;
        let mut label = label;
        let mut line = String::new();
        for word in self.plain(text).split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > TEXT {
                writeln!(f, "  {label:<11} {line}")?;
                label = "";
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        writeln!(f, "  {label:<11} {line}")
    }

    fn chart(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (curve, unit, heading) = match &self.plan.schedule {
            Schedule::Users(curve) => (curve, "", "users"),
            Schedule::Arrivals { curve, .. } => (curve, "/s", "starts a second"),
            Schedule::Iterations { .. } => return Ok(()),
        };
        writeln!(f, "  {heading}")?;
        chart::draw(f, curve, unit, self.plan.warm_up, self.charset)?;
        writeln!(f)?;
        if curve.pieces.len() < 2 {
            return Ok(());
        }
        writeln!(
            f,
            "  {:>5} {:>10} {:>10}   level",
            "stage", "begins", "lasts"
        )?;
        for (index, mark) in self.plan.schedule.stage_marks().iter().enumerate() {
            let begins = match index {
                0 => "0s".to_owned(),
                _ => show_duration(mark.start.as_duration()),
            };
            let lasts = show_duration(mark.end.saturating_sub(mark.start).as_duration());
            let (from, to) = (show_level(mark.from), show_level(mark.to));
            let level = if from == to {
                to
            } else {
                self.plain(&format!("{from} → {to}"))
            };
            writeln!(
                f,
                "  {:>5} {begins:>10} {lasts:>10}   {level}{unit}",
                index + 1
            )?;
        }
        writeln!(f)
    }

    fn volume(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, estimate, .. } = self;
        let about = if estimate.is_exact { "" } else { "about " };
        let iterations = self.count(estimate.iterations);
        let is_sure =
            estimate.is_exact && plan.flows.len() == 1 && !plan.flows.iter().any(has_condition);
        let about_requests = if is_sure { "" } else { "about " };
        let requests = if is_sure {
            whole(estimate.requests())
        } else {
            rounded(estimate.requests())
        };
        let per_second = estimate.requests() / estimate.duration.as_secs_f64().max(1e-6);
        let text = format!(
            "{about}{iterations} iterations, {about_requests}{requests} requests ({}/s on average)",
            rounded(per_second)
        );
        self.row(f, "expected", &text)?;
        if plan.schedule.duration().is_none() {
            self.row(
                f,
                "",
                &format!("it ends after about {}", rough(estimate.duration)),
            )?;
        }
        if let Some(assumptions) = self.assumptions() {
            self.row(f, "", &assumptions)?;
        }
        if let Schedule::Arrivals {
            curve, max_users, ..
        } = &plan.schedule
        {
            // Little's law: users busy = starts a second × seconds each keeps one.
            let needed = (curve.peak() * estimate.iteration_seconds).ceil();
            let verdict = if needed > f64::from(*max_users) {
                "too few: starts would be late, and count as such"
            } else {
                "enough"
            };
            let text = format!(
                "at its peak about {} users are busy; max_users is {max_users}, {verdict}",
                whole(needed)
            );
            self.row(f, "users", &text)?;
        }
        writeln!(f)
    }

    /// What the expected figures stand on; none where the plan alone decides them.
    fn assumptions(&self) -> Option<String> {
        let mut assumed = Vec::new();
        if !matches!(self.plan.schedule, Schedule::Arrivals { .. }) {
            assumed.push(format!(
                "every response takes {}",
                show_duration(ASSUMED_RESPONSE)
            ));
        }
        if self.plan.flows.len() > 1 {
            assumed.push("flows are picked exactly by weight".to_owned());
        }
        if self.plan.flows.iter().any(has_condition) {
            assumed.push("every `if` holds".to_owned());
        }
        (!assumed.is_empty()).then(|| format!("if {}", assumed.join(", and ")))
    }

    fn flows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<56} {:>8} {:>12} {:>12}",
            "flow and step", "share", "iterations", "requests"
        )?;
        for (flow, share) in self.plan.flows.iter().zip(&self.estimate.flows) {
            writeln!(
                f,
                "  {:<56} {:>8} {:>12} {:>12}",
                cut(&flow.name, 56),
                format!("{} %", show_level(share.share * 100.0)),
                self.count(share.iterations),
                self.count(share.requests())
            )?;
            for (series, requests) in &share.requests {
                let series = &self.plan.series[series.0 as usize];
                writeln!(
                    f,
                    "    {:<54} {:>8} {:>12} {:>12}",
                    cut(&series.name, 54),
                    "",
                    "",
                    self.count(*requests)
                )?;
            }
        }
        if self.plan.series.iter().any(|series| series.name == OTHER) {
            self.row(
                f,
                "",
                &format!(
                    "steps beyond the first {} are recorded together as {OTHER}",
                    super::MAX_SERIES
                ),
            )?;
        }
        writeln!(f)
    }

    fn feeds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.feeds.is_empty() {
            return Ok(());
        }
        writeln!(f, "  {:<20} {:>9}", "data", "rows")?;
        for feed in &self.plan.feeds {
            let rows = whole(feed.rows.len() as f64);
            writeln!(
                f,
                "  {:<20} {rows:>9}  {}",
                cut(&feed.name, 20),
                self.feed(feed)
            )?;
        }
        writeln!(f)
    }

    fn feed(&self, feed: &Feed) -> String {
        let rows = feed.rows.len() as u64;
        let times = self.estimate.iterations / rows as f64;
        let round = match times {
            _ if times > 1.0 => format!("each row is used about {} times", rounded(times)),
            _ => "more than there are iterations".to_owned(),
        };
        match feed.pick {
            Pick::Sequential => format!("in order: {round}"),
            Pick::Shuffled => format!("shuffled: {round}"),
            Pick::Random => "any row, each time".to_owned(),
            Pick::Unique => match self.estimate.reaches(rows, self.plan) {
                Some(at) => format!("unique: used up after about {}, then users end", rough(at)),
                None => "unique: enough for every iteration".to_owned(),
            },
        }
    }

    fn machine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = u64::from(self.plan.schedule.peak_users());
        let origins = origins(self.plan);
        let connections = users * origins;
        let per_user = if origins == 1 {
            String::new()
        } else {
            format!(" ({origins} for each of {users} users)")
        };
        self.row(
            f,
            "connections",
            &format!("at most {}{per_user}", whole(connections as f64)),
        )?;
        let files = connections + OWN_FILES;
        let text = match self.open_files {
            Some(limit) if files > limit => format!(
                "about {} needed, but this process may have {}: raise it with `ulimit -n`",
                whole(files as f64),
                whole(limit as f64)
            ),
            Some(limit) => format!("about {} of {}", whole(files as f64), whole(limit as f64)),
            None => format!("about {}, no limit known", whole(files as f64)),
        };
        self.row(f, "open files", &text)?;
        let text = match self.local_ports {
            Some(limit) if users > u64::from(limit) => format!(
                "{} needed, but there are {}: widen net.ipv4.ip_local_port_range",
                whole(users as f64),
                whole(f64::from(limit))
            ),
            Some(limit) => format!(
                "{} of {} while connections stay open",
                whole(users as f64),
                whole(f64::from(limit))
            ),
            None => format!("{}, no limit known", whole(users as f64)),
        };
        self.row(f, "local ports", &text)
    }

    fn thresholds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.thresholds.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        let mut label = "thresholds";
        for threshold in &self.plan.thresholds {
            let mut notes = Vec::new();
            match threshold.window {
                Window::Total => {}
                Window::Rolling(length) => {
                    notes.push(format!("in every {}", show_duration(length)));
                }
                Window::Sustained(length) => {
                    notes.push(format!("broken for {}", show_duration(length)));
                }
            }
            if threshold.min_samples > 1 {
                notes.push(format!(
                    "from {} samples",
                    whole(threshold.min_samples as f64)
                ));
            }
            if let Some(after) = threshold.abort_after {
                notes.push(format!("stops the run after {}", show_duration(after)));
            }
            if threshold.severity == Severity::Warn {
                notes.push("only warns".to_owned());
            }
            if threshold.line.is_none() {
                notes.push("built in".to_owned());
            }
            let notes = if notes.is_empty() {
                String::new()
            } else {
                format!("  ({})", notes.join(", "))
            };
            self.row(f, label, &format!("{}{notes}", threshold.expression))?;
            label = "";
        }
        Ok(())
    }
}

impl fmt::Display for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.chart(f)?;
        self.volume(f)?;
        self.flows(f)?;
        self.feeds(f)?;
        self.machine(f)?;
        self.thresholds(f)
    }
}

fn has_condition(flow: &Flow) -> bool {
    fn any(steps: &[Step]) -> bool {
        steps.iter().any(|step| {
            step.condition.is_some()
                || matches!(&step.action, Action::Repeat { steps, .. } if any(steps))
        })
    }
    any(&flow.steps) || any(&flow.start)
}

/// How many origins the plan's requests are known to go to; each user keeps a connection to each.
fn origins(plan: &Plan) -> u64 {
    fn collect(steps: &[Step], target: &str, into: &mut BTreeSet<String>) {
        for step in steps {
            match &step.action {
                Action::Request(request) => {
                    into.insert(origin(request, target));
                }
                Action::Think(_) => {}
                Action::Repeat { steps, .. } => collect(steps, target, into),
            }
        }
    }
    let target = plan.target.origin().ascii_serialization();
    let mut found = BTreeSet::new();
    for flow in &plan.flows {
        collect(&flow.start, &target, &mut found);
        collect(&flow.steps, &target, &mut found);
    }
    (found.len() as u64).max(1)
}

fn origin(request: &Request, target: &str) -> String {
    match &request.url {
        RequestUrl::Literal(uri) => match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => target.to_owned(),
        },
        RequestUrl::Path(_) | RequestUrl::Whole(_) => target.to_owned(),
    }
}

fn show_delay(delay: Delay) -> String {
    match delay {
        Delay::Constant(length) => show_duration(length),
        Delay::Uniform(low, high) => format!("{} to {}", show_duration(low), show_duration(high)),
        Delay::Normal(mean, sd) => {
            format!("{} (normal, sd {})", show_duration(mean), show_duration(sd))
        }
        Delay::Exponential(mean) => format!("{} on average (exponential)", show_duration(mean)),
    }
}

/// A length of time in whole seconds, or finer below ten.
fn rough(duration: std::time::Duration) -> String {
    if duration.as_secs() < 10 {
        return show_duration(duration);
    }
    show_duration(std::time::Duration::from_secs(
        duration.as_secs_f64().round() as u64,
    ))
}

/// A whole number with its thousands apart: `12,345`.
fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// To three significant digits: `38,000`, `16.8`.
fn rounded(value: f64) -> String {
    if value < 100.0 {
        let decimals = if value < 10.0 { 2 } else { 1 };
        let text = format!("{value:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let unit = 10_f64.powf(value.log10().floor() - 2.0);
    whole((value / unit).round() * unit)
}

/// The text in at most `width` characters, control characters removed.
fn cut(text: &str, width: usize) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= width {
        return clean;
    }
    let kept: String = clean.chars().take(width - 1).collect();
    format!("{kept}…")
}
