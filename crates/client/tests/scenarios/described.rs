//! What a scenario describes: who calls, and with which clock.

use std::error::Error;
use std::fs;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::runtime::{self, Handle, Runtime};
use tollgate_client::{
    Builder, Caller, ClientAuthentication, ClientCredentials, Dialect, Environment, HttpTransport, Secret,
    SecretError, SecretSource, Sending, Settings, SystemClock, Transport,
};

use crate::clock::{SetClock, standing};
use crate::play::New;

/// The longest answer of the authority, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// All that tokens are obtained with.
pub(crate) struct Described {
    pub(crate) caller: Caller,
    pub(crate) credentials: ClientCredentials,
    pub(crate) settings: Settings,
    pub(crate) new: New,
}

impl Described {
    /// Reads and checks the configuration.
    pub(crate) async fn by(new: New, clock: Arc<SetClock>) -> Result<Self, Box<dyn Error>> {
        let variables = new.environment.clone();
        let environment = Environment::new(move |name| variables.get(name).cloned(), SystemClock::new());
        let caller = Caller::from_environment(&environment).await?;
        let credentials = builder(&caller, &new)?.transport(Standing::to(caller.base_url())?).build()?;
        Ok(Self { caller, credentials, settings: Settings::default().clock(clock), new })
    }
}

/// The face of the authority, and where the credentials come from.
fn builder(caller: &Caller, new: &New) -> Result<Builder, Box<dyn Error>> {
    let (id, secret): (Arc<dyn SecretSource>, Arc<dyn SecretSource>) = if new.callback {
        let program =
            |name: &str| Arc::new(Program(new.environment[name].trim_start_matches("file:").to_owned()));
        (program("TOLLGATE_CLIENT_ID"), program("TOLLGATE_CLIENT_SECRET"))
    } else {
        (caller.id(), caller.secret())
    };
    let dialect = match new.face.as_str() {
        "standard" => {
            Dialect::standard(&format!("{}/oauth2/token", caller.base_url()), ClientAuthentication::Basic)?
        }
        _ => Dialect::payment_api(caller.base_url())?,
    };
    Ok(ClientCredentials::builder(dialect, id, secret))
}

/// Calls the authority over HTTP while the clock stands: in a runtime of its own, whose clock is the machine's, so that an
/// answer which comes a byte at a time takes too long.
struct Standing {
    transport: Arc<HttpTransport>,
    real: Handle,
}

impl Standing {
    fn to(url: &str) -> Result<Self, Box<dyn Error>> {
        static REAL: OnceLock<Runtime> = OnceLock::new();
        let real = REAL.get_or_init(|| {
            runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
        });
        let transport = Arc::new(HttpTransport::new(url, Duration::from_secs(5), LONGEST_ANSWER)?);
        Ok(Self { transport, real: real.handle().clone() })
    }
}

impl Transport for Standing {
    fn send(&self, request: Request<Bytes>) -> Sending<'_> {
        let transport = Arc::clone(&self.transport);
        let sent = self.real.spawn(async move { transport.send(request).await });
        Box::pin(standing(async { sent.await.unwrap() }))
    }
}

/// A source that the program brings. It reads a file, but the kit doesn't know.
struct Program(String);

impl SecretSource for Program {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let text = fs::read_to_string(&self.0).unwrap();
        Box::pin(async move { Ok(Secret::from(text.trim().to_owned())) })
    }
}
