//! Why a command failed: a line on standard error that says what, and what to do; several only for a configuration.

use std::error::Error;
use std::fmt;
use std::path::Path;

use tollgate_admin::{AdminError, OpenError};
use tollgate_server::BindError;
use tollgate_store::StoreError;

use crate::printable::printable;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    problems: Vec<String>,
    kind: Kind,
}

/// What else may come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Final,
    /// The store could not be reached, so the command may succeed later.
    Passing,
    /// The one act was refused as things are; another one may be done.
    OfOneAct,
}

impl Failure {
    /// Makes a failure; `message` says what failed, and what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::of_several(vec![message.into()])
    }

    /// Makes a failure for several reasons.
    pub(crate) fn of_several(problems: Vec<String>) -> Self {
        Self { problems, kind: Kind::Final }
    }

    /// Makes a failure for what is wrong in a file, of which not all is listed where it is much.
    pub(crate) fn of_file(file: &Path, problems: &[impl fmt::Display]) -> Self {
        const LISTED: usize = 50;
        let file = file.display();
        let listed = problems.iter().take(LISTED);
        let mut listed: Vec<String> = listed.map(|problem| format!("{file}: {problem}")).collect();
        if problems.len() > LISTED {
            listed.push(format!("{file}: and {} more", problems.len() - LISTED));
        }
        Self::of_several(listed)
    }

    /// Lists the reasons.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Says whether the store could not be reached, so that the command may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        self.kind == Kind::Passing
    }

    /// Makes the failure of an act that can't be done as things are.
    pub(crate) fn of_one_act(message: impl Into<String>) -> Self {
        Self { kind: Kind::OfOneAct, ..Self::new(message) }
    }

    /// Says whether another act may be done.
    pub(crate) fn is_of_one_act(&self) -> bool {
        self.kind == Kind::OfOneAct
    }
}

impl fmt::Display for Failure {
    /// Writes one line, whatever the message contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, line) in self.problems.iter().flat_map(|problem| problem.lines()).enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { "; " }, printable(line))?;
        }
        Ok(())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = if matches!(error, StoreError::Unavailable(_)) { Kind::Passing } else { Kind::Final };
        let text = match error {
            StoreError::OutcomeUnknown(_) => format!("{error}; look at what there is before you repeat it"),
            StoreError::Unavailable(_)
            | StoreError::Misconfigured(_)
            | StoreError::Overtaken
            | StoreError::Corrupt(_)
            | StoreError::Newer { .. } => error.to_string(),
        };
        Self { kind, ..Self::new(text) }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        let shown_by = match &error {
            AdminError::UnknownMerchant(_) => "merchant list".to_owned(),
            AdminError::UnknownClient(_) => "client list".to_owned(),
            AdminError::UnknownSecret { client, .. } => format!("secret list {client}"),
            AdminError::NoInstallation
            | AdminError::TargetNotEmpty
            | AdminError::KeyExists(_)
            | AdminError::MerchantExists(_)
            | AdminError::ClientExists(_)
            | AdminError::ClientDeleted(_)
            | AdminError::ReservedId(_)
            | AdminError::Changed
            | AdminError::BeyondAuthority(_)
            | AdminError::Oneself
            | AdminError::MakesOperators
            | AdminError::Lifetime { .. }
            | AdminError::UnknownLink
            | AdminError::ExpiredLink
            | AdminError::UsedLink
            | AdminError::SessionEnded
            | AdminError::KeyReused
            | AdminError::InProgress
            | AdminError::KeyNotKept(_)
            | AdminError::SealedAnswer
            | AdminError::UnknownAudience(_) => return Self::new(error.to_string()),
            AdminError::SecondPerson { .. } => return Self::of_one_act(error.to_string()),
            AdminError::Open(error) => return Self::new(error.to_string()),
            AdminError::Store(error) => return error.clone().into(),
        };
        Self::new(format!("{error}: `tollgate {shown_by}` shows them"))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error.into(),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::new(error.to_string())
    }
}

/// Returns the innermost cause of a call that failed; the outer ones only say that there is one.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
