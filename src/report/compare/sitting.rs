//! `ab.html`: how a comparison by pairs was made. It lists the pairs in the order of their runs, with links to the report of
//! each run and to the comparison.

use serde::Serialize;
use tera::{Context, Tera};

use crate::compare::{Design, Row, Scale, show_change};
use crate::report::RenderError;
use crate::report::html::conclusion;
use crate::report::model::Report;

use super::html::Head;
use super::{Compared, words};

const TEMPLATE: &str = include_str!("../templates/ab.html");

#[derive(Debug, Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    arms: [&'a str; 2],
    figures: Vec<&'a str>,
    pairs: Vec<PairLine>,
    slots: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PairLine {
    number: usize,
    order: &'static str,
    runs: [RunCell; 2],
    changes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RunCell {
    link: String,
    run_id: String,
    verdict: &'static str,
    values: Vec<String>,
}

/// The page of a sitting. The reports of its runs are in `folders`, relative to the page: of side A, then of side B.
///
/// # Errors
/// The template failed.
pub fn sitting_page(compared: &Compared, folders: [&[String]; 2]) -> Result<Vec<u8>, RenderError> {
    let comparison = &compared.comparison;
    let times: Vec<&Row> = comparison
        .gates
        .iter()
        .filter(|row| row.figure.scale == Scale::Factor)
        .collect();
    let page = Page {
        head: Head::of(compared),
        arms: [&compared.a.name, &compared.b.name],
        figures: times.iter().map(|row| &*row.figure.name).collect(),
        pairs: pairs(compared, &times, folders),
        slots: words::slots(comparison),
    };
    let mut tera = Tera::new();
    tera.add_raw_template("ab.html", TEMPLATE)?;
    Ok(tera
        .render("ab.html", &Context::from_serialize(&page)?)?
        .into_bytes())
}

fn pairs(compared: &Compared, times: &[&Row], folders: [&[String]; 2]) -> Vec<PairLine> {
    let Design::Pairs { a_first } = &compared.comparison.design else {
        return Vec::new();
    };
    let line = |index: usize| {
        let runs = [(&compared.a, folders[0]), (&compared.b, folders[1])];
        let runs = runs.map(|(side, folders)| (side.reports.get(index), folders.get(index)));
        let [(Some(a), Some(place_a)), (Some(b), Some(place_b))] = runs else {
            return None;
        };
        Some(PairLine {
            number: index + 1,
            order: if a_first[index] { "A, B" } else { "B, A" },
            runs: [
                RunCell::of(a, place_a, times),
                RunCell::of(b, place_b, times),
            ],
            changes: times.iter().map(|row| change(row, a, b)).collect(),
        })
    };
    (0..a_first.len()).filter_map(line).collect()
}

/// The change of a figure within a pair.
fn change(row: &Row, a: &Report, b: &Report) -> String {
    let reading = |report: &Report| Some(report.profile.as_ref()?.reading(&row.figure.name)?.value);
    match (reading(a), reading(b)) {
        (Some(a), Some(b)) => show_change(row.figure.scale.told(b - a), row.figure.scale),
        _ => "–".to_owned(),
    }
}

impl RunCell {
    fn of(report: &Report, place: &str, times: &[&Row]) -> Self {
        let value = |row: &&Row| {
            let reading = report.profile.as_ref()?.reading(&row.figure.name)?;
            Some(row.figure.scale.number(reading.value))
        };
        Self {
            link: format!("{place}/report.html"),
            run_id: report.header.run_id.clone(),
            verdict: conclusion(report.verdict.conclusion).0,
            values: times
                .iter()
                .map(|row| words::value(&row.figure, value(row)))
                .collect(),
        }
    }
}
