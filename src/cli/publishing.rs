//! The arguments of `gander publish`.

use std::path::PathBuf;

use clap::Args;

use super::arguments;

/// `gander publish`
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Folders of runs, or folders of such folders
    #[arg(value_name = "RUN", required_unless_present_any = ["keep", "remove"])]
    pub runs: Vec<PathBuf>,
    /// Folder of the site; it is created, and other files in it stay
    #[arg(long, value_name = "DIR")]
    pub site: PathBuf,
    /// Label of these runs, such as the branch; runs with different labels have trends of their own
    #[arg(long, value_name = "TEXT", value_parser = arguments::label)]
    pub label: Option<String>,
    /// Commit of these runs [default: the one that each run recorded, of its scenario's repository]
    #[arg(long, value_name = "SHA", value_parser = arguments::revision)]
    pub commit: Option<String>,
    /// Page about these runs, such as that of the CI job
    #[arg(long, value_name = "URL", value_parser = arguments::link)]
    pub link: Option<String>,
    /// Then remove old runs from the site: of each scenario, environment and label, all but the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Remove this run from the site, whatever its age; repeatable
    #[arg(long, value_name = "RUN_ID")]
    pub remove: Vec<String>,
    /// Print nothing
    #[arg(long, short)]
    pub quiet: bool,
}
