//! The one binary of Tintype. It alone knows HTTP, the command line and the environment; every other crate speaks in
//! values.
//!
//! `router` shows every route on one screen, `app` holds the verbs without transport, `api` a file for each endpoint,
//! `error` the one mapping from what went wrong to an answer.

pub mod agents;
pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod fonts;
pub mod keys;
pub mod mcp;
pub mod observe;
pub mod router;
pub mod routes;
pub mod server;
pub mod traces;
