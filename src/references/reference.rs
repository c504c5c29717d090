//! A reference: a field that names an address, and how it has that address.

use super::aarch64_immediate::{Immediate, REGISTERS};
use super::arm_immediate::{ArmImmediate, Half};

/// Bytes of a number that is a reference.
pub(super) const NUMBER: usize = 4;
/// Bytes of a pointer.
pub(super) const POINTER: usize = 8;

/// How a field has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As four bytes with a sign.
    Number,
    /// As the lowest 31 bits of four bytes, with a sign.
    Number31,
    /// As eight bytes.
    Pointer,
    /// As some bits of an instruction for AArch64.
    AArch64(Immediate),
    /// As some bits of an instruction for 32-bit ARM.
    Arm(ArmImmediate),
}

impl Form {
    /// How many bytes have it.
    pub(super) const fn byte_len(self) -> usize {
        match self {
            Form::Number | Form::Number31 | Form::AArch64(_) => NUMBER,
            Form::Pointer => POINTER,
            Form::Arm(immediate) => immediate.byte_len(),
        }
    }

    /// What `bytes` have there, if they begin with a field of this form.
    pub(super) fn value(self, bytes: &[u8]) -> Option<u64> {
        match self {
            Form::Number => Some(extended(*bytes.first_chunk()?)),
            Form::Number31 => {
                let value = extended(*bytes.first_chunk()?);
                (value >> 31 == 0).then(|| self.fitting(value))
            }
            Form::Pointer => Some(u64::from_le_bytes(*bytes.first_chunk()?)),
            Form::AArch64(immediate) => {
                let word = u32::from_le_bytes(*bytes.first_chunk()?);
                let is_same = Immediate::of(word).is_some_and(|own| own.is_like(immediate));
                is_same.then(|| immediate.value(word))
            }
            Form::Arm(immediate) => {
                let word = arm_word(immediate, bytes)?;
                let of = if immediate.is_thumb() {
                    ArmImmediate::of_thumb
                } else {
                    ArmImmediate::of_arm
                };
                of(word).is_some_and(|own| own.is_like(immediate)).then(|| immediate.value(word))
            }
        }
    }

    /// Makes the field, with which `bytes` begin, as much of `value` as it has room for.
    pub(super) fn set(self, bytes: &mut [u8], value: u64) {
        match (self, bytes.first_chunk()) {
            (Form::AArch64(immediate), Some(word)) => {
                let word = immediate.put(u32::from_le_bytes(*word), value);
                bytes[..NUMBER].copy_from_slice(&word.to_le_bytes());
            }
            (Form::Arm(immediate), _) => {
                let word = arm_word(immediate, bytes).map(|word| immediate.put(word, value));
                let word = word.unwrap_or_default();
                let turned = if immediate.is_thumb() && immediate.byte_len() == 4 {
                    word.rotate_left(16)
                } else {
                    word
                };
                let len = immediate.byte_len();
                bytes[..len].copy_from_slice(&turned.to_le_bytes()[..len]);
            }
            (Form::Number31, Some(word)) => {
                let word = u32::from_le_bytes(*word) & 1 << 31 | value as u32 & !(1 << 31);
                bytes[..NUMBER].copy_from_slice(&word.to_le_bytes());
            }
            _ => bytes[..self.byte_len()].copy_from_slice(&value.to_le_bytes()[..self.byte_len()]),
        }
    }

    /// What a field of its form has of `value`.
    fn fitting(self, value: u64) -> u64 {
        match self {
            Form::Number => i64::from(value as i32) as u64,
            Form::Number31 => ((value << 33) as i64 >> 33) as u64,
            Form::Pointer => value,
            Form::AArch64(immediate) => immediate.fitting(value),
            Form::Arm(immediate) => immediate.fitting(value),
        }
    }
}

/// The instruction at the start of `bytes` that has `immediate`, the first halfword of two as the high one.
fn arm_word(immediate: ArmImmediate, bytes: &[u8]) -> Option<u32> {
    if immediate.byte_len() == 2 {
        return Some(u32::from(u16::from_le_bytes(*bytes.first_chunk()?)));
    }
    let word = u32::from_le_bytes(*bytes.first_chunk()?);
    Some(if immediate.is_thumb() { word.rotate_left(16) } else { word })
}

/// A field that names an address of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Where in the stretch the bytes are that have it.
    pub at: usize,
    /// How it is there.
    pub(super) form: Form,
    /// The address that it names, in the base's program.
    pub(super) old: u64,
    /// What the new address is counted from.
    pub(super) new_origin: u64,
}

impl Reference {
    /// Returns how many bytes have it.
    pub fn byte_len(&self) -> usize {
        self.form.byte_len()
    }

    /// Returns whether the bytes that have it have something else too, so that they may change beside it.
    pub fn is_shared(&self) -> bool {
        matches!(self.form, Form::AArch64(_) | Form::Arm(_) | Form::Number31)
    }

    /// Returns what `bytes` have there, if they begin with a field of this form.
    pub fn value(&self, bytes: &[u8]) -> Option<u64> {
        self.form.value(bytes)
    }

    /// Makes the field, with which `bytes` begin, as much of `value` as it has room for. Returns what it has then.
    pub fn set(&self, bytes: &mut [u8], value: u64) -> u64 {
        self.form.set(bytes, value);
        self.form.fitting(value)
    }

    /// Returns what the field is if it names `new`.
    pub(super) fn naming(&self, new: u64) -> u64 {
        match self.form {
            Form::Number | Form::Number31 | Form::Pointer => {
                self.form.fitting(new.wrapping_sub(self.new_origin))
            }
            Form::AArch64(immediate) => immediate.naming(new, self.new_origin),
            Form::Arm(immediate) => immediate.naming(new, self.new_origin),
        }
    }

    /// Returns the address that `value` names; `parts` are those that registers have.
    pub(super) fn named(&self, value: u64, parts: &[u64; REGISTERS]) -> u64 {
        match self.form {
            Form::Number | Form::Number31 | Form::Pointer => value.wrapping_add(self.new_origin),
            Form::AArch64(immediate) => immediate.named(value, self.new_origin, parts),
            Form::Arm(immediate) => immediate.named(value, self.new_origin, parts),
        }
    }

    /// Returns the register that gets a part of an address by it, if it is no whole one.
    pub(super) fn register_of_part(&self) -> Option<usize> {
        match self.form {
            Form::AArch64(Immediate::Page { register }) => Some(usize::from(register)),
            Form::Arm(immediate) => match immediate.half()? {
                Half::Low(register) => Some(usize::from(register)),
                Half::High(_) => None,
            },
            _ => None,
        }
    }
}

/// The sign of a field's value goes on.
pub(super) fn extended(field: [u8; NUMBER]) -> u64 {
    i64::from(i32::from_le_bytes(field)) as u64
}
