//! Whether a server is up, whether it can issue, and what it has counted.

use crate::harness::{Api, Dev, Serve};

#[test]
fn serve_answers_on_the_admin_listener_only() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let serve = Serve::start(folder.path());
    is_healthy(serve.admin, serve.api, &client_id, &client_secret);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(serve.api.get(path).error(), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    let bearer = [("authorization", "Bearer x")];
    let api = serve.admin.request("GET", "/api/v1/payment-requests", &bearer, "").unwrap();
    assert_eq!(api.error(), (404, "NOT_FOUND".to_owned()), "the API is not there");
}

#[test]
fn dev_answers_next_to_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(&folder.path().join("data"));
    is_healthy(dev.api, dev.api, dev.client_id(), dev.client_secret());
}

fn is_healthy(admin: Api, api: Api, client_id: &str, client_secret: &str) {
    assert_eq!(admin.get("/healthz").data()["status"], "up");
    assert_eq!(admin.get("/readyz").data()["status"], "ready");

    let (_, refresh) = api.tokens(client_id, client_secret);
    assert_eq!(api.refresh(&refresh).status, 200);
    assert_eq!(api.refresh(&refresh).status, 200);
    assert_eq!(api.token(client_id, "wrong").status, 401);
    let metrics = admin.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{metrics:?}");
    for line in [
        "tollgate_tokens_issued_total{grant=\"client_credentials\"} 1",
        "tollgate_tokens_issued_total{grant=\"refresh_token\"} 2",
        "tollgate_requests_total{route=\"/api/v1/oauth2/token\",status=\"200\"} 1",
        "tollgate_requests_total{route=\"/api/v1/oauth2/token\",status=\"401\"} 1",
        "tollgate_refusals_total{code=\"INVALID_CLIENT\"} 1",
        "tollgate_ready 1",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} in:\n{}", metrics.body);
    }
}
