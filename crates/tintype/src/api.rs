//! A file for each endpoint: takes the request apart, calls the verb, shapes the answer.

pub mod accounts;
pub mod agents;
pub mod body;
pub mod bulk_jobs;
pub mod custom_metadata_fields;
pub mod delivery;
pub mod empty;
pub mod file_object;
pub mod files;
pub mod folder;
pub mod health;
mod json;
pub mod landing;
pub mod metadata;
pub mod named_transformations;
pub mod openapi;
mod path;
pub mod purge;
pub mod rate_limit;
pub mod saved_extensions;
pub mod trash;
pub mod webhooks;

pub use json::Json;
pub use path::Path;
