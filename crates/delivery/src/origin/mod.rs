//! Where sources come from when they are not in the library.

pub mod address;
pub mod fetch;
