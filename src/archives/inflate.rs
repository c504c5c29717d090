//! Opening: raw DEFLATE in, at most as many bytes out as are expected.

use std::io::{self, Write};

use flate2::{Decompress, FlushDecompress, Status};

/// Opens one stream of raw DEFLATE that has a known length once it is open. What is written to it is the stream, in any pieces.
#[derive(Debug)]
pub struct Inflater<'a> {
    state: Decompress,
    content: &'a mut Vec<u8>,
    /// How many bytes of `content` are filled.
    filled: usize,
    /// Where the content of the stream ends.
    end: usize,
    is_over: bool,
}

impl<'a> Inflater<'a> {
    /// Opens a stream of `len` bytes of content, which go behind `content`: memory for them is taken now.
    pub fn new(content: &'a mut Vec<u8>, len: usize) -> Self {
        let filled = content.len();
        let end = filled + len;
        // One byte more, to see whether the stream goes on.
        content.resize(end + 1, 0);
        Inflater { state: Decompress::new(false), content, filled, end, is_over: false }
    }

    /// Ends the stream. Returns whether it was whole and of that length; if not, what is in the content is of no use.
    pub fn finish(self) -> bool {
        let is_whole = self.is_over && self.filled == self.end;
        self.content.truncate(self.end);
        is_whole
    }
}

impl Write for Inflater<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_over && !bytes.is_empty() {
            return Err(damaged());
        }
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let room = &mut self.content[self.filled..];
            let status = self.state.decompress(rest, room, FlushDecompress::None);
            let read = (self.state.total_in() - read) as usize;
            let written = (self.state.total_out() - written) as usize;
            self.filled += written;
            rest = &rest[read..];
            self.is_over = matches!(status, Ok(Status::StreamEnd));
            let stands = read == 0 && written == 0 && !self.is_over;
            if status.is_err() || stands || self.filled > self.end {
                return Err(damaged());
            }
        }
        if rest.is_empty() { Ok(bytes.len()) } else { Err(damaged()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the packed bytes are damaged")
}

/// Returns the `len` bytes that `packed`, one whole stream of raw DEFLATE, has in it, or `None` if it is no such stream.
pub fn inflate(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let mut inflater = Inflater::new(&mut content, len);
    let written = inflater.write_all(packed);
    (inflater.finish() && written.is_ok()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::super::test_zips::deflated;
    use super::*;

    const CONTENT: &[u8] = b"hello hello hello hello";

    fn packed() -> Vec<u8> {
        deflated(CONTENT, 6)
    }

    #[test]
    fn a_stream_opens_if_it_is_whole_and_as_long_as_expected() {
        let packed = packed();
        assert_eq!(inflate(&packed, CONTENT.len()).as_deref(), Some(CONTENT));
        assert_eq!(inflate(&packed, CONTENT.len() - 1), None);
        assert_eq!(inflate(&packed, CONTENT.len() + 1), None);
        assert_eq!(inflate(&[&packed[..], b"x"].concat(), CONTENT.len()), None);
        (0..packed.len()).for_each(|cut| assert_eq!(inflate(&packed[..cut], CONTENT.len()), None));
        assert_eq!(inflate(b"", 0), None);
    }

    #[test]
    fn pieces_of_any_length_give_the_same() {
        let packed = packed();
        let mut content = b"before ".to_vec();
        let mut inflater = Inflater::new(&mut content, CONTENT.len());
        packed.iter().for_each(|byte| inflater.write_all(&[*byte]).expect("whole"));
        assert!(inflater.finish());
        assert_eq!(content, [b"before ", CONTENT].concat());
    }

    #[test]
    fn a_bomb_takes_no_more_than_its_length() {
        let packed = deflated(&vec![0; 10 << 20], 9);
        let mut content = Vec::new();
        let mut inflater = Inflater::new(&mut content, 1000);
        assert!(inflater.write_all(&packed).is_err());
        assert!(!inflater.finish());
        assert!(content.capacity() < 4000);
    }
}
