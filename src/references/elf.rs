//! The regions of an ELF file: its sections, as far as they are loaded.

use super::program::{Kind, Region, Side};

/// The first bytes of a file of 64 bits, lowest byte first.
const IDENT: &[u8] = b"\x7fELF\x02\x01";
/// Types of files that have addresses: programs and libraries.
const TYPES: [u64; 2] = [2, 3];
const X86_64: u64 = 62;
const AARCH64: u64 = 183;
/// The bytes of a section's header.
const HEADER: usize = 64;
/// More sections are not looked at.
const SECTIONS_MAX: u64 = 256;
/// Sections are one region if no more than so many bytes are between them.
const GAP: u64 = 4096;

/// Types and flags of sections.
const RELA: u64 = 4;
const NOBITS: u64 = 8;
const DYNSYM: u64 = 11;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;
const TLS: u64 = 0x400;

/// Returns the regions of `file`, an ELF file that starts at `start`, if it is one and says what they are. Nothing of what it says
/// is taken for true beyond that: who uses the regions has to check what is made with them.
pub fn elf_regions(file: &[u8], start: u64) -> Option<Side> {
    if !file.starts_with(IDENT) || !TYPES.contains(&number::<2>(file, 16)?) {
        return None;
    }
    let machine = number::<2>(file, 18)?;
    let table = usize::try_from(number::<8>(file, 40)?).ok()?;
    let (size, count) = (number::<2>(file, 58)?, number::<2>(file, 60)?);
    let names = table.checked_add(HEADER * number::<2>(file, 62)? as usize)?;
    let names = usize::try_from(number::<8>(file, names.checked_add(24)?)?).ok()?;
    if size != HEADER as u64 || count > SECTIONS_MAX {
        return None;
    }
    let header = |index| table.checked_add(HEADER * index as usize);
    let sections = (0..count).filter_map(|index| Section::read(file, header(index)?, names));
    let loaded: Vec<Section<'_>> =
        sections.filter(|section| section.flags & (ALLOC | TLS) == ALLOC).collect();
    let limit = loaded.iter().map(Section::end_address).max()?;
    let mut regions: Vec<Region> =
        loaded.iter().filter_map(|section| section.region(file, start, machine)).collect();
    regions.sort_by_key(|region| region.start);
    let regions = joined(regions);
    (!regions.is_empty()).then_some(Side { regions, limit })
}

struct Section<'a> {
    name: &'a [u8],
    form: u64,
    flags: u64,
    address: u64,
    offset: u64,
    len: u64,
}

impl<'a> Section<'a> {
    /// Reads the header at `at`; names are from `names` on.
    fn read(file: &'a [u8], at: usize, names: usize) -> Option<Self> {
        let header = file.get(at..)?.get(..HEADER)?;
        let name = file.get(names.checked_add(number::<4>(header, 0)? as usize)?..)?;
        let (address, len) = (number::<8>(header, 16)?, number::<8>(header, 32)?);
        // Sums of both are far from the end of numbers.
        (address < 1 << 62 && len < 1 << 62).then_some(Section {
            name,
            form: number::<4>(header, 4)?,
            flags: number::<8>(header, 8)?,
            address,
            offset: number::<8>(header, 24)?,
            len,
        })
    }

    fn end_address(&self) -> u64 {
        self.address + self.len
    }

    fn is_named(&self, name: &[u8]) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn kind(&self, machine: u64) -> Kind {
        match self.form {
            _ if self.flags & EXECUTE != 0 => match machine {
                X86_64 => Kind::X86,
                AARCH64 => Kind::AArch64,
                _ => Kind::Plain,
            },
            _ if self.flags & WRITE != 0 => Kind::Pointers,
            RELA | DYNSYM => Kind::Pointers,
            _ if self.is_named(b".eh_frame") => Kind::FromOwn,
            _ if self.is_named(b".eh_frame_hdr") => Kind::FromStart,
            _ => Kind::Plain,
        }
    }

    /// The region that it is, if `file`, which starts at `start`, has its bytes.
    fn region(&self, file: &[u8], start: u64, machine: u64) -> Option<Region> {
        let inside = self.offset.checked_add(self.len).is_some_and(|end| end <= file.len() as u64);
        let there = self.form != NOBITS && self.len > 0 && inside;
        let (address, kind) = (self.address, self.kind(machine));
        there.then_some(Region { start: start + self.offset, len: self.len, address, kind })
    }
}

/// `regions`, which are in order, without those that overlap, and those one that are loaded as one and have references of one kind.
fn joined(regions: Vec<Region>) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::new();
    for region in regions {
        let Some(last) = joined.last_mut() else {
            joined.push(region);
            continue;
        };
        let Some(gap) = region.start.checked_sub(last.end()) else { continue };
        let together = last.address.checked_add(region.start - last.start) == Some(region.address);
        if together && gap <= GAP && last.kind == region.kind && last.kind != Kind::FromStart {
            last.len = region.end() - last.start;
        } else {
            joined.push(region);
        }
    }
    joined
}

/// The number of `LEN` bytes at `at`, lowest byte first.
fn number<const LEN: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes: &[u8; LEN] = bytes.get(at..)?.first_chunk()?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
