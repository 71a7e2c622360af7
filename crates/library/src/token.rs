//! Tokens that may be used once.

use sha2::{Digest as _, Sha256};

use crate::database::query;
use crate::error::StoreError;
use crate::library::Library;
use crate::timestamp::Timestamp;

impl Library {
    /// Spends a token: true the first time, false ever after. It is remembered until it expires; one that has expired
    /// already cannot be spent, because it may have been spent and forgotten.
    pub async fn spend_token(&self, token: &str, expires: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        if expires <= now {
            return Ok(false);
        }
        let mut tx = self.database().begin().await?;
        query("DELETE FROM spent_tokens WHERE expires_at <= $1")
            .bind(now.as_millis())
            .execute(&mut tx)
            .await?;
        // The digest has one size whatever was sent, and does not show the token to those who read the database.
        let spent = query("INSERT INTO spent_tokens (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(hex::encode(Sha256::digest(token.as_bytes())))
            .bind(expires.as_millis())
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        Ok(spent == 1)
    }
}
