//! The catalogue: every action once, in one table. Each is declared in the file of its noun: its input and output, what
//! it does to the library, the request it makes, how its effect is looked up afterwards, and which call takes it back.

mod aliases;
mod alike;
pub(crate) mod asset;
mod cache;
mod delivered;
mod extensions;
mod fields;
mod files;
mod folders;
mod history;
mod list_assets;
mod metadata;
mod named_transformations;
mod operation;
mod origins;
mod page;
pub(crate) mod path;
mod signing;
mod tags;
mod trash;
mod upload_file;
mod upload_link;
mod url_endpoints;
mod usage;
mod versions;

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Value, json};

pub use aliases::{ALIASES, Alias, Dialect};
pub(crate) use delivered::Delivered;
pub(crate) use operation::{
    Desk, Inverse, InverseCall, Lost, Operation, Prepared, Reconcile, Said, Signer, Step, Told,
};

use crate::canonical;
use crate::error::CallError;
use crate::schema::Compiled;

/// The service under which a connector door offers the catalogue.
pub const SERVICE: &str = "imagekit";

/// Every action, in the order in which they are shown.
pub const ACTIONS: &[Action] = &[
    Action::of::<list_assets::ListAssets>(),
    Action::of::<alike::FindSimilarFiles>(),
    Action::of::<alike::FindDuplicateFiles>(),
    Action::of::<files::GetFileDetails>(),
    Action::of::<history::GetFileHistory>(),
    Action::of::<upload_file::UploadFile>(),
    Action::of::<upload_link::CreateUploadLink>(),
    Action::of::<upload_link::GetUploadLink>(),
    Action::of::<upload_link::RevokeUploadLink>(),
    Action::of::<files::UpdateFileDetails>(),
    Action::of::<files::RenameFile>(),
    Action::of::<files::CopyFile>(),
    Action::of::<files::MoveFile>(),
    Action::of::<files::BulkMoveFiles>(),
    Action::of::<files::DeleteFile>(),
    Action::of::<files::DeleteMultipleFiles>(),
    Action::of::<tags::BulkAddTags>(),
    Action::of::<tags::BulkRemoveTags>(),
    Action::of::<tags::BulkRemoveAiTags>(),
    Action::of::<versions::ListFileVersions>(),
    Action::of::<versions::GetFileVersionDetails>(),
    Action::of::<versions::RestoreFileVersion>(),
    Action::of::<versions::DeleteFileVersion>(),
    Action::of::<folders::CreateFolder>(),
    Action::of::<folders::CopyFolder>(),
    Action::of::<folders::MoveFolder>(),
    Action::of::<folders::RenameFolder>(),
    Action::of::<folders::DeleteFolder>(),
    Action::of::<folders::BulkJobStatus>(),
    Action::of::<trash::ListTrash>(),
    Action::of::<trash::RestoreFromTrash>(),
    Action::of::<trash::DeleteFromTrash>(),
    Action::of::<trash::EmptyTrash>(),
    Action::of::<cache::PurgeCache>(),
    Action::of::<cache::GetPurgeStatus>(),
    Action::of::<metadata::GetUploadedFileMetadata>(),
    Action::of::<metadata::GetRemoteFileMetadata>(),
    Action::of::<fields::ListCustomMetadataFields>(),
    Action::of::<fields::CreateCustomMetadataField>(),
    Action::of::<fields::UpdateCustomMetadataField>(),
    Action::of::<fields::DeleteCustomMetadataField>(),
    Action::of::<extensions::ListSavedExtensions>(),
    Action::of::<extensions::GetSavedExtension>(),
    Action::of::<extensions::CreateSavedExtension>(),
    Action::of::<extensions::UpdateSavedExtension>(),
    Action::of::<extensions::DeleteSavedExtension>(),
    Action::of::<named_transformations::ListNamedTransformations>(),
    Action::of::<named_transformations::GetNamedTransformation>(),
    Action::of::<named_transformations::CreateNamedTransformation>(),
    Action::of::<named_transformations::UpdateNamedTransformation>(),
    Action::of::<named_transformations::DeleteNamedTransformation>(),
    Action::of::<origins::ListOrigins>(),
    Action::of::<origins::GetOrigin>(),
    Action::of::<origins::CreateOrigin>(),
    Action::of::<origins::UpdateOrigin>(),
    Action::of::<origins::DeleteOrigin>(),
    Action::of::<url_endpoints::ListUrlEndpoints>(),
    Action::of::<url_endpoints::GetUrlEndpoint>(),
    Action::of::<url_endpoints::CreateUrlEndpoint>(),
    Action::of::<url_endpoints::UpdateUrlEndpoint>(),
    Action::of::<url_endpoints::DeleteUrlEndpoint>(),
    Action::of::<usage::GetUsage>(),
    Action::of::<usage::GetUsageAnalytics>(),
    Action::of::<signing::GetAuthenticationParameters>(),
];

/// An action as it was asked for: by its own name, or by one that another catalogue gives it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// What is done.
    pub action: &'static Action,
    /// The other name, with what it changes about input and output.
    pub alias: Option<&'static Alias>,
}

/// The action of that name, or an error that names the nearest one. `imagekit.` in front is the connector's spelling.
pub fn find(name: &str) -> Result<Found, CallError> {
    let plain = name
        .strip_prefix(SERVICE)
        .and_then(|n| n.strip_prefix('.'))
        .unwrap_or(name);
    if let Some(action) = ACTIONS.iter().find(|a| a.name() == plain) {
        return Ok(Found { action, alias: None });
    }
    if let Some(alias) = ALIASES.iter().find(|a| a.name == plain) {
        let action = ACTIONS.iter().find(|a| a.name() == alias.action);
        if let Some(action) = action {
            return Ok(Found {
                action,
                alias: Some(alias),
            });
        }
    }
    let names = ACTIONS.iter().map(Action::name).chain(ALIASES.iter().map(|a| a.name));
    let nearest = names
        .map(|known| (strsim::normalized_damerau_levenshtein(known, plain), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.4);
    Err(CallError::UnknownAction {
        name: name.chars().take(100).collect(),
        nearest: nearest.map(|(_, name)| name),
    })
}

/// Actions that match all words of a text, best first: those in the name count most.
pub fn search(text: &str) -> Vec<&'static Action> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty() && *w != SERVICE)
        .map(str::to_lowercase)
        .take(20)
        .collect();
    let mut ranked: Vec<(usize, &Action)> = ACTIONS
        .iter()
        .filter_map(|action| {
            let name = action.name();
            let other = format!("{} {}", action.about.title, action.about.description).to_lowercase();
            let scores = words.iter().map(|word| match word {
                word if name.split('_').any(|part| part == word) => 9,
                word if name.contains(word.as_str()) => 6,
                word if other.contains(word.as_str()) => 2,
                _ => 0,
            });
            let found = scores.clone().filter(|s| *s > 0).count();
            // A sentence holds words that no action has; one that is found is enough.
            (words.is_empty() || found > 0).then(|| (found * 10 + scores.sum::<usize>(), action))
        })
        .collect();
    ranked.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    ranked.into_iter().map(|(_, action)| action).collect()
}

/// What an action does to the library. Declared by the action, never guessed from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds or changes.
    Write,
    /// Destroys something.
    Destructive,
}

impl Effect {
    /// `read`, `write` or `destructive`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}

/// What a grant by folder or tag can say about an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It touches assets: folders and tags can be held against it.
    Assets,
    /// It touches the account as a whole.
    Account,
    /// It hands out something that works as a credential.
    Secret,
}

/// All that is said about an action in words and flags.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// How it is called.
    pub name: &'static str,
    /// For people, a few words.
    pub title: &'static str,
    /// For agents: what it does, when to use it and when not.
    pub description: &'static str,
    /// What it does to the library.
    pub effect: Effect,
    /// True if another call can take it back; which one comes with each answer.
    pub reversible: bool,
    /// True if what it deletes goes to the trash of a server that has one, from where it can be brought back for a while.
    pub trashes: bool,
    /// True if sending it twice does no more than sending it once.
    pub idempotent: bool,
    /// True if it makes the server reach outside: fetch an URL, ask another service.
    pub open_world: bool,
    /// True if the work goes on after the answer; the action that tells its state.
    pub poll: Option<&'static str>,
    /// What a grant can be held against.
    pub reach: Reach,
    /// Inputs that are right, as JSON texts.
    pub examples: &'static [&'static str],
    /// Fields of the input that carry content or secrets; records show their size only.
    pub(crate) hidden_fields: &'static [&'static str],
    /// Made of several requests, of which some may fail.
    pub(crate) many: bool,
    /// Needs to know what it touches before it can be sent.
    pub(crate) needs_survey: bool,
    /// Afterwards nothing is at the paths that it touches, or something else.
    pub(crate) unlinks: bool,
    /// The field of the output that holds its rows, for one that lists: they are cut to what fits.
    pub(crate) list: Option<&'static str>,
}

impl About {
    const fn new(effect: Effect, name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self {
            name,
            title,
            description,
            effect,
            reversible: false,
            trashes: false,
            idempotent: false,
            open_world: false,
            poll: None,
            reach: Reach::Assets,
            examples: &[],
            hidden_fields: &[],
            many: false,
            needs_survey: false,
            unlinks: false,
            list: None,
        }
    }

    const fn read(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(Effect::Read, name, title, description).idempotent()
    }

    const fn write(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(Effect::Write, name, title, description)
    }

    const fn destructive(name: &'static str, title: &'static str, description: &'static str) -> Self {
        Self::new(Effect::Destructive, name, title, description)
    }

    const fn reversible(mut self) -> Self {
        self.reversible = true;
        self
    }

    const fn trashes(mut self) -> Self {
        self.trashes = true;
        self
    }

    const fn unlinks(mut self) -> Self {
        self.unlinks = true;
        self
    }

    const fn lists(mut self, field: &'static str) -> Self {
        self.list = Some(field);
        self
    }

    const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    const fn open_world(mut self) -> Self {
        self.open_world = true;
        self
    }

    const fn polled_by(mut self, action: &'static str) -> Self {
        self.poll = Some(action);
        self
    }

    const fn of_account(mut self) -> Self {
        self.reach = Reach::Account;
        self
    }

    const fn examples(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }

    const fn hides(mut self, fields: &'static [&'static str]) -> Self {
        self.hidden_fields = fields;
        self
    }
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Action {
    /// What is said about it.
    pub about: About,
    input_schema: fn() -> Value,
    output_schema: fn() -> Value,
    prepare: Prepare,
}

type Prepare = fn(Value, Option<Bytes>) -> Result<Box<dyn Prepared>, CallError>;

impl Action {
    const fn of<O: Operation + 'static>() -> Self {
        Self {
            about: O::ABOUT,
            input_schema: input_schema::<O>,
            output_schema: output_schema::<O::Output>,
            prepare: operation::prepare::<O>,
        }
    }

    /// How it is called.
    pub fn name(&self) -> &'static str {
        self.about.name
    }

    /// What it does to the library.
    pub fn effect(&self) -> Effect {
        self.about.effect
    }

    /// JSON Schema (2020-12) of the input: an object without references.
    pub fn input_schema(&self) -> &'static Value {
        &contract(self.about.name).input
    }

    /// The same without what programs alone should send: a model's context is no place for bytes.
    pub fn input_schema_for_models(&self) -> Value {
        let mut schema = self.input_schema().clone();
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|_, field| field["x-programs-only"] != true);
        }
        schema
    }

    /// Names of the input's fields that programs alone should send.
    pub fn fields_for_programs(&self) -> Vec<&'static str> {
        let fields = self.input_schema()["properties"].as_object().into_iter().flatten();
        fields
            .filter(|(_, field)| field["x-programs-only"] == true)
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// JSON Schema (2020-12) of the output: an object without references.
    pub fn output_schema(&self) -> &'static Value {
        &contract(self.about.name).output
    }

    /// The output's schema, read.
    pub(crate) fn output(&self) -> &'static Compiled {
        &contract(self.about.name).output_compiled
    }

    /// SHA-256 of all that a caller relies on: another one is another contract.
    pub fn fingerprint(&self) -> &'static str {
        &contract(self.about.name).fingerprint
    }

    /// What an MCP client is told about the effect, from its declaration.
    pub fn annotations(&self) -> Value {
        let about = &self.about;
        json!({
            "title": about.title,
            "readOnlyHint": about.effect == Effect::Read,
            "destructiveHint": about.effect == Effect::Destructive,
            "idempotentHint": about.idempotent,
            "openWorldHint": about.open_world,
        })
    }

    fn measured(&self, input: &Value, output: &Value) -> String {
        canonical::digest(&json!({
            "name": self.about.name,
            "description": self.about.description,
            "inputSchema": input,
            "outputSchema": output,
            "annotations": self.annotations(),
            "effect": self.about.effect,
            "reversible": self.about.reversible,
            "trashes": self.about.trashes,
            "reach": self.about.reach,
        }))
    }

    /// Everything about it as JSON, for doors that serve schemas.
    pub fn described(&self) -> Value {
        let about = &self.about;
        let examples: Vec<Value> = about
            .examples
            .iter()
            .filter_map(|e| serde_json::from_str(e).ok())
            .collect();
        json!({
            "service": SERVICE,
            "name": about.name,
            "title": about.title,
            "description": about.description,
            "effect": about.effect,
            "reversible": about.reversible,
            "trashes": about.trashes,
            "idempotent": about.idempotent,
            "openWorld": about.open_world,
            "statusAction": about.poll,
            "reach": about.reach,
            "aliases": ALIASES.iter().filter(|a| a.action == about.name).map(|a| a.name).collect::<Vec<_>>(),
            "examples": examples,
            "inputSchema": self.input_schema(),
            "outputSchema": self.output_schema(),
            "fingerprint": self.fingerprint(),
        })
    }

    /// Text becomes types here, once.
    pub(crate) fn prepare(&self, input: Value, file: Option<Bytes>) -> Result<Box<dyn Prepared>, CallError> {
        (self.prepare)(input, file)
    }
}

/// What is made of a declaration once.
struct Contract {
    input: Value,
    output: Value,
    input_compiled: Compiled,
    output_compiled: Compiled,
    fingerprint: String,
}

/// The contract of a declared action.
fn contract(name: &str) -> &'static Contract {
    static ALL: LazyLock<HashMap<&'static str, Contract>> = LazyLock::new(|| {
        let made = ACTIONS.iter().map(|action| {
            let (input, output) = ((action.input_schema)(), (action.output_schema)());
            let fingerprint = action.measured(&input, &output);
            (
                action.about.name,
                Contract {
                    input_compiled: Compiled::of(&input),
                    output_compiled: Compiled::of(&output),
                    input,
                    output,
                    fingerprint,
                },
            )
        });
        made.collect()
    });
    static NONE: LazyLock<Contract> = LazyLock::new(|| Contract {
        input: Value::Null,
        output: Value::Null,
        input_compiled: Compiled::of(&Value::Null),
        output_compiled: Compiled::of(&Value::Null),
        fingerprint: String::new(),
    });
    // Every name comes from a declaration in the table.
    ALL.get(name).unwrap_or(&NONE)
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
