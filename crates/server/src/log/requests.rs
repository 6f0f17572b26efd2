//! The line that each request has: the one event that is written by itself, because it is written for every token.

use std::fmt;
use std::sync::Arc;

use tollgate_core::{ClientId, Timestamp};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::line::known;
use super::with_scratch;
use crate::config::{LogFormat, LogLevel};

/// What these lines have where others name a module.
const TARGET: &str = "tollgate::request";

/// Writes the lines of requests.
#[derive(Clone)]
pub struct Requests {
    format: LogFormat,
    level: LevelFilter,
    write: Arc<Write>,
}

type Write = dyn Fn(&[u8], Level) + Send + Sync;

impl Requests {
    /// Makes a line of each request and calls `write` with it, which must not wait for anything. Under `level` there is
    /// none: answers with a status from 500 on are errors, all others are information.
    pub fn new(
        format: LogFormat,
        level: LogLevel,
        write: impl Fn(&[u8], Level) + Send + Sync + 'static,
    ) -> Self {
        Self { format, level: level.into(), write: Arc::new(write) }
    }

    pub(crate) fn write(&self, request: &Request<'_>) {
        let level = if request.status >= 500 { Level::ERROR } else { Level::INFO };
        if level > self.level {
            return;
        }
        with_scratch(|scratch| {
            let mut line = scratch.start(self.format, request.at.into(), level, TARGET);
            line.known_text(known!("request_id"), request.id);
            line.known_text(known!("method"), request.method);
            line.known_text(known!("route"), request.route);
            line.known_number(known!("status"), request.status);
            line.known_number(known!("micros"), request.micros);
            if let Some(client) = request.client {
                line.known_text(known!("client_id"), client.encode(&mut [0; 36]));
            }
            if let Some(reason) = request.reason {
                line.known_text(known!("reason"), reason);
            }
            (self.write)(line.finish(), level);
        });
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("format", &self.format)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// What is told of a request.
pub(crate) struct Request<'a> {
    /// When it was answered.
    pub at: Timestamp,
    pub id: &'a str,
    pub method: &'a str,
    pub route: &'static str,
    pub status: u16,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The client that was admitted.
    pub client: Option<ClientId>,
    /// Why it was refused.
    pub reason: Option<&'a str>,
}
