//! Finds out from the claims of an ID token who somebody is, and what they may do.

use serde_json::Value;
use tollgate_admin::Name;
use tollgate_config::{GroupRoles, Oidc, Role};

use super::id_token::Claims;
use super::problem::Flaw;

/// The longest subject, in characters (OpenID Connect Core 1.0 §2).
const LONGEST_SUBJECT: usize = 255;

/// Somebody whom the provider has authenticated.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name in the audit trail.
    pub(crate) user: Name,
    /// The provider's id for them, whatever their name is.
    pub(crate) subject: String,
    /// The roles that their groups give them; empty if there are none.
    pub(crate) roles: Vec<Role>,
}

impl Identity {
    pub(super) fn of(claims: &Claims, settings: &Oidc) -> Result<Self, Flaw> {
        let subject = claims.get("sub").and_then(Value::as_str).ok_or(Flaw::Subject)?;
        if subject.is_empty() || subject.chars().count() > LONGEST_SUBJECT {
            return Err(Flaw::Subject);
        }
        let user = user(claims, &settings.user)?;
        let roles = roles(&groups(claims, &settings.groups)?, &settings.roles);
        Ok(Self { user, subject: subject.to_owned(), roles })
    }
}

fn user(claims: &Claims, claim: &str) -> Result<Name, Flaw> {
    // Somebody who can put any address into their profile could otherwise take another person's name.
    if claim == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(Flaw::UnverifiedEmail);
    }
    let user = at(claims, claim).and_then(Value::as_str).and_then(|user| user.parse().ok());
    user.ok_or_else(|| Flaw::User(claim.to_owned()))
}

/// Returns the groups that somebody is in; none if the claim is missing. A single text is a single group, whatever it contains.
fn groups<'a>(claims: &'a Claims, claim: &str) -> Result<Vec<&'a str>, Flaw> {
    let malformed = || Flaw::Groups(claim.to_owned());
    match at(claims, claim) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(group)) => Ok(vec![group]),
        Some(Value::Array(groups)) => {
            groups.iter().map(|group| group.as_str().ok_or_else(malformed)).collect()
        }
        Some(_) => Err(malformed()),
    }
}

/// Returns the roles of groups, each once and in the order of [`Role::ALL`].
fn roles(groups: &[&str], table: &GroupRoles) -> Vec<Role> {
    let is_given =
        |role: &Role| table.iter().any(|(group, roles)| groups.contains(&group) && roles.contains(role));
    Role::ALL.into_iter().filter(is_given).collect()
}

/// Returns the value of a claim, by its name or by a JSON pointer (RFC 6901).
fn at<'a>(claims: &'a Claims, claim: &str) -> Option<&'a Value> {
    let Some(path) = claim.strip_prefix('/') else { return claims.get(claim) };
    let unescaped = |part: &str| part.replace("~1", "/").replace("~0", "~");
    let mut parts = path.split('/').map(unescaped);
    let first = claims.get(&parts.next()?);
    parts.try_fold(first?, |value, part| value.get(&part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use tollgate_config::Config;

    fn settings(more: &[(&str, &str)]) -> Oidc {
        let settings = [
            ("TOLLGATE_CONSOLE__OIDC__ISSUER", "https://login.example.com"),
            ("TOLLGATE_CONSOLE__OIDC__CLIENT_ID", "tollgate"),
            ("TOLLGATE_CONSOLE__OIDC__CLIENT_SECRET", "env:OIDC_SECRET"),
            ("TOLLGATE_CONSOLE__OIDC__ROLES", "ops=support read, audit=audit"),
        ];
        Config::load(None, settings.iter().chain(more).copied()).unwrap().console.oidc
    }

    fn of(claims: &Value, settings: &Oidc) -> Result<Identity, Flaw> {
        Identity::of(claims.as_object().unwrap(), settings)
    }

    #[test]
    fn groups_give_their_roles_each_once_and_in_one_order() {
        let settings = settings(&[]);
        let roles = |groups: Value| {
            let claims = json!({"sub": "1", "email": "a@b.c", "email_verified": true, "groups": groups});
            of(&claims, &settings).map(|identity| identity.roles)
        };
        assert_eq!(roles(json!(["audit", "ops", "ops"])), Ok(vec![Role::Read, Role::Support, Role::Audit]));
        assert_eq!(roles(json!("ops")), Ok(vec![Role::Read, Role::Support]));
        for none in [json!("ops audit"), json!("OPS"), json!(["admin:read"]), json!([]), json!(null)] {
            assert_eq!(roles(none.clone()), Ok(vec![]), "{none}");
        }
        for malformed in [json!({"ops": true}), json!(true), json!([["ops"]]), json!(["ops", 1])] {
            assert_eq!(roles(malformed.clone()), Err(Flaw::Groups("groups".to_owned())), "{malformed}");
        }
    }

    #[test]
    fn a_claim_is_found_by_its_name_or_by_a_pointer() {
        let pointers = [
            ("TOLLGATE_CONSOLE__OIDC__GROUPS", "/https:~1~1x/roles"),
            ("TOLLGATE_CONSOLE__OIDC__USER", "preferred_username"),
        ];
        let mut claims = json!({"sub": "1", "preferred_username": "ada", "https://x": {"roles": ["ops"]}});
        assert_eq!(of(&claims, &settings(&pointers)).unwrap().roles, [Role::Read, Role::Support]);
        claims["https://x"] = json!("ops");
        assert_eq!(of(&claims, &settings(&pointers)).unwrap().roles, []);
    }

    #[test]
    fn whoever_is_not_named_is_nobody() {
        let settings = settings(&[]);
        let user = |claims: Value| of(&claims, &settings).map(|identity| identity.user);
        let named = |email: &str| json!({"sub": "1", "email": email, "email_verified": true});
        assert_eq!(user(named("ada@example.com")), Ok("ada@example.com".parse().unwrap()));
        let long = "x".repeat(256);
        for email in ["", " ", "a\nb", "a\u{202e}b", &long] {
            assert_eq!(user(named(email)), Err(Flaw::User("email".to_owned())), "{email:?}");
        }
        for unverified in [json!(false), json!("true"), json!(null)] {
            let claims = json!({"sub": "1", "email": "a@b.c", "email_verified": unverified});
            assert_eq!(user(claims), Err(Flaw::UnverifiedEmail));
        }
        for subject in [json!(""), json!(7), json!(null), json!(long)] {
            let claims = json!({"sub": subject, "email": "a@b.c", "email_verified": true});
            assert_eq!(user(claims), Err(Flaw::Subject));
        }
    }
}
