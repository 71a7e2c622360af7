//! What was found, as a page.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use bench::statistics::Spread;

use crate::keep_alive::{Compared, KeepAlive, middle};
use crate::{Found, Options, herd, large, overload, soak, wrk};

/// A line of the first table.
struct Goal {
    work: &'static str,
    against: &'static str,
    aim: &'static str,
    reached: String,
    met: bool,
}

/// All of it.
pub fn page(options: &Options, found: &Found) -> String {
    let mut page = String::from(
        "# Delivery under load\n\n\
         Servers, and the clients that ask them, share one machine. Servers that are compared run at the same time and are asked in turn, within each round; \
         numbers are medians over rounds, quartiles in brackets, and ratios are taken within a round. Written by `make bench-delivery`.\n\n",
    );
    for (what, value) in bench::machine::describe() {
        let value = if what.starts_with("Load") {
            found.load.clone()
        } else {
            value
        };
        let _ = writeln!(page, "- {what}: {value}");
    }
    let _ = writeln!(page, "- Load average after the run: {}", bench::machine::load_average());
    let _ = writeln!(
        page,
        "- Others: {}; {}; {}",
        first_line(&options.nginx, "-v"),
        first_line(&options.wrk, "-v"),
        first_line(&options.oximg, "--version")
    );
    let _ = writeln!(
        page,
        "\n## Against what was aimed at\n\n**Bold** was not reached.\n\n| work | against | to reach | reached |\n|---|---|---|---|"
    );
    for goal in goals(found) {
        let reached = if goal.met {
            goal.reached
        } else {
            format!("**{}**", goal.reached)
        };
        let _ = writeln!(page, "| {} | {} | {} | {reached} |", goal.work, goal.against, goal.aim);
    }
    if let Some(found) = &found.keep_alive {
        keep_alive(&mut page, found);
    }
    if let Some(found) = &found.large {
        large(&mut page, found);
    }
    if let Some(found) = &found.herd {
        herd(&mut page, found);
    }
    if let Some(found) = &found.overload {
        overload(&mut page, found);
    }
    if let Some(found) = &found.soak {
        soak(&mut page, found);
    }
    page.push_str(
        "\n## Repeat it\n\n```sh\nmake bench-delivery              # everything; writes this page\n\
         bench/delivery/run --quick       # a look, in a few minutes\n\
         bench/delivery/run cached 304    # these rows, printed; the others are herd, overload, soak and large\n```\n\n\
         `bench/delivery/run` installs nginx and wrk by the system's package manager, and builds oximg's server from crates.io into `bench/.cache`.\n",
    );
    page
}

#[allow(clippy::print_stdout, reason = "printing is what it was asked for")]
pub fn print(page: &str) {
    println!("{page}");
}

fn goals(found: &Found) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(KeepAlive { whole, unchanged, .. }) = &found.keep_alive {
        if let Some(compared) = whole {
            let rate = compared.ratio(|run| run.per_second).median;
            let p99 = compared.ratio(|run| run.p99_ms).median;
            goals.push(Goal {
                work: "cached rendition of 40 KB, 64 connections that stay open",
                against: "nginx",
                aim: "≥ 0.9 x requests a second, p99 ≤ 1.5 x",
                reached: format!("{rate:.2} x, p99 {p99:.2} x"),
                met: rate >= 0.9 && p99 <= 1.5,
            });
        }
        if let Some(compared) = unchanged {
            let rate = compared.ratio(|run| run.per_second).median;
            goals.push(Goal {
                work: "304 answers",
                against: "nginx",
                aim: "≥ 0.9 x",
                reached: format!("{rate:.2} x"),
                met: rate >= 0.9,
            });
        }
    }
    if let Some(herd) = &found.herd {
        goals.push(Goal {
            work: "1,000 clients asking for one cold rendition",
            against: "–",
            aim: "rendered once, all answered",
            reached: format!(
                "rendered {} times at most, {} answered at least",
                herd.renders, herd.answered
            ),
            met: herd.renders == 1.0 && herd.answered == herd::CLIENTS,
        });
    }
    if let Some(loads) = &found.overload {
        goals.extend(overload_goal(loads));
    }
    if let Some(soak) = &found.soak {
        let ratio = soak.end_mib / soak.start_mib;
        goals.push(Goal {
            work: "soak: 100,000 mixed requests",
            against: "–",
            aim: "memory back within 1.3 x of the start",
            reached: format!("{ratio:.2} x, {} unexpected answers", soak.unexpected),
            met: ratio <= 1.3 && soak.unexpected == 0,
        });
    }
    if let Some(large) = &found.large {
        let least = large
            .ways
            .iter()
            .map(|way| way.ratio.median)
            .fold(f64::INFINITY, f64::min);
        let added = large.memory_mib.1 - large.memory_mib.0;
        goals.push(Goal {
            work: "original of 1 GB with ranges",
            against: "nginx",
            aim: "≥ 0.8 x, constant memory",
            reached: format!("{least:.2} x, {added:.0} MiB more"),
            met: least >= 0.8 && added < 64.0,
        });
    }
    goals
}

fn overload_goal(loads: &[overload::Load]) -> Option<Goal> {
    let many = |name: &str| {
        loads
            .iter()
            .find(|load| load.server == name && load.connections == overload::MANY)
    };
    let (ours, theirs) = (many("Tintype")?, many("oximg")?);
    let few = loads
        .iter()
        .find(|load| load.server == "Tintype" && load.connections == overload::FEW)?;
    // Of both servers, and of ourselves with few clients.
    let best = theirs.goodput.median.max(ours.goodput.median).max(few.goodput.median);
    let part = ours.goodput.median / best;
    let failures: usize = ours.failures.values().sum();
    Some(Goal {
        work: "overload: 4,096 connections of distinct cold URLs",
        against: "oximg",
        aim: "no failure but 503/429 with `Retry-After`; goodput within 10 % of the best; memory within the budget",
        reached: format!(
            "{failures} failures; {part:.2} x the best; {:.0} of {:.0} MiB",
            ours.peak_mib,
            overload::BUDGET_MIB
        ),
        met: failures == 0 && part >= 0.9 && ours.peak_mib <= overload::BUDGET_MIB,
    })
}

fn keep_alive(page: &mut String, found: &KeepAlive) {
    let _ = writeln!(
        page,
        "\n## Answers from memory\n\n`{}`, {} bytes, on {} connections that stay open, asked for by wrk. nginx has the same bytes in a file, as many \
         workers as there are cores, `sendfile`, `tcp_nopush`, `open_file_cache` and no access log; Tintype has its defaults and logs warnings only. *Server* and \
         *generator* are processor time for an answer, in microseconds of one core: what the generator takes is the same for both, and no server can win it back.\n\n\
         | answers | server | a second | to nginx | p50, ms | p99, ms | to nginx | server, µs | generator, µs |\n|---|---|---:|---:|---:|---:|---:|---:|---:|",
        found.path,
        found.bytes,
        wrk::CONNECTIONS
    );
    for (name, compared) in [("whole", &found.whole), ("304", &found.unchanged)] {
        let Some(compared) = compared else { continue };
        let Compared { ours, theirs } = compared;
        for (server, runs) in [("Tintype", ours), ("nginx", theirs)] {
            let (rate, p99) = if server == "Tintype" {
                (
                    times(compared.ratio(|run| run.per_second)),
                    times(compared.ratio(|run| run.p99_ms)),
                )
            } else {
                (String::new(), String::new())
            };
            let _ = writeln!(
                page,
                "| {name} | {server} | {:.0} | {rate} | {:.2} | {:.2} | {p99} | {:.1} | {:.1} |",
                middle(runs, |run| run.per_second),
                middle(runs, |run| run.p50_ms),
                middle(runs, |run| run.p99_ms),
                middle(runs, |run| run.server_us),
                middle(runs, |run| run.generator_us),
            );
        }
    }
    if found.whole.is_some() {
        let (by_wrk, by_threads) = found.generators;
        let _ = writeln!(
            page,
            "\nwrk took {by_wrk:.0} answers a second from nginx; a client of ours, with a thread for each connection, {by_threads:.0}."
        );
    }
}

fn large(page: &mut String, found: &large::Large) {
    let _ = writeln!(
        page,
        "\n## A large original\n\nA file of {} MB as stored, by clients that read and forget. *Processor* is time of the server for a megabyte, in microseconds of one \
         core.\n\n| fetched | Tintype, MB a second | nginx | part of it | processor, Tintype | nginx |\n|---|---:|---:|---:|---:|---:|",
        large::BYTES / 1_000_000
    );
    for way in &found.ways {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.0} | {:.0} |",
            way.name,
            whole(way.ours),
            whole(way.theirs),
            times(way.ratio),
            way.processor_us.0.median,
            way.processor_us.1.median
        );
    }
    let _ = writeln!(
        page,
        "\nTintype had {:.0} MiB resident before, and {:.0} MiB at most meanwhile.",
        found.memory_mib.0, found.memory_mib.1
    );
}

fn herd(page: &mut String, found: &herd::Herd) {
    let _ = writeln!(
        page,
        "\n## One cold rendition for {} clients\n\nAll are connected before, and ask at the same moment; done {} times, each time for another rendition. By \
         `tintype_renditions_total` it was made {} times at most; {} clients got it at least. The last of them had it after {} ms.",
        herd::CLIENTS,
        found.times,
        found.renders,
        found.answered,
        whole(found.last_ms)
    );
}

fn overload(page: &mut String, loads: &[overload::Load]) {
    let _ = writeln!(
        page,
        "\n## More than can be served\n\nEach connection asks for a rendition that nobody has asked for before (JPEG, quality 80, 400 to 655 pixels wide, of eight \
         JPEGs), then for the next one; who is refused comes again when it was told to. *Goodput* is renditions a second. With {} connections nobody is \
         refused: that is what a server can do. Tintype may keep {:.0} MiB: 64 of renditions, 256 for making them, 64 of decoded sources. oximg has its defaults.\n\n\
         | server | connections | goodput | p50, p99 of those, ms | 503/429 with `Retry-After` | longest of these, s | other failures | memory at most, MiB |\n\
         |---|---:|---:|---:|---:|---:|---|---:|",
        overload::FEW,
        overload::BUDGET_MIB
    );
    for load in loads {
        let failures: Vec<String> = load
            .failures
            .iter()
            .map(|(what, times)| format!("{times} x {what}"))
            .collect();
        let failures = if failures.is_empty() {
            "none".to_owned()
        } else {
            failures.join(", ")
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {:.0}, {:.0} | {} | {} | {failures} | {:.0} |",
            load.server,
            load.connections,
            whole(load.goodput),
            load.latency_ms.0,
            load.latency_ms.1,
            load.refused,
            load.longest_retry_after,
            load.peak_mib
        );
    }
}

fn soak(page: &mut String, found: &soak::Soak) {
    let _ = writeln!(
        page,
        "\n## A long run\n\n{} requests in {:.0} s: of a hundred, 60 cached renditions, 15 of them with the news that they are known, 10 stored files, 5 parts of \
         those, 4 renditions that nobody has asked for, 2 files that are not there, 2 transformations that make no sense, 2 lists of files. {} answers were not as \
         expected. Caches are small (16 MiB of renditions, 32 MiB of decoded sources) and full when it begins.\n\n\
         | resident | MiB |\n|---|---:|\n| just started | {:.0} |\n| caches full | {:.0} |\n| at most | {:.0} |\n| ten seconds after the end | {:.0} |",
        found.requests,
        found.seconds,
        found.unexpected,
        found.fresh_mib,
        found.start_mib,
        found.peak_mib,
        found.end_mib
    );
}

fn whole(spread: Spread) -> String {
    format!("{:.0} ({:.0} to {:.0})", spread.median, spread.low, spread.high)
}

fn times(spread: Spread) -> String {
    format!("{:.2} x ({:.2} to {:.2})", spread.median, spread.low, spread.high)
}

/// The first line that a program says of itself, wherever it says it.
fn first_line(program: &Path, argument: &str) -> String {
    match Command::new(program).arg(argument).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            said.lines().next().unwrap_or_default().trim().to_owned()
        }
        Err(error) => format!("{}: {error}", program.display()),
    }
}
