//! The part of an instruction for 32-bit ARM, of either instruction set, that names an address.

/// The part of an instruction that has an address or half of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArmImmediate {
    /// ARM: jumps and calls, 24 bits of words.
    Jump,
    /// ARM: the low half of a register, 16 bits.
    Low(u8),
    /// ARM: the high half of a register, 16 bits.
    High(u8),
    /// Thumb: jumps and calls, 24 bits of halfwords.
    ThumbJump,
    /// Thumb: calls of ARM code, the same from a multiple of four.
    ThumbExchange,
    /// Thumb: conditional jumps of four bytes, 20 bits of halfwords.
    ThumbNear,
    /// Thumb: jumps of two bytes, 11 bits of halfwords.
    ThumbShort,
    /// Thumb: conditional jumps of two bytes, 8 bits of halfwords.
    ThumbShorter,
    /// Thumb: the low half of a register, 16 bits.
    ThumbLow(u8),
    /// Thumb: the high half of a register, 16 bits.
    ThumbHigh(u8),
}

/// The half of a register that an instruction sets to a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// The low one, of the register of this number.
    Low(u8),
    /// The high one.
    High(u8),
}

impl ArmImmediate {
    /// Returns that of the ARM instruction `word`, if it has one.
    pub(super) fn of_arm(word: u32) -> Option<Self> {
        let register = (word >> 12) as u8 & 15;
        Some(match word {
            _ if word & 0x0e00_0000 == 0x0a00_0000 => ArmImmediate::Jump,
            _ if word & 0x0ff0_0000 == 0x0300_0000 => ArmImmediate::Low(register),
            _ if word & 0x0ff0_0000 == 0x0340_0000 => ArmImmediate::High(register),
            _ => return None,
        })
    }

    /// Returns that of the Thumb instruction `word`, if it has one; the first halfword of two is the high one.
    pub(super) fn of_thumb(word: u32) -> Option<Self> {
        match word >> 27 {
            0 => Self::of_short(word),
            0x1e => Self::of_long(word),
            _ => None,
        }
    }

    /// Returns that of an instruction of two bytes.
    fn of_short(word: u32) -> Option<Self> {
        match word >> 11 {
            0x1c => Some(ArmImmediate::ThumbShort),
            // Condition 14 is no jump, 15 is a call of the system.
            0x1a | 0x1b if word & 0xe00 != 0xe00 => Some(ArmImmediate::ThumbShorter),
            _ => None,
        }
    }

    /// Returns that of an instruction of four bytes that begins as jumps and halves do.
    fn of_long(word: u32) -> Option<Self> {
        let register = (word >> 8) as u8 & 15;
        let is_never = word & 0x0380_0000 == 0x0380_0000;
        Some(match word & 0xd000 {
            0xd000 | 0x9000 => ArmImmediate::ThumbJump,
            0xc000 if word & 1 == 0 => ArmImmediate::ThumbExchange,
            0x8000 if !is_never => ArmImmediate::ThumbNear,
            _ if word & 0xfbf0_8000 == 0xf240_0000 => ArmImmediate::ThumbLow(register),
            _ if word & 0xfbf0_8000 == 0xf2c0_0000 => ArmImmediate::ThumbHigh(register),
            _ => return None,
        })
    }

    /// Whether it is one of Thumb.
    pub(super) fn is_thumb(self) -> bool {
        !matches!(self, ArmImmediate::Jump | ArmImmediate::Low(_) | ArmImmediate::High(_))
    }

    /// How many bytes its instruction has.
    pub(super) const fn byte_len(self) -> usize {
        match self {
            ArmImmediate::ThumbShort | ArmImmediate::ThumbShorter => 2,
            _ => 4,
        }
    }

    /// Returns the half of a register that it is, if it is one.
    pub(super) fn half(self) -> Option<Half> {
        match self {
            ArmImmediate::Low(register) | ArmImmediate::ThumbLow(register) => {
                Some(Half::Low(register))
            }
            ArmImmediate::High(register) | ArmImmediate::ThumbHigh(register) => {
                Some(Half::High(register))
            }
            _ => None,
        }
    }

    /// Whether both have the same bits.
    pub(super) fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// How many bits it has. The highest one is a sign, but of halves.
    const fn bits(self) -> u32 {
        match self {
            ArmImmediate::Jump | ArmImmediate::ThumbJump | ArmImmediate::ThumbExchange => 24,
            ArmImmediate::ThumbNear => 20,
            ArmImmediate::ThumbShort => 11,
            ArmImmediate::ThumbShorter => 8,
            _ => 16,
        }
    }

    /// What `value` is if it has no more bits.
    pub(super) fn fitting(self, value: u64) -> u64 {
        let high = u64::BITS - self.bits();
        let is_signed = self.half().is_none();
        if is_signed { (((value << high) as i64) >> high) as u64 } else { value << high >> high }
    }

    /// Returns what `word` has.
    pub(super) fn value(self, word: u32) -> u64 {
        self.fitting(u64::from(match self {
            ArmImmediate::Jump | ArmImmediate::ThumbShort | ArmImmediate::ThumbShorter => word,
            ArmImmediate::Low(_) | ArmImmediate::High(_) => word >> 4 & 0xf000 | word & 0xfff,
            ArmImmediate::ThumbJump | ArmImmediate::ThumbExchange => thumb_jump(word),
            ArmImmediate::ThumbNear => {
                word >> 7 & 0x8_0000
                    | word << 7 & 0x4_0000
                    | word << 4 & 0x2_0000
                    | word >> 5 & 0x1_f800
                    | word & 0x7ff
            }
            ArmImmediate::ThumbLow(_) | ArmImmediate::ThumbHigh(_) => {
                word >> 4 & 0xf000 | word >> 15 & 0x800 | word >> 4 & 0x700 | word & 0xff
            }
        }))
    }

    /// Returns `word` with the lowest bits of `value`.
    pub(super) fn put(self, word: u32, value: u64) -> u32 {
        let value = value as u32;
        let (mask, bits) = match self {
            ArmImmediate::Jump => (0x00ff_ffff, value),
            ArmImmediate::ThumbShort => (0x7ff, value),
            ArmImmediate::ThumbShorter => (0xff, value),
            ArmImmediate::Low(_) | ArmImmediate::High(_) => {
                (0x000f_0fff, value << 4 & 0xf_0000 | value & 0xfff)
            }
            ArmImmediate::ThumbJump => (0x07ff_2fff, thumb_jump_bits(value)),
            // The lowest bit of such a call is no part of it.
            ArmImmediate::ThumbExchange => (0x07ff_2ffe, thumb_jump_bits(value)),
            ArmImmediate::ThumbNear => (
                0x043f_2fff,
                value << 7 & 0x0400_0000
                    | value >> 7 & 0x800
                    | value >> 4 & 0x2000
                    | value << 5 & 0x003f_0000
                    | value & 0x7ff,
            ),
            ArmImmediate::ThumbLow(_) | ArmImmediate::ThumbHigh(_) => (
                0x040f_70ff,
                value << 4 & 0xf_0000
                    | value << 15 & 0x0400_0000
                    | value << 4 & 0x7000
                    | value & 0xff,
            ),
        };
        word & !mask | bits & mask
    }

    /// Returns what it has if it names `address`, counted from `origin`.
    pub(super) fn naming(self, address: u64, origin: u64) -> u64 {
        let distance = address.wrapping_sub(origin);
        self.fitting(match self {
            ArmImmediate::Jump => distance >> 2,
            ArmImmediate::Low(_) | ArmImmediate::ThumbLow(_) => distance,
            ArmImmediate::High(_) | ArmImmediate::ThumbHigh(_) => distance >> 16,
            ArmImmediate::ThumbExchange => address.wrapping_sub(origin & !3) >> 1,
            _ => distance >> 1,
        })
    }

    /// Returns the address that `value` names, counted from `origin`; of a high half, the low one is in `lows`, by
    /// register. Of a low half, that is all of it.
    pub(super) fn named(self, value: u64, origin: u64, lows: &[u64]) -> u64 {
        match self {
            ArmImmediate::Jump => origin.wrapping_add(value << 2),
            ArmImmediate::Low(_) | ArmImmediate::ThumbLow(_) => value,
            ArmImmediate::High(register) | ArmImmediate::ThumbHigh(register) => {
                let whole = value << 16 | lows[usize::from(register)];
                origin.wrapping_add(i64::from(whole as i32) as u64)
            }
            ArmImmediate::ThumbExchange => (origin & !3).wrapping_add(value << 1),
            _ => origin.wrapping_add(value << 1),
        }
    }
}

/// The 24 bits of a long jump: two of them are turned round if the sign is not set.
fn thumb_jump(word: u32) -> u32 {
    let sign = word >> 26 & 1;
    let (first, second) = (word >> 13 & 1 ^ sign ^ 1, word >> 11 & 1 ^ sign ^ 1);
    sign << 23 | first << 22 | second << 21 | word >> 5 & 0x1f_f800 | word & 0x7ff
}

/// Undoes [`thumb_jump`].
fn thumb_jump_bits(value: u32) -> u32 {
    let sign = value >> 23 & 1;
    let (first, second) = (value >> 22 & 1 ^ sign ^ 1, value >> 21 & 1 ^ sign ^ 1);
    sign << 26 | first << 13 | second << 11 | value << 5 & 0x03ff_0000 | value & 0x7ff
}
