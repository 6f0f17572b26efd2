//! Minting and verifying with each algorithm, against the primitive alone.

use std::io;

use serde::Deserialize;

use crate::document::{count, table};
use crate::servers::{Setup, succeed};

#[derive(Deserialize)]
struct Row {
    what: String,
    algorithm: String,
    reference: f64,
    own: f64,
    ratio: f64,
}

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let mut algorithms = setup.pinned(setup.server_core, setup.program("algorithms"));
    if setup.quick {
        algorithms.args(["--rounds", "3"]);
    }
    let rows: Vec<Row> = serde_json::from_slice(&succeed(&mut algorithms)?)?;
    let of = |what: &'static str| rows.iter().filter(move |row| row.what == what);
    let nanos = |figure: f64| format!("{} ns", count(figure));
    let ratio = |row: &Row| format!("{:.2}", row.ratio);
    let minted = of("mint").zip(of("verify")).map(|(mint, verify)| {
        vec![
            mint.algorithm.clone(),
            nanos(mint.reference),
            nanos(mint.own),
            ratio(mint),
            nanos(verify.reference),
            nanos(verify.own),
            ratio(verify),
        ]
    });
    let again = of("again").map(|row| vec![row.algorithm.clone(), nanos(row.own), ratio(row)]);
    let head =
        ["algorithm", "signature alone", "**mint**", "ratio", "verification alone", "**verify**", "ratio"];
    Ok(vec![
        ("algorithms", table(&head, &minted.collect::<Vec<_>>())),
        ("again", table(&["a token sent again", "decision", "of HS256"], &again.collect::<Vec<_>>())),
    ])
}
