//! The effective configuration as it may be shown: secrets masked, otherwise loadable again.

use std::{path::Path, time::Duration};

use toml::{Table, Value};

use super::{Config, Connections};

impl Config {
    /// Writes the effective configuration as TOML; a password in `database.url` reads `***`, and `master_key` is only
    /// ever a reference.
    pub fn to_masked_toml(&self) -> String {
        toml::to_string(&self.masked()).expect("a table of plain values is TOML")
    }

    /// The same as JSON, with the keys of the file.
    pub fn to_masked_json(&self) -> serde_json::Value {
        serde_json::to_value(self.masked()).expect("a table of plain values is JSON")
    }

    fn masked(&self) -> Table {
        let master_key = self.master_key.as_ref().map_or_else(String::new, ToString::to_string);
        let admin_listen = self.admin_listen.map_or_else(String::new, |address| address.to_string());
        let proxies: Vec<Value> =
            self.trusted_proxies.iter().map(|network| network.to_string().into()).collect();
        table([
            ("listen", self.listen.to_string().into()),
            ("admin_listen", admin_listen.into()),
            ("admin_allow_remote", self.admin_allow_remote.into()),
            ("public_url", self.public_url.clone().into()),
            ("master_key", master_key.into()),
            ("sandbox", self.sandbox.into()),
            ("trusted_proxies", proxies.into()),
            ("database", self.masked_database().into()),
            ("tokens", self.masked_tokens().into()),
            ("keys", table([("rotation", time(self.keys.rotation.unwrap_or_default()))]).into()),
            (
                "idempotency",
                table([("ttl", time(self.idempotency.ttl)), ("lease", time(self.idempotency.lease))]).into(),
            ),
            ("limits", self.masked_limits().into()),
            ("payment_page", table([("ttl", time(self.payment_page.ttl))]).into()),
            ("tls", self.masked_tls().into()),
            ("log", self.masked_log().into()),
            ("shutdown", table([("grace", time(self.shutdown.grace))]).into()),
        ])
    }

    fn masked_database(&self) -> Table {
        let Connections { password, pool_size, connect_timeout, statement_timeout } = &self.connections;
        table([
            ("url", self.database.masked().into()),
            ("password", password.as_ref().map_or_else(String::new, ToString::to_string).into()),
            ("pool_size", count(*pool_size)),
            ("connect_timeout", time(*connect_timeout)),
            ("statement_timeout", time(*statement_timeout)),
        ])
    }

    fn masked_tokens(&self) -> Table {
        table([
            ("access_ttl", time(self.tokens.access_ttl)),
            ("refresh_ttl", time(self.tokens.refresh_ttl)),
            ("audience", self.tokens.audience.clone().into()),
            ("exp_leeway", time(self.tokens.exp_leeway)),
            ("iat_leeway", time(self.tokens.iat_leeway)),
            ("stale_after", time(self.tokens.stale_after)),
            ("when_stale", self.tokens.when_stale.to_string().into()),
        ])
    }

    fn masked_limits(&self) -> Table {
        table([
            ("auth_failures", self.limits.auth_failures.to_string().into()),
            ("max_connections", count(self.limits.max_connections)),
            ("head_timeout", time(self.limits.head_timeout)),
            ("first_byte_timeout", time(self.limits.first_byte_timeout)),
            ("body_timeout", time(self.limits.body_timeout)),
            ("idle_timeout", time(self.limits.idle_timeout)),
            ("client_cache", count(self.limits.client_cache)),
        ])
    }

    fn masked_tls(&self) -> Table {
        let shown = |path: &Path| Value::from(path.display().to_string());
        let (cert, key) = match &self.tls {
            Some(tls) => (shown(&tls.cert), shown(&tls.key)),
            None => ("".into(), "".into()),
        };
        table([("cert", cert), ("key", key)])
    }

    fn masked_log(&self) -> Table {
        table([
            ("format", self.log.format.to_string().into()),
            ("level", self.log.level.to_string().into()),
            ("requests", self.log.requests.into()),
        ])
    }
}

fn table<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn time(duration: Duration) -> Value {
    humantime::format_duration(duration).to_string().into()
}

fn count(count: usize) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}
