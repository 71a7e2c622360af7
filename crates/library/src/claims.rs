//! Who does what, among all nodes of a library: claims that end with whoever holds them.
//!
//! A claim is an advisory lock of PostgreSQL, held by one connection that each node keeps for nothing else. When a node dies its connection ends, and
//! with it all its claims: there is no lease to wait for, no clock to compare and nothing to clean up. Work that two do after all is work done twice and no
//! more, so whoever cannot ask goes on without.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::database::{On, query};
use crate::library::Library;

/// The class of these locks; those of transactions have others.
const CLASS: i32 = 0x7469_6e04;
/// Longer than that nobody waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// After a failure the database is left alone for that long.
const PAUSE: Duration = Duration::from_secs(5);
/// Questions under way; further ones are not asked.
const QUESTIONS: usize = 1000;

/// What became of a wish to do something alone.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody else does it.
    Ours(Claim),
    /// Another node does it.
    Others,
    /// There are no other nodes, or the database does not say.
    Unknown,
}

/// The right to do something alone. Dropping it gives it back.
#[derive(Debug)]
pub struct Claim {
    key: i32,
    orders: mpsc::UnboundedSender<Order>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Nobody listens when the process ends, and then the connection ends, too.
        let _ = self.orders.send(Order::Give(self.key));
    }
}

/// The way to the connection that holds this node's claims.
#[derive(Debug)]
pub(crate) struct Claims {
    orders: OnceLock<mpsc::UnboundedSender<Order>>,
    questions: Arc<Semaphore>,
}

#[derive(Debug)]
enum Order {
    Take {
        key: i32,
        /// Takes the claim itself, which is given back if nobody is there any more to take it.
        answer: oneshot::Sender<Claimed>,
        _question: OwnedSemaphorePermit,
    },
    Give(i32),
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            orders: OnceLock::default(),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }
}

impl Library {
    /// Claims the thing of this name unless another node has it. Waits for the database, briefly, and never for the other node. Names are compared by a hash of
    /// 32 bits: two of one hash wait for each other without need.
    pub async fn claim(&self, name: &str) -> Claimed {
        let Some(options) = self.database().postgres_options() else {
            return Claimed::Unknown;
        };
        let claims = self.claims();
        let Ok(question) = Arc::clone(&claims.questions).try_acquire_owned() else {
            return Claimed::Unknown;
        };
        let orders = claims.orders.get_or_init(|| {
            let (orders, received) = mpsc::unbounded_channel();
            tokio::spawn(hold(options, orders.downgrade(), received));
            orders
        });
        let digest: [u8; 32] = Sha256::digest(name).into();
        let [a, b, c, d, ..] = digest;
        let key = i32::from_be_bytes([a, b, c, d]);
        let (answer, answered) = oneshot::channel();
        let order = Order::Take {
            key,
            answer,
            _question: question,
        };
        if orders.send(order).is_err() {
            return Claimed::Unknown;
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(claimed)) => claimed,
            Ok(Err(_)) | Err(_) => Claimed::Unknown,
        }
    }
}

/// Keeps the connection, one order after the other, until there is no library any more and no claim. An order takes a fraction of a millisecond.
async fn hold(
    options: Arc<PgConnectOptions>,
    back: mpsc::WeakUnboundedSender<Order>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut connection: Option<PgConnection> = None;
    let mut paused_until: Option<Instant> = None;
    while let Some(order) = orders.recv().await {
        let (key, answer) = match order {
            Order::Give(key) => {
                give(&mut connection, key).await;
                continue;
            }
            Order::Take { answer, .. } if answer.is_closed() => continue,
            Order::Take { answer, .. } if paused_until.is_some_and(|until| Instant::now() < until) => {
                let _ = answer.send(Claimed::Unknown);
                continue;
            }
            Order::Take { key, answer, .. } => (key, answer),
        };
        let problem = match timeout(PATIENCE, take(&mut connection, &options, key)).await {
            Ok(Ok(false)) => {
                let _ = answer.send(Claimed::Others);
                continue;
            }
            Ok(Ok(true)) => {
                match back.upgrade() {
                    Some(orders) => drop(answer.send(Claimed::Ours(Claim { key, orders }))),
                    None => give(&mut connection, key).await,
                }
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(problem, "other nodes can't be asked what they are making");
        // What it may have taken goes with the connection.
        connection = None;
        paused_until = Some(Instant::now() + PAUSE);
        let _ = answer.send(Claimed::Unknown);
    }
}

async fn take(
    connection: &mut Option<PgConnection>,
    options: &PgConnectOptions,
    key: i32,
) -> Result<bool, sqlx::Error> {
    let statement = || query(format!("SELECT pg_try_advisory_lock({CLASS}, {key})"));
    // One that was idle for long may have been cut off.
    if let Some(open) = connection {
        match statement().scalar(On::Postgres(open)).await {
            Ok(taken) => return Ok(taken),
            Err(error) => tracing::debug!(%error, "the connection of claims is opened anew"),
        }
    }
    let open = connection.insert(options.connect().await?);
    statement().scalar(On::Postgres(open)).await
}

async fn give(connection: &mut Option<PgConnection>, key: i32) {
    let Some(open) = connection else { return };
    let given = query(format!("SELECT pg_advisory_unlock({CLASS}, {key})")).execute(On::Postgres(open));
    if !matches!(timeout(PATIENCE, given).await, Ok(Ok(_))) {
        // All of them are given back so.
        *connection = None;
    }
}
