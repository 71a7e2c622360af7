//! What agents can do with a media library, and the one way in which every call is made.
//!
//! An action speaks the public HTTP API through a [`Transport`], in process or over the network, so it works the same
//! against a Tintype and any other ImageKit-compatible server, and what agents can do is what the API can do.
//!
//! * [`actions`]: the catalogue, one declaration each: schemas, effect, request, read-back, way back.
//! * [`Pipeline::call`]: validated, authorised, sent with retries, verified, recorded; read as a list. Every door makes a
//!   [`Call`] with a [`Principal`] and gives back its [`Answer`] or [`CallError`].
//! * [`Store`]: approvals, tokens, connections, records; secrets in a [`vault`].

pub mod actions;
mod approval;
mod audit;
mod canonical;
mod connection;
mod credential;
mod describe;
mod drift;
mod drift_report;
mod error;
mod idempotency;
mod limits;
mod line;
mod link;
mod network;
mod pipeline;
mod policy;
mod principal;
mod rate;
mod read_back;
mod references;
mod request;
mod retry;
mod schema;
mod store;
mod survey;
mod token;
mod undo;
mod upload_link;
mod upstream;
pub mod vault;

pub use actions::{ACTIONS, ALIASES, About, Action, Alias, Dialect, Effect, Found, Reach, SERVICE, find, search};
pub use approval::{Approval, Request, State};
pub use audit::{CallRecord, Chain, Heal, Link, Outcome};
pub use connection::{ConnectError, Connection, ConnectionInfo, Connections, KeyInfo, KeyKeeper, OWN, PresentKey};
pub use credential::Credential;
pub use describe::{llms, skill};
pub use drift::{Drift, DriftKind, DriftMode};
pub use drift_report::DriftReport;
pub use error::{CallError, Code};
pub use limits::Limits;
pub use line::Line;
pub use link::ApprovalLink;
pub use network::{SetUpError, network};
pub use pipeline::{Answer, Arrived, Call, ChangeSet, LONGEST_CALL, Meta, Options, Pipeline, Planned, Undo, Verify};
pub use policy::{Decision, Layer, Policy, Rule, Said, Trace};
pub use principal::{Budget, Grant, Kind, Principal};
pub use rate::{Circuit, Patience, Rate};
pub use read_back::{Check, Verification};
pub use store::{MasterKey, Store, StoreError};
pub use token::{LONGEST_LIFE, Left, TOKEN_PREFIX, Token};
pub use upload_link::UploadLink;
pub use upstream::{Transport, TransportError, Upstream, UpstreamError};
