use super::*;

/// The largest size of the page, without its stylesheet, in bytes.
const BUDGET: usize = 100 * 1024;

#[test]
fn every_operation_field_and_code_of_the_document_is_on_the_page() {
    let document = described();
    let page = render(&document, true);
    assert!(page.len() <= BUDGET, "{} bytes", page.len());
    for (path, methods) in object(&document["paths"]) {
        if is_for_operators(path) {
            assert!(!page.contains(&format!("<code>{path}</code>")), "{path} is for operators");
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
fn what_many_operations_refuse_is_described_once_and_named_by_each() {
    let document = described();
    let common = Common::of(&document);
    let page = Page::of(&document, true);
    assert!(common.has("431", resolved(&document, &document["components"]["responses"]["HeadersTooLarge"])));
    let mut named = std::collections::BTreeSet::new();
    for operation in page.groups.iter().flat_map(|group| &group.operations) {
        let (_, methods) = object(&document["paths"]).find(|(path, _)| *path == operation.path).unwrap();
        let described = &methods[operation.method.to_lowercase()]["responses"];
        let refused = object(described).filter(|(status, _)| status.as_str() >= "400").count();
        assert_eq!(operation.refusals.len() + operation.common.len(), refused, "{}", operation.anchor);
        named.extend(operation.common.iter().copied());
    }
    for refusal in &page.common {
        assert!(named.contains(&refusal.status), "{}", refusal.status);
    }
}

#[test]
fn a_program_in_each_language_is_on_the_page_as_it_is_tested() {
    let document = described();
    let page = render(&document, true);
    for (language, begin) in [
        ("curl", "#!/bin/sh"),
        ("Python", "import uuid"),
        ("Node", "import { randomUUID }"),
        ("Go", "package main"),
        ("Java", "class First {"),
    ] {
        let (_, program) = page.split_once(&format!("<summary>{language}</summary>")).expect(language);
        let (program, _) = program.split_once("</details>").unwrap();
        assert!(program.contains(begin), "{language}: {program}");
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

/// Returns the description of the HTTP API.
fn described() -> Value {
    let mut document: Value = yaml_serde::from_str(include_str!("../../../../docs/openapi.yaml")).unwrap();
    // Some operations are served at another address in production.
    for path in document["paths"].as_object_mut().unwrap().values_mut() {
        path.as_object_mut().unwrap().remove("servers");
    }
    document
}
