//! Sizes in a stream: unsigned LEB128.

use std::io::{self, Read};

/// The most bytes that a size has.
const LONGEST: usize = 10;

/// Appends `number`.
pub(super) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a size; `None` if there is none within 64 bits.
///
/// # Errors
/// If `stream` ends, or can't be read.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<u64>> {
    let mut number = 0u64;
    for index in 0..LONGEST {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        let (bits, shift) = (u64::from(byte[0] & 0x7f), 7 * index as u32);
        if bits << shift >> shift != bits {
            return Ok(None);
        }
        number |= bits << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
