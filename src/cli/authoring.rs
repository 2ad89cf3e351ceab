//! The options of the commands for writing scenarios and setting up a shell.

use std::path::PathBuf;

use clap::Args;

use super::{SetupArgs, arguments};
use crate::starter::StarterKind;

/// `gander try`
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The scenario file
    pub file: PathBuf,
    /// Seed for all random values
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Show bodies to their end, not only their beginning
    #[arg(long)]
    pub full: bool,
    /// Also write the exchanges here as an HTTP archive (HAR 1.2), without secrets
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,
    /// Replace an existing file at the path of --har
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub setup: SetupArgs,
}

/// `gander new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The kind of test
    pub kind: StarterKind,
    /// A URL to test, instead of Folio
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// The file to write [default: KIND.yaml]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
}

/// `gander completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `gander man`
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder for the pages: gander.1, and one for each subcommand
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
