//! How numbers are written in a batch (rsync's io.c, protocol 30 and later).

/// Appends a 32-bit number: the fewer its bytes the shorter, the length in the first bits.
pub(super) fn push_varint(out: &mut Vec<u8>, value: u32) {
    let bytes = value.to_le_bytes();
    let len = 4 - (value.leading_zeros() as usize / 8).min(3);
    push_prefixed(out, &bytes[..len], 1);
}

/// Appends a 64-bit number of at least `min` bytes (3 or 4).
pub(super) fn push_varlong(out: &mut Vec<u8>, value: i64, min: usize) {
    let bytes = value.to_le_bytes();
    let len = 8 - ((value as u64).leading_zeros() as usize / 8).min(7);
    push_prefixed(out, &bytes[..len.max(min)], min);
}

/// Writes `bytes` (low first) after a first byte whose leading ones say how many more than `min`
/// bytes there are; the highest byte shares the first one where it fits.
fn push_prefixed(out: &mut Vec<u8>, bytes: &[u8], min: usize) {
    let more = bytes.len() - min;
    let (&top, rest) = bytes.split_last().expect("at least one byte");
    let room = 1u16 << (7 - more);
    if u16::from(top) >= room {
        out.push(ones(more + 1));
        out.extend_from_slice(bytes);
    } else {
        out.push(ones(more) | top);
        out.extend_from_slice(rest);
    }
}

/// A byte that starts with `count` ones.
fn ones(count: usize) -> u8 {
    !(0xff_u16 >> count) as u8
}

/// Appends a 32-bit number at full width.
pub(super) fn push_int(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a 16-bit number at full width.
pub(super) fn push_short(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// What stands in an index's place when a phase is done.
pub(super) const INDEX_DONE: u8 = 0;

/// Writes list indices, each relative to the one before.
#[derive(Debug)]
pub(super) struct IndexWriter {
    previous: i64,
}

impl IndexWriter {
    pub(super) fn new() -> Self {
        IndexWriter { previous: -1 }
    }

    /// Appends `index`, at most 2^31 - 1.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, index: u32) {
        let difference = i64::from(index) - self.previous;
        self.previous = index.into();
        match difference {
            1..=253 => out.push(difference as u8),
            0 | 254..=0x7fff => {
                out.push(0xfe);
                out.extend_from_slice(&(difference as u16).to_be_bytes());
            }
            _ => {
                let [low @ .., high] = index.to_le_bytes();
                out.extend_from_slice(&[0xfe, high | 0x80]);
                out.extend_from_slice(&low);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(value: u32) -> Vec<u8> {
        let mut out = Vec::new();
        push_varint(&mut out, value);
        out
    }

    fn varlong(value: i64, min: usize) -> Vec<u8> {
        let mut out = Vec::new();
        push_varlong(&mut out, value, min);
        out
    }

    #[test]
    fn the_check_values_of_the_format_hold() {
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(0x7f), [0x7f]);
        assert_eq!(varint(0x80), [0x80, 0x80]);
        assert_eq!(varint(0x3fff), [0xbf, 0xff]);
        assert_eq!(varint(0x4000), [0xc0, 0x00, 0x40]);
        assert_eq!(varint(u32::MAX), [0xf0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(varlong(0, 3), [0, 0, 0]);
        assert_eq!(varlong(2709, 3), [0, 0x95, 0x0a]);
        assert_eq!(varlong(1 << 23, 3), [0x80, 0x00, 0x00, 0x80]);
        assert_eq!(varlong(1_600_000_000, 4), [0x5f, 0x00, 0x10, 0x5e]);
        assert_eq!(varlong(-1, 4), [0xf8, 255, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn indices_take_one_three_or_five_bytes() {
        let mut writer = IndexWriter::new();
        let mut out = Vec::new();
        for index in [0, 253, 507, 507, 507 + 0x7fff, 0x12345678] {
            writer.push(&mut out, index);
        }
        let expected: &[&[u8]] = &[
            &[1],
            &[253],
            &[0xfe, 0, 254],
            &[0xfe, 0, 0],
            &[0xfe, 0x7f, 0xff],
            &[0xfe, 0x92, 0x78, 0x56, 0x34],
        ];
        assert_eq!(out, expected.concat());
    }
}
