//! Literals of code with the addresses that references name in place of how far away these are: what is called twice is
//! written alike twice.

use super::program::{Kind, Side};
use super::scan::{FIELD, next_x86_field};

/// A program beyond this address is left as it is: fields have 31 bits and a sign.
const HIGHEST: u64 = i32::MAX as u64;
/// Literals are changed in pieces of so many bytes, which know nothing of each other.
const PIECE: u64 = 64 << 10;

/// Changes `bytes`, literals that are at `at` of the layer and behind, so that references of the program `target` in them name
/// addresses.
pub fn to_absolute(bytes: &mut [u8], at: u64, target: &Side) {
    each_piece(bytes, at, target, |code, address, limit| {
        convert(code, address, |value, place| match value {
            value if (-place..limit - place).contains(&value) => Some(value + place),
            value if (limit - place..limit).contains(&value) => Some(value - limit),
            _ => None,
        });
    });
}

/// Undoes [`to_absolute`].
pub fn to_relative(bytes: &mut [u8], at: u64, target: &Side) {
    each_piece(bytes, at, target, |code, address, limit| {
        convert(code, address, |value, place| match value {
            value if (0..limit).contains(&value) => Some(value - place),
            value if (-place..0).contains(&value) => Some(value + limit),
            _ => None,
        });
    });
}

/// Calls `work` with the code among `bytes`, piece by piece, each with its address, and the limit of addresses.
fn each_piece(bytes: &mut [u8], at: u64, target: &Side, work: impl Fn(&mut [u8], i64, i64)) {
    if target.limit > HIGHEST {
        return;
    }
    let end = at + bytes.len() as u64;
    for region in &target.regions[target.begun(at).saturating_sub(1)..] {
        let (mut start, end) = (region.start.max(at), region.end().min(end));
        while region.kind == Kind::X86 && start < end {
            let next = end.min(start + PIECE);
            let address = region.address + (start - region.start);
            let code = &mut bytes[(start - at) as usize..(next - at) as usize];
            work(code, address as i64, target.limit as i64);
            start = next;
        }
    }
}

/// Replaces fields of `code`, whose address is `address`, by what `new_value` has for their value and the address behind
/// them, if anything.
fn convert(code: &mut [u8], address: i64, new_value: impl Fn(i64, i64) -> Option<i64>) {
    let mut at = 0;
    while let Some((place, field)) = next_x86_field(code, &mut at) {
        let value = i64::from(i32::from_le_bytes(field));
        if let Some(new) = new_value(value, address + (place + FIELD) as i64) {
            code[place..place + FIELD].copy_from_slice(&(new as i32).to_le_bytes());
        }
        // A later field that overlapped this one would change what it looked like to the reader.
        at = place + FIELD;
    }
}
