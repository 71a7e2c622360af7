//! What was measured, as a page.

use std::fmt::Write as _;
use std::fs;

use crate::Found;
use crate::measure::Measured;

const INDEXED_P95_MS: f64 = 20.0;
const ANY_P95_MS: f64 = 200.0;

/// The three load averages.
pub fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

pub fn page(found: &[Found], load: &str) -> String {
    let mut page = String::from(
        "# Searching a library\n\n\
         Every kind of condition of [the search language](search.md), the first page of 100 entries, from the text of the \
         search to the entries: what a request costs without HTTP and JSON. Times are in milliseconds; each case ran 60 \
         times, with other values where it has any, after one run with each of them that does not count: what is read is in memory \
         then. `p95` is what 57 of the 60 stayed within. Assets are made up, in the proportions of a real library: see `bench/library/src/assets.rs`.\n\n\
         `make bench-library` makes the libraries and this page; the plans of all searches are then in \
         `bench/.cache/library/plans.txt`.\n\n",
    );
    let _ = writeln!(page, "{}\n", machine(load));
    let databases = ["SQLite", "PostgreSQL"];
    for database in databases {
        let of: Vec<&Found> = found.iter().filter(|found| found.database == database).collect();
        if !of.is_empty() {
            push_table(&mut page, database, &of);
        }
    }
    page
}

fn push_table(page: &mut String, database: &str, found: &[&Found]) {
    let _ = writeln!(page, "## {database}\n");
    let mut head = String::from("| condition |");
    let mut line = String::from("|---|");
    for found in found {
        let _ = write!(head, " {} assets: p50 | p95 |", thousands(found.assets));
        line.push_str("---:|---:|");
    }
    let _ = writeln!(page, "{head} growth of p50 | found |\n{line}---:|---:|");
    let Some(last) = found.last() else { return };
    for (at, of_last) in last.measured.iter().enumerate() {
        let row: Vec<&Measured> = found.iter().filter_map(|found| found.measured.get(at)).collect();
        let _ = write!(page, "| {} |", of_last.name.replace('|', "\\|"));
        for measured in &row {
            let _ = write!(page, " {} | {} |", ms(measured.p50_ms), ms(measured.p95_ms));
        }
        let growth = row.first().map_or(f64::NAN, |first| of_last.p50_ms / first.p50_ms);
        let _ = writeln!(page, " {growth:.1} x | {} |", of_last.found);
    }
    let late = |limit: f64, indexed: bool| {
        let late: Vec<&str> = last
            .measured
            .iter()
            .filter(|measured| measured.p95_ms >= limit && (measured.is_indexed || !indexed))
            .map(|measured| measured.name)
            .collect();
        if late.is_empty() {
            "none".to_owned()
        } else {
            late.join("; ")
        }
    };
    let _ = writeln!(
        page,
        "\nAt {} assets, beyond {INDEXED_P95_MS} ms at p95 although an index can serve it: {}. Beyond {ANY_P95_MS} ms: {}.\n",
        thousands(last.assets),
        late(INDEXED_P95_MS, true),
        late(ANY_P95_MS, false)
    );
}

/// The ways that were chosen in the largest libraries, in the words of the planner and of the database.
pub fn plans(found: &[Found]) -> String {
    let mut text = String::new();
    for found in found {
        for measured in &found.measured {
            let _ = writeln!(
                text,
                "=== {} {} {} (p95 {})\n{}\n{}",
                found.database,
                found.assets,
                measured.name,
                ms(measured.p95_ms),
                measured.example.chars().take(300).collect::<String>(),
                measured.plan
            );
        }
    }
    text
}

#[allow(clippy::print_stdout, reason = "printing is what it was asked for")]
pub fn print(page: &str) {
    println!("{page}");
}

fn ms(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2}")
    } else {
        format!("{ms:.0}")
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn machine(load: &str) -> String {
    let value = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key))
            .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Machine: {}, {cores} cores shared with others, memory {}, load average before the run {load}. Times of a busy \
         machine are upper bounds.",
        value("/proc/cpuinfo", "model name"),
        value("/proc/meminfo", "MemTotal")
    )
}
