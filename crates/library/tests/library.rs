//! The library over a temporary directory, as its callers use it, with SQLite; `library_postgres.rs` runs the same on
//! PostgreSQL.

const DATABASE: bench::Database = bench::Database::Sqlite;

#[path = "suite/account.rs"]
mod account;
#[path = "suite/bench.rs"]
mod bench;
#[path = "suite/blobs.rs"]
mod blobs;
#[path = "suite/changing.rs"]
mod changing;
#[path = "suite/claims.rs"]
mod claims;
#[path = "suite/crash.rs"]
mod crash;
#[path = "suite/deleting_folders.rs"]
mod deleting_folders;
#[path = "suite/embedded.rs"]
mod embedded;
#[path = "suite/enriching.rs"]
mod enriching;
#[path = "suite/folder_jobs.rs"]
mod folder_jobs;
#[path = "suite/jobs.rs"]
mod jobs;
#[path = "suite/listing.rs"]
mod listing;
#[path = "suite/opening.rs"]
mod opening;
#[path = "suite/racing.rs"]
mod racing;
#[path = "suite/remote.rs"]
mod remote;
#[path = "suite/trashing.rs"]
mod trashing;
#[path = "suite/uploading.rs"]
mod uploading;
#[path = "suite/webhooks.rs"]
mod webhooks;
