//! The client that calls, and the API that it calls, for the commands of the caller's side.

use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use reqwest::Url;
use tollgate_client::{
    Caller, ConfigurationError, Environment, Fault, HttpHosts, ObtainError, Reason, Secret, SecretError,
    SecretSource,
};
use tollgate_config::Config;
use tollgate_secrets::access::AccessError;

use crate::args::CallerArgs;
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::open::{DEFAULT_DATA, inaccessible};

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

/// Says why there is no token, and what to do.
pub(crate) fn without_token(caller: &Caller, error: &ObtainError) -> Failure {
    let base_url = caller.base_url();
    let advice = match error {
        ObtainError::Transient { fault: Fault::Unreachable(cause), .. } => {
            unreachable(cause, base_url, "its base URL")
        }
        ObtainError::Transient { fault: Fault::Timeout, .. } => unreachable("", base_url, "its base URL"),
        ObtainError::Transient { fault: Fault::Malformed | Fault::TooLong, .. } => {
            format!("; check that {base_url} is the base URL of a Payment API")
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. } if answer.status == 429 => {
            "; too many attempts: wait a minute, and check the secret if it was refused before".to_owned()
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. }
            if (300..400).contains(&answer.status) =>
        {
            format!(
                "; redirects are not followed: check that {base_url} is the base URL itself, with the right scheme"
            )
        }
        ObtainError::Transient { fault: Fault::Status(answer), .. } if answer.status < 500 => {
            format!("; check that {base_url} is the base URL of a Payment API")
        }
        ObtainError::Transient { .. } => "; try again".to_owned(),
        ObtainError::RefusedClient(_) | ObtainError::Secret(_) => String::new(),
    };
    Failure::new(format!("{error}{advice}"))
}

/// Says what to do where there is no connection, by its cause.
pub(crate) fn unreachable(cause: &str, base_url: &str, what: &str) -> String {
    if cause.contains("SSL_CERT_FILE") || cause.contains("speak TLS") {
        return format!("; {base_url} was called");
    }
    if cause.contains("UnknownIssuer") {
        return "; the authority of its certificate is not trusted here: add it to the system's, or name a file with it by \
                SSL_CERT_FILE"
            .to_owned();
    }
    match proxy(base_url) {
        Some(variable) => {
            format!(
                "; {variable} names a proxy: check that the proxy is up and lets this through, or unset it"
            )
        }
        None => format!("; check that {base_url} is {what} and that it is up"),
    }
}

/// Returns the variable that names the proxy of a URL, if one does. Nothing on this machine is called through one.
fn proxy(base_url: &str) -> Option<&'static str> {
    let url = Url::parse(base_url).ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let names: &[&'static str] = match url.scheme() {
        _ if is_here => &[],
        "https" => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let set: Vec<_> =
        Config::environment().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
    names.iter().copied().find(|name| set.iter().any(|set| set == name))
}

/// Returns the client of a `dev` folder. Its credentials are read again when they are refused: the folder may be a new one.
fn of_folder(data: &Path) -> Result<Caller, Failure> {
    let path = Credentials::path(data);
    let read = Credentials::read(data).map_err(|error| match error {
        AccessError::Io(error) => {
            Failure::new(format!("{}: {error}; is this the folder of a `tollgate dev`?", path.display()))
        }
        AccessError::Exposed(_) => inaccessible("the credentials file", &path, &error),
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
