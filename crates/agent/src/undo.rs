//! The way back of what was done: kept with each write, taken once.

use sqlx::Row;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::actions::InverseCall;
use crate::error::CallError;
use crate::principal::Principal;
use crate::store::{Store, StoreError, from_millis, millis};

/// The calls that take one call back.
#[derive(Debug, Clone)]
pub(crate) struct WayBack {
    pub connection: String,
    pub calls: Vec<InverseCall>,
    /// Until when it can be taken; `None` as long as it is kept.
    pub until: Option<OffsetDateTime>,
}

impl Store {
    pub(crate) async fn keep_way_back(
        &self,
        execution: &str,
        principal: &str,
        action: &str,
        back: &WayBack,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        // It comes after the call was made, which has waited for the disk once already.
        let mut tx = self.begin_quick().await?;
        sqlx::query(
            "INSERT INTO undo (execution, principal, connection, action, state, created_at, until)
             VALUES ($1, $2, $3, $4, 'ready', $5, $6)",
        )
        .bind(execution)
        .bind(principal)
        .bind(&back.connection)
        .bind(action)
        .bind(millis(now))
        .bind(back.until.map(millis))
        .execute(&mut *tx)
        .await?;
        self.seal(&mut tx, &format!("undo/{execution}"), &back.calls).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes the way back of a call, which nobody else can take then. An agent takes back what it did itself.
    pub(crate) async fn take_way_back(
        &self,
        execution: &str,
        who: &Principal,
        now: OffsetDateTime,
    ) -> Result<WayBack, CallError> {
        let named: String = execution.chars().take(50).collect();
        let mut tx = self.begin().await.map_err(StoreError::from)?;
        let row = sqlx::query("SELECT principal, connection, state, until FROM undo WHERE execution = $1")
            .bind(execution)
            .fetch_optional(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        let Some(row) = row else {
            return Err(CallError::NoWayBack(named));
        };
        let text = |name: &str| row.try_get::<String, _>(name).map_err(StoreError::from);
        if !who.may_decide() && text("principal")? != who.id {
            return Err(CallError::NoWayBack(named));
        }
        if text("state")? != "ready" {
            return Err(CallError::AlreadyUndone(named));
        }
        let until: Option<i64> = row.try_get("until").map_err(StoreError::from)?;
        let until = until.map(from_millis);
        if let Some(until) = until.filter(|until| *until <= now) {
            return Err(CallError::TooLate {
                execution: named,
                until: until.format(&Rfc3339).unwrap_or_default(),
            });
        }
        let connection = text("connection")?;
        set_state(&mut tx, execution, "running").await?;
        tx.commit().await.map_err(StoreError::from)?;
        let calls: Option<Vec<InverseCall>> = self.unseal(&format!("undo/{execution}")).await?;
        Ok(WayBack {
            connection,
            until,
            calls: calls.ok_or(CallError::NoWayBack(named))?,
        })
    }

    /// Notes whether the way back was gone: if nothing of it was, it can be taken again.
    pub(crate) async fn way_back_taken(&self, execution: &str, gone: bool) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        set_state(&mut tx, execution, if gone { "done" } else { "ready" }).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn set_state(tx: &mut crate::store::Transaction, execution: &str, state: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE undo SET state = $1 WHERE execution = $2")
        .bind(state)
        .bind(execution)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
