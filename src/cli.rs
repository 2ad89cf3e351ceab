//! The command line: its words and their types, nothing that acts on them.

mod arguments;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "bundled-target")]
use crate::bundled::{ProfileName, Secret, Stack};
use crate::scenario::Overrides;
use crate::units::Rate;

/// Load testing from a YAML scenario to true numbers, a verdict and a report.
#[derive(Debug, Parser)]
#[command(
    name = "gander",
    version,
    about,
    max_term_width = 100,
    propagate_version = true
)]
#[command(
    after_help = "Exit codes: 0 passed · 94 measurement invalid · 99 threshold failed · 104 invalid scenario or arguments · \
                        105 stopped by the user · 107 target unreachable · 255 internal error"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Never colour the output (`NO_COLOR` does the same)
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario, judge it and write its report
    Run(RunArgs),
    /// Say everything that is wrong with scenario files
    Check(CheckArgs),
    /// Show what a run would do, without doing it
    Plan(PlanArgs),
    /// Write the outputs of a run again, from its journal
    Report(ReportArgs),
    /// Print what a scenario file may say, as JSON Schema
    Schema(SchemaArgs),
    /// Work with the bundled target app, Folio
    #[cfg(feature = "bundled-target")]
    #[command(subcommand)]
    Target(TargetCommand),
    /// Nothing, but to say that this build has none of it
    #[cfg(not(feature = "bundled-target"))]
    #[command(hide = true, disable_help_flag = true)]
    Target {
        /// What would be its words
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// `gander run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario
    pub file: PathBuf,
    /// Seed of everything random: schedule, rows, think times
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Folder for the run's journal and reports [default: `reports/RUN_ID`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write summary.json here; `-` is stdout, and then nothing else is
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write junit.xml here, and say in it why there was no run if there was none
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Replace the run that is in the folder, and files at the places of --json and --junit
    #[arg(long)]
    pub overwrite: bool,
    /// No live view and no summary; the exit code and the files tell
    #[arg(long, short)]
    pub quiet: bool,
    /// A host beyond loopback and private networks that may be loaded; can be given several times
    #[arg(long, value_name = "HOST", value_parser = arguments::host, allow_hyphen_values = true)]
    pub allow_host: Vec<String>,
    /// How long requests in flight may take to end once the load is over or stopped
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = arguments::duration,
        allow_hyphen_values = true
    )]
    pub grace: Duration,
    #[cfg(feature = "bundled-target")]
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub bundled: BundledArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub changes: ChangeArgs,
}

/// `gander check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The scenarios
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Files that a scenario names must stay under this folder [default: the nearest above it with .git or gander.toml,
    /// else its own]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// `gander plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The scenario
    pub file: PathBuf,
    /// Seed of everything random
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub changes: ChangeArgs,
}

/// `gander report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a run: with run.json, journal.bins.gz and events.jsonl
    pub run: PathBuf,
    /// Folder to write to [default: the run's own]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write summary.json here; `-` is stdout, and then nothing else is
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write junit.xml here
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write the histograms here, as an interval log that other HdrHistogram tools read
    #[arg(long, value_name = "FILE")]
    pub hlog: Option<PathBuf>,
    /// Replace files that are at these places; in the run's own folder they always are
    #[arg(long)]
    pub overwrite: bool,
    /// Print no summary
    #[arg(long, short)]
    pub quiet: bool,
}

/// `gander schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Print it as a page to read
    #[arg(long)]
    pub markdown: bool,
}

/// What the command line changes in a scenario.
#[derive(Debug, Args)]
#[command(next_help_heading = "Changes to the scenario")]
pub struct ChangeArgs {
    /// Base URL to drive, or `bundled`
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Peak number of users; stages keep their proportions
    #[arg(long, value_name = "N", value_parser = arguments::users, allow_hyphen_values = true)]
    pub users: Option<u32>,
    /// Peak arrival rate, such as 200/s; stages keep their proportions
    #[arg(long, value_name = "RATE", value_parser = arguments::rate, allow_hyphen_values = true)]
    pub rate: Option<Rate>,
    /// Length of the load; stages keep their proportions
    #[arg(
        long = "for",
        value_name = "DURATION",
        value_parser = arguments::duration,
        allow_hyphen_values = true
    )]
    pub duration: Option<Duration>,
    /// Multiply every duration of the load and of windows; pauses stay as they are
    #[arg(long, value_name = "FACTOR", value_parser = arguments::factor, allow_hyphen_values = true)]
    pub time_scale: Option<f64>,
    /// Let --time-scale multiply think times and pacing too
    #[arg(long, requires = "time_scale")]
    pub scale_pauses: bool,
    /// Change any key, such as `http.timeout=5s`; can be given several times
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Files that the scenario names must stay under this folder [default: the nearest above it with .git or gander.toml,
    /// else its own]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

impl From<&ChangeArgs> for Overrides {
    fn from(args: &ChangeArgs) -> Self {
        Self {
            target: args.target.clone(),
            users: args.users,
            rate: args.rate,
            duration: args.duration,
            time_scale: args.time_scale,
            scale_pauses: args.scale_pauses,
            set: args.set.clone(),
            root: args.root.clone(),
        }
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().to_owned(), value.trim().to_owned()))
        }
        // It may have a secret for a value.
        _ => Err("expected PATH=VALUE, such as http.timeout=5s".to_owned()),
    }
}

/// How `gander run` sets up the bundled target.
#[cfg(feature = "bundled-target")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Setup of the bundled target")]
pub struct BundledArgs {
    /// Database and shared store under it [default: embedded]
    #[arg(long, value_name = "PROFILE")]
    pub target_profile: Option<ProfileName>,
    /// A switch of its stack, such as `cache.mode=off`; can be given several times
    #[arg(long, value_name = "PATH=VALUE")]
    pub target_set: Vec<String>,
}

/// `gander target`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Serve Folio until Ctrl-C or SIGTERM
    ///
    /// What is under way is finished first; Ctrl-C again stops at once. The switches are listed in target-app/README.md.
    Serve(ServeArgs),
}

/// `gander target serve`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Database and shared store
    #[arg(long, value_name = "PROFILE", default_value = "embedded")]
    pub profile: ProfileName,
    /// Side of every switch to begin with
    #[arg(long, value_name = "SIDE", default_value = "after")]
    pub stack: StackArg,
    /// A switch of the stack, such as `cache.mode=off`; can be given several times (also `FOLIO_CACHE_MODE`)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// YAML file of switches (also `FOLIO_CONFIG`)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Loopback port; 0 takes a free one
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 8080,
        allow_negative_numbers = true
    )]
    pub port: u16,
    /// Documents to seed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        allow_negative_numbers = true
    )]
    pub documents: u32,
    /// Users to seed: `user1@folio.test` and on, password `folio-demo`
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        allow_negative_numbers = true
    )]
    pub users: u32,
    /// Seed of the catalogue and of the lab's delays
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    pub seed: u64,
    /// Folder of the embedded profile's database, made if need be [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Opens /admin to clients on this machine that show it (also `FOLIO_ADMIN_TOKEN`, which `ps` does not show)
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub admin_token: Option<Secret>,
    /// Open /lab: delay laws, stalls, exact counters
    #[arg(long)]
    pub lab: bool,
    /// End with standard input too: how a run's own target ends with the run
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}

/// `--stack`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StackArg {
    /// The unoptimised one
    Before,
    /// The optimised one
    After,
}

#[cfg(feature = "bundled-target")]
impl From<StackArg> for Stack {
    fn from(side: StackArg) -> Self {
        match side {
            StackArg::Before => Self::Before,
            StackArg::After => Self::After,
        }
    }
}

#[cfg(feature = "bundled-target")]
fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() {
        Err("expected a token, found nothing".to_owned())
    } else {
        Ok(Secret::new(text))
    }
}
