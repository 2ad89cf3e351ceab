//! The `gander` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    gander::cmd::main(std::env::args_os()).into()
}
