//! Reading a file while it is written: a blob is proved as it is compressed, not only afterwards.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far a file has been written.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    state: Mutex<Written>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Written {
    len: u64,
    done: bool,
}

impl Growth {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// The length of the file once it is more than `read`, or in the end.
    fn wait(&self, read: u64) -> u64 {
        let waiting = |state: &mut Written| state.len <= read && !state.done;
        let state = self.changed.wait_while(self.lock(), waiting);
        state.unwrap_or_else(PoisonError::into_inner).len
    }

    /// Says when it is dropped that the file is as long as it gets, so that nobody waits for ever.
    pub(crate) fn end_on_drop(&self) -> impl Drop + '_ {
        struct End<'a>(&'a Growth);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.change(|state| state.done = true);
            }
        }
        End(self)
    }
}

/// Writes through to a file that is followed.
pub(crate) struct Growing<'a, W> {
    out: W,
    growth: &'a Growth,
}

impl<'a, W: Write> Growing<'a, W> {
    pub(crate) fn new(out: W, growth: &'a Growth) -> Self {
        Growing { out, growth }
    }

    pub(crate) fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Write for Growing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.growth.change(|state| state.len += len as u64);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a file up to where it has been written, and waits there until there is more.
pub(crate) struct Follower<'a> {
    file: File,
    read: u64,
    growth: &'a Growth,
}

impl<'a> Follower<'a> {
    pub(crate) fn open(path: &Path, growth: &'a Growth) -> io::Result<Self> {
        Ok(Follower { file: File::open(path)?, read: 0, growth })
    }
}

impl Read for Follower<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.growth.wait(self.read) - self.read;
        let room = buffer.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        let len = self.file.read(&mut buffer[..room])?;
        self.read += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_reads_all_that_is_written_and_then_ends() {
        let written: Vec<u8> = (0..100_000u32).map(|i| (i / 7) as u8).collect();
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let growth = Growth::default();
        let mut read = Vec::new();
        std::thread::scope(|threads| {
            let follower = threads.spawn(|| {
                let mut follower = Follower::open(file.path(), &growth).expect("there");
                follower.read_to_end(&mut read).expect("readable");
            });
            let _end = growth.end_on_drop();
            let mut out = Growing::new(file.as_file(), &growth);
            written.chunks(777).for_each(|chunk| out.write_all(chunk).expect("room"));
            assert!(!follower.is_finished(), "the file may still grow");
        });
        assert!(read == written);
    }

    #[test]
    fn a_file_that_is_given_up_ends_where_it_is() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let growth = Growth::default();
        Growing::new(file.as_file(), &growth).write_all(b"half").expect("room");
        drop(growth.end_on_drop());
        let mut read = String::new();
        let mut follower = Follower::open(file.path(), &growth).expect("there");
        follower.read_to_string(&mut read).expect("readable");
        assert_eq!(read, "half");
    }
}
