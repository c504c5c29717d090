//! How much memory a zstd frame asks for, read from its header (RFC 8878, section 3.1.1.1).

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// What follows the first byte, 0x50 to 0x5f, of a skippable frame (section 3.1.2).
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// Returns the window of the first frame in `start` that is not skippable, in bytes. `None` if that
/// header is not all there.
pub(super) fn first_window(mut start: &[u8]) -> Option<u64> {
    loop {
        let (magic, rest) = start.split_first_chunk::<4>()?;
        if *magic == MAGIC {
            return window(rest);
        }
        if !(0x50..=0x5f).contains(&magic[0]) || magic[1..] != SKIPPABLE {
            return None;
        }
        let (len, rest) = rest.split_first_chunk::<4>()?;
        start = rest.get(usize::try_from(u32::from_le_bytes(*len)).ok()?..)?;
    }
}

/// The window of the frame whose header goes on with `header` after the magic number.
fn window(header: &[u8]) -> Option<u64> {
    let (&descriptor, rest) = header.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let byte = u64::from(*rest.first()?);
        let base = 1_u64 << (10 + (byte >> 3));
        return Some(base + base / 8 * (byte & 7));
    }
    // Without a window descriptor the whole content is the window.
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let field = rest.get(dictionary_bytes..dictionary_bytes + size_bytes)?;
    let mut size = [0; 8];
    size[..size_bytes].copy_from_slice(field);
    let offset = if size_bytes == 2 { 256 } else { 0 };
    Some(u64::from_le_bytes(size).saturating_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_what_the_header_says() {
        let skippable = [&[0x5a][..], &SKIPPABLE, &[1, 0, 0, 0, 9]].concat();
        let frame = |header: &[u8]| [&MAGIC, header].concat();
        for (start, expected) in [
            (frame(&[0x00, 0x00]), Some(1 << 10)),
            (frame(&[0x00, 0x01]), Some((1 << 10) + 128)),
            (frame(&[0x04, 0x90]), Some(1 << 28)),
            (frame(&[0x20, 5]), Some(5)),
            (frame(&[0x60, 5, 1]), Some(256 + 5 + 256)),
            (frame(&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0]), Some(1 << 32)),
            (frame(&[0x21, 77, 5]), Some(5)),
            ([&skippable[..], &skippable, &frame(&[0x00, 0x90])].concat(), Some(1 << 28)),
            (frame(&[0x00]), None),
            (frame(&[0xe0, 0, 0]), None),
            (skippable.clone(), None),
            (b"rubbish that is none".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(first_window(&start), expected, "{start:02x?}");
        }
    }
}
