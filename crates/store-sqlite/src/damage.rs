//! Finds damage in the file and its schema.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result};

use crate::open::{self, STEPS};

/// The most problems of the file that are listed.
const LISTED: u32 = 20;

/// Lists what is wrong with the file and the schema.
pub(crate) fn damage(connection: &Connection) -> Result<Vec<String>> {
    let mut found = of_file(connection, LISTED)?;
    found.extend(of_references(connection)?);
    found.extend(of_schema(connection)?);
    Ok(found)
}

/// Lists up to `most` inconsistencies in the file, as SQLite finds them.
pub(crate) fn of_file(connection: &Connection, most: u32) -> Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({most})"))?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").map(|line| line.replace('\n', ", ")).collect())
}

fn of_references(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY \"table\", parent",
    )?;
    let found = statement.query_map([], |row| {
        let (table, parent, rows): (String, String, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!("{rows} rows of {table} refer to rows of {parent} that are not there"))
    })?;
    found.collect()
}

/// Compares the schema with the schema of a new store. Additions by a newer program are not compared.
fn of_schema(connection: &Connection) -> Result<Vec<String>> {
    let new = Connection::open_in_memory()?;
    STEPS.iter().try_for_each(|step| new.execute_batch(step.sql))?;
    let (expected, found) = (schema(&new)?, schema(connection)?);
    let missing = expected.keys().filter(|name| !found.contains_key(*name));
    let mut wrong: Vec<String> = missing.map(|name| format!("{name} is missing from the schema")).collect();
    if open::schema(connection)?.check_whole().is_err() {
        return Ok(wrong);
    }
    for (name, sql) in &found {
        match expected.get(name) {
            None => wrong.push(format!("{name} is in the schema, and not Tollgate's")),
            Some(expected) if expected != sql => wrong.push(format!("{name} has another form in the schema")),
            Some(_) => {}
        }
    }
    Ok(wrong)
}

/// Returns the statements that create the schema, by the kind and name of the object that they create.
fn schema(connection: &Connection) -> Result<BTreeMap<String, String>> {
    connection
        .prepare(
            "SELECT type || ' ' || name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
