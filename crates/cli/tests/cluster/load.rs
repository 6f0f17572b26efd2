//! Callers of every kind, each of which goes on until it is told to stop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::balancer::{Balancer, REST};
use crate::harness::{Api, CREATE, JSON, Response, eventually, finish, now, payment, tollgate};
use crate::patroni::PATIENCE;
use crate::report::{Failure, Phase, Track};

/// What a caller does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Obtains tokens.
    Issue,
    /// Makes a guarded request that is admitted, and then refused for its body: no store is asked.
    Verify,
    /// Lists payment requests.
    Read,
    /// Creates payment requests, each under a key of its own, which it repeats until it is told that it is done.
    Create,
    /// Creates merchants by the command line.
    Administer,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Issue, Self::Verify, Self::Read, Self::Create, Self::Administer];

    /// How many callers do it at once.
    const fn callers(self) -> usize {
        match self {
            Self::Issue | Self::Verify | Self::Create => 2,
            Self::Read | Self::Administer => 1,
        }
    }

    /// For how long it may not succeed when a machine fails.
    pub(crate) const fn may_be_interrupted(self) -> Duration {
        match self {
            Self::Issue | Self::Verify => Duration::from_secs(2),
            Self::Administer => Duration::from_secs(30),
            // For as long as it takes to replace the primary and until the lease of a key that it left in flight ends.
            Self::Read | Self::Create => Duration::from_secs(45),
        }
    }
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Done {
    /// The bodies of the answers by the keys of the requests.
    pub(crate) created: BTreeMap<String, String>,
    /// The ids of merchants.
    pub(crate) merchants: Vec<String>,
}

/// Callers that are calling.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tracks: Vec<(Kind, Arc<Mutex<Track>>)>,
    callers: Vec<JoinHandle<Done>>,
}

impl Load {
    /// Starts calling as a client, whose id and secret are given. The command line finds its configuration in `folder`.
    pub(crate) fn start(folder: &Path, balancer: &Balancer, client: &(String, String)) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let (access, _) = balancer.each()[0].tokens(&client.0, &client.1);
        let mut load = Self { stop: stop.clone(), tracks: Vec::new(), callers: Vec::new() };
        for kind in Kind::ALL {
            for number in 0..kind.callers() {
                let track = Arc::new(Mutex::new(Track::new()));
                load.tracks.push((kind, track.clone()));
                let caller = Caller {
                    balancer: balancer.clone(),
                    client: client.clone(),
                    access: access.clone(),
                    folder: folder.to_owned(),
                    name: format!("c{number}"),
                    track,
                    stop: stop.clone(),
                    done: Done::default(),
                };
                load.callers.push(thread::spawn(move || caller.call(kind)));
            }
        }
        load
    }

    /// Forgets what happened until now.
    pub(crate) fn begin(&self) {
        for (_, track) in &self.tracks {
            track.lock().unwrap().reset();
        }
    }

    /// Waits until each caller has succeeded by a request that it made after this was called.
    pub(crate) fn until_each_has_succeeded(&self) {
        let begun = now();
        eventually("everything goes on", PATIENCE, || {
            let succeeded = |track: &Mutex<Track>| track.lock().unwrap().succeeded_since(begun);
            self.tracks.iter().all(|(_, track)| succeeded(track)).then_some(())
        });
    }

    /// What happened since [`Load::begin`].
    pub(crate) fn phase(&self) -> Phase {
        Phase::of(self.tracks.iter().map(|(kind, track)| (*kind, track.lock().unwrap().found())))
    }

    /// Ends the load. Whoever is creating goes on until it is told that it is done.
    pub(crate) fn stop(self) -> Done {
        self.stop.store(true, SeqCst);
        let mut all = Done::default();
        for caller in self.callers {
            let done = caller.join().unwrap();
            all.created.extend(done.created);
            all.merchants.extend(done.merchants);
        }
        all
    }
}

struct Caller {
    balancer: Balancer,
    client: (String, String),
    access: String,
    folder: PathBuf,
    name: String,
    track: Arc<Mutex<Track>>,
    stop: Arc<AtomicBool>,
    done: Done,
}

impl Caller {
    fn call(mut self, kind: Kind) -> Done {
        let mut number = 0;
        let mut left_open = false;
        while left_open || !self.stop.load(SeqCst) {
            let started: Instant = now();
            let outcome = self.once(kind, number);
            left_open = kind == Kind::Create && outcome.is_err();
            number += u32::from(outcome.is_ok());
            self.track.lock().unwrap().add(started, outcome);
            thread::sleep(REST);
        }
        self.done
    }

    /// Makes a request, the `number`th that shall succeed.
    fn once(&mut self, kind: Kind, number: u32) -> Result<(), Failure> {
        match kind {
            Kind::Issue => self.send(200, |api| api.try_token(&self.client.0, &self.client.1)).map(drop),
            Kind::Verify => self.verify(),
            Kind::Read => self.send(200, |api| api.try_list(&self.access, "?limit=10")).map(drop),
            Kind::Create => {
                let key = format!("{}n{number}", self.name);
                let created = self.send(201, |api| api.create(&self.access, &key, &payment(&key)))?;
                self.done.created.insert(key, created.body);
                Ok(())
            }
            Kind::Administer => self.create_merchant(number),
        }
    }

    /// Without a key and a body that says anything.
    fn verify(&self) -> Result<(), Failure> {
        let bearer = format!("Bearer {}", self.access);
        self.send(400, |api| api.request("POST", CREATE, &[("authorization", &bearer), JSON], "{}")).map(drop)
    }

    fn send(
        &self,
        status: u16,
        request: impl Fn(Api) -> std::io::Result<Response>,
    ) -> Result<Response, Failure> {
        match self.balancer.send(request) {
            Ok(answer) if answer.status == status => Ok(answer),
            Ok(answer) => Err(Failure::Refused(format!("{} {}", answer.status, answer.body))),
            Err(error) => Err(Failure::Broken(error.to_string())),
        }
    }

    fn create_merchant(&mut self, number: u32) -> Result<(), Failure> {
        let args = ["merchant", "create", "--name", &format!("Merchant {number}"), "--format", "json"];
        let finished = finish(&mut tollgate(&self.folder, &args));
        if finished.code != Some(0) {
            return Err(Failure::Refused(finished.stderr));
        }
        let merchant: Value = finished.json();
        self.done.merchants.push(merchant["merchant_id"].as_str().unwrap().to_owned());
        Ok(())
    }
}
