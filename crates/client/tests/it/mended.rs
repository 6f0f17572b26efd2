//! A client that is refused, and is given something else to ask with.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tollgate_client::{
    Cached, ClientCredentials, Dialect, Environment, Mark, Reason, Reference, Refusal, Secret, SecretError,
    SecretSource, Sending, Transport,
};

use crate::authority::{TestClock, seconds, settings};
use crate::issuer::Kept;

/// An authority in the process. It knows the client by `right`, and counts calls.
#[derive(Clone, Default)]
struct Judge(Arc<AtomicUsize>);

impl Judge {
    fn calls(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn cached(&self, secret: impl SecretSource) -> Cached {
        let dialect = Dialect::payment_api("https://core.example.com").unwrap();
        let id = Reference::parse("a-client").unwrap().open(Environment::process()).unwrap();
        let source = ClientCredentials::builder(dialect, id, secret).transport(self.clone()).build().unwrap();
        Cached::new(source, settings(&TestClock::new()))
    }
}

impl Transport for Judge {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let is_right = String::from_utf8(request.body().to_vec()).unwrap().contains("\"right\"");
        let (status, body) = if is_right {
            (200, r#"{"success":true,"data":{"access_token":"a","token_type":"Bearer","expires_in":900}}"#)
        } else {
            (401, r#"{"success":false,"error":{"code":"INVALID_CLIENT","message":"no"}}"#)
        };
        let answer = Response::builder().status(status).body(Bytes::from(body)).unwrap();
        Box::pin(async { Ok(answer) })
    }
}

/// How long after now there is a token.
async fn recovery(cached: &Cached) -> Duration {
    let began = Instant::now();
    while cached.authorization().is_none() {
        assert!(began.elapsed() < seconds(1_000), "it never recovers");
        sleep(Duration::from_millis(100)).await;
    }
    began.elapsed()
}

fn in_file(path: &Path) -> Arc<dyn SecretSource> {
    #[cfg(unix)]
    {
        // Others can't come near it.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path.parent().unwrap(), std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    Reference::parse(&format!("file:{}", path.display())).unwrap().open(Environment::process()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_corrected_file_is_noticed_at_once_however_long_the_client_was_refused() {
    for refused in [1, 100, 200, 3_000] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "wrong").unwrap();
        let judge = Judge::default();
        let cached = judge.cached(in_file(&path));
        sleep(seconds(refused)).await;
        let calls = judge.calls();
        // As tools do it: another file in the place of the old one.
        std::fs::write(folder.path().join("new"), "right").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let recovery = recovery(&cached).await;
        assert!(recovery <= seconds(2), "{recovery:?} after {refused} s");
        assert_eq!(judge.calls(), calls + 1, "the refused secret is not tried again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_but_holds_the_same_costs_the_authority_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "wrong").unwrap();
    let judge = Judge::default();
    let _cached = judge.cached(in_file(&path));
    for n in 0..600 {
        sleep(seconds(1)).await;
        std::fs::write(&path, if n % 2 == 0 { "wrong\n" } else { "wrong" }).unwrap();
    }
    // The probes: after 30, 60, 120, 240 and 300 s, each up to half of it earlier by chance.
    assert!((3..=8).contains(&judge.calls()), "{}", judge.calls());
}

#[tokio::test(start_paused = true)]
async fn a_store_is_read_more_often_than_the_authority_is_asked_while_the_client_is_refused() {
    let judge = Judge::default();
    let secret = Kept::new("wrong");
    let cached = judge.cached(secret.clone());
    sleep(seconds(600)).await;
    let (calls, reads) = (judge.calls(), secret.reads());
    assert!((3..=8).contains(&calls), "{calls}");
    assert!((110..=130).contains(&reads), "{reads}");
    secret.set("right");
    let recovery = recovery(&cached).await;
    assert!(recovery <= seconds(6), "{recovery:?}");
    assert_eq!(judge.calls(), calls + 1);
}

/// A store that refuses who asks, until it lets them.
#[derive(Clone, Default)]
struct Denying(Arc<Mutex<Denial>>);

#[derive(Default)]
struct Denial {
    reads: usize,
    lets: bool,
    asks_with: u8,
}

impl Denying {
    fn state(&self) -> MutexGuard<'_, Denial> {
        self.0.lock().unwrap()
    }
}

impl SecretSource for Denying {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let mut state = self.state();
        state.reads += 1;
        let read = if state.lets {
            Ok(Secret::from("right".to_owned()))
        } else {
            let refusal = Refusal::Denied;
            let reason = Reason::Refused { refusal, status: 403, code: None, advice: "no" };
            Err(SecretError::new("store:secret", reason))
        };
        Box::pin(async { read })
    }

    fn mark(&self) -> Pin<Box<dyn Future<Output = Mark> + Send + '_>> {
        let mark = Mark::elsewhere(self.state().asks_with);
        Box::pin(async move { mark })
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_who_asks_is_read_every_five_seconds_and_at_once_by_something_else() {
    let (judge, store) = (Judge::default(), Denying::default());
    let cached = judge.cached(store.clone());
    sleep(seconds(600)).await;
    let reads = store.state().reads;
    assert!((110..=130).contains(&reads), "{reads}");
    assert_eq!(judge.calls(), 0);
    // Its owner lets it read, and it asks with the same as before.
    store.state().lets = true;
    let recovery_by_the_store = recovery(&cached).await;
    assert!(recovery_by_the_store <= seconds(6), "{recovery_by_the_store:?}");
    assert_eq!(judge.calls(), 1);

    let (judge, store) = (Judge::default(), Denying::default());
    let cached = judge.cached(store.clone());
    sleep(seconds(601)).await;
    store.state().asks_with = 2;
    store.state().lets = true;
    let recovery_by_the_caller = recovery(&cached).await;
    assert!(recovery_by_the_caller <= seconds(2), "{recovery_by_the_caller:?}");
}
