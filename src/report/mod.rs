//! Reports: what a run came to, for people and for machines.
//!
//! A [`Report`] is built once, from the journal; each renderer is a pure function of it. Nothing here looks at the
//! clock, the environment or the network.

mod chart;
pub mod console;
mod html;
mod junit;
pub mod live;
pub mod model;
mod paint;
mod summary;
pub mod text;
mod timeline_csv;

pub use html::ReportHtml;
pub use junit::{JunitXml, refusal};
pub use model::{BuildError, Report};
pub use paint::Colour;
pub use summary::{JSON_SCHEMA, SCHEMA, SummaryJson};
pub use timeline_csv::TimelineCsv;

/// Writes a report in one form.
pub trait Renderer: Sync {
    /// The file it goes to, in the run's directory.
    fn file_name(&self) -> &'static str;

    /// The file's bytes: the same for the same report.
    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError>;
}

/// Every form that a run's directory holds, in the order they are written.
pub fn renderers() -> [&'static dyn Renderer; 4] {
    [&ReportHtml, &SummaryJson, &JunitXml, &TimelineCsv]
}

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
    /// The page's template failed.
    #[error("cannot fill in the report page")]
    Page(#[from] tera::Error),
    /// A figure has no JSON form.
    #[error("cannot write the summary as JSON")]
    Json(#[from] serde_json::Error),
    /// The timeline could not be written.
    #[error("cannot write the timeline as CSV")]
    Csv(#[from] csv::Error),
}
