//! `gander supervise`: the hidden command between Gander and a target's command.

use anyhow::Context as _;

use crate::cli::SuperviseArgs;
use crate::exit::Exit;
use crate::managed::supervisor;

use super::CommandError;

pub(super) fn supervise(args: &SuperviseArgs) -> Result<Exit, CommandError> {
    supervisor::supervise(&args.program, &args.arguments)
        .context("cannot supervise the target's command")
        .map(|()| Exit::Passed)
        .map_err(CommandError::Internal)
}
