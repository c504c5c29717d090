//! A reference: a field that names an address, and how it has that address.

use super::aarch64_immediate::{Immediate, REGISTERS};

/// Bytes of a number that is a reference.
pub(super) const NUMBER: usize = 4;
/// Bytes of a pointer.
pub(super) const POINTER: usize = 8;

/// How a field has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As four bytes with a sign.
    Number,
    /// As eight bytes.
    Pointer,
    /// As some bits of an instruction for AArch64.
    AArch64(Immediate),
}

impl Form {
    /// How many bytes have it.
    pub(super) const fn len(self) -> usize {
        match self {
            Form::Number | Form::AArch64(_) => NUMBER,
            Form::Pointer => POINTER,
        }
    }
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
        self.form.len()
    }

    /// Returns whether the bytes that have it have something else too, so that they may change beside it.
    pub fn is_shared(&self) -> bool {
        matches!(self.form, Form::AArch64(_))
    }

    /// Returns what `bytes` have there, if they begin with a field of this form.
    pub fn value(&self, bytes: &[u8]) -> Option<u64> {
        match self.form {
            Form::Number => Some(extended(*bytes.first_chunk()?)),
            Form::Pointer => Some(u64::from_le_bytes(*bytes.first_chunk()?)),
            Form::AArch64(immediate) => {
                let word = u32::from_le_bytes(*bytes.first_chunk()?);
                (Immediate::of(word).is_some_and(|own| own.is_like(immediate)))
                    .then(|| immediate.value(word))
            }
        }
    }

    /// Makes the field, with which `bytes` begin, as much of `value` as it has room for. Returns what it has then.
    pub fn set(&self, bytes: &mut [u8], value: u64) -> u64 {
        let bytes = &mut bytes[..self.byte_len()];
        match (self.form, bytes.first_chunk()) {
            (Form::AArch64(immediate), Some(word)) => {
                let word = immediate.put(u32::from_le_bytes(*word), value);
                bytes.copy_from_slice(&word.to_le_bytes());
            }
            _ => bytes.copy_from_slice(&value.to_le_bytes()[..self.byte_len()]),
        }
        self.fitting(value)
    }

    /// Returns what the field is if it names `new`.
    pub(super) fn naming(&self, new: u64) -> u64 {
        let distance = new.wrapping_sub(self.new_origin);
        match self.form {
            Form::Number | Form::Pointer => self.fitting(distance),
            Form::AArch64(immediate) => immediate.naming(new, self.new_origin),
        }
    }

    /// Returns the address that `value` names; `pages` are those that registers have.
    pub(super) fn named(&self, value: u64, pages: &[u64; REGISTERS]) -> u64 {
        match self.form {
            Form::Number | Form::Pointer => value.wrapping_add(self.new_origin),
            Form::AArch64(immediate) => immediate.named(value, self.new_origin, pages),
        }
    }

    /// Returns the register that gets the page it names, if it names one.
    pub(super) fn register_of_page(&self) -> Option<usize> {
        match self.form {
            Form::AArch64(Immediate::Page { register }) => Some(usize::from(register)),
            _ => None,
        }
    }

    /// What a field of its form has of `value`.
    fn fitting(&self, value: u64) -> u64 {
        match self.form {
            Form::Number => i64::from(value as i32) as u64,
            Form::Pointer => value,
            Form::AArch64(immediate) => immediate.fitting(value),
        }
    }
}

/// The sign of a field's value goes on.
pub(super) fn extended(field: [u8; NUMBER]) -> u64 {
    i64::from(i32::from_le_bytes(field)) as u64
}
