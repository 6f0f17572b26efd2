//! `tollgate inspect`: shows the claims of a token, and why it would be refused.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tollgate_admin::{accepted, open_signing_keys};
use tollgate_clock::SystemClock;
use tollgate_core::{Timestamp, VerifyingRing};
use tollgate_guard::Verifier;
use tollgate_installation::{Verdict, inspect};
use tollgate_keys::SigningKey;
use tollgate_operator::Opened;
use tollgate_store::Access;

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::open;
use crate::output::{self, Format};
use crate::printable::printable;

/// The note about a token that can't be verified.
const UNVERIFIED: &str =
    "unverified: no store was named to check its signature with; give --config FILE or --data DIR";

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
        let opened = open::installation(store, Access::Read).await?;
        let now = opened.administration().now().await?;
        let verifier = verifier(&opened, now).await?;
        inspect(&verifier, opened.store.as_ref(), token, now).await?
    } else {
        // Without a store a token can still be decoded.
        return print(token, format, None);
    };
    print(token, format, Some(&verdict))
}

/// Prints the claims of a token, and the verdict if it is known. Fails unless the token would be accepted.
fn print(token: &str, format: Format, verdict: Option<&Verdict>) -> Result<(), Failure> {
    let said = verdict.map_or_else(|| UNVERIFIED.to_owned(), ToString::to_string);
    let mut segments = token.split('.').map(decoded);
    let accepted = verdict.is_some_and(|verdict| verdict.reason.is_none());
    let shown = json!({
        "accepted": accepted,
        "kind": verdict.and_then(|verdict| verdict.kind),
        "reason": verdict.map_or(Some(UNVERIFIED), |verdict| verdict.reason.as_deref()),
        "header": segments.next().flatten(),
        "claims": segments.next().flatten(),
    });
    match format {
        Format::Json => output::object(format, &shown),
        Format::Text => print_text(&said, &shown),
    }?;
    if accepted { Ok(()) } else { Err(Failure::new(said)) }
}

/// Adds dates to the times of claims (RFC 7519 §4.1).
fn with_dates(claims: &Map<String, Value>) -> Value {
    let dated = claims.iter().map(|(name, value)| {
        let seconds = value.as_u64().filter(|_| ["exp", "iat", "nbf"].contains(&name.as_str()));
        // Beyond the year 9999 a number is not a time.
        let seconds = seconds.filter(|seconds| *seconds <= Timestamp::LAST_DATE.seconds());
        let dated =
            seconds.map(|seconds| format!("{seconds} ({})", Timestamp::from_seconds(seconds).rfc3339()));
        (name.clone(), dated.map_or_else(|| value.clone(), Value::from))
    });
    Value::Object(dated.collect())
}

/// Returns the token from a header, or from a header's value, that was pasted with its scheme.
fn without_scheme(text: &str) -> &str {
    let text = match text.split_once(':') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("authorization") => value.trim(),
        _ => text,
    };
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

fn print_text(said: &str, shown: &Value) -> Result<(), Failure> {
    let part = |name: &str| match &shown[name] {
        Value::Object(part) => output::members(&with_dates(part)),
        _ => "(can't be decoded)\n".to_owned(),
    };
    let said = printable(said);
    output::lines(&format!("{said}\n\nheader\n{}\nclaims\n{}", part("header"), part("claims")))
}
