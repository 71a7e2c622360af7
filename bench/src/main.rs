//! Compares Tintype's engine with its peers: `bench compare` drives, `bench contender` is one of those driven.

mod cases;
mod compare;
mod contenders;
mod entry;
mod equal_score;
mod judge;
mod machine;
mod process;
mod report;
mod statistics;
mod synthetic;
mod tintype;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The product's own allocator, which is part of how fast it is.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The harness stops at the first thing that goes wrong and says what it was.
pub type BenchError = Box<dyn std::error::Error>;

const USAGE: &str = "usage: bench contender [--linear]
       bench compare [--quick] --folder <scratch> --sharp <contender.js> --oximg <program> --report <file>";

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
    match arguments.next().as_deref().and_then(|verb| verb.to_str()) {
        Some("contender") => tintype::serve(arguments.any(|flag| flag == "--linear")),
        Some("compare") => compare(arguments),
        _ => Err(USAGE.into()),
    }
}

fn compare(mut arguments: impl Iterator<Item = OsString>) -> Result<(), BenchError> {
    let (mut quick, mut folder, mut sharp, mut oximg, mut report) = (false, None, None, None, None);
    while let Some(flag) = arguments.next() {
        let slot = match flag.to_str() {
            Some("--quick") => {
                quick = true;
                continue;
            }
            Some("--folder") => &mut folder,
            Some("--sharp") => &mut sharp,
            Some("--oximg") => &mut oximg,
            Some("--report") => &mut report,
            _ => return Err(USAGE.into()),
        };
        *slot = Some(PathBuf::from(arguments.next().ok_or(USAGE)?));
    }
    let (Some(folder), Some(sharp), Some(oximg), Some(report)) = (folder, sharp, oximg, report) else {
        return Err(USAGE.into());
    };
    let machine = machine::describe();
    let comparison = compare::compare(&compare::Options {
        quick,
        folder,
        sharp,
        oximg,
    })?;
    fs::write(
        &report,
        report::page(&comparison, &machine, &machine::load_average(), quick),
    )?;
    eprintln!("written: {}", report.display());
    Ok(())
}
