//! A server that is killed while it creates payment requests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::harness::{Api, PATIENCE, Response, Serve, eventually, payment};

const ROUNDS: usize = 20;
const CALLERS: usize = 4;
/// How many answers at most a round waits for before the kill.
const ANSWERS: usize = 24;

#[test]
fn whatever_was_acknowledged_survives_kill_9_and_each_key_has_one_payment_request() {
    let folder = tempfile::tempdir().unwrap();
    let (client_id, client_secret) = Serve::install(folder.path(), "");
    let mut server = Serve::start(folder.path());
    let (access, _) = server.api.tokens(&client_id, &client_secret);

    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let outcome = create_until_killed(&mut server, &access, round);
        server = Serve::start(folder.path());
        for (key, answer) in outcome.acknowledged {
            is_replayed(server.api, &access, &key, &answer);
            acknowledged.insert(key, answer);
        }
        // What the kill left open is either done or free, long before its lease would have ended.
        for key in outcome.unanswered {
            let answer = server.api.create(&access, &key, &payment(&key)).unwrap();
            assert_eq!(answer.status, 201, "{key}: {answer:?}");
            acknowledged.insert(key, answer);
        }
    }
    for (key, answer) in &acknowledged {
        is_replayed(server.api, &access, key, answer);
    }
    let mut created: Vec<String> = server
        .api
        .list_all(&access)
        .iter()
        .map(|item| item["payment_reference"].as_str().unwrap().to_owned())
        .collect();
    created.sort();
    assert_eq!(created, acknowledged.into_keys().collect::<Vec<_>>());
}

struct Outcome {
    acknowledged: Vec<(String, Response)>,
    /// The keys of requests that the kill cut off.
    unanswered: Vec<String>,
}

/// Several callers create, each with a new key every time, until the server is killed at a random moment.
fn create_until_killed(server: &mut Serve, access: &str, round: usize) -> Outcome {
    let (api, answers, killed) = (server.api, AtomicUsize::new(0), AtomicBool::new(false));
    let caller = |caller: usize| {
        let mut acknowledged = Vec::new();
        for n in 0.. {
            // The key is the reference as well, which tells whose payment request it became.
            let key = format!("r{round}c{caller}n{n}");
            match api.create(access, &key, &payment(&key)) {
                Ok(answer) => {
                    assert_eq!(answer.status, 201, "{answer:?}");
                    answers.fetch_add(1, SeqCst);
                    acknowledged.push((key, answer));
                }
                Err(error) => {
                    assert!(killed.load(SeqCst), "{error}");
                    return Outcome { acknowledged, unanswered: vec![key] };
                }
            }
        }
        unreachable!("the server is killed")
    };
    let enough = rand::random_range(0..=ANSWERS);
    let moment = Duration::from_micros(rand::random_range(0..5_000));
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|n| scope.spawn(move || caller(n))).collect();
        eventually("answers", PATIENCE, || (answers.load(SeqCst) >= enough).then_some(()));
        // Not for anything to happen: the kill shall not always meet the same step.
        thread::sleep(moment);
        killed.store(true, SeqCst);
        server.process.kill();
        let mut outcome = Outcome { acknowledged: Vec::new(), unanswered: Vec::new() };
        for caller in callers {
            let Outcome { acknowledged, unanswered } = caller.join().unwrap();
            outcome.acknowledged.extend(acknowledged);
            outcome.unanswered.extend(unanswered);
        }
        outcome
    })
}

fn is_replayed(api: Api, access: &str, key: &str, first: &Response) {
    let repeat = api.create(access, key, &payment(key)).unwrap();
    assert_eq!((repeat.status, &repeat.body), (first.status, &first.body), "{key}");
    assert_eq!(repeat.header("idempotent-replayed"), Some("true"), "{key}: {repeat:?}");
}
