//! Every route, on one screen.
//!
//! The API's paths are matched leniently, because clients differ: literals in any case, a trailing slash, doubled
//! slashes. Delivery's paths are the user's own text and reach `delivery` byte for byte.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::ALLOW;
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use hyper::body::Incoming;
use tower::ServiceExt as _;
use tower::util::{MapRequest, MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;

use crate::api;
use crate::api::agents::Door;
use crate::api::files;
use crate::app::App;
use crate::app::visitors::Peer;
use crate::error::ApiError;
use crate::observe::{self, Meters, Observer};
use crate::routes::{Routes, delete, get, options, patch, post, put};

/// Every route. Each is described in `api/openapi/`, too: a test compares.
pub fn routes() -> Routes {
    let upload = || options(files::upload::preflight).post(files::upload::create);
    let routes = Routes::new()
        .route("/", get(api::landing::page))
        .route("/openapi.json", get(api::openapi::as_json))
        .route("/openapi.yaml", get(api::openapi::as_yaml))
        .route("/health/live", get(api::health::live))
        .route("/health/ready", get(api::health::ready))
        .route("/metrics", get(api::health::metrics))
        .route("/api/v1/files/upload", upload())
        .route("/v1/files/upload", upload())
        .route(
            "/api/v2/files/upload",
            options(files::upload::preflight).post(files::upload::create_v2),
        )
        .route("/v1/files", get(files::list::list))
        .route("/v1/files/{fileId}", delete(files::delete::delete))
        .route(
            "/v1/files/{fileId}/details",
            get(files::details::get).patch(files::details::patch),
        )
        .route("/v1/files/batch/deleteByFileIds", post(files::bulk::delete))
        .route("/v1/files/addTags", post(files::bulk::add_tags))
        .route("/v1/files/removeTags", post(files::bulk::remove_tags))
        .route("/v1/files/removeAITags", post(files::bulk::remove_ai_tags))
        .route("/v1/files/copy", post(files::relocate::copy))
        .route("/v1/files/move", post(files::relocate::relocate))
        .route("/v1/files/rename", put(files::relocate::rename))
        .route("/v1/files/{fileId}/versions", get(files::versions::list))
        .route(
            "/v1/files/{fileId}/versions/{versionId}",
            get(files::versions::get).delete(files::versions::delete),
        )
        .route(
            "/v1/files/{fileId}/versions/{versionId}/restore",
            put(files::versions::restore),
        )
        .route("/v1/bulkJobs/copyFolder", post(api::bulk_jobs::copy_folder))
        .route("/v1/bulkJobs/moveFolder", post(api::bulk_jobs::move_folder))
        .route("/v1/bulkJobs/renameFolder", post(api::bulk_jobs::rename_folder))
        .route("/v1/bulkJobs/{jobId}", get(api::bulk_jobs::status))
        .route("/v1/files/purge", post(api::purge::create))
        .route("/v1/files/purge/{requestId}", get(api::purge::status))
        .route("/v1/webhooks", get(api::webhooks::list).post(api::webhooks::create))
        .route(
            "/v1/webhooks/{id}",
            get(api::webhooks::get)
                .patch(api::webhooks::update)
                .delete(api::webhooks::delete),
        )
        .route("/v1/webhooks/{id}/deliveries", get(api::webhooks::deliveries))
        .route("/v1/webhooks/{id}/test", post(api::webhooks::test))
        .route("/v1/folder", post(api::folder::create).delete(api::folder::delete))
        .route("/v1/files/{fileId}/metadata", get(api::metadata::of_file))
        .route("/v1/files/metadata", get(api::metadata::of_remote))
        .route("/v1/metadata", get(api::metadata::of_remote))
        .route("/v1/trash", get(api::trash::list).delete(api::trash::empty))
        .route("/v1/trash/{id}", get(api::trash::get).delete(api::trash::delete))
        .route("/v1/trash/{id}/restore", post(api::trash::restore));
    account(routes)
}

/// What answers the requests of connections. Those for delivery, of which there are a thousand for each other one, do not go through the router: its
/// layers would cost more than an answer from memory.
#[derive(Clone)]
pub struct Front(Arc<Doors>);

/// A [`Front`] for one connection.
#[derive(Clone)]
pub struct Facing {
    doors: Arc<Doors>,
    peer: Peer,
}

struct Doors {
    app: App,
    observer: Observer,
    router: Router,
}

/// The server's service.
pub fn front(app: App, meters: Meters) -> Front {
    Front(Arc::new(Doors {
        observer: meters.observer(area),
        router: router(app.clone(), meters),
        app,
    }))
}

impl Front {
    /// For a connection that comes from there.
    pub fn of(&self, peer: SocketAddr) -> Facing {
        Facing {
            doors: Arc::clone(&self.0),
            peer: Peer(peer),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Facing {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let doors = &self.doors;
        let is_sound = !names_several_hosts(request.headers());
        if is_sound {
            request = doors.app.domains.resolve(request);
        }
        let is_delivery = is_sound && is_below(request.uri().path(), &doors.app.endpoint_path);
        // Without a future: to build one, and to move it about, would be a good part of the work.
        if is_delivery && let Some(response) = doors.recall(self.peer, &request) {
            return Either::Left(ready(Ok(response)));
        }
        let Self { doors, peer } = self.clone();
        request.extensions_mut().insert(peer);
        Either::Right(Box::pin(async move {
            if !is_delivery {
                return doors.router.clone().oneshot(request.map(Body::new)).await;
            }
            let (request, _) = request.into_parts();
            let (app, asked, path) = (&doors.app, &request, request.uri.path());
            let answer = move |_| async move {
                let answered = AssertUnwindSafe(deliver(app, asked)).catch_unwind().await;
                answered.unwrap_or_else(panicked)
            };
            let observer = &doors.observer;
            let traced = observer.trace(&asked.method, path, &asked.headers);
            Ok(observer.observe(&asked.method, path, traced, answer).await)
        }))
    }
}

impl Doors {
    /// The answer, if it takes no waiting.
    fn recall(&self, peer: Peer, request: &Request<Incoming>) -> Option<Response> {
        let (method, uri) = (request.method(), request.uri());
        if method != Method::GET {
            return None;
        }
        let recall = || api::delivery::recall(&self.app, peer, uri, request.headers());
        let recall = || catch_unwind(AssertUnwindSafe(recall)).unwrap_or_else(|panic| Some(panicked(panic)));
        self.observer.observe_at_once(method, uri.path(), recall)
    }
}

/// Every route and delivery, for a caller within the process.
pub fn router(app: App, meters: Meters) -> Router {
    let observer = meters.observer(area);
    let routes = routes()
        .into_router()
        .layer(middleware::from_fn_with_state(app.clone(), api::rate_limit::limit))
        .fallback(deliver_or_refuse)
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(Extension(meters))
        .with_state(app.clone());
    // Agents' calls go through the same API as everybody's, so the doors to them stand beside it, not in it.
    let api = finished(routes.clone(), observer.clone());
    let doors = api::agents::routes(Door::new(app.clone(), api))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(CatchPanicLayer::custom(panicked));
    finished(routes.merge(doors), observer)
        .layer(MapRequestLayer::new(move |request: Request| {
            app.domains.resolve(request)
        }))
        .layer(middleware::from_fn(one_host))
}

/// A request that names two hosts means one thing to us and may mean another to a cache in front (RFC 9112, 3.2).
async fn one_host(request: Request, next: Next) -> Response {
    if names_several_hosts(request.headers()) {
        return ApiError::invalid("Your request names more than one host.").into_response();
    }
    next.run(request).await
}

fn names_several_hosts(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().nth(1).is_some()
}

/// Paths in their one spelling, requests logged and counted.
fn finished(routes: Router, observer: Observer) -> Router {
    Router::new()
        .fallback_service(MapRequest::new(routes, normalise))
        .layer(middleware::from_fn_with_state(observer, observe::observe))
}

/// What an account is made of.
fn account(routes: Routes) -> Routes {
    use api::accounts::{keys, origins, url_endpoints, usage, webhooks};
    use api::{custom_metadata_fields as fields, named_transformations as named, saved_extensions as extensions};
    routes
        .route(
            "/v1/customMetadataFields",
            get(fields::list)
                .post(fields::create)
                .patch(fields::without_id)
                .delete(fields::without_id),
        )
        .route(
            "/v1/customMetadataFields/{id}",
            patch(fields::update).delete(fields::delete),
        )
        .route("/v1/saved-extensions", get(extensions::list).post(extensions::create))
        .route(
            "/v1/saved-extensions/{id}",
            get(extensions::get)
                .patch(extensions::update)
                .delete(extensions::delete),
        )
        .route("/v1/named-transformations", get(named::list).post(named::create))
        .route(
            "/v1/named-transformations/{id}",
            get(named::get).patch(named::update).delete(named::delete),
        )
        .route("/v1/accounts/usage", get(usage::usage))
        .route("/v1/accounts/usage-analytics", get(usage::analytics))
        .route("/v1/accounts/origins", get(origins::list).post(origins::create))
        .route(
            "/v1/accounts/origins/{id}",
            get(origins::get).put(origins::replace).delete(origins::delete),
        )
        .route(
            "/v1/accounts/url-endpoints",
            get(url_endpoints::list).post(url_endpoints::create),
        )
        .route(
            "/v1/accounts/url-endpoints/{id}",
            get(url_endpoints::get)
                .put(url_endpoints::replace)
                .delete(url_endpoints::delete),
        )
        .route("/v1/accounts/webhooks", get(webhooks::list).post(webhooks::create))
        .route(
            "/v1/accounts/webhooks/{id}",
            get(webhooks::get).patch(webhooks::update).delete(webhooks::delete),
        )
        .route("/v1/accounts/keys", get(keys::list).post(keys::create))
        .route("/v1/accounts/keys/{id}", patch(keys::update).delete(keys::delete))
        .route("/v1/accounts/keys/{id}/roll", post(keys::roll))
}

/// Everything that is no route of the API: delivery below the account's path, else 404.
async fn deliver_or_refuse(State(app): State<App>, request: Request) -> Response {
    if is_below(request.uri().path(), &app.endpoint_path) {
        deliver(&app, &request.into_parts().0).await
    } else {
        ApiError::not_found("There is nothing at this path.").into_response()
    }
}

/// True for delivery's own paths. None of the API's is among them: the configuration refuses such a name for the account.
fn is_below(path: &str, endpoint: &str) -> bool {
    let rest = path.strip_prefix(endpoint);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn deliver(app: &App, request: &Parts) -> Response {
    match request.method {
        Method::GET | Method::HEAD => api::delivery::get(app, request).await,
        Method::OPTIONS => api::delivery::preflight(),
        _ => ([(ALLOW, "GET, HEAD, OPTIONS")], ApiError::method_not_allowed()).into_response(),
    }
}

fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a request handler panicked");
    ApiError::internal(&std::io::Error::other("panic in a request handler")).into_response()
}

/// What kind of path it is, for metrics: few values, whatever clients send.
fn area(path: &str) -> &'static str {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first.to_ascii_lowercase().as_str() {
        "api" => "upload",
        "v1" => "management",
        "health" | "metrics" => "operations",
        "mcp" | "access" | ".well-known" => "agents",
        _ => "delivery",
    }
}

/// Gives the API's paths the spelling of the table above; leaves all others as they are.
fn normalise(mut request: Request<Body>) -> Request<Body> {
    if let Some(path) = normal_path(request.uri().path()) {
        let target = match request.uri().query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        if let Ok(target) = target.parse::<PathAndQuery>() {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(target);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// `None` where nothing has to change.
fn normal_path(path: &str) -> Option<String> {
    const FIRST: [&str; 4] = ["v1", "api", "health", "metrics"];
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let first = segments.first()?;
    if !FIRST.iter().any(|f| f.eq_ignore_ascii_case(first)) {
        return None;
    }
    let literal = |segment: &&str| -> String {
        let known = LITERALS.iter().find(|l| l.eq_ignore_ascii_case(segment));
        known.map_or(*segment, |l| *l).to_owned()
    };
    let normal = format!("/{}", segments.iter().map(literal).collect::<Vec<_>>().join("/"));
    (normal != path).then_some(normal)
}

/// The fixed segments of the API's paths.
const LITERALS: &[&str] = &[
    "v1",
    "v2",
    "api",
    "health",
    "live",
    "ready",
    "metrics",
    "files",
    "upload",
    "details",
    "batch",
    "deleteByFileIds",
    "addTags",
    "removeTags",
    "removeAITags",
    "copy",
    "move",
    "rename",
    "metadata",
    "versions",
    "restore",
    "folder",
    "trash",
    "bulkJobs",
    "copyFolder",
    "moveFolder",
    "renameFolder",
    "purge",
    "webhooks",
    "deliveries",
    "test",
    "customMetadataFields",
    "saved-extensions",
    "named-transformations",
    "accounts",
    "usage",
    "usage-analytics",
    "origins",
    "url-endpoints",
    "keys",
    "roll",
    "actions",
    "search",
    "apps",
    "services",
    "approvals",
    "change-sets",
    "executions",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_paths_are_normalised_and_others_left_alone() {
        let cases = [
            ("/v1/files", None),
            ("/v1/files/", Some("/v1/files")),
            ("//v1//files", Some("/v1/files")),
            (
                "/V1/Files/Batch/deleteByfileIds",
                Some("/v1/files/batch/deleteByFileIds"),
            ),
            (
                "/v1/files/65f0c0ffee0123456789abcd/details/",
                Some("/v1/files/65f0c0ffee0123456789abcd/details"),
            ),
            ("/API/v1/files/upload/", Some("/api/v1/files/upload")),
            ("/demo//V1/files/", None),
            ("/", None),
        ];
        for (path, expected) in cases {
            assert_eq!(normal_path(path).as_deref(), expected, "{path}");
        }
    }
}
