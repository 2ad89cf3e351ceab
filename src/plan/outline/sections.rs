//! The outline's tables: flows and steps, data, the machine's limits, and thresholds.

use std::collections::BTreeSet;
use std::fmt;

use super::Outline;
use super::text::{cut, rough, rounded};
use crate::plan::{MAX_SERIES, MeasuredRequest, OTHER, PlannedFlow, RequestUrl, Workload};
use crate::scenario::program::visit;
use crate::scenario::{Action, Feed, Per, Pick, SecretOrigin, Severity, WhenUsedUp, Window};
use crate::units::{show_count, show_duration, show_percent};

/// File descriptors that the generator uses besides its connections: logs, journal, timers, the target's pipe.
const OWN_FILES: u64 = 64;

impl Outline<'_> {
    pub(super) fn flows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // How often they run depends on what the search finds.
        if self.plan.search.is_some() {
            return Ok(());
        }
        writeln!(
            f,
            "  {:<56} {:>8} {:>12} {:>12}",
            "flow and step", "share", "iterations", "requests"
        )?;
        for (flow, share) in self.plan.workload.flows.iter().zip(&self.estimate.flows) {
            writeln!(
                f,
                "  {:<56} {:>8} {:>12} {:>12}",
                cut(&flow.name, 56),
                show_percent(share.share),
                self.count(share.iterations),
                self.count(share.requests())
            )?;
            for (series, requests) in &share.requests {
                let series = &self.plan.workload.series[series.0 as usize];
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
        if self
            .plan
            .workload
            .series
            .iter()
            .any(|series| series.name == OTHER)
        {
            self.row(
                f,
                "",
                &format!("steps beyond the first {MAX_SERIES} are recorded together as {OTHER}"),
            )?;
        }
        writeln!(f)
    }

    /// The names of the secrets, and where they come from.
    pub(super) fn secrets(&self) -> String {
        let secrets = self.plan.secrets.named.iter().map(|secret| {
            let name = &self.plan.workload.variables[secret.slot.0 as usize].name;
            match &secret.origin {
                SecretOrigin::Text => name.clone(),
                SecretOrigin::File => format!("{name} (a file)"),
                SecretOrigin::Command(_) => {
                    format!("{name} (a command, run with --allow-command)")
                }
            }
        });
        secrets.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn feeds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.workload.feeds.is_empty() {
            return Ok(());
        }
        writeln!(f, "  {:<20} {:>9}", "data", "rows")?;
        for feed in &self.plan.workload.feeds {
            let rows = show_count(feed.rows.len() as u64);
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
        match feed.per {
            Per::User => return self.feed_of_users(feed.pick, rows),
            Per::Iteration => {}
        }
        let times = self.estimate.iterations / rows as f64;
        let round = if times > 1.0 {
            format!("each row is used about {} times", rounded(times))
        } else {
            "more rows than iterations".to_owned()
        };
        match feed.pick {
            Pick::Sequential => format!("in order: {round}"),
            Pick::Shuffled => format!("shuffled: {round}"),
            Pick::Random => "a random row each time".to_owned(),
            Pick::Unique => match self.estimate.reaches(rows, &self.plan.workload) {
                Some(at) => {
                    let after = rough(at);
                    match feed.when_used_up {
                        WhenUsedUp::Fail => {
                            format!("unique: used up after about {after}, then the run fails")
                        }
                        WhenUsedUp::End => {
                            format!("unique: used up after about {after}, then the load ends")
                        }
                    }
                }
                None => "unique: enough for every iteration".to_owned(),
            },
        }
    }

    /// Rows that users keep.
    fn feed_of_users(&self, pick: Pick, rows: u64) -> String {
        let users = u64::from(self.plan.workload.loads.peak_users());
        let beyond = users.saturating_sub(rows);
        match pick {
            Pick::Random => "a random row for each user".to_owned(),
            Pick::Sequential | Pick::Shuffled if beyond > 0 => {
                "a row for each user; some users have the same".to_owned()
            }
            Pick::Unique if beyond > 0 => {
                format!(
                    "a row for each user; {} users get none and end",
                    show_count(beyond)
                )
            }
            Pick::Sequential | Pick::Shuffled | Pick::Unique => {
                "a row of its own for each user".to_owned()
            }
        }
    }

    pub(super) fn machine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = u64::from(self.plan.workload.loads.peak_users());
        let origins = origins(&self.plan.workload);
        // Each user keeps the connections of its widest parallel block.
        let at_once = at_once(&self.plan.workload);
        let each = origins * at_once;
        let connections = users * each;
        let per_user = if each == 1 {
            String::new()
        } else {
            format!(" ({each} for each of {users} users)")
        };
        self.row(
            f,
            "connections",
            &format!("at most {}{per_user}", show_count(connections)),
        )?;
        let files = connections + OWN_FILES;
        let text = match self.open_files {
            Some(limit) if files > limit => format!(
                "about {} needed, but this process may have {}: raise it with `ulimit -n`",
                show_count(files),
                show_count(limit)
            ),
            Some(limit) => format!("about {} of {}", show_count(files), show_count(limit)),
            None => format!("about {}, no limit known", show_count(files)),
        };
        self.row(f, "open files", &text)?;
        let text = match self.local_ports {
            Some(limit) if users * at_once > u64::from(limit) => format!(
                "{} needed, but there are {}: widen net.ipv4.ip_local_port_range",
                show_count(users * at_once),
                show_count(limit.into())
            ),
            Some(limit) => format!(
                "{} of {} while connections stay open",
                show_count(users * at_once),
                show_count(limit.into())
            ),
            None => format!("{}, no limit known", show_count(users)),
        };
        self.row(f, "local ports", &text)
    }

    pub(super) fn thresholds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
                    show_count(threshold.min_samples)
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

/// The number of known origins of the plan's requests; each user keeps a connection to each.
/// The maximum number of connections of a user to one origin at the same time.
fn at_once(workload: &Workload) -> u64 {
    let blocks = workload.flows.iter().flat_map(PlannedFlow::blocks);
    let steps = blocks.flat_map(|block| visit(block));
    let lanes = steps.filter_map(|visit| {
        if let Action::Assets(assets) = &visit.step.action {
            return Some(assets.at_once);
        }
        let Action::Parallel(block) = &visit.step.action else {
            return None;
        };
        Some(block.at_once)
    });
    // The lanes are beside the user's own connection.
    lanes.max().map_or(1, |most| u64::from(most) + 1)
}

fn origins(workload: &Workload) -> u64 {
    let target = workload.target.origin().ascii_serialization();
    let each = workload.measured_requests();
    let found: BTreeSet<String> = each.map(|request| origin(request, &target)).collect();
    (found.len() as u64).max(1)
}

fn origin(measured: &MeasuredRequest, target: &str) -> String {
    match &measured.request.url {
        RequestUrl::Literal(uri) => match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => target.to_owned(),
        },
        RequestUrl::Path(_) | RequestUrl::Whole(_) => target.to_owned(),
    }
}
