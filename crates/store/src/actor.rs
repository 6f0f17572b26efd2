//! Who makes an administrative change, from where and why. It is recorded with the change.

use std::fmt;
use std::str::FromStr;

use tollgate_core::ClientId;

/// Who makes a change, from where and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The kind of actor, with its name or id.
    pub kind: ActorKind,
    /// Where the actor is: the address of an operator's client, or the name of the server that acts by itself.
    pub from: Option<String>,
    /// The reason that was given for the change.
    pub why: Option<String>,
    /// The id of the HTTP request that asked for the change.
    pub request_id: Option<String>,
}

impl Actor {
    /// Makes an actor without an address, a reason or a request.
    pub const fn new(kind: ActorKind) -> Self {
        Self { kind, from: None, why: None, request_id: None }
    }

    /// Makes the actor of changes that no person asked for, such as the rotation of a signing key.
    pub const fn system() -> Self {
        Self::new(ActorKind::System)
    }
}

/// The kinds of actors. The text form is what a store keeps: `system`, `command-line:ada@gateway-1`,
/// `operator-client:0191e0a1-5c3b-7def-8123-456789abcdef`, `console:ada@example.com`,
/// `client:0191e0a1-5c3b-7def-8123-456789abcdef`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorKind {
    /// A server, by itself.
    System,
    /// Somebody who runs `tollgate` on a machine.
    CommandLine {
        /// The name of the Unix user.
        user: String,
        /// The name of the machine, without `@`.
        host: String,
    },
    /// An operator's client, over HTTP.
    OperatorClient(ClientId),
    /// Somebody who has signed in to the console, by the user name that the sign-in gives.
    Console(String),
    /// A client that ends something of its own, such as one of its tokens.
    Client(ClientId),
}

const SYSTEM: &str = "system";
const COMMAND_LINE: &str = "command-line:";
const OPERATOR_CLIENT: &str = "operator-client:";
const CONSOLE: &str = "console:";
const CLIENT: &str = "client:";

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str(SYSTEM),
            Self::CommandLine { user, host } => write!(f, "{COMMAND_LINE}{user}@{host}"),
            Self::OperatorClient(id) => write!(f, "{OPERATOR_CLIENT}{id}"),
            Self::Console(user) => write!(f, "{CONSOLE}{user}"),
            Self::Client(id) => write!(f, "{CLIENT}{id}"),
        }
    }
}

/// The error for a text that does not name an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an actor is `system`, `command-line:USER@HOST`, `operator-client:ID`, `console:USER` or `client:ID`"
)]
pub struct ActorError;

impl FromStr for ActorKind {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        if text == SYSTEM {
            return Ok(Self::System);
        }
        if let Some(id) = text.strip_prefix(OPERATOR_CLIENT) {
            return id.parse().map(Self::OperatorClient).map_err(|_| ActorError);
        }
        if let Some(id) = text.strip_prefix(CLIENT) {
            return id.parse().map(Self::Client).map_err(|_| ActorError);
        }
        if let Some(user) = text.strip_prefix(CONSOLE).filter(|user| !user.is_empty()) {
            return Ok(Self::Console(user.to_owned()));
        }
        // A user's name may contain an `@`, a machine's name can't.
        let (user, host) =
            text.strip_prefix(COMMAND_LINE).and_then(|name| name.rsplit_once('@')).ok_or(ActorError)?;
        Ok(Self::CommandLine { user: user.to_owned(), host: host.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_read_as_it_was_written() {
        let client = "0191e0a1-5c3b-7def-8123-456789abcdef".parse().unwrap();
        let user =
            |name: &str| ActorKind::CommandLine { user: name.to_owned(), host: "gateway-1".to_owned() };
        for (kind, text) in [
            (ActorKind::System, "system"),
            (user("ada"), "command-line:ada@gateway-1"),
            (user("ada@example.com"), "command-line:ada@example.com@gateway-1"),
            (ActorKind::OperatorClient(client), "operator-client:0191e0a1-5c3b-7def-8123-456789abcdef"),
            (ActorKind::Console("ada@example.com".to_owned()), "console:ada@example.com"),
            (ActorKind::Client(client), "client:0191e0a1-5c3b-7def-8123-456789abcdef"),
        ] {
            assert_eq!(kind.to_string(), text);
            assert_eq!(text.parse(), Ok(kind));
        }
    }

    #[test]
    fn a_text_of_another_form_names_no_actor() {
        for bad in [
            "",
            "root",
            "System",
            "system ",
            "command-line:ada",
            "operator-client:",
            "operator-client:7",
            "console:",
            "client:7",
        ] {
            assert_eq!(bad.parse::<ActorKind>(), Err(ActorError), "{bad:?}");
        }
    }
}
