//! A hundred agents at once on one server: what each may spend is exact, and what each did is recorded.

use std::collections::BTreeMap;

use agent::{Budget, Effect, Grant, MasterKey, Principal, Store};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::Server;
use crate::direct::Library;

const AGENTS: usize = 100;
/// What each may write, and one more is tried.
const OWN_WRITES: u32 = 3;
/// What all of them may write together with the token that they share.
const SHARED_WRITES: u32 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_agents_lose_no_record_and_spend_exactly_what_they_may() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let library = Library::of(&server.base, directory.path());
    let key = MasterKey::File(directory.path().join("vault.key"));
    let store = Store::open(&directory.path().join("agent.db"), key).await.unwrap();
    let token = async |name: &str, writes| {
        let grant = Grant {
            effects: vec![Effect::Read, Effect::Write],
            budgets: BTreeMap::from([(Budget::WritesPerDay, writes)]),
            ..Grant::default()
        };
        let (operator, now) = (Principal::operator("ann"), OffsetDateTime::now_utc());
        store
            .create_token(name, &grant, Duration::days(1), &operator, now)
            .await
            .unwrap()
    };
    let (shared, shared_secret) = token("shared", SHARED_WRITES).await;
    let mut agents = Vec::new();
    for n in 0..AGENTS {
        agents.push(token(&format!("agent {n}"), OWN_WRITES).await);
    }

    let write = async |secret: &str, name: String| {
        let input = json!({ "input": { "folderName": name, "parentFolderPath": "/crowd" } });
        library.run(secret, "create_folder", input).await
    };
    let work = agents.iter().enumerate().map(async |(n, (_, secret))| {
        let mut answers = Vec::new();
        for k in 0..=OWN_WRITES {
            answers.push(write(secret.expose_secret(), format!("own-{n}-{k}")).await);
        }
        let together = write(shared_secret.expose_secret(), format!("shared-{n}")).await;
        (answers, together)
    });
    let ended = futures::future::join_all(work).await;

    let mut made = Vec::new();
    let mut sort = |(status, answer): &(u16, Value)| match status {
        200 => {
            assert_eq!(answer["meta"]["verification"]["status"], "verified", "{answer}");
            made.push(answer["meta"]["executionId"].as_str().unwrap().to_owned());
            true
        }
        _ => {
            assert_eq!(
                (status, &answer["errorCode"]),
                (&429, &json!("quota_exhausted")),
                "{answer}"
            );
            false
        }
    };
    for (answers, _) in &ended {
        let well: Vec<bool> = answers.iter().map(&mut sort).collect();
        assert_eq!(well, [true, true, true, false]);
    }
    let together = ended.iter().filter(|(_, together)| sort(together)).count();
    assert_eq!(together, SHARED_WRITES as usize);

    // Each call that succeeded is recorded twice, before and after, and each that was refused once.
    let chain = store.verify_records().await.unwrap();
    assert_eq!(chain.broken_at, None);
    let records = store.records(0, 10_000).await.unwrap();
    let records: Vec<Value> = records
        .iter()
        .map(|link| serde_json::from_str(&link.record).unwrap())
        .collect();
    let mut outcomes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record["outcome"].is_string()) {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        *outcomes.entry((text("principal"), text("outcome"))).or_default() += 1;
    }
    let count = |id: &str, outcome: &str| {
        let of_token = |(principal, _): &&(String, String)| principal.contains(id);
        outcomes
            .iter()
            .filter(|(key, _)| of_token(key) && key.1 == outcome)
            .map(|(_, n)| *n)
            .sum::<usize>()
    };
    for (token, _) in &agents {
        let counted = ["begun", "done", "refused"].map(|outcome| count(&token.id, outcome));
        assert_eq!(counted, [3, 3, 1], "{}", token.id);
    }
    let counted = ["begun", "done", "refused"].map(|outcome| count(&shared.id, outcome));
    let refused = AGENTS - SHARED_WRITES as usize;
    assert_eq!(counted, [SHARED_WRITES as usize, SHARED_WRITES as usize, refused]);
    for id in &made {
        assert!(
            records.iter().any(|r| r["id"] == **id && r["outcome"] == "done"),
            "{id}"
        );
    }
    // What was refused is not there.
    let rows = library
        .ask("GET", "/v1/files?path=/crowd&type=folder&limit=1000", Value::Null)
        .await;
    assert_eq!(rows.as_array().unwrap().len(), made.len());
    store.close().await;
}
