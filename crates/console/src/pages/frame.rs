//! The frame around every page: the navigation, and the user's name.

use tollgate_admin::Operation;

use super::session::Session;

/// The frame around a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The name of the user who has signed in.
    pub(super) user: String,
    /// The token that every form carries.
    pub(super) form_token: String,
    /// The parts of the console that the user may see.
    pub(super) parts: Vec<Part>,
}

/// A part of the console, in the navigation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    /// Whether the page belongs to this part.
    pub(super) is_here: bool,
}

/// Every part, with the operation that a user must be allowed to see it.
const PARTS: [(&str, &str, Option<Operation>); 8] = [
    ("Overview", "/console", None),
    ("Merchants", "/console/merchants", Some(Operation::ListMerchants)),
    ("Clients", "/console/clients", Some(Operation::ListClients)),
    ("Keys", "/console/keys", Some(Operation::ListKeys)),
    ("Revocations", "/console/revocations", Some(Operation::ListRevocations)),
    ("Why refused", "/console/why", Some(Operation::ListRevocations)),
    ("Audit trail", "/console/audit", Some(Operation::ListRecords)),
    ("Servers", "/console/servers", Some(Operation::ListKeys)),
];

impl Frame {
    /// Makes the frame of the page at `path`.
    pub(super) fn of(session: &Session, path: &str) -> Self {
        let scope = &session.signed_in.scope;
        let may_see =
            |operation: &Option<Operation>| operation.is_none_or(|operation| operation.is_allowed_by(scope));
        let is_below = |above: &str| {
            path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let parts = PARTS.iter().filter(|(_, _, operation)| may_see(operation));
        let parts = parts.map(|(name, part, _)| {
            let is_here = if *part == "/console" { path == *part } else { is_below(part) };
            Part { name, path: part, is_here }
        });
        Self {
            user: session.signed_in.user.clone(),
            form_token: session.form_token().to_owned(),
            parts: parts.collect(),
        }
    }
}
