//! Latency heatmap, second by second: time × log latency, the darker the more requests.

use super::ink::HEAT_STEPS;
use super::plot::{Readout, Sheet, draw};
use super::{Axis, Ink, time_axis, warm_up};
use crate::report::model::Report;
use crate::report::{RenderError, text};
use crate::units::{Micros, show_count};

/// The chart; `None` if no request succeeded.
pub(in crate::report) fn heatmap(report: &Report) -> Result<Option<String>, RenderError> {
    let map = &report.heatmap;
    let (Some(lowest), Some(highest)) = (map.rows.first(), map.rows.last()) else {
        return Ok(None);
    };
    let sheet = Sheet::wide(
        "heatmap",
        "Latency heatmap",
        "The number of requests by time and response time; a stronger colour means more requests. Time is on the horizontal axis, response time on the vertical logarithmic axis. The table below contains the shares.",
        300,
    );
    let mut y = Axis::log_time(
        Micros(lowest.0.floor() as u64),
        Micros(highest.1.ceil() as u64),
    );
    (y.from, y.to) = (lowest.0.log10(), highest.1.log10());
    y.ticks.retain(|tick| (y.from..=y.to).contains(&tick.at));
    let readouts: Vec<Readout> = map
        .columns
        .iter()
        .map(|column| {
            let all: u64 = column.counts.iter().sum();
            let fullest = (0..map.rows.len()).max_by_key(|row| column.counts[*row]);
            let words = match fullest.filter(|_| all > 0) {
                Some(row) => format!(
                    "{} requests, most of them {} to {}",
                    show_count(all),
                    Micros(map.rows[row].0 as u64),
                    Micros(map.rows[row].1 as u64)
                ),
                None => "no requests".to_owned(),
            };
            Readout {
                from: column.start.as_secs_f64(),
                to: column.end.as_secs_f64(),
                text: format!("{}\n{words}", text::clock(column.start)),
                link: None,
            }
        })
        .collect();
    draw(&sheet, time_axis(report), y, &readouts, |plot| {
        warm_up(plot, report)?;
        plot.axes()?;
        for (index, (low, high)) in map.rows.iter().enumerate() {
            let mut columns = map.columns.iter().peekable();
            while let Some(column) = columns.next() {
                let Some(step) = step(column.counts[index], map.peak) else {
                    continue;
                };
                // Adjacent cells of the same shade are drawn as one box: fewer elements and no gaps.
                let mut end = column.end;
                while let Some(next) =
                    columns.next_if(|next| self::step(next.counts[index], map.peak) == Some(step))
                {
                    end = next.end;
                }
                plot.fill(
                    (column.start.as_secs_f64(), low.log10()),
                    (end.as_secs_f64(), high.log10()),
                    Ink::heat(step),
                )?;
            }
        }
        Ok(())
    })
    .map(Some)
}

/// The shades from few to many requests, as a small picture inside a sentence.
pub(in crate::report) fn heat_legend() -> String {
    let boxes: String = (0..HEAT_STEPS)
        .map(|step| Ink::heat(step).swatch(i32::from(step) * 12, 12, 10))
        .collect();
    format!(
        "<svg width=\"{width}\" height=\"10\" viewBox=\"0 0 {width} 10\" aria-hidden=\"true\">{boxes}</svg>",
        width = i32::from(HEAT_STEPS) * 12
    )
}

/// The shade of a count: equal steps of its logarithm, so that single requests stay visible beside thousands.
fn step(count: u64, peak: u64) -> Option<u8> {
    if count == 0 {
        return None;
    }
    let part = ((count + 1) as f64).ln() / ((peak + 1) as f64).ln();
    Some(((part * f64::from(HEAT_STEPS)).ceil() as u8).clamp(1, HEAT_STEPS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_is_seen_and_the_fullest_cell_is_the_darkest() {
        assert_eq!(step(0, 1_000), None);
        assert!(step(1, 1_000_000).is_some());
        assert_eq!(step(1_000, 1_000), Some(HEAT_STEPS - 1));
        assert_eq!(step(1, 1), Some(HEAT_STEPS - 1));
    }
}
