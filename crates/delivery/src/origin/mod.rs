//! Where sources come from when they are not in the library.

mod address;
mod fetch;

pub use address::{AddressRules, Refusal};
pub(crate) use fetch::tls;
pub use fetch::{FetchError, FetchPolicy, Fetched, Fetcher, FetcherError, Phase};
