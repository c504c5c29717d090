//! Deflating as zlib does: the same bytes as `deflate` makes of it, of a whole input at once, with a level from 1 to 9, memory level
//! 8, the largest window and the default strategy.
//!
//! Most archives were packed by zlib, and only its own choices make their bytes again. Those are in its matching (`level`,
//! `window`, and what is here), where blocks end, how each is written (`block`, `runs`) and what codes are like (`tree`).

mod bits;
mod block;
mod format;
mod level;
mod runs;
#[cfg(test)]
mod tests;
mod tree;
mod window;

use std::io::{self, Write};

use self::bits::Bits;
use self::block::Block;
use self::format::{AHEAD_MIN, MATCH_MIN};
use self::level::Effort;
use self::window::Window;

/// With laziness, the shortest match is not taken from so far.
const FAR: isize = 4096;
/// No more candidates for matches are looked at for each byte of the input, on average. Programs and text take 50 at level 9; random
/// text of two letters took 565, and 8 µs for each byte.
const LOOKS_PER_BYTE: u64 = 64;

/// The input is one that zlib deflates slowly.
#[derive(Debug, thiserror::Error)]
#[error("deflating takes too long for what there is to deflate")]
pub struct TooSlow;

/// Deflates one input after another. Takes 300 KiB of memory.
#[derive(Debug)]
pub struct Deflater {
    effort: Effort,
    window: Window,
    block: Block,
    bits: Bits,
    /// The length of the match that was found last.
    len: usize,
    /// Whether the byte before is not written yet.
    waits: bool,
    /// How many bytes of the input were passed.
    passed: u64,
}

impl Deflater {
    /// Deflates with `level`, or returns `None` if it is not from 1 to 9.
    pub fn new(level: u8) -> Option<Self> {
        let effort = Effort::of_level(level)?;
        let (window, block, bits) = (Window::new(), Block::new(), Bits::default());
        Some(Deflater { effort, window, block, bits, len: MATCH_MIN - 1, waits: false, passed: 0 })
    }

    /// Forgets what was not finished and goes on with `level`, if it is from 1 to 9. Returns whether it is.
    pub fn restart(&mut self, level: u8) -> bool {
        let Some(effort) = Effort::of_level(level) else { return false };
        self.effort = effort;
        self.window.clear();
        self.block.clear();
        self.bits = Bits::default();
        (self.len, self.waits, self.passed) = (MATCH_MIN - 1, false, 0);
        true
    }

    /// Takes `input`, and writes into `out` what is finished. In how many pieces the input comes makes no difference.
    ///
    /// # Errors
    /// If `out` fails, or with [`TooSlow`].
    pub fn write(&mut self, mut input: &[u8], out: &mut dyn Write) -> io::Result<()> {
        loop {
            self.window.fill(&mut input);
            // As if all were there from the beginning: zlib looks at nothing before there is no room for more.
            if !self.window.is_full() {
                return Ok(());
            }
            self.run(false, out)?;
            self.window.slide();
        }
    }

    /// Ends the input, and writes the rest of the stream into `out`.
    ///
    /// # Errors
    /// If `out` fails, or with [`TooSlow`].
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.run(true, out)?;
        if self.waits {
            self.literal_before();
        }
        self.end_block(true, out)
    }

    /// Goes on until little is ahead, or nothing if the input `is_whole`.
    fn run(&mut self, is_whole: bool, out: &mut dyn Write) -> io::Result<()> {
        loop {
            if self.window.ahead < AHEAD_MIN {
                if !is_whole {
                    return Ok(());
                }
                self.window.slide();
                if self.window.ahead == 0 {
                    return Ok(());
                }
            }
            if self.effort.is_lazy { self.lazy_step(out)? } else { self.step(out)? }
        }
    }

    fn end_block(&mut self, is_last: bool, out: &mut dyn Write) -> io::Result<()> {
        if self.window.looks > LOOKS_PER_BYTE * self.passed {
            return Err(io::Error::other(TooSlow));
        }
        self.block.write(self.window.block_bytes(), is_last, &mut self.bits);
        self.window.block = self.window.at as isize;
        out.write_all(self.bits.bytes())?;
        self.bits.clear();
        Ok(())
    }

    /// Notes where the window is, and returns a candidate for a match that is near enough.
    fn candidate(&mut self) -> Option<usize> {
        let noted = self.window.ahead >= MATCH_MIN;
        let candidate = if noted { self.window.note(self.window.at) } else { None };
        candidate.filter(|place| self.window.reaches(*place))
    }

    fn forward(&mut self, bytes: usize) {
        self.window.at += bytes;
        self.window.ahead -= bytes;
        self.passed += bytes as u64;
    }

    /// Takes a match if there is one.
    fn step(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let found = self.candidate();
        let len = found.map_or(0, |place| self.window.longest(place, MATCH_MIN - 1, &self.effort));
        let at = self.window.at;
        let is_full = if len < MATCH_MIN {
            let is_full = self.block.literal(self.window.byte(at));
            self.forward(1);
            is_full
        } else {
            let is_full = self.block.copy(len, (at as isize - self.window.found) as usize);
            if len <= self.effort.lazy && self.window.ahead - len >= MATCH_MIN {
                (at + 1..at + len).for_each(|place| _ = self.window.note(place));
            }
            self.forward(len);
            is_full
        };
        if is_full { self.end_block(false, out) } else { Ok(()) }
    }

    /// Takes the match of the byte before, unless that here is longer.
    fn lazy_step(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let candidate = self.candidate();
        let (before, found) = (self.len, self.window.found);
        self.len = MATCH_MIN - 1;
        if let Some(place) = candidate.filter(|_| before < self.effort.lazy) {
            self.len = self.window.longest(place, before, &self.effort);
            let distance = self.window.at as isize - self.window.found;
            if self.len == MATCH_MIN && distance > FAR {
                self.len = MATCH_MIN - 1;
            }
        }
        if before >= MATCH_MIN && self.len <= before {
            let is_full = self.take_before(before, found);
            return if is_full { self.end_block(false, out) } else { Ok(()) };
        }
        if self.waits && self.literal_before() {
            self.end_block(false, out)?;
        }
        self.waits = true;
        self.forward(1);
        Ok(())
    }

    /// Takes the match of `len` bytes at `found` for the byte before. Returns whether the block is full.
    fn take_before(&mut self, len: usize, found: isize) -> bool {
        let at = self.window.at;
        let is_full = self.block.copy(len, (at as isize - 1 - found) as usize);
        let noted = (at + self.window.ahead + 1).saturating_sub(MATCH_MIN);
        (at + 1..noted.min(at + len - 1)).for_each(|place| _ = self.window.note(place));
        self.forward(len - 1);
        (self.len, self.waits) = (MATCH_MIN - 1, false);
        is_full
    }

    /// Takes the byte before as it is. Returns whether the block is full.
    fn literal_before(&mut self) -> bool {
        self.block.literal(self.window.byte(self.window.at - 1))
    }
}
