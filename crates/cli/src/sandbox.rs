//! The sandbox and the portal, in the server that they are mounted in.

mod wiring;

use std::sync::Arc;

use tollgate_installation::Installation;
use tollgate_portal::{Credentials, Playground};
use tollgate_server::{Loopback, Mounted};
use tower::util::BoxCloneSyncService;

use crate::client_kit::ClientKit;

/// The routes of the sandbox and of the portal if the configuration has the sandbox on, none otherwise. `health` says whether
/// health is answered next to the API; `demo` is who visitors of the playground on this machine act as.
pub(crate) fn routes(
    installation: &Arc<Installation>,
    loopback: Loopback,
    health: bool,
    demo: Option<Credentials>,
) -> Mounted {
    let calls = BoxCloneSyncService::new(loopback.clone());
    wiring::mounted(installation, loopback, health, |inspect| {
        Some(Playground { kit: Arc::new(ClientKit), demo, inspect, calls })
    })
}
