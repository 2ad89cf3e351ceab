//! The figures of a run for other systems, while it goes: files of text that a program follows, and metrics that
//! are scraped or pushed.
//!
//! Every output has a thread and a bounded queue of its own, so a slow reader or a dead receiver never delays the run.
//! What it loses is counted and told. To add a format of text, implement [`Formatter`]; to add a receiver of metrics,
//! `push::Protocol`.

mod catalogue;
mod csv_rows;
mod endpoint;
mod exposition;
mod families;
mod influx;
mod json_lines;
mod labels;
mod metrics_output;
mod otlp;
mod outbox;
mod protobuf;
mod push;
mod remote_write;
mod scrape;
mod state;
mod text;
mod text_output;
mod times;

pub use catalogue::{EXPORTED, Exported, Kind, Unit};
pub use endpoint::{Endpoint, PairError, listed_pairs, written_header};
pub use json_lines::SCHEMA as JSON_LINES_SCHEMA;
pub use metrics_output::MetricsOutput;
pub use push::Pushed;
pub use scrape::Scraped;
pub use text::{Ended, Formatter, TextFormat};
pub use text_output::TextOutput;
