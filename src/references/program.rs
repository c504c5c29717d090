//! A program as stretches of bytes that are loaded somewhere.

use std::ops::Range;

/// What references the bytes of a region have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// None that are looked for.
    Plain,
    /// Code for x86-64.
    X86,
    /// Pointers of eight bytes.
    Pointers,
    /// Numbers of four bytes, counted from their own address.
    FromOwn,
    /// Numbers of four bytes, counted from the start of the region.
    FromStart,
    /// Code for AArch64.
    AArch64,
    /// Pointers of four bytes.
    Pointers32,
    /// The lowest 31 bits of four bytes, counted from their own address.
    FromOwn31,
    /// Code for 32-bit ARM.
    Arm,
    /// Code for 32-bit ARM in Thumb.
    Thumb,
    /// Symbols of 64 bits, in entries of 24 bytes up to the region's end: a place among the names that follow the region, and
    /// an address.
    Symbols,
    /// The same of 32 bits, in entries of 16 bytes.
    Symbols32,
}

impl Kind {
    /// All kinds, by number.
    pub const ALL: [Kind; 12] = [
        Kind::Plain,
        Kind::X86,
        Kind::Pointers,
        Kind::FromOwn,
        Kind::FromStart,
        Kind::AArch64,
        Kind::Pointers32,
        Kind::FromOwn31,
        Kind::Arm,
        Kind::Thumb,
        Kind::Symbols,
        Kind::Symbols32,
    ];

    /// Returns the number that says it in a layer delta.
    pub fn number(self) -> u64 {
        self as u64
    }

    /// Returns whether its references depend on where the region is.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Kind::FromStart | Kind::Symbols | Kind::Symbols32)
    }

    /// Returns whether it is code.
    pub(super) fn is_code(self) -> bool {
        matches!(self, Kind::X86 | Kind::AArch64 | Kind::Arm | Kind::Thumb)
    }

    /// Returns the kind of `number`, if there is one.
    pub fn of_number(number: u64) -> Option<Self> {
        Kind::ALL.get(usize::try_from(number).ok()?).copied()
    }
}

/// Bytes that are loaded as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Where they start, in the base stream or in the layer.
    pub start: u64,
    /// How many they are, one at least.
    pub len: u64,
    /// The address of the first.
    pub address: u64,
    /// What references they have.
    pub kind: Kind,
}

impl Region {
    /// The address that numbers in it are counted from, if not from their own.
    pub(super) fn origin(&self) -> u64 {
        match self.kind {
            Kind::Symbols | Kind::Symbols32 => self.address + self.len,
            _ => self.address,
        }
    }

    /// Where it ends, in the base stream or in the layer.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }
}

/// One version of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its regions, one at least, by start; they don't overlap.
    pub regions: Vec<Region>,
    /// The address behind its last byte, those that no file has included.
    pub limit: u64,
}

impl Side {
    /// Where the regions are.
    pub fn range(&self) -> Range<u64> {
        let first = self.regions.first().map_or(0, |region| region.start);
        first..self.regions.last().map_or(0, Region::end)
    }

    /// How many bytes there are from its first region to its last.
    pub fn len(&self) -> u64 {
        let range = self.range();
        range.end - range.start
    }

    /// Whether it has no regions.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// How many bytes of `range` are code whose references are known.
    pub fn code_in(&self, range: Range<u64>) -> u64 {
        let code = self.regions.iter().filter(|region| region.kind.is_code());
        let inside = |region: &Region| {
            region.end().min(range.end).saturating_sub(region.start.max(range.start))
        };
        code.map(inside).sum()
    }

    /// The addresses that references of it name.
    pub(super) fn addresses(&self) -> Range<u64> {
        let lowest = self.regions.iter().map(|region| region.address).min();
        lowest.unwrap_or(0)..self.limit
    }

    /// The region that has the byte at `place`.
    pub(super) fn region_at(&self, place: u64) -> Option<&Region> {
        let region = self.regions[..self.begun(place)].last();
        region.filter(|region| place < region.end())
    }

    /// Where the next region begins behind `place`, if one does.
    pub(super) fn next_start(&self, place: u64) -> Option<u64> {
        self.regions.get(self.begun(place)).map(|region| region.start)
    }

    /// How many regions begin at `place` or before.
    pub(super) fn begun(&self, place: u64) -> usize {
        self.regions.partition_point(|region| region.start <= place)
    }
}

/// A program of the target, and the one of the base that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The old version, in the base stream.
    pub base: Side,
    /// The new version, in the layer.
    pub target: Side,
}
