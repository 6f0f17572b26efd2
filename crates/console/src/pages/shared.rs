//! The state that the pages of the console share.

use std::sync::{Arc, OnceLock};

use tollgate_server::State;
use tollgate_store::{Actor, Object};

use super::paths;
use crate::figures::Figures;
use crate::oidc::Provider;

/// The state that the pages of the console share.
pub(crate) struct Console {
    /// The server that it is mounted in.
    pub(crate) server: Arc<State>,
    /// The provider by which people can sign in, once it is set.
    pub(crate) provider: Arc<OnceLock<Provider>>,
    /// The counts of the last hour.
    pub(crate) figures: Arc<Figures>,
}

impl Console {
    /// Notes in the audit trail that somebody was refused.
    pub(super) fn note_refused(&self, by: &Actor, why: &str) {
        let route = Object::Route(paths::SIGN_IN.to_owned());
        self.server.installation().note_refused(by, "console.sign-in", route, why);
    }
}
