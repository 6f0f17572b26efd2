//! The place for the secrets of new clients, as it is named on the command line.

use std::str::FromStr;

/// The place for the secrets of new clients: a new file, or a folder of Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretsPlace {
    /// The path of a file that doesn't exist yet.
    File(String),
    /// A folder of Vault, as `MOUNT/PATH`.
    Vault(String),
}

impl FromStr for SecretsPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("vault", _)) => Ok(Self::Vault(text.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.to_owned())),
            Some(("env" | "gcp" | "aws", _)) => {
                Err("secrets can be written to a new file or to a folder of Vault (vault:MOUNT/PATH)")
            }
            _ => Ok(Self::File(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_a_file_or_to_vault_and_nowhere_else() {
        let file = |path: &str| Ok(SecretsPlace::File(path.to_owned()));
        assert_eq!("secrets.jsonl".parse(), file("secrets.jsonl"));
        assert_eq!("file:/run/secrets.jsonl".parse(), file("/run/secrets.jsonl"));
        assert_eq!("./vault:x".parse(), file("./vault:x"));
        assert_eq!("vault:kv/shops".parse(), Ok(SecretsPlace::Vault("vault:kv/shops".to_owned())));
        for elsewhere in ["env:SECRETS", "gcp:projects/p/secrets/s", "aws:shops"] {
            assert!(elsewhere.parse::<SecretsPlace>().is_err(), "{elsewhere}");
        }
    }
}
