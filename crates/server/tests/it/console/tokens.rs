//! Keys, revocations, why a token is refused, and the audit trail.

use tollgate_config::Role;

use super::{Browser, last_record, stage};
use crate::call::{Call, LIST, TOKEN};

#[tokio::test]
async fn keys_are_rotated_and_shown_with_their_phases() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let before = stage.elsewhere.signing_keys().await.unwrap().len();
    let rotated =
        browser.submit("/console/keys/rotate", &[("algorithm", "HS256"), ("reason", "yearly")]).await;
    assert_eq!(rotated.header("location"), "/console/keys?done=added");
    let record = last_record(&stage).await;
    assert_eq!((record.act.as_str(), record.reason.as_deref()), ("key.rotate", Some("yearly")));
    let page = browser.get("/console/keys").await;
    assert_eq!(page.text().matches("<svg class=\"timeline\"").count(), before + 1);
    assert!(page.text().contains("waits from ") && page.text().contains("signs from "), "{}", page.text());
    let unconfirmed = browser.submit("/console/keys/compromised", &[("algorithm", "HS256")]).await;
    assert_eq!(unconfirmed.status(), 400);
    assert_eq!(stage.elsewhere.signing_keys().await.unwrap().len(), before + 1);
    let token = stage.tokens(&stage.shop).await.access;
    let fields = [("algorithm", "HS256"), ("confirm", "yes")];
    let replaced = browser.submit("/console/keys/compromised", &fields).await;
    assert_eq!(replaced.header("location"), "/console/keys?done=replaced");
    assert_eq!(stage.answer(Call::get(LIST).bearer(&token)).await.status(), 401, "at once, here");
    assert!(browser.get("/console/keys").await.text().contains("compromised"));
    let unchosen = browser.submit("/console/keys/new", &[("algorithm", "")]).await;
    assert_eq!(unchosen.status(), 400);
    let unknown = browser.submit("/console/keys/new", &[("algorithm", "none")]).await;
    assert_eq!(unknown.status(), 400);
    assert_eq!(browser.submit("/console/keys/new", &[("algorithm", "ES256")]).await.status(), 303);
    assert_eq!(browser.submit("/console/keys/new", &[("algorithm", "ES256")]).await.status(), 409);
}

#[tokio::test]
async fn why_a_token_is_refused_is_said_with_what_it_says() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &[Role::Read, Role::Support]).await;
    let token = stage.tokens(&stage.shop).await.access;
    let valid = browser.submit("/console/why", &[("about", &format!("Bearer {token}"))]).await;
    assert!(valid.text().contains("accepted") && valid.text().contains("access token"), "{}", valid.text());
    assert!(valid.text().contains(&format!("href=\"/console/clients/{}\"", stage.shop.id)));
    let signature = token.rsplit('.').next().unwrap();
    assert!(!valid.text().contains(signature), "the token is not given back");
    let claims = token.split('.').nth(1).unwrap();
    let forged = format!("{}.{claims}.AAAA", token.split('.').next().unwrap());
    let forged = browser.submit("/console/why", &[("about", &forged)]).await;
    assert!(forged.text().contains("its signature does not hold"), "{}", forged.text());
    let garbage = browser.submit("/console/why", &[("about", "a.b.c")]).await;
    assert!(
        garbage.text().contains("refused") && !garbage.text().contains("What it says"),
        "{}",
        garbage.text()
    );
    browser.submit(&format!("/console/clients/{}/revoke-tokens", stage.shop.id), &[]).await;
    let revoked = browser.submit("/console/why", &[("about", &token)]).await;
    assert!(revoked.text().contains("refused"), "{}", revoked.text());
    let request = browser.submit("/console/why", &[("about", "0191e0a1-5c3b-7def-8123-456789abcdef")]).await;
    assert!(request.text().contains("journalctl -u tollgate -g 0191e0a1"), "{}", request.text());
    assert_eq!(browser.submit("/console/why", &[("about", " ")]).await.status(), 200);
}

#[tokio::test]
async fn why_a_request_was_refused_is_said_by_its_id() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &[Role::Read]).await;
    let token = stage.tokens(&stage.shop).await.access;
    let mut wrong = stage.shop.body();
    wrong["client_secret"] = stage.rival.secret.clone().into();
    let calls = [
        (Call::post(TOKEN).json(&wrong), "wrong secret", "not proved"),
        (Call::get("/api/v1/payment-requests?limit=0").bearer(&token), "1 problems in the request", "proved"),
    ];
    for (number, (call, why, proof)) in calls.into_iter().enumerate() {
        let id = format!("r-{number}");
        let reply = stage.answer(call.header("x-request-id", &id)).await;
        assert!((400..500).contains(&reply.status().as_u16()));
        let page = browser.submit("/console/why", &[("about", &id)]).await;
        for said in [why, proof, &format!("href=\"/console/clients/{}\"", stage.shop.id)] {
            assert!(page.text().contains(said), "{said}: {}", page.text());
        }
    }
    // What was not refused is not kept.
    stage.answer(Call::get("/api/v1/payment-requests").bearer(&token).header("x-request-id", "r-9")).await;
    let page = browser.submit("/console/why", &[("about", "r-9")]).await;
    assert!(page.text().contains("not among the 4096 requests"), "{}", page.text());
}

#[tokio::test]
async fn a_token_is_revoked_by_its_id_and_listed() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    assert!(browser.get("/console/revocations").await.text().contains("Nothing is revoked."));
    let wrong = browser.submit("/console/revocations/new", &[("token_id", "x")]).await;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().contains("id=\"field-token-id-problem\""), "{}", wrong.text());
    let id = "Vb3L9RACLcjNhEcGzdRnXg";
    assert_eq!(browser.submit("/console/revocations/new", &[("token_id", id)]).await.status(), 303);
    assert!(browser.get("/console/revocations").await.text().contains(id));
}

#[tokio::test]
async fn the_trail_is_read_by_filters_and_reading_it_is_recorded() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    browser.submit("/console/merchants/new", &[("name", "Shop 2"), ("reason", "T-9")]).await;
    let number = last_record(&stage).await.link.seq;
    let found = browser.get("/console/audit?actor=console:ada&act=merchant.&order=newest").await;
    assert!(found.text().contains("merchant.create") && found.text().contains("T-9"), "{}", found.text());
    assert!(!found.text().contains("console.sign-in</code>"), "{}", found.text());
    assert_eq!(last_record(&stage).await.act, "trail.list");
    let record = browser.get(&format!("/console/audit/{number}")).await;
    assert!(record.text().contains("Shop 2") && record.text().contains("127.0.0.1"), "{}", record.text());
    let none = browser.get("/console/audit?since=2001-01-01&until=2001-01-02").await;
    assert!(none.text().contains("No record is like that."));
    for wrong in ["since=yesterday", "order=x", "after=x", "client_id=7"] {
        assert_eq!(browser.get(&format!("/console/audit?{wrong}")).await.status(), 400, "{wrong}");
    }
    for nothing in ["0", "99999999", "x"] {
        assert_eq!(browser.get(&format!("/console/audit/{nothing}")).await.status(), 404, "{nothing}");
    }
}

#[tokio::test]
async fn the_servers_page_says_how_the_store_is() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &[Role::Read]).await;
    let page = browser.get("/console/servers").await;
    assert_eq!(page.status(), 200, "{}", page.text());
    for part in ["Servers of this store", "Change log read", "sqlite:", "records"] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
}
