//! `tollgate key`: listing, rotating and publishing the signing keys.

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Jwk, Phase};
use tollgate_server::admin::keys::{self, AddedKey};
use tollgate_store::Access;

use crate::actor::actor_because;
use crate::args::{Format, KeyCommand, StoreArgs, Why};
use crate::confirm::{Confirm, ask};
use crate::failure::Failure;
use crate::open;
use crate::output::{self, List};

pub(crate) async fn run(command: KeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        KeyCommand::List { store } => list(&store, format).await,
        KeyCommand::Rotate { compromised, algorithm, confirm, store, why } => {
            rotate(&store, algorithm, compromised, (confirm, why), format).await
        }
        KeyCommand::Create { algorithm, store, why } => {
            let opened = open::installation(&store, Access::Change).await?;
            let added = keys::create(&opened.administration(), algorithm, &actor_because(why)).await?;
            output::object(format, &shown(&added))
        }
        KeyCommand::Export { public: _, pem, store } => export(&store, pem).await,
    }
}

/// Prints the public keys: a JSON Web Key Set, or PEM for programs that know no other form.
async fn export(store: &StoreArgs, pem: bool) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let keys = keys::public_keys(&opened.administration()).await?;
    if keys.is_empty() {
        return Err(Failure::new(
            "there is no public key: every key is of HS256. Name another algorithm in the configuration, or add a key by \
             `tollgate key create --algorithm ES256`",
        ));
    }
    if pem {
        let all: Vec<_> = keys.iter().map(|(_, key)| key.to_pem()).collect();
        return output::lines(&all.concat());
    }
    let keys: Vec<_> = keys.iter().map(|(id, key)| Jwk::of(key, id.to_string())).collect();
    output::object(Format::Json, &json!({ "keys": keys }))
}

fn shown(added: &AddedKey) -> Value {
    json!({
        "key_id": added.id,
        "algorithm": added.algorithm.as_str(),
        "activates_at": output::time(added.activates_at),
        "others_retire_at": output::time(added.others_retire_at),
    })
}

async fn list(store: &StoreArgs, format: Format) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Read).await?;
    let columns = &[
        ("key_id", 36),
        ("phase", 11),
        ("algorithm", 9),
        ("activates_at", 20),
        ("retires_at", 20),
        ("advances_at", 20),
    ];
    let listed = keys::list(&opened.administration()).await?;
    let mut list = List::start(format, columns)?;
    for keys::ListedKey { key, phase, advances_at } in listed {
        list.item(&json!({
            "key_id": key.id,
            "phase": phase.map(Phase::as_str),
            "algorithm": key.algorithm.as_str(),
            "created_at": output::time(key.created_at),
            "activates_at": output::time(key.activates_at),
            "retires_at": key.retires_at.map(output::time),
            "advances_at": advances_at.map(output::time),
        }))?;
    }
    list.end()
}

/// Rotates the keys of one algorithm, or of all. With several, what became of the further ones stands in `further`.
async fn rotate(
    store: &StoreArgs,
    algorithm: Option<Algorithm>,
    compromised: bool,
    (confirm, why): (Confirm, Why),
    format: Format,
) -> Result<(), Failure> {
    let opened = open::installation(store, Access::Change).await?;
    let admin = opened.administration();
    if compromised && confirm.asks() {
        let which = algorithm
            .map_or_else(|| "every signing key".to_owned(), |of| format!("the signing keys of {of}"));
        ask(&format!("End {which} of this store, and refuse every token that they have signed?"))?;
    }
    let algorithms = match algorithm {
        Some(algorithm) => vec![algorithm],
        None => keys::algorithms(&admin).await?,
    };
    let (mut added, actor) = (Vec::new(), actor_because(why));
    for algorithm in algorithms {
        added.push(shown(&if compromised {
            keys::replace_compromised(&admin, algorithm, &actor).await?
        } else {
            keys::rotate(&admin, algorithm, &actor).await?
        }));
    }
    let further = added.split_off(1);
    let mut first = added.pop().expect("HS256 is always among them");
    if !further.is_empty() {
        first["further"] = further.into();
    }
    output::object(format, &first)
}
