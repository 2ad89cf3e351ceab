//! `gander schema`: prints the scenario format.

use crate::cli::SchemaArgs;
use crate::exit::Exit;
use crate::scenario;

use super::{CommandError, terminal};

pub(super) fn schema(args: &SchemaArgs) -> Result<Exit, CommandError> {
    let text = if args.markdown {
        scenario::reference()
    } else {
        scenario::schema()
    };
    terminal::say(&text)?;
    Ok(Exit::Passed)
}
