//! Bits into bytes, lowest first.

/// Appends bits to bytes.
pub(super) struct BitWriter<'o> {
    out: &'o mut Vec<u8>,
    held: u64,
    count: u32,
}

impl<'o> BitWriter<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        BitWriter { out, held: 0, count: 0 }
    }

    /// Appends the low `count` bits of `value`, at most 32.
    pub(super) fn push(&mut self, value: u32, count: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte up with zeros.
    pub(super) fn align(&mut self) {
        self.push(0, (8 - self.count) % 8);
    }

    /// Appends whole bytes; the bits before must end with a byte.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.count, 0, "bytes start at a byte");
        self.out.extend_from_slice(bytes);
    }

    /// Ends with the header of an empty stored block: three zero bits, filled up to a byte.
    pub(super) fn finish_open(mut self) {
        self.push(0, 3);
        self.align();
    }
}
