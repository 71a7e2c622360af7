//! The library over a temporary directory, as its callers use it, with SQLite; `library_postgres.rs` runs the same on
//! PostgreSQL.

const DATABASE: bench::Database = bench::Database::Sqlite;

#[path = "suite/bench.rs"]
mod bench;
#[path = "suite/blobs.rs"]
mod blobs;
#[path = "suite/crash.rs"]
mod crash;
#[path = "suite/embedded.rs"]
mod embedded;
#[path = "suite/listing.rs"]
mod listing;
#[path = "suite/opening.rs"]
mod opening;
#[path = "suite/remote.rs"]
mod remote;
#[path = "suite/uploading.rs"]
mod uploading;
