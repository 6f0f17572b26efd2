//! Signing in to the console, and out of it.
//!
//! The audit trail says who is signed in: a session is one that a record says was begun, and none says was ended. So every server
//! of a store knows it at once, and a link is good once: whoever signs in by it adds a record that no other may follow. What a
//! session is beyond that stands in the browser, sealed.

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

/// How long a link can be signed in by.
pub const LINK_TTL: Duration = Duration::from_secs(5 * 60);

const SIGN_IN: &str = "console.sign-in";
const SIGN_OUT: &str = "console.sign-out";
/// What a link is sealed as.
const LINK: &str = "link";

/// A link that somebody can sign in to the console by, once.
pub struct Link {
    /// The session that it begins.
    pub id: SessionId,
    /// The text that shows who may sign in: the part of the link that is a secret.
    pub token: Zeroizing<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Who has signed in to the console, and what they may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub id: SessionId,
    /// The name of the user.
    pub user: String,
    /// The roles.
    pub scope: Scope,
    /// The number of a record before which the session did not exist.
    pub behind: u64,
}

/// What stands in a link.
#[derive(Serialize, Deserialize)]
struct Ticket {
    id: SessionId,
    user: String,
    scope: String,
    until: u64,
    /// The number of a record before which the link did not exist.
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

/// Signs in by a link, from the place and by the request that `by` names.
pub async fn sign_in(admin: &Administration<'_>, token: &str, by: &Actor) -> Result<SignedIn, AdminError> {
    let ticket: Ticket = opened(admin.unlocked.master_keys(), LINK, token).ok_or(AdminError::UnknownLink)?;
    let scope: Scope = ticket.scope.parse().map_err(|_| AdminError::UnknownLink)?;
    let Ticket { id, user, until, behind, .. } = ticket;
    let what = json!({ "scope": scope.as_str() });
    begin(admin, SignedIn { id, user, scope, behind }, Timestamp::from_millis(until), &what, by).await
}

/// Somebody whom an OpenID provider has named.
pub struct Named {
    /// The session that was drawn for them when they were sent to the provider.
    pub id: SessionId,
    /// The number of a record before which that was not yet.
    pub behind: u64,
    /// Until when they can sign in by what the provider said.
    pub until: Timestamp,
    /// What the trail calls them.
    pub user: Name,
    /// What they may do.
    pub roles: Vec<Role>,
    /// The issuer of the provider.
    pub issuer: String,
    /// What the provider knows them by.
    pub subject: String,
}

/// Signs in somebody whom the provider has named, once.
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

/// Records that a session was begun, if none was before under its id.
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

/// Records that somebody whom the provider has named was not let in: none of their groups has a role.
pub async fn refuse_named(admin: &Administration<'_>, named: &Named, by: &Actor) -> Result<(), AdminError> {
    let attempt = |attempt: Attempt| async move {
        let Named { issuer, subject, .. } = named;
        let what = json!({ "refused": "no group has a role", "issuer": issuer, "subject": subject });
        Ok(admin.store.record(&attempt.happens(Outcome::Refused, &what)).await?)
    };
    let order = Order::new(SIGN_IN, Object::ConsoleSession(named.id));
    admin.act(&console_user(named.user.as_str(), by), order, attempt).await
}

/// Makes the actor of what a user of the console does, from the place and by the request that `by` names.
pub fn console_user(name: &str, by: &Actor) -> Actor {
    Actor {
        from: by.from.clone(),
        request_id: by.request_id.clone(),
        ..Actor::new(ActorKind::Console(name.to_owned()))
    }
}

/// Refuses a session that has been ended, on whichever server.
pub async fn check(admin: &Administration<'_>, session: &SignedIn) -> Result<(), AdminError> {
    let has_ended = is_recorded(admin, Object::ConsoleSession(session.id), SIGN_OUT, None).await?
        || is_recorded(admin, Object::Console, SIGN_OUT, Some(session.behind)).await?;
    if has_ended { Err(AdminError::SessionEnded) } else { Ok(()) }
}

/// Ends a session.
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

/// Says whether an act on something is recorded, behind a record.
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

/// Seals something for a browser.
pub fn sealed(keys: &MasterKeys, what: &str, content: &impl Serialize) -> Zeroizing<String> {
    let content = Zeroizing::new(serde_json::to_vec(content).expect("texts and numbers serialise"));
    let sealed = keys.first().seal_console(what, &content, &mut rand::rng());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens what comes back from a browser; `None` if it was not sealed here as what it should be.
pub fn opened<T: DeserializeOwned>(keys: &MasterKeys, what: &str, text: &str) -> Option<T> {
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&keys.unseal_console(what, &sealed).ok()?).ok()
}
