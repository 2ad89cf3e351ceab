//! `gander target serve`: Folio in this process.

use target_app::{CacheMode, Config, LabMode};

use crate::cli::{CacheArg, ServeArgs};
use crate::exit::Exit;
use crate::target::{self, ServeOptions, TargetError, Until};

use super::Failure;

pub(super) fn serve(args: &ServeArgs) -> Result<Exit, Failure> {
    match target::serve(&options(args)) {
        Ok(()) => Ok(Exit::Passed),
        Err(error @ (TargetError::Listen { .. } | TargetError::Start(_))) => {
            Err(Failure::Argument(error.into()))
        }
        Err(error) => Err(Failure::Internal(error.into())),
    }
}

fn options(args: &ServeArgs) -> ServeOptions {
    ServeOptions {
        port: args.port,
        config: Config {
            directory: args.data.clone(),
            documents: args.documents,
            users: args.users,
            seed: args.seed,
            cache: match args.cache {
                CacheArg::Off => CacheMode::Off,
                CacheArg::L1 => CacheMode::L1,
            },
            cache_items: args.cache_items,
            readers: args.readers,
            lab: if args.lab {
                LabMode::Open
            } else {
                LabMode::Closed
            },
        },
        until: if args.until_input_ends {
            Until::SignalOrInputEnd
        } else {
            Until::Signal
        },
    }
}
