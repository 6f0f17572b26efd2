//! Checks that an export leaves nothing out: it would be lost on the way to another engine.

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
    // The version of the schema, the leaders, the running servers and the time that has passed concern only the processes on this engine.
    let tables = names(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
             AND name NOT IN ('tollgate_schema', 'elected', 'servers', 'time_passed')",
    );
    assert_eq!(tables.len(), Table::ALL.len());
    for table in Table::ALL {
        let mut columns =
            names(&format!("SELECT name FROM pragma_table_info('{}') ORDER BY cid", table.name()));
        if table == Table::Installation {
            // The id is always 1, marks are internal to this engine, and SQLite itself keeps the number of the last change.
            columns.retain(|column| !["id", "purged_mark"].contains(&column.as_str()));
            columns.insert(2, "last_change".to_owned());
        }
        assert_eq!(columns.join(", "), table.column_names(), "{table:?}");
    }
}
