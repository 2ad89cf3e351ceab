//! Reports: what a run came to, for people and for machines.
//!
//! A [`Report`] is built once, from the journal; each renderer is a pure function of it. Nothing here looks at the
//! clock, the environment or the network.

mod chart;
pub mod model;
pub mod text;

pub use model::Report;

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
}
