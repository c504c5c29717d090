//! The walk over an archive in memory.

use super::entry::{Draft, Entry, Special};
use super::error::{TarError, TarProblem};
use super::header::{Header, Role};
use super::pax::Pax;
use super::sparse_readers::Storage;
use super::{BLOCK, MAX_SPECIAL_BYTES};

/// Iterates over the entries of a tar, in order. After an error there are no more.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    tar: &'a [u8],
    position: usize,
}

impl<'a> Entries<'a> {
    /// The entries of `tar`.
    pub fn new(tar: &'a [u8]) -> Self {
        Entries { tar, position: 0 }
    }

    /// The next block; `None` where the tar ends.
    fn block(&mut self) -> Result<Option<&'a [u8; BLOCK]>, TarProblem> {
        let rest = self.tar.get(self.position..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        self.position += BLOCK;
        rest.first_chunk().map(Some).ok_or(TarProblem::Truncated)
    }

    /// The next header; `None` at the end mark, or where the tar ends without one.
    fn header(&mut self) -> Result<Option<Header<'a>>, TarProblem> {
        match self.block()? {
            Some(&[0, ref rest @ ..]) if is_zero(rest) => match self.block()? {
                Some(block) if !is_zero(block) => Err(TarProblem::HalfEndMark),
                _ => Ok(None),
            },
            block => block.map(Header::new).transpose(),
        }
    }

    /// Takes the `len` bytes that follow.
    fn bytes(&mut self, len: u64) -> Result<&'a [u8], TarProblem> {
        let end = usize::try_from(len).ok().and_then(|len| self.position.checked_add(len));
        let end = end.ok_or(TarProblem::Truncated)?;
        let bytes = self.tar.get(self.position..end).ok_or(TarProblem::Truncated)?;
        self.position = end.checked_next_multiple_of(BLOCK).ok_or(TarProblem::Truncated)?;
        Ok(bytes)
    }

    fn special(&mut self, header: Header<'a>) -> Result<&'a [u8], TarProblem> {
        let size = u64::try_from(header.size()?).map_err(|_| TarProblem::Number("size"))?;
        match size > MAX_SPECIAL_BYTES as u64 {
            true => Err(TarProblem::SpecialTooLong),
            false => self.bytes(size),
        }
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, TarProblem> {
        let start = self.position as u64;
        let mut special = Special::default();
        while let Some(header) = self.header()? {
            match header.role() {
                Role::LongName => special.long_name = Special::text(self.special(header)?),
                Role::LongLink => special.long_link = Special::text(self.special(header)?),
                Role::Pax => special.pax = self.special(header)?,
                Role::GlobalPax => {
                    Pax::check(self.special(header)?)?;
                    special = Special::default();
                }
                Role::Entry => return self.entry(start, Draft::new(header, special)?).map(Some),
            }
        }
        Ok(None)
    }

    fn entry(&mut self, start: u64, mut draft: Draft<'a>) -> Result<Entry<'a>, TarProblem> {
        let header_end = self.position;
        let mut in_data = false;
        let map = match std::mem::replace(&mut draft.storage, Storage::Plain) {
            Storage::Plain => None,
            Storage::Mapped(map) => Some(map),
            Storage::MapFollows(mut reader) => {
                in_data = reader.is_in_data();
                while reader.push(self.block()?.ok_or(TarProblem::Truncated)?)? {}
                Some(reader.finish()?)
            }
        };
        let map_len = (self.position - header_end) as u64;
        let (stored_start, map_len) = match in_data {
            true => (header_end as u64, map_len),
            false => (self.position as u64, 0),
        };
        let content = draft.stored_len.checked_sub(map_len).ok_or(TarProblem::SparseMap)?;
        self.bytes(content)?;
        draft.place(start, stored_start, map_len, map)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, TarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.position as u64;
        let next = self.next_entry();
        if !matches!(next, Ok(Some(_))) {
            self.position = self.tar.len();
        }
        next.map_err(|problem| TarError { offset, problem }).transpose()
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
