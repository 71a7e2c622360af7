//! Calls that are about calls: deciding on one that waits, taking one back, and several as one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Answer, Authority, Call, Options, Pipeline};
use crate::actions::{self, Effect};
use crate::approval::{Approval, Kept, Request};
use crate::audit;
use crate::canonical;
use crate::error::CallError;
use crate::idempotency::{Ended, Standing};
use crate::policy::Decision;
use crate::principal::Principal;

/// The name under which a change set waits for approval.
pub(crate) const CHANGE_SET: &str = "change_set";

/// Most calls of a change set.
const MOST_CALLS: usize = 50;

/// A call by name and input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Name of the action.
    pub action: String,
    /// Its input.
    pub input: Value,
}

/// Several writes that are looked at together, agreed to once, made in order, and put back if one of them fails.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// In this order.
    pub calls: Vec<Planned>,
    /// Who asks.
    pub principal: Principal,
    /// The time now.
    pub at: OffsetDateTime,
    /// How each is made. The idempotency key counts for the whole.
    pub options: Options,
}

impl Pipeline {
    /// Approves or denies a call that waits. Approved, it is made at once, with what was kept of it: the answer is its
    /// answer. Denied, there is none.
    pub async fn decide(
        &self,
        approval: &str,
        approve: bool,
        by: &Principal,
        reason: Option<&str>,
        at: OffsetDateTime,
    ) -> Result<Option<Value>, CallError> {
        let (decided, kept) = self.store.decide(approval, approve, by, reason, at).await?;
        let Some(kept) = kept else {
            return Ok(None);
        };
        let result = self.replay(&decided, kept, at).await;
        let (execution, answer) = match &result {
            Ok(answer) => (answer["meta"]["executionId"].as_str(), answer.clone()),
            Err(error) => (None, json!({ "error": error.report() })),
        };
        self.store
            .finish_approval(&decided.id, execution, &answer, result.is_ok())
            .await?;
        result.map(Some)
    }

    async fn replay(&self, approval: &Approval, kept: Kept, at: OffsetDateTime) -> Result<Value, CallError> {
        let request = &approval.request;
        let principal = Principal {
            id: request.principal.clone(),
            kind: kept.kind,
            grant: kept.grant,
        };
        self.store.still_valid(&principal, at).await?;
        let options = Options {
            connection: Some(request.connection.clone()),
            intent: request.intent.clone(),
            idempotency_key: kept.idempotency_key,
            ..Options::default()
        };
        if request.action == CHANGE_SET {
            let calls: Vec<Planned> = serde_json::from_value(kept.input).map_err(|e| CallError::Store(e.into()))?;
            let set = ChangeSet {
                calls,
                principal,
                at,
                options,
            };
            return self.once_for_all(&set, self.make_approved(&set, approval)).await;
        }
        let call = Call {
            action: request.action.clone(),
            input: kept.input,
            file: None,
            principal,
            at,
            options: Options {
                contract: Some(request.contract.clone()),
                ..options
            },
        };
        let authority = Authority::Approved {
            id: approval.id.clone(),
            revisions: request.revisions.clone(),
        };
        let answer = self.call_as(call, authority).await?;
        serde_json::to_value(answer).map_err(|e| CallError::Store(e.into()))
    }

    async fn make_approved(&self, set: &ChangeSet, approval: &Approval) -> Result<Value, CallError> {
        let request = &approval.request;
        let preview = self.preview(set).await?;
        if preview.contract != request.contract {
            return Err(CallError::ContractChanged {
                action: CHANGE_SET,
                fingerprint: preview.contract,
            });
        }
        if preview.revisions != request.revisions {
            let moved = preview.revisions.iter().find(|now| !request.revisions.contains(now));
            return Err(CallError::Moved(
                moved.map_or_else(|| "what it touches".to_owned(), |m| m.0.clone()),
            ));
        }
        let answers = self.make(set, Some(approval.id.clone())).await?;
        Ok(json!({ "data": { "calls": answers }, "meta": { "approval": approval.id } }))
    }

    /// Takes a call back, once. The answers are those of the calls that did it.
    pub async fn undo(
        &self,
        execution: &str,
        principal: &Principal,
        at: OffsetDateTime,
    ) -> Result<Vec<Answer>, CallError> {
        self.take_back(execution, principal, at, false).await
    }

    async fn take_back(
        &self,
        execution: &str,
        principal: &Principal,
        at: OffsetDateTime,
        agreed: bool,
    ) -> Result<Vec<Answer>, CallError> {
        let back = self.store.take_way_back(execution, principal, at).await?;
        let of = back.calls.len();
        let mut answers = Vec::new();
        for (index, planned) in back.calls.into_iter().enumerate() {
            let action = planned.action.clone();
            let file = planned.file_id;
            let call = Call {
                action: planned.action,
                input: planned.input,
                file: None,
                principal: principal.clone(),
                at,
                options: Options {
                    connection: Some(back.connection.clone()),
                    ..Options::default()
                },
            };
            let authority = Authority::WayBack {
                of: execution.to_owned(),
                agreed,
                file,
            };
            match self.call_as(call, authority).await.and_then(all_back) {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    // The way back is gone once the first step of it is taken, or may have been.
                    let gone = index > 0 || !error.changed_nothing();
                    self.store.way_back_taken(execution, gone).await?;
                    return Err(if of == 1 {
                        error
                    } else {
                        CallError::Step {
                            index,
                            of,
                            action,
                            error: Box::new(error),
                            rollback: json!({ "undone": [], "left": answers.iter().map(|a| &a.meta.execution_id).collect::<Vec<_>>() }),
                        }
                    });
                }
            }
        }
        self.store.way_back_taken(execution, true).await?;
        Ok(answers)
    }

    /// Makes several writes as one. With `options.dry_run` they are only looked at.
    pub async fn apply(&self, set: ChangeSet) -> Result<Value, CallError> {
        if set.options.dry_run {
            let preview = self.preview(&set).await?;
            return Ok(json!({
                "data": { "dryRun": true, "ok": true, "decision": preview.decision, "calls": preview.calls },
                "meta": { "dryRun": true },
            }));
        }
        self.once_for_all(&set, self.ask_or_make(&set)).await
    }

    /// Once under the set's idempotency key, if it has one.
    async fn once_for_all(
        &self,
        set: &ChangeSet,
        made: impl Future<Output = Result<Value, CallError>>,
    ) -> Result<Value, CallError> {
        let Some(key) = &set.options.idempotency_key else {
            return made.await;
        };
        let connection = self.connections.find(set.options.connection.as_deref()).await?;
        let arguments = canonical::digest(&json!([CHANGE_SET, set.calls, connection.name]));
        let reserved = match self.store.reserve(&set.principal.id, key, &arguments, set.at).await? {
            Standing::Ended(Ended::Well(mut answer)) => {
                answer["meta"]["replayed"] = json!(true);
                return Ok(answer);
            }
            Standing::Ended(Ended::Badly { code, report }) => return Err(CallError::Before { code, report }),
            Standing::Fresh(reserved) => reserved,
        };
        let result = made.await;
        self.settle(reserved, &result).await;
        result
    }

    async fn ask_or_make(&self, set: &ChangeSet) -> Result<Value, CallError> {
        let preview = self.preview(set).await?;
        if preview.decision == Decision::Confirm {
            let input = json!(set.calls);
            let connection = self.connections.find(set.options.connection.as_deref()).await?;
            let key = connection.key().await?;
            let shown: Value = set
                .calls
                .iter()
                .map(|call| {
                    let action = actions::find(&call.action).map(|found| found.action);
                    let input = action.map_or(Value::Null, |action| audit::shortened(&call.input, action));
                    json!({ "action": call.action, "input": input })
                })
                .collect();
            let request = Request {
                principal: set.principal.id.clone(),
                action: CHANGE_SET.to_owned(),
                input: key.credential.hide_in(&shown),
                input_digest: canonical::digest(&input),
                contract: preview.contract,
                connection: connection.name.clone(),
                revisions: preview.revisions,
                blast: preview.calls.iter().map(|call| call["blast"].clone()).collect(),
                intent: set.options.intent.clone(),
            };
            let kept = Kept {
                input,
                kind: set.principal.kind,
                grant: set.principal.grant.clone(),
                idempotency_key: set.options.idempotency_key.clone(),
            };
            let approval = self.store.ask(&request, &kept, set.at).await?;
            return Err(CallError::ApprovalRequired(Box::new(approval)));
        }
        let answers = self.make(set, None).await?;
        Ok(json!({ "data": { "calls": answers }, "meta": {} }))
    }

    /// Each call as a dry run: the strictest decision counts for all.
    async fn preview(&self, set: &ChangeSet) -> Result<Preview, CallError> {
        let of = set.calls.len();
        if of == 0 || of > MOST_CALLS {
            return Err(CallError::invalid(format!(
                "calls: a change set has 1 to {MOST_CALLS} calls"
            )));
        }
        let mut preview = Preview {
            decision: Decision::Allow,
            calls: Vec::new(),
            revisions: Vec::new(),
            contract: String::new(),
        };
        let mut contracts = Vec::new();
        for (index, planned) in set.calls.iter().enumerate() {
            let found = actions::find(&planned.action)?;
            if found.action.effect() == Effect::Read {
                return Err(CallError::invalid(format!(
                    "calls/{index}: a change set holds writes only"
                )));
            }
            contracts.push(found.action.fingerprint());
            let call = Call {
                options: Options {
                    dry_run: true,
                    idempotency_key: None,
                    ..set.options.clone()
                },
                ..planned.as_call(set)
            };
            let answer = self
                .call_as(call, Authority::Policy)
                .await
                .map_err(|error| CallError::Step {
                    index,
                    of,
                    action: planned.action.clone(),
                    error: Box::new(error),
                    rollback: json!({ "undone": [], "left": [] }),
                })?;
            let decision: Decision = serde_json::from_value(answer.data["policy"]["decision"].clone())
                .map_err(|e| CallError::Store(e.into()))?;
            preview.decision = preview.decision.max(decision);
            preview.revisions.extend(answer.meta.seen);
            preview.calls.push(json!({
                "action": planned.action,
                "blast": answer.data["blast"],
                "decision": decision,
            }));
        }
        preview.contract = canonical::digest(&json!(contracts));
        Ok(preview)
    }

    /// Makes the calls in order. If one fails, those before it are taken back, the last first.
    async fn make(&self, set: &ChangeSet, approval: Option<String>) -> Result<Vec<Answer>, CallError> {
        let of = set.calls.len();
        let mut answers: Vec<Answer> = Vec::new();
        for (index, planned) in set.calls.iter().enumerate() {
            let mut call = planned.as_call(set);
            // It is the set's.
            call.options.idempotency_key = None;
            let authority = Authority::OfASet {
                approval: approval.clone(),
            };
            match self.call_as(call, authority).await {
                Ok(answer) => {
                    answers.push(answer);
                    if let Some(line) = &set.options.line {
                        line.tell(format!("{} of {of} done: {}", answers.len(), planned.action));
                    }
                }
                Err(error) => {
                    let rollback = self.roll_back(&answers, set).await;
                    return Err(CallError::Step {
                        index,
                        of,
                        action: planned.action.clone(),
                        error: Box::new(error),
                        rollback,
                    });
                }
            }
        }
        Ok(answers)
    }

    async fn roll_back(&self, answers: &[Answer], set: &ChangeSet) -> Value {
        let (mut undone, mut left) = (Vec::new(), Vec::new());
        for answer in answers.iter().rev() {
            let id = &answer.meta.execution_id;
            let undo = answer.meta.undo.as_ref();
            let nothing = undo.is_some_and(|undo| !undo.is_possible() && undo.reason.is_none());
            if nothing || self.take_back(id, &set.principal, set.at, true).await.is_ok() {
                undone.push(id.clone());
            } else {
                left.push(id.clone());
            }
        }
        json!({ "undone": undone, "left": left })
    }
}

/// The answer, unless it says that some of several were left where they are.
fn all_back(answer: Answer) -> Result<Answer, CallError> {
    let errors = answer.data["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = errors.first() else {
        return Ok(answer);
    };
    let done = ["restored", "successfullyMovedFileIds", "successfullyUpdatedFileIds"];
    let done = done.iter().filter_map(|name| answer.data[*name].as_array());
    Err(CallError::PartlyBack {
        failed: errors.len(),
        of: errors.len() + done.map(Vec::len).sum::<usize>(),
        first: first["error"].as_str().unwrap_or_default().to_owned(),
    })
}

struct Preview {
    decision: Decision,
    calls: Vec<Value>,
    revisions: Vec<(String, String)>,
    contract: String,
}

impl Planned {
    fn as_call(&self, set: &ChangeSet) -> Call {
        Call {
            action: self.action.clone(),
            input: self.input.clone(),
            file: None,
            principal: set.principal.clone(),
            at: set.at,
            options: set.options.clone(),
        }
    }
}
