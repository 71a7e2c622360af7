//! The router's table of routes, kept beside the router itself: axum tells nobody what it holds, and the description of the API (`api/openapi.rs`) has to describe
//! every method of every path. The functions are named as axum's, so the table reads the same.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter};

use crate::app::App;

/// What the methods of one path do, given the state `S`.
pub struct Methods<S = App> {
    handlers: MethodRouter<S>,
    methods: Vec<Method>,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident, $method:ident;)*) => {
        $($(#[$doc])*
        pub fn $name<S: Clone + Send + Sync + 'static, H: Handler<T, S>, T: 'static>(handler: H) -> Methods<S> {
            Methods { handlers: MethodRouter::new(), methods: Vec::new() }.$name(handler)
        })*

        impl<S: Clone + Send + Sync + 'static> Methods<S> {
            $($(#[$doc])*
            pub fn $name<H: Handler<T, S>, T: 'static>(mut self, handler: H) -> Self {
                self.methods.push(Method::$method);
                Self { handlers: self.handlers.on(MethodFilter::$method, handler), methods: self.methods }
            })*
        }
    };
}

methods! {
    /// `DELETE`
    delete, DELETE;
    /// `GET`, and `HEAD` with it.
    get, GET;
    /// `OPTIONS`
    options, OPTIONS;
    /// `PATCH`
    patch, PATCH;
    /// `POST`
    post, POST;
    /// `PUT`
    put, PUT;
}

/// A router that knows its routes.
pub struct Routes<S = App> {
    router: Router<S>,
    listed: Vec<(Method, &'static str)>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self {
            router: Router::new(),
            listed: Vec::new(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path.
    pub fn route(mut self, path: &'static str, methods: Methods<S>) -> Self {
        self.listed
            .extend(methods.methods.into_iter().map(|method| (method, path)));
        self.router = self.router.route(path, methods.handlers);
        self
    }

    /// Every method of every path.
    pub fn listed(&self) -> &[(Method, &'static str)] {
        &self.listed
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}
