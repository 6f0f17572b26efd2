//! `tollgate inspect`: what a token says, and why it would be refused.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_core::{Claims, Keyring, PayloadBuffer, TokenError, TokenKind};
use tollgate_guard::{SystemClock, Verifier};
use tollgate_server::open_signing_keys;
use tollgate_store::Status;

use crate::args::{Format, StoreArgs};
use crate::failure::Failure;
use crate::open::{self, Opened};
use crate::output;

/// Decodes the token on standard input. With a store at hand it also verifies the token as a server would.
pub(crate) async fn run(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let mut token = String::new();
    std::io::stdin()
        .lock()
        .take(64 * 1024)
        .read_to_string(&mut token)
        .map_err(|error| Failure::new(format!("no token can be read from standard input: {error}")))?;
    let token = token.trim();
    if token.is_empty() {
        return Err(Failure::new("no token on standard input: pipe one in"));
    }
    let named = store.config.is_some() || store.data.is_some();
    let verdict = match open::installation(store).await {
        Ok(opened) => verify(&opened, token).await?,
        // Without a store a token can still be read.
        Err(_) if !named => Verdict {
            kind: None,
            reason: Some("its signature was not checked: no store was named".to_owned()),
        },
        Err(failure) => return Err(failure),
    };
    let mut segments = token.split('.').map(decoded);
    let shown = json!({
        "accepted": verdict.reason.is_none(),
        "kind": verdict.kind,
        "reason": verdict.reason,
        "header": segments.next().flatten(),
        "claims": segments.next().flatten(),
    });
    match format {
        Format::Json => output::object(format, &shown),
        Format::Text => print_text(&shown),
    }
}

struct Verdict {
    kind: Option<&'static str>,
    /// Why it would be refused; `None` if it would not be.
    reason: Option<String>,
}

async fn verify(opened: &Opened, token: &str) -> Result<Verdict, Failure> {
    let verifier = verifier(opened).await?;
    let (mut access, mut refresh) = (PayloadBuffer::new(), PayloadBuffer::new());
    let access = verifier.verify(TokenKind::Access, token.as_bytes(), opened.now, &mut access);
    let refresh = verifier.verify(TokenKind::Refresh, token.as_bytes(), opened.now, &mut refresh);
    // A signature is of one kind only: whichever does not fail there says what the token is.
    let (kind, reason) = match (access, refresh) {
        (Err(error @ (TokenError::TooLong | TokenError::UnknownHeader | TokenError::Malformed)), _) => {
            (None, Some(error.to_string()))
        }
        (Err(error @ TokenError::Signature), Err(TokenError::Signature)) => (None, Some(error.to_string())),
        (Err(TokenError::Signature), Err(error)) => (Some("refresh"), Some(error.to_string())),
        (Err(TokenError::Signature), Ok(claims)) => {
            (Some("refresh"), no_longer_vouched_for(opened, &claims).await?)
        }
        (Err(error), _) => (Some("access"), Some(error.to_string())),
        (Ok(_), _) => (Some("access"), None),
    };
    Ok(Verdict { kind, reason })
}

async fn verifier(opened: &Opened) -> Result<Verifier, Failure> {
    let policy = opened.config.token_policy();
    let keys = open_signing_keys(&opened.store.signing_keys().await?, &opened.master_key)?;
    let verifier = Verifier::new(Keyring::new(policy, keys), std::sync::Arc::new(SystemClock));
    verifier.set_revocations(opened.store.revocations(opened.now).await?.into_iter().collect());
    Ok(verifier)
}

/// Why a refresh token that verifies is refused all the same.
async fn no_longer_vouched_for(opened: &Opened, claims: &Claims<'_>) -> Result<Option<String>, Failure> {
    let Some(client) = opened.store.client(claims.subject).await? else {
        return Ok(Some("its client was deleted".to_owned()));
    };
    if client.status == Status::Disabled || client.merchant_status == Status::Disabled {
        return Ok(Some("its client is disabled".to_owned()));
    }
    if claims.issued_at <= client.revoked_until {
        return Ok(Some(TokenError::Revoked.to_string()));
    }
    let live = client
        .secrets
        .iter()
        .filter(|secret| secret.revoked_at.is_none() && secret.expires_at.is_none_or(|at| at > opened.now))
        .any(|secret| secret.id == claims.secret_id);
    Ok((!live).then(|| "the secret that it was obtained with is no longer good".to_owned()))
}

fn decoded(segment: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

fn print_text(shown: &Value) -> Result<(), Failure> {
    let verdict = match (shown["reason"].as_str(), shown["kind"].as_str()) {
        (None, kind) => format!("accepted: a valid {} token", kind.unwrap_or_default()),
        (Some(reason), Some(kind)) => format!("refused: as {kind} token: {reason}"),
        (Some(reason), None) => format!("refused: {reason}"),
    };
    let part = |name: &str| match &shown[name] {
        part @ Value::Object(_) => output::members(part),
        _ => "(can't be decoded)\n".to_owned(),
    };
    output::lines(&format!("{verdict}\n\nheader\n{}\nclaims\n{}", part("header"), part("claims")))
}
