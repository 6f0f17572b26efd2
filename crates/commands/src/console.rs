//! `tollgate console`: makes links to sign in by, and signs people out.

use serde_json::json;
use tollgate_admin::{Administration, Name, console, unix_user};
use tollgate_config::{Role, is_private_url};
use tollgate_store::{Access, Actor};

use crate::actor::actor_because;
use crate::args::ConsoleCommand;
use crate::confirm::ask;
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output, say};

pub(crate) async fn run(command: ConsoleCommand, format: Format) -> Result<(), Failure> {
    match command {
        ConsoleCommand::Link { user, role, url, store, why } => {
            let opened = open::installation(&store, Access::Create).await?;
            let base = url.unwrap_or_else(|| opened.config.console_url());
            link(&opened.administration(), user, &role, &base, &actor_because(why), format).await
        }
        ConsoleCommand::SignOut { confirm, store, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            if confirm.asks() {
                ask("Sign everybody out of the console?")?;
            }
            console::sign_out_all(&opened.administration(), &actor_because(why)).await?;
            output::object(format, &json!({ "sessions": "ended" }))
        }
    }
}

async fn link(
    admin: &Administration<'_>,
    user: Option<Name>,
    roles: &[Role],
    base: &str,
    actor: &Actor,
    format: Format,
) -> Result<(), Failure> {
    if !admin.config.console.enabled {
        return Err(Failure::new(
            "the console is not served: set console.enabled = true and restart the server",
        ));
    }
    if !is_private_url(base) {
        return Err(Failure::new(format!(
            "{base} would take the link over plain HTTP, by which nobody can sign in: set [admin_tls] or console.url, or name the near \
             end of a tunnel with --url http://127.0.0.1:PORT"
        )));
    }
    let user = match user {
        Some(user) => user,
        None => {
            unix_user().parse().map_err(|_| Failure::new("nobody knows who you are: give --user NAME"))?
        }
    };
    let roles = if roles.is_empty() { &Role::ALL } else { roles };
    let link = console::link(admin, &user, roles, actor).await?;
    let roles: Vec<_> = roles.iter().map(|role| role.name()).collect();
    output::object(
        format,
        &json!({
            "url": format!("{base}/console/sign-in?link={}", *link.token),
            "user": user.as_str(),
            "roles": roles.join(" "),
            "expires_at": link.expires_at.rfc3339(),
        }),
    )?;
    say::note("whoever has the link can sign in: it is good once");
    Ok(())
}
