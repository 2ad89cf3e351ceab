//! `gander doctor`: measures this machine as a load generator.

use anyhow::Context;

use crate::cli::DoctorArgs;
use crate::doctor::{self, Build, Checkup, DoctorError};
use crate::exit::Exit;
use crate::probe::{self, Environment, Limits};
use crate::units::show_duration;

use super::execute::Control;
use super::{CommandError, terminal};

pub(super) fn doctor(args: &DoctorArgs) -> Result<Exit, CommandError> {
    if args.serve {
        let served = doctor::serve().context("cannot serve on loopback");
        return served
            .map(|()| Exit::Passed)
            .map_err(CommandError::Internal);
    }
    // Before the limit of open files is raised.
    let environment = Environment::read();
    let Control {
        runtime,
        mut signals,
    } = Control::start()?;
    terminal::complain(&format!(
        "measuring this machine for {}; other work on it makes the figures worse\n",
        show_duration(args.duration)
    ));
    let measured = runtime.block_on(doctor::measure(args.duration, &mut signals));
    let measured = measured.map_err(|error| match error {
        DoctorError::Stopped => CommandError::Stopped(error.into()),
        error => CommandError::Internal(error.into()),
    })?;
    let checkup = Checkup::of(
        Build::THIS,
        probe::machine(),
        &environment,
        &Limits::read(),
        probe::user_capacity(),
        measured,
    );
    let text = if args.json {
        checkup
            .to_json()
            .map_err(|error| CommandError::Internal(error.into()))?
    } else {
        checkup.table(terminal::width(), terminal::colour_on_stdout())
    };
    terminal::say(&text)?;
    Ok(Exit::Passed)
}
