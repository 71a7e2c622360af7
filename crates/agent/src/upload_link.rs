//! What is kept of links for uploads: a link is used once, by whoever has it, in the name of whoever made it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use time::{Duration, OffsetDateTime};

use crate::canonical;
use crate::error::CallError;
use crate::principal::{Grant, Kind, Principal};
use crate::store::{Store, StoreError, from_millis, millis};
use crate::vault::random;

/// Largest file that a link can be for, in bytes: an upload is held in memory.
pub(crate) const LARGEST: u64 = 256 << 20;
/// The same, if the call that makes it does not say.
pub(crate) const USUAL_SIZE: u64 = 25 << 20;
/// How long a link can be used, if the call does not say.
pub(crate) const USUAL_LIFE: Duration = Duration::minutes(15);
/// Most links of one principal that are open at once.
const MOST_OPEN: i64 = 100;
/// An upload that has not ended after this long ended with its process.
const LONGEST_UPLOAD: Duration = Duration::minutes(15);

/// A link that is to be made.
#[derive(Debug)]
pub(crate) struct NewLink {
    /// The input of `upload_file`, but for the bytes.
    pub upload: Value,
    pub max_bytes: u64,
    pub media_types: Option<Vec<String>>,
    pub connection: String,
    pub life: Duration,
}

/// A link without its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadLink {
    /// Names it: `upl_` and 16 hex digits.
    pub id: String,
    /// `open`, `uploading`, `used`, `failed`, `expired` or `revoked`.
    pub state: &'static str,
    /// Where the file goes and what is said about it: the input of `upload_file`.
    pub upload: Value,
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// What it may be, such as `image/*`; `None` for anything.
    pub media_types: Option<Vec<String>>,
    /// When it can no longer be used.
    pub expires_at: OffsetDateTime,
    /// The call that stored the file.
    pub execution: Option<String>,
    pub(crate) connection: String,
    principal: Principal,
}

/// What a link holds: lets whoever has it upload.
pub(crate) struct LinkSecret(SecretString);

impl LinkSecret {
    /// Where the link leads. The secret stands in the query, which no log keeps.
    pub fn address(&self, door: &str) -> String {
        format!("{door}/access/uploads?link={}", self.0.expose_secret())
    }
}

impl UploadLink {
    /// The name that the file gets, if the link says so.
    pub fn file_name(&self) -> Option<&str> {
        self.upload["fileName"].as_str()
    }

    /// The folder that it goes into.
    pub fn folder(&self) -> &str {
        self.upload["folder"].as_str().unwrap_or("/")
    }

    /// Who made it.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// True if a file of that media type may come.
    pub fn takes(&self, media_type: &str) -> bool {
        let Some(ranges) = &self.media_types else {
            return true;
        };
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        ranges.iter().any(|range| match range.strip_suffix("/*") {
            Some(kind) => media_type
                .split('/')
                .next()
                .is_some_and(|k| k.eq_ignore_ascii_case(kind)),
            None => range.eq_ignore_ascii_case(media_type),
        })
    }
}

/// `image/png` or `image/*`.
pub(crate) fn is_media_range(text: &str) -> bool {
    let token = |text: &str| {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'_');
        !text.is_empty() && text.bytes().all(fine)
    };
    match text.split_once('/') {
        Some((kind, "*")) => token(kind),
        Some((kind, rest)) => token(kind) && token(rest),
        None => false,
    }
}

/// Who made a link, kept with it: what it allows is theirs.
#[derive(Serialize, Deserialize)]
struct Maker {
    id: String,
    kind: Kind,
    grant: Option<Grant>,
}

impl Store {
    /// Makes a link. Its secret is in the answer and nowhere else.
    pub(crate) async fn make_upload_link(
        &self,
        new: &NewLink,
        who: &Principal,
        now: OffsetDateTime,
    ) -> Result<(UploadLink, LinkSecret), CallError> {
        let secret = URL_SAFE_NO_PAD.encode(random::<32>().map_err(StoreError::from)?);
        let link = UploadLink {
            id: format!("upl_{}", hex::encode(random::<8>().map_err(StoreError::from)?)),
            state: "open",
            upload: new.upload.clone(),
            max_bytes: new.max_bytes,
            media_types: new.media_types.clone(),
            expires_at: now + new.life,
            execution: None,
            connection: new.connection.clone(),
            principal: who.clone(),
        };
        let maker = Maker {
            id: who.id.clone(),
            kind: who.kind,
            grant: who.grant.clone(),
        };
        let about = json!({ "maker": maker, "upload": link.upload, "mediaTypes": link.media_types });
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let open: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM upload_links WHERE principal = $1 AND state = 'open' AND expires_at > $2",
        )
        .bind(&who.id)
        .bind(millis(now))
        .fetch_one(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        if open >= MOST_OPEN {
            return Err(CallError::TooManyLinks(MOST_OPEN));
        }
        sqlx::query(
            "INSERT INTO upload_links (id, hash, state, principal, connection, about, max_bytes, created_at, expires_at)
             VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8)",
        )
        .bind(&link.id)
        .bind(hash(&secret))
        .bind(&who.id)
        .bind(&link.connection)
        .bind(about.to_string())
        .bind(i64::try_from(link.max_bytes).unwrap_or(i64::MAX))
        .bind(millis(now))
        .bind(millis(link.expires_at))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok((link, LinkSecret(secret.into())))
    }

    /// The link of that id. An agent sees its own only.
    pub(crate) async fn upload_link(
        &self,
        id: &str,
        who: &Principal,
        now: OffsetDateTime,
    ) -> Result<UploadLink, CallError> {
        let row = sqlx::query("SELECT * FROM upload_links WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(StoreError::from)?;
        let found = row.map(|row| link(&row, now)).transpose()?;
        found
            .filter(|link| who.may_decide() || link.principal.id == who.id)
            .ok_or_else(|| CallError::missing(&format!("upload link {id}")))
    }

    /// How the upload by a link ended: `{data, meta}`, or the report of an error.
    pub(crate) async fn upload_link_ended(&self, id: &str) -> Result<Option<Value>, StoreError> {
        self.unseal(&place(id)).await
    }

    /// Ends a link that is open. One that is ended already is left as it is; one that was used is not ended any more.
    pub(crate) async fn revoke_upload_link(
        &self,
        id: &str,
        who: &Principal,
        now: OffsetDateTime,
    ) -> Result<(), CallError> {
        self.upload_link(id, who, now).await?;
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        sqlx::query("UPDATE upload_links SET state = 'revoked' WHERE id = $1 AND state = 'open'")
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        match self.upload_link(id, who, now).await?.state {
            "uploading" | "used" => Err(CallError::LinkUsed),
            _ => Ok(()),
        }
    }

    /// The open link that a secret is for.
    pub async fn open_upload_link(&self, secret: &str, now: OffsetDateTime) -> Result<UploadLink, CallError> {
        let row = sqlx::query("SELECT * FROM upload_links WHERE hash = $1")
            .bind(hash(secret))
            .fetch_optional(self.reader())
            .await
            .map_err(StoreError::from)?;
        let Some(row) = row else {
            return Err(CallError::Missing("upload link of that address".to_owned()));
        };
        let link = link(&row, now)?;
        match link.state {
            "open" => Ok(link),
            "expired" | "revoked" => Err(CallError::Missing("upload link of that address any more".to_owned())),
            _ => Err(CallError::LinkUsed),
        }
    }

    /// Takes a link for an upload: nobody else can until it is given back.
    pub(crate) async fn take_upload_link(&self, id: &str, now: OffsetDateTime) -> Result<(), CallError> {
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let done = sqlx::query(
            "UPDATE upload_links SET state = 'uploading', taken_at = $1
             WHERE id = $2 AND state = 'open' AND expires_at > $1",
        )
        .bind(millis(now))
        .bind(id)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        if done.rows_affected() == 0 {
            return Err(CallError::LinkUsed);
        }
        Ok(())
    }

    /// Notes how the upload ended. Where nothing was stored the link can be used again.
    pub(crate) async fn upload_link_is(
        &self,
        id: &str,
        state: &str,
        execution: Option<&str>,
        ended: &Value,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE upload_links SET state = $1, execution = $2 WHERE id = $3 AND state = 'uploading'")
            .bind(state)
            .bind(execution)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        self.seal(&mut tx, &place(id), ended).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn place(id: &str) -> String {
    format!("upload/{id}")
}

/// 256 random bits need no salt and no slow hash.
fn hash(secret: &str) -> String {
    canonical::digest_of(secret.as_bytes())
}

fn link(row: &sqlx::sqlite::SqliteRow, now: OffsetDateTime) -> Result<UploadLink, StoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct About {
        maker: Maker,
        upload: Value,
        media_types: Option<Vec<String>>,
    }
    let about: About = serde_json::from_str(row.try_get("about")?)?;
    let expires_at = from_millis(row.try_get("expires_at")?);
    let taken_at: Option<i64> = row.try_get("taken_at")?;
    let broken_off = taken_at.is_some_and(|at| from_millis(at) + LONGEST_UPLOAD <= now);
    let state = match row.try_get::<&str, _>("state")? {
        "open" if expires_at <= now => "expired",
        "open" => "open",
        "uploading" if broken_off => "failed",
        "uploading" => "uploading",
        "used" => "used",
        "failed" => "failed",
        _ => "revoked",
    };
    Ok(UploadLink {
        id: row.try_get("id")?,
        state,
        upload: about.upload,
        max_bytes: u64::try_from(row.try_get::<i64, _>("max_bytes")?).unwrap_or(0),
        media_types: about.media_types,
        expires_at,
        execution: row.try_get("execution")?,
        connection: row.try_get("connection")?,
        principal: Principal {
            id: about.maker.id,
            kind: about.maker.kind,
            grant: about.maker.grant,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_ranges() {
        for (text, fits) in [
            ("image/*", true),
            ("application/pdf", true),
            ("image/svg+xml", true),
            ("*/*", false),
            ("image", false),
            ("image/", false),
            ("image/p ng", false),
        ] {
            assert_eq!(is_media_range(text), fits, "{text}");
        }
    }

    #[tokio::test]
    async fn a_link_is_taken_once_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let key = crate::store::MasterKey::Given("ab".repeat(32).into());
        let store = Store::open(&directory.path().join("agent.db"), key).await.unwrap();
        let (ann, bot) = (
            Principal::operator("ann"),
            Principal {
                id: "agent:tok_1".into(),
                kind: Kind::Agent,
                grant: Some(Grant::default()),
            },
        );
        let now = time::macros::datetime!(2026-11-21 08:00 UTC);
        let new = NewLink {
            upload: json!({ "folder": "/in" }),
            max_bytes: 10,
            media_types: Some(vec!["image/*".into(), "text/plain".into()]),
            connection: "own".into(),
            life: Duration::seconds(60),
        };
        let (link, secret) = store.make_upload_link(&new, &bot, now).await.unwrap();
        let secret = secret.0.expose_secret().to_owned();
        let opened = store.open_upload_link(&secret, now).await.unwrap();
        assert_eq!(opened, link);
        assert_eq!((opened.folder(), opened.file_name()), ("/in", None));
        for (media_type, takes) in [
            ("image/PNG", true),
            ("text/plain; charset=utf-8", true),
            ("text/html", false),
        ] {
            assert_eq!(opened.takes(media_type), takes, "{media_type}");
        }
        assert!(store.open_upload_link("other", now).await.is_err());
        let late = now + Duration::seconds(60);
        assert!(store.open_upload_link(&secret, late).await.is_err());
        assert_eq!(store.upload_link(&link.id, &bot, late).await.unwrap().state, "expired");
        assert!(store.upload_link(&link.id, &ann, now).await.is_ok());
        store.take_upload_link(&link.id, now).await.unwrap();
        assert!(matches!(
            store.take_upload_link(&link.id, now).await,
            Err(CallError::LinkUsed)
        ));
        assert!(store.open_upload_link(&secret, now).await.is_err());
        store
            .upload_link_is(&link.id, "open", None, &json!({ "message": "too large" }))
            .await
            .unwrap();
        store.take_upload_link(&link.id, now).await.unwrap();
        let answer = json!({ "data": { "fileId": "a" } });
        store
            .upload_link_is(&link.id, "used", Some("x"), &answer)
            .await
            .unwrap();
        assert!(matches!(
            store.revoke_upload_link(&link.id, &bot, now).await,
            Err(CallError::LinkUsed)
        ));
        assert_eq!(store.upload_link_ended(&link.id).await.unwrap(), Some(answer));
        let (other, secret) = store.make_upload_link(&new, &bot, now).await.unwrap();
        store.revoke_upload_link(&other.id, &bot, now).await.unwrap();
        store.revoke_upload_link(&other.id, &bot, now).await.unwrap();
        assert!(store.open_upload_link(secret.0.expose_secret(), now).await.is_err());
    }
}
