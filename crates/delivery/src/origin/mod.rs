//! Where sources come from when they are not in the library.
//!
//! `fetch` gets a file from a URL that a stranger chose. `storage` asks the origins of an account, each in the manner of its kind; `places`
//! says how many at once; `originals` keeps what they gave, and `shared` keeps it for other servers; `files` puts both together: a path in, a file out that the rest of delivery treats as one of the library.

mod address;
mod akeneo;
mod fetch;
mod files;
mod originals;
mod places;
mod shared;
mod storage;

pub use address::{AddressRules, Refusal};
pub(crate) use fetch::tls;
pub use fetch::{FetchError, FetchPolicy, Fetched, Fetcher, FetcherError, Phase};
pub(crate) use files::{Foreign, Origins, Wanted};
