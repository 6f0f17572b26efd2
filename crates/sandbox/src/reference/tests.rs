use super::*;

/// How large the page may be, without its stylesheet.
const BUDGET: usize = 110_000;

#[test]
fn every_operation_field_and_code_of_the_document_is_on_the_page() {
    let document = described();
    let page = render(&document, true);
    assert!(page.len() <= BUDGET, "{} bytes", page.len());
    for (path, methods) in object(&document["paths"]) {
        if path.starts_with("/admin/") {
            assert!(!page.contains(path.as_str()), "{path} is for operators");
            continue;
        }
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        for (_, operation) in object(methods) {
            let id = text(&operation["operationId"]);
            assert!(
                page.contains(&format!("<article id=\"{id}\">")) && page.contains(&format!("href=\"#{id}\"")),
                "{id}"
            );
        }
    }
    for code in members(&document["components"]["schemas"]["ErrorCode"], "enum") {
        assert!(page.contains(&format!("<tr id=\"{}\">", text(code))), "{code}");
    }
    for field in
        ["customer.email", "billing_address.country", "items[].redirect_url", "Idempotency-Key", "grant_type"]
    {
        assert!(page.contains(&format!("<code>{field}</code>")), "{field}");
    }
}

#[test]
fn the_page_leads_to_the_playground_where_there_is_one() {
    let document = described();
    assert!(render(&document, true).contains("<a href=\"/playground\">"));
    assert!(!render(&document, false).contains("/playground"));
}

#[test]
fn an_anchor_is_there_once_and_a_link_leads_somewhere() {
    let page = render(&described(), true);
    let values = |attribute: &str| -> Vec<String> {
        let begin = format!(" {attribute}=\"");
        let parts = page.split(&begin).skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let anchors = values("id");
    let distinct: std::collections::BTreeSet<_> = anchors.iter().collect();
    assert_eq!(anchors.len(), distinct.len(), "{anchors:?}");
    for link in values("href").iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(anchors.iter().any(|anchor| anchor == link), "{link}");
    }
}

#[test]
fn no_call_to_paste_has_a_secret_or_a_token() {
    let document = described();
    let page = render(&document, true);
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let Some(call) = curl::example(&document, path, method, operation) else { continue };
            for secret in ["tg_test_", "eyJ", "-u "] {
                assert!(!call.contains(secret), "{call}");
            }
        }
    }
    assert!(
        page.contains("-H &#34;Authorization: Bearer $ACCESS_TOKEN&#34;")
            || page.contains("Bearer $ACCESS_TOKEN")
    );
}

/// The description of the HTTP API.
fn described() -> Value {
    let mut document: Value = yaml_serde::from_str(include_str!("../../../../docs/openapi.yaml")).unwrap();
    // Some are served elsewhere in production.
    for path in document["paths"].as_object_mut().unwrap().values_mut() {
        path.as_object_mut().unwrap().remove("servers");
    }
    document
}
