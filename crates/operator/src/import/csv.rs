//! A CSV file (RFC 4180) whose first line names the columns.

use csv::{Position, Reader, StringRecord};
use tollgate_admin::import::OldClient;
use tollgate_core::EnvironmentError;

use super::line::{Line, hashed, known, name};

/// Reads the clients, a line each.
pub(super) fn read(file: &str, merchant_from: Option<&str>) -> Result<Vec<Line>, String> {
    let mut reader = Reader::from_reader(file.as_bytes());
    let columns = Columns::of(reader.headers().map_err(|error| error.to_string())?, merchant_from)?;
    let mut lines = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let at = format!("line {}", row.position().map_or(0, Position::line));
        let id = columns.get(&row, "client_id").unwrap_or_default().to_owned();
        lines.push(Line { at, id, client: columns.client(&row) });
    }
    Ok(lines)
}

/// The index of each column.
struct Columns<'a> {
    names: StringRecord,
    merchant: &'a str,
}

impl<'a> Columns<'a> {
    fn of(names: &StringRecord, merchant_from: Option<&'a str>) -> Result<Self, String> {
        let columns = Self { names: names.clone(), merchant: merchant_from.unwrap_or("merchant") };
        let has = |name| names.iter().filter(|column| column.trim() == name).count();
        for name in ["client_id", "name", "secret", "secret_hash", "scope", "environment", columns.merchant] {
            if has(name) > 1 {
                return Err(format!("two columns are called {name}"));
            }
        }
        if has("client_id") == 0 || has("secret") + has("secret_hash") == 0 {
            return Err(
                "its first line must name the columns client_id, and secret or secret_hash".to_owned()
            );
        }
        if merchant_from.is_some() && has(columns.merchant) == 0 {
            return Err(format!("no column is called {}", columns.merchant));
        }
        Ok(columns)
    }

    /// Returns the value in a column, if there is one.
    fn get<'r>(&self, row: &'r StringRecord, name: &str) -> Option<&'r str> {
        let at = self.names.iter().position(|column| column.trim() == name)?;
        row.get(at).filter(|value| !value.is_empty())
    }

    fn client(&self, row: &StringRecord) -> Result<OldClient, String> {
        let id = self.get(row, "client_id").ok_or("it has no client_id")?;
        let secrets = match (self.get(row, "secret"), self.get(row, "secret_hash")) {
            (Some(secret), None) => known(secret)?,
            (None, Some(hash)) => hashed(hash)?,
            (Some(_), Some(_)) => return Err("it has a secret and a hash: leave out one of them".to_owned()),
            (None, None) => return Err("it has no secret".to_owned()),
        };
        let environment = self.get(row, "environment").map(str::parse).transpose();
        let scope = self.get(row, "scope").unwrap_or_default();
        Ok(OldClient {
            name: name(self.get(row, "name"), id)?,
            environment: environment.map_err(|error: EnvironmentError| error.to_string())?,
            merchant: self.get(row, self.merchant).map(str::to_owned),
            scope: scope.split_ascii_whitespace().map(str::to_owned).collect(),
            id: id.to_owned(),
            secrets,
        })
    }
}
