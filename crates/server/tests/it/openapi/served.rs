//! The document itself: its examples, its methods, and how it is served.

use tollgate_server::openapi::{Surface, document};

use super::SHOW;
use crate::call::{CREATE, Call, KEYS, LIST, METADATA};
use crate::stage::{Stage, payment_id};

#[tokio::test]
async fn an_answer_that_is_always_the_same_is_its_example() {
    let stage = Stage::open().await;
    let document = document(&Surface::default());
    for path in [METADATA, KEYS, "/healthz", "/readyz"] {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
        assert_eq!(
            stage.answer(Call::get(path)).await.json(),
            content["application/json"]["example"],
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_example_of_a_payment_request_is_accepted_and_shown_as_its_example_says() {
    let stage = Stage::open().await;
    let document = document(&Surface::default());
    let token = stage.tokens(&stage.shop).await.access;
    let content = &document["paths"][CREATE]["post"]["requestBody"]["content"];
    let example = &content["application/json"]["example"];
    let created = stage.answer(Call::post(CREATE).bearer(&token).json(example)).await;
    assert_eq!(created.status().as_u16(), 201);
    let id = payment_id(&created);
    stage.answer(Call::post(&format!("/pay/{id}")).form("decision=approve")).await;
    let mut shown = stage.answer(Call::get(&format!("{LIST}/{id}")).bearer(&token)).await.data();
    let content = &document["paths"][SHOW]["get"]["responses"]["200"]["content"];
    let mut described = content["application/json"]["example"]["data"].clone();
    for own in ["id", "merchant_id", "redirect_url", "created_at", "expires_at", "decided_at"] {
        assert!(shown[own].take().is_string() && described[own].take().is_string(), "{own}");
    }
    assert_eq!(shown, described);
}

#[tokio::test]
async fn a_path_takes_the_methods_that_are_described_and_names_them_to_who_uses_another() {
    let stage = Stage::open().await;
    let document = document(&Surface::default());
    for (path, operations) in document["paths"].as_object().unwrap() {
        let reply = stage.answer(Call::new("PUT", &path.replace("{id}", "x"))).await;
        assert_eq!(reply.status().as_u16(), 405, "{path}");
        let mut methods: Vec<_> =
            operations.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        if methods[0] == "GET" {
            methods.insert(1, "HEAD".to_owned());
        }
        assert_eq!(reply.header("allow"), methods.join(", "), "{path}");
    }
}

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
