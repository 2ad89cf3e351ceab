//! How a trial is shown: as text while it runs, as a HAR file after it.
//!
//! Everything here goes through the masks of the trial's events. Nothing here decides what a step does.

mod body;
mod har;
mod lines;
mod redact;
mod tally;
mod view;

pub use har::Har;
pub use view::TrialView;
