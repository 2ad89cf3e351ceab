//! The charts of a comparison: changes with their intervals, the shift of each quantile, and both sides overlaid.

use super::plot::{Readout, Sheet, draw};
use super::{Axis, Ink};
use crate::compare::{Change, Row, Scale, Shift, show_change};
use crate::report::RenderError;
use crate::report::model::{CurvePoint, Report};
use crate::units::Micros;

/// The changes of figures with their intervals, and the tolerance as a band; `None` without an effect. Only changes by a
/// factor are on one scale.
pub(in crate::report) fn forest(
    rows: &[(String, &Row)],
    tolerance: f64,
) -> Result<Option<String>, RenderError> {
    let known: Vec<(&str, &Row, f64, f64, f64)> = rows
        .iter()
        .filter(|(_, row)| row.figure.scale == Scale::Factor)
        .filter_map(|(label, row)| {
            let (change, bounds) = (row.told_change()?, row.told_bounds()?);
            Some((&**label, *row, change, bounds.low, bounds.high))
        })
        .collect();
    if known.is_empty() {
        return Ok(None);
    }
    // A wide interval is cut, so that it does not hide the others.
    let widest = known
        .iter()
        .flat_map(|(_, _, change, low, high)| [change.abs(), low.abs(), high.abs()])
        .filter(|size| size.is_finite())
        .fold(tolerance * 2.0, f64::max)
        .min(WIDEST);
    let height = 60 + 24 * known.len() as i32;
    let sheet = Sheet {
        id: "forest",
        title: "Changes with their intervals",
        description: "Each figure's relative change from side A to side B as a point, its interval as a line \
                      (with an arrow if it goes on beyond the chart), and the tolerance as a band around zero. The tables \
                      contain the numbers.",
        left: 260,
        ..Sheet::wide("forest", "", "", height)
    };
    let x = Axis::signed(widest, |told| show_change(told, Scale::Factor));
    let count = known.len() as f64;
    let y = Axis {
        from: 0.0,
        to: count,
        ticks: Vec::new(),
    };
    let (left, right) = (x.from, x.to);
    draw(&sheet, x, y, &[], |plot| {
        plot.fill((-tolerance, 0.0), (tolerance, count), Ink::WarmUp)?;
        plot.axes()?;
        plot.path(&[(0.0, 0.0), (0.0, count)], Ink::Axis, 12)?;
        for (index, (label, row, change, low, high)) in known.iter().enumerate() {
            let at = count - index as f64 - 0.5;
            let ink = match row.change {
                Change::Regressed => Ink::Second,
                Change::Improved => Ink::P95,
                Change::NoChange | Change::Changed => Ink::First,
                Change::Inconclusive => Ink::Max,
            };
            let within = |told: f64| told.clamp(left, right);
            plot.path(&[(within(*low), at), (within(*high), at)], ink, 24)?;
            let half = (right - left) / 300.0;
            // An arrow where the interval goes on beyond the chart.
            for (end, inner, is_cut) in [
                (left, left + 3.0 * half, *low < left),
                (right, right - 3.0 * half, *high > right),
            ] {
                if is_cut {
                    plot.path(&[(inner, at + 0.3), (end, at), (inner, at - 0.3)], ink, 24)?;
                }
            }
            plot.fill(
                (within(*change) - half, at - 0.22),
                (within(*change) + half, at + 0.22),
                ink,
            )?;
            plot.row_label(at, label, Ink::Text)?;
        }
        Ok(())
    })
    .map(Some)
}

/// The widest change of a chart, relative.
const WIDEST: f64 = 2.0;

/// The relative change of the response time at each quantile, with its interval; `None` for fewer than two quantiles.
pub(in crate::report) fn shift(shifts: &[Option<Shift>]) -> Result<Option<String>, RenderError> {
    let known: Vec<(f64, &Shift)> = shifts
        .iter()
        .flatten()
        .map(|shift| (-(1.0 - shift.quantile).log10(), shift))
        .collect();
    let (Some((first, _)), Some((last, _)), true) = (known.first(), known.last(), known.len() > 1)
    else {
        return Ok(None);
    };
    let ends = |shift: &Shift| {
        shift
            .bounds
            .map_or([shift.change; 2], |bounds| [bounds.low, bounds.high])
    };
    let widest = known
        .iter()
        .flat_map(|(_, shift)| ends(shift))
        .filter(|size| size.is_finite())
        .fold(0.02, |most: f64, size| most.max(size.abs()))
        .min(WIDEST);
    let sheet = Sheet::wide(
        "shift",
        "Change of the response time by quantile",
        "The relative change of the response time from side A to side B at each quantile, with its interval. The horizontal \
         axis is logarithmic in 1/(1−q). A level line means that all requests changed alike; a rising one that the tail did.",
        280,
    );
    let y = Axis::signed(widest, |told| show_change(told, Scale::Factor));
    let (bottom, top) = (y.from, y.to);
    let readouts: Vec<Readout> = known
        .iter()
        .enumerate()
        .map(|(index, (nines, shift))| {
            let before = index.checked_sub(1).map_or(*first, |index| known[index].0);
            let after = known.get(index + 1).map_or(*last, |next| next.0);
            let interval = shift.bounds.map_or_else(
                || "interval not known".to_owned(),
                |bounds| {
                    format!(
                        "{} to {}",
                        show_change(bounds.low, Scale::Factor),
                        show_change(bounds.high, Scale::Factor)
                    )
                },
            );
            Readout {
                from: f64::midpoint(before, *nines),
                to: f64::midpoint(*nines, after),
                text: format!(
                    "p{:.1}\n{}\n{interval}",
                    shift.quantile * 100.0,
                    show_change(shift.change, Scale::Factor)
                ),
                link: None,
            }
        })
        .collect();
    let mut x = Axis::nines(*last);
    x.ticks.retain(|tick| tick.at >= *first);
    draw(&sheet, x, y, &readouts, |plot| {
        let band = |told: f64| told.clamp(bottom, top);
        for pair in known.windows(2) {
            let [left, right] = [&pair[0], &pair[1]];
            let (low, high) = (ends(left.1), ends(right.1));
            let from = band(low[0].min(high[0]));
            let to = band(low[1].max(high[1]));
            if left.1.bounds.is_some() && right.1.bounds.is_some() {
                plot.fill((left.0, from), (right.0, to), Ink::WarmUp)?;
            }
        }
        plot.axes()?;
        plot.path(&[(x_from(&known), 0.0), (x_to(&known), 0.0)], Ink::Axis, 12)?;
        let points: Vec<(f64, f64)> = known
            .iter()
            .map(|(nines, shift)| (*nines, band(shift.change)))
            .collect();
        plot.path(&points, Ink::First, 22)
    })
    .map(Some)
}

fn x_from(known: &[(f64, &Shift)]) -> f64 {
    known.first().map_or(0.0, |point| point.0)
}

fn x_to(known: &[(f64, &Shift)]) -> f64 {
    known.last().map_or(1.0, |point| point.0)
}

/// The percentile distributions of all runs of both sides; `None` without a curve.
pub(in crate::report) fn distributions(
    a: &[Report],
    b: &[Report],
) -> Result<Option<String>, RenderError> {
    let curves = || a.iter().chain(b).map(|report| &report.response_curve);
    let points = || curves().flatten();
    let (Some(least), Some(most)) = (
        points().map(|point| point.time).min(),
        points().map(|point| point.time).max(),
    ) else {
        return Ok(None);
    };
    let end = points().map(|point| point.nines).fold(1.0, f64::max);
    let sheet = Sheet::wide(
        "distributions",
        "Percentile distributions of both sides",
        "The response time at each percentile, one line a run: side A and side B in their colours. The horizontal axis is \
         logarithmic in 1/(1−q); a line ends where fewer than ten slower requests remain.",
        300,
    );
    draw(
        &sheet,
        Axis::nines(end),
        Axis::log_time(least, most),
        &[],
        |plot| {
            plot.axes()?;
            let mut labels = Vec::new();
            for (side, name, ink) in [(a, "A", Ink::First), (b, "B", Ink::Second)] {
                for report in side {
                    let line: Vec<(f64, f64)> = report.response_curve.iter().map(place).collect();
                    plot.path(&line, ink, 16)?;
                }
                let ends = side
                    .iter()
                    .filter_map(|report| report.response_curve.last());
                labels.extend(
                    ends.map(|point| (log(point.time), name.to_owned(), ink))
                        .next(),
                );
            }
            plot.end_labels(&labels)
        },
    )
    .map(Some)
}

/// p95 over time of all runs of both sides; `None` without a response.
pub(in crate::report) fn timelines(
    a: &[Report],
    b: &[Report],
) -> Result<Option<String>, RenderError> {
    let points = || {
        let reports = a.iter().chain(b);
        reports
            .flat_map(|report| &report.timeline)
            .filter_map(|point| point.response)
    };
    let (Some(least), Some(most)) = (
        points().map(|spread| spread.p95).min(),
        points().map(|spread| spread.p95).max(),
    ) else {
        return Ok(None);
    };
    let end = a.iter().chain(b).map(|report| report.ended_at).max();
    let sheet = Sheet::wide(
        "timelines",
        "p95 response time over time, both sides",
        "The 95th percentile of the response time in each time span, one line a run, on a logarithmic axis: side A and side B \
         in their colours.",
        280,
    );
    draw(
        &sheet,
        Axis::time(end.unwrap_or(Micros(1))),
        Axis::log_time(least, most),
        &[],
        |plot| {
            plot.axes()?;
            let mut labels = Vec::new();
            for (side, name, ink) in [(a, "A", Ink::First), (b, "B", Ink::Second)] {
                for report in side {
                    let line: Vec<(f64, Option<f64>)> = report
                        .timeline
                        .iter()
                        .map(|point| {
                            let middle =
                                f64::midpoint(point.start.as_secs_f64(), point.end.as_secs_f64());
                            (middle, point.response.map(|spread| log(spread.p95)))
                        })
                        .collect();
                    plot.line(&line, ink, 14)?;
                    let final_value = line.iter().rev().find_map(|(_, value)| *value);
                    labels.retain(|(_, label, _): &(f64, String, Ink)| label != name);
                    labels.extend(final_value.map(|value| (value, name.to_owned(), ink)));
                }
            }
            plot.end_labels(&labels)
        },
    )
    .map(Some)
}

fn place(point: &CurvePoint) -> (f64, f64) {
    (point.nines, log(point.time))
}

fn log(time: Micros) -> f64 {
    (time.0.max(1) as f64).log10()
}
