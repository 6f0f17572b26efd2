//! Processes that never outlive their test.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::{PATIENCE, eventually};

/// The binary, in the folder `cwd`, with an empty environment.
pub(crate) fn tollgate(cwd: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.current_dir(cwd).env_clear().args(args);
    command
}

/// A shell that runs `script`, in the folder `cwd`; `$TOLLGATE` is the binary.
pub(crate) fn shell(cwd: &Path, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.current_dir(cwd).env("TOLLGATE", env!("CARGO_BIN_EXE_tollgate")).args(["-c", script]);
    command
}

/// The library that `faketime` preloads, for the environment of a program. The command itself fails where a process that had
/// its id was killed, and has left a semaphore.
pub(crate) fn faketime_library(cwd: &Path) -> String {
    let script = r#"grep -aom1 '/[!-~]*libfaketime\.so\.1' "$(command -v faketime)""#;
    finish(&mut shell(cwd, script)).succeeded().stdout.trim().to_owned()
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    Process::spawn(command).finish()
}

/// Runs a command that must fail, and returns the one line that it says on standard error.
pub(crate) fn fails(command: &mut Command) -> String {
    fails_with(command, 1)
}

/// Runs a command that fails because an argument is wrong, and returns the one line that it says.
pub(crate) fn is_misused(command: &mut Command) -> String {
    fails_with(command, 2)
}

fn fails_with(command: &mut Command, code: i32) -> String {
    let finished = finish(command);
    assert_eq!(finished.code, Some(code), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    assert!(finished.stderr.starts_with("tollgate: "), "{finished:?}");
    finished.stderr
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// Without the notes.
    pub(crate) stderr: String,
    /// What it said on standard error of what it acted on, and of what is good to know.
    pub(crate) notes: String,
}

impl Finished {
    /// Its standard output, which must be one JSON document and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Itself, if it succeeded and said nothing on standard error but notes.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self
    }
}

/// A running process; dropping it kills it.
pub(crate) struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_with_input(command, "")
    }

    /// Starts a process and writes `input` to its standard input.
    pub(crate) fn spawn_with_input(command: &mut Command, input: &str) -> Self {
        let mut process = Self::spawn_on(command, Stdio::piped());
        // A process that doesn't read it may have ended already.
        let _ = process.child.stdin.take().unwrap().write_all(input.as_bytes());
        process
    }

    /// Starts a process whose standard input is this.
    pub(crate) fn spawn_on(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads its standard output until `find` finds in it what it looks for.
    pub(crate) fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> T {
        self.stdout.wait_for(find).unwrap_or_else(|stdout| {
            panic!("it never said so:\n{stdout}\n{}", self.stderr.text());
        })
    }

    /// Reads its standard output likewise; `None` if it ends without having said it.
    pub(crate) fn wait_for_or_end<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.stdout.wait_for(find).ok()
    }

    /// Sends a signal (`TERM`, `INT`, …).
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // It fails only if the process has ended already.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        let status: ExitStatus = eventually("the process's end", PATIENCE, || self.child.try_wait().unwrap());
        let (stdout, stderr) = (self.stdout.end(), self.stderr.end());
        let (notes, stderr) = stderr.split_inclusive('\n').partition(|line| line.starts_with("note: "));
        Finished { code: status.code(), stdout, stderr, notes }
    }

    /// What it has said so far, on both.
    pub(crate) fn said(&self) -> String {
        self.stdout.text() + &self.stderr.text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a process says, read as it comes so that it never blocks.
struct Output {
    shared: Arc<(Mutex<Said>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    fn collect(mut from: impl Read + Send + 'static) -> Self {
        let shared = Arc::<(Mutex<Said>, Condvar)>::default();
        let said = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = from.read(&mut buffer).unwrap_or(0);
                let mut state = said.0.lock().unwrap();
                state.bytes.extend_from_slice(&buffer[..read]);
                state.ended = read == 0;
                said.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { shared, reader: Some(reader) }
    }

    fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let (said, more) = &*self.shared;
        let mut found = None;
        let waiting = |said: &mut Said| {
            found = find(&String::from_utf8_lossy(&said.bytes));
            found.is_none() && !said.ended
        };
        drop(more.wait_timeout_while(said.lock().unwrap(), PATIENCE, waiting).unwrap());
        found.ok_or_else(|| self.text())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.0.lock().unwrap().bytes).into_owned()
    }

    fn end(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.text()
    }
}
