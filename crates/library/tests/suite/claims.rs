//! Claims of nodes on work: one has it, until it gives it back or is gone.

use library::{Claimed, Library};

use crate::bench::Bench;

/// Another node hears of what was given back within this many questions.
const PATIENCE: u32 = 200;

async fn eventually_ours(library: &Library, name: &str) -> Option<library::Claim> {
    for _ in 0..PATIENCE {
        if let Claimed::Ours(claim) = library.claim(name).await {
            return Some(claim);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    None
}

#[tokio::test]
async fn one_node_at_a_time_has_a_claim() {
    let Some((one, other)) = Bench::two_nodes().await else {
        let bench = Bench::new().await;
        assert!(
            matches!(bench.library.claim("a").await, Claimed::Unknown),
            "there are no other nodes"
        );
        return;
    };
    let Claimed::Ours(first) = one.library.claim("a").await else {
        panic!("nobody else has it");
    };
    assert!(matches!(other.library.claim("a").await, Claimed::Others));
    assert!(matches!(other.library.claim("b").await, Claimed::Ours(_)));
    drop(first);
    let held = eventually_ours(&other.library, "a").await.expect("given back");
    assert!(matches!(one.library.claim("a").await, Claimed::Others));
    // As a node is gone that is killed.
    drop(held);
    let held = eventually_ours(&other.library, "a").await.expect("its own");
    one.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1953066500")
        .await;
    assert!(
        eventually_ours(&one.library, "a").await.is_some(),
        "its connection is gone"
    );
    drop(held);
}

#[tokio::test]
async fn a_claim_that_nobody_waits_for_is_given_back() {
    let Some((one, other)) = Bench::two_nodes().await else {
        return;
    };
    for _ in 0..20 {
        let asked = one.library.claim("left");
        // Polled once, and left.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, asked).await;
    }
    assert!(eventually_ours(&other.library, "left").await.is_some());
}
