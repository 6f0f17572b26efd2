//! Compares two configurations, and tells which settings can change while a server runs.

use serde_json::Value;

use super::settings::Config;

/// The keys that a running server can reload.
const LIVE: [&str; 26] = [
    "world_readable_secrets",
    "trusted_proxies",
    "limits.auth_failures",
    "limits.max_connections",
    "limits.source_connections",
    "limits.source_new_connections",
    "limits.source_auth_failures",
    "limits.merchant_creates",
    "limits.enforce",
    "limits.head_timeout",
    "limits.first_byte_timeout",
    "limits.body_timeout",
    "limits.idle_timeout",
    "limits.client_cache",
    "tls.cert",
    "tls.key",
    "admin_tls.cert",
    "admin_tls.key",
    "admin.requests",
    "log.level",
    "log.requests",
    "log.source",
    "shutdown.grace",
    "shutdown.lame_duck",
    "admin_allow_remote",
    "listen_allow_remote",
];

/// Names of the settings that differ, as the file has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Settings that take effect now.
    pub live: Vec<String>,
    /// Settings that take effect only after a restart.
    pub fixed: Vec<String>,
}

impl Config {
    /// Takes from `new` the settings that can change while a server runs. Returns these and the others that differ.
    pub fn take_live(&mut self, new: &Self) -> Changes {
        let mut changes = Changes::default();
        let has_tls_changed = self.tls.is_some() != new.tls.is_some();
        let has_admin_tls_changed = self.admin_tls.is_some() != new.admin_tls.is_some();
        for key in self.differing(new) {
            let is_of_tls = (has_tls_changed && key.starts_with("tls."))
                || (has_admin_tls_changed && key.starts_with("admin_tls."));
            let is_live = LIVE.contains(&key.as_str()) && !is_of_tls;
            if is_live { changes.live.push(key) } else { changes.fixed.push(key) }
        }
        self.world_readable_secrets = new.world_readable_secrets;
        self.admin_allow_remote = new.admin_allow_remote;
        self.listen_allow_remote = new.listen_allow_remote;
        self.trusted_proxies.clone_from(&new.trusted_proxies);
        self.limits = new.limits.clone();
        self.log.level = new.log.level;
        self.log.requests = new.log.requests;
        self.log.source = new.log.source;
        self.shutdown = new.shutdown.clone();
        if !has_tls_changed {
            self.tls.clone_from(&new.tls);
        }
        if !has_admin_tls_changed {
            self.admin_tls.clone_from(&new.admin_tls);
        }
        self.admin.requests = new.admin.requests;
        changes
    }

    /// Returns the keys whose values differ.
    fn differing(&self, other: &Self) -> Vec<String> {
        let (one, two) = (self.to_redacted_json(), other.to_redacted_json());
        let mut keys = Vec::new();
        collect("", &one, &two, &mut keys);
        // A masked value may differ without showing it.
        if self.database.url != other.database.url && !keys.iter().any(|key| key == "database.url") {
            keys.push("database.url".to_owned());
        }
        keys
    }
}

fn collect(prefix: &str, one: &Value, two: &Value, keys: &mut Vec<String>) {
    match (one, two) {
        // A table whose keys its author chooses is one setting.
        (Value::Object(ones), Value::Object(twos)) if ones.keys().eq(twos.keys()) => {
            let dot = if prefix.is_empty() { "" } else { "." };
            for (name, one) in ones {
                collect(&format!("{prefix}{dot}{name}"), one, &twos[name], keys);
            }
        }
        (one, two) if one == two => {}
        _ => keys.push(prefix.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogLevel;

    fn config(env: &[(&str, &str)]) -> Config {
        Config::load(None, env.iter().copied()).unwrap()
    }

    #[test]
    fn what_can_change_is_taken_and_what_cannot_is_named() {
        let mut running = config(&[]);
        let new = config(&[
            ("TOLLGATE_LOG__LEVEL", "debug"),
            ("TOLLGATE_TRUSTED_PROXIES", "10.0.0.0/8"),
            ("TOLLGATE_LIMITS__MAX_CONNECTIONS", "7"),
            ("TOLLGATE_TOKENS__AUDIENCE", "another"),
            ("TOLLGATE_LISTEN", "127.0.0.1:1"),
        ]);
        let changes = running.take_live(&new);
        assert_eq!(changes.live, ["trusted_proxies", "limits.max_connections", "log.level"]);
        // If no URL is given, it is made from the address.
        assert_eq!(changes.fixed, ["listen", "public_url", "tokens.audience"]);
        assert_eq!((running.log.level, running.limits.max_connections), (LogLevel::Debug, 7));
        assert_eq!(running.trusted_proxies, new.trusted_proxies);
        assert_eq!(running.tokens.audience, "payment-api");
        // A setting that was not taken is named again the next time.
        let again = running.take_live(&new);
        assert_eq!((again.live, again.fixed), (Vec::new(), changes.fixed));
    }

    #[test]
    fn a_password_in_the_url_is_noticed_though_it_is_masked() {
        let url = |password| format!("postgres://u:{password}@127.0.0.1/db");
        let mut running = config(&[("TOLLGATE_DATABASE__URL", &url("one"))]);
        let changes = running.take_live(&config(&[("TOLLGATE_DATABASE__URL", &url("two"))]));
        assert_eq!(changes.fixed, ["database.url"]);
    }

    #[test]
    fn tls_is_neither_begun_nor_ended_while_running() {
        let tls = |cert| [("TOLLGATE_TLS__CERT", cert), ("TOLLGATE_TLS__KEY", "key.pem")];
        let mut running = config(&[]);
        assert_eq!(running.take_live(&config(&tls("a.pem"))).fixed, ["tls.cert", "tls.key"]);
        assert!(running.tls.is_none());
        let mut running = config(&tls("a.pem"));
        assert_eq!(running.take_live(&config(&tls("b.pem"))).live, ["tls.cert"]);
    }

    #[test]
    fn every_setting_that_is_taken_is_in_the_file() {
        let layers = crate::layers::Layers::defaults();
        let known: Vec<&str> = layers.keys().collect();
        for key in LIVE {
            assert!(known.contains(&key), "{key}");
        }
    }

    #[test]
    fn whatever_is_called_live_is_taken() {
        let mut running = config(&[]);
        let new = config(&[
            ("TOLLGATE_WORLD_READABLE_SECRETS", "true"),
            ("TOLLGATE_ADMIN_ALLOW_REMOTE", "true"),
            ("TOLLGATE_LIMITS__AUTH_FAILURES", "1/s"),
            ("TOLLGATE_LIMITS__HEAD_TIMEOUT", "1s"),
            ("TOLLGATE_LIMITS__FIRST_BYTE_TIMEOUT", "1s"),
            ("TOLLGATE_LIMITS__BODY_TIMEOUT", "1s"),
            ("TOLLGATE_LIMITS__IDLE_TIMEOUT", "1s"),
            ("TOLLGATE_LIMITS__CLIENT_CACHE", "1"),
            ("TOLLGATE_LOG__REQUESTS", "false"),
            ("TOLLGATE_SHUTDOWN__GRACE", "1s"),
            ("TOLLGATE_SHUTDOWN__LAME_DUCK", "1s"),
            ("TOLLGATE_ADMIN__REQUESTS", "1/s"),
        ]);
        assert_eq!(running.take_live(&new).fixed, [""; 0]);
        assert_eq!(running, new);
    }
}
