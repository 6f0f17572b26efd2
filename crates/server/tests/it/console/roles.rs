//! Who may do what in the console: the table that the API goes by.

use tollgate_admin::{Operation as O, Operation};
use tollgate_config::{Role as R, Role};

use super::{Browser, encoded, last_record, stage};
use crate::call::Call;

const NOBODY: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

/// What is asked for: the method, the path, and the fields of the form.
type Asked = (&'static str, &'static str, &'static str);

/// The operations that the console has, each with the one role that may do it, and how it is asked for.
fn table() -> Vec<(Operation, Role, Vec<Asked>)> {
    let both = |path: &'static str, fields: &'static str| vec![("GET", path, ""), ("POST", path, fields)];
    let get = |path: &'static str| vec![("GET", path, "")];
    let client = "kind=operator&name=till&scope=payments:read&once=";
    vec![
        (O::ListMerchants, R::Read, get("/console/merchants")),
        (O::ShowMerchant, R::Read, get("/console/merchants/{id}")),
        (O::CreateMerchant, R::Write, both("/console/merchants/new", "name=Shop")),
        (O::RenameMerchant, R::Write, both("/console/merchants/{id}/rename", "name=Shop")),
        (O::DisableMerchant, R::Support, both("/console/merchants/{id}/disable", "")),
        (O::EnableMerchant, R::Support, both("/console/merchants/{id}/enable", "")),
        (O::DeleteMerchant, R::Write, both("/console/merchants/{id}/delete", "confirm=yes")),
        (O::ListClients, R::Read, get("/console/clients")),
        (O::ShowClient, R::Read, get("/console/clients/{id}")),
        (O::CreateClient, R::Write, both("/console/clients/new", client)),
        (O::UpdateClient, R::Write, both("/console/clients/{id}/change", "version=1&name=till&scope=x")),
        (O::DisableClient, R::Support, both("/console/clients/{id}/disable", "")),
        (O::EnableClient, R::Support, both("/console/clients/{id}/enable", "")),
        (O::DeleteClient, R::Write, both("/console/clients/{id}/delete", "confirm=yes")),
        (O::CreateSecret, R::Write, both("/console/clients/{id}/secrets/new", "once=")),
        (O::RevokeSecret, R::Support, both("/console/clients/{id}/secrets/{id}/revoke", "")),
        (O::ListKeys, R::Read, get("/console/keys")),
        (O::ListKeys, R::Read, get("/console/servers")),
        (O::CreateKey, R::Keys, both("/console/keys/new", "algorithm=ES256")),
        (O::RotateKeys, R::Keys, both("/console/keys/rotate", "algorithm=HS256")),
        (
            O::ReplaceCompromisedKeys,
            R::Keys,
            both("/console/keys/compromised", "algorithm=ES256&confirm=yes"),
        ),
        (O::ListRevocations, R::Read, get("/console/revocations")),
        (O::ListRevocations, R::Read, both("/console/why", "about=x")),
        (O::ListRecords, R::Audit, get("/console/audit")),
        (O::ListRecords, R::Audit, get("/console/audit/1")),
        (O::RevokeTokens, R::Support, both("/console/revocations/new", "token_id=Vb3L9RACLcjNhEcGzdRnXg")),
        (O::RevokeTokens, R::Support, both("/console/clients/{id}/revoke-tokens", "")),
        (O::RevokeTokens, R::Support, both("/console/merchants/{id}/revoke-tokens", "")),
    ]
}

fn call((method, path, fields): &Asked, form_token: &str) -> Call {
    let call = Call::new(method, &path.replace("{id}", NOBODY));
    let form = encoded(&[("form_token", form_token)]);
    if *method == "POST" { call.form(&format!("{form}&{fields}")) } else { call }
}

/// Secrets are listed on the page of their client, and figures on the first page, which everybody sees.
const PART_OF_ANOTHER: [Operation; 2] = [O::ListSecrets, O::ShowStats];

#[test]
fn every_operation_is_in_the_console() {
    let listed: Vec<_> = table().into_iter().map(|(operation, _, _)| operation).collect();
    for operation in Operation::ALL {
        assert!(listed.contains(operation) != PART_OF_ANOTHER.contains(operation), "{operation:?}");
    }
}

#[tokio::test]
async fn a_role_does_in_the_console_what_the_table_says_and_nothing_else() {
    let stage = stage().await;
    for role in Role::ALL {
        let mut browser = Browser::signed_in(&stage, &[role]).await;
        let form_token = browser.form_token().await;
        for (operation, needed, asked) in table() {
            assert_eq!(operation.role(), needed, "{operation:?}");
            for asked in asked {
                let reply = browser.send(call(&asked, &form_token)).await;
                if role == needed {
                    assert_ne!(reply.status(), 403, "{asked:?} by {role:?}: {}", reply.text());
                    continue;
                }
                assert_eq!(reply.status(), 403, "{asked:?} by {role:?}");
                assert!(reply.text().contains(&format!("That needs the role {}", needed.name())));
                let record = last_record(&stage).await;
                assert_eq!((record.act.as_str(), record.outcome.as_str()), (operation.name(), "refused"));
                assert_eq!(
                    (record.actor.as_str(), record.source.as_deref()),
                    ("console:ada", Some("127.0.0.1"))
                );
                assert!(record.object.starts_with("route:/console/"), "{}", record.object);
                assert_eq!(record.request_id.as_deref(), Some(reply.header("x-request-id")));
            }
        }
    }
}

#[tokio::test]
async fn whoever_has_not_signed_in_is_shown_nothing_and_does_nothing() {
    let stage = stage().await;
    let before = last_record(&stage).await;
    for (_, _, asked) in table() {
        for asked in asked {
            let reply = Browser::at(&stage).send(call(&asked, "x")).await;
            match asked.0 {
                "GET" => {
                    assert_eq!(
                        (reply.status().as_u16(), reply.header("location")),
                        (303, "/console/sign-in")
                    );
                }
                _ => assert_eq!(reply.status(), 403, "{asked:?}"),
            }
        }
    }
    assert_eq!(last_record(&stage).await, before);
}

#[tokio::test]
async fn a_page_offers_only_what_whoever_sees_it_may_do() {
    let stage = stage().await;
    let (merchant, client) = (stage.merchant, stage.shop.id);
    for (roles, offered, kept) in [
        (
            &[R::Read][..],
            &[][..],
            &["/disable", "/delete", "/rename", "/change", "/secrets/new", "/revoke"][..],
        ),
        (&[R::Read, R::Support], &["/disable", "/revoke-tokens"], &["/delete", "/change", "/secrets/new"]),
        (&[R::Read, R::Write], &["/delete"], &["/disable", "/revoke"]),
    ] {
        let mut browser = Browser::signed_in(&stage, roles).await;
        for path in [format!("/console/merchants/{merchant}"), format!("/console/clients/{client}")] {
            let page = browser.get(&path).await;
            assert_eq!(page.status(), 200);
            for link in offered {
                assert!(page.text().contains(&format!("href=\"{path}{link}")), "{link} by {roles:?}");
            }
            for link in kept {
                assert!(!page.text().contains(&format!("href=\"{path}{link}")), "{link} by {roles:?}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_gives_a_role_in_the_console_that_they_do_not_have() {
    let stage = stage().await;
    let mut browser = Browser::signed_in(&stage, &[R::Read, R::Write]).await;
    let fields = [("kind", "operator"), ("name", "x"), ("scope", "payments:read admin:keys")];
    let reply = browser.submit("/console/clients/new", &fields).await;
    assert_eq!(reply.status(), 403, "{}", reply.text());
    let record = last_record(&stage).await;
    assert_eq!((record.act.as_str(), record.outcome.as_str()), ("client.create", "refused"));
}
