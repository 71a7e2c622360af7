//! Whole requests against a real library, a real cache and the real engine.

mod access;
mod files;
mod renditions;
mod world;
