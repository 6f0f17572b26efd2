//! Tests of lines on their way to an output that is slow, full or gone.

use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use serde_json::Value;
use tollgate_config::{LogFormat, LogLevel};
use tracing::Level;

use crate::{
    Guard,
    writer::{EVENTS, Lines},
};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_guard_writes_everything_before_it_goes() {
    let output = Output::default();
    let guard = start(&output, 1 << 20);
    for number in 0..1000 {
        guard.lines.append(format!("{number}\n").as_bytes(), Level::INFO);
    }
    drop(guard);
    let expected: Vec<String> = (0..1000).map(|number: u32| number.to_string()).collect();
    assert_eq!(output.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn events_and_requests_come_out_in_the_order_in_which_they_went_in() {
    let output = Output::default();
    let guard = start(&output, 1 << 20);
    let mut expected = String::new();
    for number in 0..1000 {
        let line = format!("{number}\n");
        if number % 7 == 0 {
            guard.lines.write_event(line.as_bytes());
            // A line that arrives while an event is being written may overtake it.
            assert!(guard.flush(PATIENCE));
        } else {
            guard.lines.append(line.as_bytes(), Level::INFO);
        }
        expected += &line;
    }
    drop(guard);
    assert_eq!(output.text(), expected);
}

#[test]
fn events_that_the_queue_has_no_room_for_are_counted_and_told_of() {
    let output = Output::default();
    output.block();
    let guard = start(&output, 1 << 20);
    let all = EVENTS + 100;
    for _ in 0..all {
        guard.lines.write_event(b"x\n");
    }
    output.unblock();
    assert!(guard.flush(PATIENCE));
    let dropped = guard.dropped();
    drop(guard);
    let text = output.text();
    let written = text.lines().filter(|line| *line == "x").count();
    assert!(dropped > 0 && written < all);
    assert!(dropped >= u64::try_from(all - written).unwrap(), "{dropped} of {all}, {written} written");
    assert!(text.ends_with(&format!("\"dropped\":{dropped}}}\n")), "{}", text.lines().last().unwrap());
}

#[test]
fn lines_are_dropped_and_counted_while_the_output_is_blocked() {
    let output = Output::default();
    output.block();
    let guard = start(&output, 100);
    let line = [b'x'; 9].into_iter().chain([b'\n']).collect::<Vec<u8>>();
    for _ in 0..25 {
        guard.lines.append(&line, Level::INFO);
    }
    assert_eq!(guard.dropped(), 15, "ten lines of ten bytes fit, taken or not");
    assert!(!guard.flush(Duration::from_millis(1)));
    output.unblock();
    assert!(guard.flush(PATIENCE));
    guard.lines.append(b"after\n", Level::INFO);
    drop(guard);
    let text = output.text();
    assert_eq!(text.matches("xxxxxxxxx\n").count(), 10);
    let notice: Vec<Value> = text
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(notice.len(), 1, "{text}");
    assert_eq!(notice[0]["dropped"], 15);
    assert_eq!(notice[0]["level"], "WARN");
}

#[test]
fn a_closed_output_is_left_alone_and_ends_nothing_else() {
    let output = Output::default();
    output.fail(ErrorKind::BrokenPipe);
    let guard = start(&output, 1 << 20);
    guard.lines.append(b"one\n", Level::ERROR);
    assert!(guard.flush(PATIENCE), "what can't be written any more is done with");
    guard.lines.append(b"two\n", Level::ERROR);
    drop(guard);
    assert_eq!(output.text(), "");
    assert_eq!(output.0.0.lock().unwrap().calls, 1);
}

#[test]
fn a_full_disk_costs_lines_that_are_counted_and_told_of() {
    let output = Output::default();
    output.fail(ErrorKind::StorageFull);
    let guard = start(&output, 1 << 20);
    guard.lines.append(b"one\ntwo\n", Level::ERROR);
    assert!(guard.flush(PATIENCE));
    assert_eq!(guard.dropped(), 2);
    output.unblock();
    guard.lines.append(b"three\n", Level::INFO);
    drop(guard);
    let text = output.text();
    assert!(text.starts_with("three\n"), "{text}");
    assert!(text.contains("\"dropped\":2}"), "{text}");
}

fn start(output: &Output, capacity: usize) -> Guard {
    Guard::start(LogFormat::Json, LogLevel::Info, output.clone(), capacity)
}

/// An output that can be blocked and broken.
#[derive(Clone, Default)]
struct Output(Arc<(Mutex<Content>, Condvar)>);

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    calls: usize,
    is_blocked: bool,
    error: Option<ErrorKind>,
}

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().bytes.clone()).unwrap()
    }

    fn block(&self) {
        self.0.0.lock().unwrap().is_blocked = true;
    }

    fn unblock(&self) {
        let mut content = self.0.0.lock().unwrap();
        content.is_blocked = false;
        content.error = None;
        self.0.1.notify_all();
    }

    fn fail(&self, error: ErrorKind) {
        self.0.0.lock().unwrap().error = Some(error);
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let content = self.0.0.lock().unwrap();
        let mut content = self.0.1.wait_while(content, |content| content.is_blocked).unwrap();
        content.calls += 1;
        if let Some(error) = content.error {
            return Err(error.into());
        }
        content.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_can_be_shared_between_threads() {
    fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Lines>();
}
