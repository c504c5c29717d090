//! Base and target, side by side: their layers from the store, and for each layer of the target
//! where its bytes are to come from.

use super::work_memory::check_work;
use crate::delta::{Base, Command, Encoder, Pricing, Search};
use crate::image::{ChainId, DiffId, Excess, Image, UnpackLimits};
use crate::memory::MemoryError;
use crate::progress::{Progress, Stage, advanced};
use crate::store::{Layer, Store, StoreError};

/// How many bytes of index an encoder makes of a byte of image at most: with the densest samples, four bytes
/// for every second one, in a table that is not full.
const INDEX_RATIO: u64 = 3;

/// A base and a target whose layers are at hand.
pub(crate) struct Pair<'a> {
    pub(crate) base: &'a Image,
    pub(crate) target: &'a Image,
    pub(crate) base_layers: Vec<Layer>,
    pub(crate) target_layers: Vec<Layer>,
    /// For each layer of the target, where it comes from.
    pub(crate) sources: Vec<Source>,
}

/// Where the bytes of a target layer come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The same layer at the same place, on top of the same layers.
    Shared,
    /// The same layer at another place in the base.
    Moved(usize),
    /// Whatever the encoder finds.
    Search,
}

impl<'a> Pair<'a> {
    /// Fetches what the store does not have.
    pub(crate) fn load(
        base: &'a Image,
        target: &'a Image,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Self, StoreError> {
        let sources = sources(base.diff_ids()?, target.diff_ids()?);
        let mut layers = store.ensure_layers(&[base, target], progress)?;
        let target_layers = layers.pop().expect("one list for each image");
        let base_layers = layers.pop().expect("one list for each image");
        base_layers.iter().chain(&target_layers).for_each(Layer::read_ahead);
        Ok(Pair { base, target, base_layers, target_layers, sources })
    }

    /// The base's layers as one stream.
    pub(crate) fn base_stream(&self) -> Base<'_> {
        base_stream(&self.base_layers)
    }

    /// The bytes of both images' layers, unpacked.
    pub(crate) fn bytes(&self) -> u64 {
        self.base_layers.iter().chain(&self.target_layers).map(|layer| layer.len() as u64).sum()
    }

    /// Checks that readers will take a delta of the pair whose blobs have `blobs` bytes: they have limits that no proof of its
    /// layers meets.
    pub(crate) fn check_usable(&self, blobs: u64, limits: &UnpackLimits) -> Result<(), Excess> {
        let sum = |layers: &[Layer]| layers.iter().map(|layer| layer.len() as u64).sum::<u64>();
        let stored = sum(&self.base_layers).saturating_add(blobs);
        limits.check_image(stored, sum(&self.target_layers))
    }

    /// The layers of the base that the target has too.
    pub(crate) fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        self.sources.iter().enumerate().filter_map(|(index, source)| match *source {
            Source::Shared => Some(index),
            Source::Moved(place) => Some(place),
            Source::Search => None,
        })
    }

    /// The layers of the target that the encoder has to look at.
    pub(crate) fn searched(&self) -> Vec<&[u8]> {
        let layers = self.target_layers.iter().zip(&self.sources);
        layers
            .filter(|(_, source)| **source == Source::Search)
            .map(|(layer, _)| &layer[..])
            .collect()
    }

    /// Checks that a delta of the pair can be made, where the encoder may take `memory` bytes, and `beside`
    /// come on top of what any work takes.
    pub(crate) fn check_memory(&self, memory: u64, beside: u64) -> Result<(), MemoryError> {
        let bytes = self.bytes();
        let indexes = memory.min(bytes.saturating_mul(INDEX_RATIO));
        check_work(bytes, indexes.saturating_add(beside), self.searched().len())
    }

    /// Says how much [`encode`](Self::encode) will have to do.
    pub(crate) fn expect(&self, progress: &dyn Progress) {
        let bytes = self.searched().iter().map(|layer| layer.len() as u64).sum();
        progress.expect(Stage::Index, bytes);
        progress.expect(Stage::Encode, bytes);
    }

    /// Finds the commands of one target layer after another and hands them to `each`, with the
    /// layer's index. The commands of a layer are freed before the next is begun.
    pub(crate) fn encode<E: From<MemoryError>>(
        &self,
        pricing: &dyn Pricing,
        search: Search,
        progress: &dyn Progress,
        mut each: impl FnMut(usize, &[Command]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (base, searched) = (self.base_stream().keeping(self.kept()), self.searched());
        self.expect(progress);
        let encoder = Encoder::new(&base, &searched, pricing, search, &|bytes| {
            advanced(progress, Stage::Index, bytes)
        });
        let encoder = encoder.map_err(MemoryError::from)?;
        let mut next = 0;
        for (index, source) in self.sources.iter().enumerate() {
            let commands = match *source {
                Source::Shared => self.whole(&base, index),
                Source::Moved(index) => self.whole(&base, index),
                Source::Search => {
                    next += 1;
                    encoder.encode(next - 1, &|bytes| advanced(progress, Stage::Encode, bytes))
                }
            };
            each(index, &commands)?;
        }
        Ok(())
    }

    /// The commands that copy the whole of base layer number `index`.
    fn whole(&self, base: &Base<'_>, index: usize) -> Vec<Command> {
        let copy = Command::Copy {
            offset: base.start_of(index),
            len: self.base_layers[index].len() as u64,
        };
        // Engines take a COPY of nothing, fast_rsync does not.
        if copy.is_empty() { Vec::new() } else { vec![copy] }
    }
}

/// The layers, bottom first, as one stream.
pub(crate) fn base_stream(layers: &[Layer]) -> Base<'_> {
    Base::new(layers.iter().map(|layer| &layer[..]).collect())
}

fn sources(base: &[DiffId], target: &[DiffId]) -> Vec<Source> {
    let shared = shared_layers(base, target);
    let source = |(index, diff_id): (usize, &DiffId)| match base.iter().position(|id| id == diff_id)
    {
        _ if index < shared => Source::Shared,
        Some(place) => Source::Moved(place),
        None => Source::Search,
    };
    target.iter().enumerate().map(source).collect()
}

/// How many layers the two share: the same chain ID at the same index. If they share a layer they
/// share all below it, so it is a number.
pub(crate) fn shared_layers(base: &[DiffId], target: &[DiffId]) -> usize {
    let chains = ChainId::of_stack(base).into_iter().zip(ChainId::of_stack(target));
    chains.take_while(|(base, target)| base == target).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    #[test]
    fn a_layer_is_shared_only_on_top_of_shared_ones() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|seed| DiffId(Digest::of(&[seed])));
        let cases: [(&[DiffId], &[DiffId], &[Source]); 5] = [
            (&[a, b], &[a, b], &[Source::Shared, Source::Shared]),
            (&[a, b], &[a, c], &[Source::Shared, Source::Search]),
            (&[a, b], &[c, b], &[Source::Search, Source::Moved(1)]),
            (&[a, b, c], &[a, c, d], &[Source::Shared, Source::Moved(2), Source::Search]),
            (&[a], &[a, a], &[Source::Shared, Source::Moved(0)]),
        ];
        for (base, target, expected) in cases {
            assert_eq!(sources(base, target), expected);
        }
    }
}
