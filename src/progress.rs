//! How long work reports how far it is. The library only calls these; the command line draws.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// A stage of the work, in the order a delta goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Layers come in from where the image lives; counted in compressed bytes.
    Fetch,
    /// The base is searched for what the target shares with it; counted in target bytes.
    Index,
    /// Commands are chosen; counted in target bytes.
    Encode,
    /// Rebuilt layers are hashed; counted in target bytes.
    Verify,
    /// Blobs go out to where the result was asked to be; counted in blob bytes.
    Push,
    /// Files are written; counted in bytes of content.
    Unpack,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Stage; 6] =
        [Stage::Fetch, Stage::Index, Stage::Encode, Stage::Verify, Stage::Push, Stage::Unpack];

    /// The stage's name as people see it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Fetch => "fetch",
            Stage::Index => "index",
            Stage::Encode => "encode",
            Stage::Verify => "verify",
            Stage::Push => "push",
            Stage::Unpack => "unpack",
        }
    }
}

/// Receives progress. Calls come from any thread, often; an implementation must be cheap.
pub trait Progress: Send + Sync {
    /// `units` more (bytes) are to be done in `stage`.
    fn expect(&self, stage: Stage, units: u64);
    /// `units` more (bytes) of `stage` are done.
    fn advance(&self, stage: Stage, units: u64);
    /// Whether the work is to stop where it is. The question is asked now and then; what was not finished
    /// leaves nothing behind.
    fn cancelled(&self) -> bool {
        false
    }
    /// Whether reports are to say how much memory the work took. If so, a thread looks at the process's
    /// memory a hundred times a second while the work goes on.
    fn measures_memory(&self) -> bool {
        false
    }
    /// Something worth a line to a person, for instance a retry.
    fn note(&self, line: &str) {
        tracing::info!("{line}");
    }
}

/// The work was told to stop, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before the end, as asked")]
pub struct Cancelled;

/// Tells `progress` of `units` more that are done in `stage`. Returns whether to go on.
pub(crate) fn advanced(progress: &dyn Progress, stage: Stage, units: u64) -> bool {
    if units > 0 {
        progress.advance(stage, units);
    }
    !progress.cancelled()
}

/// Fails if the work is to stop.
pub(crate) fn check(progress: &dyn Progress) -> Result<(), Cancelled> {
    if progress.cancelled() { Err(Cancelled) } else { Ok(()) }
}

impl From<Cancelled> for io::Error {
    /// For a [`Read`] or [`Write`] that has to report it.
    fn from(error: Cancelled) -> Self {
        io::Error::other(error)
    }
}

/// Reports to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn expect(&self, _stage: Stage, _units: u64) {}
    fn advance(&self, _stage: Stage, _units: u64) {}
}

/// Progress that is passed on to another, but for what an implementation does itself.
pub(crate) trait PassedOn: Send + Sync {
    /// The other.
    fn inner(&self) -> &dyn Progress;

    fn expect(&self, stage: Stage, units: u64) {
        self.inner().expect(stage, units);
    }

    fn advance(&self, stage: Stage, units: u64) {
        self.inner().advance(stage, units);
    }

    fn cancelled(&self) -> bool {
        self.inner().cancelled()
    }
}

impl<P: PassedOn> Progress for P {
    fn expect(&self, stage: Stage, units: u64) {
        PassedOn::expect(self, stage, units);
    }

    fn advance(&self, stage: Stage, units: u64) {
        PassedOn::advance(self, stage, units);
    }

    fn cancelled(&self) -> bool {
        PassedOn::cancelled(self)
    }

    fn measures_memory(&self) -> bool {
        self.inner().measures_memory()
    }

    fn note(&self, line: &str) {
        self.inner().note(line);
    }
}

/// Passes everything on but what is expected of some stages: that has been announced already.
pub(crate) struct Announced<'a> {
    progress: &'a dyn Progress,
    stages: &'static [Stage],
}

impl<'a> Announced<'a> {
    pub(crate) fn new(progress: &'a dyn Progress, stages: &'static [Stage]) -> Self {
        Announced { progress, stages }
    }
}

impl PassedOn for Announced<'_> {
    fn inner(&self) -> &dyn Progress {
        self.progress
    }

    fn expect(&self, stage: Stage, units: u64) {
        if !self.stages.contains(&stage) {
            self.progress.expect(stage, units);
        }
    }
}

/// A reader or writer that fails with [`Cancelled`] when the work is to stop.
pub(crate) struct Stoppable<'a, W> {
    inner: W,
    progress: &'a dyn Progress,
}

impl<'a, W> Stoppable<'a, W> {
    pub(crate) fn new(inner: W, progress: &'a dyn Progress) -> Self {
        Stoppable { inner, progress }
    }

    /// What was read from or written to.
    pub(crate) fn into_inner(self) -> W {
        self.inner
    }
}

impl<S: Seek> Seek for Stoppable<'_, S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check(self.progress)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A reader or writer that reports the bytes that go through it. Reading fails with [`Cancelled`]
/// when the work is to stop.
pub(crate) struct Reported<'a, R> {
    inner: R,
    stage: Stage,
    progress: &'a dyn Progress,
}

impl<'a, R> Reported<'a, R> {
    pub(crate) fn new(inner: R, stage: Stage, progress: &'a dyn Progress) -> Self {
        Reported { inner, stage, progress }
    }
}

impl<R: Read> Read for Reported<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = read_unless_stopped(&mut self.inner, buffer, self.progress)?;
        self.progress.advance(self.stage, len as u64);
        Ok(len)
    }
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_unless_stopped(&mut self.inner, buffer, self.progress)
    }
}

/// Reads, and looks whether the work is to stop each time that the reader is interrupted: one that
/// waits for a network is, a few times a second.
fn read_unless_stopped(
    reader: &mut impl Read,
    buffer: &mut [u8],
    progress: &dyn Progress,
) -> io::Result<usize> {
    loop {
        check(progress)?;
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl<W: Write> Write for Reported<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.inner.write(bytes)?;
        self.progress.advance(self.stage, len as u64);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps what it is told, in words.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Kept {
        fn keep(&self, what: String) {
            self.0.lock().expect("not poisoned").push(what);
        }
    }

    impl Progress for Kept {
        fn expect(&self, stage: Stage, units: u64) {
            self.keep(format!("expect {} {units}", stage.name()));
        }

        fn advance(&self, stage: Stage, units: u64) {
            self.keep(format!("advance {} {units}", stage.name()));
        }

        fn cancelled(&self) -> bool {
            true
        }

        fn measures_memory(&self) -> bool {
            true
        }

        fn note(&self, line: &str) {
            self.keep(format!("note {line}"));
        }
    }

    #[test]
    fn everything_is_passed_on_but_what_was_announced() {
        let kept = Kept::default();
        let announced = Announced::new(&kept, &[Stage::Fetch]);
        let progress: &dyn Progress = &announced;
        progress.expect(Stage::Fetch, 1);
        progress.expect(Stage::Push, 2);
        progress.advance(Stage::Fetch, 3);
        progress.note("a line");
        assert!(progress.cancelled() && progress.measures_memory());
        let kept = kept.0.into_inner().expect("not poisoned");
        assert_eq!(kept, ["expect push 2", "advance fetch 3", "note a line"]);
    }
}
