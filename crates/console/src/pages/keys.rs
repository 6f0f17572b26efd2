//! The pages of the signing keys, with their phases on a timeline.

use axum::routing::get;
use tollgate_admin::keys::{self, ListedKey};
use tollgate_admin::{AdminError, Operation};
use tollgate_core::Algorithm;
use tollgate_http::Problem;
use tollgate_keys::Phase;
use tollgate_server::error::Error;
use tollgate_store::Object;

use super::act::{again, asked, asked_before, done, done_or_asked, notice};
use super::page::{Cell, Field, Form, Link, Look, Page, Section, Table, Tag};
use super::routes::{Route, only};
use super::timeline::{Scale, Track};
use super::view;
use super::visit::{Outcome, Visit, page};

const PATH: &str = "/console/keys";
const COLUMNS: [&str; 6] = ["Algorithm", "Phase", "Timeline", "Signs from", "Next phase", "Id"];

/// Returns the routes of signing keys.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![(PATH, only("GET, HEAD", get(page(Some(Operation::ListKeys), list))))];
    routes.extend([Act::Rotate, Act::Compromised, Act::Create].map(|act| {
        let ask = move |visit| ask(visit, act);
        (act.path(), asked(act.operation(), ask, move |visit| perform(visit, act)))
    }));
    routes
}

async fn list(visit: Visit) -> Outcome {
    let admin = visit.administration();
    let (listed, now) = (keys::list(&admin).await?, admin.now().await?);
    let scale = Scale::of(&listed, now);
    let rows = listed.iter().rev().map(|key| row(key, &listed, scale)).collect();
    let table = Table::new(&COLUMNS, "There is no signing key.", rows);
    let lead = "A key waits until everybody knows it (pale), signs (green), verifies what it has signed (grey), and retires. The line is now.";
    let section = Section { lead: lead.to_owned(), table: Some(table), ..Section::new("All signing keys") };
    let mut page = Page::new(visit.frame(), "Signing keys")
        .lead("Tokens are signed by the newest key that everybody can know.");
    page.notice = notice(&visit)?;
    if visit.may(Operation::RotateKeys) {
        page.links = [Act::Rotate, Act::Create, Act::Compromised].map(Act::link).to_vec();
    }
    Ok(page.section(section).response())
}

fn row(listed: &ListedKey, keys: &[ListedKey], scale: Scale) -> Vec<Cell> {
    let key = &listed.key;
    let phase = match listed.phase {
        _ if key.compromised => Tag { text: "compromised", is_good: false },
        Some(phase @ Phase::Retired) => Tag { text: phase.as_str(), is_good: false },
        Some(phase) => Tag { text: phase.as_str(), is_good: true },
        None => Tag { text: "unknown", is_good: false },
    };
    vec![
        view::text(key.algorithm.as_str()),
        Cell::Tag(phase),
        Cell::Track(Track::of(listed, keys, scale)),
        view::time(key.activates_at),
        view::maybe_time(listed.advances_at, "not yet known"),
        view::code(&key.id),
    ]
}

/// An act on signing keys.
#[derive(Debug, Clone, Copy)]
enum Act {
    Rotate,
    Compromised,
    Create,
}

impl Act {
    const fn path(self) -> &'static str {
        match self {
            Self::Rotate => "/console/keys/rotate",
            Self::Compromised => "/console/keys/compromised",
            Self::Create => "/console/keys/new",
        }
    }

    const fn operation(self) -> Operation {
        match self {
            Self::Rotate => Operation::RotateKeys,
            Self::Compromised => Operation::ReplaceCompromisedKeys,
            Self::Create => Operation::CreateKey,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Rotate => "Rotate",
            Self::Compromised => "Replace compromised keys",
            Self::Create => "First key of an algorithm",
        }
    }

    const fn lead(self) -> &'static str {
        match self {
            Self::Rotate => {
                "A new key is added, which signs once everybody can know it. No valid token is refused."
            }
            Self::Compromised => {
                "A new key signs at once, and every token that the others have signed is refused from now on. Every client must log in again. This can't be undone."
            }
            Self::Create => {
                "It signs nothing until the configuration names its algorithm; those who verify can read it from now on."
            }
        }
    }

    fn link(self) -> Link {
        let look = if matches!(self, Self::Compromised) { Look::Danger } else { Look::Secondary };
        Link::new(self.path(), self.title(), look)
    }
}

async fn ask_page(visit: &Visit, act: Act) -> Result<Page, Error> {
    let there = keys::algorithms(&visit.administration()).await?;
    let mut choices = vec![("", if matches!(act, Act::Create) { "choose one" } else { "all of them" })];
    let is_offered = |one: &Algorithm| matches!(act, Act::Create) || there.contains(one);
    choices.extend(Algorithm::ALL.into_iter().filter(is_offered).map(|one| (one.as_str(), one.as_str())));
    let mut form = Form::post(act.path(), act.title(), PATH)
        .field(Field::choice("algorithm", "Algorithm", visit.form().text("algorithm"), &choices))
        .field(Field::reason(visit.form().text("reason")));
    if matches!(act, Act::Compromised) {
        form = form.field(Field::confirmation("Refuse every token that was signed so far"));
        form.look = Look::Danger;
    }
    let mut facts = Vec::new();
    if matches!(act, Act::Compromised) {
        for algorithm in there {
            facts.extend(asked_before(visit, act.operation(), &Object::Algorithm(algorithm)).await?);
        }
    }
    let section = Section { facts, form: Some(form), ..Section::new("Are you sure?") };
    let above = Link::new(PATH, "Keys", Look::Secondary);
    Ok(Page::new(visit.frame(), act.title()).below(above).lead(act.lead()).section(section))
}

async fn ask(visit: Visit, act: Act) -> Outcome {
    Ok(ask_page(&visit, act).await?.response())
}

async fn perform(visit: Visit, act: Act) -> Outcome {
    match checked(&visit, act) {
        Ok(algorithm) => Ok(done(PATH, done_with(&visit, act, algorithm).await?)),
        Err(error) => again(ask_page(&visit, act).await?, error),
    }
}

/// Returns the algorithm that is chosen in the form; `None` for all.
fn checked(visit: &Visit, act: Act) -> Result<Option<Algorithm>, Error> {
    let algorithm = visit.form().parsed("algorithm", "must be the name of an algorithm")?;
    if matches!(act, Act::Create) && algorithm.is_none() {
        return Err(Problem::new("algorithm", "must be chosen").into());
    }
    if matches!(act, Act::Compromised) {
        visit.form().check_confirmed()?;
    }
    Ok(algorithm)
}

async fn done_with(
    visit: &Visit,
    act: Act,
    algorithm: Option<Algorithm>,
) -> Result<&'static str, AdminError> {
    let (admin, actor) = (visit.administration(), visit.actor());
    match (act, algorithm) {
        (Act::Create, Some(algorithm)) => keys::create(&admin, algorithm, actor).await.map(|_| "added"),
        (Act::Create, None) => Ok("added"),
        (Act::Rotate, algorithm) => keys::rotate_all(&admin, algorithm, actor).await.map(|_| "added"),
        (Act::Compromised, algorithm) => {
            let replaced = keys::replace_all_compromised(&admin, algorithm, actor).await;
            done_or_asked(replaced.map(drop), "replaced")
        }
    }
}
