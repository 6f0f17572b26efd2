//! Programs to take along. They are the files in `examples/snippets`, which the tests run; only the address and the
//! client's id are filled in.

use tollgate_core::ClientId;

/// A program, as it is shown.
pub(super) struct Snippet {
    pub(super) language: &'static str,
    /// Names it in the page.
    pub(super) id: &'static str,
    /// What it is run by.
    pub(super) run: &'static str,
    pub(super) text: String,
    /// What its package depends on, where it has to be a package.
    pub(super) manifest: Option<&'static str>,
}

const BASE_URL: &str = "http://127.0.0.1:8080";
const CLIENT_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The `Cargo.toml` of the program in Rust, for a folder beside a clone of the repository.
const MANIFEST: &str = include_str!("../../../../examples/snippets/call.toml");

const FILES: [(&str, &str, &str, &str); 4] = [
    ("curl", "snippet-curl", "sh call.sh", include_str!("../../../../examples/snippets/call.sh")),
    ("Rust", "snippet-rust", "cargo run", include_str!("../../../../examples/snippets/call.rs")),
    ("Python", "snippet-python", "python3 call.py", include_str!("../../../../examples/snippets/call.py")),
    ("Node", "snippet-node", "node call.mjs", include_str!("../../../../examples/snippets/call.mjs")),
];

/// The programs, for this server and this client.
pub(super) fn all(base_url: &str, client_id: Option<ClientId>) -> Vec<Snippet> {
    let client_id = client_id.map(|id| id.to_string());
    let filled = |text: &str| {
        let text = text.replace(BASE_URL, base_url);
        client_id.as_ref().map_or_else(|| text.clone(), |id| text.replace(CLIENT_ID, id))
    };
    let snippet = |(language, id, run, text)| {
        let manifest = (language == "Rust").then_some(MANIFEST);
        Snippet { language, id, run, text: filled(text), manifest }
    };
    FILES.map(snippet).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_a_place_for_the_address_and_the_client() {
        for (language, _, _, text) in FILES {
            assert_eq!(
                (text.matches(BASE_URL).count(), text.matches(CLIENT_ID).count()),
                (1, 1),
                "{language}"
            );
        }
        let client = ClientId::from_bytes([7; 16]);
        for snippet in all("https://pay.example.com", Some(client)) {
            assert!(snippet.text.contains("https://pay.example.com") && !snippet.text.contains(BASE_URL));
            assert!(snippet.text.contains(&client.to_string()) && !snippet.text.contains(CLIENT_ID));
        }
    }
}
