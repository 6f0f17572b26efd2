//! `tollgate inspect`: what a token says, and why it would be refused.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_core::{SigningKey, Timestamp, VerifyingRing};
use tollgate_guard::{SystemClock, Verifier};
use tollgate_server::{Verdict, accepted, inspect, open_signing_keys};

use crate::args::{Format, StoreArgs};
use crate::failure::Failure;
use crate::open::{self, Opened};
use crate::output;
use crate::printable::printable;

/// Decodes the token on standard input. If there is a store it also verifies the token as a server would.
pub(crate) async fn run(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let mut token = String::new();
    std::io::stdin()
        .lock()
        .take(64 * 1024)
        .read_to_string(&mut token)
        .map_err(|error| Failure::new(format!("no token can be read from standard input: {error}")))?;
    let token = without_scheme(token.trim());
    if token.is_empty() {
        return Err(Failure::new("no token on standard input: pipe one in"));
    }
    let verdict = if open::finds_a_store(store) {
        let opened = open::installation(store).await?;
        let now = opened.administration().now().await?;
        let verifier = verifier(&opened, now).await?;
        inspect(&verifier, opened.store.as_ref(), token, now).await?
    } else {
        // Without a store a token can still be decoded.
        Verdict { kind: None, reason: Some("its signature was not checked: no store was named".to_owned()) }
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
        Format::Text => print_text(&verdict, &shown),
    }?;
    if verdict.reason.is_some() { Err(Failure::new(verdict.to_string())) } else { Ok(()) }
}

/// Returns the token of a header value that was pasted with its scheme.
fn without_scheme(text: &str) -> &str {
    match text.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer ") => token.trim_start(),
        _ => text,
    }
}

async fn verifier(opened: &Opened, now: Timestamp) -> Result<Verifier, Failure> {
    let policy = opened.config.token_policy();
    let keys = open_signing_keys(&opened.store.signing_keys().await?, opened.unlocked.master_keys())?;
    let accepted = accepted(opened.store.as_ref(), &opened.config, now).await?;
    let keyring = VerifyingRing::new(policy, keys.iter().map(SigningKey::verifying_key)).accepting(accepted);
    let verifier = Verifier::new(keyring, std::sync::Arc::new(SystemClock));
    verifier.set_revocations(opened.store.revocations(now).await?.into_iter().collect());
    Ok(verifier)
}

fn decoded(segment: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

fn print_text(verdict: &Verdict, shown: &Value) -> Result<(), Failure> {
    let part = |name: &str| match &shown[name] {
        part @ Value::Object(_) => output::members(part),
        _ => "(can't be decoded)\n".to_owned(),
    };
    let verdict = printable(&verdict.to_string()).into_owned();
    output::lines(&format!("{verdict}\n\nheader\n{}\nclaims\n{}", part("header"), part("claims")))
}
