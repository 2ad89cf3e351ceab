//! The options of `gander run` for several files.

use std::time::Duration;

use clap::Args;

use super::arguments;

/// How several files are run one after another.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several files")]
pub struct SuiteArgs {
    /// Pause between two runs
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10s",
        value_parser = arguments::duration,
        allow_hyphen_values = true
    )]
    pub pause: Duration,
    /// Wait before each further run until a GET of this path below its target, or of this URL, answers 2xx [default: until
    /// its target accepts a connection]
    #[arg(long, value_name = "PATH|URL")]
    pub health: Option<String>,
    /// Go on after a run that did not pass
    #[arg(long)]
    pub keep_going: bool,
}
