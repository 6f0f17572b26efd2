//! Every operation of the administration, and the role that it needs. All interfaces of the administration ask
//! this table, and nothing else.

use tollgate_config::Role;
use tollgate_core::Scope;

/// Declares the operations, each with the role that it needs and its name in the audit trail.
macro_rules! operations {
    ($($(#[$doc:meta])* $operation:ident: $role:ident, $name:literal;)*) => {
        /// An operation of the administration.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $operation,)*
        }

        impl Operation {
            /// Every operation, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$operation),*];

            /// Returns the role that the operation needs.
            pub const fn role(self) -> Role {
                match self {
                    $(Self::$operation => Role::$role,)*
                }
            }

            /// Returns the operation's name in the audit trail.
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
    /// Renames a merchant.
    RenameMerchant: Write, "merchant.rename";
    /// Disables a merchant, whose clients are then refused.
    DisableMerchant: Support, "merchant.disable";
    /// Enables a merchant again.
    EnableMerchant: Support, "merchant.enable";
    /// Deletes a merchant with everything that belongs to it.
    DeleteMerchant: Write, "merchant.delete";
    /// Lists clients.
    ListClients: Read, "client.list";
    /// Shows a client.
    ShowClient: Read, "client.show";
    /// Creates a client.
    CreateClient: Write, "client.create";
    /// Changes a client.
    UpdateClient: Write, "client.update";
    /// Disables a client, which is then refused.
    DisableClient: Support, "client.disable";
    /// Enables a client again.
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
    /// Shows which requests were refused and why, and other counts.
    ShowStats: Read, "stats.show";
    /// Reads the audit trail.
    ListRecords: Audit, "trail.list";
}

impl Operation {
    /// Says whether a scope allows the operation.
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
