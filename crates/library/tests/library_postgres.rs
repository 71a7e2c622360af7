//! The suite of `library.rs` on PostgreSQL. Started by `scripts/with-postgres.sh`, which brings a server.

const DATABASE: bench::Database = bench::Database::Postgres;

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
