//! The environment of the process, which is read only here.

use std::path::Path;
use std::sync::Arc;

use tollgate_core::Timestamp;
use zeroize::Zeroizing;

use crate::file::Sharing;
use crate::{Clock, Mark, Reading, Reason, Secret, SystemClock, file, payload};

/// The variable by which an operator says that nobody else uses the machine, as in most containers.
const WORLD_READABLE: &str = "TOLLGATE_WORLD_READABLE_SECRETS";

type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The variables of the environment, and the clock.
#[derive(Clone)]
pub struct Environment {
    variables: Variables,
    clock: Arc<dyn Clock>,
    /// Whether the values are not secret.
    public: bool,
}

impl Environment {
    /// Returns the environment of this process and the system's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the environment that everything else is given")]
    pub fn process() -> Self {
        Self::new(|name| std::env::var(name).ok(), SystemClock::new())
    }

    /// Makes an environment of other variables and another clock.
    pub fn new(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        clock: impl Clock,
    ) -> Self {
        Self { variables: Arc::new(variables), clock: Arc::new(clock), public: false }
    }

    /// Marks the values as not secret, such as a base URL: every user may read their files, though not change them.
    #[must_use]
    pub fn of_public_values(self) -> Self {
        Self { public: true, ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).after(self.clock.now().wall)
    }

    pub(crate) fn reading(&self) -> Reading {
        self.clock.now()
    }

    /// Returns a variable. An empty one counts as not set, as in the tools of all three stores.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// Returns a variable as it is, even if it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// Returns whether files with secrets may be readable for every user of the machine.
    pub(crate) fn sharing(&self) -> Sharing {
        let is_said = self.variable(WORLD_READABLE).as_deref() == Some("true");
        if self.public || is_said { Sharing::WorldReadable } else { Sharing::Private }
    }

    /// Returns the mark of a secret in a store, made of these variables and of the files that some of them name.
    pub(crate) async fn mark(&self, variables: &[&str], files: &[&str]) -> Mark {
        let values: Vec<_> = variables.iter().map(|name| self.variable(name).map(Zeroizing::new)).collect();
        let mut looks = Vec::with_capacity(files.len());
        for name in files {
            let path = self.variable(name);
            let look = match &path {
                Some(path) => file::look(Path::new(path)).await,
                None => None,
            };
            looks.push((path, look));
        }
        let values: Vec<_> = values.iter().map(|value| value.as_deref()).collect();
        Mark::elsewhere((values, looks))
    }

    pub(crate) fn required(&self, name: &str, problem: &'static str) -> Result<String, Reason> {
        self.variable(name).ok_or_else(|| Reason::Setting { name: name.to_owned(), problem })
    }

    /// Reads the secret that a variable holds.
    pub(crate) fn secret(&self, name: &str) -> Result<Secret, Reason> {
        payload::text(self.required(name, "is not set, is empty or is not UTF-8: set it to the secret")?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// Makes an environment of these variables, with a stopped clock.
    pub(crate) fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables: std::collections::HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment::new(move |name| variables.get(name).cloned(), Stopped)
    }

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Reading {
            Reading { monotonic: Duration::ZERO, wall: Duration::from_secs(1_764_000_000) }
        }
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let environment = environment(&[("EMPTY", ""), ("NEWLINE", "\n"), ("SET", "one")]);
        assert_eq!(environment.secret("SET").unwrap().expose_secret(), "one");
        for name in ["EMPTY", "ABSENT", "NEWLINE"] {
            assert!(environment.secret(name).is_err(), "{name}");
        }
    }
}
