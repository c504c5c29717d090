//! The walk over an archive in memory.

use std::marker::PhantomData;

use super::BLOCK;
use super::entry::Entry;
use super::error::{TarError, TarProblem};
use super::tar_bytes::TarBytes;
use super::walk::{Input, find_entry, place_entry};

/// Iterates over the entries of a tar, in order. After an error there are no more.
#[derive(Debug, Clone)]
pub struct Entries<'a, A = &'a [u8]> {
    tar: A,
    position: u64,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Entries<'a> {
    /// The entries of `tar`.
    pub fn new(tar: &'a [u8]) -> Self {
        Entries::of(tar)
    }
}

impl<'a, A: TarBytes<'a>> Entries<'a, A> {
    /// The entries of `tar`, of whose files the contents need not be in memory.
    pub fn of(tar: A) -> Self {
        Entries { tar, position: 0, bytes: PhantomData }
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, TarProblem> {
        let start = self.position;
        let Some(found) = find_entry(self)? else { return Ok(None) };
        let entry = place_entry(self, start, found.draft()?)?;
        if entry.content.end > self.tar.size() {
            return Err(TarProblem::Truncated);
        }
        self.go_to(entry.content.end)?;
        Ok(Some(entry))
    }

    /// Goes on behind what ends at `end` and the padding after it.
    fn go_to(&mut self, end: u64) -> Result<(), TarProblem> {
        let next = end.checked_next_multiple_of(BLOCK as u64);
        self.position = next.ok_or(TarProblem::Truncated)?;
        Ok(())
    }
}

impl<'a, A: TarBytes<'a>> Input for Entries<'a, A> {
    type Block = &'a [u8; BLOCK];
    type Bytes = &'a [u8];
    type Error = TarProblem;

    fn position(&self) -> u64 {
        self.position
    }

    fn block(&mut self) -> Result<Option<&'a [u8; BLOCK]>, TarProblem> {
        if self.position >= self.tar.size() {
            return Ok(None);
        }
        let start = self.position;
        self.position += BLOCK as u64;
        let block = self.tar.bytes(start..self.position).ok_or(TarProblem::Truncated)?;
        block.first_chunk().map(Some).ok_or(TarProblem::Truncated)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], TarProblem> {
        let end = self.position.checked_add(len as u64).ok_or(TarProblem::Truncated)?;
        let bytes = self.tar.bytes(self.position..end).ok_or(TarProblem::Truncated)?;
        self.go_to(end)?;
        Ok(bytes)
    }
}

impl<'a, A: TarBytes<'a>> Iterator for Entries<'a, A> {
    type Item = Result<Entry<'a>, TarError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.position;
        let next = self.next_entry();
        if !matches!(next, Ok(Some(_))) {
            self.position = self.tar.size();
        }
        next.map_err(|problem| TarError { offset, problem }).transpose()
    }
}
