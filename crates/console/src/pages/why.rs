//! The page that says why a token or a request is refused.

use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tollgate_admin::Operation;
use tollgate_core::Timestamp;
use tollgate_installation::inspect;
use tollgate_server::{Caller, KEPT, RefusedRequest};

use super::page::{Cell, Field, Form, Page, Section, Table, Tag, fact};
use super::routes::{Route, only};
use super::visit::{Outcome, Visit, page};
use super::{paths, view};

const PATH: &str = "/console/why";
const COLUMNS: [&str; 2] = ["Claim", "Value"];
const REFUSED: [&str; 9] =
    ["When", "Request", "Status", "Why", "Client", "Merchant", "Secret", "Token", "From"];

/// Returns the route. Users who may see revocations may see what they do to a token.
pub(super) fn routes() -> Vec<Route> {
    let operation = Some(Operation::ListRevocations);
    vec![(PATH, only("GET, HEAD, POST", get(page(operation, show)).post(page(operation, answer))))]
}

fn ask_page(visit: &Visit) -> Page {
    let hint = "A token, with Bearer before it or without, or the X-Request-Id of an answer.";
    let form = Form::post(PATH, "Find out", "/console")
        .field(Field::lines("about", "Token or request id", "").hint(hint));
    let section = Section { form: Some(form), ..Section::new("What was refused") };
    let lead =
        "A token is looked at here and kept nowhere. It is good for whoever has it: don't send it to others.";
    Page::new(visit.frame(), "Why was it refused?").lead(lead).section(section)
}

async fn show(visit: Visit) -> Outcome {
    Ok(ask_page(&visit).response())
}

async fn answer(visit: Visit) -> Outcome {
    let about = visit.form().text("about");
    let about = about.strip_prefix("Bearer ").unwrap_or(about).trim();
    let answer = if about.is_empty() {
        None
    } else if is_request_id(about) {
        Some((of_request(&visit, about), None))
    } else {
        Some(of_token(&visit, about).await?)
    };
    let page = ask_page(&visit);
    Ok(answer
        .into_iter()
        .fold(page, |page, (verdict, claims)| {
            let page = page.section(verdict);
            claims.into_iter().fold(page, Page::section)
        })
        .response())
}

/// Says whether a text is a request id: tokens have three parts, or a header that no id has.
fn is_request_id(text: &str) -> bool {
    let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_of_one) && text.matches('.').count() < 2
}

/// Says why a request was refused, if this server refused it recently; otherwise says where to look.
fn of_request(visit: &Visit, id: &str) -> Section {
    let found = visit.state().refused().with_id(id);
    if found.is_empty() {
        return of_the_log(id);
    }
    let rows = found.iter().map(refused).collect();
    let table = Table::new(&REFUSED, "Nothing.", rows);
    let lead = "By this server. The caller was told less.".to_owned();
    Section { lead, table: Some(table), ..Section::new("Why it was refused") }
}

fn refused(request: &RefusedRequest) -> Vec<Cell> {
    let Caller { claimed, verified, exists: _, merchant, secret, token } = request.caller;
    let client = match (request.caller.known(), claimed) {
        (Some(id), _) => view::link(paths::client(id), id.to_string()),
        (None, Some(id)) => view::code(&id),
        (None, None) => Cell::Nothing("none named"),
    };
    let or_nothing = |id: Option<String>| id.map_or(Cell::Nothing("unknown"), Cell::Code);
    let proof = if verified.is_some() { "proved" } else { "not proved" };
    vec![
        view::time(request.at),
        Cell::Code(format!("{} {}", request.method, request.route)),
        view::text(request.status.to_string()),
        view::text(request.reason.clone()),
        Cell::Many(vec![client, view::text(proof)]),
        merchant.map_or(Cell::Nothing("unknown"), |id| view::link(paths::merchant(id), id.to_string())),
        or_nothing(secret.map(|id| id.to_string())),
        or_nothing(token.map(|id| id.to_string())),
        or_nothing(request.source.map(|source| source.to_string())),
    ]
}

/// Says where to look for a request that is not among those that this server refused recently.
fn of_the_log(id: &str) -> Section {
    let lead = format!(
        "It is not among the {KEPT} requests that this server refused last. The log of the server that answered has it: its line says the \
         client, the token, and the reason that the caller was not told. An act of administration has its request id in the audit trail, too."
    );
    let facts = vec![
        fact("With systemd", Cell::Code(format!("journalctl -u tollgate -g {id}"))),
        fact("In a file", Cell::Code(format!("grep {id} LOG"))),
    ];
    Section { lead, facts, ..Section::new("Find it in the log") }
}

async fn of_token(
    visit: &Visit,
    token: &str,
) -> Result<(Section, Option<Section>), tollgate_server::error::Error> {
    let installation = visit.state().installation();
    installation.catch_up().await?;
    let verdict = inspect(installation.verifier(), installation.store(), token, installation.now()).await?;
    let tag = match &verdict.reason {
        None => Tag { text: "accepted", is_good: true },
        Some(_) => Tag { text: "refused", is_good: false },
    };
    let reason = verdict.reason.clone().unwrap_or_else(|| "it is valid now".to_owned());
    let facts = vec![
        fact("Verdict", Cell::Tag(tag)),
        fact("Why", view::text(reason)),
        fact(
            "What it is",
            verdict.kind.map_or(Cell::Nothing("no key here has signed it"), |kind| {
                view::text(format!("{kind} token"))
            }),
        ),
    ];
    let section = Section { facts, ..Section::new("What would become of it") };
    Ok((section, claims(token, verdict.kind.is_some())))
}

/// Shows the claims of a token, whoever has signed it.
fn claims(token: &str, is_own: bool) -> Option<Section> {
    /// The longest token; a longer one is refused unread.
    const LONGEST: usize = 4096;
    let payload = token.split('.').nth(1).filter(|_| token.len() <= LONGEST)?;
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let rows =
        claims.iter().map(|(name, value)| vec![Cell::Code(name.clone()), shown(name, value)]).collect();
    let lead = if is_own { "" } else { "Anybody may have written this: its signature does not hold." };
    let table = Table::new(&COLUMNS, "Nothing.", rows);
    Some(Section { lead: lead.to_owned(), table: Some(table), ..Section::new("What it says") })
}

fn shown(name: &str, value: &Value) -> Cell {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (name, value.as_u64()) {
        ("iat" | "exp" | "nbf", Some(seconds)) => {
            let time = Timestamp::from_seconds(seconds);
            Cell::Many(vec![view::time(time), Cell::Code(text)])
        }
        ("sub", _) => text.parse().map_or(Cell::Code(text.clone()), |id| view::link(paths::client(id), text)),
        ("merchant_id", _) => {
            text.parse().map_or(Cell::Code(text.clone()), |id| view::link(paths::merchant(id), text))
        }
        _ => Cell::Code(text),
    }
}
