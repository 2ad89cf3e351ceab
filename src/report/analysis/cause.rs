//! What moved with the times: generator, load, failures, pauses of the target, figures of the target.

use std::fmt::Write as _;

use super::figures::{Figures, Moment, Quantile, Shown, Signal, Step, median};
use super::slow::Slow;
use super::{Finding, Topic};
use crate::stats::{RankCorrelation, holm, mean, variance};
use crate::units::{show_number, show_percent};

/// The error rate at which a figure moved with the times, over all figures that are compared.
const LEVEL: f64 = 0.01;

/// The least chance that a slow point has the more extreme value than another point.
const LEAST_SEPARATION: f64 = 0.8;

/// The fewest readings in slow points and in others.
const FEWEST_READINGS: (usize, usize) = (3, 10);

/// The least ρ at which times follow the load, and the least ratios of load and p95 between the thirds of the points with
/// the highest and the lowest load.
const LOAD_RHO: f64 = 0.6;
const LOAD_RATIO: f64 = 1.3;
const P95_RATIO: f64 = 1.5;
const P95_EXCESS: f64 = 1_000.0;

/// The least delay of the generator as a share of the time added, and its least CPU usage.
const GENERATOR_SHARE: f64 = 0.25;
const GENERATOR_CPU: f64 = 0.9;

/// The least rise of the share of failed requests.
const FAILED_MORE: f64 = 0.01;

/// Pauses: the fewest, the most points of one, the most spread of the times between them, and the least share of steps that
/// stalled.
const FEWEST_PAUSES: usize = 5;
const LONGEST_PAUSE: usize = 2;
const PAUSE_SPREAD: f64 = 0.25;
const PAUSED_STEPS: f64 = 0.8;

/// The least change of a figure of the target, as a share of its usual value.
const LEAST_CHANGE: f64 = 0.1;

/// The most figures of the target named after the first.
const MOST_OTHERS: usize = 2;

/// The reasons for the times, or that there is none.
pub(super) fn causes(figures: &Figures, slow: Option<&Slow>) -> Vec<Finding> {
    let load = load(figures);
    let is_slow = match slow {
        Some(slow) => slow.marks.clone(),
        None if load.is_some() => slowest_third(figures),
        None => return Vec::new(),
    };
    let by = slow.map_or(Quantile::P95, |slow| slow.by);
    let moved = moved(figures, &is_slow, by);
    if let Some(found) = generator(figures, &is_slow, by, &moved) {
        return vec![found];
    }
    let follows_load = load.is_some();
    let mut found: Vec<Finding> = load.into_iter().chain(failures(figures, &moved)).collect();
    let pauses = slow.filter(|_| !follows_load);
    match pauses.and_then(|slow| pauses_of(figures, slow)) {
        Some(pauses) => found.push(pauses),
        None => found.extend(target(figures, by, &moved)),
    }
    if found.is_empty() {
        found.push(unexplained(figures));
    }
    found
}

/// A figure that is different in slow points.
struct Movement<'a> {
    signal: &'a Signal,
    correlation: RankCorrelation,
    /// Its median in slow points and in others.
    slow: f64,
    usual: f64,
    /// The chance that a slow point has a higher value than another.
    separation: f64,
}

impl Movement<'_> {
    fn is_of(&self, signal: &Signal) -> bool {
        std::ptr::eq(self.signal, signal)
    }

    fn rises(&self) -> bool {
        self.correlation.rho > 0.0
    }

    /// `41 ms then, 0.2 ms otherwise (ρ = 0.81, n = 60, p < 0.001)`
    fn told(&self) -> String {
        let show = |value| self.signal.unit.show(value);
        format!(
            "{} then, {} otherwise ({})",
            show(self.slow),
            show(self.usual),
            evidence(&self.correlation)
        )
    }

    fn says(&self, topic: Topic, text: String) -> Finding {
        Finding {
            topic,
            name: Some(self.signal.name.clone()),
            text,
            correlation: Some(self.correlation),
        }
    }
}

/// The figures that moved with the times, after Holm's correction for all that are compared.
fn moved<'a>(figures: &'a Figures, is_slow: &[bool], by: Quantile) -> Vec<Movement<'a>> {
    let compared = figures
        .signals()
        .filter_map(|signal| movement(figures, signal, is_slow, by));
    let compared: Vec<Movement<'a>> = compared.collect();
    let p: Vec<f64> = compared
        .iter()
        .map(|movement| movement.correlation.p)
        .collect();
    let tested = compared.into_iter().zip(holm(&p));
    tested
        .filter(|(movement, p)| {
            let separation = if movement.rises() {
                movement.separation
            } else {
                1.0 - movement.separation
            };
            *p <= LEVEL && separation >= LEAST_SEPARATION
        })
        .map(|(movement, _)| movement)
        .collect()
}

fn movement<'a>(
    figures: &Figures,
    signal: &'a Signal,
    is_slow: &[bool],
    by: Quantile,
) -> Option<Movement<'a>> {
    let read = || {
        let values = signal.values.iter().zip(&figures.points).zip(is_slow);
        values.filter_map(|((value, point), slow)| Some(((*value)?, by.of(point), *slow)))
    };
    let of = |wanted| -> Vec<f64> {
        let chosen = read().filter(|(_, _, slow)| *slow == wanted);
        chosen.map(|(value, _, _)| value).collect()
    };
    let (slow, others) = (of(true), of(false));
    if slow.len() < FEWEST_READINGS.0 || others.len() < FEWEST_READINGS.1 {
        return None;
    }
    let pairs: Vec<(f64, f64)> = read().map(|(value, time, _)| (value, time)).collect();
    // ρ is over all points. Most are not slow, so what counts is the difference between slow points and others; the residuals
    // of that are the figure's own noise.
    let groups: Vec<(f64, f64)> = read()
        .map(|(value, _, slow)| (f64::from(slow), value))
        .collect();
    let difference = RankCorrelation::of(&groups)?;
    let correlation = RankCorrelation {
        rho: RankCorrelation::of(&pairs)?.rho,
        ..difference
    };
    let score = |a: f64, b: f64| match a.total_cmp(&b) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let scores = slow
        .iter()
        .flat_map(|&a| others.iter().map(move |&b| score(a, b)));
    Some(Movement {
        signal,
        correlation,
        separation: scores.sum::<f64>() / (slow.len() * others.len()) as f64,
        slow: median(slow.into_iter()),
        usual: median(others.into_iter()),
    })
}

/// The third of the points with the highest p95.
fn slowest_third(figures: &Figures) -> Vec<bool> {
    let mut times: Vec<f64> = figures.points.iter().map(|point| point.p95).collect();
    times.sort_by(f64::total_cmp);
    let limit = times[times.len() * 2 / 3];
    figures
        .points
        .iter()
        .map(|point| point.p95 >= limit)
        .collect()
}

/// That p95 follows the load, if the load varied enough.
fn load(figures: &Figures) -> Option<Finding> {
    let signal = &figures.load;
    let values = signal.values.iter().zip(&figures.points);
    let mut pairs: Vec<(f64, f64)> = values
        .filter_map(|(value, point)| Some(((*value)?, point.p95)))
        .collect();
    let correlation = RankCorrelation::of(&pairs)?;
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let third = pairs.len() / 3;
    let medians = |pairs: &[(f64, f64)]| {
        let load = median(pairs.iter().map(|pair| pair.0));
        (load, median(pairs.iter().map(|pair| pair.1)))
    };
    let (low, fast) = medians(&pairs[..third]);
    let (high, slow) = medians(&pairs[pairs.len() - third..]);
    let follows = correlation.rho >= LOAD_RHO
        && correlation.p <= LEVEL
        && high >= low * LOAD_RATIO
        && slow >= fast * P95_RATIO
        && slow >= fast + P95_EXCESS;
    let time = |value| Shown::Micros.show(value);
    follows.then(|| Finding {
        topic: Topic::Load,
        name: Some(signal.name.clone()),
        text: format!(
            "p95 rises with the load: {} at {} {}, {} at {} ({}).",
            time(fast),
            article(&signal.name),
            signal.unit.show(low),
            time(slow),
            signal.unit.show(high),
            evidence(&correlation)
        ),
        correlation: Some(correlation),
    })
}

/// The load before its amount: `an offered rate of`.
fn article(name: &str) -> &'static str {
    if name == super::figures::OFFERED_RATE {
        "an offered rate of"
    } else {
        "a number of active users of"
    }
}

/// That the generator was late or its CPU was used up: then nothing is said of the target.
fn generator(
    figures: &Figures,
    is_slow: &[bool],
    by: Quantile,
    moved: &[Movement<'_>],
) -> Option<Finding> {
    let times = |wanted: bool| {
        let points = figures.points.iter().zip(is_slow);
        let chosen = points.filter(move |(_, slow)| **slow == wanted);
        median(chosen.map(|(point, _)| by.of(point)))
    };
    let added = times(true) - times(false);
    let is_late = |movement: &&Movement<'_>| {
        movement.rises()
            && (movement.is_of(&figures.generator_delay)
                && movement.slow >= added * GENERATOR_SHARE
                || movement.is_of(&figures.generator_cpu) && movement.slow >= GENERATOR_CPU)
    };
    let late = moved.iter().find(is_late)?;
    let text = format!(
        "{} rose with {}: {}. No cause in the target is named, because the generator may be the cause.",
        capitalised(&late.signal.name),
        by.name(),
        late.told()
    );
    Some(late.says(Topic::Generator, text))
}

/// That requests failed more often.
fn failures(figures: &Figures, moved: &[Movement<'_>]) -> Option<Finding> {
    let failed = moved.iter().find(|movement| {
        movement.is_of(&figures.failures) && movement.slow - movement.usual >= FAILED_MORE
    })?;
    let text = format!("More requests failed: {}.", failed.told());
    Some(failed.says(Topic::Failures, text))
}

/// That all steps stalled for a short time at regular intervals.
fn pauses_of(figures: &Figures, slow: &Slow) -> Option<Finding> {
    let periods = &slow.periods;
    let is_short = |(first, last): &(usize, usize)| last - first < LONGEST_PAUSE;
    if periods.len() < FEWEST_PAUSES || !periods.iter().all(is_short) || figures.seconds > 1.5 {
        return None;
    }
    let start = |point: &Moment| point.start.as_secs_f64();
    let starts: Vec<f64> = periods
        .iter()
        .map(|(first, _)| start(&figures.points[*first]))
        .collect();
    let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let gap = mean(&gaps)?;
    if variance(&gaps)?.sqrt() > PAUSE_SPREAD * gap {
        return None;
    }
    let stalled = stalled_share(&figures.steps, slow);
    if stalled < PAUSED_STEPS {
        return None;
    }
    let members = slow.members(&figures.points).filter(|(slow, _)| *slow);
    let longest = median(members.map(|(_, point)| point.max));
    Some(Topic::Pauses.says(
        None,
        format!(
            "The target paused at regular intervals: {} times, about every {} s, for up to {} (the median of the \
             longest times), in {} of the steps at once.",
            periods.len(),
            show_number((gap * 10.0).round() / 10.0),
            Shown::Micros.show(longest),
            show_percent(stalled),
        ),
    ))
}

/// The share of steps that were slow in a slow point, over all slow points.
fn stalled_share(steps: &[Step], slow: &Slow) -> f64 {
    let (mut stalled, mut all) = (0.0, 0.0);
    for step in steps {
        let mean = |&(requests, sum): &(f64, f64)| (requests > 0.0).then(|| sum / requests);
        let others = slow.members(&step.times).filter(|(slow, _)| !slow);
        let usual = median(others.filter_map(|(_, times)| mean(times)));
        let times = slow.members(&step.times).filter(|(slow, _)| *slow);
        for mean in times.filter_map(|(_, times)| mean(times)) {
            all += 1.0;
            stalled += if mean > usual * P95_RATIO { 1.0 } else { 0.0 };
        }
    }
    if all > 0.0 { stalled / all } else { 0.0 }
}

/// The figure of the target that moved, and is nearest to the cause as far as its meaning is known.
fn target(figures: &Figures, by: Quantile, moved: &[Movement<'_>]) -> Option<Finding> {
    const UNKNOWN: u8 = 8;
    let order =
        |movement: &&Movement<'_>| movement.signal.known.map_or(UNKNOWN, |known| known.order);
    let mut candidates: Vec<&Movement<'_>> = moved
        .iter()
        .filter(|movement| figures.target.iter().any(|signal| movement.is_of(signal)))
        .filter(|movement| {
            (movement.slow - movement.usual).abs() >= movement.usual.abs() * LEAST_CHANGE
        })
        .filter(|movement| {
            movement.signal.known.is_none_or(|known| {
                known.falls != movement.rises() && movement.slow >= known.at_least
            })
        })
        .collect();
    candidates.sort_by(|a, b| {
        let by_order = order(a).cmp(&order(b));
        by_order.then(b.correlation.rho.abs().total_cmp(&a.correlation.rho.abs()))
    });
    let (first, others) = candidates.split_first()?;
    let mut text = format!(
        "{} moved with {}: {}",
        capitalised(&first.signal.name),
        by.name(),
        first.told()
    );
    if let Some(known) = first.signal.known {
        let _ = write!(text, ": {}", known.meaning);
    }
    text.push('.');
    let others = others.iter().take(MOST_OTHERS).map(|other| {
        let rho = show_rho(other.correlation.rho);
        format!("{} (ρ = {rho})", other.signal.name)
    });
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        let _ = write!(text, " So did {}.", others.join(" and "));
    }
    Some(first.says(Topic::Target, text))
}

/// That no figure moved.
fn unexplained(figures: &Figures) -> Finding {
    let compared = figures.signals().count();
    Topic::Unexplained.says(
        None,
        format!(
            "None of the {compared} figures of load, generator and target explains it with enough evidence (p ≤ {LEVEL} \
             after Holm's correction)."
        ),
    )
}

/// `ρ = 0.93, n = 60, effective n = 41, p < 0.001`
fn evidence(correlation: &RankCorrelation) -> String {
    let p = if correlation.p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {:.3}", correlation.p)
    };
    format!(
        "ρ = {}, n = {}, effective n = {:.0}, {p}",
        show_rho(correlation.rho),
        correlation.pairs,
        correlation.effective
    )
}

fn show_rho(rho: f64) -> String {
    format!("{rho:.2}").replace('-', "−")
}

/// A name at the start of a sentence. Names of metrics stay as they are written.
fn capitalised(name: &str) -> String {
    match name.strip_prefix("the ") {
        Some(rest) => format!("The {rest}"),
        None => name.to_owned(),
    }
}
