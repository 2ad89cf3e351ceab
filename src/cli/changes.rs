//! The options that change a scenario or run a part of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments;
use crate::scenario::{Overrides, Variables};
use crate::units::Rate;

/// Options that change the scenario.
#[derive(Debug, Args)]
#[command(next_help_heading = "Changes to the scenario")]
pub struct ChangeArgs {
    /// Base URL of a target that runs already, or `bundled`
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Peak number of users; stages are scaled in proportion
    #[arg(long, value_name = "N", value_parser = arguments::users, allow_hyphen_values = true)]
    pub users: Option<u32>,
    /// Peak arrival rate, such as 200/s; stages are scaled in proportion
    #[arg(long, value_name = "RATE", value_parser = arguments::rate, allow_hyphen_values = true)]
    pub rate: Option<Rate>,
    /// Total duration of the load; stages are scaled in proportion
    #[arg(
        long = "for",
        value_name = "DURATION",
        value_parser = arguments::duration,
        allow_hyphen_values = true
    )]
    pub duration: Option<Duration>,
    /// Multiply every duration of the load and of threshold windows; think times are not scaled
    #[arg(long, value_name = "FACTOR", value_parser = arguments::factor, allow_hyphen_values = true)]
    pub time_scale: Option<f64>,
    /// Also apply --time-scale to think times and pacing
    #[arg(long, requires = "time_scale")]
    pub scale_pauses: bool,
    /// Apply this environment of the file, an entry under `environments:`
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Change any key, such as `http.timeout=5s`; items of lists by name or number, as
    /// `flows.buy.steps."list documents".timeout=1s`; repeatable
    #[arg(long, value_name = "PATH=VALUE", value_parser = arguments::assignment)]
    pub set: Vec<(String, String)>,
    /// Give every request a tag, such as `team=shop`; repeatable
    #[arg(long, value_name = "TAG=VALUE", value_parser = arguments::tag)]
    pub tag: Vec<(String, String)>,
    /// Run only this flow, with the whole load; repeatable
    #[arg(long, value_name = "NAME")]
    pub flow: Vec<String>,
    /// Run only the flows that have a step with this tag, with the whole load; repeatable
    #[arg(long, value_name = "TAG=VALUE", value_parser = arguments::tag)]
    pub only: Vec<(String, String)>,
    /// Leave out setup and teardown
    #[arg(long)]
    pub no_setup: bool,
    /// Judge nothing: leave out every threshold, also the built-in ones
    #[arg(long)]
    pub no_thresholds: bool,
    /// Read variables for `${NAME}` from this file, with a `NAME=value` on each line; those of the environment win;
    /// repeatable
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Files named in the scenario must be inside this folder [default: the nearest parent folder with .git or
    /// gander.toml, else the scenario's own folder]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

impl ChangeArgs {
    /// The changes, with the variables of the environment files.
    pub fn overrides(&self, variables: Variables) -> Overrides {
        Overrides {
            target: self.target.clone(),
            users: self.users,
            rate: self.rate,
            duration: self.duration,
            time_scale: self.time_scale,
            scale_pauses: self.scale_pauses,
            environment: self.env.clone(),
            set: self
                .set
                .iter()
                .cloned()
                .chain(self.tag.iter().map(tagged))
                .collect(),
            flows: self.flow.clone(),
            only: self.only.clone(),
            without_setup: self.no_setup,
            without_thresholds: self.no_thresholds,
            variables,
            root: self.root.clone(),
            target_command: Vec::new(),
            bundled_environment: Vec::new(),
        }
    }
}

/// The change that sets a tag of the file.
fn tagged((tag, value): &(String, String)) -> (String, String) {
    // A text in YAML, whatever it looks like.
    let value = serde_json::Value::from(value.as_str()).to_string();
    (format!("tags.{tag}"), value)
}
