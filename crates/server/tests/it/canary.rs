//! Secrets and tokens are found in no log line, no error and no metric.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_server::{Listeners, Tls, run};
use tollgate_store::Status;

use crate::call::{CREATE, Call, INTROSPECT, LIST, OAUTH_TOKEN, REFRESH, REVOKE, Reply, TOKEN, claims};
use crate::faults::{Fault, Faults};
use crate::oauth::post_as;
use crate::stage::{ACT, Stage, Tokens, create, payment};
use crate::written_log::WrittenLog;

/// What must be found nowhere.
#[derive(Default)]
struct Canaries(Vec<String>);

impl Canaries {
    fn secret(&mut self, secret: &str) {
        self.0.push(secret.to_owned());
    }

    /// A token whole, its signature, and its payload.
    fn token(&mut self, token: &str) {
        self.0.extend(token.split('.').skip(1).map(str::to_owned));
        self.0.push(token.to_owned());
    }

    #[track_caller]
    fn assert_not_in(&self, place: &str, text: &str) {
        for canary in &self.0 {
            assert!(!text.contains(canary), "{canary} is in {place}: {text}");
        }
    }
}

#[tokio::test]
async fn neither_secrets_nor_tokens_are_in_the_log_the_errors_or_the_metrics() {
    let written = WrittenLog::start();
    let mut canaries = Canaries::default();
    let faults = Faults::default();
    let settings = [("TOLLGATE_LISTEN", "127.0.0.1:0"), ("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0")];
    let mut stage = Stage::with(&settings, |store| faults.in_front_of(store)).await;
    stage.server.log_requests(written.requests());
    let refusals = Box::pin(everything(&mut stage, &faults, &mut canaries)).await;
    let metrics = metrics(stage).await;
    let log = written.end();

    for reply in &refusals {
        canaries.assert_not_in("an error", reply.text());
        for value in reply.0.headers().values() {
            canaries.assert_not_in("a header", value.to_str().unwrap());
        }
    }
    assert!(metrics.contains("tollgate_tokens_issued_total"), "{metrics}");
    canaries.assert_not_in("the metrics", &metrics);
    assert!(
        log.contains("\"status\":200") && log.contains("\"status\":401") && log.contains("\"status\":503")
    );
    assert!(log.contains("wrong secret") && log.contains("it has expired"), "{log}");
    canaries.assert_not_in("the log", &log);
}

#[test]
#[should_panic(expected = "is in a text")]
fn a_signature_alone_would_have_been_found() {
    let mut canaries = Canaries::default();
    canaries.token("header.payload.signature");
    canaries.assert_not_in("a text", "it ends in signature");
}

#[tokio::test]
async fn the_files_of_the_store_hold_neither_secrets_nor_tokens() {
    let stage = Stage::open().await;
    let mut canaries = Canaries::default();
    canaries.secret(&stage.shop.secret);
    canaries.secret(&stage.rival.secret);
    let tokens = stage.tokens(&stage.shop).await;
    canaries.token(&tokens.access);
    canaries.token(&tokens.refresh);
    stage.answer(create(&tokens.access).key("the-key")).await.data();
    stage.refresh(&tokens.refresh).await.data();

    let mut files = 0;
    let mut found = false;
    for file in std::fs::read_dir(stage.path().parent().unwrap()).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
        canaries.assert_not_in("the store", &text);
        found |= text.contains("the-key");
        files += 1;
    }
    assert!(found && files >= 2, "the store and its log were looked at");
}

/// Issues tokens in every way and has them refused in every way; returns the refusals.
async fn everything(stage: &mut Stage, faults: &Faults, canaries: &mut Canaries) -> Vec<Reply> {
    let (_, wrong) = stage.secret(stage.shop.id, None);
    canaries.secret(&stage.shop.secret);
    canaries.secret(&wrong);
    let Tokens { access, refresh } = issued(stage, canaries).await;
    stage.list(&access).await.data();
    stage.answer(create(&access).key("k")).await.data();
    stage.answer(create(&access).key("k")).await.data();
    let mut refusals = Vec::new();
    for call in refused_calls(stage, &wrong, &access, &refresh) {
        refusals.push(stage.answer(call).await);
    }
    refusals.extend(by_an_oauth_client(stage, &wrong, canaries).await);
    refusals.extend(while_the_store_fails(stage, faults, canaries, &access).await);
    refusals.extend(after_the_end(stage, &access, &refresh).await);
    refusals.retain(|reply| !reply.status().is_success());
    refusals
}

/// Issues tokens in every way; returns the last of them.
async fn issued(stage: &Stage, canaries: &mut Canaries) -> Tokens {
    let (id, secret) = (stage.shop.id.to_string(), &stage.shop.secret);
    let mut scoped = stage.shop.body();
    scoped["scope"] = "payments:read".into();
    let (mut access, mut refresh) = (String::new(), String::new());
    for call in [
        Call::post(TOKEN).json(&scoped),
        Call::post(TOKEN).form(&format!("client_id={id}&client_secret={secret}")),
        Call::post(TOKEN).basic(&id, secret).form(""),
        Call::post(TOKEN).json(&stage.shop.body()),
    ] {
        let data = stage.answer(call).await.data();
        data["access_token"].as_str().unwrap().clone_into(&mut access);
        data["refresh_token"].as_str().unwrap().clone_into(&mut refresh);
        canaries.token(&access);
        canaries.token(&refresh);
    }
    let refreshed = stage.refresh(&refresh).await.data();
    canaries.token(refreshed["access_token"].as_str().unwrap());
    // The header of all tokens is no secret, their names may be logged.
    assert!(claims(&access)["jti"].is_string());
    Tokens { access, refresh }
}

/// Everything that a caller may get wrong, with secrets and tokens in the wrong places.
fn refused_calls(stage: &Stage, wrong: &str, access: &str, refresh: &str) -> Vec<Call> {
    let (id, secret) = (stage.shop.id.to_string(), stage.shop.secret.as_str());
    let mut other = payment();
    other["amount"] = json!(1);
    vec![
        Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": wrong})),
        Call::post(TOKEN).basic(&id, wrong).form(""),
        Call::post(TOKEN).basic(secret, secret).form(""),
        Call::post(TOKEN).basic(&id, secret).json(&json!({"client_secret": secret})),
        Call::post(TOKEN).json(&json!({"client_id": secret, "client_secret": secret})),
        Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": [secret]})),
        Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": secret, "grant_type": secret})),
        Call::post(TOKEN).json(&json!({"client_id": id, "client_secret": secret, "scope": secret})),
        Call::post(TOKEN)
            .json(&json!({"client_id": id, "client_secret": secret, "scope": format!("\"{secret}")})),
        Call::post(TOKEN)
            .body("application/json", format!(r#"{{"client_id":"{id}","client_secret":"{secret}""#)),
        Call::post(TOKEN)
            .body("application/json", format!(r#"{{"client_id":"{id}","client_secret":{secret}}}"#)),
        Call::post(TOKEN).body("application/json", format!(r#""{secret}""#)),
        Call::post(TOKEN).body("text/plain", secret.to_owned()),
        Call::post(TOKEN).json(&stage.shop.body()).header("origin", "https://evil.example"),
        Call::get(&format!("{TOKEN}?client_secret={secret}")),
        Call::post(&format!("/nothing/{secret}?{access}")).bearer(access),
        Call::post(REFRESH).json(&json!({"refresh_token": access})),
        Call::post(REFRESH).json(&json!({"refresh_token": [refresh]})),
        Call::post(REFRESH).form(&format!("refresh_token={refresh}")),
        Call::get(LIST).bearer(refresh),
        Call::get(LIST).bearer(access).bearer(access),
        Call::get(LIST).bearer(&format!("{access}x")),
        Call::get(LIST).basic(&id, secret),
        Call::get(&format!("{LIST}?limit={access}")).bearer(access),
        Call::get(&format!("{LIST}?cursor={access}")).bearer(access),
        Call::get(&format!("{LIST}/{access}")).bearer(access),
        Call::get(&format!("/pay/{access}")),
        Call::post(CREATE).bearer(access).json(&json!({"order_id": [secret], "merchant_id": access})),
        Call::post(CREATE).bearer(access).json(&other).key("k"),
        Call::post(CREATE).bearer(access).json(&other).key(access),
    ]
}

/// What is refused while the store panics and fails.
async fn while_the_store_fails(
    stage: &mut Stage,
    faults: &Faults,
    canaries: &mut Canaries,
    access: &str,
) -> Vec<Reply> {
    // Nobody has asked for this one yet, so the store is.
    let stranger = stage.client(stage.kind()).await;
    canaries.secret(&stranger.secret);
    let mut refusals = Vec::new();
    for (method, fault) in [
        ("client", Fault::Panics),
        ("client", Fault::Refuses),
        ("documents", Fault::Panics),
        ("begin", Fault::Refuses),
        ("complete", Fault::Panics),
    ] {
        faults.set(method, fault);
        if method == "client" {
            refusals.push(stage.answer(Call::post(TOKEN).json(&stranger.body())).await);
        }
        refusals.push(stage.list(access).await);
        refusals.push(stage.answer(create(access).key("k-2")).await);
        faults.clear();
    }
    refusals
}

/// What is refused when the client has been disabled, and when its tokens have expired.
async fn after_the_end(stage: &Stage, access: &str, refresh: &str) -> Vec<Reply> {
    let now = stage.now();
    stage.elsewhere.set_client_status(stage.shop.id, Status::Disabled, now, &ACT).await.unwrap();
    stage.follow().await;
    let mut refusals = vec![stage.list(access).await, stage.refresh(refresh).await];
    stage.advance(std::time::Duration::from_secs(24 * 60 * 60)).await;
    refusals.push(stage.list(access).await);
    refusals.push(stage.refresh(refresh).await);
    for _ in 0..31 {
        refusals.push(stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await);
    }
    refusals
}

/// The same at the endpoints of the standards; returns the refusals among the answers.
async fn by_an_oauth_client(stage: &Stage, wrong: &str, canaries: &mut Canaries) -> Vec<Reply> {
    const GRANT: &str = "grant_type=client_credentials";
    let shop = &stage.shop;
    let (id, secret) = (shop.id.to_string(), &shop.secret);
    let issued = stage.answer(post_as(shop, OAUTH_TOKEN, GRANT)).await.json();
    let (access, refresh) =
        (issued["access_token"].as_str().unwrap(), issued["refresh_token"].as_str().unwrap());
    canaries.token(access);
    canaries.token(refresh);
    let mut replies = Vec::new();
    for call in [
        Call::post(OAUTH_TOKEN).form(&format!("{GRANT}&client_id={id}&client_secret={wrong}")),
        Call::post(OAUTH_TOKEN).basic(&id, wrong).form(GRANT),
        Call::post(OAUTH_TOKEN).basic(secret, secret).form(GRANT),
        Call::post(OAUTH_TOKEN).bearer(access).form(GRANT),
        Call::post(OAUTH_TOKEN).json(&shop.body()),
        Call::get(&format!("{OAUTH_TOKEN}?client_secret={secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("{GRANT}&client_secret={secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("{GRANT}&client_id={secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("{GRANT}&scope={secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("{GRANT}&scope=%22{secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("grant_type={secret}")),
        post_as(shop, OAUTH_TOKEN, &format!("grant_type=refresh_token&refresh_token={access}")),
        post_as(
            shop,
            OAUTH_TOKEN,
            &format!("grant_type=refresh_token&refresh_token={refresh}&scope={secret}"),
        ),
        post_as(&stage.rival, OAUTH_TOKEN, &format!("grant_type=refresh_token&refresh_token={refresh}")),
        Call::post(INTROSPECT).form(&format!("token={access}")),
        Call::post(INTROSPECT).header("origin", "null").form(&format!("token={access}")),
        post_as(shop, INTROSPECT, &format!("token={access}&token={access}")),
        post_as(shop, &format!("{REVOKE}?token={access}"), ""),
        Call::get(&format!("/.well-known/oauth-authorization-server/{access}")),
        Call::post(&format!("/oauth2/jwks?{secret}")).form(secret),
    ] {
        let reply = stage.answer(call).await;
        assert!(reply.status().is_client_error(), "{} {}", reply.status(), reply.text());
        replies.push(reply);
    }
    // And what is answered well says nothing of the tokens but what they are.
    for token in [access, refresh] {
        for (of, path) in [(shop, INTROSPECT), (&stage.rival, REVOKE), (shop, REVOKE), (shop, INTROSPECT)] {
            let form = format!("token={token}&token_type_hint=refresh_token");
            let reply = stage.answer(post_as(of, path, &form)).await;
            assert_eq!(reply.status(), 200, "{}", reply.text());
            canaries.assert_not_in("an answer", reply.text());
        }
    }
    replies
}

/// What the administration's listener says of all that, over its own socket.
async fn metrics(stage: Stage) -> String {
    let listeners = Listeners::bind(&stage.config).unwrap();
    let admin = listeners.admin().unwrap().unwrap();
    let (server, _, _folder) = stage.into_parts();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(run(server, listeners, Tls::default(), async {
        let _ = stopped.await;
    }));
    let mut connection = TcpStream::connect(admin).await.unwrap();
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap();
    text
}
