//! The library over a temporary directory, as its callers use it.

#[path = "suite/account.rs"]
mod account;
#[path = "suite/bench.rs"]
mod bench;
#[path = "suite/blobs.rs"]
mod blobs;
#[path = "suite/crash.rs"]
mod crash;
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
#[path = "suite/uploading.rs"]
mod uploading;
#[path = "suite/webhooks.rs"]
mod webhooks;
