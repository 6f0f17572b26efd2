//! Signing in to the console, and out of it.
//!
//! The audit trail says who is signed in: a session exists if one record says that it began, and none says that it ended. So every server
//! of a store knows it at once, and a link can be used once: signing in by it adds a record that only one request can add. The rest of
//! a session is kept in the browser, sealed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate_config::Role;
use tollgate_core::{Scope, SessionId, Timestamp};
use tollgate_keys::MasterKeys;
use tollgate_store::{Actor, ActorKind, Object, Outcome, RecordFilter, RecordOrder};
use zeroize::Zeroizing;

use super::acting::{Attempt, Order};
use super::{AdminError, Administration, Name};

/// How long somebody can sign in by a link.
pub const LINK_TTL: Duration = Duration::from_secs(5 * 60);

const SIGN_IN: &str = "console.sign-in";
const SIGN_OUT: &str = "console.sign-out";
/// The purpose for which a link is sealed.
const LINK: &str = "link";

/// A link by which somebody can sign in to the console once.
pub struct Link {
    /// The session that begins with it.
    pub id: SessionId,
    /// The secret part of the link, which shows who may sign in.
    pub token: Zeroizing<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Somebody who has signed in to the console, and their roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The id of the session.
    pub id: SessionId,
    /// The name of the user.
    pub user: String,
    /// The scope that gives their roles.
    pub scope: Scope,
    /// The number of a record that was written before the session existed.
    pub behind: u64,
}

/// The sealed content of a link.
#[derive(Serialize, Deserialize)]
struct Ticket {
    id: SessionId,
    user: String,
    scope: String,
    until: u64,
    /// The number of a record that was written before the link existed.
    behind: u64,
}

/// Makes a link by which `user` can sign in to the console with these roles, within [`LINK_TTL`].
pub async fn link(
    admin: &Administration<'_>,
    user: &Name,
    roles: &[Role],
    actor: &Actor,
) -> Result<Link, AdminError> {
    let (id, scope) = (SessionId::random(&mut rand::rng()), scope_of(roles));
    let scope = &scope;
    let attempt = |attempt: Attempt| async move {
        let expires_at = attempt.now.after(LINK_TTL);
        let user = user.as_str();
        let what =
            json!({ "user": user, "scope": scope.as_str(), "expires_at": expires_at.rfc3339_millis() });
        admin.store.record(&attempt.makes(&what)).await?;
        let (user, until, behind) = (user.to_owned(), expires_at.millis(), attempt.begun_behind());
        let ticket = Ticket { id, user, scope: scope.to_string(), until, behind };
        Ok(Link { id, token: sealed(admin.unlocked.master_keys(), LINK, &ticket), expires_at })
    };
    admin.act(actor, Order::new("console.link", Object::ConsoleSession(id)), attempt).await
}

/// Returns the scope that gives these roles.
pub fn scope_of(roles: &[Role]) -> Scope {
    let words: Vec<_> = roles.iter().map(|role| role.scope()).collect();
    words.join(" ").parse().expect("the scopes of roles are words of a scope")
}

/// Signs in by a link; `by` names the address and the request.
pub async fn sign_in(admin: &Administration<'_>, token: &str, by: &Actor) -> Result<SignedIn, AdminError> {
    let ticket: Ticket = opened(admin.unlocked.master_keys(), LINK, token).ok_or(AdminError::UnknownLink)?;
    let scope: Scope = ticket.scope.parse().map_err(|_| AdminError::UnknownLink)?;
    let Ticket { id, user, until, behind, .. } = ticket;
    let what = json!({ "scope": scope.as_str() });
    begin(admin, SignedIn { id, user, scope, behind }, Timestamp::from_millis(until), &what, by).await
}

/// Somebody whom an OpenID provider has authenticated.
pub struct Named {
    /// The session that was drawn for them when they were sent to the provider.
    pub id: SessionId,
    /// The number of a record that was written before the session existed.
    pub behind: u64,
    /// Until when they can sign in by the provider's answer.
    pub until: Timestamp,
    /// Their name in the audit trail.
    pub user: Name,
    /// The roles that they have.
    pub roles: Vec<Role>,
    /// The issuer URL of the provider.
    pub issuer: String,
    /// The provider's id for them.
    pub subject: String,
}

/// Signs in somebody whom the provider has authenticated, once.
pub async fn sign_in_named(
    admin: &Administration<'_>,
    named: Named,
    by: &Actor,
) -> Result<SignedIn, AdminError> {
    let Named { id, behind, until, user, roles, issuer, subject } = named;
    let scope = scope_of(&roles);
    let what = json!({ "scope": scope.as_str(), "issuer": issuer, "subject": subject });
    begin(admin, SignedIn { id, user: user.into(), scope, behind }, until, &what, by).await
}

/// Records that a session began, unless one with its id began before.
async fn begin(
    admin: &Administration<'_>,
    session: SignedIn,
    until: Timestamp,
    what: &Value,
    by: &Actor,
) -> Result<SignedIn, AdminError> {
    let (session, object) = (&session, Object::ConsoleSession(session.id));
    let attempt = |attempt: Attempt| async move {
        if attempt.now >= until {
            return Err(AdminError::ExpiredLink);
        }
        if is_recorded(admin, Object::ConsoleSession(session.id), SIGN_IN, None).await? {
            return Err(AdminError::UsedLink);
        }
        admin.store.record(&attempt.makes(what)).await?;
        check(admin, session).await?;
        Ok(session.clone())
    };
    admin.act(&console_user(&session.user, by), Order::new(SIGN_IN, object), attempt).await
}

/// Records that somebody whom the provider has authenticated was refused: none of their groups has a role.
pub async fn refuse_named(admin: &Administration<'_>, named: &Named, by: &Actor) -> Result<(), AdminError> {
    let attempt = |attempt: Attempt| async move {
        let Named { issuer, subject, .. } = named;
        let what = json!({ "refused": "no group has a role", "issuer": issuer, "subject": subject });
        Ok(admin.store.record(&attempt.happens(Outcome::Refused, &what)).await?)
    };
    let order = Order::new(SIGN_IN, Object::ConsoleSession(named.id));
    admin.act(&console_user(named.user.as_str(), by), order, attempt).await
}

/// Makes the actor for a user of the console; `by` names the address and the request.
pub fn console_user(name: &str, by: &Actor) -> Actor {
    Actor {
        from: by.from.clone(),
        request_id: by.request_id.clone(),
        ..Actor::new(ActorKind::Console(name.to_owned()))
    }
}

/// Refuses a session that was ended, on whichever server.
pub async fn check(admin: &Administration<'_>, session: &SignedIn) -> Result<(), AdminError> {
    let has_ended = is_recorded(admin, Object::ConsoleSession(session.id), SIGN_OUT, None).await?
        || is_recorded(admin, Object::Console, SIGN_OUT, Some(session.behind)).await?;
    if has_ended { Err(AdminError::SessionEnded) } else { Ok(()) }
}

/// Ends a session, on every server.
pub async fn sign_out(
    admin: &Administration<'_>,
    session: SessionId,
    actor: &Actor,
) -> Result<(), AdminError> {
    end(admin, Object::ConsoleSession(session), actor).await
}

/// Ends every session of the console.
pub async fn sign_out_all(admin: &Administration<'_>, actor: &Actor) -> Result<(), AdminError> {
    end(admin, Object::Console, actor).await
}

async fn end(admin: &Administration<'_>, object: Object, actor: &Actor) -> Result<(), AdminError> {
    let attempt = |attempt: Attempt| async move {
        Ok(admin.store.record(&attempt.makes(&json!({ "signed_out": true }))).await?)
    };
    admin.act(actor, Order::new(SIGN_OUT, object), attempt).await
}

/// Says whether an act on an object is recorded after the record with this number.
async fn is_recorded(
    admin: &Administration<'_>,
    object: Object,
    act: &str,
    behind: Option<u64>,
) -> Result<bool, AdminError> {
    let filter = RecordFilter {
        act: Some(act.to_owned()),
        object: Some(object.to_string()),
        ..RecordFilter::default()
    };
    Ok(!admin.store.records(&filter, RecordOrder::OldestFirst, behind, 1).await?.is_empty())
}

/// Seals something that a browser keeps, for the purpose `what`.
pub fn sealed(keys: &MasterKeys, what: &str, content: &impl Serialize) -> Zeroizing<String> {
    let content = Zeroizing::new(serde_json::to_vec(content).expect("texts and numbers serialise"));
    let sealed = keys.first().seal_console(what, &content, &mut rand::rng());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens what a browser sends back; `None` if it was not sealed here for the purpose `what`.
pub fn opened<T: DeserializeOwned>(keys: &MasterKeys, what: &str, text: &str) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&keys.unseal_console(what, &sealed).ok()?).ok()
}
