//! What agents can do with a media library, and the one way in which every call is made.
//!
//! An action speaks the public HTTP API through a [`Transport`], in process or over the network, so it works the same
//! against a Tintype and any other ImageKit-compatible server, and what agents can do is what the API can do.
//!
//! * [`actions`]: the catalogue, one declaration each: schemas, effect, request, read-back.
//! * [`Pipeline::call`]: validated, authorised, sent with retries, verified, recorded; read as a list.

pub mod actions;
mod audit;
mod credential;
mod drift;
mod error;
mod limits;
mod network;
mod pipeline;
mod policy;
mod read_back;
mod request;
mod retry;
mod schema;
mod upstream;

pub use actions::{ACTIONS, Action, Effect, find};
pub use audit::{Audit, AuditError, CallRecord, JsonLines, Outcome};
pub use credential::Credential;
pub use drift::{Drift, DriftKind};
pub use error::{CallError, Code};
pub use limits::Limits;
pub use network::{SetUpError, network};
pub use pipeline::{Call, CallResult, Pipeline, Proof};
pub use policy::Policy;
pub use read_back::{Check, Verification};
pub use upstream::{Transport, TransportError, Upstream, UpstreamError};
