//! What an action's declaration consists of, and its form for the pipeline, in which its types are forgotten.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::StatusCode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::{About, contract};
use crate::credential::Credential;
use crate::drift::{self, Drift, DriftMode};
use crate::error::CallError;
use crate::principal::Principal;
use crate::read_back::Probe;
use crate::request::ApiRequest;
use crate::schema;
use crate::store::Store;
use crate::survey::{Survey, Target};

/// The declaration of an action; the type itself is the input.
pub(crate) trait Operation: DeserializeOwned + JsonSchema + Send + Sync + Sized {
    const ABOUT: About;

    /// What comes out. Its schema is what a serialised value always satisfies; `#[serde(default)]` on a field says that
    /// the API promises it and that we can do without: its absence is drift, not failure.
    type Output: Serialize + DeserializeOwned + JsonSchema;

    /// Takes the bytes of a file that a door has read.
    fn attach(self, _file: Bytes) -> Result<Self, CallError> {
        Err(CallError::invalid(format!("{} takes no file", Self::ABOUT.name)))
    }

    /// What it touches.
    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Ok(Vec::new())
    }

    /// What it touches beside that, which only what was seen of its targets tells.
    fn further(&self, _survey: &Survey) -> Vec<Target> {
        Vec::new()
    }

    /// The HTTP request. What a schema can't say about the input is checked here.
    fn request(&self) -> Result<ApiRequest, CallError>;

    /// The requests, for an action that is made of several or needs to know what it touches.
    fn steps(&self, _survey: &Survey) -> Result<Vec<Step>, CallError> {
        Ok(vec![Step {
            label: String::new(),
            request: self.request()?,
        }])
    }

    /// The answer of an action that asks nobody.
    fn local(&self, _signer: &Signer<'_>) -> Option<Result<Value, CallError>> {
        None
    }

    /// The answer of an action about what the agent side itself keeps; `None` for those that ask an upstream.
    fn kept<'a>(&'a self, _desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        None
    }

    /// True for the statuses that mean success; `repeated` if an earlier attempt may already have done the work.
    fn succeeds(status: StatusCode, _repeated: bool) -> bool {
        status.is_success()
    }

    /// The answer's JSON (null without a body) in the shape of the output.
    fn shape(&self, answer: Value) -> Value {
        answer
    }

    /// The same for an action that needs what the answer's headers say.
    fn shape_told(&self, answer: Value, _told: &Told) -> Value {
        self.shape(answer)
    }

    /// Why a server that answered so does not have what the action asks for: one that ignores a question does not say so.
    fn supported(&self, _told: &Told) -> Result<(), &'static str> {
        Ok(())
    }

    /// What an answer must hold beyond its types to be one; an error says what is missing.
    fn complete(_output: &Value) -> Result<(), &'static str> {
        Ok(())
    }

    /// One answer out of those of several steps: each with its label, and an error in words.
    fn combine(&self, _outcomes: Vec<(String, Result<Value, String>)>) -> Value {
        Value::Null
    }

    /// How to see, without any answer, whether a request whose answer was lost did its work; `None` where that can't be
    /// told.
    fn reconcile(&self, _survey: &Survey) -> Option<Reconcile> {
        None
    }

    /// The output with so many rows of its list, for one that is too large; `None` where it has no list that goes on.
    fn shorter(&self, _output: &Value, _rows: usize) -> Option<Value> {
        None
    }

    /// How to see that the effect took place; empty where there is none to see.
    fn read_back(&self, _output: &Self::Output, _survey: &Survey) -> Vec<Probe> {
        Vec::new()
    }

    /// The calls that take it back. `looked` are the answers of the read-back, in order.
    fn inverse(&self, _output: &Self::Output, _survey: &Survey, _looked: &[Value]) -> Inverse {
        Inverse::None("the API has no way back")
    }
}

/// One request of an action.
#[derive(Debug)]
pub(crate) struct Step {
    /// What it is about, for an action of several steps.
    pub label: String,
    pub request: ApiRequest,
}

/// How a lost answer is made good by looking.
#[derive(Debug)]
pub(crate) struct Reconcile {
    /// All of them must say that it is done.
    pub probes: Vec<Probe>,
    /// What the answer would have been.
    pub answer: Lost,
}

/// An answer that never came.
#[derive(Debug)]
pub(crate) enum Lost {
    /// It would have been this.
    Known(Value),
    /// It would have been this of the row that the first probe found.
    InRow(fn(&Value) -> Value),
    /// It said more than can be seen.
    Gone,
}

/// What an answer says beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Where the next page of a listing begins.
    pub next_cursor: Option<String>,
    /// How many entries a listing has in all; false if there are more than that.
    pub total: Option<(u64, bool)>,
    /// What kind of comparison a listing of files is.
    pub listed: Option<String>,
    /// Why each row of it is there, in order; empty if it does not say.
    pub matched: Vec<String>,
}

/// What an action works with that is about the agent side itself.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub store: &'a Store,
    pub principal: &'a Principal,
    /// Name of the connection that the call names.
    pub connection: &'a str,
    /// Base URL of the doors of this process; `None` if it has none.
    pub door: Option<&'a str>,
    pub now: OffsetDateTime,
}

/// What signs without asking anybody.
pub(crate) struct Signer<'a> {
    pub credential: &'a Credential,
    pub public_key: Option<&'a str>,
    pub now: OffsetDateTime,
}

/// The way back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Inverse {
    /// These calls, in order. None if nothing was changed.
    Calls(Vec<InverseCall>),
    /// These calls, until then (RFC 3339): a trash is emptied in time.
    Until(Vec<InverseCall>, String),
    /// There is none, because.
    None(&'static str),
}

/// A call that takes something back.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub(crate) struct InverseCall {
    pub action: String,
    pub input: Value,
    /// The file that has to be at the place which the call names first: another one is not put where this one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
}

impl InverseCall {
    pub fn new(action: &str, input: Value) -> Self {
        Self {
            action: action.to_owned(),
            input,
            file_id: None,
        }
    }

    /// For the file with the id that stands in these facts.
    pub fn of(mut self, facts: Option<&Value>) -> Self {
        self.file_id = facts.and_then(|facts| facts["fileId"].as_str()).map(str::to_owned);
        self
    }
}

impl Inverse {
    pub fn call(action: &str, input: Value) -> Self {
        Self::Calls(vec![InverseCall::new(action, input)])
    }
}

/// An operation with its input, its type forgotten, so that the pipeline is compiled once.
pub(crate) trait Prepared: Send + Sync {
    fn targets(&self) -> Result<Vec<Target>, CallError>;
    fn further(&self, survey: &Survey) -> Vec<Target>;
    fn steps(&self, survey: &Survey) -> Result<Vec<Step>, CallError>;
    fn local(&self, signer: &Signer<'_>) -> Option<Result<Value, CallError>>;
    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>>;
    fn succeeds(&self, status: StatusCode, repeated: bool) -> bool;
    fn combine(&self, outcomes: Vec<(String, Result<Value, String>)>) -> Value;
    fn supported(&self, told: &Told) -> Result<(), &'static str>;
    fn understand(&self, said: Said, mode: DriftMode) -> Result<Understood, Misunderstood>;
    fn reconcile(&self, survey: &Survey) -> Option<Reconcile>;
    fn shorter(&self, output: &Value, rows: usize) -> Option<Value>;
    fn read_back(&self, output: &Value, survey: &Survey) -> Vec<Probe>;
    fn inverse(&self, output: &Value, survey: &Survey, looked: &[Value]) -> Inverse;
}

/// What the upstream said, and whether it has the shape of the output already.
#[derive(Debug)]
pub(crate) struct Said {
    pub answer: Value,
    pub shaped: bool,
    pub told: Told,
    /// Answers that it was made of lay in envelopes, which were taken off.
    pub wrapped: bool,
}

impl Said {
    /// What has the shape of the output already.
    pub fn shaped(answer: Value) -> Self {
        Self {
            answer,
            shaped: true,
            told: Told::default(),
            wrapped: false,
        }
    }
}

/// An answer that fits the output's type.
#[derive(Debug)]
pub(crate) struct Understood {
    pub output: Value,
    pub drift: Vec<Drift>,
}

/// An answer that does not.
#[derive(Debug)]
pub(crate) struct Misunderstood {
    pub reason: String,
    pub drift: Vec<Drift>,
}

impl<O: Operation> Prepared for O {
    fn targets(&self) -> Result<Vec<Target>, CallError> {
        Operation::targets(self)
    }

    fn further(&self, survey: &Survey) -> Vec<Target> {
        Operation::further(self, survey)
    }

    fn steps(&self, survey: &Survey) -> Result<Vec<Step>, CallError> {
        Operation::steps(self, survey)
    }

    fn local(&self, signer: &Signer<'_>) -> Option<Result<Value, CallError>> {
        Operation::local(self, signer)
    }

    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        Operation::kept(self, desk)
    }

    fn succeeds(&self, status: StatusCode, repeated: bool) -> bool {
        <Self as Operation>::succeeds(status, repeated)
    }

    fn combine(&self, outcomes: Vec<(String, Result<Value, String>)>) -> Value {
        Operation::combine(self, outcomes)
    }

    fn supported(&self, told: &Told) -> Result<(), &'static str> {
        Operation::supported(self, told)
    }

    fn understand(&self, said: Said, mode: DriftMode) -> Result<Understood, Misunderstood> {
        let contract = contract(O::ABOUT.name);
        let schema = &contract.output;
        let Said {
            answer,
            shaped,
            told,
            wrapped,
        } = said;
        let raw = (mode == DriftMode::Repair && !shaped).then(|| answer.clone());
        let mut shaped = if shaped { answer } else { self.shape_told(answer, &told) };
        // An answer as it is promised is the output; nothing is gained by making a type of each of its rows and a text again.
        if contract.output_compiled.fits(&shaped) {
            return match <Self as Operation>::complete(&shaped) {
                Ok(()) => Ok(Understood {
                    output: shaped,
                    drift: wrapped.then(drift::envelope).into_iter().collect(),
                }),
                Err(reason) => Err(Misunderstood {
                    reason: reason.to_owned(),
                    drift: Vec::new(),
                }),
            };
        }
        let mut drift = drift::of(&schema::differences(schema, &shaped));
        if !drift.is_empty() && mode == DriftMode::Repair {
            if let Some(inner) = raw.as_ref().and_then(drift::unwrapped) {
                let inner = self.shape_told(inner, &told);
                let others = drift::of(&schema::differences(schema, &inner));
                if others.len() < drift.len() {
                    drift = others;
                    drift.push(drift::envelope());
                    shaped = inner;
                }
            }
            drift::repair(schema, &mut shaped, &mut drift);
        }
        if wrapped {
            drift.push(drift::envelope());
        }
        let unfit = |reason: String, drift: &[Drift]| Misunderstood {
            reason,
            drift: drift.to_vec(),
        };
        if mode == DriftMode::Strict && !drift.is_empty() {
            return Err(unfit("no drift is accepted here".to_owned(), &drift));
        }
        let typed: O::Output = serde_json::from_value(shaped).map_err(|e| unfit(e.to_string(), &drift))?;
        let output = serde_json::to_value(&typed).map_err(|e| unfit(e.to_string(), &drift))?;
        <Self as Operation>::complete(&output).map_err(|reason| unfit(reason.to_owned(), &drift))?;
        Ok(Understood { output, drift })
    }

    fn reconcile(&self, survey: &Survey) -> Option<Reconcile> {
        Operation::reconcile(self, survey)
    }

    fn shorter(&self, output: &Value, rows: usize) -> Option<Value> {
        Operation::shorter(self, output, rows)
    }

    fn read_back(&self, output: &Value, survey: &Survey) -> Vec<Probe> {
        // The output came out of this very type.
        O::Output::deserialize(output).map_or_else(|_| Vec::new(), |o| Operation::read_back(self, &o, survey))
    }

    fn inverse(&self, output: &Value, survey: &Survey, looked: &[Value]) -> Inverse {
        match O::Output::deserialize(output) {
            Ok(output) => Operation::inverse(self, &output, survey, looked),
            Err(_) => Inverse::None("the answer can't be read"),
        }
    }
}

pub(super) fn prepare<O: Operation + 'static>(
    input: Value,
    file: Option<Bytes>,
) -> Result<Box<dyn Prepared>, CallError> {
    let contract = contract(O::ABOUT.name);
    if !contract.input_compiled.fits(&input) {
        let differences = schema::differences(&contract.input, &input);
        if !differences.is_empty() {
            let said = differences.iter().map(ToString::to_string);
            return Err(CallError::invalid(said.collect::<Vec<_>>().join("; ")));
        }
    }
    let operation: O = serde_json::from_value(input).map_err(|e| CallError::invalid(e.to_string()))?;
    let operation = match file {
        Some(file) => operation.attach(file)?,
        None => operation,
    };
    Ok(Box::new(operation))
}

/// Tells an absent field from one that is null: null clears.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A JSON object of those fields that have a value.
pub(super) fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect())
}

/// A value as JSON, for bodies and expectations. What is declared here has string keys, so it can't fail.
pub(super) fn plain(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// A choice's spelling is the one that serde gives it.
pub(super) fn word(choice: impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}
