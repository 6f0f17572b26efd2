//! Commands about the console.

use clap::Subcommand;
use tollgate_admin::Name;
use tollgate_config::{Role, is_private_url};

use super::common::{StoreArgs, Why};
use crate::confirm::Confirm;

#[derive(Debug, Subcommand)]
pub(crate) enum ConsoleCommand {
    /// Makes a link by which somebody can sign in to the console, once and within five minutes.
    Link {
        /// Whom the link is for, as the audit trail shall call them; without it the Unix user who runs this.
        #[arg(long, value_name = "NAME")]
        user: Option<Name>,
        /// What they may do: read, support, write, keys or audit; may be repeated. Without it: everything.
        #[arg(long, value_name = "ROLE")]
        role: Vec<Role>,
        /// Where the browser reaches the console, if that is not `console.url`: `https://admin.example.com`, or the near end of
        /// a tunnel, `http://127.0.0.1:9090`.
        #[arg(long, value_name = "URL", value_parser = base)]
        url: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        why: Why,
    },
    /// Signs everybody out of the console, on every server, and makes the links that were not used yet useless.
    SignOut {
        #[command(flatten)]
        confirm: Confirm,
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        why: Why,
    },
}

/// Parses where something is reached, without a path.
fn base(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte))
    };
    match host {
        Some(host) if is_host(host) && is_private_url(text) => Ok(text.to_owned()),
        _ => Err("expected https://HOST (http://HOST on loopback only), with a port if need be"),
    }
}
