//! The walk over an archive that is read, with or without seeking.

use std::io;

use super::BLOCK;
use super::entry::Entry;
use super::error::{ReadError, TarError, TarProblem};
use super::source::Source;
use super::walk::{Found, Input, find_entry, place_entry};

/// Walks over the entries of an archive that is read. Only headers are, and maps of sparse files:
/// after an entry, the source is where its content begins, until the next one is asked for.
pub struct ReadEntries<S: Source> {
    reading: Reading<S>,
    /// Where the last entry begins.
    start: u64,
    /// Where the content of the last entry ends.
    content_end: u64,
    found: Option<Found<Reading<S>>>,
}

/// A source, and how far it has been read.
struct Reading<S> {
    source: S,
    position: u64,
}

/// A failure without its place.
enum Failure {
    Io(io::Error),
    Tar(TarProblem),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<TarProblem> for Failure {
    fn from(problem: TarProblem) -> Self {
        Failure::Tar(problem)
    }
}

impl Failure {
    fn at(self, offset: u64) -> ReadError {
        match self {
            Failure::Io(error) => ReadError::Io(error),
            Failure::Tar(problem) => ReadError::Tar(TarError { offset, problem }),
        }
    }
}

impl<S: Source> ReadEntries<S> {
    /// The entries of what `source` has.
    pub fn new(source: S) -> Self {
        let reading = Reading { source, position: 0 };
        ReadEntries { reading, start: 0, content_end: 0, found: None }
    }

    /// The next entry; `None` after the last one. Of an entry whose content is cut off the next call
    /// tells.
    ///
    /// # Errors
    /// If reading fails or the archive is damaged. There is no next entry then.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, ReadError> {
        let found = self.find().map_err(|failure| failure.at(self.start))?;
        self.found = found;
        let Some(found) = &self.found else { return Ok(None) };
        let placed = found.borrowed_draft().map_err(Failure::from);
        let placed = placed.and_then(|draft| place_entry(&mut self.reading, self.start, draft));
        let entry = placed.map_err(|failure| failure.at(self.start))?;
        self.content_end = entry.content.end;
        Ok(Some(entry))
    }

    /// Gives the source back.
    pub fn into_source(self) -> S {
        self.reading.source
    }

    fn find(&mut self) -> Result<Option<Found<Reading<S>>>, Failure> {
        self.reading.skip_to(self.content_end)?;
        self.start = self.reading.position;
        find_entry(&mut self.reading)
    }
}

impl<S: Source> Reading<S> {
    /// Goes on to `end`, which must be there, and from there to the next block, unless the archive
    /// ends before.
    fn skip_to(&mut self, end: u64) -> Result<(), Failure> {
        let Some(len) = end.checked_sub(self.position) else { return Ok(()) };
        if self.source.skip(len)? < len {
            return Err(TarProblem::Truncated.into());
        }
        self.position = end;
        let padding = (BLOCK as u64 - end % BLOCK as u64) % BLOCK as u64;
        self.source.skip(padding)?;
        self.position += padding;
        Ok(())
    }
}

impl<S: Source> Input for Reading<S> {
    type Block = [u8; BLOCK];
    type Bytes = Vec<u8>;
    type Error = Failure;

    fn position(&self) -> u64 {
        self.position
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Failure> {
        let mut block = [0; BLOCK];
        match self.source.fill(&mut block)? {
            0 => Ok(None),
            BLOCK => {
                self.position += BLOCK as u64;
                Ok(Some(block))
            }
            _ => Err(TarProblem::Truncated.into()),
        }
    }

    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; len];
        if self.source.fill(&mut bytes)? < len {
            return Err(TarProblem::Truncated.into());
        }
        self.position += len as u64;
        self.skip_to(self.position)?;
        Ok(bytes)
    }
}
