//! The key by which the server calls its own API: one that may do everything, followed when keys are rolled.

use agent::{KeyKeeper, PresentKey};
use futures::FutureExt;
use futures::future::BoxFuture;
use library::Timestamp;
use secrecy::SecretString;

use crate::app::App;

/// Asks the account, whose keys may have been changed since, on any node.
pub struct OfAccount(pub App);

impl std::fmt::Debug for OfAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OfAccount")
    }
}

impl KeyKeeper for OfAccount {
    fn key(&self) -> BoxFuture<'_, Option<PresentKey>> {
        async {
            let account = self.0.library.account().await;
            let account = account
                .inspect_err(|error| tracing::error!(%error, "the keys of the account can't be read"))
                .ok()?;
            let key = self.0.keyring.lasting(&account, Timestamp::now())?;
            Some(PresentKey {
                private: key.private_key,
                public: Some(key.public_key),
            })
        }
        .boxed()
    }
}

/// One that stays what it is: that of a configuration.
#[derive(Debug)]
pub struct Fixed {
    /// The private half.
    pub private: SecretString,
    /// The public half, if it is known.
    pub public: Option<String>,
}

impl KeyKeeper for Fixed {
    fn key(&self) -> BoxFuture<'_, Option<PresentKey>> {
        let key = PresentKey {
            private: self.private.clone(),
            public: self.public.clone(),
        };
        std::future::ready(Some(key)).boxed()
    }
}
