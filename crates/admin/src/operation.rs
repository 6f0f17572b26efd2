//! Who may do what: every operation of the administration, and the scope that it needs. Whatever administration is mounted on asks
//! this table, and nothing else.

use tollgate_config::Role;
use tollgate_core::Scope;

/// Declares the operations, each with the role that it needs and its name in the audit trail.
macro_rules! operations {
    ($($(#[$doc:meta])* $operation:ident: $role:ident, $name:literal;)*) => {
        /// What an administrator can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $operation,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$operation),*];

            /// The role that it needs.
            pub const fn role(self) -> Role {
                match self {
                    $(Self::$operation => Role::$role,)*
                }
            }

            /// What the audit trail calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$operation => $name,)*
                }
            }
        }
    };
}

operations! {
    /// Lists merchants.
    ListMerchants: Read, "merchant.list";
    /// Shows a merchant.
    ShowMerchant: Read, "merchant.show";
    /// Creates a merchant.
    CreateMerchant: Write, "merchant.create";
    /// Gives a merchant another name.
    RenameMerchant: Write, "merchant.rename";
    /// Refuses a merchant's clients.
    DisableMerchant: Support, "merchant.disable";
    /// Accepts a merchant's clients again.
    EnableMerchant: Support, "merchant.enable";
    /// Deletes a merchant with all that is its own.
    DeleteMerchant: Write, "merchant.delete";
    /// Lists clients.
    ListClients: Read, "client.list";
    /// Shows a client.
    ShowClient: Read, "client.show";
    /// Creates a client.
    CreateClient: Write, "client.create";
    /// Changes a client.
    UpdateClient: Write, "client.update";
    /// Refuses a client.
    DisableClient: Support, "client.disable";
    /// Accepts a client again.
    EnableClient: Support, "client.enable";
    /// Deletes a client.
    DeleteClient: Write, "client.delete";
    /// Lists the secrets of a client, without their values.
    ListSecrets: Read, "secret.list";
    /// Adds a secret to a client.
    CreateSecret: Write, "secret.create";
    /// Revokes a secret.
    RevokeSecret: Support, "secret.revoke";
    /// Lists the signing keys.
    ListKeys: Read, "key.list";
    /// Adds the first signing key of an algorithm.
    CreateKey: Keys, "key.create";
    /// Adds the next signing keys.
    RotateKeys: Keys, "key.rotate";
    /// Replaces signing keys that are in the wrong hands.
    ReplaceCompromisedKeys: Keys, "key.replace-compromised";
    /// Lists the revocations in force.
    ListRevocations: Read, "revocation.list";
    /// Revokes a token, or all tokens of a client or a merchant.
    RevokeTokens: Support, "token.revoke";
    /// Shows who is refused and why, and what was counted.
    ShowStats: Read, "stats.show";
    /// Reads the audit trail.
    ListRecords: Audit, "trail.list";
}

impl Operation {
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
            for operation in Operation::ALL {
                assert_eq!(
                    operation.is_allowed_by(&scope),
                    operation.role() == role,
                    "{operation:?} by {role:?}"
                );
            }
        }
        for scope in ["", "admin", "admin:", "admin:*", "ADMIN:READ", "admin:readers", "payments:read"] {
            let scope: Scope = scope.parse().unwrap();
            assert!(!Operation::ALL.iter().any(|operation| operation.is_allowed_by(&scope)), "{scope}");
        }
    }
}
