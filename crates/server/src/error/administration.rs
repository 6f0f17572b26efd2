//! The codes and messages for acts of administration that were refused or failed.

use tollgate_admin::AdminError;
use tollgate_core::wire::Code;

/// Returns the code for an act of administration that was refused or failed.
pub(super) const fn code_of(error: &AdminError) -> Code {
    match error {
        AdminError::UnknownMerchant(_) => Code::MerchantNotFound,
        AdminError::UnknownClient(_) | AdminError::UnknownSecret { .. } => Code::NotFound,
        AdminError::KeyExists(_)
        | AdminError::MerchantExists(_)
        | AdminError::MerchantDeleted(_)
        | AdminError::ClientExists(_)
        | AdminError::ClientDeleted(_)
        | AdminError::ReservedId(_)
        | AdminError::Oneself
        | AdminError::SecondPerson { .. } => Code::Conflict,
        AdminError::Changed => Code::PreconditionFailed,
        AdminError::BeyondAuthority(_)
        | AdminError::MakesOperators
        | AdminError::UnknownLink
        | AdminError::ExpiredLink
        | AdminError::UsedLink
        | AdminError::SessionEnded => Code::Forbidden,
        AdminError::UnknownAudience(_) | AdminError::Lifetime { .. } => Code::ValidationError,
        AdminError::KeyReused => Code::IdempotencyKeyReused,
        AdminError::InProgress => Code::IdempotentRequestInProgress,
        AdminError::KeyNotKept(_) => Code::IdempotencyStoreUnavailable,
        AdminError::Store(error) => error.code(),
        AdminError::NoInstallation
        | AdminError::TargetNotEmpty
        | AdminError::SealedAnswer
        | AdminError::Open(_) => Code::InternalError,
    }
}

/// Returns the message for the caller, as a sentence. Details of the installation are for the log only.
pub(super) fn sentence(error: &AdminError) -> String {
    let code = code_of(error);
    match code {
        Code::InternalError
        | Code::IdempotencyKeyReused
        | Code::IdempotencyStoreUnavailable
        | Code::IdempotentRequestInProgress
        | Code::PreconditionFailed => code.message().to_owned(),
        _ => {
            let text = error.to_string();
            let mut rest = text.chars();
            let first = rest.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(rest).chain(['.']).collect()
        }
    }
}
