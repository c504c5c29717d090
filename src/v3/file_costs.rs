//! Which files of the target a delta's literal bytes belong to.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::delta::{Command, TarEntry, tar_entries};

/// A path in the target and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileCost {
    /// The path, as the layer tars have it. Bytes that are not UTF-8 are replaced.
    pub path: String,
    /// How many layers of the target have it.
    pub layers: u64,
    /// Bytes that it takes in the uncompressed layers, tar headers included.
    pub size: u64,
    /// Bytes among these that the delta brings, before compression.
    pub literal_bytes: u64,
}

/// The costs of all paths, summed up layer by layer.
#[derive(Debug, Default)]
pub(super) struct FileCosts(BTreeMap<Vec<u8>, Cost>);

#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    layers: u64,
    size: u64,
    literal_bytes: u64,
}

impl FileCosts {
    /// Adds the costs of one layer, `target`, that `commands` make.
    pub(super) fn add(&mut self, target: &[u8], commands: &[Command]) {
        let mut layer = LayerCosts::new(target);
        commands.iter().for_each(|command| layer.note(command));
        self.add_layer(layer);
    }

    /// Adds the costs of one layer.
    pub(super) fn add_layer(&mut self, layer: LayerCosts) {
        for (entry, literal_bytes) in layer.entries.into_iter().zip(layer.literal_bytes) {
            let size = (entry.end() - entry.start) as u64;
            let cost = self.0.entry(entry.path).or_default();
            cost.layers += 1;
            cost.size += size;
            cost.literal_bytes += literal_bytes;
        }
    }

    /// The `count` paths that cost the most, and anything at all, the costliest first.
    pub(super) fn costliest(&self, count: usize) -> Vec<FileCost> {
        let mut costs: Vec<_> = self.0.iter().filter(|(_, cost)| cost.literal_bytes > 0).collect();
        // Stable: equal costs stay in the order of their paths.
        costs.sort_by_key(|(_, cost)| Reverse(cost.literal_bytes));
        let named = |(path, cost): (&Vec<u8>, &Cost)| FileCost {
            path: String::from_utf8_lossy(path).into_owned(),
            layers: cost.layers,
            size: cost.size,
            literal_bytes: cost.literal_bytes,
        };
        costs.into_iter().take(count).map(named).collect()
    }
}

/// The costs of one layer's files, added up command by command.
#[derive(Debug)]
pub(super) struct LayerCosts {
    entries: Vec<TarEntry>,
    /// How many literal bytes fall into each entry.
    literal_bytes: Vec<u64>,
    /// The first entry that the next command may fall into.
    first: usize,
    at: usize,
}

impl LayerCosts {
    /// The costs of the layer `target`, of which no command is known yet.
    pub(super) fn new(target: &[u8]) -> Self {
        let entries: Vec<TarEntry> = tar_entries(target).collect();
        LayerCosts { literal_bytes: vec![0; entries.len()], entries, first: 0, at: 0 }
    }

    /// Notes what the next command brings.
    pub(super) fn note(&mut self, command: &Command) {
        let (at, end) = (self.at, self.at + command.len() as usize);
        self.at = end;
        let Command::Literal { .. } = command else { return };
        while self.entries.get(self.first).is_some_and(|entry| entry.end() <= at) {
            self.first += 1;
        }
        let costs = self.entries[self.first..].iter().zip(&mut self.literal_bytes[self.first..]);
        for (entry, cost) in costs.take_while(|(entry, _)| entry.start < end) {
            *cost += (entry.end().min(end) - entry.start.max(at)) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(files: &[(&str, usize)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, len) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(*len as u64);
            builder.append_data(&mut header, path, &vec![1; *len][..]).expect("vec");
        }
        builder.into_inner().expect("vec")
    }

    #[test]
    fn literal_bytes_are_those_of_the_files_they_fall_into() {
        let tar = tar_of(&[("a", 1000), ("b", 10), ("c", 0)]);
        let len = tar.len() as u64;
        let mut costs = FileCosts::default();
        // `a` takes 0..1536, `b` 1536..2560, `c` 2560..3072.
        costs.add(
            &tar,
            &[
                Command::Literal { len: 100 },
                Command::Copy { offset: 0, len: 1400 },
                Command::Literal { len: 136 },
                Command::Copy { offset: 0, len: len - 1636 },
            ],
        );
        costs.add(&tar, &[Command::Literal { len }]);
        let cost = |path: &str, size: u64, literal_bytes| FileCost {
            path: path.into(),
            layers: 2,
            size: 2 * size,
            literal_bytes,
        };
        let all = [cost("a", 1536, 136 + 1536), cost("b", 1024, 100 + 1024), cost("c", 512, 512)];
        assert_eq!(costs.costliest(10), all);
        assert_eq!(costs.costliest(1), all[..1]);
    }
}
