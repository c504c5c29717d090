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
/// A place or length from here on is none.
const HIGHEST: u64 = 1 << 48;
/// What is not loaded gets addresses that are multiples of this.
const ALIGNMENT: u64 = 16;

/// Types and flags of sections.
const SYMTAB: u64 = 2;
const STRTAB: u64 = 3;
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
    /// Where the headers of sections are, how many bytes each has, how many they are.
    table: usize,
    header_len: usize,
    count: u64,
    /// Which section has the names.
    names: u64,
}

/// Returns the regions of `file`, an ELF file that starts at `start`, if it is one and says what they are. Nothing of what it says
/// is taken for true beyond that: who uses the regions has to check what is made with them.
pub fn elf_regions(file: &[u8], start: u64) -> Option<Side> {
    let elf = Elf::of(file)?;
    let sections: Vec<Section<'_>> = elf.sections()?.collect();
    let loaded = || sections.iter().filter(|section| section.flags & (ALLOC | TLS) == ALLOC);
    let mut limit = loaded().map(Section::end_address).max()?;
    let mut regions: Vec<Region> =
        loaded().filter_map(|section| section.region(&elf, start)).collect();
    for symbols in sections.iter().filter(|section| section.form == SYMTAB) {
        let found = elf.symbols(symbols, limit);
        let placed = found.iter().flatten().filter_map(|section| section.region(&elf, start));
        regions.extend(placed);
        limit = found.iter().flatten().map(Section::end_address).fold(limit, u64::max);
    }
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
        // A header of a section has two numbers of four bytes, four of a word, two of four, two of a word.
        let counts = 34 + 3 * word;
        let elf = Elf {
            bytes,
            word,
            machine: number(bytes, 18, 2)?,
            table: usize::try_from(number(bytes, 24 + 2 * word, word)?).ok()?,
            header_len: 16 + 6 * word,
            count: number(bytes, counts + 2, 2)?,
            names: number(bytes, counts + 4, 2)?,
        };
        let is_sane =
            number(bytes, counts, 2)? == elf.header_len as u64 && elf.count <= SECTIONS_MAX;
        (is_sane && TYPES.contains(&number(bytes, 16, 2)?)).then_some(elf)
    }

    /// The sections that can be read.
    fn sections(&self) -> Option<impl Iterator<Item = Section<'a>>> {
        let names =
            usize::try_from(number(self.header(self.names)?, 8 + 2 * self.word, self.word)?);
        let names = names.ok()?;
        Some((0..self.count).filter_map(move |index| Section::read(self, index, names)))
    }

    fn header(&self, index: u64) -> Option<&'a [u8]> {
        let at = self.table.checked_add(self.header_len * index as usize)?;
        self.bytes.get(at..)?.get(..self.header_len)
    }

    /// The table `symbols` and its names, with addresses from `limit` on, since they are not loaded: first the symbols, right
    /// behind them the names.
    fn symbols(&self, symbols: &Section<'a>, limit: u64) -> [Option<Section<'a>>; 2] {
        let mut table = *symbols;
        table.address = limit.next_multiple_of(ALIGNMENT);
        let names = Section::read(self, symbols.link, 0);
        let end = table.end_address();
        let names = names.filter(|names| names.form == STRTAB && names.flags & ALLOC == 0);
        [Some(table), names.map(|names| Section { address: end, ..names })]
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

#[derive(Clone, Copy)]
struct Section<'a> {
    name: &'a [u8],
    form: u64,
    flags: u64,
    address: u64,
    offset: u64,
    len: u64,
    /// Another section that belongs to it.
    link: u64,
}

impl<'a> Section<'a> {
    /// Reads the header of this `index`; names are from `names` on.
    fn read(elf: &Elf<'a>, index: u64, names: usize) -> Option<Self> {
        let (header, word) = (elf.header(index)?, elf.word);
        let name = elf.bytes.get(names.checked_add(number(header, 0, 4)? as usize)?..)?;
        let numbers = |index| number(header, 8 + index * word, word);
        let (address, len) = (numbers(1)?, numbers(3)?);
        // Sums of a few of both are far from the end of numbers.
        (address < HIGHEST && len < HIGHEST).then_some(Section {
            name,
            form: number(header, 4, 4)?,
            flags: numbers(0)?,
            address,
            offset: numbers(2)?,
            len,
            link: number(header, 8 + 4 * word, 4)?,
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
            SYMTAB if elf.word == 8 => Kind::Symbols,
            SYMTAB => Kind::Symbols32,
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
        if together && gap <= GAP && last.kind == region.kind && !last.kind.is_whole() {
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
