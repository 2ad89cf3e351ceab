//! Reports: the results of a run, for people and for programs.
//!
//! A [`Report`] is built once, from the journal; each renderer is a pure function of it. Nothing here reads the
//! clock, the environment or the network.

pub mod analysis;
mod benchmark;
mod chart;
pub mod compare;
pub mod console;
mod github;
mod gitlab;
mod html;
mod junit;
pub mod live;
mod markdown;
pub mod model;
mod paint;
pub mod site;
pub mod suite;
mod summary;
pub mod text;
pub mod timeline_csv;

pub use benchmark::{BenchmarkBigger, BenchmarkSmaller};
pub use github::annotations;
pub use gitlab::GitlabMetrics;
pub use html::ReportHtml;
pub use junit::{JunitXml, refusal};
pub use markdown::SummaryMarkdown;
pub use model::{BuildError, Report};
pub use paint::Colour;
pub(crate) use paint::{Paint, Tone};
pub use summary::{JSON_SCHEMA, SCHEMA, SummaryJson};
pub use timeline_csv::TimelineCsv;

/// Renders a report in one format.
pub trait Renderer: Sync {
    /// The name of the file, in the run's directory if it is written there.
    fn file_name(&self) -> &'static str;

    /// The content of the file; the same report always gives the same bytes.
    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError>;
}

/// Every format in a run's directory, in the order they are written.
pub fn renderers() -> [&'static dyn Renderer; 4] {
    [&ReportHtml, &SummaryJson, &JunitXml, &TimelineCsv]
}

/// The reason why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
    /// The page's template failed.
    #[error("cannot fill in the report page")]
    Page(#[from] tera::Error),
    /// A number has no JSON form.
    #[error("cannot write the numbers as JSON")]
    Json(#[from] serde_json::Error),
    /// The timeline could not be written.
    #[error("cannot write the timeline as CSV")]
    Csv(#[from] csv::Error),
}
