//! The agent side of a running process: one pipeline behind every door.
//!
//! Doors are `api/agents` (HTTP) and `mcp`; both make an [`agent::Call`] with the [`Principal`] that they let in.

pub mod approval_page;
pub mod eyes;
pub mod in_process;
pub mod own_key;
pub mod setup;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent::{
    Answer, Arrived, Call, CallError, ChangeSet, Connection, Connections, KeyKeeper, Limits, OWN, Pipeline, PresentKey,
    Principal, Store, StoreError, Transport, UploadLink, Upstream,
};
use secrecy::SecretString;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, RwLock, Semaphore};

/// Most calls that are made at once; more wait.
const MOST_CALLS: usize = 64;
/// How long a call waits for its turn.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The agent side. Cheap to clone; nothing is opened before the first caller comes.
#[derive(Clone)]
pub struct Agents(Arc<Parts>);

struct Parts {
    own: Own,
    opened: OnceCell<Opened>,
    places: Arc<Semaphore>,
}

/// This server, as calls reach it.
#[derive(Clone)]
pub struct Own {
    /// Where the store and the rules are.
    pub data_dir: PathBuf,
    /// Base URL of the API, without a trailing slash.
    pub base: String,
    /// `http://host:port/demo`, under which all files can be had, and the host that stands for it, if there is one.
    pub endpoints: Vec<String>,
    /// Knows its key; `None` if there is none at hand.
    pub keys: Option<Arc<dyn KeyKeeper>>,
    /// How it is reached.
    pub transport: Transport,
}

impl Own {
    /// `http://host:port/demo`: under this all files can be had.
    pub fn endpoint(&self) -> &str {
        self.endpoints.first().map_or("", String::as_str)
    }
}

struct Opened {
    store: Arc<Store>,
    network: Transport,
    pipeline: RwLock<Ruled>,
}

/// A pipeline, and the state of the rules that it was made with.
struct Ruled {
    rules: Option<(SystemTime, u64)>,
    pipeline: Arc<Pipeline>,
}

impl Agents {
    /// The agent side of one data directory.
    pub fn new(own: Own) -> Self {
        Self(Arc::new(Parts {
            own,
            opened: OnceCell::new(),
            places: Arc::new(Semaphore::new(MOST_CALLS)),
        }))
    }

    /// This server, as calls reach it.
    pub fn own(&self) -> &Own {
        &self.0.own
    }

    /// Where approvals, tokens and records are.
    pub async fn store(&self) -> Result<Arc<Store>, CallError> {
        Ok(Arc::clone(&self.opened().await?.store))
    }

    /// Whoever the token is for.
    pub async fn authenticate(&self, token: &SecretString) -> Result<Principal, CallError> {
        self.opened().await?.store.authenticate(token, now()).await
    }

    /// The pipeline, under the rules as they are written now.
    pub async fn pipeline(&self) -> Result<Arc<Pipeline>, CallError> {
        let opened = self.opened().await?;
        let rules = setup::policy_state(&self.0.own.data_dir);
        let known = opened.pipeline.read().await;
        if known.rules == rules {
            return Ok(Arc::clone(&known.pipeline));
        }
        drop(known);
        let mut known = opened.pipeline.write().await;
        if known.rules != rules {
            // Rules that can't be read allow nothing: the calls fail until they can. Rates and circuits begin anew.
            known.pipeline = Arc::new(self.make(&opened.store, &opened.network)?);
            known.rules = rules;
        }
        Ok(Arc::clone(&known.pipeline))
    }

    /// Makes one call.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        self.to_its_end(move |pipeline| async move { pipeline.call(call).await })
            .await
    }

    /// Makes several writes as one.
    pub async fn apply(&self, set: ChangeSet) -> Result<Value, CallError> {
        self.to_its_end(move |pipeline| async move { pipeline.apply(set).await })
            .await
    }

    /// Takes a call back.
    pub async fn undo(&self, execution: String, principal: Principal) -> Result<Vec<Answer>, CallError> {
        self.to_its_end(move |pipeline| async move { pipeline.undo(&execution, &principal, now()).await })
            .await
    }

    /// Stores a file that came by a link.
    pub async fn upload_by_link(&self, link: UploadLink, arrived: Arrived) -> Result<Answer, CallError> {
        self.to_its_end(move |pipeline| async move { pipeline.upload_by_link(&link, arrived, now()).await })
            .await
    }

    /// The key of this server, as it is now.
    pub async fn own_key(&self) -> Result<PresentKey, CallError> {
        let keeper = self.0.own.keys.as_ref().ok_or(CallError::NotConnected)?;
        keeper.key().await.ok_or(CallError::NotConnected)
    }

    /// Decides about a call that waits; the answer is that of the call, if it was approved.
    pub async fn decide(
        &self,
        approval: String,
        approve: bool,
        by: Principal,
        reason: Option<String>,
    ) -> Result<Option<Value>, CallError> {
        self.to_its_end(move |pipeline| async move {
            pipeline.decide(&approval, approve, &by, reason.as_deref(), now()).await
        })
        .await
    }

    /// Calls are followed to their end and recorded, whether or not somebody still waits for the answer: a client that
    /// goes away must not leave a write that nobody has looked at.
    async fn to_its_end<T, W>(&self, work: impl FnOnce(Arc<Pipeline>) -> W) -> Result<T, CallError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, CallError>> + Send + 'static,
    {
        let pipeline = self.pipeline().await?;
        let place = self.place().await?;
        let work = work(pipeline);
        let task = tokio::spawn(async move {
            let _place = place;
            work.await
        });
        match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                // As it would have here.
                Ok(panic) => std::panic::resume_unwind(panic),
                // Nobody aborts it but the end of the process.
                Err(error) => Err(unusable(error)),
            },
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, CallError> {
        let turn = tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.0.places).acquire_owned()).await;
        match turn {
            Ok(Ok(place)) => Ok(place),
            _ => Err(CallError::TooFast(Duration::from_secs(1))),
        }
    }

    async fn opened(&self) -> Result<&Opened, CallError> {
        self.0
            .opened
            .get_or_try_init(|| async {
                let store = setup::open_store(&self.0.own.data_dir).await.map_err(unusable)?;
                let store = Arc::new(store);
                let network = agent::network(&Limits::default()).map_err(unusable)?;
                let rules = setup::policy_state(&self.0.own.data_dir);
                let pipeline = Arc::new(self.make(&store, &network)?);
                Ok(Opened {
                    store,
                    network,
                    pipeline: RwLock::new(Ruled { rules, pipeline }),
                })
            })
            .await
    }

    fn make(&self, store: &Arc<Store>, network: &Transport) -> Result<Pipeline, CallError> {
        let own = &self.0.own;
        let policy = setup::policy(&own.data_dir).map_err(unusable)?;
        let connection = match &own.keys {
            Some(keeper) => {
                let upstream = Upstream::new(&own.base, own.transport.clone()).map_err(unusable)?;
                let own_connection = Connection::with_keeper(OWN, upstream, Arc::clone(keeper));
                Some(own_connection.with_endpoints(&own.endpoints))
            }
            None => None,
        };
        let connections = Connections::new(connection, Arc::clone(store), network.clone());
        let pipeline = Pipeline::new(connections, policy, Arc::clone(store), Limits::default());
        Ok(pipeline.with_door(&own.base))
    }
}

/// The time that calls are made at.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// The cause is for the log of whoever runs this; callers learn that something of ours is broken.
fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CallError {
    let error = error.into();
    tracing::error!(%error, "the agent side can't be used");
    CallError::Store(StoreError::Broken(serde::de::Error::custom(error)))
}
