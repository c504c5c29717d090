//! Writing a docker archive.

use std::collections::HashSet;
use std::io::Write;

use serde::Serialize;

use crate::image::archive_output::write_archive;
use crate::image::tar_writer::TarWriter;
use crate::image::transfer::CopyError;
use crate::image::{
    ArchivedImage, Blob, Digest, ImageContents, ImageError, ImageReference, RegistryReference,
};
use crate::output::Output;
use crate::progress::{Progress, Stage};

/// An entry of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Writes the image as the archive's only one. The index comes last, so that an archive that was cut
/// short on its way through a pipe is refused by whoever reads it.
pub(crate) fn write(
    reference: &ImageReference,
    output: Output,
    image: Option<&ArchivedImage>,
    contents: &ImageContents,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let names = repo_tags(reference, image)?;
    write_archive(output, &contents.layers, |output| fill(names, contents, output, progress))
}

/// Writes the archive of the image, which gets these names, to `output`.
pub(crate) fn fill(
    names: Vec<String>,
    contents: &ImageContents,
    output: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<(), CopyError> {
    let config = Blob::from_bytes(contents.config.clone());
    let config_name = format!("{}.json", config.digest.hex());
    let index = serde_json::to_vec(&[WrittenImage {
        config: config_name.clone(),
        repo_tags: names,
        layers: contents.layers.iter().map(|layer| layer_name(layer.digest)).collect(),
    }]);
    let defect = |error: serde_json::Error| ImageError::contents(error.to_string()).into();
    let index = index.map_err(|error| CopyError::Read(defect(error)))?;
    progress.expect(Stage::Push, contents.layers.iter().map(|layer| layer.size).sum());
    let done = |bytes| progress.advance(Stage::Push, bytes);
    let mut tar = TarWriter::new(output);
    let mut written = HashSet::new();
    for layer in &contents.layers {
        if written.insert(layer.digest) {
            let mut bytes = layer.open().map_err(CopyError::Read)?;
            tar.add(&layer_name(layer.digest), layer.size, &mut bytes, done)?;
        } else {
            done(layer.size);
        }
    }
    tar.add(&config_name, config.size, &mut contents.config.as_slice(), |_| ())?;
    tar.add("manifest.json", index.len() as u64, &mut index.as_slice(), |_| ())?;
    tar.finish()
}

fn layer_name(digest: Digest) -> String {
    format!("{}.tar", digest.hex())
}

/// The name that `docker load` gives the image.
pub(crate) fn repo_tags(
    reference: &ImageReference,
    image: Option<&ArchivedImage>,
) -> Result<Vec<String>, ImageError> {
    let unsuitable =
        |reason: String| ImageError::Unsuitable { reference: reference.to_string(), reason };
    match image {
        None => Ok(Vec::new()),
        Some(ArchivedImage::Nth(_)) => {
            Err(unsuitable("an archive is written with one image, by its name".to_owned()))
        }
        Some(ArchivedImage::Named(name)) => {
            let parsed: RegistryReference = name.parse()?;
            match (parsed.tag(), parsed.digest()) {
                (Some(tag), None) if name.ends_with(&format!(":{tag}")) => Ok(vec![name.clone()]),
                (Some(tag), None) => Ok(vec![format!("{name}:{tag}")]),
                _ => Err(unsuitable(
                    "an archive's image is named by a tag, not by a digest".to_owned(),
                )),
            }
        }
    }
}
