//! What was measured, as a page.

use std::fmt::Write as _;

use crate::Measured;

pub fn page(load: &str, measured: &[Measured]) -> String {
    let mut page = String::from("# Agents' calls\n\n");
    let _ = writeln!(
        page,
        "What the pipeline adds to the bare API call: policy, the look at what a write touches, the answer held against its schema, and the records, of which \
         that of a write is on the disk before the write is sent. All in one process, without a network; medians. Written by `make bench-agents`.\n"
    );
    for (what, value) in bench::machine::describe() {
        let value = if what.starts_with("Load") {
            load.to_owned()
        } else {
            value
        };
        let _ = writeln!(page, "- {what}: {value}");
    }
    let _ = writeln!(
        page,
        "\n| call | calls | bare, ms | through the pipeline, ms | more, ms |\n|---|---:|---:|---:|---:|"
    );
    for one in measured {
        let _ = writeln!(
            page,
            "| {} | {} | {:.2} | {:.2} | {:.2} |",
            one.name,
            one.calls,
            one.bare_ms,
            one.call_ms,
            one.call_ms - one.bare_ms
        );
    }
    page
}

#[allow(clippy::print_stdout, reason = "printing is what it was asked for")]
pub fn print(page: &str) {
    println!("{page}");
}
