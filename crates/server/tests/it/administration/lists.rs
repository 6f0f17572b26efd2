//! Lists, page by page.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CLIENTS, Desk, MERCHANTS, client_path, text};

/// Reads a list to its end, and returns the ids on it and the number of pages.
async fn all(desk: &Desk, path: &str, query: &str, id: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = desk.get(&format!("{path}?{query}{cursor}")).await.data();
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item[id])));
        pages += 1;
        match &page["next_cursor"] {
            Value::Null => return (ids, pages),
            next => cursor = format!("&cursor={}", text(next)),
        }
    }
}

#[tokio::test]
async fn pages_have_every_client_once_whatever_is_created_and_deleted_meanwhile() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let mut created = BTreeSet::new();
    for _ in 0..7 {
        created.insert(text(&desk.client(Some(&shop), json!({})).await["client_id"]));
    }
    for (limit, expected) in [(1, 7), (3, 3), (7, 1), (1000, 1)] {
        let query = format!("merchant_id={shop}&limit={limit}");
        let (ids, pages) = all(&desk, CLIENTS, &query, "client_id").await;
        assert_eq!((ids.len(), pages), (7, expected), "{limit}");
        assert!(ids.is_sorted() && ids.iter().cloned().collect::<BTreeSet<_>>() == created);
    }
    let first = desk.get(&format!("{CLIENTS}?merchant_id={shop}&limit=3")).await.data();
    let last = text(&first["items"][2]["client_id"]);
    assert_eq!(desk.delete(&format!("{CLIENTS}/{last}")).await.status(), 200);
    let next = text(&first["next_cursor"]);
    let rest = desk.get(&format!("{CLIENTS}?merchant_id={shop}&limit=1000&cursor={next}")).await.data();
    assert_eq!(rest["items"].as_array().unwrap().len(), 4, "the place of who is gone is still a place");
}

#[tokio::test]
async fn a_filter_shows_what_meets_it_and_nothing_else() {
    let desk = Desk::open().await;
    let shop = desk.merchant("Shop").await;
    let plain = desk.client(Some(&shop), json!({})).await;
    let named = desk.client(Some(&shop), json!({"name": "Ünïque Till"})).await;
    let writes = desk.client(Some(&shop), json!({"scope": "payments:read refunds:write"})).await;
    let live = desk.client(Some(&shop), json!({"environment": "live"})).await;
    let labelled = desk.client(Some(&shop), json!({"labels": {"team": "north"}})).await;
    let operators = desk.client(None, json!({"labels": {"team": "south"}})).await;
    let disabled = desk.client(Some(&shop), json!({})).await;
    desk.post(&format!("{}/disable", client_path(&disabled)), &json!({})).await.data();
    let others = [&plain, &named, &writes, &live, &labelled, &operators, &disabled];
    let with = |query: &'static str, expected: &[&Value]| {
        (query, expected.iter().map(|client| text(&client["client_id"])).collect::<BTreeSet<_>>())
    };
    for (query, expected) in [
        with("name=%C3%BCN%C3%AFque", &[&named]),
        with("scope=refunds:write", &[&writes]),
        with("scope=refunds:write+payments:read", &[&writes]),
        with("status=disabled", &[&disabled]),
        with("environment=live", &[&live]),
        with("label=team", &[&labelled, &operators]),
        with("label=team%3Dnorth", &[&labelled]),
        with("label=team%3Deast", &[]),
        with("operator=true&label=team", &[&operators]),
        with("operator=false&label=team", &[&labelled]),
        with("environment=live&status=disabled", &[]),
    ] {
        let (ids, _) = all(&desk, CLIENTS, &format!("limit=2&{query}"), "client_id").await;
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    }
    let (ids, _) = all(&desk, CLIENTS, "status=enabled", "client_id").await;
    assert!(others[..6].iter().all(|client| ids.contains(&text(&client["client_id"]))));
    desk.post(&format!("{MERCHANTS}/{shop}/disable"), &json!({})).await.data();
    let (ids, _) = all(&desk, MERCHANTS, "status=disabled&name=SHOP", "merchant_id").await;
    assert_eq!(ids, [shop]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_list_and_its_filters_alone() {
    let desk = Desk::open().await;
    for _ in 0..3 {
        desk.client(None, json!({})).await;
    }
    let cursor = text(&desk.get(&format!("{CLIENTS}?limit=1&name=till")).await.data()["next_cursor"]);
    let of = |query: &str| format!("{query}cursor={cursor}");
    assert_eq!(desk.get(&of(&format!("{CLIENTS}?name=till&limit=2&"))).await.status(), 200);
    for path in [
        of(&format!("{CLIENTS}?")),
        of(&format!("{CLIENTS}?name=other&")),
        of(&format!("{CLIENTS}?name=till&status=enabled&")),
        of(&format!("{MERCHANTS}?name=till&")),
        format!("{CLIENTS}?name=till&cursor="),
        format!("{CLIENTS}?name=till&cursor={}", &cursor[1..]),
    ] {
        assert_eq!(desk.get(&path).await.fields(), ["cursor"], "{path}");
    }
}

#[tokio::test]
async fn what_is_no_parameter_or_no_value_of_one_is_named() {
    let desk = Desk::open().await;
    for (query, fields) in [
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("limit=%2B5", vec!["limit"]),
        ("limit=5&limit=6", vec!["limit"]),
        ("curser=x", vec!["curser"]),
        (
            "merchant_id=7&status=off&environment=prod&operator=yes",
            vec!["merchant_id", "operator", "status", "environment"],
        ),
        ("name=", vec!["name"]),
        ("label==x", vec!["label"]),
    ] {
        assert_eq!(desk.get(&format!("{CLIENTS}?{query}")).await.fields(), fields, "{query}");
    }
}

#[tokio::test]
async fn revocations_are_listed_in_their_order() {
    let desk = Desk::open().await;
    let (shop, till) = (desk.merchant("Shop").await, desk.client(None, json!({})).await);
    let jti = "Vb3L9RACLcjNhEcGzdRnXg";
    for which in
        [json!({"token_id": jti}), json!({"client_id": till["client_id"]}), json!({"merchant_id": shop})]
    {
        assert_eq!(desk.post("/admin/v1/revocations", &which).await.status(), 201);
    }
    let (ids, pages) = all(&desk, "/admin/v1/revocations", "limit=1", "id").await;
    assert_eq!(ids, [jti.to_owned(), text(&till["client_id"]), shop]);
    assert_eq!(pages, 4, "whether there is another is known only once it was asked for");
}
