//! A pipeline in front of a library.

use std::sync::{Arc, Mutex};

use agent::{
    Answer, Call, CallError, Connections, Decision, Effect, Grant, Kind, Layer, Limits, MasterKey, Options, Pipeline,
    Policy, Principal, Rule, Store,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::world::{KEY, Shared, World, serve};

pub const NOW: OffsetDateTime = datetime!(2026-11-21 08:00 UTC);

pub struct Stage {
    pub pipeline: Arc<Pipeline>,
    pub store: Arc<Store>,
    pub world: Shared,
    pub base: String,
    pub directory: tempfile::TempDir,
}

/// A rule for everything.
pub fn always(decision: Decision) -> Rule {
    serde_json::from_value(json!({ "decision": decision })).unwrap()
}

pub fn operator() -> Principal {
    Principal::operator("ann")
}

pub fn agent() -> Principal {
    Principal {
        id: "agent:tok_1".into(),
        kind: Kind::Agent,
        grant: Some(Grant {
            effects: vec![Effect::Read, Effect::Write, Effect::Destructive],
            ..Grant::default()
        }),
    }
}

impl Stage {
    /// Under the default policy.
    pub async fn new() -> Self {
        Self::with(Policy::default(), Limits::for_testing()).await
    }

    /// Where everything is allowed.
    pub async fn free() -> Self {
        Self::with(free(), Limits::for_testing()).await
    }

    pub async fn with(policy: Policy, limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("agent.db");
        let store = Store::open(&file, MasterKey::Given("ab".repeat(32).into()))
            .await
            .unwrap();
        let world = Arc::new(Mutex::new(World::seeded()));
        let base = serve(Arc::clone(&world)).await;
        store
            .connect("library", &base, &KEY.into(), Some("public_x"), &operator(), NOW)
            .await
            .unwrap();
        let store = Arc::new(store);
        // The rates of the API have tests of their own.
        let fast = agent::Rate {
            sustained: 1e6,
            burst: 1e6,
        };
        let limits = Limits {
            read_rate: fast,
            write_rate: fast,
            slow_rate: fast,
            ..limits
        };
        let connections = Connections::new(None, Arc::clone(&store), agent::network(&limits).unwrap());
        let pipeline = Pipeline::new(connections, policy, Arc::clone(&store), limits);
        Self {
            pipeline: Arc::new(pipeline),
            store,
            world,
            base,
            directory,
        }
    }

    pub async fn call(&self, action: &str, input: Value) -> Result<Answer, CallError> {
        self.call_with(action, input, &operator(), Options::default()).await
    }

    pub async fn call_with(
        &self,
        action: &str,
        input: Value,
        principal: &Principal,
        options: Options,
    ) -> Result<Answer, CallError> {
        let call = Call {
            action: action.to_owned(),
            input,
            file: None,
            principal: principal.clone(),
            at: NOW,
            options,
        };
        self.pipeline.call(call).await
    }

    pub fn snapshot(&self) -> String {
        self.world.lock().unwrap().snapshot()
    }

    /// Methods and paths of the requests that came.
    pub fn asked(&self) -> Vec<String> {
        let world = self.world.lock().unwrap();
        world
            .asked
            .iter()
            .map(|(method, target, _)| format!("{method} {target}"))
            .collect()
    }

    pub async fn records(&self) -> Vec<Value> {
        let links = self.store.records(0, 1000).await.unwrap();
        links
            .iter()
            .map(|link| serde_json::from_str(&link.record).unwrap())
            .collect()
    }

    /// Outcome and code of each record of a call.
    pub async fn recorded(&self) -> Vec<String> {
        let records = self.records().await;
        let calls = records.iter().filter(|record| record["outcome"].is_string());
        calls
            .map(|r| {
                let text = |name: &str| r[name].as_str().unwrap_or_default().to_owned();
                format!("{} {} {}", text("action"), text("outcome"), text("code"))
                    .trim()
                    .to_owned()
            })
            .collect()
    }
}

pub fn free() -> Policy {
    Policy::of(vec![Layer {
        name: "deployment".into(),
        rules: vec![always(Decision::Allow)],
    }])
}
