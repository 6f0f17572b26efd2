//! The calls of the playground as shell commands. They contain neither secrets nor tokens: these are obtained when the
//! command runs.

use tollgate_core::ClientId;

use super::calls::{CREATE, LIST, REFRESH, REVOKE, TOKEN};

/// The output of `tollgate token`, as an argument.
const ACCESS: &str = "$(tollgate token)";
/// A command that changes the first character of the signature.
const CHANGE: &str = r"sed -e 's/\.A\([^.]*\)$/.B\1/' -e t -e 's/\.[^.]\([^.]*\)$/.A\1/'";

/// The caller for whom commands are written.
pub(super) struct Shell<'a> {
    pub(super) base_url: &'a str,
    pub(super) client_id: ClientId,
}

impl Shell<'_> {
    pub(super) fn token(&self) -> String {
        let (base, id) = (self.base_url, self.client_id);
        format!(
            "printf '{{\"grant_type\":\"client_credentials\",\"client_id\":\"{id}\",\"client_secret\":\"%s\"}}' \
             \"$TOLLGATE_CLIENT_SECRET\" |\n  curl -sS {base}{TOKEN} -H 'Content-Type: application/json' -d @-"
        )
    }

    pub(super) fn refresh(&self) -> String {
        let (token, base) = (self.token(), self.base_url);
        format!(
            "{token} |\n  sed 's/.*\"refresh_token\":\"\\([^\"]*\\)\".*/{{\"refresh_token\":\"\\1\"}}/' |\n  \
             curl -sS {base}{REFRESH} -H 'Content-Type: application/json' -d @-"
        )
    }

    pub(super) fn list(&self) -> String {
        self.list_with(ACCESS)
    }

    pub(super) fn list_without(&self) -> String {
        format!("curl -sS -i '{}{LIST}'", self.base_url)
    }

    pub(super) fn list_changed(&self) -> String {
        self.list_with(&format!("$(tollgate token | {CHANGE})"))
    }

    /// Lists payments with an expired token. `life` is the token's lifetime, in seconds.
    pub(super) fn list_expired(&self, life: u64) -> String {
        format!("token=$(tollgate token)\nsleep {life}\n{}", self.list_with("$token"))
    }

    pub(super) fn list_with_the_refresh_token(&self) -> String {
        let token = self.token();
        let cut = r#"sed 's/.*"refresh_token":"\([^"]*\)".*/\1/'"#;
        format!("token=$({token} |\n  {cut})\n{}", self.list_with("$token"))
    }

    pub(super) fn list_revoked(&self) -> String {
        format!("{}\n{}", self.revoke(), self.list_with("$token"))
    }

    /// Obtains a token, revokes it and leaves it in the variable `token`.
    pub(super) fn revoke(&self) -> String {
        let (base, id) = (self.base_url, self.client_id);
        format!(
            "token=$(tollgate token)\nprintf 'user = \"{id}:%s\"\\n' \"$TOLLGATE_CLIENT_SECRET\" |\n  \
             curl -sS -K - {base}{REVOKE} --data-urlencode \"token=$token\""
        )
    }

    pub(super) fn create(&self, key: &str, body: &str) -> String {
        format!(
            "curl -sS -i {}{CREATE} \\\n  -H \"Authorization: Bearer {ACCESS}\" \\\n  \
             -H 'Content-Type: application/json' \\\n  -H 'Idempotency-Key: {key}' \\\n  -d '{body}'",
            self.base_url
        )
    }

    fn list_with(&self, token: &str) -> String {
        format!("curl -sS -i '{}{LIST}' \\\n  -H \"Authorization: Bearer {token}\"", self.base_url)
    }
}
