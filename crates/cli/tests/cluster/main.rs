//! A whole installation under load while machines of it fail: three servers on three PostgreSQL members under Patroni, with
//! synchronous replication.
//!
//! It needs Patroni and etcd; `TOLLGATE_TEST_CLUSTER=skip` leaves it out. `TOLLGATE_TEST_FAILOVERS` says how many times the
//! primary fails (2), and `TOLLGATE_TEST_REPORT` names a file for what was found, as JSON.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, and does not know that all of this is one"
)]

mod balancer;
#[allow(dead_code, unused_imports, reason = "the end-to-end tests use more of it")]
#[path = "../harness/mod.rs"]
mod harness;
mod ledger;
mod load;
mod patroni;
#[allow(dead_code, reason = "the tests of the store use more of it")]
#[path = "../../../store-postgres/src/tests/server.rs"]
mod postgres_server;
mod report;
mod settings;

use std::path::Path;

use balancer::Balancer;
use harness::Serve;
use load::{Kind, Load};
use patroni::Cluster;
use report::{Phase, Report};
use settings::Settings;

const SERVERS: usize = 3;

#[test]
fn nothing_acknowledged_is_lost_and_nothing_done_twice_whichever_machine_fails() {
    let Some(settings) = Settings::read() else { return };
    let cluster = Cluster::start();
    cluster.psql("CREATE DATABASE tollgate");
    let folder = tempfile::tempdir().unwrap();
    // What a primary left in flight when it failed is free again soon.
    let config = format!("database.url = \"{}\"\nidempotency.lease = \"10s\"", cluster.url("tollgate"));
    let client = Serve::install(folder.path(), &config);
    let balancer = Balancer::of((0..SERVERS).map(|_| Serve::start(folder.path())).collect());
    let load = Load::start(folder.path(), &balancer, &client);
    let mut report = Report::default();

    report.add("undisturbed", undisturbed(&load));
    for number in 0..settings.failovers {
        let (name, phase) = if number % 2 == 0 {
            ("primary killed", primary_killed(&cluster, &load))
        } else {
            ("primary cut off", primary_cut_off(&cluster, &load))
        };
        report.add(name, phase);
    }
    report.add("standby cut off", standby_cut_off(&cluster, &load));
    report.add("server killed", server_killed(folder.path(), &balancer, &load));
    report.add("servers restarted in turn", servers_restarted(folder.path(), &balancer, &load));

    let done = load.stop();
    report.settled = ledger::settle(folder.path(), &balancer, &client, &done);
    println!("{:?}", report.settled);
    if let Some(file) = settings.report {
        report.write(&file);
    }
    assert_eq!((report.settled.lost, report.settled.doubled), (0, 0));
}

/// A machine with the primary on it is gone. It comes back as a standby.
fn primary_killed(cluster: &Cluster, load: &Load) -> Phase {
    let primary = cluster.primary();
    let phase = interrupted_by(load, || primary.kill());
    primary.start_again();
    cluster.until_whole();
    phase
}

/// A machine with the primary on it can't be reached, nor reach others, for as long as it takes to replace it. Then it wakes
/// up and believes to be the primary still.
fn primary_cut_off(cluster: &Cluster, load: &Load) -> Phase {
    let primary = cluster.primary();
    let phase = interrupted_by(load, || primary.freeze());
    primary.thaw();
    cluster.until_whole();
    phase
}

/// One of the standbys that each commit waits for can't be reached.
fn standby_cut_off(cluster: &Cluster, load: &Load) -> Phase {
    let standby = cluster.synchronous_standby();
    let phase = interrupted_by(load, || standby.freeze());
    standby.thaw();
    phase
}

fn server_killed(folder: &Path, balancer: &Balancer, load: &Load) -> Phase {
    let phase = interrupted_by(load, || balancer.kill(0));
    balancer.replace(0, Serve::start(folder));
    phase
}

/// Each server is drained and started anew, while the others serve.
fn servers_restarted(folder: &Path, balancer: &Balancer, load: &Load) -> Phase {
    load.begin();
    for number in 0..SERVERS {
        balancer.drain(number);
        balancer.replace(number, Serve::start(folder));
        load.until_each_has_succeeded();
    }
    let phase = load.phase();
    for kind in Kind::ALL {
        let found = phase.found(kind);
        assert_eq!((found.refused, found.broken), (0, 0), "{kind:?}: {phase:?}");
    }
    phase
}

fn undisturbed(load: &Load) -> Phase {
    load.begin();
    load.until_each_has_succeeded();
    load.phase()
}

/// What happens from a failure until every caller succeeds again, which must not take longer than promised.
fn interrupted_by(load: &Load, fail: impl FnOnce()) -> Phase {
    load.begin();
    fail();
    load.until_each_has_succeeded();
    let phase = load.phase();
    for kind in Kind::ALL {
        let found = phase.found(kind);
        assert!(found.interrupted <= kind.may_be_interrupted(), "{kind:?}: {phase:?}");
    }
    // What needs no store is never refused.
    for kind in [Kind::Issue, Kind::Verify] {
        assert_eq!(phase.found(kind).refused, 0, "{kind:?}: {phase:?}");
    }
    phase
}
