//! The document whose tables are written between markers.

use std::path::Path;
use std::{fs, io};

/// A text with places for tables: between the lines `<!-- NAME -->` and `<!-- end NAME -->`.
pub(crate) struct Document(String);

impl Document {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        fs::read_to_string(path).map(Self)
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, &self.0)
    }

    /// Puts `table` in the place `name`, which must be there.
    pub(crate) fn set(&mut self, name: &str, table: &str) -> io::Result<()> {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end {name} -->"));
        let places = self.0.find(&begin).map(|at| at + begin.len()).zip(self.0.find(&end));
        let (from, to) = places
            .filter(|(from, to)| from <= to)
            .ok_or_else(|| io::Error::other(format!("the document has no place `{name}`")))?;
        self.0.replace_range(from..to, &format!("\n{}\n\n", table.trim()));
        Ok(())
    }
}

/// A table in Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{}{rows}", line(&head), line(&rule))
}

/// A whole number with its thousands apart.
pub(crate) fn count(figure: f64) -> String {
    let digits = format!("{:.0}", figure.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes, in mebibytes.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_its_place_again_and_again() {
        let mut document = Document("a\n<!-- t -->\nold\n<!-- end t -->\nb\n".to_owned());
        for _ in 0..2 {
            document.set("t", &table(&["x"], &[vec!["1".to_owned()]])).unwrap();
        }
        assert_eq!(document.0, "a\n<!-- t -->\n\n| x |\n| --- |\n| 1 |\n\n<!-- end t -->\nb\n");
        assert!(document.set("u", "").is_err());
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([count(0.0), count(999.6), count(1_234_567.0)], ["0", "1,000", "1,234,567"]);
    }
}
