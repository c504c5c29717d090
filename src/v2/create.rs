//! Making a v2 delta.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use rayon::prelude::*;

use super::metadata::metadata;
use super::plan::Plan;
use super::record::matching;
use super::report::{DeltaReport, Sizes};
use super::writer::write_delta;
use super::{CreateOptions, V2Error, verify};
use crate::image::{Image, ImageConfig};
use crate::measure::Measure;
use crate::pack::{Pair, pull_bytes};
use crate::progress::{Progress, Stage, Stoppable, advanced, check};
use crate::rootfs::{SparseFiles, Tree};
use crate::store::{Layer, Store};

/// How much of the delta is written at a time.
const BUFFER: usize = 256 << 10;
/// Bytes of memory that an inode takes in a tree, its name included.
const INODE_BYTES: u64 = 128;
/// Bytes of memory that a name of the target takes in a plan, and in a list that is read back.
const NAME_BYTES: u64 = 128;

/// The parts that a delta is made of: uncompressed layer tars from the bottom up, and the target's config.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The image that devices have.
    pub base: &'a [&'a [u8]],
    /// The image that they are to get.
    pub target: &'a [&'a [u8]],
    /// The target's config.
    pub config: &'a ImageConfig,
}

/// Makes the v2 delta that turns `base` into `target`, and writes it to `out`, an empty file open
/// for reading and writing. Layers that `store` does not have are fetched into it. The same two
/// images and options give the same bytes everywhere.
///
/// # Errors
/// If a layer cannot be fetched or stored, or is damaged in the store; otherwise the same as those
/// of [`create_from_layers`]. The content of `out` is then of no use.
pub fn create(
    base: &Image,
    target: &Image,
    store: &Store,
    options: &CreateOptions,
    out: &File,
    progress: &dyn Progress,
) -> Result<DeltaReport, V2Error> {
    let measure = Measure::start(progress);
    let pair = Pair::load(base, target, store, progress)?;
    pair.check_memory(options.memory, 0)?;
    let Pair { base_layers, target_layers, .. } = pair;
    // A layer of both is loaded once, so that equal files are known by their address.
    let base_slices: Vec<&[u8]> = base_layers.iter().map(|layer| &layer[..]).collect();
    let target_slices: Vec<&[u8]> = target_layers.iter().map(|layer| &layer[..]).collect();
    let layers = Layers { base: &base_slices, target: &target_slices, config: target.config() };
    let check = || match options.verify {
        true => refuse_damaged(&base_layers, &target_layers, progress),
        false => Ok(()),
    };
    let make = || create_from_layers(&layers, options, out, progress);
    let (intact, sizes) = rayon::join(check, make);
    // Damage comes first: whatever else went wrong may come from it.
    intact?;
    let sizes = sizes?;
    let pulled = pull_bytes(base, target);
    Ok(DeltaReport::new(base.id(), target.id(), pulled, sizes, &measure))
}

/// Refuses layers of the store that are not what they were when they came in. The proof that follows
/// reads the same bytes and cannot notice: a device would get a wrong file, or none at all.
fn refuse_damaged(
    base: &[Layer],
    target: &[Layer],
    progress: &dyn Progress,
) -> Result<(), V2Error> {
    let mut seen = HashSet::new();
    let sided = [("base", base), ("target", target)];
    let numbered = sided.into_iter().flat_map(|(side, layers)| {
        layers.iter().enumerate().map(move |(index, layer)| (side, index + 1, layer))
    });
    let distinct: Vec<_> = numbered.filter(|(.., layer)| seen.insert(layer.diff_id())).collect();
    let refuse = |(side, number, layer): (&'static str, usize, &Layer)| {
        let diff_id = layer.diff_id();
        match layer.is_intact(progress)? {
            true => Ok(()),
            false => Err(V2Error::DamagedLayer { side, layer: number, diff_id }),
        }
    };
    distinct.into_par_iter().try_for_each(refuse)
}

/// Makes a v2 delta from layers that are at hand; otherwise the same as [`create`].
///
/// # Errors
/// If an image's layers are no valid file tree, rsync cannot make the target from the base, memory does
/// not suffice, `out` fails, `progress` stops the work or the delta does not pass its check.
pub fn create_from_layers(
    layers: &Layers<'_>,
    options: &CreateOptions,
    mut out: &File,
    progress: &dyn Progress,
) -> Result<Sizes, V2Error> {
    let metadata = metadata(layers.config.runtime())?;
    let (base_sparse, target_sparse) = both(
        || SparseFiles::of_layers(layers.base).map_err(V2Error::layers("base")),
        || SparseFiles::of_layers(layers.target).map_err(V2Error::layers("target")),
    )?;
    refuse_many(base_sparse.entry_count(), target_sparse.entry_count(), options)?;
    let (base, target) = both(
        || Tree::from_layers(layers.base, &base_sparse).map_err(V2Error::layers("base")),
        || Tree::from_layers(layers.target, &target_sparse).map_err(V2Error::layers("target")),
    )?;
    // There may be more inodes than entries: folders that no entry makes.
    refuse_many(base.inode_count(), target.inode_count(), options)?;
    check(progress)?;
    let (sizes, target_bytes) = write(&base, &target, &metadata, options, out, progress)?;
    check(progress)?;
    if options.verify {
        progress.expect(Stage::Verify, target_bytes);
        out.rewind().map_err(V2Error::Output)?;
        let advance = |bytes| progress.advance(Stage::Verify, bytes);
        verify::verify(out, base, &target, &advance)
            .map_err(|error| V2Error::Unverified(Box::new(error)))?;
    }
    Ok(sizes)
}

/// Refuses images that have more names than fit into the half of the memory that is for them.
fn refuse_many(base: usize, target: usize, options: &CreateOptions) -> Result<(), V2Error> {
    let (base_names, target_names, allowed) = (base, target, options.memory);
    let bytes = 2 * names_memory(base, target);
    // A little more, for folders that no entry makes: they are counted later.
    let needed = (bytes + bytes / 8).next_multiple_of(1 << 20);
    match bytes > allowed {
        true => Err(V2Error::Memory { base_names, target_names, needed, allowed }),
        false => Ok(()),
    }
}

/// Returns what the names of a base and of a target with so many take of memory, in bytes.
pub(crate) fn names_memory(base: usize, target: usize) -> u64 {
    INODE_BYTES * (base + target) as u64 + NAME_BYTES * target as u64
}

/// Does two things at once. If both fail, the first one's error counts.
fn both<A: Send, B: Send>(
    first: impl FnOnce() -> Result<A, V2Error> + Send,
    second: impl FnOnce() -> Result<B, V2Error> + Send,
) -> Result<(A, B), V2Error> {
    let (first, second) = rayon::join(first, second);
    Ok((first?, second?))
}

/// Plans and writes the delta; gives its sizes, and how many bytes of files it makes.
fn write(
    base: &Tree<'_>,
    target: &Tree<'_>,
    metadata: &[u8],
    options: &CreateOptions,
    out: &File,
    progress: &dyn Progress,
) -> Result<(Sizes, u64), V2Error> {
    let plan = Plan::new(base, target, options)?;
    note_attributes(&plan, progress);
    let target_bytes = plan.target_bytes();
    progress.expect(Stage::Encode, target_bytes);
    let mut out = BufWriter::with_capacity(BUFFER, Stoppable::new(out, progress));
    let advance = |bytes| advanced(progress, Stage::Encode, bytes);
    let sizes = write_delta(metadata, &plan, &matching(options), &mut out, &advance)
        .and_then(|sizes| out.flush().map(|()| sizes));
    Ok((sizes.map_err(V2Error::of_write)?, target_bytes))
}

/// Extended attributes cannot be sent: a file that is written anew on the device has none.
fn note_attributes(plan: &Plan<'_, '_>, progress: &dyn Progress) {
    if plan.xattrs > 0 {
        progress.note(&format!(
            "{} files that devices write anew have extended attributes, which a v2 delta leaves out",
            plan.xattrs
        ));
    }
}
