//! References in code for AArch64.

use super::aarch64_immediate::{Immediate, PAGE_BITS, REGISTERS};
use super::reference::{Form, Reference};
use super::stretch::Stretch;

/// Bytes of an instruction.
const INSTRUCTION: usize = 4;

/// The register that `word` may give another value, if it has one where most instructions have it.
fn written(word: u32) -> Option<usize> {
    let is_jump = word & 0x1c00_0000 == 0x1400_0000;
    let is_transfer = word & 0x0a00_0000 == 0x0800_0000;
    let (is_load, is_vector) = (word & 0x0040_0000 != 0, word & 0x0400_0000 != 0);
    let is_kept = is_jump || is_transfer && (is_vector || !is_load);
    (!is_kept).then_some(word as usize % REGISTERS)
}

/// Code that is searched for references.
struct Search<'a, F> {
    /// Whether an address is one of the program.
    is_inside: F,
    found: &'a mut Vec<Reference>,
    /// At which place of `found` the reference to the page is that each register has, if that is known.
    known: [Option<usize>; REGISTERS],
    /// The pages that registers have.
    pages: [u64; REGISTERS],
}

/// Puts the references in `code` of `stretch` into `found`; they name addresses for which `is_inside` holds.
pub(super) fn references(
    code: &[u8],
    stretch: &Stretch,
    found: &mut Vec<Reference>,
    is_inside: impl Fn(u64) -> bool,
) {
    let mut search = Search { is_inside, found, known: [None; REGISTERS], pages: [0; REGISTERS] };
    let first = (stretch.old.wrapping_neg() % INSTRUCTION as u64) as usize;
    let words = code.get(first..).unwrap_or_default().as_chunks::<INSTRUCTION>().0;
    for (index, word) in words.iter().enumerate() {
        search.take(u32::from_le_bytes(*word), first + INSTRUCTION * index, stretch);
    }
}

impl<F: Fn(u64) -> bool> Search<'_, F> {
    /// Takes the instruction `word`, which is at `at` of `stretch`.
    fn take(&mut self, word: u32, at: usize, stretch: &Stretch) {
        let Some(immediate) = Immediate::of(word) else {
            self.forget(word);
            return;
        };
        let [own, new_origin] =
            [stretch.old, stretch.new].map(|first| first.wrapping_add(at as u64));
        let old = immediate.named(immediate.value(word), own, &self.pages);
        let reference = Reference { at, form: Form::AArch64(immediate), old, new_origin };
        match immediate {
            Immediate::Low { register, .. } => {
                if let Some(place) = self.known[usize::from(register)] {
                    self.low(reference, self.pages[usize::from(register)], place);
                }
                self.forget(word);
            }
            Immediate::Page { register } => {
                let place = self.found.len();
                self.known[usize::from(register)] = self.add(reference).then_some(place);
                self.pages[usize::from(register)] = old;
            }
            _ => {
                self.add(reference);
                self.forget(word);
            }
        }
    }

    /// Adds `reference`, if it is one. Returns whether it is.
    fn add(&mut self, reference: Reference) -> bool {
        let is_reference = (self.is_inside)(reference.old);
        if is_reference {
            self.found.push(reference);
        }
        is_reference
    }

    /// Adds `reference`, which names an address of `page`. The first one says what is meant by the reference to the page, at
    /// `place`.
    fn low(&mut self, reference: Reference, page: u64, place: usize) {
        if self.add(reference) && self.found[place].old == page {
            self.found[place].old = reference.old;
        }
    }

    fn forget(&mut self, word: u32) {
        if let Some(register) = written(word) {
            self.known[register] = None;
        }
    }
}

/// Adds to calls and pages in `code`, whose address is `address`, where they are: they are the same for the same address.
pub(super) fn add_places(code: &mut [u8], address: u64) {
    each_place(code, address, u64::wrapping_add);
}

/// Undoes [`add_places`].
pub(super) fn subtract_places(code: &mut [u8], address: u64) {
    each_place(code, address, u64::wrapping_sub);
}

fn each_place(code: &mut [u8], address: u64, combine: impl Fn(u64, u64) -> u64) {
    let first = (address.wrapping_neg() % INSTRUCTION as u64) as usize;
    let words = code.get_mut(first..).unwrap_or_default().as_chunks_mut::<INSTRUCTION>().0;
    for (index, bytes) in words.iter_mut().enumerate() {
        let word = u32::from_le_bytes(*bytes);
        let own = address.wrapping_add((first + INSTRUCTION * index) as u64);
        let (immediate, place) = match Immediate::of(word) {
            Some(call @ Immediate::Jump) if word >> 31 == 1 => (call, own >> 2),
            Some(page @ Immediate::Page { .. }) => (page, own >> PAGE_BITS),
            _ => continue,
        };
        *bytes = immediate.put(word, combine(immediate.value(word), place)).to_le_bytes();
    }
}
