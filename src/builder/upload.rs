//! A project on its way in: inflated as it comes, counted, and kept in a file without a name.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::write::MultiGzDecoder;

use super::settings::ProjectSettings;

/// How a stream of gzip begins (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much smaller than its files a project may be when it is packed: texts shrink by ten or twenty.
const RATIO: u64 = 100;
/// Below this many bytes nobody counts: a file of zeros is no attack.
const RATIO_FROM: u64 = 256 << 20;

/// Why a project is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error(
        "the project has more than {0} bytes as it is sent: name what builds do not need in .dockerignore"
    )]
    Packed(u64),
    #[error("the project has more than {0} bytes: name what builds do not need in .dockerignore")]
    Unpacked(u64),
    #[error("the project unpacks to more than {RATIO} times its size: that is no project")]
    Ratio,
    #[error("the project's gzip stream is damaged: {0}")]
    Damaged(io::Error),
    #[error("the project is empty")]
    Empty,
    #[error("the builder has no room for the project: {0}")]
    NoRoom(io::Error),
}

/// A project that comes in pieces.
pub(super) struct Upload {
    limits: ProjectSettings,
    packed: u64,
    /// The first bytes, until they tell how it is packed.
    start: Vec<u8>,
    into: Option<Into>,
    file: File,
}

/// The way that the pieces take.
enum Into {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<Counted>>),
}

/// A file that takes no more than it may.
struct Counted {
    file: File,
    left: u64,
    /// Why the file took no more.
    problem: Option<Full>,
}

enum Full {
    Limit,
    Disk(io::Error),
}

impl Upload {
    /// A file in `folder` takes the project; it is gone with the process.
    pub(super) fn new(folder: &Path, limits: ProjectSettings) -> Result<Self, UploadError> {
        let file = tempfile::tempfile_in(folder).map_err(UploadError::NoRoom)?;
        Ok(Upload { limits, packed: 0, start: Vec::new(), into: None, file })
    }

    /// Takes a piece.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), UploadError> {
        self.packed += piece.len() as u64;
        if self.packed > self.limits.packed {
            return Err(UploadError::Packed(self.limits.packed));
        }
        if self.into.is_none() {
            self.start.extend_from_slice(piece);
            return match self.start.len() < GZIP.len() {
                true => Ok(()),
                false => self.begin(),
            };
        }
        self.write(piece)
    }

    fn begin(&mut self) -> Result<(), UploadError> {
        let file = self.file.try_clone().map_err(UploadError::NoRoom)?;
        let counted = Counted { file, left: self.limits.unpacked, problem: None };
        let start = std::mem::take(&mut self.start);
        self.into = Some(match start.starts_with(&GZIP) {
            true => Into::Gzip(Box::new(MultiGzDecoder::new(counted))),
            false => Into::Plain(counted),
        });
        self.write(&start)
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), UploadError> {
        let into = self.into.as_mut().expect("begun");
        let written = match into {
            Into::Plain(file) => file.write_all(piece),
            Into::Gzip(decoder) => decoder.write_all(piece),
        };
        written.map_err(|error| self.problem(error))?;
        let unpacked = self.limits.unpacked - self.counted().map_or(0, |counted| counted.left);
        match unpacked > RATIO_FROM && unpacked / RATIO > self.packed {
            true => Err(UploadError::Ratio),
            false => Ok(()),
        }
    }

    fn counted(&mut self) -> Option<&mut Counted> {
        match self.into.as_mut()? {
            Into::Plain(counted) => Some(counted),
            Into::Gzip(decoder) => Some(decoder.get_mut()),
        }
    }

    fn problem(&mut self, error: io::Error) -> UploadError {
        match self.counted().and_then(|counted| counted.problem.take()) {
            Some(Full::Limit) => UploadError::Unpacked(self.limits.unpacked),
            Some(Full::Disk(error)) => UploadError::NoRoom(error),
            None => UploadError::Damaged(error),
        }
    }

    /// The file with the whole tar.
    pub(super) fn finish(mut self) -> Result<File, UploadError> {
        if self.packed == 0 {
            return Err(UploadError::Empty);
        }
        if self.into.is_none() {
            self.begin()?;
        }
        if let Some(Into::Gzip(decoder)) = self.into.as_mut() {
            let finished = decoder.try_finish();
            finished.map_err(|error| self.problem(error))?;
        }
        Ok(self.file)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.problem = Some(Full::Limit);
            return Err(io::Error::other("the limit is reached"));
        }
        match self.file.write(bytes) {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) => {
                let told = io::Error::from(error.kind());
                self.problem = Some(Full::Disk(error));
                Err(told)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::time::Duration;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const LIMITS: ProjectSettings = ProjectSettings {
        packed: 100_000,
        unpacked: 1_000_000,
        entries: 10,
        silence: Duration::from_secs(1),
        pushes_of_a_user: 1,
    };

    fn upload(pieces: &[&[u8]]) -> Result<Vec<u8>, UploadError> {
        let folder = tempfile::tempdir().expect("folder");
        let mut upload = Upload::new(folder.path(), LIMITS)?;
        for piece in pieces {
            upload.take(piece)?;
        }
        let mut file = upload.finish()?;
        file.rewind().expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("read");
        Ok(bytes)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn plain_and_packed_projects_are_the_same_in_any_pieces() {
        let tar = b"a tar of some kind".repeat(100);
        let packed = gzip(&tar);
        for bytes in [&tar, &packed] {
            for size in [1, 2, 3, 1000] {
                let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
                assert_eq!(upload(&pieces).expect("taken"), tar, "{size}");
            }
        }
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(upload(&[&members]).expect("taken"), b"one two");
    }

    #[test]
    fn what_is_too_large_or_damaged_is_told_apart() {
        let bomb = gzip(&vec![0; 2_000_000]);
        assert!(matches!(upload(&[&bomb]), Err(UploadError::Unpacked(_))));
        assert!(matches!(upload(&[&[1; 100_001]]), Err(UploadError::Packed(_))));
        assert!(matches!(upload(&[]), Err(UploadError::Empty)));
        let packed = gzip(&b"some text ".repeat(100));
        assert!(matches!(upload(&[&packed[..packed.len() - 9]]), Err(UploadError::Damaged(_))));
        let mut flipped = packed.clone();
        flipped[15] ^= 0x55;
        assert!(matches!(upload(&[&flipped]), Err(UploadError::Damaged(_))));
    }
}
