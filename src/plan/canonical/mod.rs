//! The canonical text of a workload, which is hashed.
//!
//! Its names and words are its own, so that no change of a type or a field of the source code changes it. A line is a
//! name and a value in JSON. It leaves out the seed, the target's address, this machine's share, and names and rules
//! that do not change the load; and the values of secrets, which may differ from run to run.

mod request;
#[cfg(test)]
mod tests;
mod value;

use std::fmt::{self, Write};
use std::iter;
use std::time::Duration;

use self::value::{list, quoted};
use super::curve::Curve;
use super::{PlannedFlow, PlannedRequest, Schedule, Secrets, Workload};
use crate::scenario::program::{Items, Loop, Passes, Wait, visit};
use crate::scenario::{
    Action, Bounds, Delay, Ends, Per, Recording, Scope, Share, Sharing, SlotId, Step,
};
use crate::source::hex;

/// Writes the canonical text of a workload.
pub(super) fn write(workload: &Workload, secrets: &Secrets, out: &mut dyn Write) -> fmt::Result {
    let mut canonical = Canonical {
        workload,
        secrets,
        addresses: addresses(workload),
        out,
    };
    canonical.loads()?;
    canonical.settings()?;
    canonical.variables()?;
    canonical.scripts()?;
    canonical.feeds()?;
    canonical.block("setup", &workload.setup)?;
    canonical.block("teardown", &workload.teardown)?;
    workload
        .flows
        .iter()
        .try_for_each(|flow| canonical.flow(flow))
}

struct Canonical<'w> {
    workload: &'w Workload,
    secrets: &'w Secrets,
    /// The addresses of the targets, each with the text in its place.
    addresses: Vec<(String, String)>,
    out: &'w mut dyn Write,
}

/// The addresses of the targets, which may differ from run to run, each with the text in its place.
fn addresses(workload: &Workload) -> Vec<(String, String)> {
    let main = workload.target.origin().ascii_serialization();
    let others = workload.targets.iter().map(|(name, url)| {
        let base = url.as_str().trim_end_matches('/').to_owned();
        (base, format!("{name}:"))
    });
    others.chain([(main, String::new())]).collect()
}

impl Canonical<'_> {
    /// A URL without the address of its target.
    fn without_address(&self, url: &str) -> String {
        let mut addresses = self.addresses.iter();
        let found = addresses.find_map(|(address, name)| {
            let rest = url.strip_prefix(address.as_str())?;
            (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| format!("{name}{rest}"))
        });
        found.unwrap_or_else(|| url.to_owned())
    }

    /// Writes a line; `value` is JSON.
    fn line(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        writeln!(self.out, "{name} {value}")
    }

    fn loads(&mut self) -> fmt::Result {
        let workload = self.workload;
        for load in workload.loads.iter() {
            self.line("load", schedule(&load.schedule))?;
            // A load of all flows needs no list of them.
            if load.flows.len() < workload.flows.len() {
                let names = load.flows.iter().map(|&flow| &workload.flows[flow].name);
                self.line("load_flows", list(names.map(|name| quoted(name))))?;
            }
            if !load.from.is_zero() {
                self.line("load_from", micros(load.from))?;
            }
            if let Some(throughput) = load.throughput {
                self.line("throughput", throughput.as_per_second())?;
            }
        }
        Ok(())
    }

    fn settings(&mut self) -> fmt::Result {
        let workload = self.workload;
        self.line("pacing", optional(self.pacing().map(micros)))?;
        self.line("on_error", quoted(workload.on_error.word()))?;
        self.line("redirects", workload.http.redirects)?;
        self.line("cookies", quoted(workload.http.cookies.word()))?;
        self.line("body_limit", workload.http.body_limit.0)?;
        self.line("resend", workload.http.resend)?;
        match workload.http.trace_context {
            None => Ok(()),
            Some(_) => self.line("trace_context", true),
        }
    }

    /// The constant pacing of the first flow.
    fn pacing(&self) -> Option<Duration> {
        match self.workload.flows.first()?.pacing? {
            Delay::Constant(pacing) => Some(pacing),
            Delay::Uniform(..) | Delay::Normal(..) | Delay::Exponential(..) => None,
        }
    }

    fn variables(&mut self) -> fmt::Result {
        let slots = (0..).map(SlotId);
        for (slot, variable) in slots.zip(&self.workload.variables) {
            let scope = match variable.scope {
                Scope::Run => "run",
                Scope::User => "user",
                Scope::Iteration => "iteration",
            };
            let is_secret = self.secrets.slots.contains(&slot);
            let initial = match &variable.drawn {
                // The values differ with the seed, which is not a part of this text.
                Some(drawn) => Some(list([quoted("drawn"), self.template(&drawn.template)])),
                None => variable.initial.as_ref().map(|value| self.value(value)),
            };
            let initial = initial.filter(|_| !is_secret);
            let facts = [quoted(&variable.name), quoted(scope), optional(initial)];
            self.line("variable", list(facts))?;
        }
        Ok(())
    }

    /// The texts of the scripts; their names do not matter.
    fn scripts(&mut self) -> fmt::Result {
        for module in self.workload.scripts.modules() {
            let digest = super::fingerprint::digest(&module.text);
            self.line("script", quoted(&digest))?;
        }
        Ok(())
    }

    fn feeds(&mut self) -> fmt::Result {
        for (index, feed) in self.workload.feeds.iter().enumerate() {
            let columns = list(feed.columns.iter().map(|column| quoted(column)));
            let pick = quoted(feed.pick.word());
            let mut facts = vec![quoted(&feed.name), columns, pick];
            match feed.per {
                Per::Iteration => {}
                Per::User => facts.push(quoted(feed.per.word())),
            }
            self.line("feed", list(facts))?;
            self.line("rows", feed.rows.len())?;
            // One digest for each column, so that those of secrets can be left out.
            let digests = feed.rows.digests().iter();
            for (column, digest) in
                feed.columns
                    .iter()
                    .zip(digests)
                    .enumerate()
                    .filter_map(|(number, column)| {
                        let is_secret = self.secrets.columns.contains(&(index, number));
                        (!is_secret).then_some(column)
                    })
            {
                self.line("column", list([quoted(column), quoted(&hex(&digest[..]))]))?;
            }
        }
        Ok(())
    }

    fn flow(&mut self, flow: &PlannedFlow) -> fmt::Result {
        let rest = optional(flow.rest.as_ref().map(delay));
        let share = match flow.share {
            Share::Weight(weight) => weight.to_string(),
            Share::Users { count, .. } => list([quoted("users"), count.to_string()]),
        };
        self.line("flow", list([quoted(&flow.name), share, rest]))?;
        match &flow.pacing {
            Some(Delay::Constant(pacing)) if Some(*pacing) == self.pacing() => {}
            None if self.pacing().is_none() => {}
            pacing => self.line("flow_pacing", optional(pacing.as_ref().map(delay)))?,
        }
        self.block("start", &flow.start)?;
        self.block("steps", &flow.steps)?;
        if flow.stop.is_empty() {
            return Ok(());
        }
        self.block("stop", &flow.stop)
    }

    fn block<R: AsRef<PlannedRequest>>(&mut self, name: &str, block: &[Step<R>]) -> fmt::Result {
        let steps = visit(block);
        self.line(name, steps.len())?;
        for visit in steps {
            match visit.branch {
                0 => self.line("step", visit.depth)?,
                branch => self.line("step", list([visit.depth, branch].map(|n| n.to_string())))?,
            }
            if let Some(condition) = &visit.step.condition {
                let holds = self.expression(&condition.0);
                self.line("if", holds)?;
            }
            match &visit.step.action {
                Action::Request(request) => self.request((**request).as_ref())?,
                Action::Reacting(reacting) => {
                    self.request(reacting.request.as_ref())?;
                    let reactions = reacting.reactions.iter().map(|reaction| {
                        let (on, then) = (reaction.on.to_string(), reaction.then.word());
                        list([on.as_str(), then].map(quoted))
                    });
                    self.line("on", list(reactions))?;
                }
                Action::Think(pause) => self.line("think", delay(pause))?,
                Action::Rendezvous(rendezvous) => {
                    let facts = [rendezvous.users.to_string(), micros(rendezvous.within)];
                    self.line("rendezvous", list(facts))?;
                }
                Action::Set(values) => {
                    for (slot, template) in values {
                        let value = self.template(template);
                        self.line("set", list([self.variable(*slot), value]))?;
                    }
                }
                Action::If(branches) => {
                    let holds = self.expression(&branches.condition.0);
                    self.line("branches", holds)?;
                }
                Action::Loop(repeated) => self.passes(repeated)?,
                Action::Retry(retry) => {
                    let wait = match &retry.wait {
                        Wait::Pause(pause) => delay(pause),
                        Wait::Backoff { first, at_most } => {
                            list([quoted("backoff"), micros(*first), micros(*at_most)])
                        }
                    };
                    let facts = [retry.times.to_string(), ends(&retry.on), wait];
                    self.line("retry", list(facts))?;
                }
                Action::Choose(alternatives) => {
                    let weights = alternatives.iter().map(|one| one.weight.to_string());
                    self.line("choose", list(weights))?;
                }
                Action::Group(_) => self.line("group", "null")?,
                Action::Parallel(block) => self.line("parallel", block.at_once)?,
                Action::Assets(assets) => {
                    let facts = [assets.at_once.to_string(), assets.same_host.to_string()];
                    self.line("assets", list(facts))?;
                    self.request(assets.request.as_ref())?;
                }
                Action::Call(call) => {
                    let with = call.with.iter();
                    let with = with.map(|(slot, template)| {
                        list([self.variable(*slot), self.template(template)])
                    });
                    let with = list(with);
                    self.line("call", with)?;
                }
                Action::Fail(text) => self.line("fail", self.template(text))?,
                Action::Stop(scope) => self.line("stop", quoted(scope.word()))?,
                Action::Log(text) => self.line("log", self.template(text))?,
                Action::Record(recordings) => self.recordings(recordings)?,
            }
        }
        Ok(())
    }

    /// Values that are recorded; one that is missing can end an iteration.
    fn recordings(&mut self, recordings: &[Recording]) -> fmt::Result {
        for Recording { metric, value } in recordings {
            let name = quoted(&self.workload.custom_metrics[*metric].name);
            let value = self.template(value);
            self.line("record", list([name, value]))?;
        }
        Ok(())
    }

    fn passes<R>(&mut self, repeated: &Loop<R>) -> fmt::Result {
        let pause = optional(repeated.pause.as_ref().map(delay));
        let (name, facts) = match &repeated.passes {
            Passes::Times(times) => ("repeat", vec![times.to_string()]),
            Passes::Count(count) => ("repeat", vec![self.template(count)]),
            Passes::While { condition, max } => {
                let holds = self.expression(&condition.0);
                (
                    "while",
                    vec![holds, optional(max.map(|max| max.to_string()))],
                )
            }
            Passes::Until {
                condition,
                max,
                every,
            } => {
                let holds = self.expression(&condition.0);
                let every = optional(every.map(micros));
                ("until", vec![holds, max.to_string(), every])
            }
            Passes::Each(each) => {
                let items = match &each.items {
                    Items::Written(items) => list(items.iter().map(|item| self.template(item))),
                    Items::Value(value) => self.template(value),
                };
                let item = self.variable(each.item);
                let index = optional(each.index.map(|slot| self.variable(slot)));
                let is_shuffled = each.is_shuffled.to_string();
                ("foreach", vec![items, item, index, is_shuffled])
            }
        };
        self.line(name, list(facts.into_iter().chain([pause])))
    }
}

/// A duration in microseconds.
fn micros(length: Duration) -> String {
    length.as_micros().to_string()
}

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

/// Ends of requests, in the order written.
fn ends(ends: &Ends) -> String {
    list(ends.0.iter().map(|end| quoted(&end.to_string())))
}

/// Bounds, unless there are none.
fn limits(bounds: Bounds) -> Vec<Duration> {
    if bounds == Bounds::default() {
        return Vec::new();
    }
    iter::once(bounds.least).chain(bounds.most).collect()
}

fn delay(delay: &Delay) -> String {
    let (law, parameters) = match *delay {
        Delay::Constant(length) => ("constant", vec![length]),
        Delay::Uniform(low, high) => ("uniform", vec![low, high]),
        Delay::Normal(mean, deviation, bounds) => {
            let parameters = [mean, deviation].into_iter();
            ("normal", parameters.chain(limits(bounds)).collect())
        }
        Delay::Exponential(mean, bounds) => {
            let parameters = iter::once(mean);
            ("exponential", parameters.chain(limits(bounds)).collect())
        }
    };
    let parameters = parameters.into_iter().map(micros);
    list(std::iter::once(quoted(law)).chain(parameters))
}

fn schedule(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Users(levels) => list([quoted("users"), curve(levels)]),
        Schedule::Iterations {
            count,
            sharing,
            users,
            max_duration,
        } => list([
            quoted("iterations"),
            count.to_string(),
            quoted(match sharing {
                Sharing::Shared => "shared",
                Sharing::PerUser => "per_user",
            }),
            users.to_string(),
            optional(max_duration.map(micros)),
        ]),
        Schedule::Arrivals {
            curve: levels,
            law,
            max_users,
        } => list([
            quoted("arrivals"),
            quoted(law.word()),
            max_users.to_string(),
            curve(levels),
        ]),
    }
}

/// The pieces of a curve: level at the start, level at the end, length.
fn curve(curve: &Curve) -> String {
    list(curve.pieces.iter().map(|piece| {
        let (from, to) = (piece.from.to_string(), piece.to.to_string());
        list([from, to, micros(piece.duration)])
    }))
}
