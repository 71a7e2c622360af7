//! Approvals: a call that waits for somebody else. What is approved is exactly what was asked for: its arguments, its
//! contract, its connection, its principal, and the state of everything that it touches. Used once, carried out by us
//! from what was kept, never by an argument of the caller.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;
use time::{Duration, OffsetDateTime};

use crate::canonical;
use crate::error::CallError;
use crate::principal::{Grant, Kind, Principal};
use crate::store::{Store, StoreError, from_millis, millis};
use crate::vault::random;

/// How long an approval waits.
pub(crate) const LIFE: Duration = Duration::hours(24);

/// Most that wait at once for one principal: an agent can't bury a person in questions.
const MOST_PENDING: i64 = 100;

/// What is asked for, as the person who decides sees it. No secrets: those are sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Who asks.
    pub principal: String,
    /// The action, or `change_set`.
    pub action: String,
    /// The input, shortened.
    pub input: Value,
    /// SHA-256 of the canonical input.
    pub input_digest: String,
    /// Fingerprint of the action's contract.
    pub contract: String,
    /// The connection that it goes to.
    pub connection: String,
    /// Everything that it touches, with its revision.
    pub revisions: Vec<(String, String)>,
    /// How much that is.
    pub blast: Value,
    /// Why, in the caller's own words.
    pub intent: Option<String>,
}

impl Request {
    /// What an approval is bound to.
    pub(crate) fn binding(&self) -> String {
        canonical::digest(&json!({
            "principal": self.principal,
            "action": self.action,
            "input": self.input_digest,
            "contract": self.contract,
            "connection": self.connection,
            "revisions": self.revisions,
        }))
    }
}

/// What is kept beside it, sealed: enough to make the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub input: Value,
    pub kind: Kind,
    pub grant: Option<Grant>,
    /// The caller's key: the same call under it has the answer afterwards.
    pub idempotency_key: Option<String>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Names it: `apr_` and 16 hex digits.
    pub id: String,
    /// How it stands.
    pub state: State,
    /// What is asked for.
    pub request: Request,
    /// When it was asked.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it is too late to decide.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When they did.
    #[serde(with = "time::serde::rfc3339::option")]
    pub decided_at: Option<OffsetDateTime>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// The call that carried it out.
    pub execution: Option<String>,
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has decided yet.
    Pending,
    /// Nobody decided in time.
    Expired,
    /// Refused.
    Denied,
    /// Approved, and being carried out; after a crash it stays so, and the audit records tell.
    Running,
    /// Approved and carried out.
    Done,
    /// Approved; the call failed.
    Failed,
}

impl Store {
    /// Keeps a request until somebody decides. The same request again is the same approval.
    pub(crate) async fn ask(&self, request: &Request, kept: &Kept, now: OffsetDateTime) -> Result<Approval, CallError> {
        let binding = request.binding();
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        // What nobody decided in time no longer stands in the way of the same question.
        sqlx::query(
            "UPDATE approvals SET state = 'denied', reason = 'nobody decided in time'
             WHERE state = 'pending' AND expires_at <= $1",
        )
        .bind(millis(now))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        let waiting = sqlx::query("SELECT * FROM approvals WHERE binding = $1 AND state = 'pending'")
            .bind(&binding)
            .fetch_optional(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        if let Some(row) = waiting {
            return Ok(approval(&row, now)?);
        }
        let pending: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM approvals WHERE principal = $1 AND state = 'pending'")
                .bind(&request.principal)
                .fetch_one(&mut *tx)
                .await
                .map_err(StoreError::from)?;
        if pending >= MOST_PENDING {
            return Err(CallError::TooManyWaiting(MOST_PENDING));
        }
        let id = format!("apr_{}", hex::encode(random::<8>().map_err(StoreError::from)?));
        sqlx::query(
            "INSERT INTO approvals (id, state, binding, principal, request, created_at, expires_at)
             VALUES ($1, 'pending', $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(&binding)
        .bind(&request.principal)
        .bind(serde_json::to_string(request).map_err(StoreError::from)?)
        .bind(millis(now))
        .bind(millis(now + LIFE))
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        self.seal(&mut tx, &format!("approval/{id}"), kept).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(Approval {
            id,
            state: State::Pending,
            request: request.clone(),
            created_at: now,
            expires_at: now + LIFE,
            decided_by: None,
            decided_at: None,
            reason: None,
            execution: None,
        })
    }

    /// All approvals, those that wait first, then the newest.
    pub async fn approvals(&self, now: OffsetDateTime) -> Result<Vec<Approval>, StoreError> {
        let rows = sqlx::query("SELECT * FROM approvals ORDER BY state <> 'pending', created_at DESC, id LIMIT 1000")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(|row| approval(row, now)).collect()
    }

    /// The approval of that id. An agent sees its own only.
    pub async fn approval(&self, id: &str, who: &Principal, now: OffsetDateTime) -> Result<Approval, CallError> {
        let row = sqlx::query("SELECT * FROM approvals WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(StoreError::from)?;
        let found = row.map(|row| approval(&row, now)).transpose()?;
        found
            .filter(|approval| who.may_decide() || approval.request.principal == who.id)
            .ok_or_else(|| CallError::NoSuchApproval(id.chars().take(50).collect()))
    }

    /// Who decided about an approval, and why: for those who may see what it was about. `None` if there is no such one.
    pub(crate) async fn decision(&self, id: &str) -> Result<Option<(Option<String>, Option<String>)>, StoreError> {
        let row = sqlx::query("SELECT decided_by, reason FROM approvals WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?;
        let decided = row.map(|row| Ok::<_, sqlx::Error>((row.try_get("decided_by")?, row.try_get("reason")?)));
        Ok(decided.transpose()?)
    }

    /// What came of an approved call, for who asked and for who decided.
    pub async fn approved_answer(
        &self,
        id: &str,
        who: &Principal,
        now: OffsetDateTime,
    ) -> Result<Option<Value>, CallError> {
        self.approval(id, who, now).await?;
        Ok(self.unseal(&format!("approval/{id}/answer")).await?)
    }

    /// Decides, once. Approved, it is `running` from here on, and nobody else can decide; the kept call is in the answer.
    pub(crate) async fn decide(
        &self,
        id: &str,
        approve: bool,
        by: &Principal,
        reason: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(Approval, Option<Kept>), CallError> {
        let waiting = self.approval(id, by, now).await?;
        if !by.may_decide() {
            return Err(CallError::MayNotDecide("an agent decides about nothing".to_owned()));
        }
        if waiting.request.principal == by.id && approve {
            return Err(CallError::MayNotDecide(format!(
                "{} asked for it: somebody else decides",
                by.id
            )));
        }
        let kept = if approve {
            let kept: Option<Kept> = self.unseal(&format!("approval/{id}")).await?;
            Some(kept.ok_or_else(|| CallError::NoSuchApproval(id.to_owned()))?)
        } else {
            None
        };
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let done = sqlx::query(
            "UPDATE approvals SET state = $1, decided_by = $2, decided_at = $3, reason = $4
             WHERE id = $5 AND state = 'pending' AND expires_at > $3",
        )
        .bind(if approve { "running" } else { "denied" })
        .bind(&by.id)
        .bind(millis(now))
        .bind(reason.map(|r| r.chars().take(500).collect::<String>()))
        .bind(id)
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        let decided = self.approval(id, by, now).await?;
        if done.rows_affected() == 0 {
            return Err(CallError::Decided(decided.state));
        }
        let what = if approve { "approved" } else { "denied" };
        let about = json!({ "approval": id, "reason": reason, "binding": decided.request.binding() });
        self.record_event(what, &by.id, now, about).await?;
        Ok((decided, kept))
    }

    /// Notes how an approved call ended, and keeps its answer.
    pub(crate) async fn finish_approval(
        &self,
        id: &str,
        execution: Option<&str>,
        answer: &Value,
        succeeded: bool,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE approvals SET state = $1, execution = $2 WHERE id = $3 AND state = 'running'")
            .bind(if succeeded { "done" } else { "failed" })
            .bind(execution)
            .bind(id)
            .execute(&mut *tx)
            .await?;
        self.seal(&mut tx, &format!("approval/{id}/answer"), answer).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn approval(row: &sqlx::sqlite::SqliteRow, now: OffsetDateTime) -> Result<Approval, StoreError> {
    let expires_at = from_millis(row.try_get("expires_at")?);
    let state = match row.try_get::<&str, _>("state")? {
        "pending" if expires_at <= now => State::Expired,
        "pending" => State::Pending,
        "running" => State::Running,
        "done" => State::Done,
        "failed" => State::Failed,
        _ => State::Denied,
    };
    Ok(Approval {
        id: row.try_get("id")?,
        state,
        request: serde_json::from_str(row.try_get("request")?)?,
        created_at: from_millis(row.try_get("created_at")?),
        expires_at,
        decided_by: row.try_get("decided_by")?,
        decided_at: row.try_get::<Option<i64>, _>("decided_at")?.map(from_millis),
        reason: row.try_get("reason")?,
        execution: row.try_get("execution")?,
    })
}
