//! The one way in which every call is made, whatever door it comes through. `carry_out` reads as a list.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use rand::Rng;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use crate::actions::{self, Effect, Prepared};
use crate::audit::{self, Audit, CallRecord, Outcome};
use crate::credential::Credential;
use crate::drift::Drift;
use crate::error::CallError;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::read_back::{ReadBack, Verification};
use crate::request::ApiRequest;
use crate::retry::{self, Failure};
use crate::upstream::{TransportError, Upstream};

/// An upstream's own words are repeated up to here.
const LONGEST_MESSAGE: usize = 500;

/// Makes calls to one upstream under one policy.
pub struct Pipeline {
    /// Where calls go.
    pub upstream: Upstream,
    /// Goes with every request; no caller sees it.
    pub credential: Credential,
    /// What may be done.
    pub policy: Policy,
    /// Where calls are recorded.
    pub audit: Arc<dyn Audit>,
    /// How long and how much a call may take.
    pub limits: Limits,
}

/// What is asked for, by whom, and when.
#[derive(Debug)]
pub struct Call {
    /// Name of the action.
    pub action: String,
    /// Its input.
    pub input: Value,
    /// Bytes of a file that the door has read, for an action that takes one.
    pub file: Option<Bytes>,
    /// Who asks.
    pub principal: String,
    /// The time now.
    pub at: OffsetDateTime,
}

/// A call that succeeded.
#[derive(Debug, Serialize)]
pub struct CallResult {
    /// Fits the action's output schema.
    pub output: Value,
    /// How we know.
    pub proof: Proof,
}

/// What happened on the way, and what is known about the effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Names the call in the audit records.
    pub execution_id: String,
    /// How often the request was sent.
    pub attempts: u32,
    /// Waits between attempts.
    pub waited_ms: u64,
    /// The upstream's names of its answers.
    pub request_ids: Vec<String>,
    /// Where the answer was not what the contract says.
    pub drift: Vec<Drift>,
    /// What is known about the effect.
    pub verification: Verification,
}

impl Pipeline {
    /// Makes one call and records it. A call that can't be recorded is an error.
    pub async fn call(&self, call: Call) -> Result<CallResult, CallError> {
        let mut record = self.begin(&call);
        let result = self.carry_out(call, &mut record).await;
        match &result {
            Ok(_) => record.outcome = Outcome::Done,
            Err(error) => {
                let sent = record.attempts > 0;
                record.outcome = if sent { Outcome::Failed } else { Outcome::Refused };
                record.code = Some(error.code());
                record.message = Some(self.credential.hide(error.to_string()));
            }
        }
        if let Err(source) = self.audit.record(&record) {
            // An error is said rather than that it could not be recorded: it tells more about the library.
            return result.and_then(|_| {
                Err(CallError::Unrecorded {
                    done: record.effect != Some(Effect::Read),
                    source,
                })
            });
        }
        result
    }

    fn begin(&self, call: &Call) -> CallRecord {
        let action = actions::find(&call.action).ok();
        let input = action.map(|action| audit::shortened(&call.input, action));
        let cut = |text: &str| self.credential.hide(text.chars().take(200).collect());
        CallRecord {
            id: uuid::Uuid::new_v4().to_string(),
            time: call.at,
            principal: cut(&call.principal),
            action: cut(&call.action),
            effect: action.map(|action| action.effect),
            input: input.map_or(Value::Null, |input| self.credential.hide_in(&input)),
            file_bytes: call.file.as_ref().map(Bytes::len),
            upstream: self.upstream.base().to_owned(),
            outcome: Outcome::Begun,
            code: None,
            message: None,
            attempts: 0,
            waited_ms: 0,
            request_ids: Vec::new(),
            drift: Vec::new(),
            verification: None,
        }
    }

    async fn carry_out(&self, call: Call, record: &mut CallRecord) -> Result<CallResult, CallError> {
        let clock = Clock::start(call.at, self.limits.deadline);
        let action = actions::find(&call.action)?;
        let operation = action.prepare(call.input, call.file)?;
        let request = operation.request()?;
        self.check_size(&request)?;
        self.policy.check(action)?;
        let request = self.address(&request, &record.id)?;
        let changes = action.effect != Effect::Read;
        if changes {
            let unrecorded = |source| CallError::Unrecorded { done: false, source };
            self.audit.record(record).map_err(unrecorded)?;
        }
        let mut trip = Trip::default();
        let sent = self
            .send(&request, action.idempotent, Success::Of(&*operation), &clock, &mut trip)
            .await;
        record.attempts = trip.attempts;
        record.waited_ms = millis(trip.waited);
        record.request_ids = trip.request_ids;
        let answer = sent.map_err(|failed| failed.into_error(changes))?;
        let misunderstood = |reason, drift| CallError::Misunderstood {
            reason,
            drift,
            done: changes,
        };
        let json = answer.json().map_err(|reason| misunderstood(reason, Vec::new()))?;
        let understood = operation.understand(json).map_err(|unfit| {
            record.drift.clone_from(&unfit.drift);
            misunderstood(unfit.reason, unfit.drift)
        })?;
        record.drift = understood.drift;
        let verification = match &understood.read_back {
            None => Verification::NotNeeded,
            Some(read_back) => self.look(read_back, &clock, record).await?,
        };
        record.verification = Some(verification.clone());
        Ok(CallResult {
            output: understood.output,
            proof: Proof {
                execution_id: record.id.clone(),
                attempts: record.attempts,
                waited_ms: record.waited_ms,
                request_ids: record.request_ids.clone(),
                drift: record.drift.clone(),
                verification,
            },
        })
    }

    fn check_size(&self, request: &ApiRequest) -> Result<(), CallError> {
        let size: usize = request.parts.iter().map(|p| p.content.len()).sum();
        let limit = self.limits.file_bytes;
        if size > limit {
            return Err(CallError::invalid(format!(
                "the upload has {size} bytes, more than the {limit} that an action takes; give a url instead"
            )));
        }
        Ok(())
    }

    /// The request with its address and the credential.
    fn address(&self, request: &ApiRequest, id: &str) -> Result<Request<Bytes>, CallError> {
        // The id is random, so no content can hold the boundary.
        let mut request = self.upstream.request(request, &format!("tintype-{id}"))?;
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, self.credential.header());
        Ok(request)
    }

    /// Sends until there is success, an error that stays, or no time left.
    async fn send(
        &self,
        request: &Request<Bytes>,
        idempotent: bool,
        success: Success<'_>,
        clock: &Clock,
        trip: &mut Trip,
    ) -> Result<Answer, Failed> {
        // True once an attempt may have been carried out although no answer says so.
        let mut unsettled = false;
        loop {
            trip.attempts += 1;
            let attempt = self.attempt(request.clone(), idempotent, clock).await;
            if let Ok(answer) = &attempt {
                trip.request_ids.extend(answer.request_id());
            }
            let attempt = match attempt {
                Ok(answer) if success.is(answer.status, unsettled) => return Ok(answer),
                other => other,
            };
            let failure = match &attempt {
                Ok(answer) => Failure::Answer(answer.status, &answer.headers),
                Err(error) => Failure::Transport(error),
            };
            unsettled |= retry::is_unsettled(&failure);
            let chance = rand::rng().random_range(0.0..=1.0);
            let pause = retry::pause(&self.limits, trip.attempts, &failure, clock.now(), chance);
            let again = trip.attempts < self.limits.attempts && retry::may_repeat(&failure, idempotent);
            if !again || pause >= clock.left() {
                return Err(Failed {
                    retry_after: retry::named_pause(&failure, clock.now()),
                    attempt,
                    unsettled,
                });
            }
            trip.waited += pause;
            sleep(pause).await;
        }
    }

    async fn attempt(
        &self,
        request: Request<Bytes>,
        idempotent: bool,
        clock: &Clock,
    ) -> Result<Answer, TransportError> {
        // What can't be sent again gets all the time there is.
        let patience = if idempotent {
            clock.left().min(self.limits.attempt_timeout)
        } else {
            clock.left()
        };
        let transport = self.upstream.transport.clone();
        let response = timeout(patience, transport.oneshot(request))
            .await
            .unwrap_or(Err(TransportError::Timeout))?;
        let (head, body) = response.into_parts();
        let limit = self.limits.answer_bytes;
        if body.len() > limit {
            return Err(TransportError::TooLarge { limit });
        }
        // Text from outside: an upstream may repeat the key.
        let text = self.credential.hide(String::from_utf8_lossy(&body).into_owned());
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            text,
        })
    }

    /// Looks whether the effect is there, more than once if it is not: reading may lag behind writing.
    async fn look(
        &self,
        read_back: &ReadBack,
        clock: &Clock,
        record: &mut CallRecord,
    ) -> Result<Verification, CallError> {
        let request = self.address(&read_back.request, &record.id)?;
        let mut looks = 0;
        loop {
            looks += 1;
            let mut trip = Trip::default();
            let sent = self.send(&request, true, Success::Tells, clock, &mut trip).await;
            record.request_ids.extend(trip.request_ids);
            let unverified = |reason: String| Verification::Unverified { reason };
            let answer = match sent {
                Ok(answer) => answer,
                Err(failed) => return Ok(unverified(failed.into_error(false).to_string())),
            };
            let json = match answer.json() {
                Ok(json) => json,
                Err(reason) => return Ok(unverified(reason)),
            };
            let checks = read_back.compare(answer.status, &json);
            if checks.iter().all(|check| check.ok) {
                return Ok(Verification::Verified { checks });
            }
            if looks >= self.limits.looks || self.limits.first_pause >= clock.left() {
                return Err(CallError::NotThere(checks));
            }
            sleep(self.limits.first_pause).await;
        }
    }
}

/// Which answers end the sending.
enum Success<'a> {
    /// Those that the action calls success.
    Of(&'a dyn Prepared),
    /// Those that tell something about an effect.
    Tells,
}

impl Success<'_> {
    fn is(&self, status: StatusCode, repeated: bool) -> bool {
        match self {
            Self::Of(operation) => operation.succeeds(status, repeated),
            Self::Tells => ReadBack::is_answered_by(status),
        }
    }
}

/// All attempts of one request.
#[derive(Default)]
struct Trip {
    attempts: u32,
    waited: Duration,
    request_ids: Vec<String>,
}

/// The last attempt, without success.
struct Failed {
    attempt: Result<Answer, TransportError>,
    /// An attempt may have been carried out.
    unsettled: bool,
    retry_after: Option<Duration>,
}

impl Failed {
    fn into_error(self, changes: bool) -> CallError {
        let unsettled = changes && self.unsettled;
        match self.attempt {
            Ok(answer) => CallError::Refused {
                // A clear no to the last attempt is not turned into doubt by what went before.
                unsettled: unsettled && !answer.status.is_client_error(),
                status: answer.status,
                message: answer.message(),
                retry_after: self.retry_after,
            },
            Err(error) => CallError::Unanswered { error, unsettled },
        }
    }
}

/// An answer without secrets in its text.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn request_id(&self) -> Option<String> {
        let id = ["x-ik-requestid", "x-request-id"]
            .iter()
            .find_map(|name| self.headers.get(*name))?;
        Some(id.to_str().ok()?.chars().take(100).collect())
    }

    /// Null without a body.
    fn json(&self) -> Result<Value, String> {
        if self.text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&self.text).map_err(|e| format!("not JSON: {e}"))
    }

    /// What the upstream says about its refusal.
    fn message(&self) -> String {
        let json = self.json().unwrap_or(Value::Null);
        let message = json.get("message").and_then(Value::as_str).unwrap_or(&self.text).trim();
        if message.is_empty() {
            return self.status.canonical_reason().unwrap_or("no reason given").to_owned();
        }
        message.chars().take(LONGEST_MESSAGE).collect()
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
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
