//! The target's own metrics, scraped beside the load: from the sources of a plan to readings in intervals.
//!
//! Each source has a task on the thread that closes intervals, never on one that runs users. It scrapes one page at a
//! time; a scrape that fails is a gap in the source's metrics.

pub mod exposition;
mod increase;
mod readings;
mod scrape;

pub use scrape::{MOST_BYTES, Monitor};
