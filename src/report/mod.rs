//! Reports: what a run came to, for people and for machines.
//!
//! A [`Report`] is built once, from the journal; each renderer is a pure function of it. Nothing here looks at the
//! clock, the environment or the network.

mod chart;
mod html;
pub mod model;
mod summary;
pub mod text;

pub use html::ReportHtml;
pub use model::{BuildError, Report};
pub use summary::{JSON_SCHEMA, SCHEMA, SummaryJson};

/// Writes a report in one form.
pub trait Renderer {
    /// The file it goes to, in the run's directory.
    fn file_name(&self) -> &'static str;

    /// The file's bytes: the same for the same report.
    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError>;
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
}
