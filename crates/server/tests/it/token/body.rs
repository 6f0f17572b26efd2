//! What the token endpoint reads of a body, and what of the query.

use serde_json::json;

use super::form;
use crate::call::{
    CREATE, Call, INTROSPECT, OAUTH_TOKEN, REFRESH, REVOKE, TOKEN, assert_oauth_refused, assert_refused,
};
use crate::stage::{Stage, payment};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_body_must_say_that_it_is_json_or_a_form_and_may_say_any_charset() {
    let stage = Stage::open().await;
    let body = stage.shop.body().to_string();
    for media in [
        "application/json",
        "application/json; charset=UTF-8",
        "APPLICATION/JSON;charset=\"utf-8\"",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
    ] {
        assert_eq!(stage.answer(Call::post(TOKEN).body(media, body.clone())).await.status(), 200, "{media}");
    }
    let form = format!("client_id={}&client_secret={}", stage.shop.id, stage.shop.secret);
    let latin = "application/x-www-form-urlencoded; charset=ISO-8859-1";
    assert_eq!(stage.answer(Call::post(TOKEN).body(latin, form.clone())).await.status(), 200);
    let with_e_acute = [form.as_bytes(), b"&name=caf\xe9"].concat();
    let reply = stage.answer(Call::post(TOKEN).body(latin, with_e_acute.clone())).await;
    assert_eq!(reply.fields(), ["body"]);
    let reply = stage.answer(Call::post(OAUTH_TOKEN).body(latin, with_e_acute)).await;
    assert_oauth_refused(&reply, 400, "invalid_request");
    for coding in ["identity", "Identity", ""] {
        let call = Call::post(TOKEN).json(&stage.shop.body()).header("content-encoding", coding);
        assert_eq!(stage.answer(call).await.status(), 200, "{coding}");
    }
    for media in [
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/xml",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let reply = stage.answer(Call::post(TOKEN).body(media, body.clone())).await;
        assert_refused(&reply, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for call in [
        Call::post(TOKEN).raw(body.clone()),
        Call::post(TOKEN).json(&stage.shop.body()).header("content-type", "application/json"),
        Call::post(TOKEN).json(&stage.shop.body()).header("content-encoding", "gzip"),
    ] {
        assert_refused(&stage.answer(call).await, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn no_endpoint_refuses_a_body_for_its_charset_or_for_a_coding_that_is_none() {
    let stage = Stage::open().await;
    let issued = stage.tokens(&stage.shop).await;
    let (id, secret) = (stage.shop.id.to_string(), &stage.shop.secret);
    let form = |more: &str| (FORM, format!("client_id={id}&client_secret={secret}&{more}"));
    let json = |json: serde_json::Value| ("application/json", json.to_string());
    for (path, (media, body), status) in [
        (TOKEN, json(stage.shop.body()), 200),
        (TOKEN, form(""), 200),
        (REFRESH, json(json!({"refresh_token": issued.refresh})), 200),
        (OAUTH_TOKEN, form("grant_type=client_credentials"), 200),
        (INTROSPECT, form("token=x"), 200),
        (REVOKE, form("token=x"), 200),
        (CREATE, json(payment()), 201),
    ] {
        for charset in
            ["", "; charset=ISO-8859-1", ";charset=\"utf-8\"", "; charset=UTF-16; x=y", "; charset"]
        {
            for coding in ["identity", "Identity", "IDENTITY, identity", ""] {
                let call = Call::post(path).bearer(&issued.access);
                let call =
                    call.body(&format!("{media}{charset}"), body.clone()).header("content-encoding", coding);
                assert_eq!(stage.answer(call).await.status(), status, "{path} {charset} {coding}");
            }
            // Whatever its charset says, these bytes are no UTF-8.
            let latin = [body.as_bytes(), b"\xe9"].concat();
            let call = Call::post(path).bearer(&issued.access).body(&format!("{media}{charset}"), latin);
            assert_eq!(stage.answer(call).await.status(), 400, "{path} {charset}");
        }
    }
}

#[tokio::test]
async fn what_is_no_json_object_in_utf_8_is_a_problem_of_the_body() {
    let stage = Stage::open().await;
    let good = stage.shop.body().to_string();
    let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let in_secret = |escape: &[u8]| [br#"{"client_id":"x","client_secret":""#, escape, br#""}"#].concat();
    for (name, body) in [
        ("nothing", Vec::new()),
        ("white space", b" \n".to_vec()),
        ("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat()),
        ("UTF-16", utf_16),
        ("invalid UTF-8", in_secret(b"\xff\xfe")),
        ("overlong UTF-8", in_secret(b"\xc0\xaf")),
        ("a lone high surrogate", in_secret(br"\ud800")),
        ("a lone low surrogate", in_secret(br"\udc00")),
        ("a raw control character", in_secret(b"\n")),
        ("an unfinished object", good.as_bytes()[..good.len() - 1].to_vec()),
        ("two objects", [good.as_bytes(), good.as_bytes()].concat()),
        ("a comma too many", good.replace('}', ",}").into_bytes()),
        ("a comment", format!("/**/{good}").into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("an array", format!("[{good}]").into_bytes()),
        ("a string", br#""client_id""#.to_vec()),
        ("a number", b"1".to_vec()),
        ("null", b"null".to_vec()),
        ("NaN", br#"{"client_id":NaN}"#.to_vec()),
        ("10,000 arrays", [b"{\"x\":", "[".repeat(10_000).as_bytes()].concat()),
    ] {
        let reply = stage.answer(Call::post(TOKEN).body("application/json", body)).await;
        assert_eq!(reply.fields(), ["body"], "{name}");
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    let stage = Stage::open().await;
    let padded = |length: usize| {
        let body = stage.shop.body().to_string();
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    let call = |length| Call::post(TOKEN).body("application/json", padded(length));
    assert_eq!(stage.answer(call(64 * 1024)).await.status(), 200);
    assert_eq!(stage.answer_to(call(64 * 1024).in_pieces(1_000)).await.status(), 200);
    assert_refused(&stage.answer(call(64 * 1024 + 1)).await, 413, "PAYLOAD_TOO_LARGE");
    assert_refused(&stage.answer_to(call(64 * 1024 + 1).in_pieces(1_000)).await, 413, "PAYLOAD_TOO_LARGE");
}

/// A body within the limit must not cost more than it weighs.
#[tokio::test]
async fn a_flood_of_parameters_is_answered_briefly() {
    let stage = Stage::open().await;
    let twice = (0..6_000).map(|n| format!("{n:x}&{n:x}")).collect::<Vec<_>>().join("&");
    let same = "a&".repeat(32 * 1024);
    for body in [twice, same] {
        let reply = stage.answer(Call::post(TOKEN).form(&body)).await;
        assert_eq!(reply.status(), 400);
        assert!(reply.text().len() < 4_096, "{} bytes", reply.text().len());
    }
}

#[tokio::test]
async fn credentials_in_the_query_are_not_looked_at() {
    let stage = Stage::open().await;
    let target = format!("{TOKEN}?{}", form(&stage.shop));
    assert_eq!(stage.answer(Call::post(&target).form("")).await.fields(), ["client_id", "client_secret"]);
    assert_eq!(
        stage.answer(Call::post(&target).json(&json!({}))).await.fields(),
        ["client_id", "client_secret"]
    );
}
