//! The console, as a browser sees it.

mod forms;
mod pages;
mod provider;
mod roles;
mod sessions;
mod tokens;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tollgate_admin::console;
use tollgate_config::Role;
use tollgate_store::{Actor, ActorKind, Record, RecordFilter, RecordOrder};

use crate::call::{Call, Reply};
use crate::stage::Stage;

/// Where the people are: at this machine.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const COOKIE: &str = "__Host-tollgate-console";
/// The origin of the console's pages.
const ORIGIN: &str = "http://localhost:9090";

/// A browser: it keeps its cookie, and sends what browsers send.
struct Browser {
    stage: Arc<Stage>,
    cookie: Option<String>,
}

impl Browser {
    fn at(stage: &Arc<Stage>) -> Self {
        Self { stage: stage.clone(), cookie: None }
    }

    /// A browser in which ada has signed in with these roles.
    async fn signed_in(stage: &Arc<Stage>, roles: &[Role]) -> Self {
        Self::signed_in_as(stage, "ada", roles).await
    }

    /// A browser in which somebody else has.
    async fn signed_in_as(stage: &Arc<Stage>, user: &str, roles: &[Role]) -> Self {
        let mut browser = Self::at(stage);
        let token = link_for(stage, user, roles).await;
        let reply = browser.sign_in(&token).await;
        assert_eq!((reply.status().as_u16(), reply.header("location")), (303, "/console"));
        browser
    }

    async fn sign_in(&mut self, token: &str) -> Reply {
        let form = encoded(&[("link", token)]);
        self.send(Call::post("/console/sign-in").form(&form)).await
    }

    async fn send(&mut self, call: Call) -> Reply {
        let call = call.header("host", "localhost:9090").header("accept", "text/html");
        let call = match &self.cookie {
            Some(cookie) => call.header("cookie", format!("{COOKIE}={cookie}")),
            None => call,
        };
        let reply = self.stage.answer_from(HERE, call.header("sec-fetch-site", "same-origin")).await;
        let set = reply.header("set-cookie").split(';').next().and_then(|pair| pair.split_once('='));
        if let Some((name, value)) = set {
            assert_eq!(name, COOKIE);
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        reply
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send(Call::get(path)).await
    }

    /// Sends the form of a page, with what is hidden in it and these fields.
    async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let page = self.get(path).await;
        assert_eq!(page.status(), 200, "{path}: {}", page.text());
        let mut all = hidden(page.text(), path);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send(Call::post(path).form(&encoded(&all))).await
    }

    /// What every form of this session carries.
    async fn form_token(&mut self) -> String {
        let page = self.get("/console").await;
        attribute(page.text(), "name=\"form_token\" value=\"")
    }
}

/// Makes a link for ada.
async fn link(stage: &Stage, roles: &[Role]) -> String {
    link_for(stage, "ada", roles).await
}

async fn link_for(stage: &Stage, user: &str, roles: &[Role]) -> String {
    let actor = Actor::new(ActorKind::CommandLine { user: "root".to_owned(), host: "gateway-1".to_owned() });
    let admin = stage.installation.administration();
    let link = console::link(&admin, &user.parse().unwrap(), roles, &actor).await.unwrap();
    link.token.to_string()
}

fn encoded(pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The hidden fields of the form that a page sends to this path.
fn hidden(html: &str, action: &str) -> Vec<(String, String)> {
    let form = html.split("<form ").skip(1).find(|form| form.contains(&format!("action=\"{action}\"")));
    let form =
        form.unwrap_or_else(|| panic!("no form goes to {action}: {html}")).split("</form>").next().unwrap();
    let inputs = form.split("<input type=\"hidden\" name=\"").skip(1);
    let pair = |input: &str| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        (name.to_owned(), rest.split('"').next().unwrap().to_owned())
    };
    inputs.map(pair).collect()
}

/// The value behind a text, up to the next quotation mark.
fn attribute(html: &str, before: &str) -> String {
    let (_, rest) = html.split_once(before).unwrap_or_else(|| panic!("no {before} in {html}"));
    rest.split('"').next().unwrap().to_owned()
}

async fn stage() -> Arc<Stage> {
    let settings = [("TOLLGATE_ADMIN__REQUESTS", "off")];
    Arc::new(Stage::with(&settings, |store| Arc::new(store)).await)
}

/// The newest record of the audit trail.
async fn last_record(stage: &Stage) -> Record {
    let all = RecordFilter::default();
    stage.elsewhere.records(&all, RecordOrder::NewestFirst, None, 1).await.unwrap().remove(0)
}
