//! Reads the size of a database from its write-ahead log.
//!
//! The format is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The sizes in bytes of the log's header, and of a frame's header.
const HEADER: usize = 32;
const FRAME: usize = 24;

/// Returns the number of pages of the database after the last complete transaction in the log; `None` if there is none.
pub(crate) fn pages(log: &Path) -> io::Result<Option<u32>> {
    let mut log = BufReader::with_capacity(1 << 16, File::open(log)?);
    let mut header = [0; HEADER];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    let mut sum = Sum { of: [0; 2], big_endian: word(&header, 0) & 1 == 1 };
    sum.add(&header[..24]);
    let page = usize::try_from(word(&header, 8)).unwrap_or_default();
    if !sum.is(&header[24..]) || !(512..=65_536).contains(&page) {
        return Ok(None);
    }
    let (mut frame, mut content, mut pages) = ([0; FRAME], vec![0; page], None);
    while fill(&mut log, &mut frame)? && fill(&mut log, &mut content)? {
        sum.add(&frame[..8]);
        sum.add(&content);
        if frame[8..16] != header[16..24] || !sum.is(&frame[16..]) {
            break;
        }
        // Zero unless the transaction ends with this frame.
        match word(&frame, 4) {
            0 => {}
            size => pages = Some(size),
        }
    }
    Ok(pages)
}

/// The checksum of all that was added, computed as the log does.
struct Sum {
    of: [u32; 2],
    big_endian: bool,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let read = |at: usize| {
                let word = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
            };
            let first = self.of[0].wrapping_add(read(0)).wrapping_add(self.of[1]);
            self.of = [first, self.of[1].wrapping_add(read(4)).wrapping_add(first)];
        }
    }

    fn is(&self, written: &[u8]) -> bool {
        self.of == [word(written, 0), word(written, 4)]
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills `bytes` from the log. Returns `false` if the log ends before.
fn fill(log: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_size_is_that_of_the_last_whole_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("a.db"), folder.path().join("a.db-wal"));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (v)").unwrap();
        let mut sizes = Vec::new();
        for _ in 0..3 {
            connection.execute_batch("INSERT INTO t VALUES (zeroblob(9000))").unwrap();
            let size: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            sizes.push((fs::metadata(&log).unwrap().len(), size));
            assert_eq!(pages(&log).unwrap(), Some(size));
        }
        // A frame that was not written completely, or that overwrites part of an earlier one, doesn't count.
        let whole = fs::read(&log).unwrap();
        let (second, size) = sizes[1];
        let second = usize::try_from(second).unwrap();
        for cut in [second, second + 5, second + 2000, whole.len() - 1] {
            fs::write(&log, &whole[..cut]).unwrap();
            assert_eq!(pages(&log).unwrap(), Some(size), "{cut}");
        }
        let mut garbled = whole.clone();
        garbled[second + 2000] ^= 1;
        fs::write(&log, &garbled).unwrap();
        assert_eq!(pages(&log).unwrap(), Some(size));
        garbled[3] ^= 0x10;
        fs::write(&log, &garbled).unwrap();
        assert_eq!(pages(&log).unwrap(), None);
        fs::write(&log, "").unwrap();
        assert_eq!(pages(&log).unwrap(), None);
    }
}
