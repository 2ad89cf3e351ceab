//! The `gander` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Memory use of hours is flat with it, of a generator and of Folio.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    gander::cmd::main(std::env::args_os()).into()
}
