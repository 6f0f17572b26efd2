//! The roles of operators: `console.oidc.roles` gives them to groups, and scopes give them to clients that administer.

use std::str::FromStr;

/// A right of an operator. Each is a scope of its own, and none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// See merchants, clients, keys, revocations and figures.
    Read,
    /// Disable, enable and revoke.
    Support,
    /// Create, change and delete.
    Write,
    /// Add and replace signing keys.
    Keys,
    /// Read the audit trail.
    Audit,
}

impl Role {
    /// Every role, in the order of the variants.
    pub const ALL: [Self; 5] = [Self::Read, Self::Support, Self::Write, Self::Keys, Self::Audit];

    /// Returns the word of a scope that gives the role.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Read => "admin:read",
            Self::Support => "admin:support",
            Self::Write => "admin:write",
            Self::Keys => "admin:keys",
            Self::Audit => "admin:audit",
        }
    }

    /// Returns the role's name on the command line, such as `read`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Support => "support",
            Self::Write => "write",
            Self::Keys => "keys",
            Self::Audit => "audit",
        }
    }

    /// Says whether a word of a scope gives a role.
    pub fn is_given_by(word: &str) -> bool {
        Self::ALL.iter().any(|role| role.scope() == word)
    }
}

/// The error for a text that doesn't name a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is read, support, write, keys or audit")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_by_its_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(role.scope(), format!("admin:{}", role.name()));
        }
        assert_eq!("admin:read".parse::<Role>(), Err(RoleError));
    }
}
