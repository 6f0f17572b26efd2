//! Tests of authorities that are unreachable, damaged, somebody else's, or wrong about the time.

use serde_json::json;

use super::authority::published;
use super::*;

const OUTAGES: [Instead; 3] = [Instead::Fault(Fault::Timeout), Instead::Status(503), Instead::Hanging];

#[tokio::test(start_paused = true)]
async fn stale_keys_serve_while_the_authority_is_away_and_beyond_the_bound_nothing_does() {
    for outage in OUTAGES {
        let guarded = Guarded::ready().await;
        let began = Instant::now();
        guarded.authority.set_all(Some(&outage));
        // A poll that was open at the time may be answered once more.
        while guarded.about(&guarded.key).await == Ok(()) {
            sleep(SECOND).await;
        }
        let served = began.elapsed();
        assert!(served >= 89 * SECOND && served <= 121 * SECOND, "{served:?}");
        assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale));
        assert!(guarded.verifier.problem().is_some() && !guarded.verifier.is_ready());
        guarded.authority.set_all(None);
        sleep(60 * SECOND).await;
        assert_eq!(guarded.about(&guarded.key).await, Ok(()));
        assert!(guarded.verifier.problem().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_may_admits_by_what_it_knows_but_only_once_it_knew_anything() {
    let admitting = |builder: RemoteBuilder| builder.when_cut_off(WhenCutOff::Admit);
    let guarded = Guarded::set_up(|_| {}, admitting);
    guarded.verifier.ready().await;
    guarded.authority.set_all(Some(&Instead::Status(503)));
    sleep(Duration::from_secs(700)).await;
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale));
    let never =
        Guarded::set_up(|authority| authority.script().revocations = Some(Instead::Status(403)), admitting);
    sleep(LONG).await;
    assert_eq!(never.about(&never.key).await, Err(Denial::Stale));
    assert!(never.verifier.problem().unwrap().to_string().contains("tollgate:verify"));
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_can_read_again_end_after_a_day() {
    let guarded = Guarded::ready().await;
    guarded.authority.script().keys = Some(Instead::Status(500));
    sleep(Duration::from_secs(23 * 60 * 60)).await;
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    sleep(Duration::from_secs(61 * 60)).await;
    assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale));
}

#[tokio::test(start_paused = true)]
async fn a_set_of_keys_that_can_not_be_right_changes_nothing_and_is_told() {
    let symmetric = json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": "AAAA" }] }).to_string();
    let other_authority = published(&[key(9)])["keys"][0].clone();
    let mixed = json!({ "keys": [other_authority, { "kty": "oct", "k": "AA" }] }).to_string();
    for (instead, told) in [
        (Instead::Body(r#"{"keys":[]}"#.to_owned()), "no public key is published"),
        (Instead::Body("<html>".to_owned()), "not in the form"),
        (Instead::Body(symmetric), "symmetric"),
        (Instead::Body(mixed), "symmetric"),
        (Instead::Fault(Fault::TooLong), "too long"),
        (Instead::Status(302), "status 302"),
        (Instead::Status(304), "status 304"),
        (Instead::Hanging, "in time"),
    ] {
        // From the start: nothing is ever admitted.
        let never =
            Guarded::set_up(|authority| authority.script().keys = Some(instead.clone()), |builder| builder);
        assert!(timeout(LONG, never.verifier.ready()).await.is_err(), "{told}");
        assert_eq!(never.about(&never.key).await, Err(Denial::Stale), "{told}");
        assert!(never.verifier.problem().unwrap().to_string().contains(told), "{told}");

        // Later: the earlier keys still count, and a token of an unknown key is not called wrong.
        let guarded = Guarded::ready().await;
        if !matches!(instead, Instead::Status(304)) {
            guarded.authority.script().keys = Some(instead);
            assert_eq!(guarded.about(&key(9)).await, Err(Denial::Stale), "{told}");
            sleep(LONG + LONG).await;
            assert_eq!(guarded.about(&guarded.key).await, Ok(()), "{told}");
            assert!(guarded.verifier.problem().unwrap().to_string().contains(told), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_issuer_is_believed_nothing() {
    let metadata = |issuer: &str, jwks_uri: &str| {
        Instead::Body(json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string())
    };
    let keys = "https://core.example.com/oauth2/jwks";
    for (instead, told) in [
        (metadata("https://core.example.com/", keys), "another issuer"),
        (metadata("https://evil.example.com", keys), "another issuer"),
        (metadata(ISSUER, "https://evil.example.com/oauth2/jwks"), "jwks_uri"),
        (metadata(ISSUER, "https://core.example.com:8443/oauth2/jwks"), "jwks_uri"),
        (metadata(ISSUER, "http://core.example.com/oauth2/jwks"), "jwks_uri"),
        (metadata(ISSUER, "/oauth2/jwks"), "jwks_uri"),
        (Instead::Body(json!({ "issuer": ISSUER }).to_string()), "not in the form"),
        (Instead::Body("<html>".to_owned()), "not in the form"),
        (Instead::Status(404), "status 404: check the URL"),
        (Instead::Status(301), "status 301"),
        (Instead::Hanging, "in time"),
    ] {
        let guarded =
            Guarded::set_up(|authority| authority.script().metadata = Some(instead), |builder| builder);
        assert!(timeout(LONG, guarded.verifier.ready()).await.is_err(), "{told}");
        assert!(guarded.authority.called("/oauth2/jwks").is_empty(), "{told}");
        assert!(guarded.verifier.problem().unwrap().to_string().contains(told), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn revocations_that_can_not_be_right_do_not_count_as_an_answer() {
    let secret = json!({ "kind": "secret", "id": "0191e0a1-5c3b-7def-8123-456789abcdef" });
    let news = |position: &str, complete: bool, entries: &serde_json::Value| {
        let news = json!({ "position": position, "complete": complete, "revocations": entries });
        Instead::Body(news.to_string())
    };
    for (instead, told) in [
        (news("0", false, &json!([secret])), "without a new position"),
        (news("7", false, &json!([{ "kind": "planet", "id": "x" }])), "not in the form"),
        (news("7 7", true, &json!([])), "not in the form"),
        (Instead::Body("<html>".to_owned()), "not in the form"),
        (Instead::Fault(Fault::TooLong), "too long"),
        (Instead::Status(403), "tollgate:verify"),
        (Instead::Status(401), "status 401"),
        (Instead::Status(302), "status 302"),
    ] {
        let guarded = Guarded::ready().await;
        guarded.authority.script().revocations = Some(instead);
        sleep(LONG).await;
        assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale), "{told}");
        assert!(guarded.verifier.problem().unwrap().to_string().contains(told), "{told}");
        let calls = guarded.authority.called("/oauth2/revocations").len();
        assert!(calls < 80, "{told}: it was asked {calls} times");
    }
}

#[tokio::test(start_paused = true)]
async fn complete_lists_take_the_place_of_what_is_known_and_are_asked_for_ever_more_rarely() {
    let guarded = Guarded::ready().await;
    guarded.authority.revoke_client();
    sleep(SECOND).await;
    assert_eq!(guarded.about(&guarded.key).await, refused(TokenError::Revoked));
    let list = json!({ "position": "9", "complete": true, "revocations": [] }).to_string();
    guarded.authority.script().revocations = Some(Instead::Body(list));
    sleep(60 * SECOND).await;
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    let calls = guarded.authority.called("/oauth2/revocations").len();
    assert!(calls < 30, "it was asked {calls} times in a minute");
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_keeps_nobody_waiting_is_not_asked_without_pause() {
    let guarded = Guarded::ready().await;
    let empty = json!({ "position": "0", "complete": false, "revocations": [] }).to_string();
    guarded.authority.script().revocations = Some(Instead::Body(empty));
    sleep(40 * SECOND).await;
    assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    let calls = guarded.authority.called("/oauth2/revocations").len();
    assert!((90..=410).contains(&calls), "it was asked {calls} times");
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_are_told_and_nothing_is_admitted_by_them() {
    for seconds in [-3_600, -32, 32, 3_600] {
        let guarded = Guarded::set_up(|authority| authority.clock.set_ahead(seconds), |builder| builder);
        assert!(timeout(LONG, guarded.verifier.ready()).await.is_err(), "{seconds}");
        assert!(guarded.verifier.problem().unwrap().to_string().contains("clock"), "{seconds}");
        guarded.authority.clock.set_ahead(0);
        guarded.verifier.ready().await;
        assert_eq!(guarded.about(&guarded.key).await, Ok(()));
    }
    let near = Guarded::set_up(|authority| authority.clock.set_ahead(20), |builder| builder);
    near.verifier.ready().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nothing_count_for_longer() {
    let guarded = Guarded::ready().await;
    guarded.authority.set_all(Some(&Instead::Status(503)));
    guarded.clock.set_ahead(-600);
    sleep(125 * SECOND).await;
    assert_eq!(guarded.about(&guarded.key).await, Err(Denial::Stale));
    let good = token(&guarded.key, guarded.authority.clock.now());
    assert_eq!(guarded.decide(&good).await, Err(Denial::Stale));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_ends_what_is_known_at_once_and_forgets_no_revocation() {
    let guarded = Guarded::ready().await;
    let good = token(&guarded.key, guarded.clock.now());
    guarded.authority.revoke_client();
    sleep(SECOND).await;
    guarded.clock.set_ahead(100_000);
    assert_eq!(guarded.decide(&good).await, Err(Denial::Stale));
    sleep(60 * SECOND).await;
    guarded.clock.set_ahead(0);
    sleep(LONG).await;
    assert_eq!(guarded.decide(&good).await, refused(TokenError::Revoked));
}
