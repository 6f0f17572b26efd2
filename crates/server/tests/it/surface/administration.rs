//! The errors of administration.

use tollgate_admin::{AdminError, OpenError};
use tollgate_core::{Algorithm, ClientId, MerchantId, SecretId};
use tollgate_store::StoreError;

/// Knows every variant, so that none is forgotten below.
const fn known(error: &AdminError) {
    match error {
        AdminError::UnknownMerchant(_)
        | AdminError::UnknownClient(_)
        | AdminError::UnknownSecret { .. }
        | AdminError::KeyExists(_)
        | AdminError::UnknownAudience(_)
        | AdminError::MerchantExists(_)
        | AdminError::MerchantDeleted(_)
        | AdminError::ClientExists(_)
        | AdminError::ClientDeleted(_)
        | AdminError::ReservedId(_)
        | AdminError::Changed
        | AdminError::BeyondAuthority(_)
        | AdminError::Oneself
        | AdminError::SecondPerson { .. }
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
        | AdminError::NoInstallation
        | AdminError::TargetNotEmpty
        | AdminError::Open(_)
        | AdminError::Store(_) => (),
    }
}

/// Every variant of the errors of administration but that of the store, which becomes an error of its own.
pub(super) fn errors() -> Vec<AdminError> {
    let (merchant, client) = (MerchantId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
    let errors = vec![
        AdminError::UnknownMerchant(merchant),
        AdminError::UnknownClient(client),
        AdminError::UnknownSecret { client, secret: SecretId::from_bytes([3; 16]) },
        AdminError::KeyExists(Algorithm::Hs256),
        AdminError::UnknownAudience("https://ledger.example.com".parse().unwrap()),
        AdminError::MerchantExists(merchant),
        AdminError::MerchantDeleted(merchant),
        AdminError::ClientExists(client),
        AdminError::ClientDeleted(client),
        AdminError::ReservedId(ClientId::from_bytes([0; 16])),
        AdminError::Changed,
        AdminError::BeyondAuthority("admin:keys".to_owned()),
        AdminError::Oneself,
        AdminError::SecondPerson { within: "1h".to_owned() },
        AdminError::MakesOperators,
        AdminError::Lifetime { field: "access_ttl", longest: "15m".to_owned() },
        AdminError::UnknownLink,
        AdminError::ExpiredLink,
        AdminError::UsedLink,
        AdminError::SessionEnded,
        AdminError::KeyReused,
        AdminError::InProgress,
        AdminError::KeyNotKept(StoreError::Unavailable("/var/lib/tollgate.db is full".to_owned())),
        AdminError::SealedAnswer,
        AdminError::NoInstallation,
        AdminError::TargetNotEmpty,
        AdminError::Open(OpenError::WrongMasterKey),
    ];
    errors.iter().for_each(known);
    errors
}
