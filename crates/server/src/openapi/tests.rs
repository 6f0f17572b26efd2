use std::collections::BTreeSet;

use serde_json::json;
use tollgate_core::wire::Code;

use super::*;
use crate::route::{Route, Routes};

#[test]
fn every_route_is_described_but_those_for_browsers() {
    let document = document(&Surface { authz: true, ..Surface::default() });
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let payments = [
        "/api/v1/payment-requests:redirect",
        "/api/v1/payment-requests",
        "/api/v1/payment-requests/{id}",
        "/pay/{id}",
    ];
    let routes = Routes::with(payments, Vec::new(), true, true);
    let is_described = |route: &Route| *route != Route::Unknown;
    let served: BTreeSet<_> = routes.all().filter(is_described).map(|route| routes.path(route)).collect();
    let (administration, others): (BTreeSet<_>, _) =
        described.into_iter().partition(|path| path.starts_with("/admin/v1/"));
    // Which of them exist is only known where they are served.
    assert_eq!((administration.is_empty(), others), (false, served));
}

#[test]
fn a_reference_leads_somewhere_and_every_component_is_referred_to() {
    for surface in [Surface::default(), Surface { sandbox: false, health: false, ..Surface::default() }] {
        let document = document(&surface);
        let mut references = HashSet::new();
        collect_references(&document, &mut references);
        assert!(references.len() > 30);
        for reference in &references {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        for (kind, members) in document["components"].as_object().unwrap() {
            for name in members.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
                assert!(references.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name}");
            }
        }
    }
}

#[test]
fn operations_depend_on_settings_by_their_tags() {
    let file: Value = yaml_serde::from_str(FILE).unwrap();
    for tag in file["tags"].as_array().unwrap() {
        let settings = [&json!(null), &json!("sandbox"), &json!("authz.enabled")];
        assert!(settings.contains(&&tag[SERVED_WHEN]), "{tag}");
    }
    let tags: BTreeSet<_> =
        file["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).map(Value::to_string).collect();
    for (_, operation) in operations(&file) {
        assert!(tags.contains(&operation["tags"][0].to_string()), "{operation}");
    }
    assert!(!document(&Surface::default()).to_string().contains(SERVED_WHEN));
}

#[test]
fn names_of_operations_are_unique_and_their_summaries_are_no_sentences() {
    let document = document(&Surface::default());
    let mut names = BTreeSet::new();
    for (id, operation) in operations(&document) {
        assert!(names.insert(id), "{id}");
        assert!(!operation["summary"].as_str().unwrap().ends_with('.'), "{id}");
        assert!(operation["description"].as_str().unwrap().ends_with('.'), "{id}");
    }
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// Returns every operation with its name.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations.filter_map(|operation| Some((operation.get("operationId")?.as_str()?, operation)))
}

#[test]
fn the_codes_of_errors_are_listed_with_their_statuses() {
    let schema = schema("ErrorCode");
    assert_eq!(schema["enum"], json!(Code::ALL.map(Code::as_str)));
    let listed: Vec<_> =
        described(&schema).into_iter().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect();
    assert_eq!(listed, Code::ALL.map(|code| format!("`{}` ({})", code.as_str(), code.status())));
}

#[test]
fn the_errors_of_rfc_6749_are_listed() {
    let error = schema("OAuthError")["properties"]["error"].take();
    let listed: Vec<_> =
        described(&error).into_iter().map(|line| line.split('`').nth(1).unwrap().to_owned()).collect();
    assert_eq!(error["enum"], json!(listed));
}

/// Returns the entries of the list in a description.
fn described(schema: &Value) -> Vec<String> {
    let lines = schema["description"].as_str().unwrap().lines();
    lines.filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect()
}

fn schema(name: &str) -> Value {
    document(&Surface::default())["components"]["schemas"][name].take()
}
