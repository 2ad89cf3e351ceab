//! Runs with a known truth: the analysis names a cause that is there, and none that is not.

use super::figures::{Figures, Moment, Shown, Signal, Step};
use super::known::{CPU, known};
use super::{Finding, Topic, findings};
use crate::report::model::Phases;
use crate::units::Micros;

const SECONDS: usize = 120;

/// The generator called `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().max(1e-12).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Noise with variance 1 in which neighbours have the correlation `phi`.
    fn noise(&mut self, phi: f64) -> Vec<f64> {
        let mut state = self.normal();
        let step = (1.0 - phi * phi).sqrt();
        let mut next = || {
            let now = state;
            state = phi * state + step * self.normal();
            now
        };
        (0..SECONDS).map(|_| next()).collect()
    }
}

/// The names of the figures of the target.
const METRICS: [&str; 7] = [
    CPU,
    "target.hit_ratio",
    "target.statement",
    "target.pool_wait",
    "target.pool_in_use",
    "target.breakers",
    "target.queue",
];

/// A run whose times are `exp(noise)` of 20 ms times `factor(second)`; all other figures are noise of their own.
fn run(seed: u64, phi: f64, factor: impl Fn(usize) -> f64) -> Figures {
    let mut dice = Dice(seed);
    let times = dice.noise(phi);
    let mut signal = |name: &str, unit, level: f64, spread: f64| Signal {
        name: name.to_owned(),
        unit,
        known: known(name),
        values: dice
            .noise(phi)
            .into_iter()
            .map(|noise| Some(level * (spread * noise).exp()))
            .collect(),
    };
    let mut figures = Figures {
        seconds: 1.0,
        load: signal("offered rate", Shown::Rate, 100.0, 0.05),
        failures: signal("failed requests", Shown::Share, 0.001, 0.5),
        generator_delay: signal("the generator's delay", Shown::Micros, 300.0, 0.4),
        generator_cpu: signal("the generator's CPU", Shown::Share, 0.1, 0.1),
        target: METRICS
            .iter()
            .map(|name| signal(name, Shown::Number, 0.4, 0.2))
            .collect(),
        ..Figures::default()
    };
    for (second, noise) in times.into_iter().enumerate() {
        let p95 = 20_000.0 * (0.15 * noise).exp() * factor(second);
        figures.points.push(Moment {
            start: Micros(second as u64 * 1_000_000),
            end: Micros((second as u64 + 1) * 1_000_000),
            p50: 5_000.0 * (0.1 * dice.normal()).exp() * factor(second),
            p95,
            max: p95 * 2.0,
            phases: Phases {
                requests: 100,
                response: p95 * 50.0,
                service: p95 * 50.0,
                first_byte: p95 * 45.0,
                connect: 0.0,
                tls: 0.0,
            },
        });
    }
    let share = |share: f64| Step {
        name: format!("flow / {share}"),
        times: figures
            .points
            .iter()
            .map(|point| (50.0, point.p95 * share))
            .collect(),
    };
    figures.steps = vec![share(10.0), share(20.0)];
    figures
}

fn is_slow(second: usize) -> bool {
    (40..60).contains(&second)
}

fn slow_for_20_seconds(seed: u64, phi: f64) -> Figures {
    run(seed, phi, |second| if is_slow(second) { 6.0 } else { 1.0 })
}

fn raise(signal: &mut Signal, times: f64) {
    for (second, value) in signal.values.iter_mut().enumerate() {
        if is_slow(second) {
            *value = value.map(|value| value * times);
        }
    }
}

fn target<'a>(figures: &'a mut Figures, name: &str) -> &'a mut Signal {
    let signal = figures.target.iter_mut().find(|signal| signal.name == name);
    signal.expect("a figure of the target")
}

fn topics(found: &[Finding]) -> Vec<Topic> {
    found.iter().map(|finding| finding.topic).collect()
}

fn causes(found: &[Finding]) -> Vec<(Topic, Option<String>)> {
    let causes = found.iter().filter(|finding| finding.topic.is_cause());
    causes
        .map(|finding| (finding.topic, finding.name.clone()))
        .collect()
}

/// The share of 200 seeds for which a cause is named.
fn named(make: impl Fn(u64) -> Figures) -> f64 {
    let named = (0..200).filter(|seed| !causes(&findings(&make(*seed))).is_empty());
    named.count() as f64 / 200.0
}

#[test]
fn a_healthy_run_has_no_cause() {
    for phi in [0.0, 0.5, 0.8, 0.95] {
        let share = named(|seed| run(seed, phi, |_| 1.0));
        assert!(share <= 0.05, "{phi}: {share}");
    }
    let found = findings(&run(1, 0.5, |_| 1.0));
    assert_eq!(topics(&found), [Topic::Nothing]);
    assert!(found[0].text.contains("of 2m"), "{}", found[0].text);
}

#[test]
fn single_slow_seconds_at_random_have_no_cause() {
    let share = named(|seed| {
        let mut dice = Dice(seed ^ 0xABCD);
        let bursts: Vec<bool> = (0..SECONDS).map(|_| dice.unit() < 0.06).collect();
        run(seed, 0.5, |second| if bursts[second] { 4.0 } else { 1.0 })
    });
    assert!(share <= 0.05, "{share}");
}

#[test]
fn figures_that_have_nothing_to_do_with_slow_seconds_are_no_cause() {
    for phi in [0.0, 0.5, 0.8, 0.95] {
        let share = named(|seed| slow_for_20_seconds(seed, phi));
        assert!(share <= 0.05, "{phi}: {share}");
    }
    let found = findings(&slow_for_20_seconds(3, 0.5));
    assert_eq!(
        topics(&found)[..2],
        [Topic::SlowSeconds, Topic::Unexplained]
    );
    assert!(
        found[0].text.contains("20 s of 2m (0:40 – 1:00)"),
        "{}",
        found[0].text
    );
}

#[test]
fn the_figure_that_moved_is_named() {
    let right = (0..100).filter(|seed| {
        let mut figures = slow_for_20_seconds(*seed, 0.5);
        raise(target(&mut figures, "target.pool_wait"), 50.0);
        raise(target(&mut figures, "target.pool_in_use"), 3.0);
        let expected = (Topic::Target, Some("target.pool_wait".to_owned()));
        causes(&findings(&figures)) == [expected]
    });
    assert!(right.count() >= 90);
}

#[test]
fn a_figure_that_moves_the_wrong_way_is_no_cause() {
    let mut figures = slow_for_20_seconds(5, 0.5);
    raise(target(&mut figures, "target.hit_ratio"), 2.0);
    assert_eq!(causes(&findings(&figures)), []);
    raise(target(&mut figures, "target.hit_ratio"), 0.1);
    let expected = (Topic::Target, Some("target.hit_ratio".to_owned()));
    assert_eq!(causes(&findings(&figures)), [expected]);
}

#[test]
fn a_late_generator_hides_the_target() {
    let mut figures = slow_for_20_seconds(7, 0.5);
    raise(target(&mut figures, "target.pool_wait"), 50.0);
    raise(&mut figures.generator_delay, 300.0);
    assert_eq!(
        topics(&findings(&figures))[..2],
        [Topic::SlowSeconds, Topic::Generator]
    );
    assert_eq!(causes(&findings(&figures)).len(), 1);
}

#[test]
fn load_and_failures_come_before_the_target() {
    let mut figures = slow_for_20_seconds(9, 0.5);
    raise(target(&mut figures, "target.pool_wait"), 50.0);
    raise(&mut figures.failures, 100.0);
    let found = findings(&figures);
    assert_eq!(
        topics(&found)[..3],
        [Topic::SlowSeconds, Topic::Failures, Topic::Target]
    );

    // A rate that rises from 20 to 380 a second, and times that follow it.
    let mut ramp = run(11, 0.5, |second| 0.5 + (second as f64 / 40.0).powi(2));
    for (second, value) in ramp.load.values.iter_mut().enumerate() {
        *value = Some(20.0 + 3.0 * second as f64);
    }
    let found = findings(&ramp);
    assert_eq!(
        causes(&found),
        [(Topic::Load, Some("offered rate".to_owned()))]
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.text.contains("rises with the load"))
    );
}

#[test]
fn regular_stalls_of_all_steps_are_pauses() {
    let pause = |second: usize| if second % 10 == 4 { 20.0 } else { 1.0 };
    let found = findings(&run(13, 0.5, pause));
    assert_eq!(causes(&found), [(Topic::Pauses, None)]);
    let text = &found[1].text;
    assert!(text.contains("12 times, about every 10 s"), "{text}");
    // One step alone is no pause of the target.
    let mut one = run(13, 0.5, pause);
    one.steps[0].times.fill((50.0, 200_000.0));
    assert_eq!(causes(&findings(&one)), []);
}

#[test]
fn the_step_and_the_part_with_the_added_time_are_named() {
    let mut figures = slow_for_20_seconds(15, 0.5);
    figures.steps[0].times.fill((50.0, 200_000.0));
    let found = findings(&figures);
    assert_eq!(topics(&found)[2..], [Topic::Step, Topic::Phase]);
    assert_eq!(found[2].name.as_deref(), Some("flow / 20"));
    assert!(found[2].text.starts_with("100 %"), "{}", found[2].text);
    assert!(found[3].text.starts_with("90 %"), "{}", found[3].text);
    assert!(found[3].text.contains("first byte"), "{}", found[3].text);
}

#[test]
fn a_rise_of_all_times_is_seen_through_an_uneven_p95() {
    let mut figures = slow_for_20_seconds(19, 0.0);
    let mut dice = Dice(23);
    for point in &mut figures.points {
        point.p95 *= (0.8 * dice.normal()).exp();
    }
    raise(target(&mut figures, "target.statement"), 20.0);
    let found = findings(&figures);
    assert!(
        found[0].text.starts_with("p50 was above"),
        "{}",
        found[0].text
    );
    let expected = (Topic::Target, Some("target.statement".to_owned()));
    assert_eq!(causes(&found), [expected]);
}

#[test]
fn a_short_run_says_nothing() {
    let mut figures = slow_for_20_seconds(17, 0.5);
    figures.points.truncate(19);
    assert_eq!(findings(&figures), []);
}
