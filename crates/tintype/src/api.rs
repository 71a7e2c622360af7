//! A file for each endpoint: takes the request apart, calls the verb, shapes the answer.

pub mod body;
pub mod bulk_jobs;
pub mod delivery;
pub mod empty;
pub mod file_object;
pub mod files;
pub mod health;
mod json;
pub mod landing;
pub mod purge;
pub mod webhooks;

pub use json::Json;
