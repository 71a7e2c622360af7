//! `tintype`: see `tintype --help`.

use std::process::ExitCode;

/// Keeps apart what threads allocate, and gives freed memory back; see [`return_memory_at_once`].
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    return_memory_at_once();
    tintype::cli::run(std::env::args_os())
}

/// Freed pages go back to the system without delay.
///
/// By default they wait for the thread that freed them to come by again. Renderings run on many threads, each of which
/// may not come by for minutes: after 600 of them the process held three times the memory, for no measurable gain in
/// speed. `MIMALLOC_PURGE_DELAY` in the environment still decides otherwise.
#[allow(unsafe_code)] // the allocator's own interface is C
fn return_memory_at_once() {
    // `mi_option_purge_delay` of mimalloc.h, which the crate gives no name.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes - 1;
    // SAFETY: sets a number; no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0) }
}
