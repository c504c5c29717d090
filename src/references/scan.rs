//! References, told by what stands before them and by whether they name a place of the program.

use super::aarch64;
use super::arm::{self, Set};
use super::program::{Kind, Side};
use super::reference::{Form, NUMBER, POINTER, Reference, extended};
use super::stretch::Stretch;

/// A number that is no further from zero is no reference from its own address, but a length.
const NEAR: u64 = 1 << 12;

/// Puts into `found` the references in `bytes`, which the base has of `stretch` of its program `base`. They are in order
/// and don't overlap.
pub fn references(bytes: &[u8], stretch: &Stretch, base: &Side, found: &mut Vec<Reference>) {
    found.clear();
    let addresses = base.addresses();
    let (old, new) = (stretch.old, stretch.new);
    let is_inside = |old| addresses.contains(&old);
    match stretch.kind {
        Kind::AArch64 => return aarch64::references(bytes, stretch, found, is_inside),
        Kind::Arm => return arm::references(Set::Arm, bytes, stretch, found, is_inside),
        Kind::Thumb => return arm::references(Set::Thumb, bytes, stretch, found, is_inside),
        _ => {}
    }
    let mut add = |at: usize, form: Form, old: u64, new_origin: u64| {
        let named = addresses.contains(&old);
        if named {
            found.push(Reference { at, form, old, new_origin });
        }
        named
    };
    match stretch.kind {
        Kind::Plain | Kind::AArch64 | Kind::Arm | Kind::Thumb => {}
        Kind::X86 => x86_fields(bytes, |at, value| {
            let behind = (at + NUMBER) as u64;
            let named = old.wrapping_add(behind).wrapping_add(value);
            add(at, Form::Number, named, new.wrapping_add(behind))
        }),
        Kind::Pointers => aligned::<POINTER>(bytes, old, |at, value| {
            add(at, Form::Pointer, u64::from_le_bytes(value), 0);
        }),
        Kind::Pointers32 => aligned::<NUMBER>(bytes, old, |at, value| {
            add(at, Form::Number, extended(value), 0);
        }),
        Kind::FromOwn31 => aligned::<NUMBER>(bytes, old, |at, value| {
            if let Some(value) = Form::Number31.value(&value)
                && value.wrapping_add(NEAR) > 2 * NEAR
            {
                let place = at as u64;
                let named = old.wrapping_add(place).wrapping_add(value);
                add(at, Form::Number31, named, new.wrapping_add(place));
            }
        }),
        Kind::FromOwn => aligned::<NUMBER>(bytes, old, |at, value| {
            let (place, value) = (at as u64, extended(value));
            if value.wrapping_add(NEAR) > 2 * NEAR {
                let named = old.wrapping_add(place).wrapping_add(value);
                add(at, Form::Number, named, new.wrapping_add(place));
            }
        }),
        Kind::FromStart => aligned::<NUMBER>(bytes, old, |at, value| {
            let named = stretch.old_origin.wrapping_add(extended(value));
            add(at, Form::Number, named, stretch.new_origin);
        }),
        Kind::Symbols => symbols(24, 8, Form::Pointer, bytes, stretch, add),
        Kind::Symbols32 => symbols(16, 4, Form::Number, bytes, stretch, add),
    }
}

/// Calls `add` for name and address of each symbol that begins in `bytes`. Symbols have `size` bytes, their addresses are at
/// `place` in the form of `address`.
fn symbols(
    size: usize,
    place: usize,
    address: Form,
    bytes: &[u8],
    stretch: &Stretch,
    mut add: impl FnMut(usize, Form, u64, u64) -> bool,
) {
    let first = stretch.old_origin.wrapping_sub(stretch.old) % size as u64;
    for at in (first as usize..bytes.len()).step_by(size) {
        let symbol = &bytes[at..];
        if let Some(name) = Form::Number.value(symbol) {
            add(at, Form::Number, stretch.old_origin.wrapping_add(name), stretch.new_origin);
        }
        if let Some(named) = symbol.get(place..).and_then(|field| address.value(field)) {
            add(at + place, address, named, 0);
        }
    }
}

/// Calls `found` for each field of `LEN` bytes whose address is a multiple of that; that of `bytes` is `address`.
fn aligned<const LEN: usize>(bytes: &[u8], address: u64, mut found: impl FnMut(usize, [u8; LEN])) {
    let first = (address.wrapping_neg() % LEN as u64) as usize;
    let fields = bytes.get(first..).unwrap_or_default().as_chunks::<LEN>().0;
    fields.iter().enumerate().for_each(|(index, field)| found(first + LEN * index, *field));
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
            at = place + NUMBER;
        }
    }
}

/// Returns place and value of the first field that may be a reference, if the byte that says so is at `at` or behind. `at` is then
/// behind that byte.
pub(super) fn next_x86_field(code: &[u8], at: &mut usize) -> Option<(usize, [u8; NUMBER])> {
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
