//! `gander check`: everything that is wrong with each file, at once.

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::scenario::{self, Overrides};

use super::{compile, terminal};

pub(super) fn check(args: &CheckArgs) -> Exit {
    let overrides = Overrides {
        root: args.root.clone(),
        ..Overrides::default()
    };
    let mut exit = Exit::Passed;
    for file in &args.files {
        match scenario::load(file, &overrides).and_then(|scenario| compile(&scenario, 0)) {
            Ok(_) => terminal::say(&format!("{}: ok\n", file.display())),
            Err(diagnostics) => {
                terminal::complain(&terminal::diagnosis(&diagnostics));
                exit = Exit::InvalidInput;
            }
        }
    }
    exit
}
