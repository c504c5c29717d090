//! The entries of one layer, as far as a tree has room for them.

use super::error::{Problem, RootfsError, shown};
use super::extras::Extras;
use super::layer_bytes::LayerBytes;
use super::sparse_files::SparseFiles;
use super::tree::{Attributes, Device};
use crate::tar::{self, EntryType, TarProblem};

/// Overlay's own mark on a directory that hides what lower layers have below it.
const OPAQUE: (&[u8], &[u8]) = (b"trusted.overlay.opaque", b"y");

/// One entry of a layer.
#[derive(Debug)]
pub(super) struct LayerEntry<'a, C> {
    /// Byte offset of the entry's first header in the layer.
    pub(super) offset: u64,
    /// The name, in parts to be joined with slashes.
    pub(super) path: [&'a [u8]; 2],
    pub(super) body: Body<'a, C>,
    pub(super) attributes: Attributes,
    /// Overlay's own mark: what lies below this directory is hidden.
    pub(super) opaque: bool,
    /// Other extended attributes, and the holes of a file that is kept as it is stored.
    pub(super) extras: Extras<'a>,
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a, C> {
    Directory,
    File(C),
    Symlink(&'a [u8]),
    HardLink(&'a [u8]),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
}

/// The entries of layer number `layer`, counted from 1, in order. After an error there are no more.
pub(super) fn entries<'a, A: LayerBytes<'a>>(
    layer: usize,
    tar: A,
    sparse: &'a SparseFiles,
) -> impl Iterator<Item = Result<LayerEntry<'a, A::Content>, RootfsError>> {
    tar::Entries::of(tar).map(move |entry| {
        let entry = entry.map_err(|error| RootfsError::of_tar(layer, error))?;
        let offset = entry.start;
        convert(layer, tar, sparse, entry).map_err(|problem| RootfsError { layer, offset, problem })
    })
}

fn convert<'a, A: LayerBytes<'a>>(
    layer: usize,
    tar: A,
    sparse: &'a SparseFiles,
    entry: tar::Entry<'a>,
) -> Result<LayerEntry<'a, A::Content>, Problem> {
    let path = entry.name.parts();
    let body = match entry.entry_type {
        EntryType::Regular => {
            let laid_out = entry.sparse.as_ref().and_then(|_| sparse.content(layer, entry.start));
            Body::File(match laid_out {
                Some(content) => A::laid_out(content),
                None => tar.content(entry.content.clone()),
            })
        }
        EntryType::HardLink => Body::HardLink(entry.link_name),
        EntryType::Symlink => Body::Symlink(entry.link_name),
        EntryType::CharDevice => Body::CharDevice(device(&entry)?),
        EntryType::BlockDevice => Body::BlockDevice(device(&entry)?),
        EntryType::Directory => Body::Directory,
        EntryType::Fifo => Body::Fifo,
        EntryType::Contiguous => return Err(unknown(path, b'7')),
        EntryType::Other(flag) => return Err(unknown(path, flag)),
    };
    let attributes = attributes(&entry)?;
    let opaque = entry.xattrs().contains(&OPAQUE);
    let xattrs = entry.xattrs().iter().copied().filter(|&(name, _)| name != OPAQUE.0).collect();
    let extras = Extras::new(xattrs, sparse.holes(layer, entry.start));
    Ok(LayerEntry { offset: entry.start, path, body, attributes, opaque, extras })
}

fn unknown(path: [&[u8]; 2], flag: u8) -> Problem {
    Problem::UnknownType { path: shown(path[1]), flag: char::from(flag) }
}

fn attributes(entry: &tar::Entry<'_>) -> Result<Attributes, Problem> {
    let id = |value: i64, what| u32::try_from(value).map_err(|_| TarProblem::Number(what));
    Ok(Attributes {
        mode: (entry.mode()? & 0o7777) as u16,
        uid: id(entry.uid()?, "uid")?,
        gid: id(entry.gid()?, "gid")?,
        mtime: entry.mtime()?,
    })
}

/// Linux has 12 bits for major and 20 bits for minor device numbers.
fn device(entry: &tar::Entry<'_>) -> Result<Device, Problem> {
    let (major, minor) = entry.device()?;
    let within =
        |value: i64, bits: u32| u32::try_from(value).ok().filter(|value| value >> bits == 0);
    within(major, 12)
        .zip(within(minor, 20))
        .map(|(major, minor)| Device { major, minor })
        .ok_or(Problem::Tar(TarProblem::Number("device number")))
}
