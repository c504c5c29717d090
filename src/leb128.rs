//! LEB128: numbers of seven bits a byte, the lowest first; the highest bit of a byte says that another follows.

use std::io::{self, Read};

/// The most bytes that a number has.
const LONGEST: usize = 10;

/// Appends `number`.
pub(crate) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes the number that `bytes` begin with, or returns `None` if they begin with none, or one beyond 64 bits.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for (index, &byte) in bytes.iter().enumerate().take(LONGEST) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(number);
        }
    }
    None
}

/// Reads a number and how many bytes say it; `None` if those say none within 64 bits.
///
/// # Errors
/// If `stream` ends before the number does, or can't be read.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Option<(u64, usize)>> {
    let mut bytes = [0; LONGEST];
    for len in 1..=LONGEST {
        stream.read_exact(&mut bytes[len - 1..len])?;
        if bytes[len - 1] & 0x80 == 0 {
            return Ok(take(&mut &bytes[..len]).map(|number| (number, len)));
        }
    }
    Ok(None)
}

/// Returns `number` as an unsigned one, small if it is near zero: 0, -1, 1, -2, … (zigzag).
pub(crate) fn folded(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Undoes [`folded`].
pub(crate) fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_at_every_length() {
        let edges = (0..64).flat_map(|bits| [(1u64 << bits) - 1, 1 << bits, u64::MAX >> bits]);
        for number in edges {
            let mut bytes = Vec::new();
            push(&mut bytes, number);
            assert_eq!(take(&mut &bytes[..]), Some(number));
            assert_eq!(read(&mut &bytes[..]).expect("whole"), Some((number, bytes.len())));
            assert_eq!(folded(unfolded(number)), number);
            for cut in 0..bytes.len() {
                assert_eq!(take(&mut &bytes[..cut]), None);
                assert!(read(&mut &bytes[..cut]).is_err());
            }
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_none() {
        for last in 2..0x80 {
            let mut bytes = vec![0x80; 9];
            bytes.push(last);
            assert_eq!(take(&mut &bytes[..]), None);
            assert_eq!(read(&mut &bytes[..]).expect("whole"), None);
        }
        assert_eq!(take(&mut &[0xff; 11][..]), None);
        assert_eq!(read(&mut &[0xff; 11][..]).expect("whole"), None);
    }
}
