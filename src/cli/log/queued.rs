//! A log that never waits for its reader: lines queue for a thread that writes them, and lines that
//! find the queue full are counted instead.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for a slow reader: some seconds of a busy server.
const MAX_LINES: usize = 1_024;
/// Bytes that they may have: a line is some hundred long, but a panic's may be longer.
const MAX_BYTES: u64 = 1 << 20;
/// How long the last lines may take when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Between two looks whether the last lines are written.
const LOOK: Duration = Duration::from_millis(5);

/// Puts lines into the queue.
#[derive(Clone)]
pub(in crate::cli) struct Queued {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    /// Bytes of lines that are not written yet.
    waiting: Arc<AtomicU64>,
}

impl Queued {
    /// Waits a moment for the lines that are not written yet: the program ends.
    pub(in crate::cli) fn finish(&self) {
        let end = Instant::now() + LAST_LINES;
        while self.waiting.load(Ordering::Acquire) > 0 && Instant::now() < end {
            thread::sleep(LOOK);
        }
    }
}

/// Starts the thread that writes to `sink`. `notice` words how many lines were dropped.
pub(super) fn queued(
    sink: impl Write + Send + 'static,
    notice: fn(u64) -> String,
) -> io::Result<Queued> {
    let (lines, queue) = sync_channel(MAX_LINES);
    let dropped = Arc::new(AtomicU64::new(0));
    let waiting = Arc::new(AtomicU64::new(0));
    let (count, written) = (Arc::clone(&dropped), Arc::clone(&waiting));
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || drain(&queue, sink, &count, &written, notice))?;
    Ok(Queued { lines, dropped, waiting })
}

fn drain(
    queue: &Receiver<Vec<u8>>,
    mut sink: impl Write,
    dropped: &AtomicU64,
    waiting: &AtomicU64,
    notice: fn(u64) -> String,
) {
    while let Ok(line) = queue.recv() {
        // A reader that is gone may not end the server; a later one may come (a named pipe).
        let _ = sink.write_all(&line);
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = sink.write_all(notice(lost).as_bytes());
        }
        waiting.fetch_sub(line.len() as u64, Ordering::Release);
    }
}

impl Write for Queued {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bytes = line.len() as u64;
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > MAX_BYTES || self.lines.try_send(line.to_vec()).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queued {
    type Writer = Queued;

    fn make_writer(&'a self) -> Queued {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted_without_waiting() {
        let (reader, writer) = io::pipe().unwrap();
        let mut log = queued(writer, |lost| format!("dropped {lost}\n")).unwrap();
        let (done, written) = channel();
        let lines = MAX_LINES * 3;
        thread::spawn(move || {
            for _ in 0..lines {
                log.write_all(&[b"x".repeat(1_023), b"\n".to_vec()].concat()).unwrap();
            }
            done.send(log).unwrap();
        });
        let log = written.recv_timeout(Duration::from_secs(20)).expect("writing must not wait");
        drop(log);
        let (mut kept, mut dropped) = (0, 0);
        for line in BufReader::new(reader).lines().map(Result::unwrap) {
            match line.strip_prefix("dropped ") {
                Some(count) => dropped += count.parse::<usize>().unwrap(),
                None => kept += 1,
            }
        }
        assert!(dropped > 0, "the pipe holds all lines");
        assert_eq!(kept + dropped, lines);
    }
}
