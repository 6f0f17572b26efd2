//! The client and the API for the commands of callers.

use std::path::Path;

use tollgate_client::{Caller, Environment, HttpHosts};
use tollgate_commands::Failure;
use tollgate_commands::open::{DEFAULT_DATA, may_exist};
use tollgate_operator::{Credentials, DevFolder};

use crate::args::CallerArgs;

/// Returns the client that the arguments or the environment name.
pub(crate) async fn open(args: &CallerArgs) -> Result<Caller, Failure> {
    let (environment, default) = (Environment::process(), Path::new(DEFAULT_DATA));
    if let Some(data) = &args.data {
        return Ok(DevFolder::at(data).caller()?);
    }
    if !Caller::is_in_environment(&environment) && may_exist(&Credentials::path(default)) {
        return Ok(DevFolder::at(default).caller()?);
    }
    let named = HttpHosts::from_environment(&environment);
    let named = named.map_err(|error| Failure::new(format!("{}: {error}", HttpHosts::VARIABLE)))?;
    let hosts = args.allow_http_to.iter().try_fold(named, |hosts, host| hosts.and(host));
    let hosts = hosts.map_err(|error| Failure::of_misuse(format!("--allow-http-to: {error}")))?;
    Caller::described(&environment, hosts)
        .await
        .map_err(|error| Failure::new(format!("{error}; or name a folder of `tollgate dev` by --data DIR")))
}
