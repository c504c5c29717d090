//! What a Zstandard frame says of its window, which its reader has to have memory for (RFC 8878, 3.1.1.1).

/// So many bytes of a frame say it.
pub(super) const HEAD_BYTES: u64 = 18;
/// The first bytes of a frame.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// The flag of a frame whose window is its content.
const IS_ONE_SEGMENT: u8 = 1 << 5;
/// How many bytes the number of a dictionary takes, and the content's size.
const DICTIONARY_BYTES: [usize; 4] = [0, 1, 2, 4];
const SIZE_BYTES: [usize; 4] = [1, 2, 4, 8];
/// A size in two bytes counts from here.
const TWO_BYTES_FROM: u64 = 256;

/// Returns the window, in bytes, of the frame that begins with `head`, or `None` if no frame does.
pub(super) fn window_bytes(head: &[u8]) -> Option<u64> {
    let (&descriptor, rest) = head.strip_prefix(&MAGIC)?.split_first()?;
    if descriptor & IS_ONE_SEGMENT != 0 {
        return content_bytes(descriptor, rest);
    }
    let &window = rest.first()?;
    let power = 1u64 << (10 + (window >> 3));
    Some(power + power / 8 * u64::from(window & 7))
}

fn content_bytes(descriptor: u8, rest: &[u8]) -> Option<u64> {
    let number = usize::from(descriptor & 3);
    let rest = rest.get(DICTIONARY_BYTES[number]..)?;
    let len = SIZE_BYTES[usize::from(descriptor >> 6)];
    let size = rest.get(..len)?.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    Some(if len == 2 { size + TWO_BYTES_FROM } else { size })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_frame_of_known_length_has_a_window_of_that_and_others_say_theirs() {
        for len in [0, 255, 256, 300, 70_000, 1 << 24] {
            let bytes = vec![0; len];
            let frame = zstd::bulk::compress(&bytes, 1).expect("memory");
            let window = window_bytes(&frame).expect("a frame");
            assert!(window == len as u64 || window >= 1 << 19, "{window} for {len}");
        }
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.window_log(23).expect("a window");
        encoder.write_all(&[0; 100]).expect("memory");
        encoder.flush().expect("memory");
        assert_eq!(window_bytes(&encoder.finish().expect("memory")), Some(1 << 23));
    }

    #[test]
    fn what_is_cut_or_no_frame_has_no_window() {
        let frame = zstd::bulk::compress(&[0; 300], 1).expect("memory");
        (0..6).for_each(|len| assert_eq!(window_bytes(&frame[..len]), None));
        assert_eq!(window_bytes(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]), None);
    }
}
