//! `POST /api/v1/payment-requests:redirect`: creates a payment request, once for each idempotency key.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tollgate_core::{MerchantId, PaymentRequestId, Timestamp};
use tollgate_guard::Principal;
use tollgate_http::{IDEMPOTENT_REPLAYED, IdempotencyKey, Media, Problems, read_body};
use tollgate_store::{Answer, Lease, StoreError};
use tollgate_telemetry::InContext;

use crate::error::Error;
use crate::host::Host;
use crate::idempotency::{self, Turn, scoped};
use crate::payments::answer::{answer, redirect_url, success};
use crate::payments::body::NewPayment;
use crate::payments::merchant::{Purpose, whose};
use crate::payments::record::PaymentRequest;
use crate::payments::request::{MAX_BODY, require};

const ROUTE: &str = "POST /api/v1/payment-requests:redirect";

pub(super) async fn post(
    State(host): State<Arc<Host>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Error> {
    let now = host.now();
    let (head, body) = request.into_parts();
    require(Media::Json, &head.headers)?;
    let body = read_body(body, MAX_BODY, host.settings().body_timeout).await?;
    // The work goes on when the caller hangs up: half of it would hold the key until its lease ends.
    let work = async move { create(&host, &principal, &head.headers, &body, now).await };
    let work = tokio::spawn(InContext::inherited(work));
    work.await.unwrap_or_else(|_| Err(Error::Internal("creating a payment request panicked".to_owned())))
}

async fn create(
    host: &Host,
    principal: &Principal,
    headers: &HeaderMap,
    body: &Bytes,
    now: Timestamp,
) -> Result<Response, Error> {
    let (key, mut payment) = match (IdempotencyKey::of(headers), NewPayment::read(body)) {
        (Ok(key), Ok(payment)) => (key, payment),
        (Ok(key), Err(problems)) => return Err(refuse(host, principal, key, problems).await),
        (Err(problem), payment) => {
            return Err(Problems::from(problem).and(payment.err().unwrap_or_default()).into());
        }
    };
    // Taken out of the payment once it is known: a repeat may name the merchant or leave it out.
    let merchant = whose(host, principal, payment.merchant_id.take(), Purpose::Create).await?;
    // Before the key is taken: a refusal must not be kept as the answer.
    host.count_create(merchant)?;
    let Some(key) = key else { return first(host, principal, merchant, &payment, None, now).await };
    let fingerprint = Sha256::digest(payment.canonical()).into();
    let scope = scoped(key, merchant, principal.environment(), ROUTE);
    match idempotency::begin(host, scope, fingerprint).await? {
        Turn::First(lease) => first(host, principal, merchant, &payment, Some(lease), now).await,
        Turn::Repeat(stored) => Ok(repeat(stored)),
    }
}

async fn refuse(
    host: &Host,
    principal: &Principal,
    key: Option<IdempotencyKey>,
    problems: Problems,
) -> Error {
    // An operator's key belongs to the merchant that a body names, and this body names none that could be trusted.
    let scope =
        key.zip(principal.merchant_id()).map(|(key, own)| scoped(key, own, principal.environment(), ROUTE));
    idempotency::refuse(host, scope, problems).await
}

#[derive(Serialize)]
struct Created {
    payment_request_id: String,
    redirect_url: String,
}

/// Creates the payment request, and keeps the answer under the lease's key in the same transaction.
async fn first(
    host: &Host,
    principal: &Principal,
    merchant_id: MerchantId,
    payment: &NewPayment,
    lease: Option<Lease>,
    now: Timestamp,
) -> Result<Response, Error> {
    let settings = host.settings();
    let request = PaymentRequest {
        id: PaymentRequestId::random(&mut rand::rng()),
        merchant_id,
        environment: principal.environment(),
        details: payment.canonical(),
        decision: None,
        created_at: now,
        expires_at: now.after(settings.page_ttl),
        decided_at: None,
    };
    let body = success(&Created {
        payment_request_id: request.id.to_string(),
        redirect_url: redirect_url(settings, request.id),
    });
    let kept = Answer {
        status: StatusCode::CREATED.as_u16(),
        body: body.clone(),
        expires_at: host.steady_now().after(settings.idempotency_ttl),
    };
    let (store, document) = (host.store(), request.document());
    let Some(lease) = lease else {
        store.add_document(&document).await?;
        return Ok(answer(StatusCode::CREATED, body));
    };
    match store.complete(&lease, &kept, &document).await {
        Ok(true) => Ok(answer(StatusCode::CREATED, body)),
        // This took longer than the lease, and a repeat has taken over the key.
        Ok(false) => Err(Error::InProgress),
        // It may have been created, and the key has its answer then. Neither is undone or waited for again.
        Err(error @ StoreError::OutcomeUnknown(_)) => Err(Error::Store(error)),
        Err(
            error @ (StoreError::Unavailable(_)
            | StoreError::Misconfigured(_)
            | StoreError::Overtaken
            | StoreError::Corrupt(_)
            | StoreError::Newer { .. }),
        ) => {
            // Best effort: if the key can't be given back either, its lease ends by itself.
            if let Err(error) = store.abandon(&lease).await {
                tracing::warn!(%error, "an idempotency key stays taken until its lease ends");
            }
            Err(Error::IdempotencyStore(error))
        }
    }
}

fn repeat(stored: Answer) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, stored.body);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}
