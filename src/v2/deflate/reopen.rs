//! Taking back the end of a deflate stream: its last block becomes one that others may follow.
//!
//! Compressors mark their last block as final, and a reader would stop there. Where that mark is
//! only a walk over all blocks tells.

use super::huffman::{self, LIMIT};
use super::symbols::{
    CODE_LENGTH_ORDER, DISTANCES, END, FIXED_DISTANCE_LEN, LITERALS, fixed_literal_len,
};

/// Clears the mark of the last block and gives the length of the stream in bits, or `None` if it
/// is no valid deflate stream.
pub(super) fn reopen(stream: &mut [u8]) -> Option<usize> {
    let mut walk = Walk { stream, position: 0 };
    loop {
        let mark = walk.position;
        let last = walk.take(1)? == 1;
        match walk.take(2)? {
            0 => walk.stored()?,
            1 => walk.coded(&Codes::fixed())?,
            2 => {
                let codes = walk.codes()?;
                walk.coded(&codes)?;
            }
            _ => return None,
        }
        if last {
            let end = walk.position;
            stream[mark / 8] &= !(1 << (mark % 8));
            return Some(end);
        }
    }
}

/// A place in a stream, in bits.
struct Walk<'s> {
    stream: &'s [u8],
    position: usize,
}

impl Walk<'_> {
    /// The next bits without going on, at least 16 of them; zeros past the end.
    fn peek(&self) -> u32 {
        let from = self.position / 8;
        let byte = |at: usize| self.stream.get(from + at).copied().unwrap_or(0);
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]) >> (self.position % 8)
    }

    fn skip(&mut self, bits: usize) -> Option<()> {
        self.position += bits;
        (self.position <= self.stream.len() * 8).then_some(())
    }

    fn take(&mut self, bits: u32) -> Option<u32> {
        let value = self.peek() & ((1 << bits) - 1);
        self.skip(bits as usize).map(|()| value)
    }

    fn stored(&mut self) -> Option<()> {
        self.position = self.position.next_multiple_of(8);
        let len = self.take(16)?;
        self.skip(16 + 8 * len as usize)
    }

    /// The symbols of a block, up to its end.
    fn coded(&mut self, codes: &Codes) -> Option<()> {
        loop {
            match self.symbol(&codes.literals)? {
                END => return Some(()),
                ..END => {}
                len => {
                    self.skip(extra_bits(len - 257, 4))?;
                    let distance = self.symbol(&codes.distances)?;
                    self.skip(extra_bits(distance, 2))?;
                }
            }
        }
    }

    fn symbol(&mut self, decoder: &Decoder) -> Option<usize> {
        let index = self.peek() as usize & (decoder.table.len() - 1);
        let (symbol, len) = decoder.table[index];
        self.skip(len.into())?;
        (len > 0).then_some(symbol.into())
    }

    /// The codes that a block brings along.
    fn codes(&mut self) -> Option<Codes> {
        let literals = self.take(5)? as usize + 257;
        let distances = self.take(5)? as usize + 1;
        let written = self.take(4)? as usize + 4;
        let mut lengths = [0; 19];
        for &symbol in &CODE_LENGTH_ORDER[..written] {
            lengths[symbol] = self.take(3)? as u8;
        }
        let decoder = Decoder::new(&lengths);
        let mut lengths: Vec<u8> = Vec::new();
        while lengths.len() < literals + distances {
            let (len, times) = match self.symbol(&decoder)? {
                16 => (*lengths.last()?, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                len => (len as u8, 1),
            };
            lengths.resize(lengths.len() + times as usize, len);
        }
        let (literals, distances) = lengths.split_at(literals);
        Some(Codes { literals: Decoder::new(literals), distances: Decoder::new(distances) })
    }
}

/// The extra bits of a length (groups of 4) or distance (groups of 2).
fn extra_bits(symbol: usize, groups: usize) -> usize {
    match symbol {
        // The longest match has a symbol of its own.
        28 if groups == 4 => 0,
        _ => (symbol / groups).saturating_sub(1),
    }
}

struct Codes {
    literals: Decoder,
    distances: Decoder,
}

impl Codes {
    fn fixed() -> Self {
        let literals: Vec<u8> = (0..LITERALS + 2).map(fixed_literal_len).collect();
        let distances = [FIXED_DISTANCE_LEN; DISTANCES + 2];
        Codes { literals: Decoder::new(&literals), distances: Decoder::new(&distances) }
    }
}

/// Finds a symbol by the next bits.
struct Decoder {
    /// For every pattern of as many bits as the longest code has: the symbol and its code's length.
    table: Vec<(u16, u8)>,
}

impl Decoder {
    fn new(lengths: &[u8]) -> Self {
        let longest = lengths.iter().copied().max().unwrap_or(0).min(LIMIT as u8);
        let mut table = vec![(0, 0); 1 << longest];
        let codes = huffman::codes(lengths);
        for (symbol, (&len, &code)) in lengths.iter().zip(&codes).enumerate() {
            if len > 0 {
                for entry in table.iter_mut().skip(code.into()).step_by(1 << len) {
                    *entry = (symbol as u16, len);
                }
            }
        }
        Decoder { table }
    }
}
