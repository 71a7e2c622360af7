//! What was measured, as a page.

use std::fmt::Write as _;

use bench::statistics::Spread;

use crate::folders::Work;
use crate::reads::{FILES, Read};
use crate::uploads::{CONNECTIONS, Way};

pub fn page(load: &str, uploads: &[Way], reads: &[Read], folders: &[Work]) -> String {
    let mut page = String::from("# The management API\n\n");
    let _ = writeln!(
        page,
        "A server with its defaults over HTTP, its clients on the same machine. Rates are medians over interleaved rounds, quartiles in \
         brackets. Written by `make bench-api`.\n"
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
        "\n## Uploads\n\nJPEGs of 50 KB, all different, on {CONNECTIONS} connections. An upload is answered when the bytes are on \
         disk and the file is in the database, its size, metadata and perceptual hash read; the bare PUT is of the same bytes, to an S3 server that keeps \
         files in a folder (`crates/library/examples/s3_server.rs`), signed beforehand.\n\n\
         | stored by | a second | part of the bare PUTs | p95, ms |\n|---|---:|---:|---:|"
    );
    for way in uploads {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {:.1} |",
            way.name,
            rate(way.per_second),
            part(way.to_bare),
            way.p95_ms
        );
    }
    let _ = writeln!(
        page,
        "\n## Reads\n\nOf a library of {FILES} files in SQLite, on {CONNECTIONS} connections. The bare `SELECT` reads ten columns of the same rows through \
         the same HTTP server and the same database driver, and does nothing else: no key, no rate limit, no log.\n\n\
         | request | a second | the bare `SELECT` | part of it | p95, ms | goal |\n|---|---:|---:|---:|---:|---:|"
    );
    for read in reads {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.1} | {:.0} |",
            read.name,
            rate(read.per_second),
            rate(read.bare_per_second),
            part(read.to_bare),
            read.p95_ms,
            read.goal
        );
    }
    let _ = writeln!(
        page,
        "\n## A folder of {FILES} files\n\nMeanwhile another client asks for a file's details, every 5 ms.\n\n\
         | the folder is | seconds | counts that its status told | others' p95 before, meanwhile, ms | others' worst, ms | memory before, at most, MiB |\n\
         |---|---:|---:|---:|---:|---:|"
    );
    for work in folders {
        let _ = writeln!(
            page,
            "| {} | {:.1} | {} | {:.2}, {:.2} | {:.1}, {:.1} | {:.0}, {:.0} |",
            work.name,
            work.seconds,
            if work.steps_seen == 0 {
                "at once".to_owned()
            } else {
                work.steps_seen.to_string()
            },
            work.other_p95_ms.0,
            work.other_p95_ms.1,
            work.other_worst_ms.0,
            work.other_worst_ms.1,
            work.memory_mib.0,
            work.memory_mib.1
        );
    }
    page
}

#[allow(clippy::print_stdout, reason = "printing is what it was asked for")]
pub fn print(page: &str) {
    println!("{page}");
}

fn rate(spread: Spread) -> String {
    format!("{:.0} ({:.0} to {:.0})", spread.median, spread.low, spread.high)
}

fn part(spread: Spread) -> String {
    format!("{:.2} ({:.2} to {:.2})", spread.median, spread.low, spread.high)
}
