//! `tools/call`: an action through the pipeline, or one of the tools beside them.

use std::collections::BTreeMap;
use std::time::Duration;

use agent::{
    Answer, Approval, Call, CallError, ChangeSet, LONGEST_CALL, Line, Options, Planned, Principal, State, Verify,
};
use futures::FutureExt;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult, ElicitRequest,
    ElicitRequestParams, ElicitationSchema, InputRequest, InputRequiredResult, ProgressNotificationParam,
    ProtocolVersion,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::task_manager::{TaskContext, TaskExit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Mcp, client, failure, local_file, tools};
use crate::agents::approval_page::sign_in_address;
use crate::agents::eyes::{Eyes, MOST_TILES, Picture, USUAL_SIDE};
use crate::agents::{Agents, now};
use crate::api::agents::actions::may_call;

/// How often a client that wants to know is told that work goes on.
const TOLD_EVERY: Duration = Duration::from_secs(2);
/// How long a person may look at an approval before the call answers.
const LONGEST_LOOK: Duration = Duration::from_secs(300);
/// The key under which a request's `_meta` says how a call is made, and a result's how it went.
const META: &str = "tintype/call";

/// How often it is looked whether somebody has decided, and how long a task waits for that.
const LOOKED_EVERY: Duration = Duration::from_secs(2);
const LONGEST_DECISION: Duration = Duration::from_secs(1200);

/// Makes the call; tells of its progress, and stops when the client does. What takes long is a task for a client that
/// knows tasks.
pub async fn call(
    mcp: &Mcp,
    principal: Principal,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let agents = &mcp.agents;
    if let Some(approval) = &request.request_state {
        // The client showed it to a person. What the person clicked there decides nothing: the approval does.
        return Ok(outcome(agents, &principal, approval).await.into());
    }
    let has_tasks = context.client_capabilities().is_some_and(|can| can.supports_tasks());
    if has_tasks && is_long(&request) {
        let (here, who, asked, context) = (mcp.clone(), principal.clone(), request.clone(), context.clone());
        let work =
            move |task: TaskContext| async move { in_background(&here, who, asked, &context, &task).await }.boxed();
        if let Some(task) = mcp
            .tasks
            .begin(&principal, format!("{} is being done", request.name), work)
        {
            return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
        }
    }
    let cancelled = context.ct.clone();
    let line = Line::default();
    let work = answered(mcp, principal, request, &context, has_tasks, &line);
    tokio::select! {
        answer = with_progress(work, &context, &line) => answer,
        // What was begun goes on to its end and is recorded; see `Agents::call`.
        () = cancelled.cancelled() => {
            line.cancel();
            Err(ErrorData::internal_error("cancelled", None))
        }
    }
}

/// The work, with a sign of life now and then for a client that asked for it, and how far it is if that is known.
async fn with_progress<T>(work: impl Future<Output = T>, context: &RequestContext<RoleServer>, line: &Line) -> T {
    let Some(token) = context.meta.get_progress_token() else {
        return work.await;
    };
    tokio::pin!(work);
    let mut ticks = tokio::time::interval(TOLD_EVERY);
    let mut seconds = 0_u32;
    let told = line.hear();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => {
                let how_far = match told.borrow().as_str() {
                    "" => String::new(),
                    how_far => format!(": {how_far}"),
                };
                let told = ProgressNotificationParam::new(token.clone(), seconds.into())
                    .with_message(format!("working, {seconds} s{how_far}"));
                if let Err(error) = context.peer.notify_progress(told).await {
                    tracing::debug!(%error, "nobody hears of the progress");
                }
                seconds += 2;
            }
        }
    }
}

async fn answered(
    mcp: &Mcp,
    principal: Principal,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    has_tasks: bool,
    line: &Line,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.clone();
    match made(mcp, &principal, request, context, None, line).await {
        Ok(result) => Ok(result.into()),
        Err(CallError::ApprovalRequired(approval)) => {
            if has_tasks {
                let (here, who, waits, context) = (mcp.clone(), principal.clone(), approval.clone(), context.clone());
                let work =
                    move |task: TaskContext| async move { decided(&here, &who, *waits, &context, &task).await }.boxed();
                let message = format!("{name} waits for a person's decision about {}", approval.id);
                if let Some(task) = mcp.tasks.begin(&principal, message, work) {
                    return Ok(CallToolResponse::Task(CreateTaskResult::new(task)));
                }
            }
            show(&mcp.agents, &principal, *approval, context).await
        }
        Err(error) => Ok(failure(&error).into()),
    }
}

/// The call, by the tool's name. `deadline` is for one that nobody waits for: then its effect is waited for as well.
async fn made(
    mcp: &Mcp,
    principal: &Principal,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    deadline: Option<Duration>,
    line: &Line,
) -> Result<CallToolResult, CallError> {
    let arguments = request.arguments.unwrap_or_default();
    let made = Made {
        agents: &mcp.agents,
        principal,
        client: client(context),
        deadline,
        line,
    };
    if tools::extra(&request.name).is_some() {
        return made.extra(&request.name, arguments).await;
    }
    let options = options(context)?;
    if request.name == local_file::TOOL {
        let (path, mut input) = local_file::split(arguments)?;
        let (bytes, name) = mcp.roots.read(&path).await?;
        input.entry("fileName").or_insert(json!(name));
        return Ok(told(&made.upload(input, bytes, options).await?));
    }
    made.action(&request.name, arguments, options).await
}

/// Whether a call of that tool goes on for longer than somebody should wait at the line.
fn is_long(request: &CallToolRequestParams) -> bool {
    let name = request.name.as_ref();
    let named = request
        .arguments
        .as_ref()
        .and_then(|arguments| arguments.get("action")?.as_str());
    let action = if name == "call_action" {
        named.unwrap_or_default()
    } else {
        name
    };
    let Ok(found) = agent::find(action) else {
        return matches!(action, "apply_changes");
    };
    let about = &found.action.about;
    matches!(about.poll, Some("bulk_job_status" | "get_purge_status"))
        || matches!(about.name, "delete_folder" | "upload_file")
}

/// The work of a task.
async fn in_background(
    mcp: &Mcp,
    principal: Principal,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    task: &TaskContext,
) -> Result<CallToolResult, TaskExit> {
    let line = Line::default();
    let mut told = line.hear();
    let work = made(mcp, &principal, request, context, Some(LONGEST_CALL), &line);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            Ok(()) = told.changed() => task.set_status_message(told.borrow_and_update().clone()),
            // What was sent goes on to its end and is recorded; what was not is left, and what a change set did is put back.
            () = task.cancelled() => {
                line.cancel();
                return Err(TaskExit::Cancelled);
            }
        }
    };
    match done {
        Ok(result) => Ok(result),
        Err(CallError::ApprovalRequired(approval)) => decided(mcp, &principal, *approval, context, task).await,
        Err(error) => Ok(failure(&error)),
    }
}

/// Waits until a person has decided, shown at the client if it can show that, and gives what came of the call. What the
/// client answers decides nothing.
async fn decided(
    mcp: &Mcp,
    principal: &Principal,
    approval: Approval,
    context: &RequestContext<RoleServer>,
    task: &TaskContext,
) -> Result<CallToolResult, TaskExit> {
    let agents = &mcp.agents;
    task.set_status_message(format!("{} waits for a person's decision", approval.id));
    let shown = async {
        match elicitation(agents, &approval, context) {
            Some(elicitation) => {
                let request = InputRequest::Elicitation(ElicitRequest::new(elicitation));
                task.request_input("approval", request).await.map(|_| ())
            }
            None => std::future::pending().await,
        }
    };
    tokio::pin!(shown);
    let mut was_shown = false;
    let end = tokio::time::Instant::now() + LONGEST_DECISION;
    while tokio::time::Instant::now() < end {
        tokio::select! {
            answer = &mut shown, if !was_shown => {
                answer?;
                was_shown = true;
            }
            () = task.cancelled() => return Err(TaskExit::Cancelled),
            () = tokio::time::sleep(LOOKED_EVERY) => {}
        }
        let looked = match agents.store().await {
            Ok(store) => store.approval(&approval.id, principal, now()).await,
            Err(error) => Err(error),
        };
        match looked {
            // Approved, it is being carried out.
            Ok(now) if matches!(now.state, State::Pending | State::Running) => {}
            _ => break,
        }
    }
    Ok(outcome(agents, principal, &approval.id).await)
}

/// What a request's `_meta` says about the call.
fn options(context: &RequestContext<RoleServer>) -> Result<Options, CallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Meta {
        idempotency_key: Option<String>,
        connection: Option<String>,
        contract: Option<String>,
        intent: Option<String>,
        verify: Option<Verify>,
        drift: Option<agent::DriftMode>,
    }
    let Some(said) = context.meta.get(META) else {
        return Ok(Options::default());
    };
    let said: Meta = fields(said.clone(), &format!("_meta/{META}"))?;
    Ok(Options {
        idempotency_key: said.idempotency_key,
        connection: said.connection,
        contract: said.contract,
        intent: said.intent,
        verify: said.verify.unwrap_or_default(),
        drift: said.drift.unwrap_or_default(),
        ..Options::default()
    })
}

fn fields<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|e| CallError::InvalidInput(format!("{what}: {e}")))
}

struct Made<'a> {
    agents: &'a Agents,
    principal: &'a Principal,
    client: Option<String>,
    /// Of a call that nobody waits for.
    deadline: Option<Duration>,
    line: &'a Line,
}

impl Made<'_> {
    async fn action(
        &self,
        name: &str,
        input: Map<String, Value>,
        options: Options,
    ) -> Result<CallToolResult, CallError> {
        for_programs(name, &input)?;
        Ok(told(&self.call(name, Value::Object(input), options).await?))
    }

    async fn call(&self, name: &str, input: Value, options: Options) -> Result<Answer, CallError> {
        self.call_with(name, input, None, options).await
    }

    async fn upload(
        &self,
        input: Map<String, Value>,
        file: bytes::Bytes,
        options: Options,
    ) -> Result<Answer, CallError> {
        self.call_with("upload_file", Value::Object(input), Some(file), options)
            .await
    }

    async fn call_with(
        &self,
        name: &str,
        input: Value,
        file: Option<bytes::Bytes>,
        options: Options,
    ) -> Result<Answer, CallError> {
        let call = Call {
            action: name.to_owned(),
            input,
            file,
            principal: self.principal.clone(),
            at: now(),
            options: self.patient(options),
        };
        self.agents.call(call).await
    }

    /// Where nobody waits, there is time to see work through.
    fn patient(&self, options: Options) -> Options {
        let verify = match (self.deadline, options.verify) {
            (Some(_), Verify::Fast) => Verify::Strict,
            (_, verify) => verify,
        };
        Options {
            client: self.client.clone(),
            deadline: self.deadline,
            line: Some(self.line.clone()),
            verify,
            ..options
        }
    }

    async fn extra(&self, name: &str, arguments: Map<String, Value>) -> Result<CallToolResult, CallError> {
        let arguments = Value::Object(arguments);
        match name {
            "search_actions" => search(self.principal, fields(arguments, name)?),
            "describe_action" => describe(fields(arguments, name)?),
            "call_action" => self.named(fields(arguments, name)?).await,
            _ => self.beside(name, arguments).await,
        }
    }

    /// Tools of the ordinary mode that are no actions.
    async fn beside(&self, name: &str, arguments: Value) -> Result<CallToolResult, CallError> {
        match name {
            "dry_run_action" => {
                let planned: Planned = fields(arguments, name)?;
                let options = Options {
                    dry_run: true,
                    ..Options::default()
                };
                Ok(plain(self.call(&planned.action, planned.input, options).await?.data))
            }
            "undo_call" => {
                let Undo { execution_id } = fields(arguments, name)?;
                let answers = self.agents.undo(execution_id, self.principal.clone()).await?;
                Ok(plain(json!({ "calls": answers })))
            }
            "apply_changes" => self.apply(fields(arguments, name)?).await,
            "get_approval" => {
                let Named { id } = fields(arguments, name)?;
                Ok(outcome(self.agents, self.principal, &id).await)
            }
            _ => self.look(name, arguments).await,
        }
    }

    async fn apply(&self, changes: Changes) -> Result<CallToolResult, CallError> {
        for call in &changes.calls {
            for_programs(&call.action, call.input.as_object().unwrap_or(&Map::new()))?;
        }
        let set = ChangeSet {
            calls: changes.calls,
            principal: self.principal.clone(),
            at: now(),
            options: Options {
                dry_run: changes.dry_run,
                intent: changes.intent,
                ..self.patient(Options::default())
            },
        };
        Ok(plain(self.agents.apply(set).await?))
    }

    /// In the dynamic mode: an action, or a tool that is shown in the other.
    async fn named(&self, wanted: Wanted) -> Result<CallToolResult, CallError> {
        if tools::extra(&wanted.action).is_some() && tools::is_known(&wanted.action) {
            if wanted.dry_run {
                return Err(CallError::InvalidInput(format!("{} has no dry run", wanted.action)));
            }
            return self.beside(&wanted.action, Value::Object(wanted.input)).await;
        }
        let options = Options {
            dry_run: wanted.dry_run,
            fields: wanted.fields,
            idempotency_key: wanted.idempotency_key,
            intent: wanted.intent,
            connection: wanted.connection,
            ..Options::default()
        };
        self.action(&wanted.action, wanted.input, options).await
    }

    async fn look(&self, name: &str, arguments: Value) -> Result<CallToolResult, CallError> {
        let eyes = Eyes {
            agents: self.agents,
            principal: self.principal,
            client: self.client.clone(),
        };
        match name {
            "explain_transformation" => {
                let Text {
                    transformation,
                    url,
                    file_id,
                } = fields(arguments, name)?;
                let told = eyes.explain(transformation.as_deref(), url.as_deref(), file_id.as_deref());
                Ok(plain(told.await?))
            }
            "contact_sheet" => {
                let search: Sheet = fields(arguments, name)?;
                let (legend, picture) = eyes.contact_sheet(search.input()).await?;
                Ok(seen(legend, picture.map(|picture| ("", picture))))
            }
            _ => {
                let look: Look = fields(arguments, name)?;
                let text = look.transformation.as_deref().unwrap_or_default();
                let side = look.size.unwrap_or(USUAL_SIDE);
                match name {
                    "build_transformation_url" => Ok(plain(eyes.url(&look.file_id, text, look.sign_seconds).await?)),
                    "preview_asset" => {
                        let (facts, picture) = eyes.preview(&look.file_id, text, side).await?;
                        Ok(seen(facts, [("", picture)]))
                    }
                    "compare_before_after" => {
                        let (facts, seen_both) = eyes.compare(&look.file_id, text, side).await?;
                        let pictures = [("before:", seen_both.before), ("after:", seen_both.after)];
                        let difference = seen_both.difference.map(|picture| ("what differs, in red:", picture));
                        Ok(seen(facts, pictures.into_iter().chain(difference)))
                    }
                    _ => Err(CallError::InvalidInput(format!("there is no tool `{name}`"))),
                }
            }
        }
    }
}

/// Refuses what programs may send and a model should not: bytes in a message.
fn for_programs(name: &str, input: &Map<String, Value>) -> Result<(), CallError> {
    let Ok(found) = agent::find(name) else {
        return Ok(());
    };
    let fields = found.action.fields_for_programs();
    match fields.into_iter().find(|field| input.contains_key(*field)) {
        Some(field) => Err(CallError::InvalidInput(format!(
            "{field}: bytes do not go through a model; give url, or make a link with create_upload_link"
        ))),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Undo {
    execution_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    calls: Vec<Planned>,
    intent: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    action: String,
    #[serde(default)]
    input: Map<String, Value>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    fields: Vec<String>,
    idempotency_key: Option<String>,
    intent: Option<String>,
    connection: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Text {
    transformation: Option<String>,
    url: Option<String>,
    file_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Look {
    file_id: String,
    transformation: Option<String>,
    size: Option<u32>,
    sign_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sheet {
    search_query: Option<String>,
    path: Option<String>,
    limit: Option<usize>,
    skip: Option<u64>,
}

impl Sheet {
    /// As list_assets takes it.
    fn input(self) -> Value {
        let mut input = json!({ "fileType": "image", "limit": self.limit.unwrap_or(MOST_TILES).clamp(1, MOST_TILES) });
        for (name, value) in [
            ("searchQuery", json!(self.search_query)),
            ("path", json!(self.path)),
            ("skip", json!(self.skip)),
        ] {
            if !value.is_null() {
                input[name] = value;
            }
        }
        input
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    action: String,
}

fn search(principal: &Principal, Query { query }: Query) -> Result<CallToolResult, CallError> {
    let query: String = query.chars().take(200).collect();
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let actions = agent::search(&query).into_iter().map(|action| {
        json!({ "name": action.name(), "title": action.about.title, "effect": action.effect(), "allowed": may_call(principal, action) })
    });
    let extras = tools::EXTRAS
        .iter()
        .filter(|extra| tools::is_known(extra.name))
        .map(tools::Extra::described);
    let extras = extras.filter(|told| {
        let text = format!("{} {}", told["title"], told["description"]).to_lowercase();
        words.is_empty() || words.iter().any(|word| text.contains(word.as_str()))
    });
    let extras = extras
        .map(|told| json!({ "name": told["name"], "title": told["title"], "effect": told["effect"], "allowed": true }));
    Ok(plain(json!({ "actions": actions.chain(extras).collect::<Vec<_>>() })))
}

fn describe(One { action }: One) -> Result<CallToolResult, CallError> {
    if let Some(extra) = tools::extra(&action).filter(|extra| tools::is_known(extra.name)) {
        return Ok(plain(extra.described()));
    }
    let found = agent::find(&action)?;
    let mut told = found.action.described();
    told["inputSchema"] = found.action.input_schema_for_models();
    if let Some(alias) = found.alias {
        told["inputSchema"] = alias.input_schema(told["inputSchema"].take());
    }
    Ok(plain(told))
}

/// The output for programs, the same as text for older clients, and what is known about the call.
fn told(answer: &Answer) -> CallToolResult {
    let meta = json!(answer.meta);
    let mut result = CallToolResult::success(vec![
        ContentBlock::text(answer.data.to_string()),
        ContentBlock::text(json!({ "meta": meta }).to_string()),
    ]);
    result.structured_content = Some(answer.data.clone());
    result.meta.get_or_insert_default().0.insert(META.to_owned(), meta);
    result
}

/// An answer without an output schema.
fn plain(data: Value) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(data.to_string())]);
    result.structured_content = Some(data);
    result
}

fn seen<'a>(facts: Value, pictures: impl IntoIterator<Item = (&'a str, Picture)>) -> CallToolResult {
    let mut result = plain(facts);
    for (label, picture) in pictures {
        if !label.is_empty() {
            result.content.push(ContentBlock::text(label));
        }
        result
            .content
            .push(ContentBlock::image(picture.data, picture.media_type));
    }
    result
}

/// How an approval of the principal's stands: the answer of its call, or what it waits for.
async fn outcome(agents: &Agents, principal: &Principal, id: &str) -> CallToolResult {
    let found = async {
        let store = agents.store().await?;
        let approval = store.approval(id, principal, now()).await?;
        let answer = store.approved_answer(id, principal, now()).await?;
        Ok::<_, CallError>((approval, answer))
    };
    match found.await {
        Ok((Approval { state: State::Done, .. }, Some(answer))) => {
            let mut result = plain(answer["data"].clone());
            result
                .content
                .push(ContentBlock::text(json!({ "meta": answer["meta"] }).to_string()));
            result
        }
        Ok((approval, _)) if approval.state == State::Pending => {
            failure(&CallError::ApprovalRequired(Box::new(approval)))
        }
        Ok((approval, answer)) => {
            let told = json!({ "state": approval.state, "reason": approval.reason, "answer": answer });
            CallToolResult::error(vec![
                ContentBlock::text(format!("{}: it was not carried out as asked", id)),
                ContentBlock::text(told.to_string()),
            ])
        }
        Err(error) => failure(&error),
    }
}

/// Shows an approval to the person at the client, if the client can; the decision is made elsewhere, by somebody who shows
/// that they may. A client's answer is the word of the program that asked.
async fn show(
    agents: &Agents,
    principal: &Principal,
    approval: Approval,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let Some(elicitation) = elicitation(agents, &approval, context) else {
        return Ok(failure(&CallError::ApprovalRequired(Box::new(approval))).into());
    };
    let is_stateless = context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    if is_stateless {
        let request = InputRequest::Elicitation(ElicitRequest::new(elicitation));
        let requests = BTreeMap::from([("approval".to_owned(), request)]);
        return Ok(InputRequiredResult::new(Some(requests), Some(approval.id)).into());
    }
    let shown = context
        .peer
        .create_elicitation_with_timeout(elicitation, Some(LONGEST_LOOK))
        .await;
    if let Err(error) = shown {
        tracing::debug!(%error, "the client did not show an approval");
    }
    Ok(outcome(agents, principal, &approval.id).await.into())
}

/// In the way that the client can show it; `None` if it can't.
fn elicitation(
    agents: &Agents,
    approval: &Approval,
    context: &RequestContext<RoleServer>,
) -> Option<ElicitRequestParams> {
    let can = context.client_capabilities()?.elicitation?;
    let id = &approval.id;
    let message = format!(
        "{} asks for {}, which waits for a person's decision ({id}). What it touches: {}",
        approval.request.principal,
        approval.request.action,
        touched(approval),
    );
    let meta = None;
    if can.url.is_some() {
        return Some(ElicitRequestParams::UrlElicitationParams {
            meta,
            message,
            url: sign_in_address(&agents.own().base, id),
            elicitation_id: id.clone(),
        });
    }
    Some(ElicitRequestParams::FormElicitationParams {
        meta,
        message: format!(
            "{message}. To decide, open {} or run `tintype approvals approve {id}`; then go on here.",
            sign_in_address(&agents.own().base, id)
        ),
        requested_schema: ElicitationSchema::builder().build().ok()?,
    })
}

fn touched(approval: &Approval) -> String {
    const MOST: usize = 5;
    let blast = &approval.request.blast;
    let rows: Vec<&Value> = blast["touches"].as_array().into_iter().flatten().collect();
    let names = rows
        .iter()
        .take(MOST)
        .map(|row| row["path"].as_str().or(row["what"].as_str()).unwrap_or("something"));
    let names: Vec<&str> = names.collect();
    let more = if rows.len() > MOST { ", ..." } else { "" };
    format!(
        "{}{more} ({} files, {} bytes)",
        names.join(", "),
        blast["files"],
        blast["bytes"]
    )
}
