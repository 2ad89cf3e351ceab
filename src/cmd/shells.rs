//! `gander completions` and `gander man`: what a shell and `man` know of the command line.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{CommandError, terminal};
use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;

/// Prints the completions for a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "gander", &mut script);
    terminal::say(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Passed)
}

/// Writes a page for the command and for each subcommand.
pub(super) fn man(args: &ManArgs) -> Result<Exit, CommandError> {
    let written = write_pages(&args.out);
    written
        .with_context(|| format!("cannot write the pages to {}", args.out.display()))
        .map_err(CommandError::Argument)?;
    Ok(Exit::Passed)
}

fn write_pages(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}
