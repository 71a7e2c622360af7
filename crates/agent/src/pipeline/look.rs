//! Looking: at what a call touches before it is made, and at its effect afterwards.

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use serde_json::Value;
use tokio::time::sleep;

use super::send::{Trip, Way};
use super::{Authority, Course, Pipeline, Verify};
use crate::actions::Effect;
use crate::audit::CallRecord;
use crate::error::CallError;
use crate::policy::{Decision, default_of};
use crate::read_back::{Check, Look, Probe, Verification};
use crate::references::{self, Reference};
use crate::request::ApiRequest;
use crate::survey::{
    Bin, Contents, MOST_PAGES, MOST_ROWS, Seen, State, Survey, Target, contents, newest_in_trash, versions,
};

/// Looks at once: many would use up the rate of a key.
const AT_ONCE: usize = 8;

impl Pipeline {
    /// Looks at what a call touches, as far as somebody needs to know it.
    pub(super) async fn survey(
        &self,
        course: &Course<'_>,
        targets: Vec<Target>,
        record: &mut CallRecord,
    ) -> Result<Survey, CallError> {
        let about = &course.about;
        let narrow = course.principal.grant.as_ref().is_some_and(|grant| grant.is_narrow());
        let changes = about.effect.changes();
        let asked = self.policy.asks_for_facts(about, course.principal);
        let needed = changes
            && (about.needs_survey
                || default_of(about.effect) == Decision::Confirm
                || course.options.dry_run
                || course.options.verify != Verify::None);
        let mut survey = Survey {
            seen: targets.into_iter().map(unseen).collect(),
            ..Survey::default()
        };
        if !(narrow || asked || needed) {
            return Ok(survey);
        }
        self.look_at(course, &mut survey, record).await?;
        if changes {
            present(&survey)?;
        }
        let mut further = Survey {
            seen: course.operation.further(&survey).into_iter().map(unseen).collect(),
            ..Survey::default()
        };
        self.look_at(course, &mut further, record).await?;
        survey.seen.append(&mut further.seen);
        if about.trashes {
            survey.bin = self.bin(course, record).await;
        }
        // Whoever is asked to agree, and a rule about how much, needs all of it.
        let waits = self.policy.decide(about, course.principal, &survey).decision == Decision::Confirm
            && !matches!(course.authority, Authority::OfASet { .. });
        let deep = course.options.dry_run || waits || asked || matches!(course.authority, Authority::Approved { .. });
        if changes && deep {
            self.look_into(course, &mut survey, record).await;
        }
        // For whoever decides: what would miss a file is no part of what the call touches.
        if about.unlinks && (course.options.dry_run || waits) {
            survey.references = self.references(course, &survey, record).await;
        }
        Ok(survey)
    }

    /// The trash of the upstream; `None` if it has none, or it can't be seen.
    async fn bin(&self, course: &Course<'_>, record: &mut CallRecord) -> Option<Bin> {
        let way = Way::to_look(course.connection, &course.clock);
        let mut trip = Trip::default();
        let sent = self.send(&newest_in_trash(), &way, &mut trip).await;
        record.heals.extend(trip.heals);
        let reply = sent.ok().filter(|reply| reply.status.is_success())?;
        let days: u64 = reply.header("x-trash-days")?.parse().ok()?;
        if days == 0 {
            return None;
        }
        let rows = reply.into_json().ok()?;
        let text = |name: &str| rows[0][name].as_str().map(str::to_owned);
        Some(Bin {
            days,
            newest: text("id").zip(text("deletedAt")),
        })
    }

    /// What names a file that the call touches; `None` where that can't be learned.
    async fn references(
        &self,
        course: &Course<'_>,
        survey: &Survey,
        record: &mut CallRecord,
    ) -> Option<Vec<Reference>> {
        let answer = self
            .ask_all(course, vec![Some(references::look())], record)
            .await
            .pop()?;
        let (status, rows) = answer?.ok()?;
        if !status.is_success() {
            return None;
        }
        references::among(&rows, survey)
    }

    async fn look_at(
        &self,
        course: &Course<'_>,
        survey: &mut Survey,
        record: &mut CallRecord,
    ) -> Result<(), CallError> {
        let looks = survey.seen.iter().map(|seen| seen.target.look()).collect::<Vec<_>>();
        let answers = self.ask_all(course, looks, record).await;
        for (seen, answer) in survey.seen.iter_mut().zip(answers) {
            seen.state = match answer {
                None => State::Unknown,
                Some(Ok((status, json))) => seen.target.read(status, json),
                Some(Err(error)) => return Err(error),
            };
        }
        Ok(())
    }

    /// What lies in folders, and how many versions files have. What can't be learned stays unknown.
    async fn look_into(&self, course: &Course<'_>, survey: &mut Survey, record: &mut CallRecord) {
        let counts_versions = course.about.effect == Effect::Destructive && survey.seen.len() <= 20;
        let looks = survey.seen.iter().map(|seen| match (&seen.target, &seen.state) {
            (Target::File(id), State::Present(_)) if counts_versions => Some(versions(id.as_str())),
            _ => None,
        });
        let looks = looks.collect::<Vec<_>>();
        let answers = self.ask_all(course, looks, record).await;
        for (seen, answer) in survey.seen.iter_mut().zip(answers) {
            let Some(Ok((status, json))) = answer else {
                continue;
            };
            if !status.is_success() {
                continue;
            }
            seen.versions = json.as_array().map(Vec::len);
        }
        for seen in &mut survey.seen {
            if seen.target.is_open(&seen.state)
                && let Some(search) = seen.target.search()
            {
                seen.contents = self.contents(course, &search, record).await;
                if let Some(contents) = &mut seen.contents {
                    contents.rows.retain(|row| seen.target.takes(row));
                }
            }
        }
    }

    /// What a search finds, page by page; `None` if nothing of it can be learned.
    async fn contents(&self, course: &Course<'_>, search: &str, record: &mut CallRecord) -> Option<Contents> {
        let mut rows = Vec::new();
        for _ in 0..MOST_PAGES {
            let look = contents(search, rows.len());
            let answer = self.ask_all(course, vec![Some(look)], record).await.pop().flatten();
            let Some(Ok((status, Value::Array(page)))) = answer else {
                break;
            };
            if !status.is_success() {
                break;
            }
            let is_last = page.len() < MOST_ROWS;
            rows.extend(page);
            if is_last {
                return Some(Contents { rows, cut: false });
            }
        }
        (!rows.is_empty()).then_some(Contents { rows, cut: true })
    }

    async fn ask_all(
        &self,
        course: &Course<'_>,
        looks: Vec<Option<ApiRequest>>,
        record: &mut CallRecord,
    ) -> Vec<Option<Result<(http::StatusCode, Value), CallError>>> {
        let way = Way::to_look(course.connection, &course.clock);
        let way = &way;
        let asked = looks.into_iter().map(|look| {
            async move {
                let request = look?;
                let mut trip = Trip::default();
                let sent = self.send(&request, way, &mut trip).await;
                let answer = match sent {
                    Ok(reply) => {
                        let status = reply.status;
                        reply
                            .into_json()
                            .map(|json| (status, json))
                            .map_err(|reason| CallError::Misunderstood {
                                reason,
                                drift: Vec::new(),
                                done: false,
                            })
                    }
                    Err(failed) => Err(failed.into_error(false)),
                };
                Some((answer, trip.heals))
            }
            .boxed()
        });
        let asked: Vec<BoxFuture<'_, _>> = asked.collect();
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let answers = answers.into_iter().map(|answer| {
            let (answer, heals) = answer?;
            record.heals.extend(heals);
            Some(answer)
        });
        answers.collect()
    }

    /// Looks whether the effect is there. The answers are for the way back.
    pub(super) async fn verify(
        &self,
        course: &Course<'_>,
        output: &Value,
        survey: &Survey,
        record: &mut CallRecord,
    ) -> Result<Vec<Value>, CallError> {
        record.verification = Some(Verification::NotNeeded);
        // What only reads has no effect, and its output, which may be long, is not read again for nothing.
        if course.options.verify == Verify::None || !course.about.effect.changes() {
            return Ok(Vec::new());
        }
        let probes = course.operation.read_back(output, survey);
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        // Work that goes on comes to its end before its effect can be looked at.
        let in_order = probes.first().is_some_and(Probe::waits);
        let at_once = if in_order { 1 } else { AT_ONCE };
        // Boxed and collected: a closure over references kept across awaits is no `Send` to the compiler.
        let looks: Vec<BoxFuture<'_, Looked>> = probes.iter().map(|probe| self.look(course, probe).boxed()).collect();
        let mut looked = stream::iter(looks).buffered(at_once);
        let (mut checks, mut answers, mut reason) = (Vec::new(), Vec::new(), None);
        while let Some(seen) = looked.next().await {
            record.request_ids.extend(seen.request_ids);
            answers.push(seen.answer);
            checks.extend(seen.checks);
            if !seen.is_told {
                reason = reason.or(seen.reason);
            }
            if in_order && reason.is_some() {
                break;
            }
        }
        if checks.iter().any(|check| !check.ok) {
            return Err(CallError::NotThere(checks));
        }
        record.verification = Some(match reason {
            Some(reason) => Verification::Unverified { reason, checks },
            None => Verification::Verified { checks },
        });
        Ok(answers)
    }

    /// One look, repeated if the effect is not there: reading may lag behind writing.
    async fn look(&self, course: &Course<'_>, probe: &Probe) -> Looked {
        let way = Way::to_look(course.connection, &course.clock);
        let mut seen = Looked {
            is_told: probe.is_told(),
            ..Looked::default()
        };
        let mut looks = 0;
        loop {
            looks += 1;
            let mut trip = Trip::default();
            let sent = self.send(&probe.request, &way, &mut trip).await;
            seen.request_ids.extend(trip.request_ids);
            let reply = match sent {
                Ok(reply) => reply,
                Err(failed) => return seen.because(failed.into_error(false).to_string()),
            };
            let status = reply.status;
            let json = match reply.into_json() {
                Ok(json) => json,
                Err(reason) => return seen.because(reason),
            };
            let look = probe.compare(status, &json);
            seen.answer = json;
            if let (Look::NotYet(reason), Some(line)) = (&look, &course.options.line) {
                line.tell(how_far(&seen.answer).unwrap_or_else(|| reason.clone()));
            }
            // Nobody waits: that the work was begun is known.
            let strict = course.options.verify == Verify::Strict && !course.is_cancelled();
            let mut pause = self.limits.first_pause;
            let last = match &look {
                Look::Checks(checks) if checks.iter().all(|check| check.ok) => true,
                Look::Partly(_) => true,
                // A job that has ended stays as it is.
                Look::Checks(_) if probe.waits() && status.is_success() => true,
                Look::Checks(_) => looks >= self.limits.looks,
                // Longer and longer, because a job may take minutes.
                Look::NotYet(_) => {
                    pause = pause.saturating_mul(looks.min(8));
                    !strict && looks >= self.limits.looks
                }
            };
            if last || pause >= course.clock.left() {
                return match look {
                    Look::Checks(checks) => Looked { checks, ..seen },
                    Look::NotYet(reason) | Look::Partly(reason) => seen.because(reason),
                };
            }
            sleep(pause).await;
        }
    }
}

/// How far a job says that it is.
fn how_far(job: &Value) -> Option<String> {
    let done = job["progress"]["done"].as_u64()?;
    Some(match job["progress"]["total"].as_u64() {
        Some(total) => format!("{done} of {total} done"),
        None => format!("{done} done"),
    })
}

/// What one look came to.
#[derive(Default)]
struct Looked {
    checks: Vec<Check>,
    /// Why it is not known.
    reason: Option<String>,
    answer: Value,
    request_ids: Vec<String>,
    /// It says nothing about the effect.
    is_told: bool,
}

impl Looked {
    fn because(self, reason: String) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}

fn unseen(target: Target) -> Seen {
    Seen {
        target,
        state: State::Unknown,
        contents: None,
        versions: None,
    }
}

/// What is to be changed has to be there.
fn present(survey: &Survey) -> Result<(), CallError> {
    let absent = survey
        .seen
        .iter()
        .find(|seen| seen.state == State::Absent && !seen.target.may_be_absent());
    match absent {
        Some(seen) => Err(CallError::missing(&seen.target.told())),
        None => Ok(()),
    }
}
