//! The recipe for Traefik: run where somebody has it, and by what it was recorded to ask elsewhere.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use super::recipes::{NGINX, recipe};
use super::tollgate::Tollgate;
use super::{Answers, Parts, Recipe};
use crate::harness::Connection;
use crate::proxies::with;

pub(super) const TRAEFIK: Recipe = Recipe { answers: Answers::Whole, configure: traefik, ..NGINX };

fn traefik(parts: &Parts<'_>) -> Command {
    traefik_requiring("?scope=payments:read&env=test", parts)
}

/// Traefik with what it requires in the query of its question.
pub(super) fn traefik_requiring(query: &str, parts: &Parts<'_>) -> Command {
    let file = |name: &str| parts.folder.join(name).display().to_string();
    let between = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let routes = with(
        &recipe("traefik-routes.yml"),
        &[
            ("http://127.0.0.1:8080", &format!("http://{}", parts.tollgate.address())),
            ("127.0.0.1:8081", &between),
            ("http://127.0.0.1:9000", &format!("http://{}", parts.api)),
            ("Host(`api.example.com`)", "Host(`localhost`)"),
            ("      tls: {}\n", ""),
            ("?scope=payments:read&env=live", query),
        ],
    );
    let main = with(
        &recipe("traefik.yml"),
        &[
            (r#"":443""#, &format!("\"{}\"", parts.proxy)),
            ("      tls: {}\n", ""),
            ("127.0.0.1:8081", &between),
            ("/etc/traefik/traefik-routes.yml", &file("traefik-routes.yml")),
        ],
    );
    fs::write(parts.folder.join("traefik-routes.yml"), routes).unwrap();
    fs::write(parts.folder.join("traefik.yml"), main).unwrap();
    let mut command = Command::new("traefik");
    command.args(["--configFile", "traefik.yml"]);
    command
}

/// Where the program can't be had, this is what shows that its questions are answered.
#[test]
fn tollgate_answers_what_traefik_was_recorded_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "trusted_proxies = [\"127.0.0.1/32\"]\nauthz.enabled = true";
    let tollgate = Tollgate::serve(folder.path(), settings);
    let (access, _) = tollgate.tokens();
    let recorded = include_str!("traefik/questions.txt");
    for question in recorded.split("\n# ").skip(1) {
        let (expected, question) = question.split_once('\n').unwrap();
        assert!(asks_by_the_recipe(question), "record the questions again, by Traefik: {question}");
        let question = question.trim_end().replace("TOKEN", &access).replace("env=live", "env=test");
        let mut connection = Connection::open(tollgate.api.0).unwrap();
        connection.write(&(question.replace('\n', "\r\n") + "\r\n\r\n")).unwrap();
        let answer = connection.answer().unwrap();
        assert_eq!(answer.status.to_string(), expected[..3], "{expected}: {answer:?}");
        assert!(answer.body.len() <= 4_096, "Traefik reads no more");
        let identity = ["client-id", "merchant-id", "scope", "env", "token-id"];
        for name in identity.map(|name| format!("x-tollgate-{name}")) {
            // By these the recipe replaces whatever a caller sends.
            assert_eq!(
                answer.header(&name).is_some_and(|value| !value.is_empty()),
                answer.status == 200,
                "{name}"
            );
        }
    }
}

/// Whether the recipe is still the one by which a question was recorded.
fn asks_by_the_recipe(question: &str) -> bool {
    let recipe = recipe("traefik-routes.yml");
    let target = question.split(' ').nth(1).unwrap();
    let forward_auth = format!(
        "      forwardAuth:
        address: http://127.0.0.1:8081{target}
        # What a caller says in X-Forwarded-… doesn't count.
        trustForwardHeader: false
        # They take the place of whatever a caller sends under such a name, in any spelling.
        authResponseHeadersRegex: (?i)tollgate
        maxResponseBodySize: 4096
"
    );
    let unsaid = ["Forwarded", "X-Original-Method", "X-Original-Uri"];
    recipe.contains(&forward_auth)
        && recipe.contains("middlewares: [unsaid, payments-read, without-token]")
        && unsaid.iter().all(|name| recipe.contains(&format!("          {name}: \"\"\n")))
        && !question.lines().any(|line| unsaid.iter().any(|name| line.starts_with(&format!("{name}:"))))
}
