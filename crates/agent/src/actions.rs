//! The catalogue: every action once, in one table. Each file declares one: its input and output, what it does to the
//! library, the request it makes, and how its effect is looked up afterwards.

mod delete_file;
mod file;
mod get_file_details;
mod list_files;
mod upload_file;

use bytes::Bytes;
use http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::drift::{self, Drift};
use crate::error::CallError;
use crate::read_back::ReadBack;
use crate::request::ApiRequest;
use crate::schema;

/// Every action, in the order in which they are shown.
pub const ACTIONS: &[Action] = &[
    Action::of::<list_files::ListFiles>(),
    Action::of::<get_file_details::GetFileDetails>(),
    Action::of::<upload_file::UploadFile>(),
    Action::of::<delete_file::DeleteFile>(),
];

/// The action of that name, or an error that names the nearest one.
pub fn find(name: &str) -> Result<&'static Action, CallError> {
    ACTIONS.iter().find(|a| a.name == name).ok_or_else(|| {
        let nearest = ACTIONS
            .iter()
            .map(|a| (strsim::normalized_damerau_levenshtein(a.name, name), a.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.4);
        CallError::UnknownAction {
            name: name.chars().take(100).collect(),
            nearest: nearest.map(|(_, name)| name),
        }
    })
}

/// What an action does to the library. Declared by the action, never guessed from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds or changes; what was there before can be had again.
    Write,
    /// Destroys something for good.
    Delete,
}

impl Effect {
    /// `read`, `write` or `delete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Action {
    /// How it is called.
    pub name: &'static str,
    /// For people, a few words.
    pub title: &'static str,
    /// For agents: what it does, when to use it and when not.
    pub description: &'static str,
    /// What it does to the library.
    pub effect: Effect,
    /// True if sending it twice does no more than sending it once.
    pub idempotent: bool,
    /// Fields of the input that carry content; records show their length only.
    pub(crate) content_fields: &'static [&'static str],
    input_schema: fn() -> Value,
    output_schema: fn() -> Value,
    prepare: Prepare,
}

type Prepare = fn(Value, Option<Bytes>) -> Result<Box<dyn Prepared>, CallError>;

impl Action {
    const fn of<O: Operation + 'static>() -> Self {
        Self {
            name: O::NAME,
            title: O::TITLE,
            description: O::DESCRIPTION,
            effect: O::EFFECT,
            idempotent: O::IDEMPOTENT,
            content_fields: O::CONTENT_FIELDS,
            input_schema: input_schema::<O>,
            output_schema: output_schema::<O::Output>,
            prepare: prepare::<O>,
        }
    }

    /// JSON Schema (2020-12) of the input: an object without references.
    pub fn input_schema(&self) -> Value {
        (self.input_schema)()
    }

    /// JSON Schema (2020-12) of the output: an object without references.
    pub fn output_schema(&self) -> Value {
        (self.output_schema)()
    }

    /// Text becomes types here, once.
    pub(crate) fn prepare(&self, input: Value, file: Option<Bytes>) -> Result<Box<dyn Prepared>, CallError> {
        (self.prepare)(input, file)
    }
}

/// The declaration of an action; the type itself is the input.
pub(crate) trait Operation: DeserializeOwned + JsonSchema + Send + Sync + Sized {
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;
    const EFFECT: Effect;
    const IDEMPOTENT: bool;
    const CONTENT_FIELDS: &'static [&'static str] = &[];

    /// What comes out. Its schema is what a serialised value always satisfies; `#[serde(default)]` on a field says that
    /// the API promises it and that we can do without: its absence is drift, not failure.
    type Output: Serialize + DeserializeOwned + JsonSchema;

    /// Takes the bytes of a file that a door has read.
    fn attach(self, _file: Bytes) -> Result<Self, CallError> {
        Err(CallError::invalid(format!("{} takes no file", Self::NAME)))
    }

    /// The HTTP request. What a schema can't say about the input is checked here.
    fn request(&self) -> Result<ApiRequest, CallError>;

    /// True for the statuses that mean success; `repeated` if an earlier attempt may already have done the work.
    fn succeeds(status: StatusCode, _repeated: bool) -> bool {
        status.is_success()
    }

    /// The answer's JSON (null without a body) in the shape of the output.
    fn shape(&self, answer: Value) -> Value {
        answer
    }

    /// How to see that the effect took place; `None` where there is none to see.
    fn read_back(&self, output: &Self::Output) -> Option<ReadBack>;
}

/// An operation with its input, its type forgotten, so that the pipeline is compiled once.
pub(crate) trait Prepared: Send + Sync {
    fn request(&self) -> Result<ApiRequest, CallError>;
    fn succeeds(&self, status: StatusCode, repeated: bool) -> bool;
    fn understand(&self, answer: Value) -> Result<Understood, Misunderstood>;
}

/// An answer that fits the output's type.
pub(crate) struct Understood {
    pub output: Value,
    pub drift: Vec<Drift>,
    pub read_back: Option<ReadBack>,
}

/// An answer that does not.
pub(crate) struct Misunderstood {
    pub reason: String,
    pub drift: Vec<Drift>,
}

impl<O: Operation> Prepared for O {
    fn request(&self) -> Result<ApiRequest, CallError> {
        Operation::request(self)
    }

    fn succeeds(&self, status: StatusCode, repeated: bool) -> bool {
        <Self as Operation>::succeeds(status, repeated)
    }

    fn understand(&self, answer: Value) -> Result<Understood, Misunderstood> {
        let shaped = self.shape(answer);
        let drift = drift::of(&schema::differences(&output_schema::<O::Output>(), &shaped));
        let unfit = |reason: String, drift: &[Drift]| Misunderstood {
            reason,
            drift: drift.to_vec(),
        };
        let typed: O::Output = serde_json::from_value(shaped).map_err(|e| unfit(e.to_string(), &drift))?;
        let output = serde_json::to_value(&typed).map_err(|e| unfit(e.to_string(), &drift))?;
        Ok(Understood {
            read_back: Operation::read_back(self, &typed),
            output,
            drift,
        })
    }
}

fn prepare<O: Operation + 'static>(input: Value, file: Option<Bytes>) -> Result<Box<dyn Prepared>, CallError> {
    let differences = schema::differences(&input_schema::<O>(), &input);
    if !differences.is_empty() {
        let said = differences.iter().map(ToString::to_string);
        return Err(CallError::invalid(said.collect::<Vec<_>>().join("; ")));
    }
    let operation: O = serde_json::from_value(input).map_err(|e| CallError::invalid(e.to_string()))?;
    let operation = match file {
        Some(file) => operation.attach(file)?,
        None => operation,
    };
    Ok(Box::new(operation))
}

fn input_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    schema_of::<T>(settings)
}

fn output_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    schema_of::<T>(settings)
}

/// Without references, because clients differ in how well they follow them, and without what says nothing to an agent:
/// `default: null`, and formats such as `uint32`, which are Rust's own.
fn schema_of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let plain = RecursiveTransform(|schema: &mut Schema| {
        schema.remove("default");
        schema.remove("format");
    });
    let settings = settings.with(|s| s.inline_subschemas = true).with_transform(plain);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

#[cfg(test)]
mod tests;
