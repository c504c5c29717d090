//! What both walks do: special headers are kept until the entry that they are about, and maps of
//! sparse files are read.

use std::borrow::Borrow;

use super::entry::{Draft, Entry, Special};
use super::error::TarProblem;
use super::header::{Header, Role};
use super::pax::Pax;
use super::sparse::SparseMap;
use super::sparse_readers::Storage;
use super::{BLOCK, MAX_SPECIAL_BYTES};

/// An archive, read from front to back.
pub(super) trait Input {
    /// A block.
    type Block: Borrow<[u8; BLOCK]>;
    /// What is stored after a header.
    type Bytes: Borrow<[u8]> + Default;
    /// What can go wrong.
    type Error: From<TarProblem>;

    /// How much has been read or passed over, in bytes.
    fn position(&self) -> u64;

    /// The next block; `None` where the archive ends.
    fn block(&mut self) -> Result<Option<Self::Block>, Self::Error>;

    /// The `len` bytes that follow, of which there are not many. What pads them to whole blocks is
    /// passed over.
    fn bytes(&mut self, len: usize) -> Result<Self::Bytes, Self::Error>;
}

/// An entry's header, and what the special headers before it hold.
pub(super) struct Found<I: Input> {
    header: I::Block,
    long_name: I::Bytes,
    long_link: I::Bytes,
    pax: I::Bytes,
}

/// Reads up to the header of the next entry; `None` if there is no more.
pub(super) fn find_entry<I: Input>(input: &mut I) -> Result<Option<Found<I>>, I::Error> {
    let (mut long_name, mut long_link, mut pax) = <(I::Bytes, I::Bytes, I::Bytes)>::default();
    while let Some(block) = header_block(input)? {
        let header = Header::new(block.borrow())?;
        let role = header.role();
        if role == Role::Entry {
            return Ok(Some(Found { header: block, long_name, long_link, pax }));
        }
        let bytes = input.bytes(special_len(header)?)?;
        match role {
            Role::LongName => long_name = bytes,
            Role::LongLink => long_link = bytes,
            Role::Pax => pax = bytes,
            // What comes before global records is lost in Go.
            Role::Entry | Role::GlobalPax => {
                Pax::check(bytes.borrow())?;
                (long_name, long_link, pax) = Default::default();
            }
        }
    }
    Ok(None)
}

/// The next block that is a header; `None` at the end mark, or where the archive ends without one.
fn header_block<I: Input>(input: &mut I) -> Result<Option<I::Block>, I::Error> {
    let is_zero = |block: &I::Block| block.borrow().iter().all(|&byte| byte == 0);
    match input.block()? {
        Some(block) if is_zero(&block) => match input.block()? {
            Some(block) if !is_zero(&block) => Err(TarProblem::HalfEndMark.into()),
            _ => Ok(None),
        },
        block => Ok(block),
    }
}

fn special_len(header: Header<'_>) -> Result<usize, TarProblem> {
    let len = usize::try_from(header.size()?).map_err(|_| TarProblem::Number("size"))?;
    match len > MAX_SPECIAL_BYTES {
        true => Err(TarProblem::SpecialTooLong),
        false => Ok(len),
    }
}

impl<'a, I: Input<Block = &'a [u8; BLOCK], Bytes = &'a [u8]>> Found<I> {
    /// What was found, as long as the archive lives.
    pub(super) fn draft(&self) -> Result<Draft<'a>, TarProblem> {
        draft(self.header, self.long_name, self.long_link, self.pax)
    }
}

impl<I: Input> Found<I> {
    /// What was found, as long as it is kept.
    pub(super) fn borrowed_draft(&self) -> Result<Draft<'_>, TarProblem> {
        let (name, link) = (self.long_name.borrow(), self.long_link.borrow());
        draft(self.header.borrow(), name, link, self.pax.borrow())
    }
}

fn draft<'a>(
    header: &'a [u8; BLOCK],
    long_name: &'a [u8],
    long_link: &'a [u8],
    pax: &'a [u8],
) -> Result<Draft<'a>, TarProblem> {
    let (long_name, long_link) = (Special::text(long_name), Special::text(long_link));
    Draft::new(Header::new(header)?, Special { long_name, long_link, pax })
}

/// Finds the place of the entry that begins at `start` and whose header was read last. A map is read,
/// content is not.
pub(super) fn place_entry<'e, I: Input>(
    input: &mut I,
    start: u64,
    mut draft: Draft<'e>,
) -> Result<Entry<'e>, I::Error> {
    let header_end = input.position();
    let (map, in_data) = read_map(input, std::mem::replace(&mut draft.storage, Storage::Plain))?;
    let (stored_start, map_len) = match in_data {
        true => (header_end, input.position() - header_end),
        false => (input.position(), 0),
    };
    if draft.stored_len < map_len {
        return Err(TarProblem::SparseMap.into());
    }
    Ok(draft.place(start, stored_start, map_len, map)?)
}

/// The map of a file that is stored as `storage` says, and whether the map is counted as data.
fn read_map<I: Input>(
    input: &mut I,
    storage: Storage,
) -> Result<(Option<SparseMap>, bool), I::Error> {
    match storage {
        Storage::Plain => Ok((None, false)),
        Storage::Mapped(map) => Ok((Some(map), false)),
        Storage::MapFollows(mut reader) => {
            let in_data = reader.is_in_data();
            while reader.push(input.block()?.ok_or(TarProblem::Truncated)?.borrow())? {}
            Ok((Some(reader.finish()?), in_data))
        }
    }
}
