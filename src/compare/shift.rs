//! The change of response times at each quantile, with the interval of the same method as the table's.

use super::comparison::{Options, Shift, told_bounds};
use super::design::Measured;
use super::figure::Scale;
use super::noise::Noise;
use super::profile::{CURVE, Profile, Reading};

/// The shift at each quantile of [`CURVE`]; `None` where a side has too few requests.
pub(super) fn shift(
    a: &[Profile],
    b: &[Profile],
    options: &Options,
    noise: Option<&Noise>,
) -> Vec<Option<Shift>> {
    let at = |(index, quantile): (usize, f64)| {
        let readings = |side: &[Profile]| -> Vec<Option<Reading>> {
            side.iter()
                .map(|run| run.curve.get(index).copied().flatten())
                .collect()
        };
        // Between the percentiles that have a noise floor, the nearest floor is used.
        let near = if quantile < 0.9 { "p50" } else { "p95" };
        let tau = noise.and_then(|noise| noise.variance(&format!("{near}(response_time)")));
        let load_s = a.first().map_or(0.0, |run| run.facts.load_s);
        let measured = Measured::from_readings(
            &readings(a),
            &readings(b),
            (Scale::Factor, None),
            &options.design,
            (noise, tau, load_s),
        );
        let change = measured.b? - measured.a?;
        let proven = measured.effect.filter(|_| measured.flaw.is_none());
        Some(Shift {
            quantile,
            change: Scale::Factor.told(change),
            bounds: proven.map(|effect| told_bounds(&effect, Scale::Factor, options.confidence)),
        })
    };
    CURVE.into_iter().enumerate().map(at).collect()
}
