//! The arguments of the commands that compare runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{SetupArgs, arguments};

/// `gander compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of runs, or folders of such folders: side A, or both sides if there are two and no --against
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The runs of side B
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub against: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub judging: JudgingArgs,
    /// A baseline whose noise floor is used for single runs: a file, or a name in `baselines/`
    #[arg(long, value_name = "FILE|NAME")]
    pub baseline: Option<PathBuf>,
    /// Compare runs of different workloads, such as after a change of the scenario
    #[arg(long)]
    pub different_workloads: bool,
    /// Write compare.html, compare.json and compare.md to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also write compare.json here; `-` writes it to stdout, where nothing else is printed
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Replace existing files
    #[arg(long)]
    pub overwrite: bool,
    /// Print no summary
    #[arg(long, short)]
    pub quiet: bool,
}

/// How a comparison is judged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Judging")]
pub struct JudgingArgs {
    /// A figure that decides, as in a threshold; repeatable [default: `p50(response_time)`,
    /// `p95(response_time)` and `ratio(failed)`]
    #[arg(long = "gate", value_name = "FIGURE")]
    pub gates: Vec<String>,
    /// A change of a time or a rate below this is none
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "5%",
        value_parser = arguments::percent,
        allow_hyphen_values = true
    )]
    pub tolerance: f64,
    /// Call a figure regressed only if its whole interval exceeds the tolerance
    #[arg(long)]
    pub strict: bool,
    /// The end of an inconclusive comparison
    #[arg(long, value_name = "END", default_value = "fail")]
    pub inconclusive: Inconclusive,
}

/// `--inconclusive`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Inconclusive {
    /// Exit code 95
    #[default]
    Fail,
    /// Exit code 0
    Pass,
}

/// The runs of a command that makes several.
#[derive(Debug, Args)]
pub struct SittingArgs {
    /// Seed of the first run or pair, and of the order of pairs; each further one has the next number
    #[arg(long, value_name = "N", value_parser = arguments::seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Folder for the runs and what is made of them [default: a new one in `reports`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace earlier runs in that folder
    #[arg(long)]
    pub overwrite: bool,
    /// Show nothing; the exit code and the files remain
    #[arg(long, short)]
    pub quiet: bool,
}

/// `gander calibrate`
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// The scenario file
    pub file: PathBuf,
    /// Number of runs
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub runs: u32,
    /// The change that is to be found, for the advice
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = arguments::percent)]
    pub tolerance: f64,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub baseline: BaselineFile,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub sitting: SittingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub setup: SetupArgs,
}

/// `--baseline-missing`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum MissingBaseline {
    /// Exit code 95
    #[default]
    Fail,
    /// A warning
    Ok,
}

/// `gander baseline`
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Add runs to a baseline; ten are enough, three the least
    Add(BaselineAddArgs),
    /// List the baselines of a folder
    List(BaselineListArgs),
    /// Show the runs and the noise of a baseline
    Show(BaselineShowArgs),
    /// Remove old runs from a baseline
    Prune(BaselinePruneArgs),
}

/// The baseline of a command.
#[derive(Debug, Clone, Args)]
pub struct BaselineFile {
    /// The baseline's name: the file is baselines/NAME.json
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = arguments::baseline_name)]
    pub name: String,
    /// The baseline's file, instead of a name
    #[arg(long = "file", value_name = "FILE", conflicts_with = "name")]
    pub baseline_file: Option<PathBuf>,
}

/// `gander baseline add`
#[derive(Debug, Args)]
pub struct BaselineAddArgs {
    /// Folders of runs, or folders of such folders
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub baseline: BaselineFile,
}

/// `gander baseline list`
#[derive(Debug, Args)]
pub struct BaselineListArgs {
    /// The folder
    #[arg(default_value = "baselines")]
    pub folder: PathBuf,
}

/// `gander baseline show`
#[derive(Debug, Args)]
pub struct BaselineShowArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub baseline: BaselineFile,
}

/// `gander baseline prune`
#[derive(Debug, Args)]
pub struct BaselinePruneArgs {
    /// Runs to keep of each workload, the newest
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Remove this run, whatever its age; repeatable
    #[arg(long, value_name = "RUN_ID")]
    pub run: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub baseline: BaselineFile,
}

/// `gander ab`
#[derive(Debug, Args)]
pub struct AbArgs {
    /// The scenario file
    pub file: PathBuf,
    /// Setting of arm a; repeatable: `target=URL`, `target_profile=P`, `target_set.PATH=VALUE`, `set.PATH=VALUE`,
    /// `command=./server --port ${port}`, `cwd=DIR`, `env.NAME=VALUE`, `ready=/PATH`, `ready_within=D`
    #[arg(long, value_name = "KEY=VALUE")]
    pub a: Vec<String>,
    /// Setting of arm b; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub b: Vec<String>,
    /// Number of pairs
    #[arg(
        long,
        value_name = "N",
        default_value_t = 6,
        value_parser = clap::value_parser!(u32).range(1..=1_000),
        allow_negative_numbers = true
    )]
    pub pairs: u32,
    /// Stop as soon as the answer is clear, after three pairs at the earliest
    ///
    /// Each look is tested at its share of the error rate (alpha spending after O'Brien and Fleming), so that looking does
    /// not add false alarms.
    #[arg(long)]
    pub stop_early: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub judging: JudgingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub sitting: SittingArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the group's help")]
    pub setup: SetupArgs,
}
