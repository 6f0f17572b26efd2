//! The servers, and what stands in front of them as a load balancer would.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::harness::{Api, PATIENCE, Response, Serve, eventually};

/// Servers whose readiness is asked for, and requests that go to those which are ready.
#[derive(Clone)]
pub(crate) struct Balancer {
    servers: Arc<Mutex<Vec<Option<Serve>>>>,
    ready: Arc<Mutex<Vec<Option<Api>>>>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    pub(crate) fn of(servers: Vec<Serve>) -> Self {
        let ready = servers.iter().map(|server| Some(server.api)).collect();
        Self {
            servers: Arc::new(Mutex::new(servers.into_iter().map(Some).collect())),
            ready: Arc::new(Mutex::new(ready)),
            turn: Arc::default(),
        }
    }

    /// Sends a request to the server whose turn it is. One that refuses the connection is passed over, as it has not seen
    /// anything of the request.
    pub(crate) fn send(&self, request: impl Fn(Api) -> io::Result<Response>) -> io::Result<Response> {
        let mut refused = io::Error::other("no server is ready");
        for api in self.in_turn() {
            match request(api) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused = error,
                answer => return answer,
            }
        }
        Err(refused)
    }

    /// Those that are ready, the one whose turn it is first.
    fn in_turn(&self) -> Vec<Api> {
        let mut ready: Vec<Api> = self.ready.lock().unwrap().iter().copied().flatten().collect();
        if !ready.is_empty() {
            let turn = self.turn.fetch_add(1, Relaxed) % ready.len();
            ready.rotate_left(turn);
        }
        ready
    }

    /// Each server by itself.
    pub(crate) fn each(&self) -> Vec<Api> {
        self.servers.lock().unwrap().iter().flatten().map(|server| server.api).collect()
    }

    /// Ends a server as a power cut would.
    pub(crate) fn kill(&self, number: usize) {
        let mut server = self.servers.lock().unwrap()[number].take().unwrap();
        server.process.kill();
        self.ready.lock().unwrap()[number] = None;
    }

    /// Ends a server as an operator does, and waits for its end. Its readiness goes off before it takes no more.
    pub(crate) fn drain(&self, number: usize) {
        let server = self.servers.lock().unwrap()[number].take().unwrap();
        server.process.signal("TERM");
        eventually("it is not ready", PATIENCE, || {
            // What is asked last may find nobody there.
            let ready = server.admin.request("GET", "/readyz", &[], "");
            (!ready.is_ok_and(|answer| answer.status == 200)).then_some(())
        });
        self.ready.lock().unwrap()[number] = None;
        let ended = server.process.finish();
        assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    }

    /// Puts a server in the place of one that has ended.
    pub(crate) fn replace(&self, number: usize, server: Serve) {
        self.ready.lock().unwrap()[number] = Some(server.api);
        self.servers.lock().unwrap()[number] = Some(server);
    }
}

/// How long a caller rests between two requests: it is the answers that are looked at, not their number.
pub(crate) const REST: Duration = Duration::from_millis(10);
