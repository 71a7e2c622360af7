//! Whole calls against an HTTP server that plays faults.

#[path = "suite/calls.rs"]
mod calls;
#[path = "suite/faults.rs"]
mod faults;
#[path = "suite/play.rs"]
mod play;
