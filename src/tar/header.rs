//! One header block: its fields, as the format that its magic names has them.

use super::BLOCK;
use super::error::TarProblem;
use super::name::Name;
use super::number::{numeric, octal, until_nul};

/// Where headers have the fields that a writer needs too (POSIX pax, "ustar Interchange Format").
pub(super) mod field {
    use std::ops::Range;

    pub(in crate::tar) const NAME: Range<usize> = 0..100;
    pub(in crate::tar) const MODE: Range<usize> = 100..108;
    pub(in crate::tar) const UID: Range<usize> = 108..116;
    pub(in crate::tar) const GID: Range<usize> = 116..124;
    pub(in crate::tar) const SIZE: Range<usize> = 124..136;
    pub(in crate::tar) const MTIME: Range<usize> = 136..148;
    pub(in crate::tar) const CHECKSUM: Range<usize> = 148..156;
    pub(in crate::tar) const TYPE_FLAG: usize = 156;
    pub(in crate::tar) const LINK_NAME: Range<usize> = 157..257;
    pub(in crate::tar) const MAGIC: Range<usize> = 257..263;
    pub(in crate::tar) const VERSION: Range<usize> = 263..265;
    pub(in crate::tar) const DEVICE_MAJOR: Range<usize> = 329..337;
    pub(in crate::tar) const DEVICE_MINOR: Range<usize> = 337..345;
    pub(in crate::tar) const PREFIX: Range<usize> = 345..500;
    /// star's prefix is shorter: two times follow it.
    pub(in crate::tar) const STAR_PREFIX: Range<usize> = 345..476;
    pub(in crate::tar) const STAR_TRAILER: Range<usize> = 508..512;
    pub(in crate::tar) const GNU_ATIME: Range<usize> = 345..357;
    pub(in crate::tar) const GNU_CTIME: Range<usize> = 357..369;
    /// Four pieces of a sparse file, and whether a block with more follows.
    pub(in crate::tar) const GNU_SPARSE: Range<usize> = 386..483;
    pub(in crate::tar) const GNU_REAL_SIZE: Range<usize> = 483..495;
}

/// The formats of headers, which differ in what follows the link name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Unix V7: nothing follows.
    V7,
    /// POSIX ustar, also as part of pax.
    Ustar,
    /// Jörg Schilling's star.
    Star,
    /// GNU tar's own, which had its fields before POSIX did.
    Gnu,
}

/// What a header is the header of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// An entry.
    Entry,
    /// A long name of the next entry (GNU).
    LongName,
    /// A long link name of the next entry (GNU).
    LongLink,
    /// Records for the next entry (pax).
    Pax,
    /// Records for all entries that follow (pax).
    GlobalPax,
}

/// A header block whose checksum holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// Takes a block as a header if its checksum holds. Bytes count as unsigned, or as signed as old
    /// writers summed them up.
    pub(super) fn new(block: &'a [u8; BLOCK]) -> Result<Self, TarProblem> {
        let stated = octal(&block[field::CHECKSUM]).ok_or(TarProblem::Checksum)?;
        let [unsigned, signed] = checksums(block);
        match stated == unsigned || stated == signed {
            true => Ok(Header(block)),
            false => Err(TarProblem::Checksum),
        }
    }

    pub(super) fn format(self) -> Format {
        match (&self.0[field::MAGIC], &self.0[field::VERSION], &self.0[field::STAR_TRAILER]) {
            (b"ustar\0", _, b"tar\0") => Format::Star,
            (b"ustar\0", _, _) => Format::Ustar,
            (b"ustar ", b" \0", _) => Format::Gnu,
            _ => Format::V7,
        }
    }

    pub(super) fn type_flag(self) -> u8 {
        self.0[field::TYPE_FLAG]
    }

    pub(super) fn role(self) -> Role {
        match self.type_flag() {
            b'L' => Role::LongName,
            b'K' => Role::LongLink,
            b'x' => Role::Pax,
            b'g' => Role::GlobalPax,
            _ => Role::Entry,
        }
    }

    /// The name, with the prefix that this format has.
    pub(super) fn name(self) -> Name<'a> {
        let prefix = match self.format() {
            Format::V7 => b"",
            Format::Ustar => self.text(field::PREFIX),
            Format::Star => self.text(field::STAR_PREFIX),
            Format::Gnu => self.prefix_in_gnu(),
        };
        Name::new(prefix, self.text(field::NAME))
    }

    /// GNU headers have no prefix. Go's writer before 1.8, and so docker before 17.06, wrote one all
    /// the same, over the two times that these headers have there. It counts if the times can't be
    /// read as such.
    fn prefix_in_gnu(self) -> &'a [u8] {
        let is_time = |range| {
            let time: &[u8] = &self.0[range];
            time[0] == 0 || numeric(time).is_some()
        };
        let prefix = self.text(field::PREFIX);
        match is_time(field::GNU_ATIME) && is_time(field::GNU_CTIME) {
            false if prefix.is_ascii() => prefix,
            _ => b"",
        }
    }

    pub(super) fn link_name(self) -> &'a [u8] {
        self.text(field::LINK_NAME)
    }

    pub(super) fn mode(self) -> Result<i64, TarProblem> {
        self.number(field::MODE, "mode")
    }

    pub(super) fn uid(self) -> Result<i64, TarProblem> {
        self.number(field::UID, "uid")
    }

    pub(super) fn gid(self) -> Result<i64, TarProblem> {
        self.number(field::GID, "gid")
    }

    pub(super) fn size(self) -> Result<i64, TarProblem> {
        self.number(field::SIZE, "size")
    }

    pub(super) fn mtime(self) -> Result<i64, TarProblem> {
        self.number(field::MTIME, "modification time")
    }

    /// Major and minor number; 0 if this format has none.
    pub(super) fn device(self) -> Result<(i64, i64), TarProblem> {
        if self.format() == Format::V7 {
            return Ok((0, 0));
        }
        let part = |range| self.number(range, "device number");
        Ok((part(field::DEVICE_MAJOR)?, part(field::DEVICE_MINOR)?))
    }

    /// The size of a sparse file with its holes (GNU).
    pub(super) fn real_size(self) -> Result<i64, TarProblem> {
        self.number(field::GNU_REAL_SIZE, "size")
    }

    /// The part of the map of a sparse file that is in its header (GNU).
    pub(super) fn sparse(self) -> &'a [u8] {
        &self.0[field::GNU_SPARSE]
    }

    fn text(self, range: std::ops::Range<usize>) -> &'a [u8] {
        until_nul(&self.0[range])
    }

    fn number(self, range: std::ops::Range<usize>, what: &'static str) -> Result<i64, TarProblem> {
        numeric(&self.0[range]).ok_or(TarProblem::Number(what))
    }
}

/// The sums of a header's bytes, taken as unsigned and as signed. The checksum's own bytes count as
/// spaces.
pub(super) fn checksums(block: &[u8; BLOCK]) -> [i64; 2] {
    let others = block[..field::CHECKSUM.start].iter().chain(&block[field::CHECKSUM.end..]);
    let spaces = field::CHECKSUM.len() as i64 * i64::from(b' ');
    others.fold([spaces; 2], |[unsigned, signed], &byte| {
        [unsigned + i64::from(byte), signed + i64::from(byte as i8)]
    })
}
