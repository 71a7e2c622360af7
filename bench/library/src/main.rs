//! Makes up libraries of different sizes in SQLite and PostgreSQL, and measures every kind of search in them.

mod assets;
mod generate;
mod measure;
mod report;
mod rows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use generate::Target;
use library::{Library, Settings};
use measure::Measured;

/// The product's own allocator, which is part of how fast it is.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The harness stops at the first thing that goes wrong and says what it was.
pub type BenchError = Box<dyn std::error::Error>;

const USAGE: &str = "usage: bench-library --folder <scratch> [--postgres <url of a server>] [--sizes 10000,1000000]
           [--only <part of a case's name>] [--plans <file>] [--report <file>]";

/// What was measured in one library.
pub struct Found {
    /// In which database.
    pub database: &'static str,
    /// With how many assets.
    pub assets: u64,
    /// Case by case.
    pub measured: Vec<Measured>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-library: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    folder: PathBuf,
    postgres: Option<String>,
    sizes: Vec<u64>,
    only: Option<String>,
    plans: Option<PathBuf>,
    report: Option<PathBuf>,
}

impl Options {
    fn read(arguments: Vec<String>) -> Result<Self, BenchError> {
        let mut options = Self {
            folder: PathBuf::new(),
            postgres: None,
            sizes: vec![10_000, 1_000_000],
            only: None,
            plans: None,
            report: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match flag.as_str() {
                "--folder" => options.folder = value.into(),
                "--postgres" => options.postgres = Some(value),
                "--sizes" => options.sizes = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--only" => options.only = Some(value),
                "--plans" => options.plans = Some(value.into()),
                "--report" => options.report = Some(value.into()),
                _ => return Err(USAGE.into()),
            }
        }
        if options.folder.as_os_str().is_empty() {
            return Err(USAGE.into());
        }
        Ok(options)
    }
}

async fn run(arguments: Vec<String>) -> Result<(), BenchError> {
    let options = Options::read(arguments)?;
    let load = report::load_average();
    let mut found = Vec::new();
    for &size in &options.sizes {
        let library = sqlite(&options.folder, size).await?;
        found.push(measured(&library, "SQLite", size, &options).await?);
        library.close().await;
    }
    if let Some(server) = &options.postgres {
        for &size in &options.sizes {
            let library = postgres(&options.folder, server, size).await?;
            found.push(measured(&library, "PostgreSQL", size, &options).await?);
            library.close().await;
        }
    }
    let page = report::page(&found, &load);
    match &options.report {
        Some(file) => std::fs::write(file, page)?,
        None => report::print(&page),
    }
    if let Some(file) = &options.plans {
        std::fs::write(file, report::plans(&found))?;
    }
    Ok(())
}

async fn measured(
    library: &Library,
    database: &'static str,
    assets: u64,
    options: &Options,
) -> Result<Found, BenchError> {
    let mut measured = Vec::new();
    for case in measure::cases(assets) {
        if options
            .only
            .as_ref()
            .is_some_and(|only| !case.name.contains(only.as_str()))
        {
            continue;
        }
        let took = measure::measure(library, &case).await?;
        eprintln!(
            "{database} {assets} {:40} {:4} found  p50 {:8.2}  p95 {:8.2}  worst {:8.2} ms",
            took.name, took.found, took.p50_ms, took.p95_ms, took.worst_ms
        );
        measured.push(took);
    }
    Ok(Found {
        database,
        assets,
        measured,
    })
}

/// An SQLite library of this size; made if it is not there whole.
async fn sqlite(folder: &Path, size: u64) -> Result<Library, BenchError> {
    let directory = folder.join(format!("sqlite-{size}"));
    let whole = directory.join("whole");
    if !whole.exists() {
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        std::fs::create_dir_all(&directory)?;
        Library::open(Settings::embedded(&directory)).await?.close().await;
        let mut target = Target::sqlite(&directory.join("library.db")).await?;
        generate::fill(&mut target, size).await?;
        drop(target);
        std::fs::write(&whole, "")?;
    }
    Ok(Library::open(Settings::embedded(&directory)).await?)
}

/// A library of this size in a database of its own on the server.
async fn postgres(folder: &Path, server: &str, size: u64) -> Result<Library, BenchError> {
    let name = format!("tintype_bench_{size}");
    let (base, _) = server
        .rsplit_once('/')
        .ok_or("the URL of the server must name a database")?;
    let url = format!("{base}/{name}");
    let is_new = generate::create_database(server, &name).await?;
    let mut settings = Settings::embedded(folder.join(format!("postgres-{size}")));
    settings.database = url.parse()?;
    let library = Library::open(settings.clone()).await?;
    if is_new {
        let mut target = Target::postgres(&url).await?;
        generate::fill(&mut target, size).await?;
    }
    Ok(library)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

    use super::*;

    const TABLES: [&str; 6] = [
        "SELECT tag, version_id, '' FROM version_tags",
        "SELECT kind, term, version_id FROM version_terms",
        "SELECT field_id, version_id, COALESCE(text_value, '') || COALESCE(CAST(number_value AS TEXT), '') FROM version_values",
        "SELECT CAST(band AS TEXT), CAST(phash AS TEXT), version_id FROM version_bands",
        "SELECT term, folder_id, '' FROM folder_terms",
        "SELECT id, format, COALESCE(CAST(taken_at AS TEXT), '') || ' ' || COALESCE(CAST(latitude AS TEXT), '') || ' ' ||
             COALESCE(printf('%.9f', place_x + place_y * 2 + place_z * 4), '') FROM versions",
    ];

    async fn tables(directory: &Path) -> Vec<BTreeSet<(String, String, String)>> {
        let options = SqliteConnectOptions::new().filename(directory.join("library.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("opened");
        let mut tables = Vec::new();
        for statement in TABLES {
            let rows = sqlx::query(AssertSqlSafe(statement.to_owned()))
                .fetch_all(&mut connection)
                .await
                .expect("rows");
            tables.push(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect());
        }
        sqlx::query("DELETE FROM library_state")
            .execute(&mut connection)
            .await
            .expect("forgotten");
        connection.close().await.expect("closed");
        tables
    }

    /// What is made up must be what the library itself would have stored.
    #[tokio::test]
    async fn the_rows_are_those_of_the_library() {
        let directory = tempfile::tempdir().expect("a directory");
        let library = sqlite(directory.path(), 300).await.expect("made");
        library.close().await;
        let path = directory.path().join("sqlite-300");
        let made = tables(&path).await;
        assert!(made.iter().all(|table| table.len() > 10));
        let library = Library::open(Settings::embedded(&path)).await.expect("opened");
        assert!(library.build_search_index().await.expect("built") > 300);
        library.close().await;
        for (made, (own, statement)) in made.iter().zip(tables(&path).await.iter().zip(TABLES)) {
            let only_made: Vec<_> = made.difference(own).take(5).collect();
            let only_own: Vec<_> = own.difference(made).take(5).collect();
            assert!(
                only_made.is_empty() && only_own.is_empty(),
                "{statement}\n{only_made:?}\n{only_own:?}"
            );
        }
    }
}
