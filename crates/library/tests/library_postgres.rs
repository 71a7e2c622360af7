//! The suite of `library.rs` on PostgreSQL. Started by `scripts/with-postgres.sh`, which brings a server.

const DATABASE: bench::Database = bench::Database::Postgres;

#[path = "suite/bench.rs"]
mod bench;
#[path = "suite/blobs.rs"]
mod blobs;
#[path = "suite/crash.rs"]
mod crash;
#[path = "suite/listing.rs"]
mod listing;
#[path = "suite/opening.rs"]
mod opening;
#[path = "suite/remote.rs"]
mod remote;
#[path = "suite/uploading.rs"]
mod uploading;
