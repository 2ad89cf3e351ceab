//! The ticks of an axis and their labels.

use crate::report::text;
use crate::units::Micros;

/// A tick: its position in the axis' own numbers, and its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// An axis with its range and ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<Tick>,
}

impl Axis {
    /// Time on the run's clock, in seconds.
    pub(super) fn time(end: Micros) -> Self {
        const STEPS: [f64; 16] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
            7_200.0, 14_400.0, 43_200.0,
        ];
        let to = end.as_secs_f64().max(1.0);
        let step = STEPS
            .into_iter()
            .find(|step| to / step <= 10.0)
            .unwrap_or(86_400.0);
        let ticks = (0..=(to / step + 1e-9) as u64)
            .map(|index| {
                let at = index as f64 * step;
                Tick {
                    at,
                    label: text::clock(Micros((at * 1e6).round() as u64)),
                }
            })
            .collect();
        Self {
            from: 0.0,
            to,
            ticks,
        }
    }

    /// Logarithms of times in µs: from slightly below `least` to slightly above `most`, with ticks at 1, 2 and 5 or
    /// at powers.
    pub(super) fn log_time(least: Micros, most: Micros) -> Self {
        let from = (least.0.max(1) as f64).log10() - 0.06;
        let to = ((most.0.max(1) as f64).log10() + 0.08).max(from + 0.5);
        let steps: &[f64] = match to - from {
            span if span < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            span if span < 2.6 => &[1.0, 2.0, 5.0],
            span if span < 3.6 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let ticks = (from.floor() as i32..=to.ceil() as i32)
            .flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)))
            .filter(|value| (from..=to).contains(&value.log10()) && *value >= 1.0)
            .map(|value| Tick {
                at: value.log10(),
                label: short_time(value),
            })
            .collect();
        Self { from, to, ticks }
    }

    /// Numbers from zero to slightly above `most`, labelled by `label`.
    pub(super) fn linear(most: f64, label: impl Fn(f64) -> String) -> Self {
        let most = if most.is_finite() && most > 0.0 {
            most
        } else {
            1.0
        };
        let step = step_of(most / 3.5);
        let last = (most / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=last as u64)
            .map(|index| Tick {
                at: index as f64 * step,
                label: label(index as f64 * step),
            })
            .collect();
        Self {
            from: 0.0,
            to: last * step * 1.04,
            ticks,
        }
    }

    /// Numbers from slightly below `low` to slightly above `high`, but not below zero, labelled by `label`.
    pub(super) fn around(low: f64, high: f64, label: impl Fn(f64) -> String) -> Self {
        if high <= 0.0 || !high.is_finite() {
            return Self::linear(0.01, label);
        }
        let room = ((high - low) * 0.08).max(high * 0.01);
        let (from, to) = ((low - room).max(0.0), high + room);
        let step = step_of((to - from) / 3.5);
        let ticks = (from / step).ceil() as u64..=(to / step).floor() as u64;
        Self {
            from,
            to,
            ticks: ticks
                .map(|index| Tick {
                    at: index as f64 * step,
                    label: label(index as f64 * step),
                })
                .collect(),
        }
    }

    /// Numbers around zero, up to slightly above `most` on both sides, labelled by `label`.
    pub(super) fn signed(most: f64, label: impl Fn(f64) -> String) -> Self {
        let one_side = Self::linear(most, &label);
        let negative = one_side.ticks.iter().skip(1).rev().map(|tick| Tick {
            at: -tick.at,
            label: label(-tick.at),
        });
        Self {
            from: -one_side.to,
            to: one_side.to,
            ticks: negative.chain(one_side.ticks.iter().cloned()).collect(),
        }
    }

    /// log₁₀ 1/(1−q), from the minimum to `to`, labelled as percentiles.
    pub(super) fn nines(to: f64) -> Self {
        let to = to.max(1.0);
        let ticks = std::iter::once((0.0, "min".to_owned()))
            .chain(
                [(0.5_f64, "p50"), (0.25, "p75"), (0.1, "p90"), (0.05, "p95")]
                    .map(|(left, label)| (-left.log10(), label.to_owned())),
            )
            .chain((2..=9).map(|nines| {
                let digits = "9".repeat(nines - 2);
                let point = if nines > 2 { "." } else { "" };
                (nines as f64, format!("p99{point}{digits}"))
            }))
            .filter(|(at, _)| *at <= to + 1e-9)
            .map(|(at, label)| Tick { at, label })
            .collect();
        Self {
            from: 0.0,
            to,
            ticks,
        }
    }
}

/// The smallest step of round numbers that is not below `rough`.
fn step_of(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(power * 10.0)
}

/// A time on an axis, without trailing zeros: `500 µs`, `1 ms`, `1.5 s`.
fn short_time(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1e3 => (us, "µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us if us < 60e6 => (us / 1e6, "s"),
        us => (us / 60e6, "min"),
    };
    let text = format!("{value:.1}");
    format!(
        "{} {unit}",
        text.trim_end_matches('0').trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::show_number;

    #[test]
    fn axes_hold_their_numbers_and_have_few_ticks() {
        for seconds in [0, 1, 5, 30, 300, 7_200, 90_000] {
            let axis = Axis::time(Micros(seconds * 1_000_000));
            assert!((2..=11).contains(&axis.ticks.len()), "{seconds}: {axis:?}");
        }
        for most in [0.0, 0.3, 1.0, 7.0, 199.0, 200.0, 1e6] {
            let axis = Axis::linear(most, show_number);
            assert!(
                axis.to >= most && (2..=6).contains(&axis.ticks.len()),
                "{axis:?}"
            );
        }
        for (least, most) in [(0, 0), (1, 3_600_000_000), (900, 1_100), (2_000, 90_000)] {
            let axis = Axis::log_time(Micros(least), Micros(most));
            assert!(axis.from <= (least.max(1) as f64).log10());
            assert!(axis.to >= (most.max(1) as f64).log10());
            assert!((1..=12).contains(&axis.ticks.len()), "{axis:?}");
        }
    }

    #[test]
    fn percentiles_are_named_by_their_nines() {
        let labels: Vec<_> = Axis::nines(4.0)
            .ticks
            .into_iter()
            .map(|tick| tick.label)
            .collect();
        assert_eq!(
            labels,
            ["min", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99"]
        );
    }
}
