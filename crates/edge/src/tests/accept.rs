//! Tests of errors of accept(2).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;
use crate::serve::accept;
use crate::slots::{Slot, Slots};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
/// The error number on Linux for too many open files.
const EMFILE: i32 = 24;

async fn accept_behind(errors: Vec<io::Error>) -> Duration {
    let start = Instant::now();
    let mut errors = errors.into_iter();
    let slots = Slots::new(&Limits { max_connections: 1, ..Limits::default() });
    let next = || std::future::ready(errors.next().map_or(Ok(((), PEER)), Err));
    let (slot, (), peer) = accept(&slots, next).await;
    assert_eq!(peer, PEER);
    assert!(matches!(slot, Slot::Serve(_)));
    assert!(slots.free_now().is_none());
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_system_out_of_files_is_tried_again_in_a_while() {
    let errors = (0..3).map(|_| io::Error::from_raw_os_error(EMFILE)).collect();
    assert!(accept_behind(errors).await >= Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_left_delays_nobody() {
    let errors = vec![io::ErrorKind::ConnectionAborted.into(), io::ErrorKind::Interrupted.into()];
    assert_eq!(accept_behind(errors).await, Duration::ZERO);
}
