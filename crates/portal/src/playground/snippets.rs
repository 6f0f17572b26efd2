//! Programs for visitors to copy. They are the files in `examples/snippets`, which the tests run; only the address and the
//! client's id are filled in.

use tollgate_core::ClientId;

/// A program, as it is shown.
pub(super) struct Snippet {
    pub(super) language: &'static str,
    /// The element's id in the page.
    pub(super) id: &'static str,
    /// The name of the file for the program.
    pub(super) file: &'static str,
    pub(super) text: String,
    pub(super) setup: Setup,
}

/// How a program is run.
pub(super) enum Setup {
    /// By a single command.
    Command(&'static str),
    /// By a command, with this `Cargo.toml` beside the program.
    Manifest(&'static str, &'static str),
    /// By commands, the first of which install the package of its language.
    Commands(String),
}

const BASE_URL: &str = "http://127.0.0.1:8080";
const CLIENT_ID: &str = "00000000-0000-0000-0000-000000000000";

/// A file of `examples/snippets`.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../../../examples/snippets/", $name))
    };
}

/// Returns the programs, for this server and this client.
pub(super) fn all(base_url: &str, client_id: Option<ClientId>) -> [Snippet; 7] {
    let client_id = client_id.map(|id| id.to_string());
    let filled = |text: &str| {
        let text = text.replace(BASE_URL, base_url);
        client_id.as_ref().map_or_else(|| text.clone(), |id| text.replace(CLIENT_ID, id))
    };
    let packaged = |language, id, file, text: &str, commands: &str| Snippet {
        language,
        id,
        file,
        text: text.to_owned(),
        setup: Setup::Commands(filled(commands)),
    };
    [
        Snippet {
            language: "curl",
            id: "snippet-curl",
            file: "call.sh",
            text: filled(file!("call.sh")),
            setup: Setup::Command("sh call.sh"),
        },
        Snippet {
            language: "Rust",
            id: "snippet-rust",
            file: "src/main.rs",
            text: filled(file!("call.rs")),
            setup: Setup::Manifest("cargo run", file!("call.toml")),
        },
        packaged("Python", "snippet-python", "first.py", file!("first.py"), file!("python.sh")),
        packaged("Node", "snippet-node", "first.mjs", file!("first.mjs"), file!("node.sh")),
        packaged("Go", "snippet-go", "first.go", file!("first.go"), file!("go.sh")),
        packaged("Java", "snippet-java", "First.java", file!("First.java"), file!("java.sh")),
        packaged("PHP", "snippet-php", "first.php", file!("first.php"), file!("php.sh")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns everything that is shown of a program.
    fn shown(snippet: &Snippet) -> String {
        let setup = match &snippet.setup {
            Setup::Command(command) | Setup::Manifest(command, _) => command,
            Setup::Commands(commands) => commands.as_str(),
        };
        format!("{}{setup}", snippet.text)
    }

    #[test]
    fn each_program_has_a_place_for_the_address_and_the_client() {
        for snippet in all(BASE_URL, None) {
            let text = shown(&snippet);
            let places = (text.matches(BASE_URL).count(), text.matches(CLIENT_ID).count());
            assert_eq!(places, (1, 1), "{}", snippet.language);
        }
        let client = ClientId::from_bytes([7; 16]);
        for snippet in all("https://pay.example.com", Some(client)) {
            let text = shown(&snippet);
            assert!(text.contains("https://pay.example.com") && !text.contains(BASE_URL));
            assert!(text.contains(&client.to_string()) && !text.contains(CLIENT_ID));
        }
    }
}
