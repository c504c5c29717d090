//! The images whose layers are here: builds from them fetch nothing, so they had better happen here.

use std::collections::{HashSet, VecDeque};

use super::ledger::MOST_IMAGES;
use crate::image::Digest;
use crate::server::pair::Pair;

/// The images that this server built with last. Layers go when the disk gets full; then this is wrong,
/// and costs a fetch.
#[derive(Debug, Default)]
pub(super) struct KeptImages {
    known: HashSet<Digest>,
    /// The one that was used first comes first.
    order: VecDeque<Digest>,
    /// Those that the ledger has not heard of.
    fresh: Vec<Digest>,
}

impl KeptImages {
    /// Takes over what the ledger has, the one that was used first coming first.
    pub(super) fn restore(&mut self, images: Vec<Digest>) {
        images.into_iter().for_each(|image| {
            self.add(image);
        });
    }

    /// A build of `pair` begins: its layers come, if they are not here.
    pub(super) fn use_for(&mut self, pair: &Pair) {
        for image in [pair.source.digest, pair.target.digest] {
            if self.add(image) {
                self.fresh.push(image);
            }
        }
    }

    /// Whether layers of `pair` are here.
    pub(super) fn have(&self, pair: &Pair) -> bool {
        self.known.contains(&pair.source.digest) || self.known.contains(&pair.target.digest)
    }

    /// What the ledger has not heard of; afterwards it has.
    pub(super) fn take_fresh(&mut self) -> Vec<Digest> {
        std::mem::take(&mut self.fresh)
    }

    /// The ledger has not heard of these after all.
    pub(super) fn give_back(&mut self, images: Vec<Digest>) {
        self.fresh.extend(images);
    }

    fn add(&mut self, image: Digest) -> bool {
        let is_new = self.known.insert(image);
        if is_new {
            self.order.push_back(image);
            if self.order.len() > MOST_IMAGES
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::jobs::tests::pair;

    #[test]
    fn the_last_ones_are_known_and_each_is_told_once() {
        let mut images = KeptImages::default();
        images.restore(vec![pair(0).source.digest]);
        assert!(images.have(&pair(0)) && !images.have(&pair(1)));
        images.use_for(&pair(0));
        assert_eq!(images.take_fresh(), [pair(0).target.digest]);
        assert!(images.take_fresh().is_empty());
        for number in 1..=MOST_IMAGES as u64 {
            images.use_for(&pair(number));
        }
        assert!(!images.have(&pair(0)) && images.have(&pair(MOST_IMAGES as u64)));
        assert_eq!(images.order.len(), MOST_IMAGES);
    }
}
