//! A run of a site: what `index.json` keeps of it, in units that every reader understands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::figure::FIGURES;
use crate::compare::{Profile, Reading, RunFacts, Scale};
use crate::report::model::Report;
use crate::report::text::clean;
use crate::stats::t_quantile;
use crate::units::show_number;
use crate::verdict::Conclusion;

/// The start of the change that `--env NAME` makes, in the changes of a run.
const ENVIRONMENT: &str = "environment = ";

/// The degrees of freedom of an error within a run: it comes from ten blocks of time at least.
const DF_WITHIN: f64 = 9.0;

/// A published run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRun {
    /// The identifier, and the name of its folder below `runs/`.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The start, RFC 3339, UTC.
    pub started_at: String,
    /// The environment of the scenario that was applied (`--env`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The label that the publisher gave it, such as the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// A page about the run, such as that of its CI job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The verdict.
    pub verdict: Conclusion,
    /// The reason of the verdict.
    pub reason: String,
    /// True if the run ended as planned.
    pub is_whole: bool,
    /// The seconds of load that were measured.
    pub load_s: f64,
    /// Requests that ended in that time.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The conditions under which it was measured.
    pub conditions: SiteConditions,
    /// The figures by name; one without data is left out.
    pub figures: BTreeMap<String, SiteReading>,
    /// SHA-256 of its journal, in hex.
    pub journal_sha256: String,
    /// What a later minor version added.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

/// The conditions of a run: runs with different ones are on different lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SiteConditions {
    /// Gander's version.
    pub gander: String,
    /// `bundled`, the command that started the target, or its address.
    pub target: String,
    /// The hash of the load, without seed and target.
    pub workload: String,
    /// Changes of the command line, without those of target and environment.
    pub changes: String,
    /// The machine that generated the load.
    pub machine: String,
}

/// A figure of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReading {
    /// The value: µs, a share from 0 to 1, or a number per second.
    pub value: f64,
    /// The lower end of the run's own 95 % interval; none if the run was too short to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The number of samples; none of a number that is no statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
}

/// What the publisher says about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// `--label`
    pub label: Option<String>,
    /// `--commit`, instead of the commit that the run recorded.
    pub commit: Option<String>,
    /// `--link`
    pub link: Option<String>,
}

/// The environment that the changes of a run name.
pub fn environment_of(changes: &[String]) -> Option<&str> {
    let mut changes = changes.iter();
    changes.find_map(|change| change.strip_prefix(ENVIRONMENT))
}

impl SiteRun {
    /// The run of a report with its profile; `None` without a profile.
    pub fn of(report: &Report, labels: &Labels, journal_sha256: String) -> Option<Self> {
        let profile = report.profile.as_deref()?;
        let facts = &profile.facts;
        let environment = environment_of(&facts.changes);
        Some(Self {
            run_id: facts.run_id.clone(),
            scenario: facts.scenario.clone(),
            started_at: facts.started_at.clone(),
            environment: environment.map(str::to_owned),
            label: labels.label.clone(),
            commit: labels.commit.clone().or_else(|| facts.git_commit.clone()),
            link: labels.link.clone(),
            verdict: report.verdict.conclusion,
            reason: report.verdict.reason.clone(),
            is_whole: facts.is_whole,
            load_s: facts.load_s,
            requests: facts.requests,
            failed: facts.failed,
            conditions: SiteConditions::of(facts),
            figures: readings(profile),
            journal_sha256,
            more: Map::new(),
        })
    }

    /// Without characters that a page, a feed or a terminal could misunderstand; a file may have been changed by hand.
    pub(super) fn cleaned(mut self) -> Self {
        let own = [&mut self.scenario, &mut self.started_at, &mut self.reason];
        let names = [&mut self.environment, &mut self.label, &mut self.commit];
        let conditions = &mut self.conditions;
        let conditions = [
            &mut conditions.gander,
            &mut conditions.target,
            &mut conditions.workload,
            &mut conditions.changes,
            &mut conditions.machine,
        ];
        for text in own
            .into_iter()
            .chain(names.into_iter().flatten())
            .chain(conditions)
        {
            *text = clean(text);
        }
        let is_page = |link: &String| link.starts_with("https://") || link.starts_with("http://");
        self.link = self.link.filter(is_page);
        self
    }

    /// The reason why the run is in no trend; `None` if it is in one.
    pub fn left_out(&self) -> Option<&'static str> {
        match self.verdict {
            Conclusion::Invalid => Some("the generator was the limit"),
            Conclusion::Interrupted => Some("it did not end as planned"),
            _ if !self.is_whole => Some("it did not end as planned"),
            _ if self.requests == 0 => Some("it measured no request"),
            _ => None,
        }
    }

    /// The day and the time of the start to the second: `2026-11-20 11:00:09`.
    pub(super) fn second(&self) -> String {
        let second: String = self.started_at.chars().take(19).collect();
        second.replacen('T', " ", 1)
    }

    /// The time of the start, without the year: `11-20 11:00`.
    pub(super) fn time(&self) -> String {
        let time: String = self.started_at.chars().skip(5).take(11).collect();
        time.replacen('T', " ", 1)
    }

    /// The day of the start: `2026-11-20`.
    pub(super) fn day(&self) -> String {
        self.started_at.chars().take(10).collect()
    }

    /// The reading of a figure.
    pub(super) fn reading(&self, name: &str) -> Option<&SiteReading> {
        self.figures.get(name)
    }
}

impl SiteConditions {
    fn of(facts: &RunFacts) -> Self {
        let machine = &facts.machine;
        let quota = machine.cpu_quota;
        let quota = quota.map_or_else(String::new, |quota| {
            format!(" (a quota of {})", show_number(quota))
        });
        let changes = facts.changes.iter();
        let changes = changes.filter(|change| !change.starts_with(ENVIRONMENT));
        Self {
            gander: facts.gander.clone(),
            target: facts.target.clone(),
            workload: facts
                .workload_hash
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
            changes: changes.cloned().collect::<Vec<_>>().join(", "),
            machine: format!(
                "{}, {} cores{quota}, {}",
                machine.cpu, machine.cores, machine.platform
            ),
        }
    }

    /// The conditions that differ from earlier ones: the name, and the new state.
    pub(super) fn differences<'a>(&'a self, before: &Self) -> Vec<(&'static str, &'a str)> {
        let pairs = [
            ("Gander", &self.gander, &before.gander),
            ("target", &self.target, &before.target),
            ("workload", &self.workload, &before.workload),
            ("changes", &self.changes, &before.changes),
            ("machine", &self.machine, &before.machine),
        ];
        let differ = pairs.into_iter().filter(|(_, now, before)| now != before);
        differ.map(|(name, now, _)| (name, now.as_str())).collect()
    }
}

fn readings(profile: &Profile) -> BTreeMap<String, SiteReading> {
    let own = FIGURES.iter().filter_map(|figure| {
        let reading = profile.reading(figure.name)?;
        Some((
            figure.name.to_owned(),
            SiteReading::of(reading, figure.scale),
        ))
    });
    let generator = profile.facts.generator_cpu_us.map(|us| {
        let reading = SiteReading {
            value: rounded(us),
            low: None,
            high: None,
            samples: None,
        };
        (super::figure::GENERATOR_CPU.to_owned(), reading)
    });
    own.chain(generator).collect()
}

impl SiteReading {
    fn of(reading: Reading, scale: Scale) -> Self {
        let half = reading
            .error
            .map(|error| t_quantile(0.975, DF_WITHIN) * error);
        let end = |half: f64| {
            let number = scale.number(reading.value + half).max(0.0);
            rounded(number)
        };
        Self {
            value: rounded(scale.number(reading.value)),
            low: half.map(|half| end(-half)),
            high: half.map(end),
            samples: Some(reading.samples),
        }
    }
}

/// Six significant digits, which is more than any measurement has.
fn rounded(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}
