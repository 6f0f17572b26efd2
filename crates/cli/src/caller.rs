//! The client that calls, and the API that it calls, for the commands of the caller's side.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use reqwest::Url;
use tollgate_client::{
    Caller, ConfigurationError, Environment, HttpHosts, Reason, Secret, SecretError, SecretSource,
};
use tollgate_operator::Credentials;
use tollgate_operator::named_secret::SecretProblem;
use tollgate_secrets::access::AccessError;

use crate::args::CallerArgs;
use crate::failure::Failure;
use crate::open::DEFAULT_DATA;

/// Returns the client that the arguments or the environment name.
pub(crate) async fn open(args: &CallerArgs) -> Result<Caller, Failure> {
    let (environment, default) = (Environment::process(), Path::new(DEFAULT_DATA));
    if let Some(data) = &args.data {
        return of_folder(data);
    }
    if !Caller::is_in_environment(&environment) && Credentials::path(default).exists() {
        return of_folder(default);
    }
    let named = HttpHosts::from_environment(&environment);
    let named = named.map_err(|error| Failure::new(format!("{}: {error}", HttpHosts::VARIABLE)))?;
    let hosts = args.allow_http_to.iter().try_fold(named, |hosts, host| hosts.and(host));
    let hosts = hosts.map_err(|error| Failure::new(format!("--allow-http-to: {error}")))?;
    Caller::described(&environment, hosts)
        .await
        .map_err(|error| Failure::new(format!("{error}; or name a folder of `tollgate dev` by --data DIR")))
}

/// Returns the client of a `dev` folder. Its credentials are read again when they are refused: the folder may be a new one.
fn of_folder(data: &Path) -> Result<Caller, Failure> {
    let path = Credentials::path(data);
    let read = Credentials::read(data).map_err(|error| match error {
        AccessError::Io(error) => {
            Failure::new(format!("{}: {error}; is this the folder of a `tollgate dev`?", path.display()))
        }
        AccessError::Exposed(_) => SecretProblem::of("the credentials file", &path, error).into(),
    })?;
    let id = InFolder { data: data.to_owned(), member: |credentials| credentials.client_id.to_string() };
    let secret = InFolder { data: data.to_owned(), member: |credentials| credentials.client_secret };
    Caller::allowing(own_address(&read.base_url), &read.base_url, id, secret).map_err(Failure::from)
}

/// The host of a URL if it is an address of this machine, to which `dev` was told to listen: what is sent there does not leave
/// the machine.
fn own_address(url: &str) -> HttpHosts {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    // Only addresses of this machine can be bound.
    let is_own = address.is_ok_and(|address| TcpListener::bind((address, 0)).is_ok());
    if is_own { HttpHosts::default().and(&host).unwrap_or_default() } else { HttpHosts::default() }
}

/// A field of the credentials in a `dev` folder.
struct InFolder {
    data: PathBuf,
    member: fn(Credentials) -> String,
}

impl SecretSource for InFolder {
    fn read(&self) -> Pin<Box<dyn Future<Output = Result<Secret, SecretError>> + Send + '_>> {
        let read = Credentials::read(&self.data).map(self.member).map(Secret::from);
        let path = Credentials::path(&self.data);
        let read = read.map_err(|error| {
            let shown = path.display().to_string();
            SecretError::new(
                shown,
                match error {
                    AccessError::Io(error) => Reason::File { path, error },
                    AccessError::Exposed(exposed) => exposed.into(),
                },
            )
        });
        Box::pin(async move { read })
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::new(error.to_string())
    }
}
