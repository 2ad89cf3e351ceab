//! The arguments of `gander ctl`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments;
use crate::units::Rate;

/// `gander ctl`
#[derive(Debug, Args)]
pub struct CtlArgs {
    /// The folder of the run [default: the one run that is going on below `reports`]
    #[arg(long, value_name = "DIR", global = true)]
    pub run: Option<PathBuf>,
    /// Print the state of the run as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// The request.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// The requests of `gander ctl`. Each change is in the journal, and a mark in the charts; a run whose load was changed is
/// compared with no other.
#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// Show how the run does
    Status,
    /// Start no iteration until `resume`; those in progress end. Nothing is due meanwhile, so a pause delays no start
    Pause,
    /// Start iterations again, where the schedule is by now
    Resume,
    /// Set the number of users of a closed load, until its end
    Users {
        /// The number of users, at most those that the run was built with (`max_users`)
        #[arg(value_parser = arguments::level_of_users)]
        users: u32,
        /// The flow whose load to change, if it has one of its own
        #[arg(long, value_name = "NAME")]
        flow: Option<String>,
    },
    /// Set the rate of an open load, until its end
    Rate {
        /// The rate, such as 200/s
        #[arg(value_parser = arguments::level_of_rate)]
        rate: Rate,
        /// The flow whose load to change, if it has one of its own
        #[arg(long, value_name = "NAME")]
        flow: Option<String>,
    },
    /// Mark this time in the journal and in charts, such as with `deployed v2`
    Tag {
        /// The text of the mark
        text: String,
    },
    /// End the load; requests in flight have the grace period
    Stop,
}
