//! Making an artifact.

use std::fs::File;
use std::io;

use super::assemble::{MadeLayer, Parts};
use super::form::Form;
use super::part::Part;
use super::rebuild::{layer_delta, tar_diff};
use super::signatures;
use super::write_layer::{Found, OldBase, diff_id_of_blob, smaller_whole, stats};
use super::{ArtifactError, CreateOptions, LayerDeltaError, OldTree};
use crate::chunked::{self, opening_cost, program_cost};
use crate::delta::{Cover, Covers, Opening, covers_by_names, open_archives};
use crate::dialect::Dialect;
use crate::image::{Blob, BlobData, DiffId, Image, ImageContents};
use crate::measure::Measure;
use crate::memory::MemoryError;
use crate::pack::{DeltaReport, Failures, Hashed, PackedImage, Pair, Source};
use crate::progress::{Progress, Reported, Stage, Stoppable, advanced, check};
use crate::references::Program;
use crate::rootfs::{RootfsError, SparseFiles};
use crate::store::{Store, Workspace, verify_layers};
use crate::tar_diff;

/// A delta that has been made. Its blobs are temporary files that go when it is dropped.
#[derive(Debug)]
pub struct Delta {
    artifact: PackedImage,
    report: DeltaReport,
}

impl Delta {
    /// The artifact, ready to be written.
    pub fn contents(&self) -> &ImageContents {
        self.artifact.contents()
    }

    /// Returns the report on what it is made of.
    pub fn report(&self) -> &DeltaReport {
        &self.report
    }
}

/// Makes the delta that turns `base` into `target`. Layers that `store` does not have are fetched into it. The same two
/// images and options give the same bytes everywhere.
///
/// # Errors
/// If a layer cannot be fetched or stored, the dialect has no delta for these images, blobs cannot be written, `progress`
/// stops the work or the delta does not pass its check. Nothing is left behind.
pub fn create(
    base: &Image,
    target: &Image,
    store: &Store,
    options: &CreateOptions,
    progress: &dyn Progress,
) -> Result<Delta, ArtifactError> {
    let dialect = options.dialect;
    let form = Form::of(dialect).ok_or(ArtifactError::OtherDialect(dialect))?;
    let no_manifest = || ArtifactError::NoManifest { reference: target.reference().to_string() };
    let names = form.layer_names(target).ok_or_else(no_manifest)?;
    let signatures = &signatures::blobs(form, &options.signatures)?;
    let measure = Measure::start(progress);
    let pair = Pair::load(base, target, store, progress)?;
    pair.check_memory(options.encoding.memory, 0)?;
    let scratch = store.scratch()?;
    check(progress)?;
    let old_layers: Vec<&[u8]> = pair.base_layers.iter().map(|layer| &layer[..]).collect();
    // Not the image is to blame if its bytes are not what they were.
    let no_tree = |error: RootfsError| {
        verify_layers(&pair.base_layers).map_or_else(ArtifactError::from, |()| error.into())
    };
    let sparse;
    let tree = match dialect {
        Dialect::OciDelta => {
            sparse = SparseFiles::of_layers(&old_layers).map_err(no_tree)?;
            Some(OldTree::new(&old_layers, &sparse).map_err(no_tree)?)
        }
        _ => None,
    };
    let sources = tree.as_ref().map(|tree| tree.sources(options.sources));
    let old = old_base(&pair, sources.as_deref());
    let tree = tree.as_ref();
    let work = Work { form, pair: &pair, names, old, tree, scratch: &scratch, options, progress };
    let layers = work.make_layers()?;
    let blobs = layers.iter().map(|layer| layer.blob.size).sum();
    pair.check_usable(blobs, &store.limits()).map_err(ArtifactError::TooLarge)?;
    let parts = Parts { form, pair: &pair, names: &work.names, signatures };
    let (contents, report, files) = parts.pack(layers, &measure);
    Ok(Delta { artifact: PackedImage::new(contents, files, scratch), report })
}

/// The base as covers are counted in: its tars, or the files `sources` of it.
fn old_base<'a>(pair: &'a Pair<'_>, sources: Option<&'a [(Vec<u8>, &'a [u8])]>) -> OldBase<'a> {
    let Some(sources) = sources else {
        return OldBase::Stream(pair.base_stream().keeping(pair.kept()));
    };
    let files: Vec<(&[u8], &[u8])> =
        sources.iter().map(|(path, content)| (&path[..], *content)).collect();
    let paths = files.iter().map(|(path, _)| *path).collect();
    OldBase::Files(crate::delta::Base::of_files(&files), paths)
}

/// Everything that making the layers takes.
struct Work<'a> {
    form: &'static Form,
    pair: &'a Pair<'a>,
    /// What the dialect calls the target's layers.
    names: Vec<String>,
    old: OldBase<'a>,
    tree: Option<&'a OldTree<'a>>,
    scratch: &'a Workspace,
    options: &'a CreateOptions,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Makes one layer after another, and verifies those that are made meanwhile.
    fn make_layers(&self) -> Result<Vec<MadeLayer>, ArtifactError> {
        let found = self.covers()?;
        let failures = &Failures::<ArtifactError>::default();
        let mut layers = Vec::with_capacity(found.len());
        rayon::scope(|scope| {
            if self.options.verify {
                for layer in &self.pair.base_layers {
                    scope.spawn(move |_| failures.note(layer.verify_loaded().map_err(Into::into)));
                }
            }
            for (index, found) in found {
                check(self.progress)?;
                let layer = self.make_layer(index, &found)?;
                let len = self.pair.target_layers[index].len() as u64;
                self.progress.advance(Stage::Encode, len);
                if self.options.verify {
                    let (part, data) = (layer.part, layer.blob.data.clone());
                    let verify = move || failures.note(self.verify(index, part, &data));
                    match self.tree {
                        // The reader's window takes memory that the next layer's coder counts on.
                        Some(_) => verify(),
                        None => scope.spawn(move |_| verify()),
                    }
                }
                layers.push(layer);
            }
            Ok::<_, ArtifactError>(())
        })?;
        let all_layers = || self.pair.base_layers.iter().chain(&self.pair.target_layers);
        failures.first().map_err(|error| error.of_proof(|| verify_layers(all_layers())))?;
        Ok(layers)
    }

    /// The numbers of the layers that the base does not have, each name once.
    fn wanted(&self) -> Vec<usize> {
        let is_new = |&index: &usize| {
            self.pair.sources[index] == Source::Search
                && !self.names[..index].contains(&self.names[index])
        };
        (0..self.names.len()).filter(is_new).collect()
    }

    /// The covers of all layers that the delta is to bring. Indexes are gone before coders take memory.
    fn covers(&self) -> Result<Vec<(usize, Found)>, ArtifactError> {
        let wanted = self.wanted();
        let layers: Vec<&[u8]> =
            wanted.iter().map(|&index| &self.pair.target_layers[index][..]).collect();
        let bytes = layers.iter().map(|layer| layer.len() as u64).sum();
        self.progress.expect(Stage::Index, bytes);
        // Covers are found, and then coded.
        self.progress.expect(Stage::Encode, 2 * bytes);
        if self.options.verify {
            self.progress.expect(Stage::Verify, bytes);
        }
        let prices = match self.form.dialect {
            Dialect::OciDelta => tar_diff::PRICES,
            _ => chunked::PRICES,
        };
        let search = self.options.encoding.search();
        let indexed = |bytes| advanced(self.progress, Stage::Index, bytes);
        let covers = Covers::new(self.old.bytes(), &layers, prices, &search, &indexed);
        let covers = covers.map_err(MemoryError::from)?;
        let covers = if self.has_names() { covers.coarse_in_programs(&search) } else { covers };
        let chosen = |bytes| advanced(self.progress, Stage::Encode, bytes);
        let of_layer = |(number, index): (usize, usize)| {
            check(self.progress)?;
            Ok((index, covers.of_target(number, &chosen).map_err(MemoryError::from)?))
        };
        let found: Result<Vec<_>, ArtifactError> =
            wanted.into_iter().enumerate().map(of_layer).collect();
        drop(covers);
        let looked_into = |(index, covers)| {
            let covers = self.by_names(index, covers)?;
            let opening = self.opening(index, &covers)?;
            Ok((index, Found { covers, opening }))
        };
        found?.into_iter().map(looked_into).collect()
    }

    /// Whether readers of the dialect understand what references of programs name.
    fn has_names(&self) -> bool {
        self.form.dialect == Dialect::Remora
    }

    /// Chooses the `covers` of programs in layer number `index` again, where references of programs are understood.
    fn by_names(&self, index: usize, covers: Vec<Cover>) -> Result<Vec<Cover>, ArtifactError> {
        if !self.has_names() {
            return Ok(covers);
        }
        check(self.progress)?;
        let (base, layer) = (self.old.bytes(), &self.pair.target_layers[index][..]);
        let search = self.options.encoding.search();
        let cost = |covers: &[Cover], program: &Program| program_cost(base, layer, covers, program);
        let go_on = |_| !self.progress.cancelled();
        let chosen = covers_by_names(base, layer, covers, chunked::PRICES, &search, &cost, &go_on);
        Ok(chosen.map_err(MemoryError::from)?)
    }

    /// Opens archives in layer number `index`, where that is cheaper than its `covers`.
    fn opening(&self, index: usize, covers: &[Cover]) -> Result<Opening, ArtifactError> {
        if self.form.dialect != Dialect::Remora {
            return Ok(Opening::default());
        }
        check(self.progress)?;
        let (base, layer) = (self.old.bytes(), &self.pair.target_layers[index][..]);
        let search = self.options.encoding.search();
        let cost = |opening: &Opening, range| opening_cost(base, layer, covers, opening, range);
        let go_on = |_| !self.progress.cancelled();
        let opened = open_archives(base, layer, covers, chunked::PRICES, &search, &cost, &go_on);
        Ok(opened.map_err(MemoryError::from)?)
    }

    fn make_layer(&self, index: usize, found: &Found) -> Result<MadeLayer, ArtifactError> {
        let layer = &self.pair.target_layers[index];
        let encoding = &self.options.encoding;
        let (file, id) = self.old.write(layer, found, encoding, self.scratch, self.progress)?;
        let len = layer.len() as u64;
        if let Some((blob, media_type)) = smaller_whole(self.form, self.pair.target, index, id.size)
        {
            let stats = stats(&Found::default(), len);
            return Ok(MadeLayer { index, part: Part::Whole, blob, media_type, stats, file: None });
        }
        let data = BlobData::File(file.path().to_owned());
        let blob = Blob { digest: id.digest, size: id.size, data };
        let (part, media_type) = (Part::Delta, self.form.layer_delta);
        Ok(MadeLayer { index, part, blob, media_type, stats: stats(found, len), file: Some(file) })
    }

    /// Checks that what makes layer number `index` makes it.
    fn verify(&self, index: usize, part: Part, data: &BlobData) -> Result<(), ArtifactError> {
        let expected = self.pair.target_layers[index].diff_id();
        let here = || ArtifactError::layer(index);
        let actual = match (part, data) {
            (Part::Delta, BlobData::File(path)) => {
                let blob = File::open(path).map_err(LayerDeltaError::of_read).map_err(here())?;
                self.rebuilt(index, blob).map_err(here())?
            }
            _ => diff_id_of_blob(self.pair.target, index, self.progress)?,
        };
        match actual == expected {
            true => Ok(()),
            false => Err(here()(LayerDeltaError::WrongDiffId { expected, actual })),
        }
    }

    fn rebuilt(&self, index: usize, blob: File) -> Result<DiffId, LayerDeltaError> {
        let limit = self.pair.target_layers[index].len() as u64;
        let mut out = Hashed::new(Reported::new(
            Stoppable::new(io::sink(), self.progress),
            Stage::Verify,
            self.progress,
        ));
        match self.tree {
            Some(tree) => tar_diff(blob, tree, &mut out, limit)?,
            None => layer_delta(blob, self.old.bytes(), &mut out, limit)?,
        };
        Ok(DiffId(out.finish().1.digest))
    }
}
