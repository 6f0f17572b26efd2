//! The calls of the playground as a shell makes them. Neither secret nor token stands in them: they are obtained as the
//! call is made.

use tollgate_core::ClientId;

use super::calls::{CREATE, LIST, REFRESH, REVOKE, TOKEN};

/// What `tollgate token` prints, as an argument.
const ACCESS: &str = "$(tollgate token)";
/// Changes the first character of the signature.
const CHANGE: &str = r"sed -e 's/\.A\([^.]*\)$/.B\1/' -e t -e 's/\.[^.]\([^.]*\)$/.A\1/'";

/// The caller.
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

    /// `life` is the token's, in seconds.
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

    /// Leaves the token in the variable `token`.
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
