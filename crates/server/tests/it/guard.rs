//! The guard in front of the sandbox.

use std::time::Duration;

use tollgate_admin::open_signing_keys;
use tollgate_core::{Algorithm, KeyId, Timestamp};
use tollgate_keys::{SigningKey, SigningRing};

use crate::call::{CREATE, Call, LIST, assert_refused};
use crate::parity;
use crate::stage::{ACT, Kind, NOW, Stage, create, master_key};

pub(crate) async fn authority(stage: &Stage) -> parity::Authority {
    let sealed = stage.elsewhere.signing_keys().await.unwrap();
    let policy = stage.config.token_policy();
    let keys = SigningRing::new(&policy.issuer, open_signing_keys(&sealed, &master_key().into()).unwrap());
    let foreign = SigningKey::derive(KeyId::from_bytes([8; 16]), &[8; 32], Timestamp::from_seconds(0), None);
    parity::Authority { policy, algorithm: Algorithm::Hs256, keys, foreign }
}

#[tokio::test]
async fn the_server_answers_as_the_table_of_all_mounts_says() {
    let stage = Stage::open().await;
    for revocation in parity::revocations(NOW) {
        stage.elsewhere.revoke(&revocation, NOW, &ACT).await.unwrap();
    }
    stage.follow().await;
    let cases = parity::cases(&authority(&stage).await, NOW);
    let mut differences = Vec::new();
    for case in cases.iter().flat_map(|case| [case; parity::TIMES]) {
        let mut call = Call::get(LIST);
        for line in &case.authorization {
            call = call.header("authorization", line.as_bytes());
        }
        differences.extend(case.check(&stage.answer(call).await.0).err());
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(cases.len() > 3_000, "{} cases", cases.len());
}

#[tokio::test]
async fn a_server_that_was_cut_off_answers_as_the_tables_of_all_mounts_say() {
    let stage = Stage::open().await;
    for revocation in parity::revocations(NOW.after(Duration::from_secs(60))) {
        stage.elsewhere.revoke(&revocation, NOW, &ACT).await.unwrap();
    }
    stage.follow().await;
    let authority = authority(&stage).await;
    let tables = [(5, parity::doubtful_cases as fn(&_, _) -> _), (60, parity::stale_cases)];
    for (seconds, table) in tables {
        let now = NOW.after(Duration::from_secs(seconds));
        stage.clock.set(now);
        for case in table(&authority, now) {
            let mut call = Call::get(LIST);
            for line in &case.authorization {
                call = call.header("authorization", line.as_bytes());
            }
            case.check(&stage.answer(call).await.0).unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_of_a_request_is_looked_at_before_its_token() {
    let stage = Stage::open().await;
    for call in [
        Call::get(LIST),
        Call::get("/api/v1/payment-requests?limit=0&unknown=1"),
        Call::get("/api/v1/payment-requests/nonsense"),
        Call::get("/api/v1/payment-requests/0191e0a1-5c3b-7def-8123-456789abcdef"),
        Call::post(CREATE),
        Call::post(CREATE).body("application/json", "{"),
        Call::post(CREATE).body("text/plain", "x"),
        Call::post(CREATE).body("application/json", "x".repeat(64 * 1024 + 1)),
        Call::post(CREATE).header("idempotency-key", ""),
    ] {
        assert_refused(&stage.answer(call.clone()).await, 401, "NO_TOKEN");
        assert_refused(&stage.answer(call.bearer("x")).await, 401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn reading_and_writing_are_scopes_of_their_own() {
    let mut stage = Stage::open().await;
    let reader = stage.client(Kind { scope: "payments:read", ..stage.kind() }).await;
    let writer = stage.client(Kind { scope: "payments:write", ..stage.kind() }).await;
    let nobody = stage.client(Kind { scope: "", ..stage.kind() }).await;
    let (reader, writer) = (stage.tokens(&reader).await.access, stage.tokens(&writer).await.access);
    let nobody = stage.tokens(&nobody).await.access;
    assert_eq!(stage.list(&reader).await.status(), 200);
    assert_eq!(stage.answer(create(&writer)).await.status(), 201);
    for (call, scope) in [
        (create(&reader), "payments:write"),
        (create(&nobody), "payments:write"),
        (Call::get(LIST).bearer(&writer), "payments:read"),
        (Call::get("/api/v1/payment-requests/x").bearer(&writer), "payments:read"),
        (Call::get(LIST).bearer(&nobody), "payments:read"),
    ] {
        let reply = stage.answer(call).await;
        assert_refused(&reply, 403, "FORBIDDEN");
        let challenge =
            format!("Bearer realm=\"payment-api\", error=\"insufficient_scope\", scope=\"{scope}\"");
        assert_eq!(reply.header("www-authenticate"), challenge);
    }
}

#[tokio::test]
async fn a_token_anywhere_but_in_the_header_is_not_looked_at() {
    let stage = Stage::open().await;
    let token = stage.tokens(&stage.shop).await.access;
    for call in [
        Call::get(&format!("{LIST}?access_token={token}")),
        Call::get(LIST).header("x-access-token", &token),
        Call::get(LIST).header("cookie", format!("access_token={token}")),
        Call::get(LIST).header("proxy-authorization", format!("Bearer {token}")),
        Call::get(LIST).form(&format!("access_token={token}")),
    ] {
        assert_refused(&stage.answer(call).await, 401, "NO_TOKEN");
    }
}
