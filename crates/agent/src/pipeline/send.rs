//! Sending: the rate, the key, the circuit, the retries, and what is made of an answer that never came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use rand::Rng;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::{Clock, Course, Pipeline, millis};
use crate::actions::{Lost, Prepared, Said, Step, Told};
use crate::audit::{CallRecord, Heal};
use crate::connection::{Connection, Key};
use crate::drift::{self, DriftMode};
use crate::error::{CallError, says_key_is_refused};
use crate::rate::{Passage, Rate, Tier};
use crate::read_back::{Look, Probe};
use crate::request::{ApiRequest, Host};
use crate::retry::{self, Failure};
use crate::survey::Survey;
use crate::upstream::TransportError;

/// An upstream's own words are repeated up to here.
const LONGEST_MESSAGE: usize = 500;

/// Refusals of a key that are met in one request: a spurious one, and each key of a connection.
const MOST_REFUSALS: u32 = 7;

impl Pipeline {
    /// Sends all steps of an action, and makes one answer of theirs.
    pub(super) async fn send_all(
        &self,
        course: &Course<'_>,
        steps: Vec<Step>,
        survey: &Survey,
        record: &mut CallRecord,
    ) -> Result<Said, CallError> {
        if !course.about.many {
            let Some(step) = steps.into_iter().next() else {
                return Err(CallError::invalid("there is nothing to do"));
            };
            return self.send_one(course, &step.request, survey, record).await;
        }
        let (mut outcomes, mut wrapped) = (Vec::new(), false);
        for step in steps {
            let said = self.send_one(course, &step.request, survey, record).await;
            // The one that may have been done stops the rest: what follows could build on what is not there.
            match said {
                Err(error) if !error.changed_nothing() => return Err(error),
                Ok(said) => {
                    // Here, because what they are combined to has the shape of the output, whatever they were.
                    let inner = (course.options.drift == DriftMode::Repair).then(|| drift::unwrapped(&said.answer));
                    let inner = inner.flatten();
                    wrapped |= inner.is_some();
                    outcomes.push((step.label, Ok(inner.unwrap_or(said.answer))));
                }
                Err(error) => outcomes.push((step.label, Err(error.to_string()))),
            }
        }
        Ok(Said {
            wrapped,
            ..Said::shaped(course.operation.combine(outcomes))
        })
    }

    async fn send_one(
        &self,
        course: &Course<'_>,
        request: &ApiRequest,
        survey: &Survey,
        record: &mut CallRecord,
    ) -> Result<Said, CallError> {
        let changes = course.about.effect.changes();
        let mut trip = Trip::default();
        let way = Way {
            connection: course.connection,
            idempotent: course.about.idempotent,
            success: Success::Of(course.operation),
            clock: &course.clock,
        };
        let sent = self.send(request, &way, &mut trip).await;
        trip.note(record);
        let error = match sent {
            Ok(answer) => {
                record.rate = answer.rate();
                let told = answer.told();
                let supported = course.operation.supported(&told);
                match answer.into_json() {
                    Ok(answer) => {
                        supported.map_err(CallError::Unsupported)?;
                        return Ok(Said {
                            answer,
                            shaped: false,
                            told,
                            wrapped: false,
                        });
                    }
                    // A page instead of an answer, from whatever stands in between.
                    Err(reason) => CallError::Misunderstood {
                        reason,
                        drift: Vec::new(),
                        done: changes,
                    },
                }
            }
            Err(failed) => failed.into_error(changes),
        };
        if changes && !error.changed_nothing() && !course.about.many {
            // Nobody knows how it ended: the library does.
            if let Some(answer) = self.reconciled(course, survey, record).await {
                record.heals.push(Heal::new("no_answer", "found_done"));
                return Ok(Said {
                    answer,
                    shaped: false,
                    told: Told::default(),
                    wrapped: false,
                });
            }
        }
        Err(error)
    }

    /// The answer that a request would have had, if looking shows that it did its work.
    async fn reconciled(&self, course: &Course<'_>, survey: &Survey, record: &mut CallRecord) -> Option<Value> {
        let reconcile = course.operation.reconcile(survey)?;
        let mut found = None;
        for probe in &reconcile.probes {
            let mut trip = Trip::default();
            let way = Way::to_look(course.connection, &course.clock);
            let sent = self.send(&probe.request, &way, &mut trip).await;
            record.request_ids.extend(trip.request_ids);
            let answer = sent.ok()?;
            let status = answer.status;
            let json = answer.into_json().ok()?;
            match probe.compare(status, &json) {
                Look::Checks(checks) if checks.iter().all(|check| check.ok) => {
                    found = found.or_else(|| probe.found(&json));
                }
                _ => return None,
            }
        }
        match reconcile.answer {
            Lost::Known(answer) => Some(answer),
            Lost::InRow(answer) => found.as_ref().map(answer),
            Lost::Gone => None,
        }
    }

    /// Sends until there is success, an error that stays, or no time left.
    pub(super) async fn send(&self, request: &ApiRequest, way: &Way<'_>, trip: &mut Trip) -> Result<Reply, Failed> {
        let boundary = format!("tintype-{}", uuid::Uuid::new_v4());
        let bare = way
            .connection
            .upstream
            .request(request, &boundary)
            .map_err(Failed::of)?;
        // True once an attempt may have been carried out although no answer says so.
        let mut unsettled = false;
        let mut refusals = 0;
        loop {
            let key = way.connection.key().await.map_err(Failed::of)?;
            let passage = self.enter(request, &key, way, trip).await?;
            trip.attempts += 1;
            let attempt = self.attempt(&bare, &key, way).await;
            passage.leave(is_there(&attempt), self.limits.patience, Instant::now());
            if let Ok(reply) = &attempt {
                trip.request_ids.extend(reply.request_id.clone());
            }
            let attempt = match attempt {
                Ok(reply) if way.success.is(reply.status, unsettled) => return Ok(reply),
                other => other,
            };
            if let Ok(reply) = &attempt
                && reply.refuses_key()
                && refusals < MOST_REFUSALS
            {
                refusals += 1;
                // The first refusal may be a slip of the server; one that speaks of the key is none.
                if refusals == 1 && reply.status == StatusCode::UNAUTHORIZED {
                    trip.heals.push(Heal::new("unauthorized", "repeated"));
                    continue;
                }
                match way
                    .connection
                    .instead_of(&key, way.clock.date())
                    .await
                    .map_err(Failed::of)?
                {
                    Some(_) => {
                        trip.heals.push(Heal::new("credential_expired", "next_key"));
                        continue;
                    }
                    None => return Err(Failed::of(CallError::CredentialExpired(way.connection.name.clone()))),
                }
            }
            let failure = match &attempt {
                Ok(reply) => Failure::Answer(reply.status, &reply.headers),
                Err(error) => Failure::Transport(error),
            };
            unsettled |= retry::is_unsettled(&failure);
            let chance = rand::rng().random_range(0.0..=1.0);
            let pause = retry::pause(&self.limits, trip.attempts, &failure, way.clock.now(), chance);
            let again = trip.attempts.saturating_sub(refusals) < self.limits.attempts
                && retry::may_repeat(&failure, way.idempotent);
            if !again || pause >= way.clock.left() {
                return Err(Failed {
                    retry_after: retry::named_pause(&failure, way.clock.now()),
                    attempt: Ok(attempt),
                    unsettled,
                });
            }
            trip.heals.push(healing(&failure));
            trip.waited += pause;
            sleep(pause).await;
        }
    }

    /// Waits for the credential's rate, and asks whether the upstream is asked at all.
    async fn enter(
        &self,
        request: &ApiRequest,
        key: &Key,
        way: &Way<'_>,
        trip: &mut Trip,
    ) -> Result<Passage<'_>, Failed> {
        let upstream = way.connection.upstream.base();
        let open = |wait| Failed::of(CallError::CircuitOpen(wait));
        let passage = self
            .breakers
            .enter(upstream, self.limits.patience, Instant::now())
            .map_err(open)?;
        if !way.connection.is_limited() {
            return Ok(passage);
        }
        let (tier, rate) = self.tier(request);
        let wait = self.buckets.take(&key.id, tier, rate, Instant::now());
        if wait >= way.clock.left() {
            self.buckets.give_back(&key.id, tier);
            return Err(Failed::of(CallError::TooFast(wait)));
        }
        trip.waited += wait;
        sleep(wait).await;
        Ok(passage)
    }

    fn tier(&self, request: &ApiRequest) -> (Tier, Rate) {
        let limits = &self.limits;
        let slow = |segment: &String| {
            matches!(
                segment.as_str(),
                "customMetadataFields" | "addTags" | "removeTags" | "removeAITags"
            )
        };
        if request.host == Host::Upload {
            (Tier::Upload, limits.write_rate)
        } else if request.path.iter().any(slow) {
            (Tier::Slow, limits.slow_rate)
        } else if request.method == Method::GET {
            (Tier::Read, limits.read_rate)
        } else {
            (Tier::Write, limits.write_rate)
        }
    }

    async fn attempt(&self, bare: &Request<Bytes>, key: &Arc<Key>, way: &Way<'_>) -> Result<Reply, TransportError> {
        let mut request = bare.clone();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, key.credential.header());
        // What can't be sent again gets the time there is, but for a part in which to look how it ended.
        let left = way.clock.left();
        let patience = if way.idempotent {
            left.min(self.limits.attempt_timeout)
        } else {
            left - (left / 4).min(self.limits.attempt_timeout)
        };
        let transport = way.connection.upstream.transport.clone();
        let response = timeout(patience, transport.oneshot(request))
            .await
            .unwrap_or(Err(TransportError::Timeout))?;
        let (head, body) = response.into_parts();
        let limit = self.limits.answer_bytes;
        if body.len() > limit {
            return Err(TransportError::TooLarge { limit });
        }
        // Text from outside: an upstream may repeat the key.
        let said = match std::str::from_utf8(&body) {
            Ok(text) => key.credential.hide_in_answer(text),
            Err(_) => key.credential.hide_in_answer(&String::from_utf8_lossy(&body)),
        };
        Ok(Reply {
            status: head.status,
            request_id: request_id(&head.headers).map(|id| key.credential.hide(id)),
            headers: head.headers,
            said,
        })
    }
}

/// Whether the upstream is well, whatever it said.
fn is_there(attempt: &Result<Reply, TransportError>) -> bool {
    match attempt {
        // What it does not have and what it has no room for, it says while it is well.
        Ok(reply) => !reply.status.is_server_error() || matches!(reply.status.as_u16(), 501 | 507),
        Err(TransportError::TooLarge { .. }) => true,
        Err(_) => false,
    }
}

/// How requests of one kind are sent.
pub(super) struct Way<'a> {
    pub connection: &'a Connection,
    pub idempotent: bool,
    pub success: Success<'a>,
    pub clock: &'a Clock,
}

impl<'a> Way<'a> {
    /// To look at something.
    pub fn to_look(connection: &'a Connection, clock: &'a Clock) -> Self {
        Self {
            connection,
            idempotent: true,
            success: Success::Tells,
            clock,
        }
    }
}

/// Which answers end the sending.
pub(super) enum Success<'a> {
    /// Those that the action calls success.
    Of(&'a dyn Prepared),
    /// Those that tell something about an effect.
    Tells,
}

impl Success<'_> {
    fn is(&self, status: StatusCode, repeated: bool) -> bool {
        match self {
            Self::Of(operation) => operation.succeeds(status, repeated),
            Self::Tells => Probe::is_answered_by(status),
        }
    }
}

/// All attempts of one request.
#[derive(Default)]
pub(super) struct Trip {
    pub attempts: u32,
    pub waited: Duration,
    pub request_ids: Vec<String>,
    pub heals: Vec<Heal>,
}

impl Trip {
    fn note(self, record: &mut CallRecord) {
        record.attempts += self.attempts;
        record.waited_ms += millis(self.waited);
        record.request_ids.extend(self.request_ids);
        record.heals.extend(self.heals);
    }
}

/// The last attempt, without success.
pub(super) struct Failed {
    /// What came of it, or why it was not made.
    attempt: Result<Result<Reply, TransportError>, CallError>,
    /// An attempt may have been carried out.
    unsettled: bool,
    retry_after: Option<Duration>,
}

impl Failed {
    fn of(error: CallError) -> Self {
        Self {
            attempt: Err(error),
            unsettled: false,
            retry_after: None,
        }
    }

    pub fn into_error(self, changes: bool) -> CallError {
        let unsettled = changes && self.unsettled;
        match self.attempt {
            Ok(Ok(reply)) => CallError::Refused {
                // A clear no to the last attempt is not turned into doubt by what went before.
                unsettled: unsettled && !reply.status.is_client_error(),
                status: reply.status,
                message: reply.message(),
                retry_after: self.retry_after,
                request_id: reply.request_id,
            },
            Ok(Err(error)) => CallError::Unanswered { error, unsettled },
            Err(error) => error,
        }
    }
}

fn healing(failure: &Failure<'_>) -> Heal {
    match failure {
        Failure::Answer(StatusCode::TOO_MANY_REQUESTS, _) => Heal::new("rate_limited", "waited"),
        Failure::Answer(..) => Heal::new("upstream_error", "repeated"),
        Failure::Transport(TransportError::Timeout) => Heal::new("no_answer", "repeated"),
        Failure::Transport(_) => Heal::new("connection_lost", "repeated"),
    }
}

/// An answer without secrets in its text.
pub(super) struct Reply {
    pub status: StatusCode,
    /// The upstream's name of it.
    request_id: Option<String>,
    headers: HeaderMap,
    /// Its JSON, null without a body; of what is none, the reason and the text.
    said: Result<Value, (String, String)>,
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = ["x-ik-requestid", "x-request-id"]
        .iter()
        .find_map(|name| headers.get(*name))?;
    Some(id.to_str().ok()?.chars().take(200).collect())
}

impl Reply {
    /// True if the key itself is refused, not what it asks for.
    fn refuses_key(&self) -> bool {
        match self.status {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => says_key_is_refused(&self.message()),
            _ => false,
        }
    }

    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// What it says beside its body.
    fn told(&self) -> Told {
        let count = self.header("x-total-count").and_then(|count| count.parse().ok());
        let is_exact = self.header("x-total-count-relation") != Some("gt");
        Told {
            next_cursor: self.header("x-next-cursor").map(str::to_owned),
            total: count.map(|count| (count, is_exact)),
            listed: self.header("x-listed").map(str::to_owned),
            matched: self
                .header("x-matched")
                .map(|text| text.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    /// What it says about the rate.
    fn rate(&self) -> BTreeMap<String, u64> {
        let told = [
            ("limit", "x-ratelimit-limit"),
            ("resetMs", "x-ratelimit-reset"),
            ("intervalMs", "x-ratelimit-interval"),
        ];
        let values = told.into_iter().filter_map(|(name, header)| {
            let text = self.headers.get(header)?.to_str().ok()?;
            Some((name.to_owned(), text.trim().parse().ok()?))
        });
        values.collect()
    }

    /// Null without a body.
    pub fn into_json(self) -> Result<Value, String> {
        self.said.map_err(|(reason, _)| format!("not JSON: {reason}"))
    }

    /// What the upstream says about its refusal.
    fn message(&self) -> String {
        let message = match &self.said {
            Ok(Value::Null) => String::new(),
            Ok(json) => json["message"].as_str().map_or_else(|| json.to_string(), str::to_owned),
            Err((_, text)) => text.clone(),
        };
        let message = message.trim();
        if message.is_empty() {
            return self.status.canonical_reason().unwrap_or("no reason given").to_owned();
        }
        message.chars().take(LONGEST_MESSAGE).collect()
    }
}
