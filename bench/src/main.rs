//! Compares Tintype with its peers: `bench engine` drives engines, `bench contender` is one of those driven; `bench http`
//! and `bench srcset` drive servers; `bench page` puts together what they found.

mod cases;
mod compare;
mod contenders;
mod entry;
mod equal_score;
mod goals;
mod judge;
mod load;
mod memory;
mod process;
mod report;
mod servers;
mod srcset;
mod synthetic;
mod throughput;
mod throughput_report;
mod tintype;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use bench::{BenchError, client, daemon, machine, statistics};
use goals::Goal;
use servers::Programs;

/// The product's own allocator, which is part of how fast it is.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: bench contender [--linear]
       bench engine|memory|http|srcset [--quick] [--only <case>] --folder <scratch> --parts <folder> \
                --sharp <contender.js> --oximg <program> [--tintype <program>] [--oximg-server <program>] \
                [--thumbor <python>] [--thumbor-conf <file>] [--ipx <server.js>]
       bench page --parts <folder> --reasons <file> --report <file>";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<(), BenchError> {
    let mut arguments = arguments.into_iter();
    let verb = arguments.next().and_then(|verb| verb.into_string().ok());
    let verb = verb.ok_or(USAGE)?;
    if verb == "contender" {
        return tintype::serve(arguments.any(|flag| flag == "--linear"));
    }
    let flags = Flags::read(arguments)?;
    match verb.as_str() {
        "engine" => engine(&flags),
        "memory" => {
            let (section, goals) = memory::measure(
                &flags.path("folder")?,
                &flags.path("sharp")?,
                &flags.path("oximg")?,
                flags.quick,
            )?;
            flags.store("memory", &section, &goals)
        }
        "http" => {
            let load = machine::load_average();
            let found = throughput::measure(
                &flags.programs()?,
                &flags.path("sharp")?,
                &flags.path("folder")?,
                flags.quick,
            )?;
            flags.store(
                "http",
                &throughput_report::section(&found, &load, flags.quick),
                &throughput_report::goals(&found),
            )
        }
        "srcset" => {
            let load = machine::load_average();
            let found = srcset::measure(
                &flags.programs()?,
                &flags.path("sharp")?,
                &flags.path("folder")?,
                flags.quick,
            )?;
            flags.store(
                "srcset",
                &srcset::section(&found, &load, flags.quick),
                &[srcset::goal(&found)],
            )
        }
        "page" => page(&flags),
        _ => Err(USAGE.into()),
    }
}

fn engine(flags: &Flags) -> Result<(), BenchError> {
    let machine = machine::describe();
    let comparison = compare::compare(&compare::Options {
        quick: flags.quick,
        only: flags
            .values
            .get("only")
            .and_then(|only| only.to_str())
            .map(str::to_owned),
        folder: flags.path("folder")?,
        sharp: flags.path("sharp")?,
        oximg: flags.path("oximg")?,
    })?;
    flags.store(
        "engine",
        &report::engine(&comparison, flags.quick),
        &report::goals(&comparison),
    )?;
    let end = report::end(&comparison, &machine, &machine::load_average());
    Ok(fs::write(flags.path("parts")?.join("end.md"), end)?)
}

/// Puts together what the parts have stored, those that were measured.
fn page(flags: &Flags) -> Result<(), BenchError> {
    let parts = flags.path("parts")?;
    let (mut page, mut goals) = (String::new(), Vec::new());
    for part in ["engine", "memory", "http", "srcset"] {
        let section = parts.join(part).with_extension("md");
        if section.exists() {
            page.push_str(&fs::read_to_string(section)?);
            goals.extend(goals::load(&parts.join(part).with_extension("json"))?);
        }
    }
    let reasons = fs::read_to_string(flags.path("reasons")?)?;
    page.push_str(&goals::section(&goals, &reasons));
    let end = parts.join("end.md");
    if end.exists() {
        page.push_str(&fs::read_to_string(end)?);
    }
    let report = flags.path("report")?;
    fs::write(&report, page)?;
    eprintln!("written: {}", report.display());
    Ok(())
}

/// What the command line says behind the verb.
struct Flags {
    quick: bool,
    values: HashMap<String, OsString>,
}

impl Flags {
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, BenchError> {
        let mut flags = Self {
            quick: false,
            values: HashMap::new(),
        };
        while let Some(flag) = arguments.next() {
            match flag.to_str().and_then(|flag| flag.strip_prefix("--")) {
                Some("quick") => flags.quick = true,
                Some(name) => {
                    flags.values.insert(name.to_owned(), arguments.next().ok_or(USAGE)?);
                }
                None => return Err(USAGE.into()),
            }
        }
        Ok(flags)
    }

    fn path(&self, name: &str) -> Result<PathBuf, BenchError> {
        let value = self.values.get(name);
        Ok(value.ok_or_else(|| format!("--{name} is missing\n{USAGE}"))?.into())
    }

    fn programs(&self) -> Result<Programs, BenchError> {
        Ok(Programs {
            tintype: self.path("tintype")?,
            oximg: self.path("oximg-server")?,
            thumbor: self.path("thumbor")?,
            thumbor_conf: self.path("thumbor-conf")?,
            ipx: self.path("ipx")?,
        })
    }

    /// Keeps a part for the page.
    fn store(&self, part: &str, section: &str, goals: &[Goal]) -> Result<(), BenchError> {
        let parts = self.path("parts")?;
        fs::create_dir_all(&parts)?;
        goals::store(goals, &parts.join(part).with_extension("json"))?;
        Ok(fs::write(parts.join(part).with_extension("md"), section)?)
    }
}
