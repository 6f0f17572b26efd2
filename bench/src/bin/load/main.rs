//! Loads a server over HTTP/1.1 on kept-alive connections, and prints what it found as one JSON object.
//!
//! In the closed loop each connection sends its next request when it has its answer: that finds the greatest rate. In
//! the open loop (`--rate`) requests are due at fixed times whether the server keeps up or not, and latency counts from
//! the time a request was due (no coordinated omission).
//!
//! It must cost less a request than the server that it loads: requests are built beforehand, an answer is read by one
//! call of the system and parsed as far as its length, nothing is allocated on the way, and no runtime stands between the
//! events of the sockets and what is done about them.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tollgate_bench::figures::{Figures, Latency};
use tollgate_bench::{credentials, message, process};

use set::Set;

mod set;

#[derive(Debug, Parser)]
#[command(about = "Loads a server over HTTP/1.1 and prints what it found as JSON")]
struct Args {
    /// The server.
    #[arg(long)]
    address: SocketAddr,
    /// Where tokens are obtained that requests carry; without it the server itself.
    #[arg(long)]
    authority: Option<SocketAddr>,
    /// What to send.
    #[arg(long, value_enum)]
    set: Set,
    /// The file of credentials that `seed` has written.
    #[arg(long, value_name = "FILE")]
    credentials: PathBuf,
    /// How many clients of the file take turns.
    #[arg(long, default_value_t = 1)]
    clients: usize,
    /// How many connections are kept.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Requests a second in the open loop; without it the loop is closed.
    #[arg(long)]
    rate: Option<f64>,
    /// Ends after this many requests instead of after a time, and has no warm-up.
    #[arg(long)]
    count: Option<u64>,
    /// How long to run before anything counts.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How long to measure.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    time: Duration,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    let clients = credentials::read(&args.credentials, args.clients)?;
    let requests = args.set.requests(args.address, args.authority.unwrap_or(args.address), &clients)?;
    let figures = Run::new(&args, requests)?.figures()?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// A connection, with the request that is under way on it.
struct Connection {
    stream: TcpStream,
    /// When that request was due.
    due: Instant,
    /// When it was sent.
    sent: Instant,
    answer: Vec<u8>,
    filled: usize,
    /// A request is under way on it.
    is_busy: bool,
}

/// How long whoever is answered 503 stays away, as its `Retry-After` says.
const REST: Duration = Duration::from_secs(1);

/// A run of the load.
struct Run {
    address: SocketAddr,
    poll: Poll,
    connections: Vec<Connection>,
    /// Those of them that have nothing under way, in the open loop.
    idle: Vec<usize>,
    /// Those that were answered 503, and when they may try again.
    resting: VecDeque<(Instant, usize)>,
    schedule: Schedule,
    requests: Vec<Vec<u8>>,
    /// Where in each request a number stands that makes it another one.
    number_at: Option<usize>,
    /// The first of those numbers: another one in each run.
    first_number: u64,
    sent: u64,
    under_way: usize,
    noted: Noted,
}

/// When requests are sent.
struct Schedule {
    started: Instant,
    until: Instant,
    count: u64,
    /// Time between two requests of the open loop.
    interval: Option<Duration>,
}

/// What came back.
struct Noted {
    from: Instant,
    until: Instant,
    all: Histogram<u64>,
    successes: Histogram<u64>,
    /// Of the successes, from when each request was sent.
    sent_successes: Histogram<u64>,
    /// Answers by status.
    statuses: Vec<u64>,
    broken: u64,
    last: Instant,
}

impl Run {
    fn new(args: &Args, requests: Vec<Vec<u8>>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let started = Instant::now();
        let mut connections = Vec::new();
        for at in 0..args.connections {
            let stream = connect(args.address, &poll, at)?;
            connections.push(Connection {
                stream,
                due: started,
                sent: started,
                answer: vec![0; 16 * 1024],
                filled: 0,
                is_busy: false,
            });
        }
        let started = Instant::now();
        let (from, until) = match args.count {
            Some(_) => (started, started + Duration::from_secs(600)),
            None => (started + args.warm_up, started + args.warm_up + args.time),
        };
        let interval = args.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        Ok(Self {
            address: args.address,
            poll,
            idle: (0..connections.len()).rev().collect(),
            resting: VecDeque::new(),
            connections,
            schedule: Schedule { started, until, count: args.count.unwrap_or(u64::MAX), interval },
            number_at: memmem::find(&requests[0], message::NUMBER),
            first_number: rand::random::<u64>() << 32,
            requests,
            sent: 0,
            under_way: 0,
            noted: Noted::new(from, until),
        })
    }

    fn figures(mut self) -> io::Result<Figures> {
        self.run()?;
        let Noted { from, until, all, successes, sent_successes, statuses, broken, last } = self.noted;
        let end = if self.schedule.count == u64::MAX { until } else { last };
        let seconds = (end - from).as_secs_f64();
        let answers = all.len();
        Ok(Figures {
            sent: self.sent,
            answers,
            seconds,
            per_second: answers as f64 / seconds,
            statuses: (0..).zip(statuses).filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>(),
            broken,
            latency: Latency::of(&all),
            latency_of_successes: (successes.len() != answers).then(|| Latency::of(&successes)),
            latency_from_sending: Latency::of(&sent_successes),
            own_micros: process::cpu_seconds("self")? * 1e6 / self.sent as f64,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            // Timers are too coarse for the open loop: it polls the clock.
            let wait =
                if self.schedule.interval.is_some() { Duration::ZERO } else { Duration::from_millis(100) };
            self.wake_rested()?;
            self.send_due()?;
            if self.under_way == 0 && self.schedule.is_over(self.sent, Instant::now()) {
                return Ok(());
            }
            self.poll.poll(&mut events, Some(wait))?;
            for event in &events {
                self.receive(event.token().0)?;
            }
        }
    }

    /// Lets those try again that have stayed away long enough, on new connections.
    fn wake_rested(&mut self) -> io::Result<()> {
        while let Some((until, at)) = self.resting.front().copied()
            && until <= Instant::now()
            && !self.schedule.is_over(self.sent, until)
        {
            self.resting.pop_front();
            self.connections[at].stream = connect(self.address, &self.poll, at)?;
            self.idle.push(at);
        }
        Ok(())
    }

    /// Sends what is due on the connections that are idle.
    fn send_due(&mut self) -> io::Result<()> {
        while let Some(at) = self.idle.last().copied() {
            let now = Instant::now();
            let Some(due) = self.schedule.due(self.sent, now) else { return Ok(()) };
            self.idle.pop();
            self.send(at, due)?;
        }
        Ok(())
    }

    fn send(&mut self, at: usize, due: Instant) -> io::Result<()> {
        let which = usize::try_from(self.sent % self.requests.len() as u64).expect("an index");
        if let Some(place) = self.number_at {
            let number = format!("{:016x}", self.first_number + self.sent);
            self.requests[which][place..place + 16].copy_from_slice(number.as_bytes());
        }
        self.sent += 1;
        self.under_way += 1;
        let connection = &mut self.connections[at];
        connection.is_busy = true;
        connection.due = due;
        connection.sent = Instant::now();
        // It fits into the socket's buffer, which is empty.
        if connection.stream.write_all(&self.requests[which]).is_err() {
            self.reconnect(at)?;
        }
        Ok(())
    }

    /// Reads what has come, and goes on with the next request if that was the rest of an answer.
    fn receive(&mut self, at: usize) -> io::Result<()> {
        let connection = &mut self.connections[at];
        match connection.stream.read(&mut connection.answer[connection.filled..]) {
            Ok(read @ 1..) => {
                connection.filled += read;
                match message::head(&connection.answer[..connection.filled]) {
                    Some(head) if head.len <= connection.filled => {
                        connection.filled = 0;
                        connection.is_busy = false;
                        let now = Instant::now();
                        self.noted.note(connection.due, connection.sent, now, head.status);
                        self.under_way -= 1;
                        if head.status == 503 {
                            // The answer says that the connection ends; whoever waits for the other side holds it up.
                            let _ = connection.stream.shutdown(Shutdown::Both);
                            self.resting.push_back((now + REST, at));
                            return Ok(());
                        }
                        self.next(at, now)
                    }
                    // The rest is an event of its own, unless it has come meanwhile.
                    _ => self.receive(at),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // Where no request is under way the server has said that it would: it is found out by the next one.
            Ok(0) | Err(_) if !connection.is_busy => Ok(()),
            Ok(0) | Err(_) => self.reconnect(at),
        }
    }

    fn next(&mut self, at: usize, now: Instant) -> io::Result<()> {
        if self.schedule.interval.is_some() {
            self.idle.push(at);
            return Ok(());
        }
        match self.schedule.due(self.sent, now) {
            Some(due) => self.send(at, due),
            None => Ok(()),
        }
    }

    fn reconnect(&mut self, at: usize) -> io::Result<()> {
        self.noted.broken += 1;
        self.under_way -= 1;
        self.connections[at].filled = 0;
        self.connections[at].is_busy = false;
        self.connections[at].stream = connect(self.address, &self.poll, at)?;
        self.idle.push(at);
        Ok(())
    }
}

/// Connects, waiting for it, and registers the connection.
fn connect(address: SocketAddr, poll: &Poll, at: usize) -> io::Result<TcpStream> {
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(at), Interest::READABLE)?;
    Ok(stream)
}

impl Schedule {
    /// When request number `sent` was due, if it is by now.
    fn due(&self, sent: u64, now: Instant) -> Option<Instant> {
        if self.is_over(sent, now) {
            return None;
        }
        match self.interval {
            None => Some(now),
            Some(interval) => Some(self.started + interval.mul_f64(sent as f64)).filter(|due| *due <= now),
        }
    }

    fn is_over(&self, sent: u64, now: Instant) -> bool {
        now >= self.until || sent >= self.count
    }
}

impl Noted {
    fn new(from: Instant, until: Instant) -> Self {
        let histogram = || Histogram::new_with_max(60_000_000_000, 3).expect("three digits are allowed");
        Self {
            from,
            until,
            all: histogram(),
            successes: histogram(),
            sent_successes: histogram(),
            statuses: vec![0; 1000],
            broken: 0,
            last: from,
        }
    }

    fn note(&mut self, due: Instant, sent: Instant, now: Instant, status: u16) {
        self.last = now;
        if now < self.from || now >= self.until {
            return;
        }
        let nanos = |from: Instant| u64::try_from((now - from).as_nanos()).unwrap_or(u64::MAX);
        self.all.saturating_record(nanos(due));
        if status < 400 {
            self.successes.saturating_record(nanos(due));
            self.sent_successes.saturating_record(nanos(sent));
        }
        self.statuses[usize::from(status.min(999))] += 1;
    }
}
