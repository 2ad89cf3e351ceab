//! A baseline: the profiles of earlier runs in a small file that can be committed, one line a run.
//!
//! The schema's number changes when an older reader would misunderstand the file. What a reader does not know, it skips, so
//! a file of a later minor version is readable.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::probe::Machine;

use super::facts::RunFacts;
use super::figure::{Figure, Part, Scale, Worse};
use super::noise::Noise;
use super::profile::{Profile, Reading};

/// The schema that this version writes and reads; minor versions follow after a point.
pub const SCHEMA: &str = "gander.baseline/1";

/// Runs kept to compare with, and the noise floor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Baseline {
    /// The runs, in the order in which they were added.
    pub runs: Vec<Profile>,
    /// The noise floors that were calibrated, one a scenario.
    pub noise: Vec<Noise>,
}

/// The reason why a file is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Not the JSON that it should be.
    #[error("it is not a baseline file")]
    Malformed(#[from] serde_json::Error),
    /// Of another version.
    #[error(
        "the baseline has the schema {found:?}, this version of Gander reads {SCHEMA}: make the baseline again with \
         `gander baseline add`"
    )]
    Schema {
        /// The schema in the file.
        found: String,
    },
    /// A run has another number of readings than there are figures.
    #[error("run {run_id} of the baseline has {found} readings for {expected} figures")]
    Readings {
        /// The run.
        run_id: String,
        /// The readings found.
        found: usize,
        /// The figures of the file.
        expected: usize,
    },
}

/// The file.
#[derive(Debug, Deserialize)]
struct File {
    /// Steps, which figures name by number.
    #[serde(default)]
    steps: Vec<StoredStep>,
    #[serde(default)]
    figures: Vec<StoredFigure>,
    #[serde(default)]
    noise: Vec<Noise>,
    /// Machines, which runs name by number.
    #[serde(default)]
    machines: Vec<Machine>,
    #[serde(default)]
    runs: Vec<serde_json::Value>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct StoredFigure {
    name: String,
    /// The number of its step in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(default, skip_serializing_if = "is_false")]
    threshold: bool,
    #[serde(default = "factor", skip_serializing_if = "is_factor")]
    scale: Scale,
    #[serde(default = "more", skip_serializing_if = "is_more")]
    worse: Worse,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<f64>,
    #[serde(default, skip_serializing_if = "is_false")]
    kept_time: bool,
}

/// A flow and a step, which several figures describe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredStep {
    flow: String,
    step: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredRun {
    #[serde(flatten)]
    facts: RunFacts,
    /// For each figure: nothing, or its value on its scale, its error in ten-thousandths (null if it is not known) and its
    /// samples. Samples are left out if they are those of the figure before.
    readings: Vec<Option<Vec<Option<f64>>>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

const fn factor() -> Scale {
    Scale::Factor
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_factor(scale: &Scale) -> bool {
    *scale == Scale::Factor
}

const fn more() -> Worse {
    Worse::More
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_more(worse: &Worse) -> bool {
    *worse == Worse::More
}

impl Baseline {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        Self::from_json(serde_json::from_str(text)?)
    }

    /// Reads the content of a file.
    pub fn from_json(content: serde_json::Value) -> Result<Self, BaselineError> {
        #[derive(Deserialize)]
        struct Version {
            schema: String,
        }
        let Version { schema } = Version::deserialize(&content)?;
        let is_known = schema
            .strip_prefix(SCHEMA)
            .is_some_and(|minor| minor.is_empty() || minor.starts_with('.'));
        if !is_known {
            return Err(BaselineError::Schema { found: schema });
        }
        let file: File = serde_json::from_value(content)?;
        let figures = file.figures.into_iter();
        let figures: Vec<Figure> = figures.map(|stored| stored.figure(&file.steps)).collect();
        let runs: Result<Vec<Profile>, BaselineError> = file
            .runs
            .into_iter()
            .map(|run| StoredRun::from_json(run, &file.machines)?.into_profile(&figures))
            .collect();
        Ok(Self {
            runs: runs?,
            noise: file.noise,
        })
    }

    /// The text of the file.
    ///
    /// # Errors
    /// A number has no JSON form.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut figures: Vec<&Figure> = Vec::new();
        for (figure, _) in self.runs.iter().flat_map(|run| &run.figures) {
            if figures.iter().all(|known| known.name != figure.name) {
                figures.push(figure);
            }
        }
        let mut steps: Vec<StoredStep> = Vec::new();
        let stored: Result<Vec<String>, _> = figures
            .iter()
            .map(|figure| serde_json::to_string(&StoredFigure::of(figure, &mut steps)))
            .collect();
        let steps: Result<Vec<String>, _> = steps.iter().map(serde_json::to_string).collect();
        let mut machines: Vec<&Machine> = Vec::new();
        for run in &self.runs {
            if !machines.contains(&&run.facts.machine) {
                machines.push(&run.facts.machine);
            }
        }
        let stored_run = |run: &Profile| {
            let machine = &run.facts.machine;
            let number = machines.iter().position(|known| *known == machine);
            let mut stored = serde_json::to_value(StoredRun::of(run, &figures))?;
            stored["machine"] = number.into();
            serde_json::to_string(&stored)
        };
        let runs: Result<Vec<String>, _> = self.runs.iter().map(stored_run).collect();
        let machines: Result<Vec<String>, _> = machines.iter().map(serde_json::to_string).collect();
        let lines = |items: Vec<String>| match &items[..] {
            [] => "[]".to_owned(),
            _ => format!("[\n{}\n]", items.join(",\n")),
        };
        let mut text = format!("{{\n\"schema\": \"{SCHEMA}\",\n");
        let _ = writeln!(text, "\"steps\": {},", lines(steps?));
        let _ = writeln!(text, "\"figures\": {},", lines(stored?));
        let noise: Result<Vec<String>, _> = self
            .noise
            .iter()
            .map(|noise| serde_json::to_string(&noise.rounded()))
            .collect();
        let _ = writeln!(text, "\"noise\": {},", lines(noise?));
        let _ = writeln!(text, "\"machines\": {},", lines(machines?));
        let _ = write!(text, "\"runs\": {}\n}}\n", lines(runs?));
        Ok(text)
    }

    /// Keeps a noise floor instead of an earlier one of its scenario.
    pub fn keep_noise(&mut self, noise: Noise) {
        self.noise.retain(|known| known.scenario != noise.scenario);
        self.noise.push(noise);
    }

    /// The runs that a run with these facts can be compared with, and the number of those left out: other workloads, and
    /// other machines.
    pub fn comparable_with(&self, facts: &RunFacts) -> (Vec<Profile>, usize) {
        let is_alike = |run: &&Profile| {
            let (known, machine) = (&run.facts.machine, &facts.machine);
            run.facts.workload_hash == facts.workload_hash
                && (&known.cpu, known.cores, known.cpu_quota)
                    == (&machine.cpu, machine.cores, machine.cpu_quota)
        };
        let alike: Vec<Profile> = self.runs.iter().filter(is_alike).cloned().collect();
        let left_out = self.runs.len() - alike.len();
        (alike, left_out)
    }
}

impl StoredFigure {
    /// The figure; its step is added to `steps` if it is not there.
    fn of(figure: &Figure, steps: &mut Vec<StoredStep>) -> Self {
        let mut number_of = |flow: &str, step: &str| {
            let known = steps
                .iter()
                .position(|known| known.flow == flow && known.step == step);
            known.unwrap_or_else(|| {
                steps.push(StoredStep {
                    flow: flow.to_owned(),
                    step: step.to_owned(),
                });
                steps.len() - 1
            })
        };
        Self {
            name: figure.name.clone(),
            step: match &figure.part {
                Part::Step { flow, step } => Some(number_of(flow, step)),
                Part::Run | Part::Threshold => None,
            },
            threshold: figure.part == Part::Threshold,
            scale: figure.scale,
            worse: figure.worse,
            kept_time: figure.is_kept_time,
            q: figure.quantile,
        }
    }

    fn figure(self, steps: &[StoredStep]) -> Figure {
        let step = self.step.and_then(|number| steps.get(number));
        Figure {
            name: self.name,
            part: match step {
                Some(StoredStep { flow, step }) => Part::Step {
                    flow: flow.clone(),
                    step: step.clone(),
                },
                None if self.threshold => Part::Threshold,
                None => Part::Run,
            },
            scale: self.scale,
            worse: self.worse,
            quantile: self.q,
            is_kept_time: self.kept_time,
        }
    }
}

impl StoredRun {
    /// A run whose machine is a number.
    fn from_json(
        mut run: serde_json::Value,
        machines: &[Machine],
    ) -> Result<Self, serde_json::Error> {
        let number = run["machine"].as_u64();
        if let Some(machine) = number.and_then(|number| machines.get(number as usize)) {
            run["machine"] = serde_json::to_value(machine)?;
        }
        serde_json::from_value(run)
    }

    fn of(run: &Profile, figures: &[&Figure]) -> Self {
        let mut before = 0;
        let readings = figures.iter().map(|figure| {
            let reading = run.reading(&figure.name)?;
            let mut numbers = vec![
                Some(rounded(reading.value, VALUE_PARTS)),
                reading.error.map(|error| two_digits(error * ERROR_PARTS)),
            ];
            if reading.samples != before {
                numbers.push(Some(reading.samples as f64));
                before = reading.samples;
            }
            Some(numbers)
        });
        Self {
            readings: readings.collect(),
            facts: run.facts.clone(),
        }
    }

    fn into_profile(self, figures: &[Figure]) -> Result<Profile, BaselineError> {
        if self.readings.len() != figures.len() {
            return Err(BaselineError::Readings {
                run_id: self.facts.run_id,
                found: self.readings.len(),
                expected: figures.len(),
            });
        }
        let mut samples = 0;
        let reading = |numbers: Option<Vec<Option<f64>>>| {
            let numbers = numbers?;
            let at = |index: usize| numbers.get(index).copied().flatten();
            if let Some(own) = at(2) {
                samples = own as u64;
            }
            Some(Reading {
                value: at(0)?,
                error: at(1).map(|error| error / ERROR_PARTS),
                samples,
                effective: None,
            })
        };
        let readings: Vec<Option<Reading>> = self.readings.into_iter().map(reading).collect();
        Ok(Profile {
            facts: self.facts,
            figures: figures.iter().cloned().zip(readings).collect(),
            curve: Vec::new(),
        })
    }
}

impl Noise {
    /// With the digits that a file needs.
    fn rounded(&self) -> Self {
        Self {
            floor: self
                .floor
                .iter()
                .map(|(figure, tau)| (figure.clone(), two_digits(*tau)))
                .collect(),
            ..self.clone()
        }
    }
}

/// A value is kept to a ten-thousandth: of a time, 0.01 %.
const VALUE_PARTS: f64 = 1e4;

/// Errors are kept in ten-thousandths.
const ERROR_PARTS: f64 = 1e4;

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// Two significant digits.
fn two_digits(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    format!("{number:.1e}").parse().unwrap_or(number)
}
