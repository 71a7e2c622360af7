//! The one way in which every call is made, whatever door it comes through. `carry_out` reads as a list.

mod changes;
mod look;
mod output;
mod send;
mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use crate::actions::{self, About, Delivered, Desk, Effect, Found, Inverse, InverseCall, Prepared, Said, Signer, Step};
use crate::approval::{Kept, Request};
use crate::audit::{self, CallRecord, Heal, Outcome};
use crate::canonical;
use crate::connection::{Connection, Connections};
use crate::drift::{Drift, DriftMode};
use crate::error::CallError;
use crate::idempotency::{Ended, Reserved, Standing};
use crate::limits::Limits;
use crate::line::Line;
use crate::policy::{self, Decision, Policy, Trace};
use crate::principal::{Budget, Principal};
use crate::rate::{Breakers, Buckets, Circuit};
use crate::read_back::Verification;
use crate::references;
use crate::store::Store;
use crate::survey::{State, Survey, Target};
use crate::token::Left;
use crate::undo::WayBack;

pub use changes::{ChangeSet, Planned};
pub use uploads::Arrived;

/// Makes calls.
pub struct Pipeline {
    connections: Connections,
    policy: Policy,
    store: Arc<Store>,
    limits: Limits,
    buckets: Buckets,
    breakers: Breakers,
    /// Base URL of this process's doors.
    door: Option<String>,
}

/// What is asked for, by whom, and when.
#[derive(Debug)]
pub struct Call {
    /// Name of the action, its own or another catalogue's.
    pub action: String,
    /// Its input.
    pub input: Value,
    /// Bytes of a file that the door has read, for an action that takes one.
    pub file: Option<Bytes>,
    /// Who asks.
    pub principal: Principal,
    /// The time now.
    pub at: OffsetDateTime,
    /// How it is made.
    pub options: Options,
}

/// How a call is made; the default is right for most.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which connection; default: the server's own, else the only one.
    pub connection: Option<String>,
    /// Makes the call once, however often it is asked for in a day.
    pub idempotency_key: Option<String>,
    /// Fingerprint of the contract that the caller knows: another one is refused.
    pub contract: Option<String>,
    /// Does everything but the change, and tells how much it would be.
    pub dry_run: bool,
    /// How the effect is looked up.
    pub verify: Verify,
    /// What is done about drift.
    pub drift: DriftMode,
    /// Fields of each object of the output that are wanted; empty for all.
    pub fields: Vec<String>,
    /// Why the call is made, in the caller's own words; for the records and for who approves.
    pub intent: Option<String>,
    /// The program that speaks, as it calls itself; for the records.
    pub client: Option<String>,
    /// How long the call may take, retries and waits included; at most [`LONGEST_CALL`].
    pub deadline: Option<Duration>,
    /// Tells how far it is, and hears that nobody wants it any more.
    pub line: Option<Line>,
}

/// No call takes longer, whatever its caller says: a key that it is made under is taken for so long.
pub const LONGEST_CALL: Duration = Duration::from_secs(600);

/// How an effect is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Not at all; then there is no way back either.
    None,
    /// Once it is said to be done, a few times. Work that goes on is not waited for.
    #[default]
    Fast,
    /// Until work that goes on has come to its end, within the time of the call.
    Strict,
}

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Fits the action's output schema, except for fields that were not wanted.
    pub data: Value,
    /// How we know.
    pub meta: Meta,
}

/// What happened on the way, and what is known about the effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Names the call in the records; takes it back.
    pub execution_id: String,
    /// The action by its own name.
    pub action: String,
    /// The connection that it went to.
    pub connection: String,
    /// Nothing was changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The answer is that of an earlier call under the same idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// The approval that it was carried out under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
    /// Waits between attempts.
    pub waited_ms: u64,
    /// What went wrong on the way and was mended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heals: Vec<Heal>,
    /// The upstream's names of its answers.
    pub request_ids: Vec<String>,
    /// Where the answer was not what the contract says.
    pub drift: Vec<Drift>,
    /// What is known about the effect.
    pub verification: Verification,
    /// How it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Where the output holds what somebody wrote into the library: data, never instructions. JSON Pointers; `*` stands
    /// for every element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrusted: Vec<String>,
    /// Rows that were left out because the output would be too large; nextSkip goes on with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<usize>,
    /// The rate that the upstream told of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rate: BTreeMap<String, u64>,
    /// What is left of the budgets of the caller's token, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budgets: BTreeMap<String, Left>,
    /// Of a dry run: all that it would touch, with its revision.
    #[serde(skip)]
    pub(crate) seen: Vec<(String, String)>,
}

/// How a call is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// The calls that do it, in order; empty if it can't be, or if nothing was changed.
    pub calls: Vec<Planned>,
    /// Calls that do it, too, and are not shown because they are long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_calls: Option<usize>,
    /// Until when it can be (RFC 3339), if that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it can't be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// On whose word a call is made.
#[derive(Debug, Clone)]
enum Authority {
    /// The policy decides.
    Policy,
    /// Somebody agreed to exactly this.
    Approved {
        id: String,
        /// As the things were that they agreed to.
        revisions: Vec<(String, String)>,
    },
    /// A change set was agreed to as a whole, or needed no agreement.
    OfASet { approval: Option<String> },
    /// It takes back a call; `agreed` for one of a change set that failed, which is put back without asking.
    WayBack {
        of: String,
        agreed: bool,
        /// The file that it is about.
        file: Option<String>,
    },
}

impl Authority {
    fn approval(&self) -> Option<String> {
        match self {
            Self::Approved { id, .. } => Some(id.clone()),
            Self::OfASet { approval } => approval.clone(),
            _ => None,
        }
    }
}

impl Pipeline {
    /// Calls go through these connections under this policy.
    pub fn new(connections: Connections, policy: Policy, store: Arc<Store>, limits: Limits) -> Self {
        Self {
            connections,
            policy,
            store,
            limits,
            buckets: Buckets::default(),
            breakers: Breakers::default(),
            door: None,
        }
    }

    /// Says where this process's doors are: links for uploads lead there.
    pub fn with_door(mut self, base: &str) -> Self {
        self.door = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// Where approvals, tokens, records and drift are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether the connection's server is asked at all at the moment.
    pub async fn circuit(&self, connection: Option<&str>) -> Result<Circuit, CallError> {
        let connection = self.connections.find(connection).await?;
        Ok(self
            .breakers
            .state(connection.upstream.base(), self.limits.patience, Instant::now()))
    }

    /// What the policy says of an action, before it is known what a call touches.
    pub fn explain(&self, action: &str, principal: &Principal) -> Result<Trace, CallError> {
        let found = actions::find(action)?;
        Ok(self.policy.decide(&found.action.about, principal, &Survey::default()))
    }

    /// Makes one call and records it. A call that can't be recorded is an error.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let alias = actions::find(&call.action).ok().and_then(|found| found.alias);
        let mut answer = self.call_as(call, Authority::Policy).await?;
        // Last, so that what is kept for the same call under another name is the action's own.
        if let Some(alias) = alias.filter(|_| !answer.meta.dry_run) {
            answer.data = alias.answer(answer.data);
        }
        Ok(answer)
    }

    /// Boxed, so that all that is built on it has a future of a plain size, which can be sent to other threads.
    fn call_as(&self, call: Call, authority: Authority) -> BoxFuture<'_, Result<Answer, CallError>> {
        self.make_call(call, authority).boxed()
    }

    async fn make_call(&self, call: Call, authority: Authority) -> Result<Answer, CallError> {
        let connection = self.connection_of(&call).await;
        // A caller may paste what it must not know.
        let secret = match &connection {
            Ok(connection) => connection.key().await.ok(),
            Err(_) => None,
        };
        let hide = |text: String| secret.as_ref().map_or(text.clone(), |key| key.credential.hide(text));
        let mut record = begin(&call, connection.as_deref().ok(), &authority, &hide);
        let result = match connection {
            Ok(connection) => self.once(call, &connection, &authority, &mut record).await,
            Err(error) => Err(error),
        };
        match &result {
            // The records have the first one already.
            Ok(answer) if answer.meta.replayed => return result,
            Ok(_) => record.outcome = Outcome::Done,
            Err(error) => {
                record.outcome = match error {
                    CallError::ApprovalRequired(_) => Outcome::Waiting,
                    _ if record.attempts > 0 => Outcome::Failed,
                    _ => Outcome::Refused,
                };
                record.code = Some(error.code());
                record.message = Some(match &secret {
                    Some(key) => key.credential.hide(error.to_string()),
                    None => error.to_string(),
                });
            }
        }
        if let Err(source) = self.store.record(&record).await {
            tracing::error!(
                error = &source as &dyn std::error::Error,
                "a call could not be recorded"
            );
            // An error is said rather than that it could not be recorded: it tells more about the library.
            return result.and_then(|_| {
                Err(CallError::Unrecorded {
                    done: record.effect.is_some_and(actions::Effect::changes) && !record.dry_run,
                    source,
                })
            });
        }
        result
    }

    async fn connection_of(&self, call: &Call) -> Result<Arc<Connection>, CallError> {
        let connection = self.connections.find(call.options.connection.as_deref()).await?;
        let grant = call.principal.grant.as_ref().filter(|g| !g.connections.is_empty());
        match grant {
            Some(grant) if !grant.connections.contains(&connection.name) => Err(CallError::OutOfScope {
                action: call.action.chars().take(100).collect(),
                reason: format!("the token does not cover the connection {}", connection.name),
            }),
            _ => Ok(connection),
        }
    }

    /// Once under its idempotency key, if it has one.
    async fn once(
        &self,
        call: Call,
        connection: &Connection,
        authority: &Authority,
        record: &mut CallRecord,
    ) -> Result<Answer, CallError> {
        let found = actions::find(&call.action)?;
        let key = call.options.idempotency_key.clone().filter(|_| !call.options.dry_run);
        let Some(key) = key else {
            return self.carry_out(found, call, connection, authority, record).await;
        };
        let file = call.file.as_ref().map(|bytes| canonical::digest_of(bytes));
        let input = found
            .alias
            .map_or_else(|| call.input.clone(), |alias| alias.accept(call.input.clone()));
        let arguments = canonical::digest(&json!([found.action.name(), input, file, connection.name]));
        let reserved = match self
            .store
            .reserve(&call.principal.id, &key, &arguments, call.at)
            .await?
        {
            Standing::Ended(Ended::Well(answer)) => {
                let mut answer: Answer = serde_json::from_value(answer).map_err(|e| CallError::Store(e.into()))?;
                answer.meta.replayed = true;
                return Ok(answer);
            }
            Standing::Ended(Ended::Badly { code, report }) => return Err(CallError::Before { code, report }),
            Standing::Fresh(reserved) => reserved,
        };
        let result = self.carry_out(found, call, connection, authority, record).await;
        self.settle(reserved, &result).await;
        result
    }

    /// Keeps what came of a call under its idempotency key, or gives the key free if nothing was changed.
    async fn settle(&self, reserved: Reserved, result: &Result<impl Serialize, CallError>) {
        let kept = match result {
            Ok(answer) => match serde_json::to_value(answer) {
                Ok(answer) => self.store.settle(reserved, &Ended::Well(answer)).await,
                Err(error) => Err(error.into()),
            },
            Err(error) if error.changed_nothing() => self.store.release(reserved).await,
            Err(error) => {
                let ended = Ended::Badly {
                    code: error.code(),
                    report: error.report(),
                };
                self.store.settle(reserved, &ended).await
            }
        };
        if let Err(error) = kept {
            // The call itself ended as it did; its key stays taken, which is the safe side.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an idempotent call could not be settled"
            );
        }
    }

    async fn carry_out(
        &self,
        found: Found,
        call: Call,
        connection: &Connection,
        authority: &Authority,
        record: &mut CallRecord,
    ) -> Result<Answer, CallError> {
        let about = found.action.about;
        pinned(found, &call.options)?;
        output::check_fields(found.action, &call.options.fields)?;
        in_scope(found, &call.principal)?;
        let input = found
            .alias
            .map_or(call.input.clone(), |alias| alias.accept(call.input.clone()));
        let file_bytes = call.file.as_ref().map_or(0, Bytes::len);
        let operation = found.action.prepare(input.clone(), call.file)?;
        let targets = operation.targets()?;
        let course = Course {
            found,
            about,
            operation: &*operation,
            input: &input,
            file_bytes,
            principal: &call.principal,
            options: &call.options,
            authority,
            connection,
            clock: Clock::start(
                call.at,
                call.options
                    .deadline
                    .map_or(self.limits.deadline, |wanted| wanted.min(LONGEST_CALL)),
            ),
        };
        self.spend(&course, &[(Budget::CallsPerMinute, 1)]).await?;
        let survey = self.survey(&course, mapped(targets, &course), record).await?;
        unobstructed(&course, &survey)?;
        let trace = self.policy.decide(&about, course.principal, &survey);
        record.before = survey.revisions();
        if about.effect.changes() {
            note_files(record, survey.file_ids());
        }
        record.policy = Some(trace.clone());
        allowed(&course, &trace)?;
        if let Some(answer) = self.local(&course).await? {
            return self.answer(&course, answer, Undo::nothing(), record).await;
        }
        let steps = operation.steps(&survey)?;
        self.check_size(&steps)?;
        if course.options.dry_run {
            record.budgets = self.store.budgets_left(course.principal, course.clock.date()).await?;
            return Ok(rehearsed(&course, &steps, &survey, &trace, record));
        }
        if trace.decision == Decision::Confirm {
            self.agreed(&course, &survey, record).await?;
        }
        if about.effect.changes() && course.is_cancelled() {
            return Err(CallError::Cancelled);
        }
        self.spend(&course, &amounts(&course, &steps, &survey)).await?;
        if about.effect.changes() {
            let unrecorded = |source| CallError::Unrecorded { done: false, source };
            self.store.record(record).await.map_err(unrecorded)?;
        }
        let said = match operation.kept(self.desk(&course)) {
            Some(kept) => Said::shaped(kept.await?),
            None => self.send_all(&course, steps, &survey, record).await?,
        };
        let output = self.understand(&course, said, record).await?;
        if about.effect.changes() {
            note_files(record, file_ids(&output));
        }
        let looked = self.verify(&course, &output, &survey, record).await?;
        let undo = self.keep_way_back(&course, &output, &survey, &looked, record).await;
        self.answer(&course, output, undo, record).await
    }

    async fn spend(&self, course: &Course<'_>, amounts: &[(Budget, u32)]) -> Result<(), CallError> {
        let spent = self.store.spend(course.principal, amounts, course.clock.date()).await?;
        spent.map_err(CallError::Budget)
    }

    /// The answer of an action that asks nobody.
    async fn local(&self, course: &Course<'_>) -> Result<Option<Value>, CallError> {
        let key = course.connection.key().await?;
        let signer = Signer {
            credential: &key.credential,
            public_key: key.public_key.as_deref().or(course.connection.public_key.as_deref()),
            now: course.clock.date(),
        };
        course.operation.local(&signer).transpose()
    }

    fn desk<'a>(&'a self, course: &Course<'a>) -> Desk<'a> {
        Desk {
            store: &self.store,
            principal: course.principal,
            connection: &course.connection.name,
            door: self.door.as_deref(),
            now: course.clock.date(),
        }
    }

    fn check_size(&self, steps: &[Step]) -> Result<(), CallError> {
        let size: usize = steps
            .iter()
            .flat_map(|s| &s.request.parts)
            .map(|p| p.content.len())
            .sum();
        let limit = self.limits.file_bytes;
        if size > limit {
            return Err(CallError::invalid(format!(
                "the upload has {size} bytes, more than the {limit} that an action takes; give a url instead"
            )));
        }
        Ok(())
    }

    /// Whether somebody agreed to exactly this; else it is asked for.
    async fn agreed(&self, course: &Course<'_>, survey: &Survey, record: &CallRecord) -> Result<(), CallError> {
        match course.authority {
            Authority::OfASet { approval: Some(_) } | Authority::WayBack { agreed: true, .. } => Ok(()),
            // The set needed nobody's agreement as things were a moment ago.
            Authority::OfASet { approval: None } => Err(CallError::Moved("what it touches".to_owned())),
            Authority::Approved { revisions, .. } => {
                let now = survey.revisions();
                let moved = now.iter().zip(revisions).find(|(now, then)| now != then);
                match moved {
                    Some(((what, _), _)) => Err(CallError::Moved(what.clone())),
                    None if now.len() != revisions.len() => Err(CallError::Moved("what it touches".to_owned())),
                    None => Ok(()),
                }
            }
            Authority::Policy | Authority::WayBack { .. } => {
                if course.file_bytes > 0 {
                    return Err(CallError::invalid(
                        "an attached file can't wait for approval: give a url that the server fetches instead",
                    ));
                }
                let key = course.connection.key().await?;
                let request = Request {
                    principal: course.principal.id.clone(),
                    action: course.about.name.to_owned(),
                    input: key
                        .credential
                        .hide_in(&audit::shortened(course.input, course.found.action)),
                    input_digest: canonical::digest(course.input),
                    contract: course.found.action.fingerprint().to_owned(),
                    connection: course.connection.name.clone(),
                    revisions: survey.revisions(),
                    blast: blast(survey, &course.about),
                    intent: record.intent.clone(),
                };
                let kept = Kept {
                    input: course.input.clone(),
                    kind: course.principal.kind,
                    grant: course.principal.grant.clone(),
                    idempotency_key: course.options.idempotency_key.clone(),
                };
                let approval = self.store.ask(&request, &kept, course.clock.date()).await?;
                Err(CallError::ApprovalRequired(Box::new(approval)))
            }
        }
    }

    async fn understand(&self, course: &Course<'_>, said: Said, record: &mut CallRecord) -> Result<Value, CallError> {
        let action = course.found.action;
        let outline = output::outline(&said.answer);
        let understood = course.operation.understand(said, course.options.drift);
        let drift = match &understood {
            Ok(understood) => &understood.drift,
            Err(unfit) => &unfit.drift,
        };
        record.drift.clone_from(drift);
        if !drift.is_empty() {
            let (contract, now) = (action.fingerprint(), course.clock.date());
            let sample = canonical::digest(&outline)[..16].to_owned();
            let noted = self
                .store
                .note_drift(action.name(), &record.upstream, contract, drift, &sample, now);
            if let Err(error) = noted.await {
                tracing::warn!(error = &error as &dyn std::error::Error, "drift could not be noted");
            }
            if drift.iter().any(|d| d.repaired) {
                record.heals.push(Heal::new("drift", "repaired"));
            }
        }
        match understood {
            Ok(understood) => Ok(understood.output),
            Err(unfit) => Err(CallError::Misunderstood {
                reason: unfit.reason,
                drift: unfit.drift,
                done: course.about.effect.changes(),
            }),
        }
    }

    async fn keep_way_back(
        &self,
        course: &Course<'_>,
        output: &Value,
        survey: &Survey,
        looked: &[Value],
        record: &mut CallRecord,
    ) -> Undo {
        if !course.about.effect.changes() {
            return Undo::nothing();
        }
        let (calls, until) = match course.operation.inverse(output, survey, looked) {
            Inverse::None(reason) => return Undo::impossible(reason),
            Inverse::Calls(calls) if calls.is_empty() => return Undo::nothing(),
            Inverse::Calls(calls) => (calls, None),
            Inverse::Until(calls, until) => (calls, Some(until)),
        };
        record.inverse = calls.first().map(|call| call.action.clone());
        // What takes back is not taken back itself: it would go round and round.
        if !matches!(course.authority, Authority::WayBack { .. }) {
            let back = WayBack {
                connection: course.connection.name.clone(),
                calls: calls.clone(),
                until: until
                    .as_deref()
                    .and_then(|until| OffsetDateTime::parse(until, &Rfc3339).ok()),
            };
            let (who, name, now) = (&course.principal.id, course.about.name, course.clock.date());
            if let Err(error) = self.store.keep_way_back(&record.id, who, name, &back, now).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a way back could not be kept");
                return Undo::impossible("it could not be kept");
            }
        }
        Undo::by(calls, until)
    }

    async fn answer(
        &self,
        course: &Course<'_>,
        output: Value,
        undo: Undo,
        record: &mut CallRecord,
    ) -> Result<Answer, CallError> {
        record.verification.get_or_insert(Verification::NotNeeded);
        // What was done is done: that nobody knows what is left is no failure of it.
        let left = self.store.budgets_left(course.principal, course.clock.date()).await;
        record.budgets = left.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "budgets could not be read");
            BTreeMap::new()
        });
        let action = course.found.action;
        let (data, left_out) = output::given(course, output, self.limits.output_bytes)?;
        let untrusted = action.output().untrusted(&data);
        Ok(Answer {
            data,
            meta: meta(course, record, undo, untrusted, left_out),
        })
    }
}

/// What stays the same on the way of one call.
struct Course<'a> {
    found: Found,
    about: About,
    operation: &'a dyn Prepared,
    input: &'a Value,
    file_bytes: usize,
    principal: &'a Principal,
    options: &'a Options,
    authority: &'a Authority,
    connection: &'a Connection,
    clock: Clock,
}

impl Course<'_> {
    /// True if whoever asked wants it no more.
    fn is_cancelled(&self) -> bool {
        self.options.line.as_ref().is_some_and(Line::is_cancelled)
    }
}

/// Files whose history a call is put into: a call about a large folder is in that of the first of them.
const MOST_FILES: usize = 1000;

/// Longest part of a way back that is shown, in characters: the call's name is enough to take it back.
const LONGEST_SHOWN: usize = 4000;

impl Undo {
    fn by(calls: Vec<InverseCall>, until: Option<String>) -> Self {
        let all = calls.len();
        let mut length = 0;
        let shown = calls.into_iter().map(Planned::from).take_while(|call| {
            length += call.input.to_string().len();
            length <= LONGEST_SHOWN
        });
        let shown: Vec<Planned> = shown.collect();
        Self {
            more_calls: Some(all - shown.len()).filter(|more| *more > 0),
            calls: shown,
            until,
            reason: None,
        }
    }

    /// True if it can be taken back.
    pub fn is_possible(&self) -> bool {
        !self.calls.is_empty() || self.more_calls.is_some()
    }

    /// Nothing was changed.
    fn nothing() -> Self {
        Self {
            calls: Vec::new(),
            more_calls: None,
            until: None,
            reason: None,
        }
    }

    fn impossible(reason: &str) -> Self {
        Self {
            reason: Some(reason.to_owned()),
            ..Self::nothing()
        }
    }
}

impl From<InverseCall> for Planned {
    fn from(call: InverseCall) -> Self {
        Self {
            action: call.action,
            input: call.input,
        }
    }
}

/// The record of a call that has not begun, without secrets.
fn begin(
    call: &Call,
    connection: Option<&Connection>,
    authority: &Authority,
    hide: &impl Fn(String) -> String,
) -> CallRecord {
    let found = actions::find(&call.action).ok();
    let cut = |text: &str| hide(text.chars().take(200).collect());
    let input = found.map_or(Value::Null, |found| audit::shortened(&call.input, found.action));
    CallRecord {
        id: uuid::Uuid::new_v4().to_string(),
        time: call.at,
        principal: cut(&call.principal.id),
        client: call.options.client.as_deref().map(cut),
        intent: call.options.intent.as_deref().map(cut),
        action: cut(&call.action),
        effect: found.map(|found| found.action.effect()),
        contract: found.map(|found| found.action.fingerprint().to_owned()),
        input: hidden(&input, hide),
        input_digest: canonical::digest(&call.input),
        file_bytes: call.file.as_ref().map(Bytes::len),
        connection: connection.map(|c| c.name.clone()).unwrap_or_default(),
        upstream: connection.map(|c| c.upstream.base().to_owned()).unwrap_or_default(),
        policy: None,
        approval: authority.approval(),
        undoes: match authority {
            Authority::WayBack { of, .. } => Some(of.clone()),
            _ => None,
        },
        dry_run: call.options.dry_run,
        outcome: Outcome::Begun,
        code: None,
        message: None,
        attempts: 0,
        waited_ms: 0,
        heals: Vec::new(),
        request_ids: Vec::new(),
        drift: Vec::new(),
        verification: None,
        before: Vec::new(),
        inverse: None,
        files: Vec::new(),
        rate: BTreeMap::new(),
        budgets: BTreeMap::new(),
    }
}

/// Ids of the files that a call is about: those that it names, those that lie in what it names, and those that its output
/// names.
fn note_files<'a>(record: &mut CallRecord, ids: impl Iterator<Item = &'a str>) {
    for id in ids {
        if record.files.len() >= MOST_FILES {
            return;
        }
        if !record.files.iter().any(|known| known == id) {
            record.files.push(id.to_owned());
        }
    }
}

/// All that is called `fileId` in an output, as far down as outputs have it.
fn file_ids(output: &Value) -> impl Iterator<Item = &str> {
    let own = output["fileId"].as_str();
    let inner = output.as_object().into_iter().flatten().flat_map(|(_, value)| {
        let rows = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let of_rows = rows.iter().filter_map(|row| row["fileId"].as_str());
        value["fileId"].as_str().into_iter().chain(of_rows)
    });
    own.into_iter().chain(inner)
}

/// A value without secrets in its texts.
fn hidden(value: &Value, hide: &impl Fn(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(hide(text.clone())),
        Value::Array(items) => items.iter().map(|item| hidden(item, hide)).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (hide(name.clone()), hidden(value, hide)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn pinned(found: Found, options: &Options) -> Result<(), CallError> {
    let fingerprint = found.action.fingerprint();
    match &options.contract {
        Some(known) if known != fingerprint => Err(CallError::ContractChanged {
            action: found.action.name(),
            fingerprint: fingerprint.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Delivery URLs as what they are in the library of the connection. What only reads one reaches more than its path.
fn mapped(targets: Vec<Target>, course: &Course<'_>) -> Vec<Target> {
    let endpoints = &course.connection.endpoints;
    let mapped = targets.into_iter().map(|target| match target {
        Target::Url(url) if course.about.effect.changes() && !url.is_of_paths() => {
            Target::Url(Delivered::read(&url.url, endpoints))
        }
        other => other,
    });
    mapped.collect()
}

/// What takes a call back puts nothing where something else has come to be since, and takes nothing else.
fn unobstructed(course: &Course<'_>, survey: &Survey) -> Result<(), CallError> {
    let Authority::WayBack { file, .. } = course.authority else {
        return Ok(());
    };
    let taken = survey
        .seen
        .iter()
        .find(|seen| seen.target.is_filled() && matches!(seen.state, State::Present(_)));
    if let Some(taken) = taken {
        let path = taken.path().unwrap_or_default();
        return Err(CallError::InTheWay(format!("something else is at {path} by now")));
    }
    let source = survey.seen.iter().find(|seen| matches!(seen.target, Target::FileAt(_)));
    match (file, source.and_then(|seen| seen.facts())) {
        (Some(file), Some(facts)) if facts["fileId"] != file.as_str() => Err(CallError::InTheWay(format!(
            "{} is another file by now",
            facts["filePath"].as_str().unwrap_or("what was changed")
        ))),
        _ => Ok(()),
    }
}

/// Said before anything is looked at: what a token does not cover tells nothing about the library.
fn in_scope(found: Found, principal: &Principal) -> Result<(), CallError> {
    let refusal = principal
        .grant
        .as_ref()
        .and_then(|grant| grant.refuses(&found.action.about));
    match refusal {
        Some(reason) => Err(CallError::OutOfScope {
            action: found.action.name().to_owned(),
            reason,
        }),
        None => Ok(()),
    }
}

fn allowed(course: &Course<'_>, trace: &Trace) -> Result<(), CallError> {
    if trace.decision != Decision::Deny {
        return Ok(());
    }
    let said = trace.checks.iter().find(|said| said.decision == Some(Decision::Deny));
    let (layer, reason) = said.map_or(("policy", "denied"), |said| (said.layer.as_str(), said.reason.as_str()));
    let action = course.about.name.to_owned();
    if layer == policy::TOKEN {
        return Err(CallError::OutOfScope {
            action,
            reason: reason.to_owned(),
        });
    }
    Err(CallError::Denied {
        action,
        reason: format!("{layer}, {reason}"),
        trace: trace.clone(),
    })
}

/// What a call takes from budgets, beside being one.
fn amounts(course: &Course<'_>, steps: &[Step], survey: &Survey) -> Vec<(Budget, u32)> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut amounts = Vec::new();
    if course.about.effect.changes() {
        amounts.push((Budget::WritesPerDay, 1));
    }
    if course.about.effect == Effect::Destructive {
        amounts.push((Budget::DeletesPerDay, count(survey.seen.len().max(1))));
    }
    if course.about.name == "purge_cache" {
        amounts.push((Budget::PurgesPerDay, 1));
    }
    // A rename that purges: a file each, as far as it is known what lies in a folder.
    if course.input["purgeCache"] == true {
        amounts.push((Budget::PurgesPerDay, count(survey.files().count().max(1))));
    }
    let parts = steps.iter().flat_map(|step| &step.request.parts);
    let bytes: usize = parts.filter(|part| part.is_file).map(|part| part.content.len()).sum();
    amounts.push((Budget::UploadMebibytesPerDay, count(bytes.div_ceil(1 << 20))));
    amounts
}

/// What would be done, and to how much.
fn rehearsed(course: &Course<'_>, steps: &[Step], survey: &Survey, trace: &Trace, record: &mut CallRecord) -> Answer {
    record.verification = Some(Verification::NotNeeded);
    let requests = steps.iter().map(|step| {
        let request = &step.request;
        json!({ "method": request.method.as_str(), "path": format!("/{}", request.path.join("/")) })
    });
    let data = json!({
        "dryRun": true,
        "ok": true,
        "requests": requests.collect::<Vec<_>>(),
        "policy": trace,
        "blast": blast(survey, &course.about),
    });
    Answer {
        data,
        meta: meta(course, record, Undo::nothing(), Vec::new(), None),
    }
}

/// How much a call touches, in numbers for whoever decides. What the API does not tell (entries of caches, pages elsewhere
/// that refer to a file) is not guessed.
fn blast(survey: &Survey, about: &About) -> Value {
    const MOST_SHOWN: usize = 20;
    let mut counts = (0_usize, 0_usize);
    let mut urls = Vec::new();
    let rows = survey.seen.iter().flat_map(|seen| {
        let inside = seen.contents.iter().flat_map(|contents| &contents.rows);
        seen.facts().into_iter().chain(inside)
    });
    for row in rows {
        if row["folderId"].is_string() {
            counts.1 += 1;
        } else if row["fileId"].is_string() {
            counts.0 += 1;
            if row["isPublished"] != false && urls.len() < MOST_SHOWN {
                urls.extend(row["url"].as_str().map(str::to_owned));
            }
        }
    }
    let known_versions: Vec<usize> = survey.seen.iter().filter_map(|seen| seen.versions).collect();
    let touched = survey.seen.iter().take(MOST_SHOWN).map(|seen| {
        let facts = seen.facts().unwrap_or(&Value::Null);
        json!({
            "what": seen.target.told(),
            "path": seen.path(),
            "bytes": facts["size"],
            "versions": seen.versions,
            "published": facts["isPublished"],
            "revision": seen.revision(),
        })
    });
    json!({
        "files": counts.0,
        "folders": counts.1,
        "versions": (!known_versions.is_empty()).then(|| known_versions.iter().sum::<usize>()),
        "bytes": survey.extent().bytes,
        "urls": urls,
        "references": survey.references.as_ref().map(|found| json!({
            "count": found.len(),
            "shown": found.iter().take(references::MOST_SHOWN).collect::<Vec<_>>(),
        })),
        "atLeast": survey.seen.iter().any(|seen| {
            let is_cut = seen.contents.as_ref().is_some_and(|c| c.cut);
            is_cut || seen.facts().is_some_and(|facts| facts["atLeast"] == true)
        }),
        "reversible": about.reversible || survey.bin.is_some(),
        "undo": way_back(survey, about),
        "touches": touched.collect::<Vec<_>>(),
    })
}

/// What can be taken back, and until when, for whoever decides.
fn way_back(survey: &Survey, about: &About) -> String {
    match &survey.bin {
        Some(bin) => {
            let but = if about.name == "delete_folder" {
                "; empty folders, and what was said of folders, do not come back"
            } else {
                ""
            };
            format!("from the trash, for {} days after it is done{but}", bin.days)
        }
        None if about.reversible => "by other calls, as long as nothing else takes its place".to_owned(),
        None if about.trashes => "not at all: the server is not known to have a trash".to_owned(),
        None => "not at all".to_owned(),
    }
}

fn meta(course: &Course<'_>, record: &CallRecord, undo: Undo, untrusted: Vec<String>, left_out: Option<usize>) -> Meta {
    let changed = course.about.effect.changes() && !record.dry_run;
    Meta {
        execution_id: record.id.clone(),
        action: course.about.name.to_owned(),
        connection: record.connection.clone(),
        dry_run: record.dry_run,
        replayed: false,
        approval: record.approval.clone(),
        attempts: record.attempts,
        waited_ms: record.waited_ms,
        heals: record.heals.clone(),
        request_ids: record.request_ids.clone(),
        drift: record.drift.clone(),
        verification: record.verification.clone().unwrap_or(Verification::NotNeeded),
        undo: changed.then_some(undo),
        untrusted,
        left_out,
        rate: record.rate.clone(),
        budgets: record.budgets.clone(),
        seen: if record.dry_run {
            record.before.clone()
        } else {
            Vec::new()
        },
    }
}

/// The time of a call, counted from the moment that its caller names.
struct Clock {
    at: OffsetDateTime,
    begun: Instant,
    deadline: Duration,
}

impl Clock {
    fn start(at: OffsetDateTime, deadline: Duration) -> Self {
        Self {
            at,
            begun: Instant::now(),
            deadline,
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.begun.elapsed())
    }

    fn now(&self) -> SystemTime {
        SystemTime::from(self.at) + self.begun.elapsed()
    }

    fn date(&self) -> OffsetDateTime {
        self.at + self.begun.elapsed()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
