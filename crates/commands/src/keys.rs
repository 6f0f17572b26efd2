//! `tollgate key`: listing, rotating and publishing the signing keys.

use serde_json::json;
use tollgate_admin::keys;
use tollgate_core::Algorithm;
use tollgate_operator::Desk;
use tollgate_store::Access;

use crate::args::{KeyCommand, WhereArgs, Why};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::output::Format;
use crate::{open, output};

pub(crate) async fn run(command: KeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        KeyCommand::List { on } => list(&on, format).await,
        KeyCommand::Rotate { compromised, algorithm, confirm, on, why } => {
            rotate(&on, algorithm, compromised, (confirm, why), format).await
        }
        KeyCommand::Create { algorithm, on, why } => {
            let desk = open::desk_because(&on, Access::Create, why).await?;
            output::object(format, &desk.create_key(algorithm).await?)
        }
        KeyCommand::Export { public: _, pem, on } => export(&on, pem).await,
    }
}

/// Prints the public keys: a JSON Web Key Set, or PEM for programs that know no other form.
async fn export(on: &WhereArgs, pem: bool) -> Result<(), Failure> {
    let desk = open::desk(on, Access::Read).await?;
    let keys = desk.public_keys().await?;
    if keys.is_empty() {
        return Err(Failure::new(
            "there is no public key: every key is of HS256. Name another algorithm in the configuration, or add a key by \
             `tollgate key create --algorithm ES256`",
        ));
    }
    match (&desk, pem) {
        (_, false) => output::object(Format::Json, &json!({ "keys": keys })),
        (Desk::Store(opened, _), true) => {
            let keys = keys::public_keys(&opened.administration()).await?;
            output::lines(&keys.iter().map(|(_, key)| key.to_pem()).collect::<String>())
        }
        (Desk::Server(_), true) => Err(Failure::of_misuse(
            "a server shows its keys as a JSON Web Key Set: leave out --pem, or name the store",
        )),
    }
}

async fn list(on: &WhereArgs, format: Format) -> Result<(), Failure> {
    let desk = open::desk(on, Access::Read).await?;
    let columns = &[
        ("key_id", 36),
        ("phase", 11),
        ("algorithm", 9),
        ("activates_at", 20),
        ("retires_at", 20),
        ("advances_at", 20),
    ];
    output::list(format, columns, &desk.keys().await?)
}

/// Rotates the keys of one algorithm, or of all. With several algorithms, the results after the first are in `further`.
async fn rotate(
    on: &WhereArgs,
    algorithm: Option<Algorithm>,
    compromised: bool,
    (confirm, why): (Confirm, Why),
    format: Format,
) -> Result<(), Failure> {
    let desk = open::desk_because(on, Access::Change, why).await?;
    if compromised && confirm.asks() {
        let which = algorithm
            .map_or_else(|| "every signing key".to_owned(), |of| format!("the signing keys of {of}"));
        ask(&format!("End {which} of this store, and refuse every token that they have signed?"))?;
    }
    let mut added = desk.rotate_keys(algorithm, compromised).await?.into_iter();
    let mut first = added.next().ok_or_else(|| Failure::new("the server has added no key"))?;
    let further: Vec<_> = added.collect();
    if !further.is_empty() {
        first["further"] = further.into();
    }
    output::object(format, &first)
}
