//! The MCP server with the fixtures that the protocol's conformance suite calls, on the very transport of `/mcp`.
//!
//! It is an example, so that no fixture is in the program that people run, and no setting can put one there. What is no
//! fixture is the product's: its tools and resources, over a library in a temporary folder.
//!
//! `mcp_conformance` prints the address that it listens at, and ends when its standard input does.
#![allow(clippy::print_stdout)] // how it says where it is
#![allow(deprecated)] // logging and subscriptions of the older era, which the suite tests too

use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use agent::Principal;
use hmac::{Hmac, Mac};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, GetPromptRequestParams,
    GetPromptResponse, InputRequest, InputRequests, InputRequiredResult, InputResponses, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel, LoggingMessageNotificationParam,
    PaginatedRequestParams, ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::Sha256;
use tintype::api::agents::Door;
use tintype::app::App;
use tintype::config::{Config, Texts};
use tintype::mcp::toolsets::Shown;
use tintype::mcp::{Caller, Mcp, http};
use tintype::observe::Meters;
use tokio::io::AsyncReadExt;

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A sound of no length.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// What the fixtures say, by the names that the suite calls.
static FIXTURES: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("fixtures.json").replace("$PNG", PNG).replace("$WAV", WAV);
    serde_json::from_str(&text).expect("the fixtures are JSON")
});

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("tintype-conformance-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let given = [
        ("data_dir", directory.display().to_string()),
        ("cache_disk", "0".to_owned()),
        ("public_url", base.clone()),
    ];
    let config = Config::from_texts(&Texts::gather(None, [], given)?)?;
    let app = App::open(&config, listener.local_addr()?).await?;
    let api = tintype::router::router(app.clone(), Meters::start()?);
    let agents = Door::new(app, api).agents;
    let server = Fixtures {
        product: Mcp::new(
            agents,
            Caller::Operator(Principal::operator("conformance")),
            Shown::default(),
        ),
        key: rand::random(),
    };
    let router = axum::Router::new().route_service("/mcp", http::service_of(server, &base));
    println!("{base}/mcp");
    let ended = async {
        let mut ignored = Vec::new();
        // Whatever it says: whoever started this is gone.
        let _ = tokio::io::stdin().read_to_end(&mut ignored).await;
    };
    let served = axum::serve(listener, router);
    tokio::select! {
        served = served => served?,
        () = ended => {}
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// The fixtures before the product.
#[derive(Clone)]
struct Fixtures {
    product: Mcp,
    /// Signs the states that clients carry.
    key: [u8; 32],
}

type Context = RequestContext<RoleServer>;

/// A fixture as the SDK's type. What is written here is right, or the suite says so.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn tools<T: DeserializeOwned>() -> Result<Vec<T>, ErrorData> {
    let answering = FIXTURES["tools"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str());
    let behaving = FIXTURES["behaving"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let described = answering.chain(behaving).map(|name| {
        let schema = match &FIXTURES["schemas"][name] {
            Value::Null => json!({ "type": "object", "properties": {} }),
            schema => schema.clone(),
        };
        typed(json!({ "name": name, "description": "A fixture of the conformance suite.", "inputSchema": schema }))
    });
    described.collect()
}

fn said(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

/// What the client is asked for, by the fixtures' names.
fn requests(names: &[&str]) -> Result<InputRequests, ErrorData> {
    let requests = names.iter().map(|name| {
        let request: InputRequest = typed(FIXTURES["requests"][*name].clone())?;
        Ok(((*name).to_owned(), request))
    });
    requests.collect()
}

fn ask(names: &[&str], state: Option<String>) -> Result<InputRequiredResult, ErrorData> {
    Ok(InputRequiredResult::new(Some(requests(names)?), state))
}

/// What a person filled in under a name.
fn filled_in<'a>(responses: &'a Option<InputResponses>, name: &str, field: &str) -> Option<&'a Value> {
    let response = responses.as_ref()?.get(name)?;
    (response["action"] == "accept").then(|| response["content"].get(field))?
}

impl Fixtures {
    /// A state that only this server can have given.
    fn sealed(&self, state: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length");
        mac.update(state.as_bytes());
        format!("{state}.{}", hex::encode(mac.finalize().into_bytes()))
    }

    fn opened<'a>(&self, sealed: &'a Option<String>) -> Result<Option<&'a str>, ErrorData> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let state = sealed.split('.').next().unwrap_or_default();
        if self.sealed(state) == *sealed {
            return Ok(Some(state));
        }
        Err(ErrorData::invalid_params("requestState is not one of ours", None))
    }

    /// A tool that does something; `None` for one that is not here.
    async fn behave(
        &self,
        request: &CallToolRequestParams,
        context: &Context,
    ) -> Result<Option<CallToolResponse>, ErrorData> {
        let responses = &request.input_responses;
        let answer = match &*request.name {
            "test_tool_with_logging" => {
                for text in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    log(context, text).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                said("logged")
            }
            "test_logging_tool" => {
                log(context, "logged").await;
                said("logged")
            }
            "test_tool_with_progress" => {
                for progress in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let told = ProgressNotificationParam::new(token, progress).with_total(100.0);
                        let _ = context.peer.notify_progress(told).await;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                said("done")
            }
            "test_missing_capability" => {
                if context.client_capabilities().is_none_or(|can| can.sampling.is_none()) {
                    let needed = typed::<ClientCapabilities>(json!({ "sampling": {} }))?;
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                said("the client samples")
            }
            "test_custom_headers" => said("heard"),
            "test_streaming_elicitation" | "test_input_required_result_elicitation" => {
                match filled_in(responses, "user_name", "name").and_then(Value::as_str) {
                    Some(name) => said(format!("Hello, {name}!")),
                    None => ask(&["user_name"], None)?.into(),
                }
            }
            "test_input_required_result_sampling" => {
                match responses.as_ref().and_then(|all| all.get("capital_question")) {
                    Some(sampled) => said(format!("The model says: {}", sampled["content"])),
                    None => ask(&["capital_question"], None)?.into(),
                }
            }
            "test_input_required_result_list_roots" => {
                match responses.as_ref().and_then(|all| all.get("client_roots")) {
                    Some(listed) => said(format!("The roots are {}", listed["roots"])),
                    None => ask(&["client_roots"], None)?.into(),
                }
            }
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                let state = self.opened(&request.request_state)?;
                match (state, filled_in(responses, "confirm", "ok")) {
                    (Some("confirming"), Some(_)) => said("state-ok"),
                    _ => ask(&["confirm"], Some(self.sealed("confirming")))?.into(),
                }
            }
            "test_input_required_result_multiple_inputs" => {
                const ALL: &[&str] = &["user_name", "greeting", "client_roots"];
                let state = self.opened(&request.request_state)?;
                let has_all = responses
                    .as_ref()
                    .is_some_and(|given| ALL.iter().all(|name| given.contains_key(*name)));
                match state {
                    Some("several") if has_all => said("all are there"),
                    _ => ask(ALL, Some(self.sealed("several")))?.into(),
                }
            }
            "test_input_required_result_multi_round" => match self.opened(&request.request_state)? {
                Some("second") if filled_in(responses, "step2", "color").is_some() => said("both steps are done"),
                Some("first" | "second") if filled_in(responses, "step1", "name").is_some() => {
                    ask(&["step2"], Some(self.sealed("second")))?.into()
                }
                _ => ask(&["step1"], Some(self.sealed("first")))?.into(),
            },
            "test_input_required_result_capabilities" => {
                let can = context.client_capabilities().unwrap_or_default();
                let mut names = Vec::new();
                if can.elicitation.is_some() {
                    names.push("user_name");
                }
                if can.sampling.is_some() {
                    names.push("capital_question");
                }
                ask(&names, None)?.into()
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }
}

/// Tells of a step. Since 2026-07-28 only to who asked for it in this very request.
async fn log(context: &Context, text: &str) {
    let is_stateless = context
        .protocol_version()
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    if is_stateless && context.meta.log_level().is_none() {
        return;
    }
    let told = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
    let _ = context.peer.notify_logging_message(told).await;
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let mut config = self.product.get_info();
        let capabilities = &mut config.capabilities;
        capabilities.prompts.get_or_insert_default();
        capabilities.completions.get_or_insert_default();
        capabilities.logging.get_or_insert_default();
        capabilities.resources.get_or_insert_default().subscribe = Some(true);
        config
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = self.product.list_tools(request, context).await?;
        list.tools.extend(tools()?);
        Ok(list)
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Result<CallToolResponse, ErrorData> {
        if let Some(answer) = FIXTURES["tools"].get(&*request.name) {
            let mut answer = answer.clone();
            answer["resultType"] = json!("complete");
            return Ok(typed::<CallToolResult>(answer)?.into());
        }
        match self.behave(&request, &context).await? {
            Some(answer) => Ok(answer),
            None => self.product.call_tool(request, context).await,
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut list = self.product.list_resources(request, context).await?;
        let mut all = typed::<Vec<_>>(FIXTURES["resources"].clone())?;
        all.append(&mut list.resources);
        list.resources = all;
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut list = self.product.list_resource_templates(request, context).await?;
        list.resource_templates
            .extend(typed::<Vec<_>>(FIXTURES["templates"].clone())?);
        Ok(list)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.clone();
        let templated = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let mut contents = match templated {
            Some(id) => {
                let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "mimeType": "application/json", "text": data.to_string() })
            }
            None => FIXTURES["contents"][&uri].clone(),
        };
        if contents.is_null() {
            return self.product.read_resource(request, context).await;
        }
        contents["uri"] = json!(uri);
        Ok(ReadResourceResult::new(vec![typed(contents)?]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(typed(FIXTURES["prompts"].clone())?))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, _: Context) -> Result<GetPromptResponse, ErrorData> {
        let messages = &FIXTURES["messages"][&request.name];
        if messages.is_null() {
            return Err(ErrorData::invalid_params("there is no such prompt", None));
        }
        let mut arguments = request.arguments.unwrap_or_default();
        if request.name == "test_input_required_result_prompt" {
            match filled_in(&request.input_responses, "user_context", "context") {
                Some(context) => arguments.insert("context".to_owned(), context.clone()),
                None => return Ok(ask(&["user_context"], None)?.into()),
            };
        }
        let mut text = messages.to_string();
        for (name, value) in &arguments {
            let inside_a_text = json!(value.as_str().unwrap_or_default()).to_string();
            text = text.replace(&format!("{{{name}}}"), inside_a_text.trim_matches('"'));
        }
        let messages: Value =
            serde_json::from_str(&text).map_err(|e| ErrorData::invalid_params(e.to_string(), None))?;
        Ok(GetPromptResponse::Complete(typed(
            json!({ "resultType": "complete", "messages": messages }),
        )?))
    }

    /// Who listens hears of nothing, for nothing changes here; but it hears that it was heard.
    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }
}
