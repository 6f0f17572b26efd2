//! Sockets that systemd, or another supervisor that speaks `sd_listen_fds(3)`, has opened for a command that serves. The supervisor keeps
//! them while one process ends and the next one starts, so that connections wait in the kernel meanwhile.

use std::fmt::Display;
use std::net::TcpListener;
use tollgate_commands::Failure;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// Sockets that listen, each with its name.
pub(crate) type Given = Vec<(String, TcpListener)>;

/// Takes the sockets that were opened for this process; none without a supervisor (`LISTEN_FDS` unset). Programs that this one
/// starts don't see them, which takes a change of the environment: so it must come before there are threads.
pub(crate) fn given() -> Result<Given, Failure> {
    let refused = |error| unusable("LISTEN_FDS", error);
    // The variables of the parent process's own sockets may still be set.
    if sd_notify::listen_fds().map_err(refused)?.len() == 0 {
        return Ok(Given::new());
    }
    let names: Vec<String> =
        sd_notify::listen_fds_with_names().map_err(refused)?.map(|(_, name)| name).collect();
    let mut sockets = ListenFd::from_env();
    let take = |(index, name): (usize, String)| {
        let socket = sockets.take_tcp_listener(index).map_err(|error| unusable(&name, error))?;
        match socket.map(|socket| (socket_acceptconn(&socket), socket)) {
            Some((Ok(true), socket)) => Ok((name, socket)),
            Some((Err(error), _)) => Err(unusable(&name, error)),
            Some((Ok(false), _)) | None => Err(unusable(&name, "it does not listen")),
        }
    };
    names.into_iter().enumerate().map(take).collect()
}

fn unusable(what: &str, why: impl Display) -> Failure {
    Failure::new(format!("the supervisor's sockets can't be used: {what}: {why}"))
}
