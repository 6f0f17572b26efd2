//! A file that records are streamed to, with a line of JSON for each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tollgate_admin::audit::Line;
use tollgate_keys::Link;

/// A size greater than that of the longest line, in bytes.
const TAIL: u64 = 1 << 20;

/// A file that records are appended to. A program that rotates it moves it away: the next record is written to a new file.
pub(super) struct StreamFile {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// The last record in it.
    last: Option<Link>,
}

impl StreamFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Appends lines, and returns once they are on the disk. Lines that the file already ends with are left out: a crash came
    /// before they were noted in the store.
    pub(super) async fn write(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let (path, open) = (self.path.clone(), self.open.take());
        let writing = tokio::task::spawn_blocking(move || {
            let mut open = match open.filter(|open| open.is_at(&path)) {
                Some(open) => open,
                None => Open::at(&path)?,
            };
            // After an error the file is opened again, and the part of a line that was written is cut off.
            open.append(&lines)?;
            Ok::<_, io::Error>(open)
        });
        self.open = Some(writing.await.map_err(io::Error::other)??);
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // Otherwise a power cut could undo the creation of the file.
            File::open(folder)?.sync_all()?;
        }
        let length = file.metadata()?.len();
        let from = length.saturating_sub(TAIL);
        let mut tail = Vec::new();
        let mut reader = &file;
        reader.seek(SeekFrom::Start(from))?;
        reader.read_to_end(&mut tail)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < tail.len() {
            file.set_len(from + whole as u64)?;
        }
        let last = tail[..whole].split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
        let last = last.and_then(|line| serde_json::from_slice(line).ok());
        let last = last.and_then(|line| Line::from_json(&line).ok()).map(|line| line.record.link);
        Ok(Self { file, last })
    }

    /// Says whether this is still the file at the path.
    fn is_at(&self, path: &Path) -> bool {
        let place = |found: io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
        place(path.metadata()).is_some_and(|there| place(self.file.metadata()) == Some(there))
    }

    fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let known = lines.iter().position(|line| Some(line.record.link) == self.last);
        let new = &lines[known.map_or(0, |known| known + 1)..];
        let mut text = Vec::new();
        for line in new {
            serde_json::to_writer(&mut text, &line.to_json())?;
            text.push(b'\n');
        }
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.last = lines.last().map(|line| line.record.link).or(self.last);
        Ok(())
    }
}
