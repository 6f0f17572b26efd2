//! The cases about export and import.

use std::time::Duration;

use tokio::sync::mpsc;
use tollgate_core::Timestamp;
use tollgate_keys::Link;

use super::{
    DAY, HOUR, KIND, NAME, NOW, SYSTEM, Shared, answer, bytes, changed_since, client, client_id, document,
    lease, merchant, merchant_id, secret, signing_key, the_client, with_client,
};
use crate::{
    Adoption, Begun, Part, Position, Row, Seal, SecretUse, Status, StoreError, Table, TrailEnds, Value,
};

pub async fn what_was_exported_is_imported_and_exported_the_same(store: Shared) {
    fill(&store).await;
    let parts = exported(&store).await;
    assert_eq!(parts.last(), Some(&Part::End));
    for table in Table::ALL {
        assert_ne!(rows(&parts, table), Vec::<Row>::new(), "{table:?}");
    }
    assert_eq!(rows(&parts, Table::Merchants).len(), 1201);
    assert!(parts.iter().all(|part| !matches!(part, Part::Rows(_, rows) if rows.len() > 500)));
    let mut order = parts.iter().filter_map(|part| match part {
        Part::Rows(table, _) => Some(*table),
        Part::End => None,
    });
    assert!(order.by_ref().is_sorted());
    assert!(!imported(&store, parts.clone()).await.unwrap(), "it is not empty");
    assert_eq!(exported(&store).await, parts);
}

pub async fn an_import_is_as_good_as_what_it_was_made_from(store: Shared) {
    let (key, parts) = (lease("key", 1), a_row_of_each());
    assert!(imported(&store, parts.clone()).await.unwrap());
    assert_eq!(exported(&store).await, parts);

    assert_eq!(
        store.installation().await.unwrap().unwrap(),
        Seal { check: b"check".to_vec(), secrets_key: Some(vec![5]), trail_key: Some(vec![6]) }
    );
    assert_eq!(store.longest_lifetime(Duration::ZERO).await.unwrap(), Duration::from_millis(9));
    assert_eq!(store.signing_keys().await.unwrap(), [signing_key(1, NOW)]);
    assert_eq!(store.merchant(merchant_id(1)).await.unwrap(), Some(merchant(1)));
    let mut expected = client(1, Some(1));
    expected.secrets[0].slow_hash = Some("$2b$10$o6hx.Wog/wvFSkT/Bp/6DO".parse().unwrap());
    assert_eq!(the_client(&store, 1).await, expected);
    assert_eq!(store.begin(&key, NOW).await.unwrap(), Begun::Answered(answer()));
    let (purged, newest) = (Link { seq: 6, mac: [8; 32] }, Link { seq: 7, mac: [7; 32] });
    assert_eq!(store.trail().await.unwrap(), TrailEnds { purged, newest });
    assert_eq!(store.streamed().await.unwrap(), 5);
    assert_eq!(store.uses(client_id(1)).await.unwrap()[0].last_at, NOW);
    assert_eq!(store.document(KIND, bytes(1)).await.unwrap(), Some(document(1, 1)));
    // The numbers go on from the last one, even if it has been purged.
    let last = store.last_change().await.unwrap();
    assert_eq!(last.seq, 8);
    assert_eq!(store.changes_since(Position { seq: 5, ..last }, 10).await.unwrap(), None);
    store.create_client(&client(2, Some(1)), &SYSTEM).await.unwrap();
    assert_eq!(changed_since(&store, last).await, [crate::Changed::Client(client_id(2))]);
    assert_eq!(store.last_change().await.unwrap().seq, 9);
}

/// Returns a row of every table, and two of the change log.
fn a_row_of_each() -> Vec<Part> {
    vec![
        Part::Rows(Table::SigningKeys, vec![signing_key_row()]),
        Part::Rows(
            Table::Merchants,
            vec![vec![id(1), text(NAME), NO, at(NOW), Value::Number(0), Value::Number(0)]],
        ),
        Part::Rows(Table::Clients, vec![client_row()]),
        Part::Rows(Table::Secrets, vec![secret_row()]),
        Part::Rows(Table::SecretUses, vec![vec![id(1), id(1), text("192.0.2.7"), at(NOW)]]),
        Part::Rows(Table::IdempotencyKeys, vec![idempotency_row()]),
        Part::Rows(Table::Documents, vec![document_row()]),
        Part::Rows(Table::Changes, change_rows().into()),
        Part::Rows(
            Table::Agreement,
            vec![vec![Value::Number(3), text("terms"), at(NOW), text("somebody"), Value::Null]],
        ),
        Part::Rows(Table::Audit, vec![audit_row()]),
        Part::Rows(
            Table::Installation,
            vec![vec![
                Value::Bytes(b"check".to_vec()),
                Value::Number(8),
                Value::Number(8),
                Value::Number(9),
                Value::Bytes(vec![5]),
                Value::Bytes(vec![6]),
                Value::Number(7),
                Value::Bytes(vec![7; 32]),
                Value::Number(6),
                Value::Bytes(vec![8; 32]),
                Value::Number(5),
            ]],
        ),
        Part::End,
    ]
}

const NO: Value = Value::Flag(false);

fn id(number: u32) -> Value {
    Value::Id(bytes(number))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn at(time: Timestamp) -> Value {
    Value::Number(time.millis())
}

fn signing_key_row() -> Row {
    let sealed = Value::Bytes(vec![0, 0xff, 7]);
    vec![id(1), sealed, at(NOW), at(NOW.after(HOUR)), Value::Null, NO, text("HS256"), Value::Null]
}

fn audit_row() -> Row {
    let who = vec![at(NOW), text("system"), Value::Null, text("client.disable"), text("done")];
    let what = vec![text("client:x"), id(1), Value::Null, text(NAME), Value::Null, text(NAME), Value::Null];
    [vec![Value::Number(7)], who, what, vec![Value::Bytes(vec![7; 32])]].concat()
}

fn client_row() -> Row {
    let (scope, networks) = (text("payments:read payments:write"), text("192.0.2.0/24 2001:db8::/32"));
    let audiences = text("payment-api https://ledger.example.com");
    let client =
        [id(1), id(1), text(NAME), text("test"), scope, networks, NO, at(NOW), Value::Number(0), audiences];
    let labels = text("owner=Zoë = \"Café\"\nteam=\n");
    let terms = [Value::Number(0), Value::Number(300_000), Value::Null, text("30/min"), labels];
    client.into_iter().chain(terms).collect()
}

fn secret_row() -> Row {
    let hash = Value::Bytes(secret(1).hash.as_bytes().to_vec());
    vec![id(1), id(1), hash, at(NOW), Value::Null, Value::Null, text("$2b$10$o6hx.Wog/wvFSkT/Bp/6DO")]
}

fn idempotency_row() -> Row {
    vec![
        id(1),
        text("test"),
        text(lease("key", 1).scope.route),
        text("key"),
        id(1),
        Value::Bytes(vec![3; 32]),
        at(NOW.after(DAY)),
        Value::Number(201),
        Value::Bytes(answer().body),
    ]
}

fn change_rows() -> [Row; 2] {
    let change = |number| vec![Value::Number(number), text("client"), id(1), at(NOW.after(DAY))];
    let actor = vec![text("command-line:ada@gateway-1"), text("192.0.2.7"), text(NAME)];
    [[change(6), vec![Value::Null], actor].concat(), [change(7), vec![Value::Null; 4]].concat()]
}

/// Returns the row of the first document.
fn document_row() -> Row {
    vec![
        Value::Id(bytes(1)),
        Value::Id(bytes(1)),
        Value::Text("test".to_owned()),
        Value::Text(document(1, 1).body),
        Value::Text("pending".to_owned()),
        Value::Number(NOW.millis()),
        Value::Number(NOW.after(HOUR).millis()),
        Value::Null,
        Value::Text(KIND.to_owned()),
    ]
}

pub async fn an_import_that_ends_early_leaves_nothing(store: Shared) {
    let row = vec![
        Value::Id(bytes(1)),
        Value::Text("Shop".to_owned()),
        Value::Flag(false),
        Value::Number(0),
        Value::Number(0),
        Value::Number(0),
    ];
    let early = vec![Part::Rows(Table::Merchants, vec![row])];
    assert!(matches!(imported(&store, early).await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.merchants(None, 10).await.unwrap(), []);
    assert!(imported(&store, vec![Part::End]).await.unwrap());
}

pub async fn an_export_shows_one_moment(store: Shared) {
    fill(&store).await;
    let (sender, mut receiver) = mpsc::channel(1);
    let exporting = tokio::spawn({
        let store = store.clone();
        async move { store.export(sender).await }
    });
    // The export has begun, and waits for somebody to take the next part.
    let mut parts = vec![receiver.recv().await.unwrap()];
    let before = store.last_change().await.unwrap().seq;
    store.create_merchant(&merchant(5000), &SYSTEM).await.unwrap();
    store.create_client(&client(5000, Some(5000)), &SYSTEM).await.unwrap();
    while let Some(part) = receiver.recv().await {
        parts.push(part);
    }
    exporting.await.unwrap().unwrap();
    assert_eq!(rows(&parts, Table::Merchants).len(), 1201);
    assert_eq!(rows(&parts, Table::Clients).len(), 1);
    assert_eq!(rows(&parts, Table::Installation)[0][2], Value::Number(before));
}

/// Puts something into every table, and more merchants than fit into two parts.
async fn fill(store: &Shared) {
    store.install(b"check", &signing_key(1, NOW), &SYSTEM).await.unwrap();
    with_client(store).await;
    for number in 2..1202 {
        store.create_merchant(&merchant(number), &SYSTEM).await.unwrap();
    }
    store.set_merchant_status(merchant_id(2), Status::Disabled, NOW, &SYSTEM).await.unwrap();
    store.add_secret(client_id(1), &secret(2), Some(NOW.after(HOUR)), NOW, &SYSTEM).await.unwrap();
    let used =
        SecretUse { client: client_id(1), secret: secret(1).id, source: "192.0.2.7".to_owned(), at: NOW };
    store.note_uses(&[used]).await.unwrap();
    store.begin(&lease("held", 1), NOW).await.unwrap();
    let answered = lease("answered", 2);
    store.begin(&answered, NOW).await.unwrap();
    store.complete(&answered, &answer(), &document(1, 1)).await.unwrap();
    store.change_document(KIND, bytes(1), "pending", "approved", NOW).await.unwrap();
    let adoption =
        Adoption { predecessor: None, terms: "terms".to_owned(), by: "somebody".to_owned(), at: NOW };
    assert!(store.adopt(&adoption, &SYSTEM).await.unwrap());
}

pub(super) async fn exported(store: &Shared) -> Vec<Part> {
    let (sender, mut receiver) = mpsc::channel(4);
    let taking = tokio::spawn(async move {
        let mut parts = Vec::new();
        while let Some(part) = receiver.recv().await {
            parts.push(part);
        }
        parts
    });
    store.export(sender).await.unwrap();
    taking.await.unwrap()
}

async fn imported(store: &Shared, parts: Vec<Part>) -> Result<bool, StoreError> {
    let (sender, receiver) = mpsc::channel(parts.len());
    for part in parts {
        sender.send(part).await.unwrap();
    }
    drop(sender);
    store.import(receiver).await
}

fn rows(parts: &[Part], wanted: Table) -> Vec<Row> {
    let of = |part: &Part| match part {
        Part::Rows(table, rows) if *table == wanted => rows.clone(),
        Part::Rows(..) | Part::End => Vec::new(),
    };
    parts.iter().flat_map(of).collect()
}
