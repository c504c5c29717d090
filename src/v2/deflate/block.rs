//! One deflate block: choosing among fixed codes, codes of its own and stored bytes, and writing it
//! (RFC 1951, 3.2.3 to 3.2.7).

use std::sync::LazyLock;

use super::bits::BitWriter;
use super::huffman;
use super::symbols::{
    self, CODE_LENGTH_ORDER, DISTANCES, END, FIXED_DISTANCE_LEN, LITERALS, Symbol,
    fixed_literal_len,
};

/// The longest stored block.
const STORED_MAX: usize = 0xffff;
const CODE_LENGTH_LIMIT: usize = 7;

/// The code lengths of both alphabets of a block.
#[derive(Debug, Clone)]
pub(super) struct Lengths {
    pub(super) literals: Vec<u8>,
    pub(super) distances: Vec<u8>,
}

impl Lengths {
    pub(super) fn fixed() -> Self {
        // Two literal symbols that are never used are part of the code.
        let literals = (0..LITERALS + 2).map(fixed_literal_len).collect();
        Lengths { literals, distances: vec![FIXED_DISTANCE_LEN; DISTANCES] }
    }

    /// The best lengths for `symbols`.
    pub(super) fn of(symbols: &[Symbol]) -> Self {
        let (mut literals, mut distances) = ([0; LITERALS], [0; DISTANCES]);
        literals[END] = 1;
        for symbol in symbols {
            match *symbol {
                Symbol::Literal(byte) => literals[usize::from(byte)] += 1,
                Symbol::Match { len, distance } => {
                    literals[symbols::length(len).symbol] += 1;
                    distances[symbols::distance(distance).symbol] += 1;
                }
            }
        }
        Lengths {
            literals: huffman::lengths(&literals, huffman::LIMIT),
            distances: huffman::lengths(&distances, huffman::LIMIT),
        }
    }

    /// Gives symbols that have no code a length, so that it can be said what they would cost.
    pub(super) fn price_unused(&mut self, len: u8) {
        for unused in self.literals.iter_mut().chain(&mut self.distances).filter(|len| **len == 0) {
            *unused = len;
        }
    }

    /// How many bits `symbols` and the end of the block take.
    fn bits(&self, symbols: &[Symbol]) -> usize {
        let each = |symbol: &Symbol| match *symbol {
            Symbol::Literal(byte) => u32::from(self.literals[usize::from(byte)]),
            Symbol::Match { len, distance } => {
                let (len, distance) = (symbols::length(len), symbols::distance(distance));
                u32::from(self.literals[len.symbol])
                    + len.extra_bits
                    + u32::from(self.distances[distance.symbol])
                    + distance.extra_bits
            }
        };
        symbols.iter().map(|symbol| each(symbol) as usize).sum::<usize>()
            + usize::from(self.literals[END])
    }
}

/// A block, ready to be written.
pub(super) struct Block {
    symbols: Vec<Symbol>,
    form: Form,
    bits: usize,
}

enum Form {
    Stored,
    Fixed,
    Dynamic(Lengths, Header),
}

impl Block {
    /// The smallest form of a block of `symbols`, which make `len` bytes.
    pub(super) fn smallest(symbols: Vec<Symbol>, len: usize) -> Self {
        let lengths = Lengths::of(&symbols);
        let header = Header::new(&lengths);
        let bits = header.bits() + lengths.bits(&symbols);
        let block = Block::without_own_codes(symbols, len);
        match bits < block.bits {
            true => Block { form: Form::Dynamic(lengths, header), bits, ..block },
            false => block,
        }
    }

    /// The same, but never with codes of its own, which a short block does not earn.
    pub(super) fn without_own_codes(symbols: Vec<Symbol>, len: usize) -> Self {
        let fixed = FIXED.lengths.bits(&symbols);
        // Up to 7 bits of filling, and a length for every piece.
        let stored = 7 + len.div_ceil(STORED_MAX) * 35 + len * 8;
        let (form, bits) =
            if stored < fixed { (Form::Stored, stored) } else { (Form::Fixed, fixed) };
        Block { symbols, form, bits }
    }

    /// About how many bits it takes.
    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// Writes the block, which stands for `bytes`.
    pub(super) fn write(&self, bytes: &[u8], bits: &mut BitWriter<'_>) {
        match &self.form {
            Form::Stored => write_stored(bytes, bits),
            Form::Fixed => {
                bits.push(0b010, 3);
                self.write_symbols(&FIXED, bits);
            }
            Form::Dynamic(lengths, header) => {
                bits.push(0b100, 3);
                header.write(bits);
                self.write_symbols(&Codes::new(lengths.clone()), bits);
            }
        }
    }

    fn write_symbols(&self, codes: &Codes, bits: &mut BitWriter<'_>) {
        for symbol in &self.symbols {
            match *symbol {
                Symbol::Literal(byte) => codes.push_literal(byte.into(), bits),
                Symbol::Match { len, distance } => {
                    let (len, distance) = (symbols::length(len), symbols::distance(distance));
                    codes.push_literal(len.symbol, bits);
                    bits.push(len.extra, len.extra_bits);
                    codes.push_distance(distance.symbol, bits);
                    bits.push(distance.extra, distance.extra_bits);
                }
            }
        }
        codes.push_literal(END, bits);
    }
}

/// The codes of both alphabets of a block.
struct Codes {
    lengths: Lengths,
    literals: Vec<u16>,
    distances: Vec<u16>,
}

static FIXED: LazyLock<Codes> = LazyLock::new(|| Codes::new(Lengths::fixed()));

impl Codes {
    fn new(lengths: Lengths) -> Self {
        let literals = huffman::codes(&lengths.literals);
        let distances = huffman::codes(&lengths.distances);
        Codes { lengths, literals, distances }
    }

    fn push_literal(&self, symbol: usize, bits: &mut BitWriter<'_>) {
        bits.push(self.literals[symbol].into(), self.lengths.literals[symbol].into());
    }

    fn push_distance(&self, symbol: usize, bits: &mut BitWriter<'_>) {
        bits.push(self.distances[symbol].into(), self.lengths.distances[symbol].into());
    }
}

fn write_stored(bytes: &[u8], bits: &mut BitWriter<'_>) {
    for piece in bytes.chunks(STORED_MAX) {
        bits.push(0, 3);
        bits.align();
        let len = piece.len() as u16;
        bits.push_bytes(&len.to_le_bytes());
        bits.push_bytes(&(!len).to_le_bytes());
        bits.push_bytes(piece);
    }
}

/// The header of a block with codes of its own: the code lengths, run-length coded.
struct Header {
    literals: usize,
    distances: usize,
    /// Symbols of the code length code, with the extra bits of repeats.
    runs: Vec<symbols::Coded>,
    lengths: Vec<u8>,
}

impl Header {
    fn new(lengths: &Lengths) -> Self {
        let used = |lengths: &[u8], min: usize| {
            lengths.iter().rposition(|&len| len > 0).map_or(min, |last| min.max(last + 1))
        };
        let (literals, distances) = (used(&lengths.literals, 257), used(&lengths.distances, 1));
        let runs = runs(&[&lengths.literals[..literals], &lengths.distances[..distances]].concat());
        let mut frequencies = [0; 19];
        runs.iter().for_each(|run| frequencies[run.symbol] += 1);
        let lengths = huffman::lengths(&frequencies, CODE_LENGTH_LIMIT);
        Header { literals, distances, runs, lengths }
    }

    /// How many lengths of the code length code are written.
    fn written(&self) -> usize {
        let last = CODE_LENGTH_ORDER.iter().rposition(|&symbol| self.lengths[symbol] > 0);
        last.map_or(4, |last| 4.max(last + 1))
    }

    fn bits(&self) -> usize {
        let run = |run: &symbols::Coded| u32::from(self.lengths[run.symbol]) + run.extra_bits;
        14 + 3 * self.written() + self.runs.iter().map(|coded| run(coded) as usize).sum::<usize>()
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        let written = self.written();
        bits.push(self.literals as u32 - 257, 5);
        bits.push(self.distances as u32 - 1, 5);
        bits.push(written as u32 - 4, 4);
        for &symbol in &CODE_LENGTH_ORDER[..written] {
            bits.push(self.lengths[symbol].into(), 3);
        }
        let codes = huffman::codes(&self.lengths);
        for run in &self.runs {
            bits.push(codes[run.symbol].into(), self.lengths[run.symbol].into());
            bits.push(run.extra, run.extra_bits);
        }
    }
}

/// Run-length codes code lengths: 16 repeats the one before, 17 and 18 are runs of zeros.
fn runs(lengths: &[u8]) -> Vec<symbols::Coded> {
    let mut runs = Vec::new();
    let mut push = |symbol: usize, extra_bits: u32, extra: usize| {
        runs.push(symbols::Coded { symbol, extra_bits, extra: extra as u32 });
    };
    for run in lengths.chunk_by(|a, b| a == b) {
        let mut left = run.len();
        if run[0] != 0 {
            push(run[0].into(), 0, 0);
            left -= 1;
        }
        while left > 0 {
            left -= match (run[0], left) {
                (0, 11..) => {
                    let some = left.min(138);
                    push(18, 7, some - 11);
                    some
                }
                (0, 3..) => {
                    push(17, 3, left - 3);
                    left
                }
                (1.., 3..) => {
                    let some = left.min(6);
                    push(16, 2, some - 3);
                    some
                }
                (len, _) => {
                    push(len.into(), 0, 0);
                    1
                }
            };
        }
    }
    runs
}
