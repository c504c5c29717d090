//! The regions of an ELF file: its sections, as far as they are loaded.

use super::program::{Kind, Region, Side};

/// The first bytes of a file, before the byte for its class.
const IDENT: &[u8] = b"\x7fELF";
/// What follows in files of 32 and of 64 bits, lowest byte first.
const CLASS_32: &[u8] = &[1, 1];
const CLASS_64: &[u8] = &[2, 1];
/// Types of files that have addresses: programs and libraries.
const TYPES: [u64; 2] = [2, 3];
/// Processors.
const ARM: u64 = 40;
const X86_64: u64 = 62;
const AARCH64: u64 = 183;
/// More sections are not looked at.
const SECTIONS_MAX: u64 = 256;
/// Sections are one region if no more than so many bytes are between them.
const GAP: u64 = 4096;

/// Types and flags of sections.
const RELA: u64 = 4;
const NOBITS: u64 = 8;
const REL: u64 = 9;
const DYNSYM: u64 = 11;
const ARM_EXIDX: u64 = 0x7000_0001;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;
const TLS: u64 = 0x400;

/// An ELF file.
#[derive(Clone, Copy)]
struct Elf<'a> {
    bytes: &'a [u8],
    /// Bytes of its addresses.
    word: usize,
    machine: u64,
}

/// Returns the regions of `file`, an ELF file that starts at `start`, if it is one and says what they are. Nothing of what it says
/// is taken for true beyond that: who uses the regions has to check what is made with them.
pub fn elf_regions(file: &[u8], start: u64) -> Option<Side> {
    let elf = Elf::of(file)?;
    let sections = elf.sections()?;
    let loaded: Vec<Section<'_>> =
        sections.into_iter().filter(|section| section.flags & (ALLOC | TLS) == ALLOC).collect();
    let limit = loaded.iter().map(Section::end_address).max()?;
    let mut regions: Vec<Region> =
        loaded.iter().filter_map(|section| section.region(&elf, start)).collect();
    regions.sort_by_key(|region| region.start);
    let regions = joined(regions);
    (!regions.is_empty()).then_some(Side { regions, limit })
}

impl<'a> Elf<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let class = bytes.strip_prefix(IDENT)?;
        let word = if class.starts_with(CLASS_32) {
            4
        } else if class.starts_with(CLASS_64) {
            8
        } else {
            return None;
        };
        let elf = Elf { bytes, word, machine: number(bytes, 18, 2)? };
        TYPES.contains(&number(bytes, 16, 2)?).then_some(elf)
    }

    /// The sections that can be read.
    fn sections(&self) -> Option<Vec<Section<'a>>> {
        let Elf { bytes, word, .. } = *self;
        // Names, types, two words, four numbers of a word, two more numbers.
        let header_len = 16 + 6 * word;
        let table = usize::try_from(number(bytes, 24 + 2 * word, word)?).ok()?;
        let counts = 34 + 3 * word;
        let size = number(bytes, counts, 2)?;
        let count = number(bytes, counts + 2, 2)?;
        let header = |index: u64| table.checked_add(header_len * index as usize);
        let names = header(number(bytes, counts + 4, 2)?)?.checked_add(8 + 2 * word)?;
        let names = usize::try_from(number(bytes, names, word)?).ok()?;
        if size != header_len as u64 || count > SECTIONS_MAX {
            return None;
        }
        let section = |index| Section::read(self, header(index)?, names);
        Some((0..count).filter_map(section).collect())
    }

    /// The kind of a section of code.
    fn code(&self, code: &[u8]) -> Kind {
        match (self.word, self.machine) {
            (8, X86_64) => Kind::X86,
            (8, AARCH64) => Kind::AArch64,
            (4, ARM) if is_arm(code) => Kind::Arm,
            (4, ARM) => Kind::Thumb,
            _ => Kind::Plain,
        }
    }
}

/// Whether `code` has more ARM instructions than Thumb would look like: most have the condition that always holds.
fn is_arm(code: &[u8]) -> bool {
    let (words, _) = code.as_chunks::<4>();
    let always = words.iter().filter(|word| word[3] >> 4 == 0xe).count();
    always > words.len() / 4
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
    fn read(elf: &Elf<'a>, at: usize, names: usize) -> Option<Self> {
        let Elf { bytes, word, .. } = *elf;
        let header = bytes.get(at..)?.get(..16 + 6 * word)?;
        let name = bytes.get(names.checked_add(number(header, 0, 4)? as usize)?..)?;
        let numbers = |index| number(header, 8 + index * word, word);
        let (address, len) = (numbers(1)?, numbers(3)?);
        // Sums of both are far from the end of numbers.
        (address < 1 << 62 && len < 1 << 62).then_some(Section {
            name,
            form: number(header, 4, 4)?,
            flags: numbers(0)?,
            address,
            offset: numbers(2)?,
            len,
        })
    }

    fn end_address(&self) -> u64 {
        self.address + self.len
    }

    fn is_named(&self, name: &[u8]) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
    }

    fn kind(&self, elf: &Elf<'_>, bytes: &[u8]) -> Kind {
        let pointers = if elf.word == 8 { Kind::Pointers } else { Kind::Pointers32 };
        match self.form {
            _ if self.flags & EXECUTE != 0 => elf.code(bytes),
            _ if self.flags & WRITE != 0 => pointers,
            RELA | REL | DYNSYM => pointers,
            ARM_EXIDX if elf.machine == ARM => Kind::FromOwn31,
            _ if self.is_named(b".ARM.extab") => Kind::FromOwn31,
            _ if self.is_named(b".eh_frame") => Kind::FromOwn,
            _ if self.is_named(b".eh_frame_hdr") => Kind::FromStart,
            _ => Kind::Plain,
        }
    }

    /// The region that it is, if the file `elf`, which starts at `start`, has its bytes.
    fn region(&self, elf: &Elf<'_>, start: u64) -> Option<Region> {
        if self.form == NOBITS || self.len == 0 {
            return None;
        }
        let end = self.offset.checked_add(self.len)?;
        let bytes =
            elf.bytes.get(usize::try_from(self.offset).ok()?..usize::try_from(end).ok()?)?;
        let (address, kind) = (self.address, self.kind(elf, bytes));
        Some(Region { start: start + self.offset, len: self.len, address, kind })
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

/// The number of `len` bytes at `at`, lowest byte first.
fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.get(..len)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
