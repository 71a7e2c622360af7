//! Measures the management API of a running server: uploads beside bare PUTs, reads beside a bare `SELECT`, and what
//! other requests notice of jobs over folders.

mod bare;
mod folders;
mod load;
mod reads;
mod report;
mod servers;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;

use bench::BenchError;

const USAGE: &str = "usage: bench-api --tintype <program> --s3 <program> --picture <jpeg> --folder <scratch>
           [--postgres <url of a server>] [--quick true] [--report <file>]
       bench-api bare <library.db> <port>";

/// What is measured, with what.
pub struct Options {
    /// Tintype's program.
    pub tintype: PathBuf,
    /// An S3 server: `examples/s3_server.rs` of the library.
    pub s3: PathBuf,
    /// What is uploaded: a JPEG of less than 50 KB.
    pub picture: PathBuf,
    /// Takes what the servers write; emptied before.
    pub folder: PathBuf,
    /// A database for Tintype, besides SQLite.
    pub postgres: Option<String>,
    /// Fewer requests.
    pub quick: bool,
    /// Where the page goes; printed otherwise.
    pub report: Option<PathBuf>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, BenchError> {
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1).cloned()
        };
        let path = |name: &str| value(name).map(PathBuf::from).ok_or(USAGE);
        Ok(Self {
            tintype: path("--tintype")?,
            s3: path("--s3")?,
            picture: path("--picture")?,
            folder: path("--folder")?,
            postgres: value("--postgres"),
            quick: value("--quick").is_some(),
            report: value("--report").map(PathBuf::from),
        })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == "bare" => bare::serve(rest),
        _ => Options::read(&arguments).and_then(|options| run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), BenchError> {
    // For the client of the bare PUTs.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let load = bench::machine::load_average();
    if options.folder.exists() {
        std::fs::remove_dir_all(&options.folder)?;
    }
    std::fs::create_dir_all(&options.folder)?;
    let uploads = uploads::measure(options)?;
    let server = servers::Server::tintype(options, "reads", &[])?;
    let (reads, files) = reads::measure(options, &server)?;
    let folders = folders::measure(&server, &files)?;
    let page = report::page(&load, &uploads, &reads, &folders);
    match &options.report {
        Some(file) => std::fs::write(file, page)?,
        None => report::print(&page),
    }
    Ok(())
}
