//! References in code for 32-bit ARM, of either instruction set.

use std::collections::BTreeMap;

use super::aarch64_immediate::REGISTERS;
use super::arm_immediate::{ArmImmediate, Half};
use super::reference::{Form, NUMBER, Reference, extended};
use super::stretch::Stretch;

/// So many instructions are looked at for the other half of an address, and for the one that adds where it is.
const NEAR: usize = 16;

/// One of two instruction sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// Instructions of four bytes.
    Arm,
    /// Instructions of two or four bytes.
    Thumb,
}

/// What of an instruction matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Other,
    Jump(ArmImmediate),
    /// A half of a register is set.
    Half(ArmImmediate, Half),
    /// A register is set to what is so far from the instruction's counter.
    Load(u8, u32),
    /// The instruction's counter is added to a register.
    Add(u8),
}

impl Set {
    /// How far in front of an instruction the counter is that it sees.
    fn ahead(self) -> u64 {
        match self {
            Set::Arm => 8,
            Set::Thumb => 4,
        }
    }

    /// Where the first instruction is in code at `address`.
    fn first(self, address: u64) -> usize {
        let step = if self == Set::Arm { 4 } else { 2 };
        (address.wrapping_neg() % step) as usize
    }

    /// Returns how many bytes the instruction at `at` of `code` has, and what it is as a word, if it is there.
    fn instruction(self, code: &[u8], at: usize) -> Option<(usize, u32)> {
        let code = code.get(at..)?;
        if self == Set::Arm {
            return Some((4, u32::from_le_bytes(*code.first_chunk()?)));
        }
        let first = u32::from(u16::from_le_bytes(*code.first_chunk()?));
        if first < 0xe800 {
            return Some((2, first));
        }
        let second = u16::from_le_bytes(*code.get(2..)?.first_chunk()?);
        Some((4, first << 16 | u32::from(second)))
    }

    fn meaning(self, word: u32) -> Meaning {
        match self {
            Set::Arm => arm_meaning(word),
            Set::Thumb => thumb_meaning(word),
        }
    }
}

fn arm_meaning(word: u32) -> Meaning {
    let (set, added) = ((word >> 12) as u8 & 15, word as u8 & 15);
    match ArmImmediate::of_arm(word) {
        Some(immediate) => of_immediate(immediate),
        None if word & 0x0fff_0000 == 0x059f_0000 => Meaning::Load(set, word & 0xfff),
        None if word & 0x0fff_0ff0 == 0x008f_0000 => Meaning::Add(added),
        None if word & 0x0fff_0ff0 == 0x079f_0000 => Meaning::Add(added),
        None => Meaning::Other,
    }
}

fn thumb_meaning(word: u32) -> Meaning {
    let (short, long) = ((word >> 8) as u8 & 7, (word >> 12) as u8 & 15);
    match ArmImmediate::of_thumb(word) {
        Some(immediate) => of_immediate(immediate),
        None if word & 0xffff_f800 == 0x4800 => Meaning::Load(short, (word & 0xff) << 2),
        None if word & 0xffff_0000 == 0xf8df_0000 => Meaning::Load(long, word & 0xfff),
        None if word & 0xffff_ff78 == 0x4478 => {
            Meaning::Add((word >> 4) as u8 & 8 | word as u8 & 7)
        }
        None => Meaning::Other,
    }
}

fn of_immediate(immediate: ArmImmediate) -> Meaning {
    let half = |half| Meaning::Half(immediate, half);
    immediate.half().map_or(Meaning::Jump(immediate), half)
}

struct Search<'a, F> {
    set: Set,
    code: &'a [u8],
    stretch: &'a Stretch,
    is_inside: F,
    /// What is already known of places further on.
    ahead: BTreeMap<usize, Reference>,
    found: &'a mut Vec<Reference>,
}

/// Puts the references in `code` of `stretch`, which is of `set`, into `found`; they name addresses for which `is_inside`
/// holds.
pub(super) fn references(
    set: Set,
    code: &[u8],
    stretch: &Stretch,
    found: &mut Vec<Reference>,
    is_inside: impl Fn(u64) -> bool,
) {
    let mut search = Search { set, code, stretch, is_inside, ahead: BTreeMap::new(), found };
    let mut at = set.first(stretch.old);
    while let Some(len) = search.take(at) {
        at += len;
    }
}

impl<F: Fn(u64) -> bool> Search<'_, F> {
    /// Takes what is at `at`. Returns how many bytes it has, if there is something.
    fn take(&mut self, at: usize) -> Option<usize> {
        while let Some(first) = self.ahead.first_entry().filter(|first| *first.key() <= at) {
            let reference = first.remove();
            if reference.at == at {
                self.add(reference);
                return Some(reference.byte_len());
            }
        }
        let (len, word) = self.set.instruction(self.code, at)?;
        match self.set.meaning(word) {
            Meaning::Jump(jump) => {
                let old = jump.named(jump.value(word), self.counter(self.stretch.old, at), &[]);
                let new_origin = self.counter(self.stretch.new, at);
                self.add(Reference { at, form: Form::Arm(jump), old, new_origin });
            }
            Meaning::Half(low, Half::Low(register)) => {
                self.halves(at, len, low, low.value(word), register);
            }
            Meaning::Load(register, distance) => self.load(at, len, register, distance),
            _ => {}
        }
        Some(len)
    }

    fn add(&mut self, reference: Reference) {
        if (self.is_inside)(reference.old) {
            self.found.push(reference);
        }
    }

    /// What the instruction at `at` sees as the counter, if the stretch is at `address`.
    fn counter(&self, address: u64, at: usize) -> u64 {
        address.wrapping_add(at as u64).wrapping_add(self.set.ahead())
    }

    /// The old and the new address that `register`, which is set before `at`, counts from.
    fn origins(&self, at: usize, register: u8) -> [u64; 2] {
        let place = self.next(at, |meaning| meaning == Meaning::Add(register));
        let origin = |address| place.map_or(0, |(place, _)| self.counter(address, place));
        [self.stretch.old, self.stretch.new].map(origin)
    }

    /// Place and word of the next instruction from `at` on that `is_meant`, if it is near.
    fn next(&self, mut at: usize, is_meant: impl Fn(Meaning) -> bool) -> Option<(usize, u32)> {
        for _ in 0..NEAR {
            let (len, word) = self.set.instruction(self.code, at)?;
            if is_meant(self.set.meaning(word)) {
                return Some((at, word));
            }
            at += len;
        }
        None
    }

    /// Takes the low half `value` of `register` at `at`, and looks for the high one.
    fn halves(&mut self, at: usize, len: usize, low: ArmImmediate, value: u64, register: u8) {
        let high_half = Half::High(register);
        let is_high = |meaning| matches!(meaning, Meaning::Half(_, half) if half == high_half);
        let Some((place, word)) = self.next(at + len, is_high) else { return };
        let Meaning::Half(high, _) = self.set.meaning(word) else { return };
        let [old_origin, new_origin] = self.origins(place + high.byte_len(), register);
        let mut lows = [0; REGISTERS];
        lows[usize::from(register)] = value;
        let old = high.named(high.value(word), old_origin, &lows);
        let reference = |at, half| Reference { at, form: Form::Arm(half), old, new_origin };
        self.add(reference(at, low));
        self.ahead.insert(place, reference(place, high));
    }

    /// Takes a load of what is `distance` from the counter at `at` into `register`.
    fn load(&mut self, at: usize, len: usize, register: u8, distance: u32) {
        let counter = self.counter(self.stretch.old, at) & !3;
        let place =
            counter.wrapping_add(u64::from(distance)).wrapping_sub(self.stretch.old) as usize;
        let Some(field) = self.code.get(place..).and_then(<[u8]>::first_chunk::<NUMBER>) else {
            return;
        };
        let [old_origin, new_origin] = self.origins(at + len, register);
        let old = old_origin.wrapping_add(extended(*field));
        self.ahead.insert(place, Reference { at: place, form: Form::Number, old, new_origin });
    }
}

/// Adds to calls in `code` of `set`, whose address is `address`, where they are: they are the same for the same address.
pub(super) fn add_places(set: Set, code: &mut [u8], address: u64) {
    each_call(set, code, address, u64::wrapping_add);
}

/// Undoes [`add_places`].
pub(super) fn subtract_places(set: Set, code: &mut [u8], address: u64) {
    each_call(set, code, address, u64::wrapping_sub);
}

fn each_call(set: Set, code: &mut [u8], address: u64, combine: impl Fn(u64, u64) -> u64) {
    let mut at = set.first(address);
    while let Some((len, word)) = set.instruction(code, at) {
        let own = address.wrapping_add(at as u64);
        let (is_call, jump, place) = match set {
            Set::Arm => (word & 0x0f00_0000 == 0x0b00_0000, ArmImmediate::Jump, own >> 2),
            Set::Thumb => (word & 0xf800_d000 == 0xf000_d000, ArmImmediate::ThumbJump, own >> 1),
        };
        if is_call {
            Form::Arm(jump).set(&mut code[at..], combine(jump.value(word), place));
        }
        at += len;
    }
}
