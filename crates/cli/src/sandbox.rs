//! The sandbox and the portal, in the server that they are mounted in.

mod wiring;

use std::sync::Arc;

use tollgate_installation::Installation;
use tollgate_portal::{Credentials, Playground};
use tollgate_server::{Loopback, Mounted};
use tower::util::BoxCloneSyncService;

use crate::client_kit::ClientKit;

/// Returns the routes of the sandbox and of the portal if the configuration has the sandbox on, otherwise none. `health` says whether
/// health is answered next to the API; `demo` has the credentials for visitors of the playground on this machine.
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
