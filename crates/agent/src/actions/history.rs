//! What was done to a file through the agent side, from its records: by whom, why, and on whose word.

use std::collections::HashSet;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asset::Id;
use super::operation::{Desk, Step};
use super::page::{Cursor, page};
use super::{About, Operation};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};

/// Calls of a page, if a call does not say.
const USUAL: u32 = 20;

/// A write has two records, one of them before it is sent.
const RECORDS_OF_A_CALL: i64 = 2;

/// Records that are gone through: a file that was changed more often shows its newest calls.
const MOST_RECORDS: i64 = 20_000;

/// The records of one file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetFileHistory {
    /// The file, also one that is deleted by now.
    file_id: Id,
    /// Most calls to return; default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// nextCursor of the page before.
    cursor: Option<Cursor>,
}

/// One call that changed the file, or would have.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Done {
    /// Names the call; takes it back, if that can be.
    execution_id: String,
    time: String,
    /// Who made it: `agent:` with the id of a token, `person:`, `operator:`.
    principal: String,
    /// The program that spoke for them, as it calls itself.
    #[schemars(extend("x-untrusted" = true))]
    client: Option<String>,
    /// Why, in the caller's own words.
    #[schemars(extend("x-untrusted" = true))]
    intent: Option<String>,
    action: String,
    /// `begun` was sent and never ended: whether it was done is not known.
    #[schemars(extend("enum" = ["begun", "done", "waiting", "refused", "failed"]))]
    outcome: String,
    /// The error's code, if it did not end well.
    code: Option<String>,
    /// On whose word it was made, if somebody had to agree.
    approval: Option<Agreed>,
    /// The call that it takes back.
    undoes: Option<String>,
    /// Whether its effect was looked up: `verified`, `unverified`, or null.
    verification: Option<String>,
    /// The file's revision before it; null where it was not looked at.
    revision_before: Option<String>,
}

/// An approval, and who gave it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
struct Agreed {
    id: String,
    /// Null while nobody has decided.
    decided_by: Option<String>,
    /// In their words.
    #[schemars(extend("x-untrusted" = true))]
    reason: Option<String>,
}

/// A page, the newest call first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct History {
    calls: Vec<Done>,
    /// Pass it as cursor for the next page; null on the last one.
    next_cursor: Option<Cursor>,
}

impl Operation for GetFileHistory {
    const ABOUT: About = About::read(
        "get_file_history",
        "Get what was done to a file",
        "Every call through actions that changed a file, or waited or failed to: who made it, with which program, why, on \
         whose approval, how it ended, and the file's revision before. Use it to find out why a file is as it is, or which \
         call to take back. What was done in other ways (by people in the API itself) is not in it: list_file_versions \
         has all versions.",
    )
    .lists("calls")
    .examples(&[r#"{"fileId":"65f0c0ffee0123456789abcd"}"#]);
    type Output = History;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(vec![Target::File(self.file_id.clone())])
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("get_file_history asks nobody"))
    }

    fn steps(&self, _: &Survey) -> Result<Vec<Step>, CallError> {
        Ok(Vec::new())
    }

    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        Some(self.read(desk).boxed())
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        let kept = output["calls"].as_array()?.get(..rows)?;
        let next = self.cursor.clone().unwrap_or_default().further(rows);
        Some(page("calls", kept.to_vec(), Some(next)))
    }
}

impl GetFileHistory {
    async fn read(&self, desk: Desk<'_>) -> Result<Value, CallError> {
        let from = self.cursor.clone().unwrap_or_default();
        let skip = usize::try_from(from.skip()).unwrap_or(usize::MAX);
        let limit = usize::try_from(self.limit.unwrap_or(USUAL)).unwrap_or(usize::MAX);
        let file = self.file_id.as_str();
        let wanted = skip.saturating_add(limit).saturating_add(1);
        let most = i64::try_from(wanted)
            .unwrap_or(i64::MAX)
            .saturating_mul(RECORDS_OF_A_CALL);
        let most = most.min(MOST_RECORDS);
        let records = desk.store.history(desk.connection, file, most).await?;
        let mut known = HashSet::new();
        // The newest record of a call is the one that says how it ended.
        let ended = records.iter().filter(|record| known.insert(record["id"].as_str()));
        let calls: Vec<&Value> = ended.collect();
        let more = calls.len() > skip.saturating_add(limit);
        let mut rows = Vec::new();
        for record in calls.into_iter().skip(skip).take(limit) {
            rows.push(self.told(record, desk).await?);
        }
        let next = more.then(|| from.further(rows.len()));
        Ok(page("calls", rows, next))
    }

    async fn told(&self, record: &Value, desk: Desk<'_>) -> Result<Value, CallError> {
        let approval = match record["approval"].as_str() {
            Some(id) => Some(desk.store.decision(id).await?),
            None => None,
        };
        let agreed = approval.map(|decision| {
            let (by, reason) = decision.unwrap_or_default();
            json!({ "id": record["approval"], "decidedBy": by, "reason": reason })
        });
        let named = format!("file {}", self.file_id.as_str());
        let before = record["before"].as_array().into_iter().flatten();
        let before = before.filter(|seen| seen[0] == named.as_str()).map(|seen| &seen[1]);
        Ok(json!({
            "executionId": record["id"],
            "time": record["time"],
            "principal": record["principal"],
            "client": record["client"],
            "intent": record["intent"],
            "action": record["action"],
            "outcome": record["outcome"],
            "code": record["code"],
            "approval": agreed,
            "undoes": record["undoes"],
            "verification": match record["verification"]["status"].as_str() {
                Some(status) if status != "not_needed" => json!(status),
                _ => Value::Null,
            },
            "revisionBefore": before.into_iter().next(),
        }))
    }
}
