//! The reference at `/docs`.

use crate::call::{Call, assert_refused};
use crate::stage::Stage;

#[tokio::test]
async fn the_reference_is_a_page_for_everybody_with_no_script_but_an_asset_of_this_server() {
    let stage = Stage::open().await;
    let reply = stage.answer(Call::get("/docs")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "public, max-age=3600");
    assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(reply.header("content-security-policy").contains("script-src 'self'"));
    let scripts: Vec<&str> = reply.text().split("<script").skip(1).collect();
    assert_eq!(scripts.len(), 1);
    assert!(scripts[0].starts_with(" type=\"module\" src=\"/assets/reference."), "{}", &scripts[0][..60]);
    assert!(scripts[0].split_once('>').unwrap().1.starts_with("</script>"));
    assert!(!reply.text().contains("style=\""));
    assert!(reply.text().contains("http://127.0.0.1:8080/api/v1/payment-requests:redirect"));
    assert_eq!(stage.answer(Call::new("HEAD", "/docs")).await.text(), "");
    let refused = stage.answer(Call::post("/docs")).await;
    assert_eq!((refused.status().as_u16(), refused.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn what_the_page_loads_is_there() {
    let stage = Stage::open().await;
    let page = stage.answer(Call::get("/docs")).await;
    let assets: Vec<&str> = page.text().split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in assets {
        assert_eq!(stage.answer(Call::get(asset)).await.status(), 200, "{asset}");
    }
}

#[tokio::test]
async fn without_the_sandbox_there_is_no_reference() {
    let settings = [("TOLLGATE_SANDBOX", "false")];
    let stage = Stage::with(&settings, |store| std::sync::Arc::new(store)).await;
    assert_refused(&stage.answer(Call::get("/docs")).await, 404, "NOT_FOUND");
    assert_eq!(stage.answer(Call::get("/openapi.json")).await.status(), 200);
}
