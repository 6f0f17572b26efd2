//! Changes on the condition that nobody else has made one.

use serde_json::json;

use super::{Desk, MERCHANTS, client_path};
use crate::call::assert_refused;

#[tokio::test]
async fn a_change_on_the_condition_of_an_older_version_is_refused() {
    let desk = Desk::open().await;
    let merchant = format!("{MERCHANTS}/{}", desk.merchant("Shop").await);
    let client = client_path(&desk.client(None, json!({})).await);
    for path in [&merchant, &client] {
        let patch = |name: &str, tag: &str| {
            desk.call("PATCH", path).json(&json!({"name": name})).header("if-match", tag)
        };
        let read = desk.get(path).await;
        let first = read.header("etag").to_owned();
        let changed = desk.send(patch("one", &first)).await;
        let second = changed.header("etag").to_owned();
        assert_eq!((changed.status().as_u16(), first == second), (200, false));
        assert_refused(&desk.send(patch("two", &first)).await, 412, "PRECONDITION_FAILED");
        assert_eq!(desk.get(path).await.header("etag"), second);
        assert_eq!(desk.get(path).await.data()["name"], "one");
        let disabled = desk.send(desk.call("POST", &format!("{path}/disable"))).await;
        assert_ne!(disabled.header("etag"), second, "that is a change as well");
        for tag in [&first, &second] {
            let deleted = desk.send(desk.call("DELETE", path).header("if-match", tag)).await;
            assert_refused(&deleted, 412, "PRECONDITION_FAILED");
        }
        assert_eq!(
            desk.send(patch("three", &format!("{first}, {}", disabled.header("etag")))).await.status(),
            200
        );
        assert_eq!(desk.send(patch("four", "*")).await.status(), 200);
        assert_eq!(desk.patch(path, &json!({"name": "five"})).await.status(), 200);
        let deleted = desk.send(desk.call("DELETE", path).header("if-match", "*")).await;
        assert_eq!(deleted.status(), 200);
        assert_eq!(desk.send(patch("six", "*")).await.status(), 404);
    }
}

#[tokio::test]
async fn of_two_who_change_what_both_have_read_one_is_refused() {
    let desk = Desk::open().await;
    let path = client_path(&desk.client(None, json!({})).await);
    let tag = desk.get(&path).await.header("etag").to_owned();
    let patch = |name: &str| {
        desk.send(desk.call("PATCH", &path).json(&json!({"name": name})).header("if-match", &tag))
    };
    let (one, two) = tokio::join!(patch("one"), patch("two"));
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}
