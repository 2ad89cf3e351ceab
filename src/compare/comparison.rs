//! The comparison of two sides: each figure's change with its interval, and the answer.

use crate::exit::Exit;
use crate::stats::{Bounds, CONFIDENCE, Effect, benjamini_hochberg, holm};

use super::conditions::Conditions;
use super::design::{Design, Measured, Slot, slots};
use super::facts::RunFacts;
use super::figure::{Figure, Part, Scale, Worse};
use super::noise::Noise;
use super::profile::Profile;
use super::row::{Change, Row, Rules};

/// The figures that decide unless others are named. Higher percentiles need far longer runs.
pub const DEFAULT_GATES: [&str; 3] = ["p50(response_time)", "p95(response_time)", "ratio(failed)"];

/// A relative change below this is none, unless a gate says otherwise.
pub const DEFAULT_TOLERANCE: f64 = 0.05;

/// A change of a share below this is none: half a percentage point. Without a failure, 600 requests rule that out.
pub const SHARE_TOLERANCE: f64 = 0.005;

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How the runs belong together.
    pub design: Design,
    /// The figures that decide; those of [`DEFAULT_GATES`] if empty.
    pub gates: Vec<Gate>,
    /// A relative change below this is none: 0.05 is 5 %.
    pub tolerance: f64,
    /// True if a regression must exceed the tolerance with its whole interval.
    pub is_strict: bool,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// Noise floors; the one of side B's scenario is used, if there is one.
    pub noise: Vec<Noise>,
    /// True if the comparison is about a change of the workload.
    pub may_workloads_differ: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            design: Design::Groups,
            gates: Vec::new(),
            tolerance: DEFAULT_TOLERANCE,
            is_strict: false,
            confidence: CONFIDENCE,
            noise: Vec::new(),
            may_workloads_differ: false,
        }
    }
}

/// A figure that decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// The figure's name.
    pub figure: String,
    /// The largest change; `None` for the tolerance, in the figure's own direction.
    pub limit: Option<GateLimit>,
    /// False if the gate only warns.
    pub decides: bool,
}

/// The limit of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateLimit {
    /// The change, as it is told: 0.1 is +10 %.
    pub change: f64,
    /// The direction in which the limit lies.
    pub worse: Worse,
}

impl Gate {
    /// A gate that decides, with the tolerance as its limit.
    pub fn named(figure: &str) -> Self {
        Self {
            figure: figure.to_owned(),
            limit: None,
            decides: true,
        }
    }
}

/// Two sides, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How the runs belong together.
    pub design: Design,
    /// The confidence of the intervals.
    pub confidence: f64,
    /// The runs of side A.
    pub a: Vec<RunFacts>,
    /// The runs of side B.
    pub b: Vec<RunFacts>,
    /// What differs between the sides besides the figures.
    pub conditions: Conditions,
    /// The figures of the run that decide.
    pub gates: Vec<Row>,
    /// The other figures of the run.
    pub others: Vec<Row>,
    /// The figures of the steps, the worst first.
    pub steps: Vec<Row>,
    /// Gates that neither side has.
    pub missing: Vec<String>,
    /// How the second run of a pair differs from the first.
    pub slots: Vec<Slot>,
    /// The change of response times by quantile; see [`super::CURVE`].
    pub shift: Vec<Option<Shift>>,
    /// The answer.
    pub answer: Answer,
    /// The reason, in a sentence without a full stop.
    pub reason: String,
}

/// The change of the response time at a quantile, relative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The quantile.
    pub quantile: f64,
    /// The change.
    pub change: f64,
    /// Its interval; `None` if the noise between runs is not known.
    pub bounds: Option<Bounds>,
}

/// The answer of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// No gate is worse.
    NothingWorse,
    /// At least one gate is worse.
    Regressed,
    /// No gate is worse for certain, but at least one may be.
    Inconclusive,
    /// The sides cannot be compared.
    NotComparable,
    /// A run is no valid measurement.
    Invalid,
}

impl Answer {
    /// The exit code.
    pub const fn exit(self) -> Exit {
        match self {
            Self::NothingWorse => Exit::Passed,
            Self::Regressed => Exit::Regressed,
            Self::Inconclusive | Self::NotComparable => Exit::Inconclusive,
            Self::Invalid => Exit::MeasurementInvalid,
        }
    }

    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NothingWorse => "nothing worse",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not comparable",
            Self::Invalid => "invalid",
        }
    }
}

/// Compares side B with side A.
pub fn compare(a: &[Profile], b: &[Profile], options: &Options) -> Comparison {
    fn facts(side: &[Profile]) -> Vec<&RunFacts> {
        side.iter().map(|run| &run.facts).collect()
    }
    let conditions = Conditions::check(&facts(a), &facts(b), options.may_workloads_differ);
    let gates = options.gates();
    let figures = figures_of(a, b);
    let missing = gates
        .iter()
        .filter(|gate| figures.iter().all(|figure| figure.name != gate.figure))
        .map(|gate| gate.figure.clone())
        .collect();
    let scenario = b.first().map(|run| &*run.facts.scenario);
    let noise = options
        .noise
        .iter()
        .find(|noise| Some(&*noise.scenario) == scenario);
    let row = |figure: &Figure, gate: Option<&Gate>| {
        let mut figure = figure.clone();
        let measured = Measured::of(&figure, a, b, &options.design, noise);
        let own = gate.and_then(|gate| gate.limit);
        let limit = match own {
            Some(limit) => {
                figure.worse = limit.worse;
                limit.change
            }
            None => options.tolerance_of(&figure),
        };
        let rules = Rules {
            limit,
            is_strict: options.is_strict,
            confidence: options.confidence,
            decides: gate.is_some_and(|gate| gate.decides),
        };
        Row::new(figure, &measured, rules)
    };
    let find = |name: &str| figures.iter().find(|figure| figure.name == name);
    let gate_row = |gate: &Gate| Some(row(find(&gate.figure)?, Some(gate)));
    let is_gate = |figure: &Figure| gates.iter().any(|gate| gate.figure == figure.name);
    let is_step = |figure: &Figure| matches!(figure.part, Part::Step { .. });
    let rest = |are_steps: bool| -> Vec<Row> {
        let rest = figures.iter().filter(|figure| !is_gate(figure));
        rest.filter(|figure| is_step(figure) == are_steps)
            .map(|figure| row(figure, None))
            .collect()
    };
    let mut decisive: Vec<Row> = gates.iter().filter_map(gate_row).collect();
    let (mut others, mut steps) = (rest(false), rest(true));
    // Times and shares are separate families, so that a failure-free share does not cost the times their power.
    for scale in [Scale::Factor, Scale::Share] {
        correct(&mut decisive, holm, |row| row.figure.scale == scale);
    }
    correct(&mut others, benjamini_hochberg, |_| true);
    correct(&mut steps, benjamini_hochberg, |_| true);
    steps.sort_by(|left, right| right.badness().total_cmp(&left.badness()));
    let slots = slots(&decisive, a, b, &options.design);
    let mut comparison = Comparison {
        design: options.design.clone(),
        confidence: options.confidence,
        a: a.iter().map(|run| run.facts.clone()).collect(),
        b: b.iter().map(|run| run.facts.clone()).collect(),
        conditions,
        shift: super::shift::shift(a, b, options, noise),
        gates: decisive,
        others,
        steps,
        missing,
        slots,
        answer: Answer::NothingWorse,
        reason: String::new(),
    };
    (comparison.answer, comparison.reason) = comparison.conclude();
    comparison
}

impl Options {
    fn gates(&self) -> Vec<Gate> {
        if !self.gates.is_empty() {
            return self.gates.clone();
        }
        DEFAULT_GATES.into_iter().map(Gate::named).collect()
    }

    /// The tolerance for a figure as it is told, with the sign of a change for the worse.
    fn tolerance_of(&self, figure: &Figure) -> f64 {
        match (figure.scale, figure.worse) {
            (Scale::Factor, Worse::More | Worse::Neither) => self.tolerance,
            // The same factor down: +5 % up is −4.8 % down.
            (Scale::Factor, Worse::Less) => 1.0 / (1.0 + self.tolerance) - 1.0,
            (Scale::Share, worse) => worse.sign() * SHARE_TOLERANCE,
        }
    }
}

/// Every figure of either side, once, in the order of side B.
fn figures_of(a: &[Profile], b: &[Profile]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (figure, _) in b.iter().chain(a).flat_map(|run| &run.figures) {
        if known.insert(&figure.name) {
            figures.push(figure.clone());
        }
    }
    figures
}

/// Judges rows as one family of tests.
fn correct(rows: &mut [Row], adjust: fn(&[f64]) -> Vec<f64>, is_in: impl Fn(&Row) -> bool) {
    let mut family: Vec<&mut Row> = rows.iter_mut().filter(|row| is_in(row)).collect();
    let p: Vec<f64> = family.iter().map(|row| row.p_value()).collect();
    for (row, p) in family.iter_mut().zip(adjust(&p)) {
        row.judge(p);
    }
}

impl Comparison {
    /// The rows of steps that got worse or better, the worst first.
    pub fn changed_steps(&self) -> Vec<Row> {
        let is_changed = |row: &&Row| matches!(row.change, Change::Regressed | Change::Improved);
        self.steps.iter().filter(is_changed).cloned().collect()
    }

    /// The answer and its reason.
    fn conclude(&self) -> (Answer, String) {
        if let Some((exit, reason)) = &self.conditions.void {
            let answer = if *exit == Exit::MeasurementInvalid {
                Answer::Invalid
            } else {
                Answer::NotComparable
            };
            return (answer, reason.clone());
        }
        let gates = || self.gates.iter().filter(|row| row.decides);
        let worse: Vec<&Row> = gates().filter(|row| row.is_worse()).collect();
        if let Some(first) = worse.first() {
            return (Answer::Regressed, sentence(first, worse.len(), "regressed"));
        }
        if let Some(name) = self.missing.first() {
            let reason = format!("neither side has the figure {name}, which decides");
            return (Answer::Inconclusive, reason);
        }
        let unsure: Vec<&Row> = gates().filter(|row| !row.is_not_worse()).collect();
        if let Some(first) = unsure.first() {
            let more = unsure.len() - 1;
            let others = match more {
                0 => String::new(),
                1 => "; another figure that decides is not clear either".to_owned(),
                more => format!("; {more} other figures that decide are not clear either"),
            };
            let reason = format!("{}{others}", first.explain());
            return (Answer::Inconclusive, reason);
        }
        let better = gates().filter(|row| row.change == Change::Improved);
        match better.clone().next() {
            Some(first) => (
                Answer::NothingWorse,
                sentence(first, better.count(), "improved"),
            ),
            None => (
                Answer::NothingWorse,
                match &gates().collect::<Vec<_>>()[..] {
                    [] => "no figure decides".to_owned(),
                    [only] => format!("{} did not get worse", only.figure.name),
                    several => format!(
                        "none of the {} figures that decide got worse",
                        several.len()
                    ),
                },
            ),
        }
    }
}

/// `p95(response_time) regressed by +12.3 % (95 %: +8.1 to +16.7 %)`
fn sentence(row: &Row, count: usize, word: &str) -> String {
    let others = match count - 1 {
        0 => String::new(),
        1 => format!(", and another figure {word}"),
        more => format!(", and {more} other figures {word}"),
    };
    format!("{} {word}: {}{others}", row.figure.name, row.told())
}

/// The bounds of an effect as they are told.
pub(super) fn told_bounds(effect: &Effect, scale: Scale, confidence: f64) -> Bounds {
    let bounds = effect.bounds(confidence);
    Bounds {
        low: scale.told(bounds.low),
        high: scale.told(bounds.high),
    }
}
