//! Which tokens must be accepted, and which are.

use tollgate_core::{PayloadBuffer, TokenKind};

use super::{IAT_LEEWAY, Order, Token, World};

impl World {
    pub(super) fn may_log_in(&self) -> bool {
        let last = |disable: Order, enable: Order| {
            self.orders.iter().rev().find(|order| [disable, enable].contains(order)) != Some(&disable)
        };
        last(Order::DisableClient, Order::EnableClient)
            && last(Order::DisableMerchant, Order::EnableMerchant)
            && !self.orders.contains(&Order::RevokeSecret)
            && !self.orders.contains(&Order::DeleteClient)
    }

    pub(super) fn was_ended(&self, token: &Token) -> bool {
        token.revoked || self.orders[token.known..].iter().any(|order| order.ends_tokens())
    }

    pub(super) fn accepts(&self, at: usize, n: usize) -> bool {
        let (token, machine) = (&self.tokens[n], &self.machines[at]);
        let (mut buffer, now) = (PayloadBuffer::new(), machine.node.installation.now());
        let verifier = machine.node.installation.verifier();
        verifier.verify(token.kind, token.text.as_bytes(), now, &mut buffer).is_ok()
    }

    pub(super) async fn check_tokens(&mut self) {
        for at in 0..self.machines.len() {
            let machine = &self.machines[at];
            if !machine.in_touch || machine.node.server.readiness().is_err() {
                continue;
            }
            let now = machine.node.installation.now().seconds();
            for n in 0..self.tokens.len() {
                let (token, accepted) = (&self.tokens[n], self.accepts(at, n));
                let ended = self.was_ended(token);
                let in_time = now + IAT_LEEWAY >= token.issued_at && now < token.expires_at;
                // A refresh token is asked for its client as well.
                let expected = in_time && !ended;
                assert_eq!(accepted, expected, "token {n} at {at}, ended: {ended}: {:#?}", self.told);
                if token.kind == TokenKind::Refresh && in_time && ended {
                    let status = machine.node.refresh(&token.text).await.status();
                    assert_eq!(status, 401, "token {n} at {at}: {:#?}", self.told);
                }
                if accepted {
                    self.accepted += 1;
                } else {
                    self.refused += u64::from(in_time);
                }
            }
        }
    }
}
