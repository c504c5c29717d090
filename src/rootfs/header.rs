//! One 512-byte tar header block: fields and numbers (POSIX ustar, GNU, and what Go's archive/tar
//! accepts of either, since that is what engines read layers with).

use super::error::Problem;

/// The size of tar's blocks.
pub(super) const BLOCK: usize = 512;

const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE_FLAG: usize = 156;

/// A header block of a tar.
#[derive(Clone, Copy)]
pub(super) struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    /// Takes a block as a header; checks its checksum.
    ///
    /// # Panics
    /// If `block` is not one block long.
    pub(super) fn new(block: &'a [u8]) -> Result<Self, Problem> {
        assert_eq!(block.len(), BLOCK, "a header is one block");
        let stored = octal(&block[CHECKSUM]).ok_or(Problem::Checksum)?;
        let (mut unsigned, mut signed) = (0, 0);
        for (at, &byte) in block.iter().enumerate() {
            let byte = if CHECKSUM.contains(&at) { b' ' } else { byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte as i8);
        }
        match stored == unsigned || stored == signed {
            true => Ok(Header(block)),
            false => Err(Problem::Checksum),
        }
    }

    pub(super) fn type_flag(self) -> u8 {
        self.0[TYPE_FLAG]
    }

    /// The name in two parts, to be joined with a slash; the first is often empty.
    pub(super) fn name(self) -> [&'a [u8]; 2] {
        let prefix: &[u8] = match &self.0[257..265] {
            b"ustar  \0" => b"",
            magic if magic.starts_with(b"ustar\0") => text(&self.0[345..500]),
            _ => b"",
        };
        [prefix, text(&self.0[..100])]
    }

    pub(super) fn link_name(self) -> &'a [u8] {
        text(&self.0[157..257])
    }

    pub(super) fn mode(self) -> Result<i64, Problem> {
        number(&self.0[100..108]).ok_or(Problem::Number("mode"))
    }

    pub(super) fn uid(self) -> Result<i64, Problem> {
        number(&self.0[108..116]).ok_or(Problem::Number("uid"))
    }

    pub(super) fn gid(self) -> Result<i64, Problem> {
        number(&self.0[116..124]).ok_or(Problem::Number("gid"))
    }

    pub(super) fn size(self) -> Result<i64, Problem> {
        number(&self.0[124..136]).ok_or(Problem::Number("size"))
    }

    pub(super) fn mtime(self) -> Result<i64, Problem> {
        number(&self.0[136..148]).ok_or(Problem::Number("modification time"))
    }

    pub(super) fn device(self) -> Result<(i64, i64), Problem> {
        let field = |range| number(&self.0[range]).ok_or(Problem::Number("device number"));
        Ok((field(329..337)?, field(337..345)?))
    }
}

/// A text field: up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A numeric field: base 256 where the first bit is set (GNU), else octal.
fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 == 0 {
        return octal(field);
    }
    let first = match field[0] & 0x40 {
        0 => i128::from(field[0] & 0x7f),
        _ => i128::from(field[0] as i8),
    };
    let value = field[1..].iter().fold(first, |value, &byte| value * 256 + i128::from(byte));
    i64::try_from(value).ok()
}

/// An octal field with spaces or NULs around it; an empty one is 0.
fn octal(field: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    text(&field[start..end]).iter().try_fold(0i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"0000648\0"), None);
        assert_eq!(number(b"\x80\0\0\0\0\x01\0\0"), Some(65536));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"), Some(-256));
        assert_eq!(number(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn a_header_with_a_wrong_checksum_is_refused() {
        assert!(Header::new(&[0; BLOCK]).is_err());
        assert!(Header::new(&[b'x'; BLOCK]).is_err());
    }
}
