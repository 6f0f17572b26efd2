//! Minting and verifying alone, as criterion has measured them.

use std::{fs, io};

use serde_json::Value;

use crate::document::table;
use crate::servers::{Setup, succeed};

pub(crate) fn run(setup: &Setup) -> io::Result<Vec<(&'static str, String)>> {
    let folder = setup.folder()?;
    let mut bench = setup.pinned(setup.server_core, setup.program("codec"));
    bench.arg("--bench").env("CRITERION_HOME", folder.path());
    if setup.quick {
        bench.args(["--warm-up-time", "0.2", "--measurement-time", "0.5"]);
    }
    succeed(&mut bench)?;
    let median = |group: &str, name: &str| -> io::Result<f64> {
        let file = folder.path().join(group).join(name).join("new/estimates.json");
        let json: Value = serde_json::from_slice(&fs::read(file)?)?;
        json["median"]["point_estimate"].as_f64().ok_or_else(|| io::Error::other("criterion has no median"))
    };
    let (raw, other_mint, other_verify) =
        (median("hmac", "rustcrypto")?, median("mint", "jsonwebtoken")?, median("verify", "jsonwebtoken")?);
    let mut rows = Vec::new();
    for (name, group, of, other) in [
        ("HMAC-SHA-256 of the signed bytes, RustCrypto, kept state", "hmac", "rustcrypto", None),
        ("the same, ring", "hmac", "ring", None),
        ("the same, aws-lc-rs", "hmac", "aws-lc-rs", None),
        ("**mint**, with a new `jti`", "mint", "tollgate", Some(other_mint)),
        ("`jsonwebtoken` encode", "mint", "jsonwebtoken", None),
        (
            "**verify**: signature, strict claims, time, issuer, audience",
            "verify",
            "tollgate",
            Some(other_verify),
        ),
        ("`jsonwebtoken` decode", "verify", "jsonwebtoken", None),
        ("hash of a client's secret", "secret", "hash", None),
    ] {
        let nanos = median(group, of)?;
        let faster = other.map_or_else(String::new, |other| format!("{:.1} times", other / nanos));
        rows.push(vec![name.to_owned(), format!("{nanos:.0} ns"), format!("{:.2}", nanos / raw), faster]);
    }
    Ok(vec![("codec", table(&["", "median", "of one raw HMAC", "faster than `jsonwebtoken`"], &rows))])
}
