//! Faults of an upstream: each call ends healed or honestly reported, and the record tells.

use std::time::Duration;

use agent::{Code, Effect, Verification};
use insta::assert_snapshot;
use serde_json::json;

use crate::play::{Play, Stage, file, ok, status, uploaded};

#[tokio::test]
async fn rate_limits_are_waited_out_for_reads_and_uploads() {
    let limited = || status(429, &[("retry-after-ms", "20"), ("retry-after", "30")]);
    let stage = Stage::new([limited(), ok(json!([]))]).await;
    let done = stage.list().await.unwrap();
    assert_eq!((done.proof.attempts, done.proof.waited_ms), (2, 20));
    let stage = Stage::new([limited(), ok(uploaded()), ok(file())]).await;
    let done = stage.upload().await.unwrap();
    assert_eq!((done.proof.attempts, done.proof.waited_ms), (2, 20));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_said_at_once() {
    let stage = Stage::new([status(429, &[("retry-after", "3600")])]).await;
    let error = stage.list().await.unwrap_err();
    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(error.is_retryable());
    assert_snapshot!(error.hint().unwrap(), @"nothing was changed; try again after 3600000 ms");
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn stumbles_heal_for_reads_up_to_three_attempts() {
    let stage = Stage::new([status(500, &[]), Play::HangUp, ok(json!([]))]).await;
    assert_eq!(stage.list().await.unwrap().proof.attempts, 3);
    let stage = Stage::new([status(500, &[]), status(502, &[]), status(503, &[]), ok(json!([]))]).await;
    let error = stage.list().await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert_snapshot!(error, @"the upstream answered 503: played 503");
    assert_snapshot!(stage.recorded(), @"list_files Failed UpstreamUnavailable, 3 attempts");
}

#[tokio::test]
async fn an_upload_that_may_have_arrived_is_not_sent_again() {
    for play in [Play::HangUp, status(500, &[]), Play::CutShort("{\"fileId\":")] {
        let stage = Stage::new([play, ok(uploaded()), ok(file())]).await;
        let error = stage.upload().await.unwrap_err();
        assert_eq!(error.code(), Code::OutcomeUnknown, "{error}");
        assert!(!error.is_retryable());
        assert_eq!(stage.asked(), ["POST /api/v1/files/upload"]);
        assert!(error.hint().unwrap().contains("look with list_files"));
    }
}

#[tokio::test]
async fn an_upload_is_sent_again_when_the_answer_says_so() {
    let again = status(503, &[("x-should-retry", "true"), ("retry-after-ms", "1")]);
    let stage = Stage::new([again, ok(uploaded()), ok(file())]).await;
    assert_eq!(stage.upload().await.unwrap().proof.attempts, 2);
    let never = status(501, &[("x-should-retry", "false")]);
    let stage = Stage::new([never]).await;
    let error = stage.upload().await.unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_found_done() {
    let stage = Stage::new([Play::HangUp, status(404, &[]), status(404, &[])])
        .await
        .allow(Effect::Delete);
    let done = stage.delete().await.unwrap();
    assert_eq!(done.output, json!({ "deleted": true }));
    assert_eq!(done.proof.attempts, 2);
    // Without a lost attempt before it, 404 is an error.
    let stage = Stage::new([status(404, &[])]).await.allow(Effect::Delete);
    assert_eq!(stage.delete().await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_nothing_was_done() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut stage = Stage::new([]).await;
    let transport = agent::network(&stage.pipeline.limits).unwrap();
    stage.pipeline.upstream = agent::Upstream::new(&base, transport).unwrap();
    let error = stage.upload().await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert!(error.hint().unwrap().starts_with("nothing was sent"));
    assert_snapshot!(stage.recorded(), @r"
    upload_file Begun, 0 attempts
    upload_file Failed UpstreamUnavailable, 3 attempts
    ");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let mut stage = Stage::new([Play::Silence, Play::Silence]).await;
    stage.pipeline.limits.deadline = Duration::from_millis(150);
    assert_eq!(stage.list().await.unwrap_err().code(), Code::Timeout);
    assert_eq!(stage.upload().await.unwrap_err().code(), Code::OutcomeUnknown);
}

#[tokio::test]
async fn a_slow_attempt_is_given_up_for_the_next() {
    let mut stage = Stage::new([Play::Silence, ok(json!([]))]).await;
    stage.pipeline.limits.attempt_timeout = Duration::from_millis(100);
    assert_eq!(stage.list().await.unwrap().proof.attempts, 2);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused() {
    let limits = agent::Limits {
        answer_bytes: 100,
        ..agent::Limits::for_testing()
    };
    let mut stage = Stage::new([ok(json!([file()]))]).await;
    let base = stage.pipeline.upstream.base().to_owned();
    stage.pipeline.upstream = agent::Upstream::new(&base, agent::network(&limits).unwrap()).unwrap();
    assert_eq!(stage.list().await.unwrap_err().code(), Code::AnswerTooLarge);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let stage = Stage::new([status(307, &[("location", "http://127.0.0.1:1/v1/files")])]).await;
    let error = stage.list().await.unwrap_err();
    assert_eq!(error.code(), Code::Refused);
    assert_snapshot!(error.hint().unwrap(), @"the upstream sends callers elsewhere; give its new address as the upstream");
}

#[tokio::test]
async fn drift_is_noted_and_does_not_stop_what_it_need_not() {
    let mut drifted = file();
    let fields = drifted.as_object_mut().unwrap();
    fields.insert("moderation".into(), json!("clean"));
    fields.remove("mime");
    fields.insert("width".into(), json!(null));
    let stage = Stage::new([ok(json!([drifted, drifted]))]).await;
    let done = stage.list().await.unwrap();
    assert_eq!(done.output["files"][1]["mime"], json!(null));
    assert_eq!(done.output["files"][1].get("moderation"), None);
    let drift = done
        .proof
        .drift
        .iter()
        .map(|d| format!("{} {:?}: {}", d.pointer, d.kind, d.detail));
    assert_snapshot!(drift.collect::<Vec<_>>().join("\n"), @r"
    /files/*/mime Missing: promised by the contract
    /files/*/moderation Added: not in the contract
    ");
    assert_eq!(stage.records.0.lock().unwrap()[0].drift, done.proof.drift);
}

#[tokio::test]
async fn drift_in_what_we_depend_on_fails_and_says_where() {
    let mut drifted = file();
    drifted["fileId"] = json!(7);
    let cases = [
        ok(json!([drifted])),
        ok(json!({ "assets": [] })),
        Play::Answer(200, &[], "[{\"fileId\":".into()),
        Play::Answer(200, &[], "<html>".into()),
    ];
    let mut said = Vec::new();
    for play in cases {
        let stage = Stage::new([play]).await;
        let error = stage.list().await.unwrap_err();
        assert_eq!(error.code(), Code::SchemaDrift);
        let report = error.report();
        said.push(format!("{} {}", report["message"], report["drift"][0]["pointer"]));
    }
    assert_snapshot!(said.join("\n"), @r#"
    "the upstream's answer is not what its contract says: invalid type: integer `7`, expected a string" "/files/*/fileId"
    "the upstream's answer is not what its contract says: missing field `files`" "/assets"
    "the upstream's answer is not what its contract says: not JSON: EOF while parsing a value at line 1 column 11" null
    "the upstream's answer is not what its contract says: not JSON: expected value at line 1 column 1" null
    "#);
}

#[tokio::test]
async fn an_upload_with_an_answer_that_cannot_be_read_was_done() {
    let stage = Stage::new([Play::Answer(200, &[], "{\"fileId\"".into())]).await;
    let error = stage.upload().await.unwrap_err();
    assert_eq!(error.code(), Code::SchemaDrift);
    assert!(error.hint().unwrap().contains("do not repeat it"));
}

#[tokio::test]
async fn an_id_that_would_change_the_path_of_the_look_up_is_not_used() {
    let mut odd = uploaded();
    odd["fileId"] = json!("../../v1/accounts");
    let stage = Stage::new([ok(odd)]).await;
    assert_eq!(stage.upload().await.unwrap_err().code(), Code::SchemaDrift);
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn an_effect_that_is_not_there_is_an_error() {
    let mut other = file();
    other["size"] = json!(4);
    let stage = Stage::new([ok(uploaded()), ok(other.clone()), ok(other.clone()), ok(other)]).await;
    let error = stage.upload().await.unwrap_err();
    assert_eq!(error.code(), Code::VerificationFailed);
    assert_snapshot!(error, @"the upstream said that it was done, but size is 4 instead of 5");
    let stage = Stage::new([status(204, &[]), ok(file()), ok(file()), ok(file())])
        .await
        .allow(Effect::Delete);
    let error = stage.delete().await.unwrap_err();
    assert_snapshot!(error, @"the upstream said that it was done, but status is 200 instead of 404");
}

#[tokio::test]
async fn a_read_that_lags_behind_its_write_is_repeated() {
    let stage = Stage::new([ok(uploaded()), status(404, &[]), ok(file())]).await;
    let done = stage.upload().await.unwrap();
    assert!(matches!(done.proof.verification, Verification::Verified { .. }));
}

#[tokio::test]
async fn an_effect_that_cannot_be_looked_up_is_unverified_and_not_an_error() {
    let stage = Stage::new([ok(uploaded()), status(403, &[])]).await;
    let done = stage.upload().await.unwrap();
    assert_eq!(
        done.proof.verification,
        Verification::Unverified {
            reason: "the upstream answered 403: played 403".into()
        }
    );
}
