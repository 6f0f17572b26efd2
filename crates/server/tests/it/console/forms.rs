//! Forms: whose they are, what they do, and what is wrong in them.

use std::sync::Arc;

use tollgate_config::Role;
use tollgate_core::ClientId;

use super::{Browser, ORIGIN, encoded, last_record, stage};
use crate::call::{Call, TOKEN};
use crate::stage::{Credentials, Stage};

#[tokio::test]
async fn a_form_of_another_site_or_another_session_does_nothing() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let own = browser.form_token().await;
    let cookie = format!("{}={}", super::COOKIE, browser.cookie.clone().unwrap());
    let before = last_record(&stage).await;
    let post = |token: &str| {
        let form = encoded(&[("form_token", token), ("name", "Shop")]);
        Call::post("/console/merchants/new")
            .form(&form)
            .header("host", "localhost:9090")
            .header("cookie", &cookie)
    };
    for (what, call) in [
        ("another site", post(&own).header("sec-fetch-site", "cross-site").header("origin", ORIGIN)),
        ("a site beside it", post(&own).header("sec-fetch-site", "same-site")),
        ("another origin", post(&own).header("origin", "http://localhost:8080")),
        ("an origin that is kept secret", post(&own).header("origin", "null")),
        ("no browser", post(&own)),
        ("no token", post("").header("sec-fetch-site", "same-origin")),
        (
            "another token",
            post(&own.replace(|c: char| c.is_ascii_lowercase(), "a")).header("sec-fetch-site", "same-origin"),
        ),
    ] {
        let reply = stage.answer_from(super::HERE, call).await;
        assert_eq!(reply.status(), 403, "{what}");
    }
    assert_eq!(last_record(&stage).await, before);
    let reply = stage.answer_from(super::HERE, post(&own).header("origin", ORIGIN)).await;
    assert_eq!(reply.status(), 303, "an older browser says its origin alone");
}

#[tokio::test]
async fn a_merchant_is_created_renamed_disabled_enabled_and_deleted_with_reasons() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let reply =
        browser.submit("/console/merchants/new", &[("name", " Corner & Shop "), ("reason", "T-1")]).await;
    let (path, _) = reply.header("location").split_once('?').unwrap();
    let path = path.to_owned();
    let record = last_record(&stage).await;
    assert_eq!((record.actor.as_str(), record.reason.as_deref()), ("console:ada", Some("T-1")));
    let page = browser.get(&format!("{path}?done=created")).await;
    assert!(page.text().contains("Corner &#38; Shop"), "{}", page.text());
    assert!(page.text().contains("It was created."));
    for (act, fields, recorded) in [
        ("rename", &[("name", "Kiosk"), ("reason", "T-2")][..], "merchant.rename"),
        ("disable", &[("reason", "fraud")], "merchant.disable"),
        ("enable", &[("reason", "cleared")], "merchant.enable"),
        ("revoke-tokens", &[("reason", "T-3")], "merchant.revoke-tokens"),
    ] {
        let reply = browser.submit(&format!("{path}/{act}"), fields).await;
        assert_eq!(reply.status(), 303, "{act}: {}", reply.text());
        let record = last_record(&stage).await;
        let reason = fields.iter().find(|(name, _)| *name == "reason").map(|(_, reason)| *reason);
        assert_eq!((record.act.as_str(), record.reason.as_deref()), (recorded, reason));
    }
    let unconfirmed = browser.submit(&format!("{path}/delete"), &[]).await;
    assert_eq!(unconfirmed.status(), 400);
    assert!(unconfirmed.text().contains("must be ticked"), "{}", unconfirmed.text());
    assert_eq!(browser.get(&path).await.status(), 200, "it is still there");
    let deleted = browser.submit(&format!("{path}/delete"), &[("confirm", "yes")]).await;
    assert_eq!(deleted.header("location"), "/console/merchants?done=deleted");
    assert_eq!(browser.get(&path).await.status(), 404);
}

#[tokio::test]
async fn a_client_is_created_once_however_often_the_form_is_sent_and_its_secret_works() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let path = "/console/clients/new";
    let page = browser.get(path).await;
    let merchant = stage.merchant.to_string();
    let fields = [
        ("kind", "merchant"),
        ("merchant_id", merchant.as_str()),
        ("name", "till"),
        ("environment", "test"),
        ("scope", "payments:read"),
        ("allow_from", "192.0.2.0/24\r\n198.51.100.7\r\n"),
        ("labels", "shop=7\r\nteam=a b"),
        ("access_ttl", "5m"),
        ("quota", "600/h"),
    ];
    let mut form = super::hidden(page.text(), path);
    form.extend(fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let call = Call::post(path).form(&encoded(&form));
    let created = browser.send(call.clone()).await;
    assert_eq!(created.status(), 201, "{}", created.text());
    let again = browser.send(call).await;
    assert_eq!(again.text(), created.text(), "the page is loaded again");
    let secret = super::attribute(created.text(), "<code class=\"secret\">");
    let secret = secret.split('<').next().unwrap().to_owned();
    let id: ClientId = created.text().split("/console/clients/").nth(1).unwrap()[..36].parse().unwrap();
    let found = stage.elsewhere.client(id).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.addresses.len(), found.merchant_id),
        ("till", 2, Some(stage.merchant))
    );
    assert_eq!(found.terms.labels.get("team"), Some("a b"));
    let all = stage.elsewhere.clients(Some(stage.merchant), None, 10).await.unwrap();
    assert_eq!(all.len(), 2, "the shop's own and this one");
    let credentials = Credentials { id, secret, secret_id: found.secrets[0].id };
    assert_eq!(stage.answer(Call::post(TOKEN).json(&credentials.body())).await.status(), 200);
    let shown = browser.get(&format!("/console/clients/{id}")).await;
    assert!(!shown.text().contains(&credentials.secret), "it is shown once");
}

#[tokio::test]
async fn everything_wrong_with_a_form_is_said_beside_its_fields_and_what_was_typed_stays() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let fields = [
        ("kind", "merchant"),
        ("merchant_id", "7"),
        ("name", ""),
        ("scope", "payments:read"),
        ("allow_from", "somewhere"),
        ("access_ttl", "soon"),
        ("labels", "<b>"),
    ];
    let reply = browser.submit("/console/clients/new", &fields).await;
    assert_eq!(reply.status(), 400);
    for name in ["merchant-id", "name", "allow-from", "access-ttl", "labels"] {
        assert!(reply.text().contains(&format!("<a href=\"#field-{name}\">")), "{name}: {}", reply.text());
        assert!(reply.text().contains(&format!("id=\"field-{name}-problem\"")), "{name}");
    }
    assert!(reply.text().contains("&#60;b&#62;") && !reply.text().contains("<b>"), "{}", reply.text());
    assert!(reply.text().contains("value=\"soon\""));
    let unknown =
        [("kind", "merchant"), ("merchant_id", "3fa85f64-5717-4562-b3fc-2c963f66afa6"), ("name", "x")];
    let reply = browser.submit("/console/clients/new", &unknown).await;
    assert_eq!(reply.status(), 404, "no such merchant");
}

#[tokio::test]
async fn a_client_is_changed_unless_somebody_else_has_changed_it_meanwhile() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let path = format!("/console/clients/{}/change", stage.shop.id);
    let page = browser.get(&path).await;
    let mut old = super::hidden(page.text(), &path);
    old.extend([("name".to_owned(), "late".to_owned()), ("scope".to_owned(), "payments:read".to_owned())]);
    let fields = [("name", "till 2"), ("scope", "payments:read payments:write"), ("access_ttl", "5m")];
    assert_eq!(browser.submit(&path, &fields).await.status(), 303);
    let found = stage.elsewhere.client(stage.shop.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.terms.access_ttl.unwrap().as_secs()), ("till 2", 300));
    let reply = browser.send(Call::post(&path).form(&encoded(&old))).await;
    assert_eq!(reply.status(), 412, "{}", reply.text());
    assert!(reply.text().contains("It was changed meanwhile"));
    let long = [("name", "x"), ("scope", "payments:read"), ("access_ttl", "400d")];
    let reply = browser.submit(&path, &long).await;
    assert_eq!(reply.status(), 400);
    assert!(reply.text().contains("id=\"field-access-ttl-problem\""), "{}", reply.text());
}

#[tokio::test]
async fn a_secret_is_added_with_an_overlap_and_revoked() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &Role::ALL).await;
    let client = format!("/console/clients/{}", stage.shop.id);
    let reply = browser.submit(&format!("{client}/secrets/new"), &[("others_expire_in", "24h")]).await;
    assert_eq!(reply.status(), 201, "{}", reply.text());
    assert!(reply.text().contains("tg_test_"));
    let found = stage.elsewhere.client(stage.shop.id).await.unwrap().unwrap();
    assert_eq!(found.secrets.len(), 2);
    assert_eq!(found.secrets.iter().filter(|secret| secret.expires_at.is_some()).count(), 1);
    let revoke = format!("{client}/secrets/{}/revoke", stage.shop.secret_id);
    assert!(browser.get(&client).await.text().contains(&format!("href=\"{revoke}\"")));
    let reply = browser.submit(&revoke, &[("reason", "leaked")]).await;
    assert_eq!(reply.header("location"), format!("{client}?done=revoked-secret"));
    assert_eq!(stage.answer(Call::post(TOKEN).json(&stage.shop.body())).await.status(), 401);
    assert!(!browser.get(&client).await.text().contains(&revoke), "there is nothing left to revoke of it");
    let wrong = browser.submit(&format!("{client}/secrets/new"), &[("others_expire_in", "soon")]).await;
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn what_takes_two_people_waits_for_the_second_and_says_for_whom() {
    let settings = [("TOLLGATE_ADMIN__SECOND_PERSON_WITHIN", "1h")];
    let stage = Arc::new(Stage::with(&settings, |store| Arc::new(store)).await);
    let (mut ada, mut bob) = (
        Browser::signed_in(&stage, &Role::ALL).await,
        Browser::signed_in_as(&stage, "bob", &Role::ALL).await,
    );
    let merchant = format!("/console/merchants/{}", stage.rival_merchant);
    let client = format!("/console/clients/{}", stage.shop.id);
    for path in [&client, &merchant] {
        let delete = format!("{path}/delete");
        let confirmed = [("confirm", "yes"), ("reason", "closed")];
        for _ in 0..2 {
            let reply = ada.submit(&delete, &confirmed).await;
            assert_eq!(reply.header("location"), format!("{path}?done=asked"));
        }
        let page = ada.get(&format!("{path}?done=asked")).await;
        assert!(page.text().contains("It is done when another person asks for the same."), "{}", page.text());
        let page = bob.get(&delete).await;
        for said in ["Asked for by", "console:ada", "closed", "Waits for another person until"] {
            assert!(page.text().contains(said), "{said}: {}", page.text());
        }
        let reply = bob.submit(&delete, &confirmed).await;
        assert!(reply.header("location").ends_with("?done=deleted"), "{}", reply.header("location"));
        assert_eq!(ada.get(path).await.status(), 404);
    }
    let compromised = [("algorithm", "HS256"), ("confirm", "yes")];
    let path = "/console/keys/compromised";
    assert_eq!(ada.submit(path, &compromised).await.header("location"), "/console/keys?done=asked");
    assert!(bob.get(path).await.text().contains("console:ada"));
    assert_eq!(bob.submit(path, &compromised).await.header("location"), "/console/keys?done=replaced");
    assert!(!bob.get(path).await.text().contains("console:ada"), "nothing waits any more");
}
