//! Fills an empty library with made-up assets, straight into its tables: uploading a million would take a day.

use std::fmt::Write as _;
use std::path::Path;

use sqlx::postgres::{PgConnection, PgPoolCopyExt as _};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, Row as _};

use crate::BenchError;
use crate::assets;
use crate::rows::{self, Cell, Row, Table};

/// Assets that are made before their rows are written.
const BATCH: u64 = 5000;
const ROWS_PER_INSERT: usize = 60;

/// Where rows go.
pub enum Target {
    Sqlite(Box<SqliteConnection>),
    Postgres(PgPool),
}

impl Target {
    pub async fn sqlite(file: &Path) -> Result<Self, BenchError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .pragma("synchronous", "OFF")
            .pragma("journal_mode", "OFF")
            .pragma("cache_size", "-1000000")
            .pragma("temp_store", "FILE")
            .foreign_keys(false);
        Ok(Self::Sqlite(Box::new(SqliteConnection::connect_with(&options).await?)))
    }

    pub async fn postgres(url: &str) -> Result<Self, BenchError> {
        Ok(Self::Postgres(PgPool::connect(url).await?))
    }

    async fn execute(&mut self, statement: &str) -> Result<(), BenchError> {
        let statement = AssertSqlSafe(statement.to_owned());
        match self {
            Self::Sqlite(connection) => {
                sqlx::raw_sql(statement).execute(&mut **connection).await?;
            }
            Self::Postgres(pool) => {
                sqlx::raw_sql(statement).execute(&*pool).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, table: &Table, rows: &[Row]) -> Result<(), BenchError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(connection) => insert(connection, table, rows).await,
            Self::Postgres(pool) => copy(pool, table, rows).await,
        }
    }
}

/// Writes `all` assets with their folders, fields and terms into the tables that opening a library has made.
pub async fn fill(target: &mut Target, all: u64) -> Result<(), BenchError> {
    let indexes = drop_indexes(target).await?;
    if matches!(target, Target::Sqlite(_)) {
        target.execute("BEGIN").await?;
    }
    target.write(&rows::FIELDS, &rows::fields()).await?;
    let (mut folders, mut terms) = (Vec::new(), Vec::new());
    for folder in 0..assets::folders(all) {
        let (row, words) = rows::folder(folder);
        folders.push(row);
        terms.extend(words);
    }
    target.write(&rows::FOLDERS, &folders).await?;
    target.write(&rows::FOLDER_TERMS, &terms).await?;
    let blobs: Vec<Row> = (0..rows::blobs(all)).map(rows::blob).collect();
    target.write(&rows::BLOBS, &blobs).await?;
    // In the order of their key, or each row would go to another page.
    let staged = matches!(target, Target::Sqlite(_));
    if staged {
        target
            .execute(
                "CREATE TEMP TABLE staged_terms (kind TEXT, term TEXT, created_at BIGINT, version_id TEXT);
                 CREATE TEMP TABLE staged_bands (band BIGINT, phash BIGINT, version_id TEXT)",
            )
            .await?;
    }
    let terms = if staged {
        &Table {
            name: "staged_terms",
            ..rows::TERMS
        }
    } else {
        &rows::TERMS
    };
    let bands = if staged {
        &Table {
            name: "staged_bands",
            ..rows::BANDS
        }
    } else {
        &rows::BANDS
    };
    let mut from = 0;
    while from < all {
        let to = (from + BATCH).min(all);
        let made: Vec<rows::Rows> = (from..to)
            .map(|number| rows::of(&assets::asset(number, all), number))
            .collect();
        let flat = |of: fn(&rows::Rows) -> &Vec<Row>| -> Vec<Row> {
            made.iter().flat_map(|rows| of(rows).iter().cloned()).collect()
        };
        target
            .write(
                &rows::FILES,
                &made.iter().map(|rows| rows.file.clone()).collect::<Vec<_>>(),
            )
            .await?;
        target.write(&rows::VERSIONS, &flat(|rows| &rows.versions)).await?;
        target.write(&rows::TAGS, &flat(|rows| &rows.tags)).await?;
        target.write(terms, &flat(|rows| &rows.terms)).await?;
        target.write(&rows::VALUES, &flat(|rows| &rows.values)).await?;
        target.write(bands, &flat(|rows| &rows.bands)).await?;
        from = to;
        if from % 100_000 == 0 {
            eprintln!("bench-library: {from} of {all} assets");
        }
    }
    if staged {
        target
            .execute(
                "INSERT INTO version_terms SELECT kind, term, created_at, version_id FROM staged_terms ORDER BY 1, 2, 3, 4;
                 INSERT INTO version_bands SELECT band, phash, version_id FROM staged_bands ORDER BY 1, 2, 3;
                 DROP TABLE staged_terms; DROP TABLE staged_bands",
            )
            .await?;
    }
    target
        .execute("INSERT INTO library_state (key, value) VALUES ('search_index', 'done') ON CONFLICT (key) DO NOTHING")
        .await?;
    if matches!(target, Target::Sqlite(_)) {
        target.execute("COMMIT").await?;
    }
    eprintln!("bench-library: indexes");
    for index in indexes {
        target.execute(&index).await?;
    }
    // As autovacuum and the library's own upkeep leave them.
    match target {
        Target::Sqlite(_) => target.execute("PRAGMA optimize; PRAGMA journal_mode = WAL").await,
        Target::Postgres(_) => target.execute("VACUUM ANALYZE").await,
    }
}

/// Indexes that are made again when the tables are full; constraints keep theirs.
async fn drop_indexes(target: &mut Target) -> Result<Vec<String>, BenchError> {
    const TABLES: &str =
        "('versions', 'version_terms', 'version_values', 'version_bands', 'version_tags', 'folders', 'folder_terms')";
    let found: Vec<(String, String)> = match target {
        Target::Sqlite(connection) => {
            let statement = format!(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {TABLES}"
            );
            sqlx::query(AssertSqlSafe(statement))
                .fetch_all(&mut **connection)
                .await?
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect()
        }
        Target::Postgres(pool) => {
            let statement = format!(
                "SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename IN {TABLES}
                 AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            );
            sqlx::query(AssertSqlSafe(statement))
                .fetch_all(&*pool)
                .await?
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect()
        }
    };
    let mut definitions = Vec::with_capacity(found.len());
    for (name, definition) in found {
        target.execute(&format!("DROP INDEX {name}")).await?;
        definitions.push(definition);
    }
    Ok(definitions)
}

async fn insert(connection: &mut SqliteConnection, table: &Table, rows: &[Row]) -> Result<(), BenchError> {
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let width = rows.first().map_or(0, Vec::len);
        let row = format!("({})", vec!["?"; width].join(", "));
        let statement = format!(
            "INSERT INTO {} ({}) VALUES {}",
            table.name,
            table.columns,
            vec![row; rows.len()].join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for cell in rows.iter().flatten() {
            query = match cell {
                Cell::Null => query.bind(None::<i64>),
                Cell::Bool(flag) => query.bind(*flag),
                Cell::Int(number) => query.bind(*number),
                Cell::Real(number) => query.bind(*number),
                Cell::Text(text) => query.bind(text.as_str()),
            };
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn copy(pool: &PgPool, table: &Table, rows: &[Row]) -> Result<(), BenchError> {
    let mut text = String::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                text.push('\t');
            }
            match cell {
                Cell::Null => text.push_str("\\N"),
                Cell::Bool(flag) => text.push(if *flag { 't' } else { 'f' }),
                Cell::Int(number) => write!(text, "{number}")?,
                Cell::Real(number) => write!(text, "{number:?}")?,
                Cell::Text(value) => {
                    for c in value.chars() {
                        match c {
                            '\\' => text.push_str("\\\\"),
                            '\t' => text.push_str("\\t"),
                            '\n' => text.push_str("\\n"),
                            '\r' => text.push_str("\\r"),
                            c => text.push(c),
                        }
                    }
                }
            }
        }
        text.push('\n');
    }
    let statement = format!("COPY {} ({}) FROM STDIN", table.name, table.columns);
    let mut copy = pool.copy_in_raw(&statement).await?;
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// A database of its own on a PostgreSQL server; false if it was there already.
pub async fn create_database(server: &str, name: &str) -> Result<bool, BenchError> {
    let mut connection = PgConnection::connect(server).await?;
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_one(&mut connection)
        .await?;
    if there == 0 {
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await?;
    }
    Ok(there == 0)
}
