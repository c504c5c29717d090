//! Writing into a layout, new or existing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::folder::{INDEX, LAYOUT, LAYOUT_MARK, Layout, REF_NAME};
use super::journal;
use crate::image::error::{CREATE_IN, LOCK};
use crate::image::index_edit::edit_index;
use crate::image::transfer::{self, CopyError};
use crate::image::{Blob, Descriptor, Digest, ImageError, ManifestError};
use crate::output;
use crate::progress::{Progress, Stage};
use crate::temporary::{self, Provisional, TemporaryFile};

/// What errors call the list of the blobs that are being added.
const JOURNAL: &str = "the list of new blobs";

/// Writes `blobs`, among them the manifest or index that `top` names, and puts that under `tag`, in place of what
/// had that name. Other images of the layout stay. Where it fails, what was added is taken away again.
pub(in crate::image) fn write(
    dir: &Path,
    tag: Option<&str>,
    top: Descriptor,
    blobs: &[Blob],
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let mut writing = Writing::begin(&layout)?;
    let index = layout.index_json()?;
    let index = index_with(index.as_deref(), top, tag)
        .map_err(|source| ImageError::Manifest { reference: dir.display().to_string(), source })?;
    writing.announce(&layout, blobs)?;
    if !dir.join(LAYOUT).exists() {
        let mark = Blob::from_bytes(LAYOUT_MARK.to_vec());
        publish(&mut writing.added, &mark, &dir.join(LAYOUT), |_| ())?;
    }
    progress.expect(Stage::Push, blobs.iter().map(|blob| blob.size).sum());
    for blob in blobs {
        let path = layout.blob_path(blob.digest);
        publish(&mut writing.added, blob, &path, |n| progress.advance(Stage::Push, n))?;
    }
    // A link stays a link: what it leads to is replaced.
    let path = dir.join(INDEX);
    let path = output::resolve(&path).map_err(ImageError::file("write", &path))?;
    let file = write_file(&path, |file| file.write_all(&index).map_err(CopyError::Write))?;
    std::mem::take(&mut writing.added)
        .complete(file, &path)
        .map_err(ImageError::file("write", &path))
}

/// Finds what would keep a layout from being written to, and changes nothing.
pub(in crate::image) fn probe(dir: &Path) -> Result<(), ImageError> {
    let layout = Layout { dir: dir.to_owned() };
    let blobs = dir.join("blobs/sha256");
    let there = blobs.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let trial = TemporaryFile::new_in(there).and_then(|mut file| file.write_all(LAYOUT_MARK));
    trial.map_err(ImageError::file(CREATE_IN, there))?;
    if dir.is_dir() {
        let trial = TemporaryFile::new_in(dir).map(drop);
        trial.map_err(ImageError::file(CREATE_IN, dir))?;
        index_of(&layout)?;
    }
    Ok(())
}

/// The layout's index, if it has one, and if it is one.
fn index_of(layout: &Layout) -> Result<Option<Vec<u8>>, ImageError> {
    let index = layout.index_json()?;
    edit_index(index.as_deref(), |_| ()).map_err(|source| ImageError::Manifest {
        reference: layout.dir.display().to_string(),
        source,
    })?;
    Ok(index)
}

/// A layout while it is written to.
///
/// The order of the fields is the order in which they are dropped: what was added goes while the lock
/// still keeps out those who might count on it.
struct Writing {
    added: Provisional,
    journal: Option<TemporaryFile>,
    _lock: File,
}

impl Drop for Writing {
    /// The note goes after the blobs that it names, and before the folder that it is in.
    fn drop(&mut self) {
        self.added.discard_files();
        self.journal = None;
    }
}

impl Writing {
    /// Waits until nobody else writes into the layout, which is created where it is missing, and
    /// removes what killed writers left in it.
    fn begin(layout: &Layout) -> Result<Self, ImageError> {
        let (dir, mut added) = (&layout.dir, Provisional::default());
        let lock = loop {
            added.create_folders(dir).map_err(ImageError::file("create", dir))?;
            let lock = lock(dir)?;
            // A writer that failed may have taken the folder away again while we waited for it.
            if temporary::is_at(&lock, dir).map_err(ImageError::file("read", dir))? {
                break lock;
            }
        };
        let writing = Writing { added, journal: None, _lock: lock };
        writing.prepare(layout)
    }

    fn prepare(mut self, layout: &Layout) -> Result<Self, ImageError> {
        let blobs = layout.dir.join("blobs/sha256");
        self.added.create_folders(&blobs).map_err(ImageError::file("create", &blobs))?;
        journal::collect(layout);
        Ok(self)
    }

    /// Notes which blobs will be new, so that the next writer can remove them if this process is
    /// killed before the index names them.
    fn announce(&mut self, layout: &Layout, blobs: &[Blob]) -> Result<(), ImageError> {
        let missing = |digest: &Digest| !layout.blob_path(*digest).exists();
        let new: Vec<Digest> = blobs.iter().map(|blob| blob.digest).filter(missing).collect();
        let path = layout.dir.join(JOURNAL);
        let file = write_file(&path, |file| {
            let written = file.write_all(&journal::text(&new));
            written.and_then(|()| file.as_file().sync_all()).map_err(CopyError::Write)
        })?;
        self.journal = Some(file);
        Ok(())
    }
}

/// The bytes of an `index.json` with one more image in it, replacing the one of that name. The rest of
/// `existing` stays as it is.
pub(in crate::image) fn index_with(
    existing: Option<&[u8]>,
    mut entry: Descriptor,
    tag: Option<&str>,
) -> Result<Vec<u8>, ManifestError> {
    entry.annotations = tag.map(|tag| [(REF_NAME.to_owned(), tag.to_owned())].into());
    let entry = serde_json::to_value(entry)?;
    edit_index(existing, |manifests| {
        manifests.retain(|other| other["annotations"][REF_NAME].as_str() != tag);
        manifests.push(entry);
    })
}

/// Keeps other writers of the same layout out until it is dropped.
fn lock(dir: &Path) -> Result<File, ImageError> {
    let folder = File::open(dir).map_err(ImageError::file("open", dir))?;
    folder.lock().map_err(ImageError::file(LOCK, dir))?;
    Ok(folder)
}

/// Writes what is to be the file at `path`, beside it.
fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut TemporaryFile) -> Result<(), CopyError>,
) -> Result<TemporaryFile, ImageError> {
    let unwritable = |error| ImageError::file("write", path)(error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = TemporaryFile::new_in(folder).map_err(unwritable)?;
    fill(&mut file).map_err(|error| match error {
        CopyError::Read(error) => ImageError::from_read(error),
        CopyError::Write(error) => unwritable(error),
    })?;
    Ok(file)
}

/// Writes the blob to `path`, unless it is there already.
fn publish(
    added: &mut Provisional,
    blob: &Blob,
    path: &Path,
    mut done: impl FnMut(u64),
) -> Result<(), ImageError> {
    if holds(path, blob) {
        done(blob.size);
        return Ok(());
    }
    let file = write_file(path, |file| {
        transfer::copy(&mut blob.open().map_err(CopyError::Read)?, file, done).map(|_| ())
    })?;
    added.publish(file, path).map_err(ImageError::file("write", path))
}

/// Whether the file at `path` is the blob, whole and undamaged.
fn holds(path: &Path, blob: &Blob) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    if !metadata.is_file() || metadata.len() != blob.size {
        return false;
    }
    let there = Blob { data: crate::image::BlobData::File(path.to_owned()), ..blob.clone() };
    there.open().is_ok_and(|mut bytes| io::copy(&mut bytes, &mut io::sink()).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::image::{Digest, media_type};

    fn entry(bytes: &[u8]) -> Descriptor {
        let media_type = media_type::OCI_MANIFEST.to_owned();
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        Descriptor {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: None,
            artifact_type: None,
            platform: None,
        }
    }

    fn names(index: &[u8]) -> Vec<(String, String)> {
        let index: Value = serde_json::from_slice(index).expect("json");
        let entries = index["manifests"].as_array().expect("array");
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        entries.iter().map(|e| (text(&e["annotations"][REF_NAME]), text(&e["digest"]))).collect()
    }

    #[test]
    fn an_image_replaces_its_namesake_and_nothing_else() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| entry(bytes));
        let digest = |entry: &Descriptor| entry.digest.to_string();
        let one = index_with(None, a.clone(), Some("x")).expect("new");
        let two = index_with(Some(&one), b.clone(), None).expect("added");
        let three = index_with(Some(&two), c.clone(), Some("x")).expect("replaced");
        assert_eq!(names(&two), [("x".into(), digest(&a)), ("-".into(), digest(&b))]);
        assert_eq!(names(&three), [("-".into(), digest(&b)), ("x".into(), digest(&c))]);
    }

    #[test]
    fn what_others_wrote_into_the_index_stays() {
        let existing = br#"{"schemaVersion":2,"z":1,"manifests":[],"annotations":{"k":"v"}}"#;
        let index = index_with(Some(existing), entry(b"a"), None).expect("added");
        let index = String::from_utf8(index).expect("text");
        assert!(index.starts_with(r#"{"schemaVersion":2,"z":1,"manifests":[{"#), "{index}");
        assert!(index.ends_with(r#"],"annotations":{"k":"v"}}"#), "{index}");
        assert!(index_with(Some(b"[]"), entry(b"a"), None).is_err());
    }
}
