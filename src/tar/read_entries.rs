//! The walk over an archive that is read, with or without seeking.

use std::io::{self, Read, Seek, SeekFrom};

use super::entry::{Draft, Entry, Special};
use super::error::{ReadError, TarError, TarProblem};
use super::header::{Header, Role};
use super::pax::Pax;
use super::sparse_readers::Storage;
use super::{BLOCK, MAX_SPECIAL_BYTES};

/// Where an archive is read from: onwards only.
pub trait Source {
    /// Fills `buffer` unless the archive ends before. Returns how many bytes were read.
    ///
    /// # Errors
    /// If reading fails.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Leaves out `len` bytes unless the archive ends before. Returns how many there were.
    ///
    /// # Errors
    /// If reading or seeking fails.
    fn skip(&mut self, len: u64) -> io::Result<u64>;
}

/// An archive that can only be read from front to back.
#[derive(Debug)]
pub struct Forward<R>(pub R);

/// An archive that can be sought in. What is left out is not read.
#[derive(Debug)]
pub struct Seeking<R> {
    inner: R,
    position: u64,
    end: u64,
}

impl<R: Read> Source for Forward<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(&mut self.0, buffer)
    }

    fn skip(&mut self, len: u64) -> io::Result<u64> {
        io::copy(&mut self.0.by_ref().take(len), &mut io::sink())
    }
}

impl<R: Read + Seek> Seeking<R> {
    /// The archive from its first byte to its last.
    ///
    /// # Errors
    /// If `inner` can't be sought in.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let end = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        Ok(Seeking { inner, position: 0, end })
    }
}

impl<R: Read + Seek> Source for Seeking<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = fill(&mut self.inner, buffer)?;
        self.position += len as u64;
        Ok(len)
    }

    fn skip(&mut self, len: u64) -> io::Result<u64> {
        let skipped = len.min(self.end.saturating_sub(self.position));
        if skipped > 0 {
            self.position = self.inner.seek(SeekFrom::Start(self.position + skipped))?;
        }
        Ok(skipped)
    }
}

/// Walks over the entries of an archive that is read. Only headers are, and maps of sparse files:
/// after an entry, the source is where its content begins, until the next one is asked for.
#[derive(Debug)]
pub struct ReadEntries<S> {
    source: S,
    position: u64,
    /// Where the content of the last entry ends.
    content_end: u64,
    /// Where the last entry begins.
    start: u64,
    header: [u8; BLOCK],
    long_name: Vec<u8>,
    long_link: Vec<u8>,
    pax: Vec<u8>,
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

impl<S: Source> ReadEntries<S> {
    /// The entries of what `source` has.
    pub fn new(source: S) -> Self {
        let (long_name, long_link, pax) = Default::default();
        let header = [0; BLOCK];
        ReadEntries {
            source,
            position: 0,
            content_end: 0,
            start: 0,
            header,
            long_name,
            long_link,
            pax,
        }
    }

    /// The next entry; `None` after the last one. Of an entry whose content is cut off the next call
    /// tells.
    ///
    /// # Errors
    /// If reading fails or the archive is damaged. There is no next entry then.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, ReadError> {
        let found = self.find_entry();
        match self.at(found)? {
            true => {
                let start = self.start;
                let entry = self.entry();
                entry.map(Some).map_err(|failure| failure.at(start))
            }
            false => Ok(None),
        }
    }

    /// Gives the source back.
    pub fn into_source(self) -> S {
        self.source
    }

    fn at<T>(&self, result: Result<T, Failure>) -> Result<T, ReadError> {
        result.map_err(|failure| failure.at(self.start))
    }

    /// Reads up to the header of the next entry, and says whether there is one.
    fn find_entry(&mut self) -> Result<bool, Failure> {
        self.skip_content()?;
        self.start = self.position;
        self.forget_special();
        while self.read_header()? {
            let header = Header::new(&self.header)?;
            match header.role() {
                Role::Entry => return Ok(true),
                role => {
                    let size = header.size()?;
                    let bytes = self.special(size)?;
                    self.keep_special(role, bytes)?;
                }
            }
        }
        Ok(false)
    }

    /// Goes to where the next header is, unless the archive ends before.
    fn skip_content(&mut self) -> Result<(), Failure> {
        let len = self.content_end - self.position;
        if self.source.skip(len)? < len {
            return Err(TarProblem::Truncated.into());
        }
        let padding = self.content_end.next_multiple_of(BLOCK as u64) - self.content_end;
        self.source.skip(padding)?;
        self.position = self.content_end + padding;
        Ok(())
    }

    fn forget_special(&mut self) {
        self.long_name.clear();
        self.long_link.clear();
        self.pax.clear();
    }

    fn keep_special(&mut self, role: Role, bytes: Vec<u8>) -> Result<(), Failure> {
        match role {
            Role::LongName => self.long_name = bytes,
            Role::LongLink => self.long_link = bytes,
            Role::Pax => self.pax = bytes,
            Role::Entry | Role::GlobalPax => {
                Pax::check(&bytes)?;
                self.forget_special();
            }
        }
        Ok(())
    }

    /// Reads the next header. Returns whether there is one.
    fn read_header(&mut self) -> Result<bool, Failure> {
        let is_zero = |block: &[u8; BLOCK]| block.iter().all(|&byte| byte == 0);
        if !self.read_block()? {
            return Ok(false);
        }
        match is_zero(&self.header) {
            true if self.read_block()? && !is_zero(&self.header) => {
                Err(TarProblem::HalfEndMark.into())
            }
            zero => Ok(!zero),
        }
    }

    /// Reads the next block into the header's place. Returns whether there is one.
    fn read_block(&mut self) -> Result<bool, Failure> {
        match self.source.fill(&mut self.header)? {
            0 => Ok(false),
            BLOCK => {
                self.position += BLOCK as u64;
                Ok(true)
            }
            _ => Err(TarProblem::Truncated.into()),
        }
    }

    fn special(&mut self, size: i64) -> Result<Vec<u8>, Failure> {
        let size = usize::try_from(size).map_err(|_| TarProblem::Number("size"))?;
        if size > MAX_SPECIAL_BYTES {
            return Err(TarProblem::SpecialTooLong.into());
        }
        let mut bytes = vec![0; size];
        if self.source.fill(&mut bytes)? < size {
            return Err(TarProblem::Truncated.into());
        }
        self.position += size as u64;
        self.content_end = self.position;
        self.skip_content()?;
        Ok(bytes)
    }

    /// The entry whose header was read last.
    fn entry(&mut self) -> Result<Entry<'_>, Failure> {
        let special = Special {
            long_name: Special::text(&self.long_name),
            long_link: Special::text(&self.long_link),
            pax: &self.pax,
        };
        let mut draft = Draft::new(Header::new(&self.header)?, special)?;
        let header_end = self.position;
        let mut in_data = false;
        let map = match std::mem::replace(&mut draft.storage, Storage::Plain) {
            Storage::Plain => None,
            Storage::Mapped(map) => Some(map),
            Storage::MapFollows(mut reader) => {
                in_data = reader.is_in_data();
                let mut block = [0; BLOCK];
                loop {
                    if self.source.fill(&mut block)? < BLOCK {
                        return Err(TarProblem::Truncated.into());
                    }
                    self.position += BLOCK as u64;
                    if !reader.push(&block)? {
                        break Some(reader.finish()?);
                    }
                }
            }
        };
        let (stored_start, map_len) = match in_data {
            true => (header_end, self.position - header_end),
            false => (self.position, 0),
        };
        if draft.stored_len < map_len {
            return Err(TarProblem::SparseMap.into());
        }
        let entry = draft.place(self.start, stored_start, map_len, map)?;
        self.content_end = entry.content.end;
        Ok(entry)
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

/// Reads until `buffer` is full or `input` ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
