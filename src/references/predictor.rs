//! What a reference is once things moved: by the map, and by what earlier references turned out to be.

use super::aarch64_immediate::REGISTERS;
use super::address_map::AddressMap;
use super::reference::Reference;
use super::stretch::Stretch;

/// So many addresses are remembered that code named.
const NAMED: usize = 1 << 16;
/// Addresses of tables are corrected together if they differ in no higher bits than these.
const PAGE_BITS: u32 = 14;
/// So many corrections are remembered.
const PAGES: usize = 1 << 12;
/// The multiplier of Fibonacci hashing: spreads addresses over what is remembered.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Predicts references of one program after the other.
#[derive(Debug)]
pub struct Predictor {
    map: AddressMap,
    /// Addresses that code named and the map had wrong: of which program, the old one, the new one.
    named: Vec<(u32, u64, u64)>,
    /// What tables' addresses differ from the map.
    pages: Vec<u64>,
    /// The pages that registers have now.
    registers: [u64; REGISTERS],
    /// The new address that was predicted last.
    expected: u64,
    /// The number of the program.
    program: u32,
}

impl Predictor {
    /// One that has no program yet.
    pub fn new() -> Self {
        let (named, pages) = (vec![(0, 0, 0); NAMED], vec![0; PAGES]);
        Predictor {
            map: AddressMap::default(),
            named,
            pages,
            registers: [0; REGISTERS],
            expected: 0,
            program: 0,
        }
    }

    /// Begins with a program whose covers are `stretches`: nothing is remembered of others.
    pub fn begin(&mut self, stretches: impl IntoIterator<Item = Stretch>) {
        self.map = AddressMap::new(stretches);
        self.pages.fill(0);
        // Chunks have fewer programs than there are numbers.
        self.program = self.program.wrapping_add(1);
    }

    /// Returns what `reference` in `stretch` should be.
    pub fn predict(&mut self, stretch: &Stretch, reference: &Reference) -> u64 {
        self.expected = self.new_address(stretch, reference.old);
        reference.naming(self.expected)
    }

    /// Learns that `reference` in `stretch`, the one that was predicted last, is `actual`.
    pub fn learn(&mut self, stretch: &Stretch, reference: &Reference, actual: u64) {
        let old = reference.old;
        let new = reference.named(actual, &self.registers);
        if let Some(register) = reference.register_of_part() {
            self.registers[register] = new;
        } else if !stretch.kind.is_code() {
            let correction = &mut self.pages[page(old)];
            *correction = correction.wrapping_add(new.wrapping_sub(self.expected));
        } else if new != self.expected {
            self.named[slot(old)] = (self.program, old, new);
        }
    }

    /// Where what was at `old` should be now, for a reference in `stretch`.
    fn new_address(&self, stretch: &Stretch, old: u64) -> u64 {
        match stretch.kind {
            kind if !kind.is_code() => {
                self.map.new_address(old).wrapping_add(self.pages[page(old)])
            }
            _ if stretch.has(old) => old.wrapping_add(stretch.shift()),
            _ => self.named(old).unwrap_or_else(|| self.map.new_address(old)),
        }
    }

    /// The new address of `old`, if code named it before and the map had it wrong.
    fn named(&self, old: u64) -> Option<u64> {
        let (program, known, new) = self.named[slot(old)];
        (program == self.program && known == old).then_some(new)
    }
}

impl Default for Predictor {
    fn default() -> Self {
        Predictor::new()
    }
}

fn slot(old: u64) -> usize {
    (old.wrapping_mul(SPREAD) >> (u64::BITS - NAMED.trailing_zeros())) as usize
}

fn page(old: u64) -> usize {
    (old >> PAGE_BITS) as usize % PAGES
}
