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
/// speed. For the same reason no thread keeps full pages as its own: whoever frees the last of a page then frees the
/// page. `MIMALLOC_PURGE_DELAY` and `MIMALLOC_PAGE_FULL_RETAIN` in the environment still decide otherwise.
#[allow(unsafe_code)] // the allocator's own interface is C
fn return_memory_at_once() {
    // SAFETY: sets numbers; no other thread runs yet.
    unsafe {
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0);
        libmimalloc_sys::mi_option_set_default(PAGE_FULL_RETAIN, 0);
    }
}

// Options of mimalloc.h that the crate gives no names.
/// `mi_option_purge_delay`
const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes - 1;
/// `mi_option_page_full_retain`
const PAGE_FULL_RETAIN: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_use_numa_nodes + 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Another version of the allocator may have its options in other places.
    #[test]
    #[allow(unsafe_code)] // the allocator's own interface is C
    fn the_options_are_those_that_are_meant() {
        // SAFETY: reads a number.
        let get = |option| unsafe { libmimalloc_sys::mi_option_get(option) };
        let neighbours = [
            PAGE_FULL_RETAIN - 2,
            PAGE_FULL_RETAIN - 1,
            PAGE_FULL_RETAIN,
            PAGE_FULL_RETAIN + 1,
        ];
        assert_eq!(
            neighbours.map(get),
            [10_000, 0, 2, 4],
            "generic_collect, page_reclaim_on_free, page_full_retain, page_max_candidates"
        );
    }
}
