//! An image whose layers are in the store, made ready to be written elsewhere.

use std::io;

use rayon::prelude::*;

use super::blob::{BlobId, Hashed};
use super::layer_file::LayerFile;
use super::manifest::{ManifestKind, image_manifest};
use super::packed_image::PackedImage;
use crate::image::{Blob, BlobData, Descriptor, DiffId, Image, ImageContents};
use crate::space::check_space;
use crate::store::{KeptLayer, Store, StoreError, Workspace};
use crate::temporary::TemporaryPath;

/// Makes the image `image`, whose layers are `layers`, ready to be written: as plain tars, for as long as `layers`
/// live, or compressed into temporary files. The image's own compressed layers have gone, and its manifest with them;
/// its config, and so its ID, are the same.
///
/// # Errors
/// [`StoreError::Damaged`] if a layer is not what it was when it came in; also if the files cannot be written.
pub(crate) fn pack_stored(
    image: &Image,
    layers: &[KeptLayer],
    kind: ManifestKind,
    plain: bool,
    store: &Store,
) -> Result<PackedImage, StoreError> {
    let scratch = store.scratch()?;
    let written = |source: io::Error| StoreError::Io {
        action: "write into",
        path: store.path().to_owned(),
        source,
    };
    let packed: Vec<Packed> = match plain {
        // Whoever writes compares with the digest, which is the diff ID.
        true => layers
            .iter()
            .enumerate()
            .map(|(index, layer)| as_it_is(image, index, layer, kind))
            .collect(),
        false => {
            let bytes = layers.iter().map(|layer| layer.size() / LEAST_GAIN).sum();
            check_space(store.path(), bytes).map_err(written)?;
            let packed = layers.par_iter().map(|layer| {
                let (packed, diff_id) = compressed(layer, kind, &scratch).map_err(written)?;
                layer.expect(diff_id)?;
                Ok(packed)
            });
            packed.collect::<Result<_, StoreError>>()?
        }
    };
    let config = image.config().bytes().to_vec();
    let descriptors = packed.iter().map(|layer| layer.descriptor.clone()).collect();
    let contents = ImageContents {
        manifest: image_manifest(kind, BlobId::of(&config), descriptors),
        manifest_media_type: kind.media_type().to_owned(),
        config,
        layers: packed.iter().map(|layer| layer.blob.clone()).collect(),
        mount_from: Vec::new(),
    };
    let files = packed.into_iter().filter_map(|layer| layer.file).collect();
    Ok(PackedImage::new(contents, files, scratch))
}

/// How many times smaller layers get at most, as a rule: what is checked before is a lower bound.
const LEAST_GAIN: u64 = 4;

/// A layer that is ready to be written.
struct Packed {
    blob: Blob,
    descriptor: Descriptor,
    file: Option<TemporaryPath>,
}

fn as_it_is(image: &Image, index: usize, layer: &KeptLayer, kind: ManifestKind) -> Packed {
    let id = BlobId { digest: layer.diff_id().0, size: layer.size() };
    let data = BlobData::Stored(image.stored_layer(index));
    let blob = Blob { digest: id.digest, size: id.size, data };
    Packed { blob, descriptor: kind.layer(id, false), file: None }
}

/// The layer in a file, and what its bytes hash to: the store may have been damaged.
fn compressed(
    layer: &KeptLayer,
    kind: ManifestKind,
    scratch: &Workspace,
) -> io::Result<(Packed, DiffId)> {
    let file = scratch.new_file().map_err(io::Error::other)?;
    let mut out = Hashed::new(LayerFile::new(file, false));
    layer.write(0, layer.size(), &mut out)?;
    let (out, read) = out.finish();
    let Some((file, id)) = out.finish()? else { unreachable!("it is written to a file") };
    let file = file.close();
    let data = BlobData::File(file.path().to_owned());
    let blob = Blob { digest: id.digest, size: id.size, data };
    let packed = Packed { blob, descriptor: kind.layer(id, true), file: Some(file) };
    Ok((packed, DiffId(read.digest)))
}
