//! The output of `dev` when it is ready: its addresses, and three calls to copy.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use tollgate_commands::{
    Failure,
    output::{self, Format},
};
use tollgate_operator::{Credentials, private_file};

const PAYMENT: &str = concat!(
    r#"{"amount":1250,"currency":"EUR","locale":"en-GB","payment_reference":"ORDER1","#,
    r#""customer":{"name":"Ada Lovelace","email":"ada@example.com"},"#,
    r#""billing_address":{"address_line1":"12 St James Square","city":"London","postal_code":"SW1Y 4JH","country":"GB"}}"#
);

/// The folder and the addresses for the calls.
pub(super) struct Calls<'a> {
    /// The folder of `dev`.
    pub(super) data: &'a Path,
    /// The URL at which callers reach the API.
    pub(super) base_url: &'a str,
    /// The address on which the server listens.
    pub(super) address: SocketAddr,
}

impl Calls<'_> {
    /// Prints the calls. They contain neither secret nor token, but read them from files in the private folder. Copied completely,
    /// they work in bash, zsh and fish, which have neither comments nor subshells in common.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Text => output::written(self.print_text(&self.list()?)).map(drop),
            Format::Json => {
                let calls = self.list()?.map(|(what, command)| json!({ "what": what, "command": command }));
                output::object(
                    format,
                    &json!({
                        "base_url": self.base_url,
                        "listen": self.address.to_string(),
                        "data": self.data.display().to_string(),
                        "credentials": Credentials::path(self.data).display().to_string(),
                        "playground": format!("{}/playground", self.base_url),
                        "calls": calls,
                    }),
                )
            }
        }
    }

    fn print_text(&self, calls: &[(&str, String)]) -> io::Result<()> {
        let Self { data, base_url, address } = self;
        let mut out = io::stdout().lock();
        writeln!(out, "Tollgate is up at {base_url} (data in {}).", data.display())?;
        if !address.ip().is_loopback() {
            writeln!(
                out,
                "It listens on {address}, where other machines reach it: the API, the sandbox, the playground and /metrics, \
                 without TLS. Nothing of it is for real payments."
            )?;
        }
        writeln!(
            out,
            "See the life of a token at {base_url}/playground, or paste these into a second terminal, in this folder:\n"
        )?;
        for (n, (what, command)) in (1..).zip(calls) {
            writeln!(out, "echo '{n}. {what}'\n{command}\n")?;
        }
        out.flush()
    }

    /// Returns the purpose of each call, and the call.
    fn list(&self) -> Result<[(&'static str, String); 3], Failure> {
        let credentials = quoted(&Credentials::path(self.data));
        let tokens = self.data.join("tokens.json");
        private_file::create(&tokens, b"")
            .map_err(|error| Failure::new(format!("{} can't be written: {error}", tokens.display())))?;
        let (tokens, base_url) = (quoted(&tokens), self.base_url);
        let (curl, json) = ("curl -sS -w '\\n'", "-H 'Content-Type: application/json'");
        let token = |name: &str| format!("$(sed 's/.*\"{name}\":\"\\([^\"]*\\)\".*/\\1/' {tokens})");
        Ok([
            (
                "Obtain a token: the credentials file is the body of the request",
                format!("{curl} {base_url}/api/v1/oauth2/token {json} -d @{credentials} | tee {tokens}"),
            ),
            (
                "Call the Payment API with it",
                format!(
                    "{curl} {base_url}/api/v1/payment-requests:redirect -H \"Authorization: Bearer {}\" {json} -d '{PAYMENT}'",
                    token("access_token")
                ),
            ),
            (
                "Refresh: the next token, without the secret",
                format!(
                    "{curl} {base_url}/api/v1/oauth2/refresh {json} -d \"{{\\\"refresh_token\\\":\\\"{}\\\"}}\"",
                    token("refresh_token")
                ),
            ),
        ])
    }
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+,".contains(&byte));
    if plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
