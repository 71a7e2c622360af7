//! A file for each endpoint: takes the request apart, calls the verb, shapes the answer.

pub mod body;
pub mod delivery;
pub mod empty;
pub mod file_object;
pub mod files;
pub mod health;
mod json;
pub mod landing;
pub mod metadata;

pub use json::Json;
