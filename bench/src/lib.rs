//! What several harnesses use: a client that costs next to nothing, and what is said about numbers and the machine.

pub mod client;
pub mod machine;
pub mod statistics;

/// A harness stops at the first thing that goes wrong and says what it was.
pub type BenchError = Box<dyn std::error::Error>;
