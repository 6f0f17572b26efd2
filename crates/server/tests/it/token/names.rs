//! The names of tokens and of requests.

use super::*;

#[tokio::test]
async fn ten_thousand_tokens_of_one_second_have_names_and_signatures_of_their_own() {
    let stage = Stage::open().await;
    let mut names = HashSet::new();
    let mut signatures = HashSet::new();
    for _ in 0..5_000 {
        let tokens = stage.tokens(&stage.shop).await;
        for token in [tokens.access, tokens.refresh] {
            names.insert(claims(&token)["jti"].as_str().unwrap().to_owned());
            signatures.insert(token.rsplit('.').next().unwrap().to_owned());
        }
    }
    assert_eq!((names.len(), signatures.len()), (10_000, 10_000));
}

#[tokio::test]
async fn a_plain_request_id_is_kept_and_any_other_replaced() {
    let stage = Stage::open().await;
    let kept = stage.answer(Call::post(TOKEN).json(&json!({})).header("x-request-id", "Order_7.a-b")).await;
    assert_eq!(kept.header("x-request-id"), "Order_7.a-b");
    for id in ["", "a b", &"x".repeat(129), "<script>", "a\"b"] {
        let reply = stage.answer(Call::post(TOKEN).json(&stage.shop.body()).header("x-request-id", id)).await;
        let made = uuid::Uuid::parse_str(reply.header("x-request-id")).unwrap();
        assert_eq!(made.get_version_num(), 7, "{id:?}");
    }
}
