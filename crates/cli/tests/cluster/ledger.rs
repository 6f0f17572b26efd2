//! Compares what is there in the end with what was acknowledged on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::balancer::Balancer;
use crate::harness::{Api, finish, payment, tollgate};
use crate::load::Done;
use crate::report::Settled;

/// Counts what was lost and what was done twice.
pub(crate) fn settle(folder: &Path, balancer: &Balancer, client: &(String, String), done: &Done) -> Settled {
    let servers = balancer.each();
    let (access, _) = servers[0].tokens(&client.0, &client.1);
    let mut times = BTreeMap::<String, usize>::new();
    for item in servers[0].list_all(&access) {
        *times.entry(item["payment_reference"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let doubled = times.values().filter(|times| **times > 1).count();
    let merchants = merchants(folder);
    let lost = done.created.keys().filter(|key| !times.contains_key(*key)).count()
        + done.merchants.iter().filter(|merchant| !merchants.contains(*merchant)).count()
        + forgotten_answers(&servers, &access, &done.created);
    Settled { acknowledged: done.created.len() + done.merchants.len(), lost, doubled }
}

fn merchants(folder: &Path) -> BTreeSet<String> {
    let list = finish(&mut tollgate(folder, &["merchant", "list", "--format", "json"])).succeeded().json();
    let id = |merchant: &Value| merchant["merchant_id"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(id).collect()
}

/// How many keys are answered otherwise than they were, by any of the servers.
fn forgotten_answers(servers: &[Api], access: &str, created: &BTreeMap<String, String>) -> usize {
    let created: Vec<_> = created.iter().collect();
    let forgotten = |api: Api, (key, body): (&String, &String)| {
        let repeat = api.create(access, key, &payment(key)).unwrap();
        (repeat.status, &repeat.body, repeat.header("idempotent-replayed")) != (201, body, Some("true"))
    };
    thread::scope(|scope| {
        let shares = created.chunks(created.len().div_ceil(servers.len()).max(1)).zip(servers);
        let counts: Vec<_> = shares
            .map(|(share, api)| {
                scope.spawn(move || share.iter().filter(|entry| forgotten(*api, **entry)).count())
            })
            .collect();
        counts.into_iter().map(|count| count.join().unwrap()).sum()
    })
}
