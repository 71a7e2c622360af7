//! What several harnesses use: a client that costs next to nothing, servers that end with their values, and what is said about numbers and the machine.

pub mod client;
pub mod daemon;
pub mod machine;
pub mod statistics;
pub mod upload;

/// A harness stops at the first thing that goes wrong and says what it was.
pub type BenchError = Box<dyn std::error::Error>;
