//! Explains why a token would be refused: what the guard and the authority decide, told to people who may know it.

use std::fmt;

use serde_json::Value;
use tollgate_core::{Claims, Generation, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::{Ended, Verifier};
use tollgate_store::{Client, Object, Outcome, Record, RecordFilter, RecordOrder, Status, Store, StoreError};

/// The verdict on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The kind of token, `access` or `refresh`; `None` if it was signed by no key of this installation.
    pub kind: Option<&'static str>,
    /// Why it would be refused; `None` if it would be accepted.
    pub reason: Option<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.kind) {
            (None, kind) => write!(f, "accepted: a valid {} token", kind.unwrap_or_default()),
            (Some(reason), Some(kind)) => write!(f, "refused: as {kind} token: {reason}"),
            (Some(reason), None) => write!(f, "refused: {reason}"),
        }
    }
}

/// Verifies a token as a server would at `now`: as an access token, and as a refresh token with its client and secret as
/// they are in the store. Says whether the token, secret, client, merchant or key was ended.
pub async fn inspect(
    verifier: &Verifier,
    store: &dyn Store,
    token: &str,
    now: Timestamp,
) -> Result<Verdict, StoreError> {
    let mut buffers = Box::new([PayloadBuffer::new(), PayloadBuffer::new()]);
    let [access, refresh] = &mut *buffers;
    let keyring = verifier.keyring();
    let access = keyring.verify(TokenKind::Access, token.as_bytes(), now, access);
    // A signature is of one kind only: the kind for which it doesn't fail is the token's.
    let (kind, verified) = match access {
        Err(TokenError::Signature) => {
            (TokenKind::Refresh, keyring.verify(TokenKind::Refresh, token.as_bytes(), now, refresh))
        }
        verified => (TokenKind::Access, verified),
    };
    let reason = match verified {
        Ok(claims) => ended(verifier, store, kind, &claims, now).await?,
        Err(TokenError::Signature) => {
            let key = keyring.retired_signer(token.as_bytes());
            let reason = key.map_or_else(
                || TokenError::Signature.to_string(),
                |key| format!("the key that signed it, {key}, is retired or compromised"),
            );
            return Ok(Verdict { kind: None, reason: Some(reason) });
        }
        Err(error @ (TokenError::TooLong | TokenError::UnknownHeader | TokenError::Malformed)) => {
            return Ok(Verdict { kind: None, reason: Some(error.to_string()) });
        }
        Err(error) => Some(error.to_string()),
    };
    let kind = match kind {
        TokenKind::Access => "access",
        TokenKind::Refresh => "refresh",
    };
    Ok(Verdict { kind: Some(kind), reason })
}

/// Returns what has ended an otherwise valid token.
async fn ended(
    verifier: &Verifier,
    store: &dyn Store,
    kind: TokenKind,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    if let Some(ended) = verifier.revocations().ended_by(claims) {
        return Ok(Some(by_whom(store, ended, claims).await?));
    }
    match kind {
        TokenKind::Access => Ok(None),
        TokenKind::Refresh => refused_refresh(store, claims, now).await,
    }
}

/// Tells deleted clients and merchants from disabled ones, and from other acts that end all tokens.
async fn by_whom(store: &dyn Store, ended: Ended, claims: &Claims<'_>) -> Result<String, StoreError> {
    match ended {
        Ended::Token | Ended::RefreshToken | Ended::Secret => return Ok(ended.to_string()),
        Ended::Client => {}
        Ended::Merchant => {
            if let Some(merchant) = claims.merchant_id
                && store.merchant(merchant).await?.is_none()
            {
                return Ok("its merchant was deleted".to_owned());
            }
        }
    }
    match store.client(claims.subject).await? {
        Some(client) => Ok(by_act(store, ended, &client, claims).await?.unwrap_or_else(|| ended.to_string())),
        None => Ok("its client was deleted".to_owned()),
    }
}

/// Says which act has ended the tokens of a token's generation, as far back as the audit trail goes. Each such act has raised
/// the generation by one.
async fn by_act(
    store: &dyn Store,
    ended: Ended,
    client: &Client,
    claims: &Claims<'_>,
) -> Result<Option<String>, StoreError> {
    const PAGE: u32 = 100;
    let since = |now: Generation, then: Generation| now.number().saturating_sub(then.number());
    let (object, mut left) = match (ended, client.merchant_id) {
        (Ended::Merchant, Some(merchant)) => {
            (Object::Merchant(merchant), since(client.merchant_generation, claims.merchant_generation))
        }
        _ => (Object::Client(client.id), since(client.generation, claims.generation)),
    };
    let wanted = RecordFilter { object: Some(object.to_string()), ..RecordFilter::default() };
    let mut after = None;
    loop {
        let page = store.records(&wanted, RecordOrder::NewestFirst, after, PAGE).await?;
        for how in page.iter().filter_map(how_all_ended) {
            left = left.saturating_sub(1);
            if left == 0 {
                return Ok(Some(format!("{how} after it was issued")));
            }
        }
        after = match page.last() {
            Some(last) if page.len() == PAGE as usize => Some(last.link.seq),
            _ => return Ok(None),
        };
    }
}

/// Says how an act has ended all tokens, if it has.
fn how_all_ended(record: &Record) -> Option<&'static str> {
    if record.outcome != Outcome::Done.as_str() {
        return None;
    }
    let says_so = || {
        let after = record.after.as_deref().and_then(|after| serde_json::from_str::<Value>(after).ok());
        after.is_some_and(|after| after.get("revoked").is_some())
    };
    match record.act.as_str() {
        "client.disable" => Some("its client was disabled"),
        "client.revoke-tokens" => Some("all tokens of its client were revoked"),
        "client.update" if says_so() => Some("its client was given other networks"),
        "merchant.disable" => Some("its merchant was disabled"),
        "merchant.revoke-tokens" => Some("all tokens of its merchant's clients were revoked"),
        _ => None,
    }
}

/// Says why a refresh token is refused although it was not revoked.
async fn refused_refresh(
    store: &dyn Store,
    claims: &Claims<'_>,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let Some(client) = store.client(claims.subject).await? else {
        return Ok(Some("its client was deleted".to_owned()));
    };
    let disabled = |status| status == Status::Disabled;
    let reason = if disabled(client.status) {
        "its client is disabled"
    } else if disabled(client.merchant_status) {
        "its merchant is disabled"
    } else if claims.generation < client.generation {
        return by_whom(store, Ended::Client, claims).await.map(Some);
    } else if claims.merchant_generation < client.merchant_generation {
        return by_whom(store, Ended::Merchant, claims).await.map(Some);
    } else {
        match client.secrets.iter().find(|secret| secret.id == claims.secret_id) {
            Some(secret) if secret.revoked_at.is_some() => "the secret that it was obtained with was revoked",
            Some(secret) if secret.expires_at.is_some_and(|at| at <= now) => {
                "the secret that it was obtained with has expired"
            }
            Some(_) => return Ok(None),
            None => "the secret that it was obtained with is not known",
        }
    };
    Ok(Some(reason.to_owned()))
}
