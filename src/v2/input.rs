//! A delta on its way in: bytes and numbers, with the place where each was found.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use super::error::{BatchError, BatchProblem};
use super::format::Checksum;
use super::numbers::INDEX_DONE;

/// Reads the parts of a delta.
#[derive(Debug)]
pub(super) struct BatchInput<R> {
    inner: R,
    position: u64,
    previous: i64,
    /// Over everything that was read.
    hash: Sha256,
}

impl<R: Read> BatchInput<R> {
    pub(super) fn new(inner: R) -> Self {
        BatchInput { inner, position: 0, previous: -1, hash: Sha256::new() }
    }

    /// The checksum of everything that was read.
    pub(super) fn checksum(&self) -> Checksum {
        Checksum::of(self.hash.clone())
    }

    /// How many bytes have been read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// `problem`, found here.
    pub(super) fn error(&self, problem: BatchProblem) -> BatchError {
        BatchError { position: self.position, problem }
    }

    /// Fills `buffer`.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BatchError> {
        self.inner.read_exact(buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.error(BatchProblem::Truncated),
            _ => self.error(BatchProblem::Io(error.to_string())),
        })?;
        self.position += buffer.len() as u64;
        self.hash.update(buffer);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BatchError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes).map(|()| bytes)
    }

    /// `len` bytes; the caller has checked that so many are reasonable.
    pub(super) fn bytes(&mut self, len: usize) -> Result<Vec<u8>, BatchError> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes).map(|()| bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, BatchError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> Result<u16, BatchError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn int(&mut self) -> Result<i32, BatchError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn md5(&mut self) -> Result<[u8; 16], BatchError> {
        self.array()
    }

    pub(super) fn varint(&mut self) -> Result<u32, BatchError> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        if more > 4 {
            return Err(self.error(BatchProblem::Number));
        }
        let mut value = [0; 5];
        self.fill(&mut value[..more])?;
        value[more] = first & (0x7f >> more);
        Ok(u32::from_le_bytes([value[0], value[1], value[2], value[3]]))
    }

    /// A number of at least `min` bytes.
    pub(super) fn varlong(&mut self, min: usize) -> Result<i64, BatchError> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let rest = min - 1 + more;
        if rest > 8 {
            return Err(self.error(BatchProblem::Number));
        }
        let mut value = [0; 9];
        self.fill(&mut value[..rest])?;
        value[rest] = (u16::from(first) & (0x7f >> more)) as u8;
        let [value @ .., _] = value;
        Ok(i64::from_le_bytes(value))
    }

    /// A list index, or `None` where a phase is done.
    pub(super) fn index(&mut self) -> Result<Option<u32>, BatchError> {
        let index = match self.byte()? {
            INDEX_DONE => return Ok(None),
            0xff => return Err(self.error(BatchProblem::Index)),
            0xfe => match self.array()? {
                [high, low] if high & 0x80 == 0 => {
                    self.previous + i64::from(u16::from_be_bytes([high, low]))
                }
                [high, low] => {
                    let [second, third] = self.array()?;
                    i64::from(u32::from_le_bytes([low, second, third, high & 0x7f]))
                }
            },
            difference => self.previous + i64::from(difference),
        };
        self.previous = index;
        let index = u32::try_from(index).ok().filter(|&index| index <= i32::MAX as u32);
        index.map(Some).ok_or_else(|| self.error(BatchProblem::Index))
    }

    /// Whether the batch ends here.
    pub(super) fn at_end(&mut self) -> Result<bool, BatchError> {
        let mut byte = [0];
        loop {
            match self.inner.read(&mut byte) {
                Ok(count) => return Ok(count == 0),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(BatchProblem::Io(error.to_string()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::numbers::{IndexWriter, push_varint, push_varlong};
    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(value: u32, shift in 0u32..32, long: i64, long_shift in 0u32..64) {
            let (value, long) = (value >> shift, long >> long_shift);
            let mut out = Vec::new();
            push_varint(&mut out, value);
            push_varlong(&mut out, long, 3);
            push_varlong(&mut out, long, 4);
            let mut input = BatchInput::new(&out[..]);
            prop_assert_eq!(input.varint().expect("there"), value);
            prop_assert_eq!(input.varlong(3).expect("there"), long);
            prop_assert_eq!(input.varlong(4).expect("there"), long);
            prop_assert!(input.at_end().expect("readable"));
        }

        #[test]
        fn indices_read_back(steps in prop::collection::vec((any::<u32>(), 0u32..31), 0..20)) {
            let (mut out, mut writer) = (Vec::new(), IndexWriter::new());
            let mut index = 0;
            let mut indices = Vec::new();
            for (step, shift) in steps {
                index = (index + (step >> 1 >> shift)).min(i32::MAX as u32);
                indices.push(index);
                writer.push(&mut out, index);
            }
            out.push(INDEX_DONE);
            let mut input = BatchInput::new(&out[..]);
            for index in indices {
                prop_assert_eq!(input.index().expect("there"), Some(index));
            }
            prop_assert_eq!(input.index().expect("there"), None);
        }
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(BatchInput::new(&[0xff; 9][..]).varint().is_err());
        assert!(BatchInput::new(&[0xff; 20][..]).varlong(3).is_err());
        assert!(BatchInput::new(&[0xff, 1][..]).index().is_err());
        assert!(BatchInput::new(&[0xfe, 0x80][..]).index().is_err());
    }
}
