//! What a job costs on this machine: memory of a server that remembers it, rows of a database.

use std::time::Duration;

use remora::server::simulation::{Footprint, Installation, footprint};

/// Jobs that are remembered.
const REMEMBERED: u32 = 200_000;
/// Jobs that are written.
const WRITTEN: u32 = 2_000;
/// Rows that are written for a job: wanted, claimed, begun, ended.
const ROWS: u32 = 4;

pub(crate) fn print() {
    let before = anonymous_memory();
    let installation = Installation::remembering(REMEMBERED);
    let each = (anonymous_memory() - before) / u64::from(REMEMBERED);
    let remembered = installation.counts(0).remembered;
    println!("{remembered} jobs that are done: {each} bytes of memory each");
    drop(installation);
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let written = runtime.block_on(footprint(folder.path(), WRITTEN));
    let Footprint { write_time, load_time } = written.expect("written");
    let rows = f64::from(WRITTEN * ROWS);
    println!(
        "SQLite: {} rows a second, {} jobs a second",
        rate(rows, write_time),
        rate(f64::from(WRITTEN), write_time)
    );
    println!("SQLite: {} jobs a second read at a start", rate(f64::from(WRITTEN), load_time));
    let file = folder.path().join("jobs.sqlite").metadata().expect("a file").len();
    println!("SQLite: {} bytes of file for each job", file / u64::from(WRITTEN));
}

fn rate(count: f64, time: Duration) -> u64 {
    (count / time.as_secs_f64()) as u64
}

/// Bytes of memory of this process that are in no file.
fn anonymous_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let number = line.trim().trim_end_matches("kB").trim();
    number.parse::<u64>().expect("a number") << 10
}
