//! The options of text that follows the intervals of a run.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::export::TextFormat;

/// The title of these options in the help.
const HEADING: &str = "Figures of each second";

/// Text with the figures of each interval: `gander run` writes it while it goes, `gander report` from the journal.
#[derive(Debug, Default, Args)]
pub struct TextArgs {
    /// Write a line of JSON for each second here, with counts, percentiles and load by step; `-` writes it to stdout,
    /// where nothing else is printed
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    pub jsonl: Option<PathBuf>,
    /// Write the rows of timeline.csv for each second here; `-` writes them to stdout
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write points for each second here in the line protocol of `InfluxDB`; `-` writes them to stdout
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    pub influx: Option<PathBuf>,
}

impl TextArgs {
    /// The formats that are asked for, each with its file.
    pub fn wanted(&self) -> impl Iterator<Item = (TextFormat, &Path)> {
        let all = [
            (TextFormat::JsonLines, &self.jsonl),
            (TextFormat::Csv, &self.csv),
            (TextFormat::Influx, &self.influx),
        ];
        all.into_iter()
            .filter_map(|(format, path)| Some((format, path.as_deref()?)))
    }
}
