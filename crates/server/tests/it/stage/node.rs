//! One of several servers.

use std::sync::Arc;

use serde_json::json;
use tollgate_console::OperatorRoutes;
use tollgate_installation::{Follower, Installation, Rotation};
use tollgate_server::Server;

use super::{Credentials, PEER, Tokens, answer};
use crate::call::{Call, LIST, REFRESH, Reply, TOKEN};
use crate::clock::ManualClock;

/// One of the servers that share a store.
pub(crate) struct Node {
    pub(crate) server: Arc<Server>,
    pub(crate) installation: Arc<Installation>,
    pub(crate) follower: Follower,
    pub(crate) rotation: Rotation,
    pub(crate) operators: OperatorRoutes,
    pub(crate) clock: Arc<ManualClock>,
}

impl Node {
    pub(crate) async fn follow(&mut self) {
        self.follower.step().await.unwrap();
    }

    pub(crate) async fn answer(&self, call: Call) -> Reply {
        answer(&self.server, PEER, call.whole()).await
    }

    pub(crate) async fn grant(&self, of: &Credentials) -> Reply {
        self.answer(Call::post(TOKEN).json(&of.body())).await
    }

    pub(crate) async fn tokens(&self, of: &Credentials) -> Tokens {
        let data = self.grant(of).await.data();
        let token = |name: &str| data[name].as_str().unwrap().to_owned();
        Tokens { access: token("access_token"), refresh: token("refresh_token") }
    }

    pub(crate) async fn list(&self, token: &str) -> Reply {
        self.answer(Call::get(LIST).bearer(token)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.answer(Call::post(REFRESH).json(&json!({"refresh_token": token}))).await
    }
}
