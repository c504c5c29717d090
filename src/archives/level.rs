//! The level that a member was packed with: what makes the same bytes again.

use std::io::{self, Write};

use super::Deflater;

/// Levels in the order in which they are tried: what tools take if nobody says, the best, then the others.
const ORDER: [u8; 9] = [6, 9, 1, 5, 8, 7, 4, 3, 2];

/// Finds levels.
#[derive(Debug, Default)]
pub struct Levels {
    deflater: Option<Deflater>,
}

impl Levels {
    /// Returns a level with which `content` is deflated to `packed`, if there is one: `usual` if that does.
    pub fn of(&mut self, content: &[u8], packed: &[u8], usual: Option<u8>) -> Option<u8> {
        let others = ORDER.into_iter().filter(|level| Some(*level) != usual);
        let mut levels = usual.into_iter().chain(others);
        levels.find(|level| makes(&mut self.deflater, *level, content, packed))
    }
}

fn makes(kept: &mut Option<Deflater>, level: u8, content: &[u8], packed: &[u8]) -> bool {
    if !kept.as_mut().is_some_and(|deflater| deflater.restart(level)) {
        *kept = Deflater::new(level);
    }
    let Some(deflater) = kept else { return false };
    let mut same = Same { rest: packed };
    let written = deflater.write(content, &mut same).and_then(|()| deflater.finish(&mut same));
    written.is_ok() && same.rest.is_empty()
}

/// Takes nothing but the bytes that are expected.
struct Same<'a> {
    rest: &'a [u8],
}

impl Write for Same<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_zips::deflated;
    use super::*;

    #[test]
    fn the_level_found_makes_the_same_bytes_and_other_bytes_have_none() {
        let content: Vec<u8> =
            (0..30_000u32).map(|at| (at.wrapping_mul(at) >> 7) as u8 % 11).collect();
        let mut levels = Levels::default();
        for level in 1..=9 {
            let mut packed = deflated(&content, level);
            let found = levels.of(&content, &packed, Some(level)).expect("a level");
            assert_eq!(found, level);
            *packed.last_mut().expect("bytes") ^= 1;
            assert_eq!(levels.of(&content, &packed, None), None);
        }
    }
}
