//! Callers behind proxies that write odd headers.

use std::sync::Arc;

use crate::call::{Call, REFRESH, TOKEN, assert_refused};
use crate::stage::{Kind, Stage};
use serde_json::json;

/// A server behind the proxy that all calls come from.
async fn behind_a_proxy() -> Stage {
    Stage::with(&[("TOLLGATE_TRUSTED_PROXIES", "198.51.100.7")], |store| Arc::new(store)).await
}

/// The proxy itself is in the list, and the caller can't make itself one.
#[tokio::test]
async fn what_a_proxy_writes_unreadably_is_in_no_list_of_addresses() {
    let mut stage = behind_a_proxy().await;
    let networks = &["198.51.100.7/32", "192.0.2.0/24", "::/0"];
    let bound = stage.client(Kind { addresses: networks, ..stage.kind() }).await;
    let token = || Call::post(TOKEN).json(&bound.body());
    let data = stage.answer(token().header("x-forwarded-for", "192.0.2.9:51234")).await.data();
    let list = || Call::get("/api/v1/payment-requests").bearer(data["access_token"].as_str().unwrap());
    let refresh = || Call::post(REFRESH).json(&json!({"refresh_token": data["refresh_token"]}));
    for (header, value) in [
        ("x-forwarded-for", b"192.0.2.9".as_slice()),
        ("x-forwarded-for", b"192.0.2.9:51234"),
        ("x-forwarded-for", b"\"192.0.2.9\", 198.51.100.7"),
        ("x-forwarded-for", b"[2001:db8::1]:443"),
        ("forwarded", b"for=\"[2001:db8::1]:443\";proto=https"),
    ] {
        for call in [token(), list(), refresh()] {
            let reply = stage.answer(call.header(header, value)).await;
            assert_eq!(reply.status(), 200, "{}", value.escape_ascii());
        }
    }
    for (header, value) in [
        ("x-forwarded-for", b"\xff".as_slice()),
        ("x-forwarded-for", b"unknown"),
        ("x-forwarded-for", b""),
        ("forwarded", b"for=_hidden"),
        ("forwarded", b"for=\xff"),
    ] {
        for call in [token(), list(), refresh()] {
            assert_refused(&stage.answer(call.header(header, value)).await, 403, "FORBIDDEN");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_of_unknown_callers_throttle_no_known_one() {
    let stage = behind_a_proxy().await;
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = "wrong".into();
    for from in (0..30).map(|n| if n % 2 == 0 { "unknown".to_owned() } else { format!("_{n}") }) {
        let call = Call::post(TOKEN).json(&wrong).header("x-forwarded-for", from);
        assert_refused(&stage.answer(call).await, 401, "INVALID_CLIENT");
    }
    let right = || Call::post(TOKEN).json(&stage.shop.body());
    let unknown = stage.answer(right().header("x-forwarded-for", b"\xff")).await;
    assert_refused(&unknown, 429, "TOO_MANY_REQUESTS");
    for known in ["203.0.113.7", "203.0.113.7:51234", "198.51.100.7"] {
        assert_eq!(stage.answer(right().header("x-forwarded-for", known)).await.status(), 200, "{known}");
    }
    assert_eq!(stage.answer(right()).await.status(), 200, "the proxy's own calls");
}
