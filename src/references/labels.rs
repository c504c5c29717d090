//! Programs whose references are replaced by what they name, so that what is the same in base and target looks the same.

use super::address_map::AddressMap;
use super::program::{Region, Side};
use super::reference::Reference;
use super::scan::references;
use super::stretch::Stretch;

/// Regions are gone through in pieces of so many bytes.
const PIECE: usize = 64 << 10;

/// Replaces the references in `bytes`, the program `base` from its first region on, by the addresses that they name.
pub fn label_base(bytes: &mut [u8], base: &Side) {
    label(bytes, base, |address| address);
}

/// Replaces the references in `bytes`, the program `target` from its first region on, by the addresses in the base's program
/// that `stretches` have for what they name.
pub fn label_target(bytes: &mut [u8], target: &Side, stretches: impl IntoIterator<Item = Stretch>) {
    let back = |stretch: Stretch| Stretch { old: stretch.new, new: stretch.old, ..stretch };
    let map = AddressMap::new(stretches.into_iter().map(back));
    label(bytes, target, |address| map.new_address(address));
}

fn label(bytes: &mut [u8], side: &Side, label_of: impl Fn(u64) -> u64) {
    let (start, mut found) = (side.range().start, Vec::new());
    for region in &side.regions {
        let bytes = &mut bytes[(region.start - start) as usize..][..region.len as usize];
        for (index, piece) in bytes.chunks_mut(PIECE).enumerate() {
            let stretch = unmoved(region, (PIECE * index) as u64, piece.len() as u64);
            references(piece, &stretch, side, &mut found);
            for reference in &found {
                let absolute = Reference { new_origin: 0, ..*reference };
                let label = absolute.naming(label_of(reference.old));
                absolute.set(&mut piece[reference.at..], label);
            }
        }
    }
}

/// The stretch of `len` bytes from `at` of `region` on between the program and itself.
fn unmoved(region: &Region, at: u64, len: u64) -> Stretch {
    let (address, kind) = (region.address + at, region.kind);
    let (old_origin, new_origin) = (region.origin(), region.origin());
    Stretch { old: address, new: address, len, kind, old_origin, new_origin }
}
