//! The part of an instruction for AArch64 that names an address.

/// How many registers an instruction can name.
pub(super) const REGISTERS: usize = 32;
/// The bits of an address within its page.
pub(super) const PAGE_BITS: u32 = 12;
const PAGE_MASK: u64 = (1 << PAGE_BITS) - 1;

/// The part of an instruction that names an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Immediate {
    /// Jumps and calls: 26 bits of words, from the instruction.
    Jump,
    /// Conditional jumps and literals that are loaded: 19 bits of words, from the instruction.
    Near,
    /// Jumps that test a bit: 14 bits of words, from the instruction.
    Test,
    /// An address: 21 bits of bytes, from the instruction.
    Address,
    /// A page: 21 bits of pages, from that of the instruction.
    Page {
        /// The register that gets it.
        register: u8,
    },
    /// The low 12 bits of an address whose page `register` has, without so many of the lowest as `scale` says.
    Low {
        /// The register that has the page.
        register: u8,
        /// How many bits are left out.
        scale: u8,
    },
}

impl Immediate {
    /// Returns that of `word`, if it has one.
    pub(super) fn of(word: u32) -> Option<Self> {
        Some(match word {
            _ if word & 0x7c00_0000 == 0x1400_0000 => Immediate::Jump,
            _ if word & 0xff00_0000 == 0x5400_0000 => Immediate::Near,
            _ if word & 0x7e00_0000 == 0x3400_0000 => Immediate::Near,
            _ if word & 0x3b00_0000 == 0x1800_0000 => Immediate::Near,
            _ if word & 0x7e00_0000 == 0x3600_0000 => Immediate::Test,
            _ if word & 0x9f00_0000 == 0x1000_0000 => Immediate::Address,
            _ if word & 0x9f00_0000 == 0x9000_0000 => Immediate::Page { register: word as u8 % 32 },
            _ if word & 0xffc0_0000 == 0x9100_0000 => low(word, 0),
            _ if word & 0x3b00_0000 == 0x3900_0000 => low(word, load_scale(word)),
            _ => return None,
        })
    }

    /// Whether both have the same bits.
    pub(super) fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Immediate::Low { scale, .. }, Immediate::Low { scale: other, .. }) => scale == other,
            (one, other) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
        }
    }

    /// How many bits it has, and whether the highest one is a sign.
    const fn bits(self) -> (u32, bool) {
        match self {
            Immediate::Jump => (26, true),
            Immediate::Near => (19, true),
            Immediate::Test => (14, true),
            Immediate::Address | Immediate::Page { .. } => (21, true),
            Immediate::Low { .. } => (PAGE_BITS, false),
        }
    }

    /// What `value` is if it has no more bits.
    pub(super) fn fitting(self, value: u64) -> u64 {
        let (bits, signed) = self.bits();
        let high = u64::BITS - bits;
        if signed { (((value << high) as i64) >> high) as u64 } else { value << high >> high }
    }

    /// Returns what `word` has.
    pub(super) fn value(self, word: u32) -> u64 {
        self.fitting(u64::from(match self {
            Immediate::Jump => word,
            Immediate::Near | Immediate::Test => word >> 5,
            Immediate::Address | Immediate::Page { .. } => word >> 3 & !3 | word >> 29 & 3,
            Immediate::Low { .. } => word >> 10,
        }))
    }

    /// Returns `word` with the lowest bits of `value`.
    pub(super) fn put(self, word: u32, value: u64) -> u32 {
        let value = value as u32;
        let (mask, bits) = match self {
            Immediate::Jump => (0x03ff_ffff, value),
            Immediate::Near => (0x00ff_ffe0, value << 5),
            Immediate::Test => (0x0007_ffe0, value << 5),
            Immediate::Address | Immediate::Page { .. } => {
                (0x60ff_ffe0, value >> 2 << 5 & 0x00ff_ffe0 | value << 29)
            }
            Immediate::Low { .. } => (0x003f_fc00, value << 10),
        };
        word & !mask | bits & mask
    }

    /// Returns what it has if it names `address` and its instruction is at `own`.
    pub(super) fn naming(self, address: u64, own: u64) -> u64 {
        let distance = address.wrapping_sub(own);
        self.fitting(match self {
            Immediate::Jump | Immediate::Near | Immediate::Test => distance >> 2,
            Immediate::Address => distance,
            Immediate::Page { .. } => (address >> PAGE_BITS).wrapping_sub(own >> PAGE_BITS),
            Immediate::Low { scale, .. } => (address & PAGE_MASK) >> scale,
        })
    }

    /// Returns the address that `value` names if its instruction is at `own`; `pages` are those that registers have.
    pub(super) fn named(self, value: u64, own: u64, pages: &[u64; REGISTERS]) -> u64 {
        match self {
            Immediate::Jump | Immediate::Near | Immediate::Test => own.wrapping_add(value << 2),
            Immediate::Address => own.wrapping_add(value),
            Immediate::Page { .. } => (own & !PAGE_MASK).wrapping_add(value << PAGE_BITS),
            Immediate::Low { register, scale } => {
                pages[usize::from(register)].wrapping_add(value << scale)
            }
        }
    }
}

fn low(word: u32, scale: u8) -> Immediate {
    Immediate::Low { register: (word >> 5) as u8 % REGISTERS as u8, scale }
}

/// How much is left out of the offset of a load or store.
fn load_scale(word: u32) -> u8 {
    let size = (word >> 30) as u8;
    let is_quad = size == 0 && word & 0x0480_0000 == 0x0480_0000;
    if is_quad { 4 } else { size }
}
