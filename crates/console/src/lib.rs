//! The HTTP interfaces for operators: the acts of administration below `/admin/v1`, and the console, which has the same acts for
//! people in a browser.
//!
//! It is mounted in a server, which knows only what [`OperatorRoutes::mounted`] returns: paths, their routes, and tasks that run
//! beside the requests.

mod api;
mod figures;
pub mod oidc;
mod pages;

use std::sync::{Arc, OnceLock};

use tollgate_config::Config;
use tollgate_server::{Beside, Operators, Running, State};

use self::api::paths;
use self::figures::Figures;
use self::oidc::{Access, CALLBACK, Provider};
use self::pages::Console;

/// The operators' routes of one server, and their state.
#[derive(Clone, Default)]
pub struct OperatorRoutes {
    provider: Arc<OnceLock<Provider>>,
    figures: Arc<Figures>,
}

impl OperatorRoutes {
    /// Lets people sign in to the console by the configured provider, if there is one, through this access to it. Only the first call
    /// has an effect.
    pub fn sign_in_by(&self, config: &Config, access: Access) {
        if config.console.oidc.is_set() {
            let redirect_uri = format!("{}{CALLBACK}", config.console_url());
            let _ = self.provider.set(Provider::new(config.console.oidc.clone(), redirect_uri, access));
        }
    }

    /// Returns what is mounted in a server of this configuration: the administration, and the console unless it is off.
    pub fn mounted(&self, config: &Config) -> Operators {
        let mut paths = paths::ALL.to_vec();
        let has_console = config.console.enabled;
        if has_console {
            paths.push(pages::ALL);
        }
        let Self { provider, figures } = self.clone();
        let router = move |server: &Arc<State>| {
            let api = api::router().with_state(server.clone());
            if !has_console {
                return api;
            }
            let console = Console { server: server.clone(), provider, figures };
            api.merge(pages::router().with_state(Arc::new(console)))
        };
        let tasks = if has_console { vec![self.keep_figures()] } else { Vec::new() };
        Operators { paths, router: Box::new(router), tasks }
    }

    /// Returns the task that notes the counts for the console's overview.
    fn keep_figures(&self) -> Beside {
        let figures = self.figures.clone();
        let run = |server: Arc<State>, stopped| -> Running {
            let counted = move || (server.installation().now(), server.metrics().totals());
            Box::pin(figures::run(figures, counted, stopped))
        };
        Beside { what: "keeping the figures of the last hour", run: Box::new(run) }
    }
}
