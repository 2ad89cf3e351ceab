//! `think`: pauses for a random time.

use std::f64::consts::TAU;
use std::ops::ControlFlow::{self, Continue};
use std::time::Duration;

use super::Walker;
use crate::engine::trial::{Note, Tone};
use crate::scenario::Delay;
use crate::units::show_duration;

/// Draws a pause and waits for its end.
pub(super) async fn run<W: Walker>(walker: &mut W, delay: &Delay) -> ControlFlow<W::Break> {
    let length = length(delay, || walker.values().random());
    if walker.trail().is_some() {
        let left_out = show_duration(Duration::from_millis(length.as_millis() as u64));
        walker.tell(|_| Note::new(Tone::Skipped, "pause", format!("{left_out} left out")));
        return Continue(());
    }
    walker.pause(length).await
}

/// Draws the length of a pause.
pub(in crate::engine) fn length(delay: &Delay, mut random: impl FnMut() -> u64) -> Duration {
    // In [0, 1).
    let mut fraction = || (random() >> 11) as f64 / (1_u64 << 53) as f64;
    match *delay {
        Delay::Constant(pause) => pause,
        Delay::Uniform(shortest, longest) => {
            shortest + longest.saturating_sub(shortest).mul_f64(fraction())
        }
        // Box and Muller (1958), one of the pair.
        Delay::Normal(mean, deviation, bounds) => {
            let radius = (-2.0 * (1.0 - fraction()).ln()).sqrt();
            let deviations = radius * (TAU * fraction()).cos();
            let seconds = deviation
                .as_secs_f64()
                .mul_add(deviations, mean.as_secs_f64());
            bounds.clamp(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        }
        // By inversion; at most 36.7 times the mean, as a fraction has 53 bits.
        Delay::Exponential(mean, bounds) => bounds.clamp(mean.mul_f64(-(1.0 - fraction()).ln())),
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::scenario::Bounds;

    #[test]
    fn pauses_follow_their_law() {
        let mut random = Pcg64Mcg::new(1);
        let ms = Duration::from_millis;
        let free = Bounds::default();
        let within = Bounds {
            least: ms(5),
            most: Some(ms(20)),
        };
        for (delay, mean, most) in [
            (Delay::Constant(ms(20)), 0.020, ms(20)),
            (Delay::Uniform(ms(10), ms(30)), 0.020, ms(30)),
            (Delay::Normal(ms(100), ms(10), free), 0.100, ms(200)),
            // Cut off at zero, the mean of a standard normal law is 1/√(2π) of its deviation.
            (Delay::Normal(ms(0), ms(10), free), 0.003_989, ms(100)),
            (Delay::Exponential(ms(10), free), 0.010, ms(367)),
            // 5 + ∫₅²⁰ e^(−x/10) dx = 5 + 10·(e^−½ − e^−2) ms.
            (Delay::Exponential(ms(10), within), 0.009_712, ms(20)),
        ] {
            let pauses: Vec<_> = (0..20_000)
                .map(|_| length(&delay, || random.next_u64()))
                .collect();
            let total: Duration = pauses.iter().sum();
            let found = total.as_secs_f64() / 20_000.0;
            // Five standard errors of the widest of these laws.
            assert!((found - mean).abs() < 0.04 * mean, "{delay:?}: {found} s");
            assert!(pauses.iter().all(|pause| *pause <= most), "{delay:?}");
            if let Delay::Exponential(_, bounds) = delay {
                assert!(pauses.iter().all(|pause| *pause >= bounds.least));
            }
        }
    }
}
