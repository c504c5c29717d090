//! A reader's inflate: it decompresses literal stretches, and is fed what the old file brings, so
//! that its window holds the new file.

use flate2::{Decompress, FlushDecompress, Status};

use super::deflate::OPEN_END;

/// How much is decompressed at a time.
const BUFFER: usize = 32 << 10;
/// What a window can hold; of longer runs only the end matters.
const WINDOW: usize = 32 << 10;
/// The longest stored block.
const STORED_MAX: usize = 0xffff;

const DAMAGED: &str = "its compressed data is damaged";
const LOST: &str = "its compressed data does not end where it must";

/// One file's deflate stream.
pub(super) struct Inflate {
    state: Decompress,
    buffer: Vec<u8>,
    /// Whether literal data came in and its stretch has not ended.
    in_stretch: bool,
}

impl Inflate {
    pub(super) fn new() -> Self {
        let state = Decompress::new(false);
        Inflate { state, buffer: vec![0; BUFFER], in_stretch: false }
    }

    /// Decompresses `data` into `sink`.
    pub(super) fn data(
        &mut self,
        data: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        self.in_stretch = true;
        self.run(data, sink)
    }

    /// Ends a literal stretch, if one is open.
    pub(super) fn end_stretch(&mut self) -> Result<(), &'static str> {
        match std::mem::take(&mut self.in_stretch) {
            true => self.run(&OPEN_END, &mut |_: &[u8]| Err(LOST)),
            false => Ok(()),
        }
    }

    /// Puts bytes of the old file into the window.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut left = &bytes[bytes.len().saturating_sub(WINDOW)..];
        for piece in bytes[bytes.len() - left.len()..].chunks(STORED_MAX) {
            let len = (piece.len() as u16).to_le_bytes();
            let nothing = &mut |_: &[u8]| Err(LOST);
            self.run(&[0, len[0], len[1], !len[0], !len[1]], nothing)?;
            self.run(piece, &mut |out: &[u8]| {
                left = left.strip_prefix(out).ok_or(LOST)?;
                Ok(())
            })?;
        }
        if left.is_empty() { Ok(()) } else { Err(LOST) }
    }

    /// Ends the file: the stream must stand between two blocks.
    pub(super) fn finish(mut self) -> Result<(), &'static str> {
        self.end_stretch()?;
        self.feed(&[0])
    }

    fn run(
        &mut self,
        mut input: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        loop {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, &mut self.buffer, FlushDecompress::Sync);
            if !matches!(status, Ok(Status::Ok | Status::BufError)) {
                return Err(DAMAGED);
            }
            let taken = (self.state.total_in() - before_in) as usize;
            let made = (self.state.total_out() - before_out) as usize;
            input = &input[taken..];
            if made > 0 {
                sink(&self.buffer[..made])?;
            }
            match (made < self.buffer.len(), input.is_empty()) {
                (true, true) => return Ok(()),
                (true, false) if taken == 0 && made == 0 => return Err(DAMAGED),
                _ => {}
            }
        }
    }
}
