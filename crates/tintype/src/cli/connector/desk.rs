//! What every command of the agent side needs: the store of the data directory, who asks, the policy, a pipeline.

use std::path::PathBuf;
use std::sync::Arc;

use agent::{
    CallError, Connection, Connections, Credential, Limits, OWN, Pipeline, Policy, Principal, Store, Upstream,
};
use clap::ArgMatches;
use secrecy::SecretString;
use time::OffsetDateTime;

use super::Failure;
use crate::agents::setup;
pub use crate::agents::setup::secret_of;
use crate::cli::own_key::is_ours;
use crate::cli::read_config;
use crate::config::Config;
use crate::keys::{KEY_FILE, KeyPair};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The agent side of one data directory, for one command.
pub struct Desk {
    pub config: Config,
    pub store: Arc<Store>,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    pub fn open(matches: &ArgMatches) -> Fallible<Self> {
        let config = read_config(matches)?;
        std::fs::create_dir_all(&config.data_dir).map_err(|e| format!("{}: {e}", config.data_dir.display()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let store = Arc::new(runtime.block_on(setup::open_store(&config.data_dir)).map_err(plain)?);
        Ok(Self { config, store, runtime })
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    /// The agent whose token the environment holds, else the person at this machine.
    pub fn principal(&self) -> Result<Principal, CallError> {
        match secret_of("TINTYPE_TOKEN") {
            Some(token) => self.wait(self.store.authenticate(&token, self.now())),
            None => Ok(operator()),
        }
    }

    /// The person at this machine; an agent's token is refused.
    pub fn person(&self) -> Fallible<Principal> {
        match secret_of("TINTYPE_TOKEN") {
            Some(_) => Err("this is for people: TINTYPE_TOKEN makes you an agent".into()),
            None => Ok(operator()),
        }
    }

    /// The rules of the data directory, as one layer.
    pub fn policy(&self) -> Fallible<Policy> {
        setup::policy(&self.config.data_dir).map_err(plain)
    }

    pub fn policy_file(&self) -> PathBuf {
        setup::policy_file(&self.config.data_dir)
    }

    /// Calls go to this server, if its key is at hand, or to what is connected. `upstream` is another server for this
    /// call alone, whose key is that of the configuration.
    pub fn pipeline(&self, upstream: Option<&str>, limits: Limits) -> Fallible<Pipeline> {
        let transport = agent::network(&limits)?;
        let base = upstream.map_or_else(|| self.config.public_base(self.config.listen), str::to_owned);
        let own = match own_key(&self.config, &base, upstream.is_some())? {
            Some((key, public_key)) => {
                let is_ours = upstream.is_none();
                let upstream = Upstream::new(&base, transport.clone());
                let upstream = upstream.map_err(|e| Failure::usage(format!("--upstream: {e}")))?;
                let own = Connection::with_key(OWN, upstream, Credential::private_key(key), public_key);
                Some(own.with_endpoints(self.config.endpoints(&base, is_ours)))
            }
            None => None,
        };
        let connections = Connections::new(own, Arc::clone(&self.store), transport);
        let pipeline = Pipeline::new(connections, self.policy()?, Arc::clone(&self.store), limits);
        // Links for uploads lead to this server, wherever the upload goes then.
        Ok(pipeline.with_door(&self.config.public_base(self.config.listen)))
    }
}

/// The given key with its public one, else the pair that the server keeps, which goes to that server only.
pub fn own_key(config: &Config, base: &str, is_named: bool) -> Fallible<Option<(SecretString, Option<String>)>> {
    let keys = &config.keys;
    if let Some(key) = &keys.private_key {
        return Ok(Some((key.clone(), keys.public_key.clone())));
    }
    let kept = config.data_dir.join(KEY_FILE);
    if kept.exists() && is_ours(config, base) {
        let pair = KeyPair::resolve(keys.clone(), &config.data_dir)?;
        return Ok(Some((pair.private_key().clone(), Some(pair.public_key.clone()))));
    }
    if is_named {
        return Err(format!(
            "no key for {base}: set TINTYPE_PRIVATE_KEY to that server's, or connect it with `tintype connect` (the \
             key in the data directory is sent to this server only)"
        )
        .into());
    }
    Ok(None)
}

/// The person at this machine.
pub fn operator() -> Principal {
    Principal::operator(&std::env::var("USER").unwrap_or_else(|_| "unknown".into()))
}

fn plain(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error> {
    error
}
