//! References, told by what stands before them and by whether they name a place of the program.

use super::program::{Kind, Side};
use super::stretch::Stretch;

/// Bytes of a reference in code.
pub(super) const FIELD: usize = 4;
/// Bytes of a pointer.
const POINTER: usize = 8;

/// A number that is no further from zero is no reference from its own address, but a length.
const NEAR: u64 = 1 << 12;

/// A field that names an address of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Where in the stretch it is.
    pub at: usize,
    /// How many bytes it has, four or eight.
    pub len: usize,
    /// The address that it names, in the base's program.
    pub(super) old: u64,
    /// What is taken from the new address to have the new value.
    pub(super) new_origin: u64,
}

impl Reference {
    /// Returns what `bytes`, which begin with its field, have there: of a number of four bytes, the sign goes on.
    pub fn value(&self, bytes: &[u8]) -> u64 {
        match (self.len, bytes.first_chunk(), bytes.first_chunk()) {
            (FIELD, Some(field), _) => extended(*field),
            (_, _, Some(field)) => u64::from_le_bytes(*field),
            _ => 0,
        }
    }

    /// Returns what a field of its length has of `value`.
    pub(super) fn fitting(&self, value: u64) -> u64 {
        if self.len == FIELD { i64::from(value as i32) as u64 } else { value }
    }

    /// Makes the field, with which `bytes` begin, `value`. Returns what it has then.
    pub fn set(&self, bytes: &mut [u8], value: u64) -> u64 {
        bytes[..self.len].copy_from_slice(&value.to_le_bytes()[..self.len]);
        self.value(bytes)
    }
}

/// Puts into `found` the references in `bytes`, which the base has of `stretch` of its program `base`. They are in order
/// and don't overlap.
pub fn references(bytes: &[u8], stretch: &Stretch, base: &Side, found: &mut Vec<Reference>) {
    found.clear();
    let addresses = base.addresses();
    let mut add = |at: usize, len: usize, old: u64, new_origin: u64| {
        let named = addresses.contains(&old);
        if named {
            found.push(Reference { at, len, old, new_origin });
        }
        named
    };
    let (old, new) = (stretch.old, stretch.new);
    match stretch.kind {
        Kind::Plain => {}
        Kind::X86 => x86_fields(bytes, |at, value| {
            let behind = (at + FIELD) as u64;
            add(at, FIELD, old.wrapping_add(behind).wrapping_add(value), new.wrapping_add(behind))
        }),
        Kind::Pointers => aligned::<POINTER>(bytes, old, |at, value| {
            add(at, POINTER, u64::from_le_bytes(value), 0);
        }),
        Kind::FromOwn => aligned::<FIELD>(bytes, old, |at, value| {
            let (place, value) = (at as u64, extended(value));
            if value.wrapping_add(NEAR) > 2 * NEAR {
                let named = old.wrapping_add(place).wrapping_add(value);
                add(at, FIELD, named, new.wrapping_add(place));
            }
        }),
        Kind::FromStart => aligned::<FIELD>(bytes, old, |at, value| {
            add(at, FIELD, stretch.old_region.wrapping_add(extended(value)), stretch.new_region);
        }),
    }
}

/// Calls `found` for each field of `LEN` bytes whose address is a multiple of that; that of `bytes` is `address`.
fn aligned<const LEN: usize>(bytes: &[u8], address: u64, mut found: impl FnMut(usize, [u8; LEN])) {
    let first = (address.wrapping_neg() % LEN as u64) as usize;
    let fields = bytes.get(first..).unwrap_or_default().as_chunks::<LEN>().0;
    fields.iter().enumerate().for_each(|(index, field)| found(first + LEN * index, *field));
}

/// The sign of a field's value goes on.
pub(super) fn extended(field: [u8; FIELD]) -> u64 {
    i64::from(i32::from_le_bytes(field)) as u64
}

/// What a byte of x86-64 code may be, beside all that it may be else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Other,
    /// A call or a jump.
    Opcode,
    /// The first byte of a conditional jump.
    Escape,
    /// An operand that counts from the instruction pointer.
    Operand,
}

const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    let mut register = 0;
    while register < 8 {
        bytes[register << 3 | 0x05] = Byte::Operand;
        register += 1;
    }
    bytes[0xe8] = Byte::Opcode;
    bytes[0xe9] = Byte::Opcode;
    bytes[0x0f] = Byte::Escape;
    bytes
};

/// Calls `is_reference` with place and value of each field of `code` that may be a reference. If it is, the next one is looked for
/// behind it.
fn x86_fields(code: &[u8], mut is_reference: impl FnMut(usize, u64) -> bool) {
    let mut at = 0;
    while let Some((place, field)) = next_x86_field(code, &mut at) {
        if is_reference(place, extended(field)) {
            at = place + FIELD;
        }
    }
}

/// Returns place and value of the first field that may be a reference, if the byte that says so is at `at` or behind. `at` is then
/// behind that byte.
pub(super) fn next_x86_field(code: &[u8], at: &mut usize) -> Option<(usize, [u8; FIELD])> {
    while let Some(&byte) = code.get(*at) {
        *at += 1;
        let place = match BYTES[usize::from(byte)] {
            Byte::Other => continue,
            Byte::Opcode | Byte::Operand => *at,
            Byte::Escape if code.get(*at).is_some_and(|next| next & 0xf0 == 0x80) => *at + 1,
            Byte::Escape => continue,
        };
        if let Some(field) = code.get(place..).and_then(|rest| rest.first_chunk()) {
            return Some((place, *field));
        }
    }
    None
}
