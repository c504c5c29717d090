//! A pair of images, laid out as every contender needs it.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use remora::image::{Digest, Image, ImageReference, Platform, TransportSettings, Transports};
use remora::progress::Silent;
use remora::store::Store;

use crate::Failure;

/// A pair of images.
pub(crate) struct Pair {
    /// The folder's name.
    pub(crate) name: String,
    /// The OCI layout of the base.
    pub(crate) old: PathBuf,
    /// The OCI layout of the target.
    pub(crate) new: PathBuf,
    /// Remora's store, holding all layers of both.
    pub(crate) store: PathBuf,
    /// All layers of the base, uncompressed, one after another.
    pub(crate) base: PathBuf,
    /// The same, each in a file of its own.
    base_layers: Vec<PathBuf>,
    /// Layers that the target has from the base, from the bottom.
    shared: usize,
    /// The target's layers that the base does not have at their place, uncompressed.
    pub(crate) changed: Vec<PathBuf>,
    /// The same, one after another.
    pub(crate) target: PathBuf,
    /// What a device without deltas fetches: the compressed size of those layers.
    pub(crate) pull_bytes: u64,
    /// The digest of the target's config.
    pub(crate) target_id: String,
}

impl Pair {
    /// Reads the layouts `old` and `new` in `folder` and lays their layers out in `output`.
    pub(crate) fn prepare(folder: &Path, name: &str, output: &Path) -> Result<Pair, Failure> {
        let laid_out = output.join("layers").join(name);
        std::fs::create_dir_all(&laid_out)?;
        let (old, new) = (folder.join("old").canonicalize()?, folder.join("new").canonicalize()?);
        let (base_image, target_image) = (open(&old)?, open(&new)?);
        let store = output.join("store");
        let layers = Layers { store: Store::open(&store)? };

        let base = laid_out.join("base");
        layers.write(&base_image, 0..base_image.layer_count(), &base)?;
        let mut base_layers = Vec::new();
        for index in 0..base_image.layer_count() {
            base_layers.push(laid_out.join(format!("base-{index}")));
            layers.write(&base_image, index..index + 1, &base_layers[index])?;
        }
        let shared = shared_layers(&base_image, &target_image)?;
        let fresh = shared..target_image.layer_count();
        let target = laid_out.join("target");
        layers.write(&target_image, fresh.clone(), &target)?;
        let mut changed = Vec::new();
        for index in fresh.clone() {
            changed.push(laid_out.join(format!("layer-{index}")));
            layers.write(&target_image, index..index + 1, &changed[index - shared])?;
        }
        let pull_bytes = fresh.filter_map(|index| target_image.pull_size(index)).sum();
        let target_id = target_image.id().to_string();
        let store = store.canonicalize()?;
        Ok(Pair {
            name: name.to_owned(),
            old,
            new,
            store,
            base,
            base_layers,
            shared,
            changed,
            target,
            pull_bytes,
            target_id,
        })
    }
}

impl Pair {
    /// The base's layer at the place of changed layer number `index`, or the last.
    pub(crate) fn base_of(&self, index: usize) -> &Path {
        &self.base_layers[(self.shared + index).min(self.base_layers.len() - 1)]
    }
}

fn open(layout: &Path) -> Result<Image, Failure> {
    let reference = ImageReference::OciLayout { dir: layout.to_owned(), name: None };
    let transports = Transports::new(TransportSettings::default())?;
    Ok(transports.open(&reference, &Platform::host())?)
}

/// How many layers from the bottom the two images have in common.
fn shared_layers(base: &Image, target: &Image) -> Result<usize, Failure> {
    let both = base.diff_ids()?.iter().zip(target.diff_ids()?);
    Ok(both.take_while(|(base, target)| base == target).count())
}

struct Layers {
    store: Store,
}

impl Layers {
    /// Writes these layers of `image`, uncompressed and one after another, to `path`.
    fn write(
        &self,
        image: &Image,
        layers: std::ops::Range<usize>,
        path: &Path,
    ) -> Result<(), Failure> {
        let mut file = File::create(path)?;
        for index in layers {
            file.write_all(&self.store.ensure_layer(image, index, &Silent)?)?;
        }
        Ok(())
    }
}

/// Fails unless two files have the same content.
pub(crate) fn compare(made: &Path, wanted: &Path) -> Result<(), Failure> {
    let digest = |path: &Path| -> Result<Digest, Failure> {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        std::io::copy(&mut File::open(path)?, &mut HashWriter(&mut hasher))?;
        Ok(Digest::from_hasher(hasher))
    };
    match digest(made)? == digest(wanted)? {
        true => Ok(()),
        false => Err("the result is not the target".into()),
    }
}

struct HashWriter<'a>(&'a mut sha2::Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        sha2::Digest::update(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
