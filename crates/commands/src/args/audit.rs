//! Commands that read the audit trail.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Subcommand;
use tollgate_admin::audit::Anchor;
use tollgate_config::parse_duration;
use tollgate_core::{ClientId, MerchantId, Timestamp};

use super::common::{StoreArgs, WhereArgs, Why};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Shows the records to which all that is given applies, oldest first. This is recorded, too.
    List(AuditListArgs),
    /// Checks that no record was changed, removed, inserted, exchanged or cut off, and prints the anchor. Fails if one was.
    Verify {
        /// What `audit export` or `audit verify` printed before: the trail must still hold it.
        #[arg(long, value_name = "SEQ-LINK")]
        anchor: Option<Anchor>,
        /// Checks a file that `audit export` wrote, instead of the store.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Writes every record as a line of JSON, oldest first, and the anchor to standard error. This is recorded, too.
    Export {
        /// Only the records behind this one.
        #[arg(long, value_name = "SEQ")]
        after: Option<u64>,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuditListArgs {
    /// From this time on: RFC 3339, or a length of time such as `24h` ago.
    #[arg(long, value_name = "TIME", value_parser = Since::from_str)]
    pub(crate) since: Option<Since>,
    /// Before this time, likewise.
    #[arg(long, value_name = "TIME", value_parser = Since::from_str)]
    pub(crate) until: Option<Since>,
    /// Of actors whose text begins so, such as `command-line:ada` or `operator-client:`.
    #[arg(long, value_name = "ACTOR")]
    pub(crate) actor: Option<String>,
    /// Of acts whose name begins so, such as `client.` or `secret.revoke`.
    #[arg(long, value_name = "ACT")]
    pub(crate) act: Option<String>,
    /// Of this object, such as `key:ID` or `configuration`.
    #[arg(long, value_name = "OBJECT")]
    pub(crate) object: Option<String>,
    /// Of this client.
    #[arg(long, value_name = "CLIENT_ID")]
    pub(crate) client: Option<ClientId>,
    /// Of this merchant.
    #[arg(long, value_name = "MERCHANT_ID")]
    pub(crate) merchant: Option<MerchantId>,
    /// Newest first.
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most so many.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) on: WhereArgs,
}

/// A time that is given as such, or as how long ago it was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ago) = parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        let midnight = format!("{text}T00:00:00Z");
        let at = humantime::parse_rfc3339_weak(text).or_else(|_| humantime::parse_rfc3339(&midnight)).ok();
        let since = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let millis = since.and_then(|since| u64::try_from(since.as_millis()).ok());
        let at = millis.map(|millis| Self::At(Timestamp::from_millis(millis)));
        at.ok_or(
            "expected a time such as 2026-11-28T12:00:00Z or 2026-11-28, or a length of time such as 24h",
        )
    }
}
