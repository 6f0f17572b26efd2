//! Why a command failed: a line on standard error that says what failed and what to do; several lines only for a configuration.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use tollgate_admin::{AdminError, OpenError};
use tollgate_client::ConfigurationError;
use tollgate_operator::collector::CollectorError;
use tollgate_operator::named_secret::SecretProblem;
use tollgate_operator::opening::OpeningError;
use tollgate_operator::trail::TrailError;
use tollgate_operator::{ApiError, DevFolderError, FileError, OperatorError};
use tollgate_store::StoreError;

use crate::advice;
use crate::printable::printable;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    problems: Vec<String>,
    is_misuse: bool,
}

impl Failure {
    /// Makes a failure; `message` says what failed, and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self::of_several(vec![message.into()])
    }

    /// Makes a failure from an error that says itself what to do, or for which nothing can be done.
    pub fn of_error(error: impl Error) -> Self {
        Self::new(error.to_string())
    }

    /// Makes a failure with several reasons.
    pub fn of_several(problems: Vec<String>) -> Self {
        Self { problems, is_misuse: false }
    }

    /// Makes a failure for a wrong argument, which could not be noticed when the command line was parsed.
    pub fn of_misuse(message: impl Into<String>) -> Self {
        Self { is_misuse: true, ..Self::new(message) }
    }

    /// Makes a failure for problems in a file; if there are many, not all are listed.
    pub fn of_file(file: &Path, problems: &[impl fmt::Display]) -> Self {
        const LISTED: usize = 50;
        let file = file.display();
        let listed = problems.iter().take(LISTED);
        let mut listed: Vec<String> = listed.map(|problem| format!("{file}: {problem}")).collect();
        if problems.len() > LISTED {
            listed.push(format!("{file}: and {} more", problems.len() - LISTED));
        }
        Self::of_several(listed)
    }

    /// Lists the reasons why the command failed.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns the exit code of the process: 2 for wrong usage, as clap does, and 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_misuse { 2 } else { 1 })
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
        Self::new(match error {
            StoreError::OutcomeUnknown(_) => format!("{error}; look at what there is before you repeat it"),
            StoreError::Unavailable(_)
            | StoreError::Misconfigured(_)
            | StoreError::Overtaken
            | StoreError::Corrupt(_)
            | StoreError::Newer { .. } => error.to_string(),
        })
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
            | AdminError::MerchantDeleted(_)
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
            | AdminError::UnknownAudience(_)
            | AdminError::SecondPerson { .. } => return Self::new(error.to_string()),
            AdminError::Open(error) => return Self::new(error.to_string()),
            AdminError::Store(error) => return error.clone().into(),
        };
        Self::new(format!("{error}: `tollgate {shown_by}` shows them"))
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Act(error) => error.into(),
            OperatorError::Server(error) => error.into(),
            OperatorError::NoFolder(error) => Self::new(format!("--secrets-to: {error}")),
            OperatorError::File(error) => error.into(),
            OperatorError::Unreadable
            | OperatorError::ClockNotSet
            | OperatorError::NotKept { .. }
            | OperatorError::NotNow { .. }
            | OperatorError::SecretLost { .. } => Self::new(error.to_string()),
        }
    }
}

impl From<OpeningError> for Failure {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::Store(error) => error.into(),
            OpeningError::Sealed(error) => error.into(),
            OpeningError::Secret(_)
            | OpeningError::MasterKeyGone(_)
            | OpeningError::MasterKey(_)
            | OpeningError::NoMasterKey => Self::new(error.to_string()),
        }
    }
}

impl From<SecretProblem> for Failure {
    fn from(problem: SecretProblem) -> Self {
        Self::of_error(problem)
    }
}

impl From<CollectorError> for Failure {
    fn from(error: CollectorError) -> Self {
        Self::of_error(error)
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::of_error(error)
    }
}

impl From<DevFolderError> for Failure {
    fn from(error: DevFolderError) -> Self {
        match error {
            DevFolderError::Act(error) => error.into(),
            DevFolderError::Config(error) => Self::of_several(error.problems().to_vec()),
            DevFolderError::File(_) => {
                Self::new(format!("{error}; run as its owner, or choose another folder with --data DIR"))
            }
            DevFolderError::Busy(_) => {
                Self::new(format!("{error}: use that one, stop it, or choose another folder with --data DIR"))
            }
            DevFolderError::Secret(_)
            | DevFolderError::MasterKeyGone { .. }
            | DevFolderError::NotOne(_)
            | DevFolderError::NoCredentials { .. }
            | DevFolderError::Caller(_) => Self::new(error.to_string()),
        }
    }
}

impl From<TrailError> for Failure {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Act(error) => error.into(),
            TrailError::File(error) => error.into(),
            TrailError::Flaw(_)
            | TrailError::NoRecord(_)
            | TrailError::NotARecord { .. }
            | TrailError::NoRecords(_) => Self::new(error.to_string()),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(match &error {
            FileError::Exists(_) => format!("{error}: --secrets-to wants the name of a new file"),
            FileError::Wrong { path, problems } => return Self::of_file(path, problems),
            FileError::Format(_) => return Self::of_misuse(error.to_string()),
            FileError::Unreadable { .. } | FileError::Unwritable { .. } => error.to_string(),
        })
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let text = match &error {
            ApiError::Url(error) => return Self::of_misuse(format!("--server: {error}")),
            ApiError::NotOurs(_) => format!("{error}: check the URL of --server"),
            ApiError::Unreachable { url, cause } => {
                format!("{error}{}", advice::unreachable(cause, url, "the URL of admin_listen"))
            }
            ApiError::NoToken { authority, error } => advice::without_token(authority, error),
            ApiError::HttpHosts(_)
            | ApiError::Caller(_)
            | ApiError::Configuration(_)
            | ApiError::NoHttpClient(_)
            | ApiError::Unanswered { .. }
            | ApiError::Unavailable(_)
            | ApiError::Incomplete(_)
            | ApiError::Refused { .. } => error.to_string(),
        };
        Self::new(text)
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
