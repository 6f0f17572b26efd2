//! What ends tokens, and has them refused.

use rand::RngExt;
use rand::seq::IndexedRandom;
use tollgate_store::Status;

use super::{Order, World};
use crate::call::REVOKE;
use crate::oauth::post_as;
use crate::stage::{ACT, master_key};
use tollgate_admin::{NewKey, new_signing_key};

impl World {
    pub(super) async fn order(&mut self) {
        let order = *[
            Order::DisableClient,
            Order::EnableClient,
            Order::EnableClient,
            Order::DisableMerchant,
            Order::EnableMerchant,
            Order::EnableMerchant,
            Order::RevokeSecret,
            Order::DeleteClient,
            Order::ReplaceKeys,
        ]
        .choose(&mut self.rng)
        .unwrap();
        let (now, store, id, merchant) =
            (self.somebodys_clock(), self.store.clone(), self.shop.id, self.merchant);
        match order {
            Order::DisableClient | Order::EnableClient => {
                let disable = matches!(order, Order::DisableClient);
                let status = if disable { Status::Disabled } else { Status::Enabled };
                let _ = store.set_client_status(id, status, now, &ACT).await.unwrap();
            }
            Order::DisableMerchant => {
                assert!(store.set_merchant_status(merchant, Status::Disabled, now, &ACT).await.unwrap());
            }
            Order::EnableMerchant => {
                assert!(store.set_merchant_status(merchant, Status::Enabled, now, &ACT).await.unwrap());
            }
            Order::RevokeSecret => {
                let _ = store.revoke_secret(id, self.shop.secret_id, now, &ACT).await.unwrap();
            }
            Order::DeleteClient => {
                let _ = store.delete_client(id, None, now, &ACT).await.unwrap();
            }
            Order::ReplaceKeys => {
                let key = new_signing_key(&master_key(), NewKey::hs256(now, now)).await.unwrap();
                store.replace_signing_keys(&key, &ACT).await.unwrap();
            }
        }
        self.told.push(format!("{order:?}"));
        self.orders.push(order);
    }

    /// The client revokes a token of its own.
    pub(super) async fn revoke(&mut self, at: usize) {
        if self.tokens.is_empty() || !self.machines[at].in_touch || !self.may_log_in() {
            return;
        }
        let n = self.rng.random_range(0..self.tokens.len());
        let was_good = self.accepts(at, n);
        let form = format!("token={}", self.tokens[n].text);
        let reply = self.machines[at].node.answer(post_as(&self.shop, REVOKE, &form)).await;
        self.told.push(format!("revoke {n} at {at}: {}", reply.status()));
        if reply.status() == 200 && was_good {
            let id = self.tokens[n].id.clone();
            for token in &mut self.tokens {
                token.revoked |= token.id == id || token.refresh_id == id;
            }
        }
    }
}
