//! The line of each request: the only event that doesn't go through `tracing`, because it is written for every token.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_config::{LogFormat, LogLevel};
use tollgate_core::{ClientId, MerchantId, SecretId, Timestamp, TokenId};
use tracing::Level;

use crate::escape::{escape, needs_quotes};

/// The target of these lines, in place of a module.
const TARGET: &str = "tollgate::request";
/// How large a buffer may be to be kept: one that a huge value has grown is given back.
const KEPT: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The text of a field's name before a value, in each format.
#[derive(Clone, Copy)]
struct Name {
    json: &'static str,
    /// The text before the inside of a JSON string.
    quoted: &'static str,
    text: &'static str,
}

/// Makes a [`Name`] from one that needs no escaping.
macro_rules! name {
    ($name:literal) => {
        Name {
            json: concat!(",\"", $name, "\":"),
            quoted: concat!(",\"", $name, "\":\""),
            text: concat!(" ", $name, "="),
        }
    };
}

/// The least severe level that is logged, which can change.
#[derive(Clone, Debug)]
pub(crate) struct Threshold(Arc<AtomicU8>);

impl Threshold {
    pub(crate) fn new(level: LogLevel) -> Self {
        Self(Arc::new(AtomicU8::new(level as u8)))
    }

    pub(crate) fn set(&self, level: LogLevel) {
        self.0.store(level as u8, Relaxed);
    }

    fn is_below(&self, level: LogLevel) -> bool {
        level as u8 > self.0.load(Relaxed)
    }
}

/// Writes the lines of requests.
#[derive(Clone)]
pub struct Requests {
    format: LogFormat,
    level: Threshold,
    write: Arc<Write>,
}

type Write = dyn Fn(&[u8], Level) + Send + Sync;

impl Requests {
    /// Makes a line for each request and calls `write` with it, which must not wait for anything. Requests below `level` have
    /// no line: answers with a status from 500 on are errors, all others are information.
    pub fn new(
        format: LogFormat,
        level: LogLevel,
        write: impl Fn(&[u8], Level) + Send + Sync + 'static,
    ) -> Self {
        Self::above(format, Threshold::new(level), write)
    }

    pub(crate) fn above(
        format: LogFormat,
        level: Threshold,
        write: impl Fn(&[u8], Level) + Send + Sync + 'static,
    ) -> Self {
        Self { format, level, write: Arc::new(write) }
    }

    /// Writes the line of a request that was answered.
    pub fn write(&self, request: &Request<'_>) {
        let (level, least) = match request.status {
            500.. => (Level::ERROR, LogLevel::Error),
            _ => (Level::INFO, LogLevel::Info),
        };
        if self.level.is_below(least) {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut line = scratch.start(self.format, request.at.into(), level);
            line.plain(name!("request_id"), request.id.as_bytes());
            if let Some(trace_id) = request.trace_id {
                line.plain(name!("trace_id"), trace_id.as_bytes());
            }
            line.plain(name!("method"), request.method.as_bytes());
            line.plain(name!("route"), request.route.as_bytes());
            line.number(name!("status"), request.status);
            line.number(name!("micros"), request.micros);
            line.sender(request.sender);
            if let Some(source) = request.source {
                line.address(name!("source"), source);
            }
            if let Some(reason) = request.reason {
                line.text(name!("reason"), reason);
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

/// The data of a request's line.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// When the request was answered.
    pub at: Timestamp,
    /// The request's id, as in the header `X-Request-Id`.
    pub id: &'a str,
    /// The id of its trace, if it is recorded.
    pub trace_id: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The template of its path.
    pub route: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The sender, as far as it is known.
    pub sender: Sender,
    /// The sender's address, if that is logged.
    pub source: Option<IpAddr>,
    /// The reason why it was refused, if it was.
    pub reason: Option<&'a str>,
}

/// The ids of a request's sender, and of the credentials that it used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender {
    /// The client that the request was proved to come from.
    pub client: Option<ClientId>,
    /// The client that the request names; it is logged only if the request was not proved to come from a client.
    pub claimed: Option<ClientId>,
    /// The merchant that the client belongs to.
    pub merchant: Option<MerchantId>,
    /// The secret that it used, or that its token was obtained with.
    pub secret: Option<SecretId>,
    /// The token that it used, or that it obtained.
    pub token: Option<TokenId>,
}

/// The buffers that let a thread build lines without allocating.
#[derive(Default)]
struct Scratch {
    line: Vec<u8>,
    stamp: Stamp,
}

impl Scratch {
    /// Begins a line: time, level, target.
    fn start(&mut self, format: LogFormat, now: SystemTime, level: Level) -> Line<'_> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        let out = &mut self.line;
        match format {
            LogFormat::Json => {
                out.extend_from_slice(b"{\"ts\":\"");
                self.stamp.write(out, now);
                out.extend_from_slice(b"\",\"level\":\"");
                out.extend_from_slice(level.as_str().as_bytes());
                out.extend_from_slice(b"\",\"target\":\"");
                out.extend_from_slice(TARGET.as_bytes());
                out.push(b'"');
            }
            LogFormat::Text => {
                self.stamp.write(out, now);
                out.push(b' ');
                out.extend_from_slice(level.as_str().as_bytes());
                out.extend_from_slice(&b" "[level.as_str().len() - 4..]);
                out.push(b' ');
                out.extend_from_slice(TARGET.as_bytes());
                out.push(b':');
            }
        }
        Line { format, out }
    }
}

/// A line that is being built.
struct Line<'a> {
    format: LogFormat,
    out: &'a mut Vec<u8>,
}

impl<'a> Line<'a> {
    fn text(&mut self, name: Name, value: &str) {
        self.name(name);
        if self.format == LogFormat::Text && !needs_quotes(value, true) {
            self.out.extend_from_slice(value.as_bytes());
        } else {
            self.out.push(b'"');
            escape(self.out, value);
            self.out.push(b'"');
        }
    }

    /// Writes the sender's ids. A client that is only named has another field name.
    fn sender(&mut self, sender: Sender) {
        let Sender { client, claimed, merchant, secret, token } = sender;
        if let Some(client) = client {
            self.plain(name!("client_id"), &client.encode());
        } else if let Some(client) = claimed {
            self.plain(name!("claimed_client_id"), &client.encode());
        }
        if let Some(merchant) = merchant {
            self.plain(name!("merchant_id"), &merchant.encode());
        }
        if let Some(secret) = secret {
            self.plain(name!("secret_id"), &secret.encode());
        }
        if let Some(token) = token {
            self.plain(name!("token_id"), &token.encode());
        }
    }

    /// Writes text that certainly needs no escaping: an id, a method (a token of RFC 9110 §5.6.2), the template of a path.
    fn plain(&mut self, name: Name, value: &[u8]) {
        match self.format {
            LogFormat::Json => {
                self.out.extend_from_slice(name.quoted.as_bytes());
                self.out.extend_from_slice(value);
                self.out.push(b'"');
            }
            LogFormat::Text => {
                self.out.extend_from_slice(name.text.as_bytes());
                self.out.extend_from_slice(value);
            }
        }
    }

    /// Writes an address. IPv4 is written number by number, because the formatter takes longer than the rest of the line.
    fn address(&mut self, name: Name, address: IpAddr) {
        self.name(name);
        self.quote();
        match address {
            IpAddr::V4(address) => {
                for (place, number) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.out.push(b'.');
                    }
                    self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                }
            }
            IpAddr::V6(address) => write!(self.out, "{address}").expect("a vector takes every write"),
        }
        self.quote();
    }

    fn quote(&mut self) {
        if self.format == LogFormat::Json {
            self.out.push(b'"');
        }
    }

    fn number(&mut self, name: Name, value: impl itoa::Integer) {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn name(&mut self, name: Name) {
        self.out.extend_from_slice(match self.format {
            LogFormat::Json => name.json.as_bytes(),
            LogFormat::Text => name.text.as_bytes(),
        });
    }

    /// Ends the line and returns it, newline included.
    fn finish(self) -> &'a [u8] {
        self.out.extend_from_slice(if self.format == LogFormat::Json { b"}\n" } else { b"\n" });
        self.out
    }
}

/// Writes times as RFC 3339 in UTC, to the millisecond; everything except the milliseconds is formatted once per second.
#[derive(Default)]
struct Stamp {
    second: Option<u64>,
    /// The formatted second, such as `2026-01-31T23:59:59`.
    text: String,
}

impl Stamp {
    fn write(&mut self, out: &mut Vec<u8>, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != Some(since.as_secs()) {
            self.text.clear();
            let _ = write!(self.text, "{}", humantime::format_rfc3339_seconds(UNIX_EPOCH + since));
            self.text.pop();
            self.second = Some(since.as_secs());
        }
        let digit = |value: u32| b'0' + u8::try_from(value % 10).expect("a digit");
        let millis = since.subsec_millis();
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}
