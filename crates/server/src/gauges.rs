//! Metrics that are measured when they are read: of the server, of its store, and of the process.

use tollgate_core::Algorithm;

use crate::exposition::{Exposition, Kind};
use crate::limits::limits;
use crate::state::State;
use crate::store_load;

const AGE: &str = "tollgate_signing_key_age_seconds";

/// Writes all gauges.
pub(crate) fn write(state: &State, out: &mut Exposition) {
    out.family("tollgate_build_info", Kind::Gauge, "The version that runs; always 1.");
    out.labelled("tollgate_build_info", format_args!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    of_the_server(state, out);
    of_its_store(state, out);
    store_load::write(state.installation().store(), out);
    if let Some(recording) = state.recording() {
        recording.write(out);
    }
    of_the_process(out);
}

fn of_the_server(state: &State, out: &mut Exposition) {
    let installation = state.installation();
    let mut gauge = |name: &str, help: &str, value: &dyn std::fmt::Display| {
        out.single(name, Kind::Gauge, help, value);
    };
    gauge("tollgate_ready", "1 if tokens can be issued here.", &u8::from(state.readiness().is_ok()));
    gauge("tollgate_connections", "Open connections to the API.", &state.connections().count());
    let most = limits(&state.settings()).max_connections;
    gauge("tollgate_connections_limit", "The most connections to the API that there may be.", &most);
    gauge("tollgate_cached_clients", "Clients in memory.", &installation.registry().len());
    let most = state.settings().limits.client_cache;
    gauge("tollgate_cached_clients_limit", "The most clients that are kept in memory.", &most);
    let revocations = installation.verifier().revocations().len();
    gauge("tollgate_revocations", "Revocations in force.", &revocations);
    let dropped = tollgate_log::dropped();
    gauge("tollgate_log_lines_dropped", "Log lines dropped: their reader is too slow.", &dropped);
    if let Some(expires_at) = state.certificate_expiry() {
        let help = "When the TLS certificate that is served expires, in seconds since 1970.";
        gauge("tollgate_certificate_expiry_timestamp_seconds", help, &expires_at);
    }
}

fn of_its_store(state: &State, out: &mut Exposition) {
    let installation = state.installation();
    let mut gauge = |name: &str, help: &str, value: &dyn std::fmt::Display| {
        out.single(name, Kind::Gauge, help, value);
    };
    let unread = installation.unread_for().as_secs();
    gauge("tollgate_change_log_unread_seconds", "How long ago the change log was last read.", &unread);
    let stale = u8::from(installation.is_stale());
    gauge("tollgate_stale", "1 if that is longer than tokens.stale_after.", &stale);
    let offset = installation.clock_offset();
    let help = "How far the store's clock is ahead of this server's; 0 where they are one.";
    gauge("tollgate_store_clock_offset_seconds", help, &offset);
    let replaced = u8::from(installation.is_replaced());
    let help =
        "1 if the servers of the store have agreed on another configuration: restart this one with it.";
    gauge("tollgate_configuration_replaced", help, &replaced);
    let rotates = u8::from(installation.rotates_keys());
    let help = "1 if this server advances the signing keys for all that share the store.";
    gauge("tollgate_rotates_keys", help, &rotates);
    if installation.config().audit.stream.is_some() {
        let unstreamed = installation.unstreamed().unwrap_or_default();
        let help =
            "Records of the audit trail that are not streamed yet; 0 on servers that leave it to another.";
        gauge("tollgate_audit_unstreamed_records", help, &unstreamed);
    }
    out.family(AGE, Kind::Gauge, "For how long the key has signed that signs now, by its algorithm.");
    let (ring, now) = (installation.signing_ring(), installation.now());
    for algorithm in Algorithm::ALL {
        if let Some(since) = ring.signs_since(algorithm, now) {
            out.labelled(AGE, format_args!("algorithm=\"{algorithm}\""), now.since(since).as_secs());
        }
    }
}

/// Writes the gauges of the process, by the names that Prometheus' own client libraries use.
#[cfg(target_os = "linux")]
fn of_the_process(out: &mut Exposition) {
    use procfs::process::{LimitValue, Process};
    use procfs::{boot_time_secs, page_size, ticks_per_second};

    // If /proc is hidden from the process, there are none.
    let Ok(process) = Process::myself() else { return };
    let Ok(stat) = process.stat() else { return };
    #[expect(clippy::cast_precision_loss, reason = "seconds of processor time are far below 2^52")]
    let cpu = (stat.utime + stat.stime) as f64 / ticks_per_second() as f64;
    out.single("process_cpu_seconds_total", Kind::Counter, "Processor time of the process.", cpu);
    let mut gauge = |name: &str, help: &str, value: u64| out.single(name, Kind::Gauge, help, value);
    gauge("process_resident_memory_bytes", "Memory in use.", stat.rss * page_size());
    gauge("process_virtual_memory_bytes", "Address space in use.", stat.vsize);
    gauge("process_threads", "Threads.", stat.num_threads.unsigned_abs());
    if let Ok(booted) = boot_time_secs() {
        let started = booted + stat.starttime / ticks_per_second();
        gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", started);
    }
    if let Ok(files) = process.fd_count() {
        gauge("process_open_fds", "Open files.", u64::try_from(files).unwrap_or(u64::MAX));
    }
    if let Ok(LimitValue::Value(most)) = process.limits().map(|limits| limits.max_open_files.soft_limit) {
        gauge("process_max_fds", "The most files that may be open.", most);
    }
}

#[cfg(not(target_os = "linux"))]
fn of_the_process(_: &mut Exposition) {}
