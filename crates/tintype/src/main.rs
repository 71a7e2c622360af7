//! `tintype`: see `tintype --help`.

use std::process::ExitCode;

/// Returns memory to the system better than the default allocator under many short-lived large buffers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tintype::cli::run(std::env::args_os())
}
