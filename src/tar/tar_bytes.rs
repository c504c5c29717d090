//! Archives in memory, as a whole or in pieces.

use std::ops::Range;

/// The bytes of an archive, by their offsets. An archive whose files' contents are elsewhere has the rest alone.
pub trait TarBytes<'a>: Copy {
    /// How many bytes the whole archive has.
    fn size(&self) -> u64;

    /// The bytes in `range`; `None` if they are not in memory, or there are none.
    fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]>;
}

impl<'a> TarBytes<'a> for &'a [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> Option<&'a [u8]> {
        let place = |offset: u64| usize::try_from(offset).ok();
        let bytes: &'a [u8] = self;
        bytes.get(place(range.start)?..place(range.end)?)
    }
}
