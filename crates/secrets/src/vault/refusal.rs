//! Explains the refusals of Vault, and says what to do.

use crate::http::Answer;
use crate::{Reason, Refusal};

/// The answer of Go's server to a request without TLS where TLS is required.
const WANTS_TLS: &str = "Client sent an HTTP request to an HTTPS server";

/// Returns the error for a refusal to read the secret at this path below its mount.
pub(super) fn of(answer: &Answer, path: &str) -> Reason {
    let error = answer.error();
    let version = &error["data"]["metadata"];
    let is_unmounted = |error: &str| error.starts_with("no handler for route");
    // KV version 2 keeps secrets below data/, which is added to the path.
    let has_data = path.starts_with("data/");
    let (refusal, advice) = match answer.status.as_u16() {
        403 if has_data => (
            Refusal::Denied,
            "Vault denies permission: leave data/ out, the path in a reference is that of `vault kv get`",
        ),
        403 => (
            Refusal::Denied,
            "Vault denies permission: check that the token lives and may read MOUNT/data/PATH, and VAULT_NAMESPACE",
        ),
        404 if version["destroyed"] == true => {
            (Refusal::Absent, "the latest version of the secret is destroyed: write a new one")
        }
        404 if version.is_object() => {
            (Refusal::Absent, "the latest version of the secret is deleted: undelete it or write a new one")
        }
        404 if error["errors"][0].as_str().is_some_and(is_unmounted) => (
            Refusal::Absent,
            "Vault has no secrets engine at that mount: check MOUNT, which two slashes end if it has some in its name \
             (team/kv//app), and VAULT_NAMESPACE",
        ),
        404 if has_data => (
            Refusal::Absent,
            "Vault has no such secret: leave data/ out, the path in a reference is that of `vault kv get`",
        ),
        404 => (
            Refusal::Absent,
            "Vault has no such secret: check PATH, that the mount is KV version 2, and VAULT_NAMESPACE",
        ),
        _ => return otherwise(answer),
    };
    answer.refused(refusal, None, advice)
}

/// Returns the error for a refusal to write a new secret.
pub(super) fn of_writing(answer: &Answer) -> Reason {
    let error = answer.error();
    let says = |text: &str| error["errors"][0].as_str().is_some_and(|error| error.contains(text));
    let (refusal, advice) = match answer.status.as_u16() {
        400 if says("check-and-set") => {
            (Refusal::Other, "Vault has a secret by this name already, and it is not replaced")
        }
        403 => {
            (Refusal::Denied, "Vault denies permission: the token must live and may create MOUNT/data/PATH/*")
        }
        404 => (Refusal::Absent, "Vault has no KV version 2 at that mount: check MOUNT and VAULT_NAMESPACE"),
        _ => return otherwise(answer),
    };
    answer.refused(refusal, None, advice)
}

/// Returns the error for a refusal that is not about the secret.
pub(super) fn otherwise(answer: &Answer) -> Reason {
    let (refusal, advice) = match answer.status.as_u16() {
        300..400 | 429 | 472 | 473 => {
            (Refusal::Unavailable, "this node of Vault is a standby or over its limit: ask the active one")
        }
        400 if wants_tls(answer) => {
            (Refusal::Other, "Vault speaks https at this address: let VAULT_ADDR begin with https://")
        }
        412 => (Refusal::Unavailable, "this node of Vault is behind the active one: try again"),
        503 => (Refusal::Unavailable, "Vault is sealed or in maintenance: unseal it"),
        _ => (answer.refusal(), "Vault refuses: its log says why"),
    };
    answer.refused(refusal, None, advice)
}

/// Says whether the request did not get to Vault, because it was sent without TLS.
pub(super) fn wants_tls(answer: &Answer) -> bool {
    answer.text().is_some_and(|text| text.starts_with(WANTS_TLS))
}
