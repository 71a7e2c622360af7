//! Measures what faces the internet: cached answers and large files beside nginx, many clients for one picture, more clients than can be served beside
//! oximg, and what a long run leaves in memory.

mod connection;
mod herd;
mod keep_alive;
mod large;
mod overload;
mod report;
mod servers;
mod soak;
mod wrk;

use std::path::PathBuf;
use std::process::ExitCode;

use bench::BenchError;

const USAGE: &str = "usage: bench-delivery --tintype <program> --nginx <program> --wrk <program> --oximg <program> --picture <jpeg> --folder <scratch>
           [--quick true] [--report <file>] [--rows cached,304,herd,overload,soak,large]";

/// What is measured, with what.
pub struct Options {
    /// Tintype's program.
    pub tintype: PathBuf,
    /// nginx's.
    pub nginx: PathBuf,
    /// The load generator.
    pub wrk: PathBuf,
    /// oximg's server.
    pub oximg: PathBuf,
    /// What renditions are made of: a JPEG of 1600 pixels or so.
    pub picture: PathBuf,
    /// Takes what the servers write; emptied before.
    pub folder: PathBuf,
    /// Few and short rounds.
    pub quick: bool,
    /// Where the page goes; printed otherwise.
    pub report: Option<PathBuf>,
    /// Rows that are measured; all if there are none.
    pub rows: Vec<String>,
}

const ROWS: [&str; 6] = ["cached", "304", "herd", "overload", "soak", "large"];

impl Options {
    fn read(arguments: &[String]) -> Result<Self, BenchError> {
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1).cloned()
        };
        let path = |name: &str| value(name).map(PathBuf::from).ok_or(USAGE);
        let rows = value("--rows").unwrap_or_default();
        let rows: Vec<String> = rows
            .split(',')
            .filter(|row| !row.is_empty())
            .map(str::to_owned)
            .collect();
        if let Some(unknown) = rows.iter().find(|row| !ROWS.contains(&row.as_str())) {
            return Err(format!("there is no row `{unknown}`\n{USAGE}").into());
        }
        Ok(Self {
            tintype: path("--tintype")?,
            nginx: path("--nginx")?,
            wrk: path("--wrk")?,
            oximg: path("--oximg")?,
            picture: path("--picture")?,
            folder: path("--folder")?,
            quick: value("--quick").is_some(),
            report: value("--report").map(PathBuf::from),
            rows,
        })
    }

    /// True if a row is measured.
    pub fn has(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }
}

/// What was found; nothing of rows that were not asked for.
pub struct Found {
    /// The machine's load before.
    pub load: String,
    /// Rows `cached` and `304`.
    pub keep_alive: Option<keep_alive::KeepAlive>,
    /// Row `herd`.
    pub herd: Option<herd::Herd>,
    /// Row `overload`.
    pub overload: Option<Vec<overload::Load>>,
    /// Row `soak`.
    pub soak: Option<soak::Soak>,
    /// Row `large`.
    pub large: Option<large::Large>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Options::read(&arguments).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-delivery: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), BenchError> {
    let load = bench::machine::load_average();
    if options.folder.exists() {
        std::fs::remove_dir_all(&options.folder)?;
    }
    std::fs::create_dir_all(&options.folder)?;
    // One thread: the other cores are for the servers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wanted = |rows: &[&str]| rows.iter().any(|row| options.has(row));
    let keep_alive = wanted(&["cached", "304"]).then(|| keep_alive::measure(options, &runtime));
    let keep_alive = keep_alive.transpose()?;
    let large = wanted(&["large"]).then(|| large::measure(options)).transpose()?;
    let herd = wanted(&["herd"])
        .then(|| herd::measure(options, &runtime))
        .transpose()?;
    let overload = wanted(&["overload"]).then(|| overload::measure(options, &runtime));
    let overload = overload.transpose()?;
    let soak = wanted(&["soak"])
        .then(|| soak::measure(options, &runtime))
        .transpose()?;
    let found = Found {
        load,
        keep_alive,
        herd,
        overload,
        soak,
        large,
    };
    let page = report::page(options, &found);
    match &options.report {
        Some(file) => std::fs::write(file, page)?,
        None => report::print(&page),
    }
    Ok(())
}
