//! The description as it is served.

use tollgate_server::openapi::{Surface, document};

use crate::call::Call;
use crate::stage::Stage;

#[tokio::test]
async fn the_document_is_served_with_the_address_of_the_installation() {
    let settings = [
        ("TOLLGATE_PUBLIC_URL", "https://pay.example.com/core"),
        ("TOLLGATE_SANDBOX", "false"),
        ("TOLLGATE_TOKENS__AUDIENCE", "ledger"),
    ];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    let served = stage.answer(Call::get("/openapi.json")).await.json();
    let public_url = "https://pay.example.com/core";
    let surface = Surface { public_url, audience: "ledger", sandbox: false, authz: false, health: true };
    assert_eq!(served, document(&surface));
    assert_eq!(served["servers"][0]["url"], "https://pay.example.com/core");
    assert!(
        served["paths"]
            .as_object()
            .unwrap()
            .keys()
            .all(|path| !path.contains("payment") && !path.contains("pay/"))
    );
    assert!(served["components"]["schemas"]["PaymentRequest"].is_null());
}

#[tokio::test]
async fn a_known_document_is_not_sent_again() {
    let stage = Stage::open().await;
    let first = stage.answer(Call::get("/openapi.json")).await;
    let tag = first.header("etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let reply = stage.answer(Call::get("/openapi.json").header("if-none-match", known)).await;
        assert_eq!((reply.status().as_u16(), reply.header("etag"), reply.text()), (304, tag.as_str(), ""));
    }
    let reply = stage.answer(Call::get("/openapi.json").header("if-none-match", "\"x\"")).await;
    assert_eq!((reply.status().as_u16(), reply.text()), (200, first.text()));
}
