//! What fuzzing reaches of recipes; built for nothing else.

use std::io::Write as _;

use super::format;

/// Reads the recipe of a layer of `size` bytes whose frame holds `frame`, and says how many objects it names and how long
/// its own bytes are. `None` if it is none.
pub fn read_recipe(size: u64, frame: &[u8]) -> Option<(usize, u64)> {
    let mut recipe = b"RmRecip1".to_vec();
    recipe.extend_from_slice(&size.to_le_bytes());
    let mut coded = zstd::Encoder::new(recipe, 1).ok()?;
    coded.write_all(frame).ok()?;
    let mut own = Vec::new();
    let parts = format::read(&coded.finish().ok()?[..], &mut own, |_| Ok(())).ok()?;
    assert_eq!((parts.size, parts.own_len()), (size, own.len() as u64));
    Some((parts.objects.len(), parts.own_len()))
}
