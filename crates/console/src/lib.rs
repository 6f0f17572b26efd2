//! What operators reach over HTTP: the acts of administration below `/admin/v1`, and the console, which is the same for people in a
//! browser.
//!
//! It is mounted in a server, which knows of it what [`OperatorRoutes::mounted`] says: paths, what answers there, and what goes on
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

/// The routes of operators for one server, and what they keep.
#[derive(Clone, Default)]
pub struct OperatorRoutes {
    provider: Arc<OnceLock<Provider>>,
    figures: Arc<Figures>,
}

impl OperatorRoutes {
    /// From now on people can sign in to the console by the provider of the configuration, if it has one, which is asked in this
    /// way. Only the first way counts.
    pub fn sign_in_by(&self, config: &Config, access: Access) {
        if config.console.oidc.is_set() {
            let redirect_uri = format!("{}{CALLBACK}", config.console_url());
            let _ = self.provider.set(Provider::new(config.console.oidc.clone(), redirect_uri, access));
        }
    }

    /// What is mounted in a server of this configuration: the administration, and the console unless it is off.
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

    /// Keeps what is counted for the overview of the console.
    fn keep_figures(&self) -> Beside {
        let figures = self.figures.clone();
        let run = |server: Arc<State>, stopped| -> Running {
            let counted = move || (server.installation().now(), server.metrics().totals());
            Box::pin(figures::run(figures, counted, stopped))
        };
        Beside { what: "keeping the figures of the last hour", run: Box::new(run) }
    }
}
