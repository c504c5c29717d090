//! The walk over an archive in memory.

use super::BLOCK;
use super::entry::Entry;
use super::error::{TarError, TarProblem};
use super::walk::{Input, find_entry, place_entry};

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

    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, TarProblem> {
        let start = self.position as u64;
        let Some(found) = find_entry(self)? else { return Ok(None) };
        let entry = place_entry(self, start, found.draft()?)?;
        let left = entry.content.end - self.position as u64;
        self.bytes(usize::try_from(left).map_err(|_| TarProblem::Truncated)?)?;
        Ok(Some(entry))
    }
}

impl<'a> Input for Entries<'a> {
    type Block = &'a [u8; BLOCK];
    type Bytes = &'a [u8];
    type Error = TarProblem;

    fn position(&self) -> u64 {
        self.position as u64
    }

    fn block(&mut self) -> Result<Option<&'a [u8; BLOCK]>, TarProblem> {
        let rest = self.tar.get(self.position..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        self.position += BLOCK;
        rest.first_chunk().map(Some).ok_or(TarProblem::Truncated)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], TarProblem> {
        let end = self.position.checked_add(len).ok_or(TarProblem::Truncated)?;
        let bytes = self.tar.get(self.position..end).ok_or(TarProblem::Truncated)?;
        self.position = end.checked_next_multiple_of(BLOCK).ok_or(TarProblem::Truncated)?;
        Ok(bytes)
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
