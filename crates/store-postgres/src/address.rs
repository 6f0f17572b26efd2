//! The address of a PostgreSQL database, parsed from a URL.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tollgate_store::StoreError;

/// The address of a PostgreSQL database, and the user who connects to it.
///
/// Parsed from `postgres://user@host:port/database`. Several hosts, separated by commas, are the members of one cluster:
/// the store connects to the member that takes writes. A folder in place of the host (percent-encoded) is the folder of a
/// Unix socket.
///
/// `sslmode=verify-full` with `sslrootcert=FILE` asks for TLS; `sslmode=disable` is the default if the connection
/// can't leave the machine, and must be stated otherwise.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    pub(crate) config: Config,
    /// The file (PEM) with the certificate authorities that are trusted; `None` without TLS.
    pub(crate) roots: Option<PathBuf>,
    /// The source of the password, if it isn't in the URL.
    password: Option<Password>,
}

/// A function that reads the password.
#[derive(Clone)]
struct Password(Arc<dyn Fn() -> Result<String, String> + Send + Sync>);

/// Compares by identity: a source equals only itself.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Password {}

impl PostgresAddress {
    /// Says whether the URL held a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Sets a function that reads the password each time that a connection is made, so that it can be changed while the store
    /// is open. The error of `read` says what is wrong and what to do.
    pub fn read_password_by(&mut self, read: impl Fn() -> Result<String, String> + Send + Sync + 'static) {
        self.password = Some(Password(Arc::new(read)));
    }

    /// Returns the hosts and ports, for people.
    pub(crate) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| match host {
            Host::Tcp(host) => format!("{host}:{}", port(index)),
            Host::Unix(folder) => format!("{}/.s.PGSQL.{}", folder.display(), port(index)),
        });
        format!("PostgreSQL at {}", hosts.collect::<Vec<_>>().join(", "))
    }

    /// Returns a configuration for each member alone.
    pub(crate) fn members(&self) -> Vec<Config> {
        (0..self.config.get_hosts().len()).map(|index| member(&self.config, index)).collect()
    }

    /// Returns a configuration for each member alone, with the password as it is now.
    pub(crate) async fn members_now(&self) -> Result<Vec<Config>, StoreError> {
        let mut members = self.members();
        if let Some(Password(read)) = self.password.clone() {
            // Reading it may be slow.
            let read = tokio::task::spawn_blocking(move || read()).await;
            let password = read.expect("reading neither panics nor is cancelled");
            let password = password.map_err(StoreError::Unavailable)?;
            for member in &mut members {
                member.password(&password);
            }
        }
        Ok(members)
    }

    pub(crate) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    pub(crate) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }
}

const FORM: &str = "postgres://user@host/database";
const TLS: &str = "sslmode=verify-full and sslrootcert=FILE (PEM) in the URL, or sslmode=disable on a network that you trust";

/// The parameters of a URL that the library knows and that are passed on to it.
const PASSED_ON: [&str; 15] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "options",
    "password",
    "port",
    "tcp_user_timeout",
    "user",
];

/// Names an unknown parameter, unless it may be a part of a password.
fn unknown(name: &str) -> Cow<'static, str> {
    let plain = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let hint = match name {
        "schema" | "search_path" | "currentSchema" => {
            "; a schema is named by options=-c%20search_path%3DNAME"
        }
        "sslcert" | "sslkey" => "; certificates of clients are not supported",
        _ => "",
    };
    if plain || name == "currentSchema" {
        format!("{FORM} without the parameter `{name}`, which is not known{hint}").into()
    } else {
        format!("{FORM} without parameters that are not known").into()
    }
}

impl FromStr for PostgresAddress {
    type Err = Cow<'static, str>;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) if !value.is_empty() => roots = Some(PathBuf::from(value)),
                // The store decides this itself: a member that takes no writes is of no use to it.
                Some(("target_session_attrs", "read-write")) => {}
                Some(("target_session_attrs", _)) => return Err("target_session_attrs=read-write".into()),
                // The library decodes the names of the other parameters.
                Some((name, _)) if !name.contains('%') && !PASSED_ON.contains(&name) => {
                    return Err(unknown(name));
                }
                _ => rest.push(pair),
            }
        }
        let mut config: Config = format!("{place}?{}", rest.join("&")).parse().map_err(|_| FORM)?;
        let hosts = config.get_hosts().len();
        let counted = |count: usize, least: usize| count <= least || count == hosts;
        if hosts == 0
            || !counted(config.get_hostaddrs().len(), 0)
            || !counted(config.get_ports().len(), 1)
            || config.get_user().is_none_or(str::is_empty)
        {
            return Err(FORM.into());
        }
        let is_here = config.get_hosts().iter().all(is_on_this_machine);
        let roots = match (mode, roots) {
            (Some("disable"), None) => None,
            (None, None) if is_here => None,
            (Some("verify-full") | None, Some(roots)) => Some(roots),
            _ => return Err(TLS.into()),
        };
        config.ssl_mode(if roots.is_some() { SslMode::Require } else { SslMode::Disable });
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("tollgate");
        }
        Ok(Self { config, roots, password: None })
    }
}

/// Returns the configuration for one host of several.
fn member(all: &Config, index: usize) -> Config {
    let mut one = Config::new();
    let port = all.get_ports().get(index).or(all.get_ports().first());
    match &all.get_hosts()[index] {
        Host::Tcp(name) => one.host(name),
        Host::Unix(folder) => one.host_path(folder),
    };
    all.get_hostaddrs().get(index).map(|ip| one.hostaddr(*ip));
    port.map(|port| one.port(*port));
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|timeout| one.connect_timeout(*timeout));
    all.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    one
}

fn is_on_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    }
}

/// Shows everything except the password.
impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({} on {})", self.database(), self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_leaves_the_machine_says_whether_it_is_encrypted() {
        for accepted in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@localhost:5433/d",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgresql://u@[::1]/d",
            "postgres://u@db.example.com/d?sslmode=disable",
            "postgres://u@a,b:5433/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&target_session_attrs=read-write",
            "postgres://u@db.example.com/d?sslrootcert=/etc/ca.pem",
        ] {
            assert!(accepted.parse::<PostgresAddress>().is_ok(), "{accepted}");
        }
        for refused in [
            "postgres://u@db.example.com/d",
            "postgres://u@db.example.com/d?sslmode=require",
            "postgres://u@db.example.com/d?sslmode=prefer",
            "postgres://u@db.example.com/d?sslmode=verify-full",
            "postgres://u@127.0.0.1,db.example.com/d",
            "postgres://u@127.0.0.1/d?sslmode=disable&sslrootcert=/etc/ca.pem",
        ] {
            assert_eq!(refused.parse::<PostgresAddress>(), Err(TLS.into()), "{refused}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for refused in [
            "",
            "postgres://",
            "postgres://127.0.0.1/d",
            "postgres://u@127.0.0.1:x/d",
            "postgres://u@h/d?a=b",
            "postgres://u@127.0.0.1,127.0.0.2/d?hostaddr=127.0.0.1",
            "postgres://u@127.0.0.1,127.0.0.2/d?port=5433",
        ] {
            assert!(refused.parse::<PostgresAddress>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_known_is_named_and_its_value_is_not() {
        for (name, says) in [
            ("schema", "search_path"),
            ("sslcert", "not supported"),
            ("gssencmode", "`gssencmode`"),
            ("pgbouncer", "`pgbouncer`"),
        ] {
            let url = format!("postgres://u@127.0.0.1/d?{name}=CANARY");
            let refused = url.parse::<PostgresAddress>().unwrap_err();
            assert!(refused.contains(name) && refused.contains(says), "{refused}");
            assert!(!refused.contains("CANARY"), "{refused}");
        }
        let refused = "postgres://u@127.0.0.1/d?CAN4RY=1".parse::<PostgresAddress>().unwrap_err();
        assert!(!refused.contains("CAN4RY"), "{refused}");
    }

    #[test]
    fn each_member_is_reached_as_all_are() {
        let url = "postgres://u:geheim@127.0.0.1,127.0.0.2:5433/d?options=-c%20a%3Db&connect_timeout=7&\
                   tcp_user_timeout=8&keepalives_idle=9&keepalives_interval=10&keepalives_retries=11&\
                   application_name=n";
        let address: PostgresAddress = url.parse().unwrap();
        let alone = |host: &str| url.replace("127.0.0.1,127.0.0.2:5433", host).parse::<PostgresAddress>();
        let expected = ["127.0.0.1", "127.0.0.2:5433"].map(|host| alone(host).unwrap().config);
        assert_eq!(address.members(), expected);
    }

    #[test]
    fn it_says_where_it_is_and_never_the_password() {
        let address: PostgresAddress = "postgres://u:geheim@127.0.0.1,127.0.0.2:5433/d".parse().unwrap();
        assert!(address.has_password());
        assert_eq!(
            format!("{address:?}"),
            "PostgresAddress(d on PostgreSQL at 127.0.0.1:5432, 127.0.0.2:5433)"
        );
    }
}
