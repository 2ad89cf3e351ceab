//! The section about the target's own metrics.

use serde::Serialize;

use crate::record::Distribution;
use crate::report::model::{KeptRow, Report};
use crate::report::{RenderError, chart};
use crate::units::{ByteSize, Micros, show_count};

/// A kept metric: its row and its chart.
#[derive(Debug, Serialize)]
pub(super) struct KeptLine<'a> {
    name: String,
    selector: &'a str,
    /// Each with a second line; empty without one.
    cells: Vec<(String, String)>,
    has_gaps: bool,
    chart: Option<String>,
}

pub(super) fn kept(report: &Report) -> Result<Vec<KeptLine<'_>>, RenderError> {
    report.kept.iter().map(|row| line(report, row)).collect()
}

fn line<'a>(report: &'a Report, row: &'a KeptRow) -> Result<KeptLine<'a>, RenderError> {
    let sum = &row.sum;
    let plain = |text: String| (text, String::new());
    let quantile = |at: f64| {
        let bounds = row.bounds_of_quantile(at).unwrap_or_default();
        (row.shown_quantile(at), bounds)
    };
    let count = match sum.observed() {
        Some(observed) => (
            show_count(Distribution::count(observed) as u64),
            "observed".to_owned(),
        ),
        None => (show_count(sum.readings), "readings".to_owned()),
    };
    Ok(KeptLine {
        name: row.name(),
        selector: &row.metric.selector,
        cells: vec![
            count,
            plain(show_count(sum.gaps)),
            plain(row.shown(sum.min())),
            plain(row.shown(sum.mean())),
            quantile(0.50),
            quantile(0.95),
            quantile(0.99),
            plain(row.shown(sum.max())),
            plain(row.shown(sum.last())),
        ],
        has_gaps: sum.gaps > 0,
        chart: chart::kept(report, row)?,
    })
}

/// The cost of the scrapes; empty without one.
pub(super) fn note(report: &Report) -> String {
    let scrapes = report.scrapes;
    if scrapes.made == 0 {
        return String::new();
    }
    let failed = match scrapes.failed {
        0 => "none failed".to_owned(),
        failed => format!("{} failed", show_count(failed)),
    };
    format!(
        "The target's own metrics took {} scrapes, of which {failed}: {} on average, {} in all.",
        show_count(scrapes.made),
        Micros(scrapes.took.0 / scrapes.made),
        ByteSize(scrapes.bytes)
    )
}
