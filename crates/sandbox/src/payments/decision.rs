//! The decision of the person on the payment page, and the status of the payment request.

use serde::Serialize;
use tollgate_core::Timestamp;
use tollgate_http::Problem;

/// A person's decision on the payment page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The person pays.
    Approve,
    /// The person does not pay.
    Decline,
}

impl Decision {
    /// Reads the page's form (`application/x-www-form-urlencoded`): one field, `decision`, `approve` or `decline`.
    pub(crate) fn read(form: &[u8]) -> Result<Self, Problem> {
        let mut decisions = form_urlencoded::parse(form).filter(|(name, _)| name == "decision");
        match (decisions.next().as_ref().map(|(_, value)| value.as_ref()), decisions.next()) {
            (Some("approve"), None) => Ok(Self::Approve),
            (Some("decline"), None) => Ok(Self::Decline),
            _ => Err(Problem::new("decision", "must be approve or decline, once")),
        }
    }
}

/// The status of a payment request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Nobody has decided yet.
    Pending,
    /// The person paid.
    Approved,
    /// The person declined.
    Declined,
    /// Nobody decided in time.
    Expired,
}

impl Status {
    /// Returns the status at `now`. A decision stays; without one, the request is pending until `expires_at` and expired from then on.
    pub(crate) fn at(now: Timestamp, expires_at: Timestamp, decision: Option<Decision>) -> Self {
        match decision {
            Some(Decision::Approve) => Self::Approved,
            Some(Decision::Decline) => Self::Declined,
            None if now < expires_at => Self::Pending,
            None => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_one_field_with_one_of_two_values() {
        assert_eq!(Decision::read(b"decision=approve"), Ok(Decision::Approve));
        assert_eq!(Decision::read(b"decision=decline&x=1"), Ok(Decision::Decline));
        for bad in [
            "",
            "decision",
            "decision=",
            "decision=Approve",
            "x=approve",
            "decision=approve&decision=decline",
        ] {
            assert_eq!(Decision::read(bad.as_bytes()).unwrap_err().field, "decision", "{bad}");
        }
    }

    #[test]
    fn a_request_expires_in_the_moment_that_was_told_unless_it_was_decided() {
        let at =
            |now, decision| Status::at(Timestamp::from_millis(now), Timestamp::from_millis(1000), decision);
        assert_eq!(at(999, None), Status::Pending);
        assert_eq!(at(1000, None), Status::Expired);
        assert_eq!(at(1000, Some(Decision::Approve)), Status::Approved);
        assert_eq!(at(1000, Some(Decision::Decline)), Status::Declined);
    }
}
