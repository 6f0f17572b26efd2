//! What an export leaves out would be lost on the way to another engine.

use tollgate_store::Table;

use super::{fixture, raw};

#[test]
fn every_table_and_column_is_exported() {
    let fixture = fixture();
    let connection = raw(&fixture.path);
    let names = |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<Vec<String>, _>>().unwrap()
    };
    // The version of the schema, who is elected, who runs, and what time has passed, is for the processes that run on this engine.
    let tables = names(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
             AND name NOT IN ('tollgate_schema', 'elected', 'servers', 'time_passed')",
    );
    assert_eq!(tables.len(), Table::ALL.len());
    for table in Table::ALL {
        let mut columns =
            names(&format!("SELECT name FROM pragma_table_info('{}') ORDER BY cid", table.name()));
        if table == Table::Installation {
            // The id is always 1, marks are a matter of this engine, and the number of the last change is SQLite's own to keep.
            columns.retain(|column| !["id", "purged_mark"].contains(&column.as_str()));
            columns.insert(2, "last_change".to_owned());
        }
        assert_eq!(columns.join(", "), table.column_names(), "{table:?}");
    }
}
