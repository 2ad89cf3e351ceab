//! The command line: its arguments and their types. Nothing here acts on them.

mod arguments;
mod authoring;
mod changes;
mod comparing;
mod controlling;
mod publishing;
mod receivers;
mod several;
mod texts;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use arguments::receiver as receiver_url;
pub use authoring::{CompletionsArgs, ManArgs, NewArgs, TryArgs};
pub use changes::ChangeArgs;
pub use comparing::{
    AbArgs, BaselineAddArgs, BaselineCommand, BaselineFile, BaselineListArgs, BaselinePruneArgs,
    BaselineShowArgs, CalibrateArgs, CompareArgs, Inconclusive, JudgingArgs, MissingBaseline,
    SittingArgs,
};
pub use controlling::{CtlArgs, CtlCommand};
pub use publishing::PublishArgs;
pub use receivers::ReceiverArgs;
pub use several::SuiteArgs;
pub use texts::TextArgs;

#[cfg(feature = "bundled-target")]
use crate::bundled::{ProfileName, Secret, Stack};

/// Load testing from a YAML scenario to exact measurements, a verdict and a report.
#[derive(Debug, Parser)]
#[command(
    name = "gander",
    version,
    about,
    max_term_width = 100,
    propagate_version = true
)]
#[command(
    after_help = "Exit codes: 0 passed · 94 measurement invalid · 95 inconclusive · 96 regressed · 99 threshold failed · 104 invalid scenario or \
        arguments · 105 stopped by the user · 107 target unreachable · 255 internal error"
)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    /// Never colour the output (same as `NO_COLOR`)
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios, judge them and write their reports
    ///
    /// Several files are run one after another. Their runs, an index page, suite.json and one junit.xml are in one
    /// folder, `reports/SUITE_ID`; the exit code is the strongest of theirs.
    Run(Box<RunArgs>),
    /// Run one iteration of each flow and show every request, check and capture
    ///
    /// One user runs setup, one iteration of each flow with its `start` and `stop`, and teardown; `--flow NAME` tries one
    /// flow. Pauses are left out, and nothing is measured. Secrets are redacted.
    Try(TryArgs),
    /// Write a scenario file to begin with
    ///
    /// The file has comments and runs as it is. With --from it is for that URL: one GET shows what the URL answers, and the
    /// file has a check that fits.
    New(NewArgs),
    /// Compare two settings by interleaved runs of one scenario
    ///
    /// Each pair is one run of arm a and one of arm b with the same seed; the order inside the pairs is drawn in blocks
    /// (AB, BA or BA, AB). A target that Gander starts is started anew for each run.
    Ab(AbArgs),
    /// Check scenario files and report every error in them
    Check(CheckArgs),
    /// Show what a run would do, without running it
    Plan(PlanArgs),
    /// Rebuild the outputs of a run from its journal
    Report(ReportArgs),
    /// Ask a running test how it does, or change its load
    Ctl(CtlArgs),
    /// Measure this machine as a load generator, and say what limits it
    Doctor(DoctorArgs),
    /// Compare the runs of two sides, and say what got worse
    ///
    /// A change is told from side A to side B. `gander compare A B` compares two runs; `gander compare A… --against B…`
    /// compares several runs a side, which is needed to tell a change from noise: three or more a side, or a noise floor
    /// from `gander calibrate`.
    Compare(CompareArgs),
    /// Measure the noise of a target: how much its figures differ between runs without a change
    Calibrate(CalibrateArgs),
    /// Keep runs as a baseline that later runs are compared with
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Publish runs as a site of plain files: trends, change points, badges and a feed
    ///
    /// The site is made for any static host, such as GitHub Pages or GitLab Pages. A run that is there already is left as it
    /// is, so a job can publish all runs that it has.
    Publish(PublishArgs),
    /// Print the scenario format as JSON Schema
    Schema(SchemaArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Write the man pages of the command line
    Man(ManArgs),
    /// Run the command of a target until standard input ends (`gander run` uses this to stop its target)
    #[command(hide = true)]
    Supervise(SuperviseArgs),
    /// Work with the bundled target app, Folio
    #[cfg(feature = "bundled-target")]
    #[command(subcommand)]
    Target(TargetCommand),
    /// Accepted only to report that this build has no bundled target
    #[cfg(not(feature = "bundled-target"))]
    #[command(hide = true, disable_help_flag = true)]
    Target {
        /// The arguments of `gander target`, ignored.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

/// `gander run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario files
    #[arg(required = true, value_name = "FILE", value_parser = arguments::scenario_file)]
    pub files: Vec<PathBuf>,
    /// Seed for all random values: schedule, feeder rows, think times
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Folder for the journal and reports of the run [default: `reports/RUN_ID`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub outputs: OutputArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub receivers: ReceiverArgs,
    /// Replace an earlier run in the output folder, and existing files at the paths of outputs
    #[arg(long)]
    pub overwrite: bool,
    /// Compare the run with this baseline: a file, or a name in `baselines/`
    #[arg(long, value_name = "FILE|NAME")]
    pub baseline: Option<PathBuf>,
    /// The end of a run that has no baseline to compare with yet
    #[arg(
        long,
        value_name = "END",
        default_value = "fail",
        requires = "baseline"
    )]
    pub baseline_missing: MissingBaseline,
    /// Show no live view and no summary; the exit code and the files remain
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub suite: SuiteArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub setup: SetupArgs,
}

/// What a run changes in its scenario, what it may do, and how it ends.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Allow load on this host outside loopback and private networks; repeatable
    #[arg(long, value_name = "HOST", value_parser = arguments::host, allow_hyphen_values = true)]
    pub allow_host: Vec<String>,
    /// Allow the scenario, and the arms of a comparison, to start a target's command, and to run commands that print
    /// secrets
    #[arg(long)]
    pub allow_command: bool,
    /// Time for requests in flight to finish after the load ends or is stopped
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

/// Outputs of a run besides those in its folder.
#[derive(Debug, Default, Args)]
pub struct OutputArgs {
    /// Also write summary.json here; `-` writes it to stdout, where nothing else is printed
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write junit.xml here; `run` writes the error to it if the run could not start
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a short summary in Markdown here, such as for a comment on a pull request
    #[arg(long, value_name = "FILE")]
    pub summary_markdown: Option<PathBuf>,
    /// Write the main figures here as `OpenMetrics` text, for a metrics report of GitLab
    #[arg(long, value_name = "FILE")]
    pub gitlab_metrics: Option<PathBuf>,
    /// Write times and failures here as JSON for github-action-benchmark (customSmallerIsBetter)
    #[arg(long, value_name = "FILE")]
    pub benchmark_smaller: Option<PathBuf>,
    /// Write the rate of requests here as JSON for github-action-benchmark (customBiggerIsBetter)
    #[arg(long, value_name = "FILE")]
    pub benchmark_bigger: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub texts: TextArgs,
}

/// `gander check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The scenario files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub changes: ChangeArgs,
}

/// `gander plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The scenario file
    pub file: PathBuf,
    /// Seed for all random values
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub changes: ChangeArgs,
}

/// `gander report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a run (it contains run.json, journal.bins.gz and events.jsonl)
    pub run: PathBuf,
    /// Folder to write to [default: the folder of the run]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub outputs: OutputArgs,
    /// Also write the histograms here, as an HdrHistogram interval log
    #[arg(long, value_name = "FILE")]
    pub hlog: Option<PathBuf>,
    /// Replace existing files at these paths; files in the run's own folder are always replaced
    #[arg(long)]
    pub overwrite: bool,
    /// Print no summary
    #[arg(long, short)]
    pub quiet: bool,
}

/// `gander doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Length of the measurement
    #[arg(
        long = "for",
        value_name = "DURATION",
        default_value = "4s",
        value_parser = arguments::measurement,
        allow_hyphen_values = true
    )]
    pub duration: Duration,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Be the server of a measurement until standard input closes (`gander doctor` starts one)
    #[arg(long, hide = true)]
    pub serve: bool,
}

/// `gander schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Print a Markdown reference page instead
    #[arg(long)]
    pub markdown: bool,
}

/// `gander supervise`
#[derive(Debug, Args)]
pub struct SuperviseArgs {
    /// The program
    pub program: OsString,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// The setup of the bundled target for `gander run`.
#[cfg(feature = "bundled-target")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Setup of the bundled target")]
pub struct BundledArgs {
    /// Database and shared store of the bundled target [default: embedded]
    #[arg(long, value_name = "PROFILE")]
    pub target_profile: Option<ProfileName>,
    /// Change one of its settings, such as `cache.mode=off`; repeatable
    #[arg(long, value_name = "PATH=VALUE")]
    pub target_set: Vec<String>,
}

/// `gander target`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Serve Folio until Ctrl-C or SIGTERM
    ///
    /// The first signal stops it after the work in progress is finished; the second stops it at once. The settings
    /// are listed in target-app/README.md.
    Serve(ServeArgs),
}

/// `gander target serve`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Database and shared store
    #[arg(long, value_name = "PROFILE", default_value = "embedded")]
    pub profile: ProfileName,
    /// Start with every setting on this side: unoptimised or optimised
    #[arg(long, value_name = "SIDE", default_value = "after")]
    pub stack: StackArg,
    /// Change one setting, such as `cache.mode=off`; repeatable (also `FOLIO_CACHE_MODE`)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// YAML file of settings (also `FOLIO_CONFIG`)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 chooses a free one
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 8080,
        allow_negative_numbers = true
    )]
    pub port: u16,
    /// Number of documents to create
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        allow_negative_numbers = true
    )]
    pub documents: u32,
    /// Number of users to create: `user1@folio.test` and so on, password `folio-demo`
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        allow_negative_numbers = true
    )]
    pub users: u32,
    /// Seed for the catalogue and for the delays of /lab
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    pub seed: u64,
    /// Folder for the database of the embedded profile, created if missing [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Allow local clients with this token to use /admin (also `FOLIO_ADMIN_TOKEN`, which `ps` does not show)
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub admin_token: Option<Secret>,
    /// Enable /lab: configurable delays, stalls and exact request counters
    #[arg(long)]
    pub lab: bool,
    /// Also stop when standard input closes (`gander run` uses this to stop its target)
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}

/// `--stack`
#[cfg(feature = "bundled-target")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StackArg {
    /// Every optimisation off.
    Before,
    /// Every optimisation on.
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
