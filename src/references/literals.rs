//! Literals of code with the addresses that references name in place of how far away these are: what is called twice is
//! written alike twice.

use super::aarch64;
use super::arm::{self, Set};
use super::program::{Kind, Side};
use super::reference::NUMBER;
use super::scan::next_x86_field;

/// A program beyond this address is left as it is: fields have 31 bits and a sign.
const HIGHEST: i64 = i32::MAX as i64;
/// Literals are changed in pieces of so many bytes, which know nothing of each other.
const PIECE: u64 = 64 << 10;

/// Changes `bytes`, literals that are at `at` of the layer and behind, so that references of the program `target` in them name
/// addresses.
pub fn to_absolute(bytes: &mut [u8], at: u64, target: &Side) {
    each_piece(bytes, at, target, |kind, code, address| match kind {
        Kind::AArch64 => aarch64::add_places(code, address),
        Kind::Arm => arm::add_places(Set::Arm, code, address),
        Kind::Thumb => arm::add_places(Set::Thumb, code, address),
        _ => x86_to_absolute(code, address as i64, target.limit as i64),
    });
}

/// Undoes [`to_absolute`].
pub fn to_relative(bytes: &mut [u8], at: u64, target: &Side) {
    each_piece(bytes, at, target, |kind, code, address| match kind {
        Kind::AArch64 => aarch64::subtract_places(code, address),
        Kind::Arm => arm::subtract_places(Set::Arm, code, address),
        Kind::Thumb => arm::subtract_places(Set::Thumb, code, address),
        _ => x86_to_relative(code, address as i64, target.limit as i64),
    });
}

/// Calls `work` with the code among `bytes`, piece by piece, each with its kind and its address.
fn each_piece(bytes: &mut [u8], at: u64, target: &Side, work: impl Fn(Kind, &mut [u8], u64)) {
    let end = at + bytes.len() as u64;
    for region in &target.regions[target.begun(at).saturating_sub(1)..] {
        let (mut start, end) = (region.start.max(at), region.end().min(end));
        while region.kind.is_code() && start < end {
            let next = end.min(start + PIECE);
            let address = region.address + (start - region.start);
            let code = &mut bytes[(start - at) as usize..(next - at) as usize];
            work(region.kind, code, address);
            start = next;
        }
    }
}

fn x86_to_absolute(code: &mut [u8], address: i64, limit: i64) {
    convert(code, address, limit, |value, place| match value {
        value if (-place..limit - place).contains(&value) => Some(value + place),
        value if (limit - place..limit).contains(&value) => Some(value - limit),
        _ => None,
    });
}

fn x86_to_relative(code: &mut [u8], address: i64, limit: i64) {
    convert(code, address, limit, |value, place| match value {
        value if (0..limit).contains(&value) => Some(value - place),
        value if (-place..0).contains(&value) => Some(value + limit),
        _ => None,
    });
}

/// Replaces fields of `code`, whose address is `address`, by what `new_value` has for their value and the address behind
/// them, if anything.
fn convert(code: &mut [u8], address: i64, limit: i64, new_value: impl Fn(i64, i64) -> Option<i64>) {
    if limit > HIGHEST {
        return;
    }
    let mut at = 0;
    while let Some((place, field)) = next_x86_field(code, &mut at) {
        let value = i64::from(i32::from_le_bytes(field));
        if let Some(new) = new_value(value, address + (place + NUMBER) as i64) {
            code[place..place + NUMBER].copy_from_slice(&(new as i32).to_le_bytes());
        }
        // A later field that overlapped this one would change what it looked like to the reader.
        at = place + NUMBER;
    }
}
