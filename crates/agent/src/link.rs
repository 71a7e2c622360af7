//! Links by which a person without an account here decides about one approval. Whoever has the link decides, so it is
//! given out by a person, for a named person, and never put into an answer to whoever asked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use time::{Duration, OffsetDateTime};

use crate::approval::{Approval, State};
use crate::error::CallError;
use crate::principal::{Kind, Principal};
use crate::store::{Store, StoreError};
use crate::vault::random;

/// Where the key that signs links is sealed.
const KEY_PLACE: &str = "approval-links";
/// Shortest and longest life of a link; it never outlives its approval.
const LIFE: std::ops::RangeInclusive<Duration> = Duration::seconds(1)..=Duration::hours(24);

/// A link that was given out.
#[derive(Debug, Clone)]
pub struct ApprovalLink {
    /// What the link holds: opens the approval for whoever has it.
    pub token: String,
    /// When it stops working, decided or not.
    pub expires_at: OffsetDateTime,
}

/// What a token says, signed.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    approval: String,
    /// Whom it is for.
    name: String,
    /// Who gave it out.
    by: String,
    /// Unix seconds.
    expires: i64,
}

impl Store {
    /// A link for somebody else. Who asked for the approval can't make one, and an agent never can.
    pub async fn approval_link(
        &self,
        approval: &str,
        by: &Principal,
        name: &str,
        life: Duration,
        now: OffsetDateTime,
    ) -> Result<ApprovalLink, CallError> {
        let found = self.approval(approval, by, now).await?;
        if !by.may_decide() || found.request.principal == by.id {
            return Err(CallError::MayNotDecide(format!(
                "{} can't give out links to {approval}",
                by.id
            )));
        }
        if found.state != State::Pending {
            return Err(CallError::Decided(found.state));
        }
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(CallError::invalid(
                "for: the name of whoever will decide, 1 to 100 characters",
            ));
        }
        if !LIFE.contains(&life) {
            return Err(CallError::invalid("seconds: a link lives from 1 second to 24 hours"));
        }
        let expires_at = found.expires_at.min(now + life);
        let said = Said {
            approval: found.id,
            name: name.trim().to_owned(),
            by: by.id.clone(),
            expires: expires_at.unix_timestamp(),
        };
        let text = serde_json::to_vec(&said).map_err(StoreError::from)?;
        let mac = mac(&self.link_key().await?, &text).finalize().into_bytes();
        self.record_event(
            "approval_link",
            &by.id,
            now,
            json!({ "approval": approval, "for": said.name }),
        )
        .await?;
        Ok(ApprovalLink {
            token: format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(mac)),
            expires_at,
        })
    }

    /// The approval that a link is for, and the person who has it. Used once: an approval is decided once.
    pub async fn open_link(&self, token: &str, now: OffsetDateTime) -> Result<(Approval, Principal), CallError> {
        let unknown = || CallError::NoSuchApproval("a link that is not valid".to_owned());
        let (text, signature) = token.split_once('.').ok_or_else(unknown)?;
        let text = URL_SAFE_NO_PAD.decode(text).map_err(|_| unknown())?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| unknown())?;
        let mac = mac(&self.link_key().await?, &text);
        mac.verify_slice(&signature).map_err(|_| unknown())?;
        let said: Said = serde_json::from_slice(&text).map_err(|_| unknown())?;
        if said.expires <= now.unix_timestamp() {
            return Err(CallError::NoSuchApproval("a link that has expired".to_owned()));
        }
        let person = Principal {
            id: format!("person:{} (by link of {})", said.name, said.by),
            kind: Kind::Person,
            grant: None,
        };
        let approval = self.approval(&said.approval, &person, now).await?;
        Ok((approval, person))
    }

    /// Made at the first use, the same for every process.
    async fn link_key(&self) -> Result<[u8; 32], StoreError> {
        if let Some(key) = self.unseal(KEY_PLACE).await? {
            return Ok(key);
        }
        let mut tx = self.begin().await?;
        // With the write lock held, nobody else makes one.
        if let Some(key) = self.unseal(KEY_PLACE).await? {
            return Ok(key);
        }
        let key = random::<32>()?;
        self.seal(&mut tx, KEY_PLACE, &key).await?;
        tx.commit().await?;
        Ok(key)
    }
}

fn mac(key: &[u8; 32], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"tintype approval link\0");
    mac.update(text);
    mac
}
