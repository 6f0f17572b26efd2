//! Idempotency keys raced over two servers, on a network that delays, drops and doubles.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use rand::random_range;

use crate::harness::{Api, PATIENCE, Response, Serve, eventually, payment};
use crate::postgres_server::Database;

const KEYS: usize = 200;
/// How many callers race for each key.
const CALLERS: usize = 3;

#[test]
fn of_200_keys_that_are_raced_over_two_servers_on_a_bad_network_each_has_one_effect() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create();
    let faults = Arc::new(Faults::default());
    let url = by_proxy(&database.url, &faults);
    // Short, because most of what is lost is waited for.
    let settings = "idempotency.lease = \"1s\"\ndatabase.statement_timeout = \"2s\"";
    let (client_id, client_secret) =
        Serve::install(folder.path(), &format!("database.url = \"{url}\"\n{settings}"));
    let servers = [Serve::start(folder.path()), Serve::start(folder.path())];
    let (access, _) = servers[0].api.tokens(&client_id, &client_secret);
    let network = network(servers.each_ref().map(|server| server.api.0), &faults);

    faults.begin();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, SeqCst)).filter(|number| *number < KEYS) {
                    race(network, &access, &format!("k{number}"));
                }
            });
        }
    });
    faults.end();

    let mut created: Vec<String> = servers[0]
        .api
        .list_all(&access)
        .iter()
        .map(|item| item["payment_reference"].as_str().unwrap().to_owned())
        .collect();
    created.sort();
    let mut keys: Vec<_> = (0..KEYS).map(|number| format!("k{number}")).collect();
    keys.sort();
    assert_eq!(created, keys, "each key has one payment");
    let kept = "SELECT count(*), count(status) FROM idempotency_keys";
    assert_eq!(database.psql(kept), format!("{KEYS}|{KEYS}"));
    let [delayed, dropped, doubled, cut] = faults.counts();
    assert!(delayed > 0 && dropped > 0 && doubled > 0 && cut > 0, "{delayed} {dropped} {doubled} {cut}");
}

/// Several callers repeat a request until it is answered; all of them get the same answer.
fn race(network: Api, access: &str, key: &str) {
    let caller = || {
        eventually("the key is answered", PATIENCE, || match network.create(access, key, &payment(key)) {
            Ok(answer) if answer.status == 201 => Some(answer),
            Ok(answer) => {
                assert!(is_passing(&answer), "{key}: {answer:?}");
                None
            }
            // The answer was dropped.
            Err(_) => None,
        })
    };
    let answers: Vec<Response> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{key}: {answers:?}");
}

/// What a caller is told to repeat.
fn is_passing(answer: &Response) -> bool {
    let code = answer.error().1;
    let known = ["IDEMPOTENCY_STORE_UNAVAILABLE", "OUTCOME_UNKNOWN", "UNAVAILABLE"].contains(&&*code);
    (answer.status == 503 && known) || (answer.status == 409 && code == "IDEMPOTENT_REQUEST_IN_PROGRESS")
}

/// What goes wrong, and how often it did.
#[derive(Default)]
struct Faults {
    on: AtomicBool,
    delayed: AtomicUsize,
    dropped: AtomicUsize,
    doubled: AtomicUsize,
    cut: AtomicUsize,
}

impl Faults {
    fn begin(&self) {
        self.on.store(true, SeqCst);
    }

    fn end(&self) {
        self.on.store(false, SeqCst);
    }

    fn counts(&self) -> [usize; 4] {
        [&self.delayed, &self.dropped, &self.doubled, &self.cut].map(|count| count.load(SeqCst))
    }

    /// Whether what happens once in `times` happens now.
    fn strikes(&self, count: &AtomicUsize, times: u32) -> bool {
        let strikes = self.on.load(SeqCst) && random_range(0..times) == 0;
        count.fetch_add(usize::from(strikes), SeqCst);
        strikes
    }

    fn delay(&self, times: u32) {
        if self.strikes(&self.delayed, times) {
            // It is what is tried here, and nobody waits for it to be long enough.
            thread::sleep(Duration::from_millis(random_range(1..40)));
        }
    }
}

/// The network between the callers and two servers: a request reaches one of them or both, and its answer comes late, not
/// at all, or twice.
fn network(servers: [SocketAddr; 2], faults: &Arc<Faults>) -> Api {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let faults = Arc::clone(faults);
    thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let faults = Arc::clone(&faults);
            thread::spawn(move || deliver(caller, servers, &faults));
        }
    });
    Api(address)
}

fn deliver(mut caller: TcpStream, servers: [SocketAddr; 2], faults: &Faults) -> io::Result<()> {
    let request = read_request(&mut caller)?;
    faults.delay(4);
    let first = random_range(0..2);
    let doubled = faults.strikes(&faults.doubled, 4);
    let answers = thread::scope(|scope| {
        let ask = |server: usize| {
            let request = &request;
            scope.spawn(move || forwarded(servers[server], request))
        };
        let asked: Vec<_> = if doubled { vec![ask(first), ask(1 - first)] } else { vec![ask(first)] };
        asked.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
    });
    faults.delay(4);
    if faults.strikes(&faults.dropped, 5) {
        return caller.shutdown(Shutdown::Both);
    }
    for answer in answers {
        caller.write_all(&answer?)?;
    }
    Ok(())
}

/// Sends a request to a server, and returns its answer.
fn forwarded(server: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(request)?;
    read_message(&mut stream)
}

fn read_request(caller: &mut TcpStream) -> io::Result<Vec<u8>> {
    caller.set_read_timeout(Some(PATIENCE))?;
    read_message(caller)
}

/// Reads a head, and a body whose length it says.
fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        if let Some(head) = message.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&message[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if message.len() >= head + 4 + length {
                return Ok(message);
            }
        }
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => message.extend_from_slice(&part[..count]),
        }
    }
}

/// The URL of a database on a Unix socket by way of a proxy, which delays answers, and cuts connections instead of giving
/// them.
fn by_proxy(url: &str, faults: &Arc<Faults>) -> String {
    let (user, place) = url.split_once('@').unwrap();
    let (place, database) = place.split_once('/').unwrap();
    let (folder, port) = place.rsplit_once(':').unwrap();
    let socket = PathBuf::from(folder.replace("%2F", "/")).join(format!(".s.PGSQL.{port}"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let faults = Arc::clone(faults);
    thread::spawn(move || {
        for server in listener.incoming().map_while(Result::ok) {
            let database = UnixStream::connect(&socket).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), database.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
            let faults = Arc::clone(&faults);
            thread::spawn(move || answer(database, server, &faults));
        }
    });
    format!("{user}@{address}/{database}")
}

fn answer(mut database: UnixStream, mut server: TcpStream, faults: &Faults) {
    let mut part = [0; 16 * 1024];
    while let Ok(count @ 1..) = database.read(&mut part) {
        faults.delay(20);
        if faults.strikes(&faults.cut, 40) || server.write_all(&part[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = database.shutdown(Shutdown::Both);
}
