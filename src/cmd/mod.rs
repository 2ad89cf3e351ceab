//! The subcommands: each wires the pipeline's modules together and says how the process ends.

mod check;
mod drive;
mod driven;
mod header;
mod outputs;
mod plan;
mod report;
mod run;
#[cfg(feature = "bundled-target")]
mod target;
mod terminal;

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};

use clap::Parser;
use url::Url;

#[cfg(feature = "bundled-target")]
use crate::cli::TargetCommand;
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::plan::{Plan, Segment};
use crate::scenario::{Diagnostics, Scenario, Target};

/// Runs the command line `words` (the program's name first) and says how the process ends.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            terminal::complain(&error.render().to_string());
            return Exit::InvalidInput;
        }
        Err(help) => {
            terminal::say(&help.render().to_string());
            return Exit::Passed;
        }
    };
    if cli.no_color {
        console::set_colors_enabled(false);
        console::set_colors_enabled_stderr(false);
    }
    dispatch(&cli.command).unwrap_or_else(|failure| {
        terminal::complain(&failure.render());
        failure.exit()
    })
}

fn dispatch(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Check(args) => Ok(check::check(args)),
        Command::Plan(args) => plan::plan(args),
        Command::Report(args) => report::report(args),
        #[cfg(feature = "bundled-target")]
        Command::Target(TargetCommand::Serve(args)) => target::serve(args),
        #[cfg(not(feature = "bundled-target"))]
        Command::Target { .. } => Err(driven::none_bundled()),
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The scenario is not valid.
    #[error("{0}")]
    Scenario(Diagnostics),
    /// An argument, or a file it names, is not usable.
    #[error("{0:#}")]
    Argument(anyhow::Error),
    /// The target could not be reached, or not be started.
    #[cfg(feature = "bundled-target")]
    #[error("{0:#}")]
    Target(anyhow::Error),
    /// The user did not want to wait for the end.
    #[cfg(feature = "bundled-target")]
    #[error("{0:#}")]
    Stopped(anyhow::Error),
    /// Anything else.
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl Failure {
    const fn exit(&self) -> Exit {
        match self {
            Self::Scenario(_) | Self::Argument(_) => Exit::InvalidInput,
            #[cfg(feature = "bundled-target")]
            Self::Target(_) => Exit::TargetUnreachable,
            #[cfg(feature = "bundled-target")]
            Self::Stopped(_) => Exit::Stopped,
            Self::Internal(_) => Exit::Internal,
        }
    }

    fn render(&self) -> String {
        match self {
            Self::Scenario(diagnostics) => terminal::diagnosis(diagnostics),
            _ => format!("gander: {self}\n"),
        }
    }
}

/// Stands in for the bundled target's address, which is known only once it runs.
fn placeholder() -> Url {
    Url::parse("http://127.0.0.1:1").expect("a valid URL")
}

/// The plan against the scenario's own target, or against a placeholder for the bundled one.
fn compile(scenario: &Scenario, seed: u64) -> Result<Plan, Diagnostics> {
    let target = match &scenario.target {
        Target::Bundled => placeholder(),
        Target::Url(url) => url.clone(),
    };
    Plan::compile(scenario, &target, seed, Segment::WHOLE)
}

/// The seed asked for, or a new one; 32 bits, so that it is short to type and exact in any JSON reader.
fn seed_or_new(asked: Option<u64>) -> u64 {
    asked.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32)
}
