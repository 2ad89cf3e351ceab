//! Badges: the verdict and the p95 of the newest run, as small SVG pictures for a README.

use super::figure::{FIGURES, MAIN};
use super::run::SiteRun;
use super::trend::Trend;
use super::{SiteFile, file, index, slug};
use crate::report::chart::escape;
use crate::report::html::conclusion;
use crate::report::text::shorten;

/// The height of a badge, in pixels.
const HEIGHT: usize = 20;

/// The width of a character, in pixels. `textLength` makes the text fit in any font.
const PER_CHARACTER: usize = 7;

/// The most characters of each side.
const MOST: usize = 60;

/// The end of the name of a badge about the p95.
const OF_P95: &str = "-p95";

/// The badges of a scenario: two about its newest run, and two about that of each trend with a name of its own.
pub(super) fn of_scenario(name: &str, trends: &[Trend<'_>]) -> Vec<SiteFile> {
    let newest = trends
        .iter()
        .map(|trend| trend.newest)
        .max_by_key(|run| (&run.started_at, &run.run_id));
    let whole = newest.map(|run| (part(name), run));
    let named = trends.iter().filter_map(|trend| {
        let parts: Vec<String> = [trend.environment, trend.label]
            .into_iter()
            .flatten()
            .map(part)
            .collect();
        (!parts.is_empty()).then(|| (format!("{}.{}", part(name), parts.join(".")), trend.newest))
    });
    let badges = whole.into_iter().chain(named);
    badges
        .flat_map(|(stem, run)| of_run(&stem, name, run))
        .collect()
}

/// The part of a badge's name about a scenario, an environment or a label. One that ends as the name of a p95 badge gets a
/// hash, because `trend-p95` and the p95 of `trend` are two badges.
fn part(name: &str) -> String {
    let part = slug(name);
    if part.ends_with(OF_P95) {
        format!("{part}-{}", index::short_hash(name))
    } else {
        part
    }
}

fn of_run(stem: &str, name: &str, run: &SiteRun) -> [SiteFile; 2] {
    let (word, mark, tone) = conclusion(run.verdict);
    let verdict = format!("{mark} {}", word.to_lowercase());
    let figure = FIGURES.iter().find(|figure| figure.name == MAIN);
    let p95 = figure.and_then(|figure| Some(figure.show(run.reading(MAIN)?.value)));
    // A time that was not measured well is no good news, whatever it is.
    let (p95, p95_tone) = match (p95, run.left_out()) {
        (Some(p95), None) => (p95, "plain"),
        (None, None) => ("no good request".to_owned(), "plain"),
        (_, Some(_)) => ("not measured".to_owned(), "plain"),
    };
    [
        file(format!("badges/{stem}.svg"), badge(name, &verdict, tone)),
        file(
            format!("badges/{stem}{OF_P95}.svg"),
            badge(&format!("{name} p95"), &p95, p95_tone),
        ),
    ]
}

fn badge(left: &str, right: &str, tone: &str) -> Vec<u8> {
    let colour = match tone {
        "pass" => "#12703f",
        "fail" => "#b3261e",
        "care" => "#7a5200",
        _ => "#00629b",
    };
    let (left, right) = (shorten(left, MOST), shorten(right, MOST));
    let width = |text: &str| text.chars().count() * PER_CHARACTER;
    let (left_text, right_text) = (width(&left), width(&right));
    let (left_side, right_side) = (left_text + 12, right_text + 12);
    let all = left_side + right_side;
    let (left, right) = (escape(&left), escape(&right));
    let text = |x: usize, length: usize, text: &str| {
        format!(
            "<text x=\"{x}\" y=\"14\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
        )
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"{HEIGHT}\" viewBox=\"0 0 {all} {HEIGHT}\" role=\"img\" \
         aria-label=\"{left}: {right}\"><title>{left}: {right}</title>\
         <clipPath id=\"c\"><rect width=\"{all}\" height=\"{HEIGHT}\" rx=\"3\"/></clipPath>\
         <g clip-path=\"url(#c)\"><rect width=\"{left_side}\" height=\"{HEIGHT}\" fill=\"#3c444d\"/>\
         <rect x=\"{left_side}\" width=\"{right_side}\" height=\"{HEIGHT}\" fill=\"{colour}\"/></g>\
         <g fill=\"#ffffff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">{}{}</g></svg>\n",
        text(6, left_text, &left),
        text(left_side + 6, right_text, &right)
    )
    .into_bytes()
}
