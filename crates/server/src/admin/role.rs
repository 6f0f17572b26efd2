//! Who may do what: every act of administration, and the scope that it needs. Whatever administration is mounted on asks
//! this table, and nothing else.

use tollgate_core::Scope;

/// A right of an operator. Each is a scope of its own, and none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To see merchants, clients, keys, revocations and figures.
    Read,
    /// To disable, enable and revoke.
    Support,
    /// To create, change and delete.
    Write,
    /// To add and replace signing keys.
    Keys,
    /// To read the audit trail.
    Audit,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Read, Self::Support, Self::Write, Self::Keys, Self::Audit];

    /// The word of a scope that gives it.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Read => "admin:read",
            Self::Support => "admin:support",
            Self::Write => "admin:write",
            Self::Keys => "admin:keys",
            Self::Audit => "admin:audit",
        }
    }

    /// Says whether a word of a scope gives a role.
    pub fn is_given_by(word: &str) -> bool {
        Self::ALL.iter().any(|role| role.scope() == word)
    }
}

/// Declares the acts, each with the role that it needs.
macro_rules! acts {
    ($($(#[$doc:meta])* $act:ident: $role:ident,)*) => {
        /// An act of administration.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Act {
            $($(#[$doc])* $act,)*
        }

        impl Act {
            /// Every act.
            pub const ALL: &[Self] = &[$(Self::$act),*];

            /// The role that it needs.
            pub const fn role(self) -> Role {
                match self {
                    $(Self::$act => Role::$role,)*
                }
            }
        }
    };
}

acts! {
    /// Lists merchants.
    ListMerchants: Read,
    /// Shows a merchant.
    ShowMerchant: Read,
    /// Creates a merchant.
    CreateMerchant: Write,
    /// Gives a merchant another name.
    RenameMerchant: Write,
    /// Refuses a merchant's clients.
    DisableMerchant: Support,
    /// Accepts a merchant's clients again.
    EnableMerchant: Support,
    /// Deletes a merchant with all that is its own.
    DeleteMerchant: Write,
    /// Lists clients.
    ListClients: Read,
    /// Shows a client.
    ShowClient: Read,
    /// Creates a client.
    CreateClient: Write,
    /// Changes a client.
    UpdateClient: Write,
    /// Refuses a client.
    DisableClient: Support,
    /// Accepts a client again.
    EnableClient: Support,
    /// Deletes a client.
    DeleteClient: Write,
    /// Lists the secrets of a client, without their values.
    ListSecrets: Read,
    /// Adds a secret to a client.
    CreateSecret: Write,
    /// Revokes a secret.
    RevokeSecret: Support,
    /// Lists the signing keys.
    ListKeys: Read,
    /// Adds the first signing key of an algorithm.
    CreateKey: Keys,
    /// Adds the next signing keys.
    RotateKeys: Keys,
    /// Replaces signing keys that are in the wrong hands.
    ReplaceCompromisedKeys: Keys,
    /// Lists the revocations in force.
    ListRevocations: Read,
    /// Revokes a token, or all tokens of a client or a merchant.
    RevokeTokens: Support,
}

impl Act {
    /// Says whether whoever has this scope may do it.
    pub fn is_allowed_by(self, scope: &Scope) -> bool {
        scope.contains(self.role().scope())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_its_own_acts_and_no_other() {
        for role in Role::ALL {
            let scope: Scope = role.scope().parse().unwrap();
            for act in Act::ALL {
                assert_eq!(act.is_allowed_by(&scope), act.role() == role, "{act:?} by {role:?}");
            }
        }
        for scope in ["", "admin", "admin:", "admin:*", "ADMIN:READ", "admin:readers", "payments:read"] {
            let scope: Scope = scope.parse().unwrap();
            assert!(!Act::ALL.iter().any(|act| act.is_allowed_by(&scope)), "{scope}");
        }
    }
}
