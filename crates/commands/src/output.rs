//! What commands print: aligned text for people, or one JSON document.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::Value;
use tollgate_operator::Page;

use crate::failure::Failure;
use crate::printable::{acts_on_a_terminal, printable};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Aligned text.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Prints an object: its members with a line for each, or as JSON.
pub fn object(format: Format, object: &Value) -> Result<(), Failure> {
    written(print(format, object)).map(drop)
}

fn print(format: Format, object: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", document(object))?,
        Format::Text => write!(out, "{}", members(object))?,
    }
    out.flush()
}

/// Prints a client with a secret that is shown only once. Unlike for other output, it is a failure if nobody reads it.
pub(crate) fn new_secret(format: Format, client: &Value) -> Result<(), Failure> {
    let lost = match print(format, client) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => "nobody reads standard output".to_owned(),
        Err(error) => format!("standard output can't be written: {error}"),
    };
    let (id, secret) = (text(&client["client_id"]), text(&client["secret_id"]));
    Err(Failure::new(format!(
        "{lost}: client {id} has a new secret, {secret}, which is not shown again: \
         `tollgate secret create {id}`, then `tollgate secret revoke {id} {secret}`"
    )))
}

/// Prints an object as a line of JSON. Returns whether standard output is still read.
pub(crate) fn json_line(object: &Value) -> Result<Reader, Failure> {
    written(writeln!(io::stdout().lock(), "{}", document(object)))
}

/// Prints text as it is.
pub fn lines(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush())).map(drop)
}

/// Whether standard output is still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody may read it.
    There,
    /// Nobody reads it any more.
    Gone,
}

/// Checks the result of a write to standard output. A reader that has ended, such as `head`, is not a failure.
pub fn written(outcome: io::Result<()>) -> Result<Reader, Failure> {
    match outcome {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failure::new(format!("standard output can't be written: {error}"))),
    }
}

/// Returns the members of an object, with a line for each and their values aligned.
pub(crate) fn members(object: &Value) -> String {
    let members: Vec<_> = object.as_object().into_iter().flatten().collect();
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{:<width$}  {}\n", printable(name), text(value)))
        .collect();
    lines.concat()
}

/// Prints a complete list.
pub(crate) fn list(format: Format, columns: Columns, items: &[Value]) -> Result<(), Failure> {
    let mut list = List::start(format, columns)?;
    for item in items {
        list.item(item)?;
    }
    list.end()
}

/// Prints a list page by page, as long as it is read. `page` reads the page after a position, or the first one.
pub(crate) async fn pages(
    format: Format,
    columns: Columns,
    mut page: impl AsyncFnMut(Option<&str>) -> Result<Page, Failure>,
) -> Result<(), Failure> {
    let Page { mut items, mut next } = page(None).await?;
    let mut list = List::start(format, columns)?;
    loop {
        for item in &items {
            if list.item(item)? == Reader::Gone {
                return Ok(());
            }
        }
        let Some(after) = next else { return list.end() };
        Page { items, next } = page(Some(&after)).await?;
    }
}

/// The columns of a list, with their widths; 0 for the last one.
pub(crate) type Columns = &'static [(&'static str, usize)];

/// Prints a list item by item: with a line for each, or as one JSON array.
pub(crate) struct List {
    out: io::StdoutLock<'static>,
    format: Format,
    columns: Columns,
    printed: usize,
    reader: Reader,
}

impl List {
    /// Starts a list with these columns and their widths.
    pub(crate) fn start(format: Format, columns: Columns) -> Result<Self, Failure> {
        let mut list = Self { out: io::stdout().lock(), format, columns, printed: 0, reader: Reader::There };
        list.reader = written(match format {
            Format::Json => write!(list.out, "["),
            Format::Text => list.row(str::to_owned),
        })?;
        Ok(list)
    }

    /// Prints an item. Returns whether standard output is still read.
    pub(crate) fn item(&mut self, item: &Value) -> Result<Reader, Failure> {
        if self.reader == Reader::Gone {
            return Ok(Reader::Gone);
        }
        let separator = if self.printed == 0 { "" } else { "," };
        self.printed += 1;
        self.reader = written(match self.format {
            Format::Json => write!(self.out, "{separator}{}", document(item)),
            Format::Text => self.row(|name| text(&item[name])),
        })?;
        Ok(self.reader)
    }

    /// Ends the list, with the closing bracket of a JSON array.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        let end = match self.format {
            Format::Json => writeln!(self.out, "]"),
            Format::Text => Ok(()),
        };
        written(end.and_then(|()| self.out.flush())).map(drop)
    }

    fn row(&mut self, cell: impl Fn(&str) -> String) -> io::Result<()> {
        let cells: Vec<String> =
            self.columns.iter().map(|(name, width)| format!("{:<width$}", cell(name))).collect();
        writeln!(self.out, "{}", cells.join("  ").trim_end())
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text).into_owned(),
        other => document(other),
    }
}

/// Returns a JSON document in which characters that act on a terminal are escaped, too.
fn document(value: &Value) -> String {
    let mut document = String::new();
    for c in value.to_string().chars() {
        if acts_on_a_terminal(c) {
            // All of them are in the Basic Multilingual Plane, so that this is the whole escape (RFC 8259 §7).
            let _ = write!(document, "\\u{:04x}", u32::from(c));
        } else {
            document.push(c);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_of_other_people_moves_nothing_on_a_terminal() {
        let object = json!({"sub\u{1b}": "x\nvalid: as access token", "nested": {"\u{9b}": "\u{202e}"}});
        let shown = members(&object);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.chars().any(|c| c != '\n' && acts_on_a_terminal(c)), "{shown}");
    }

    #[test]
    fn a_json_document_says_the_same_without_a_character_that_acts() {
        let value = json!({"a\u{9b}": "b\u{202e}\u{7f}\u{1b}\n\u{feff}", "c": ["ë", 1, null]});
        let written = document(&value);
        assert!(!written.chars().any(acts_on_a_terminal), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
    }
}
