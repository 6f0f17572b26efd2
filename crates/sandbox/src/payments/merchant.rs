//! Finds the merchant that a request is about.

use tollgate_core::MerchantId;
use tollgate_guard::Principal;
use tollgate_http::Problem;
use tollgate_store::Status;

use crate::error::Error;
use crate::host::Host;

/// The purpose of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Read,
}

/// Returns the merchant that a request is about: a merchant's token is for that merchant only, an operator must name one.
pub(super) async fn whose(
    host: &Host,
    principal: &Principal,
    requested: Option<MerchantId>,
    purpose: Purpose,
) -> Result<MerchantId, Error> {
    match (principal.merchant_id(), requested) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(requested)) if own == requested => Ok(own),
        (Some(_), Some(_)) => Err(Error::MerchantNotFound),
        (None, None) => {
            let message = "is required: the token is an operator's, which acts for every merchant";
            Err(Problem::new("merchant_id", message).into())
        }
        (None, Some(requested)) => {
            let merchant = host.store().merchant(requested).await?.ok_or(Error::MerchantNotFound)?;
            // A disabled merchant's own tokens are refused: an operator can't have it paid, either.
            if purpose == Purpose::Create && merchant.status == Status::Disabled {
                return Err(Error::MerchantNotFound);
            }
            Ok(merchant.id)
        }
    }
}
