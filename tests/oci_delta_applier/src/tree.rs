//! The files of the base, unpacked: as strict with paths as the strictest host.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use oci_delta::DeltaDataSource;

/// Whoever applies a delta without being root reads what everybody may read.
const READABLE_BY_ALL: u32 = 0o004;

pub struct Tree {
    root: PathBuf,
    file: Option<File>,
}

impl Tree {
    pub fn of(root: &Path) -> Self {
        Tree { root: root.to_owned(), file: None }
    }

    fn file(&mut self) -> Result<&mut File> {
        self.file.as_mut().context("no file is open")
    }

    /// The file at `path`, no component of which is a link: some hosts follow links, and others do not.
    fn open(&self, path: &str) -> Result<File> {
        let mut at = self.root.clone();
        for component in Path::new(path).components() {
            ensure!(matches!(component, Component::Normal(_)), "the path is not plain");
            at.push(component);
            ensure!(!fs::symlink_metadata(&at)?.is_symlink(), "a link is on the way");
        }
        let metadata = fs::metadata(&at)?;
        ensure!(metadata.is_file(), "it is no regular file");
        ensure!(metadata.permissions().mode() & READABLE_BY_ALL != 0, "not everybody may read it");
        Ok(OpenOptions::new().read(true).open(&at)?)
    }
}

impl DeltaDataSource for Tree {
    fn set_current_file(&mut self, path: &str) -> Result<()> {
        self.file = Some(self.open(path).with_context(|| format!("opening {path:?} of the base"))?);
        Ok(())
    }

    fn read_exact_current(&mut self, buffer: &mut [u8]) -> Result<()> {
        Ok(self.file()?.read_exact(buffer)?)
    }

    fn seek_current(&mut self, offset: u64) -> Result<u64> {
        Ok(self.file()?.seek(SeekFrom::Start(offset))?)
    }

    fn read_current_to_end(&mut self, max_size: u64) -> Result<Vec<u8>> {
        let file = self.file()?;
        ensure!(file.metadata()?.len() <= max_size, "the file is too large for a dictionary");
        file.seek(SeekFrom::Start(0))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(content)
    }

    fn copy_to(&mut self, to: &mut dyn Write, size: u64) -> Result<()> {
        let copied = io::copy(&mut self.file()?.take(size), to)?;
        ensure!(copied == size, "the file has {copied} bytes more, not {size}");
        Ok(())
    }
}
